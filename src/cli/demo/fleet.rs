//! `updraft demo fleet`: three nodes behind a forwarder under load, a good release, a bad one, and a table that shows
//! the roll. All on this machine's own address.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;

use crate::fleet::{Backend, Forwarder, Load, Mode, Order as Wish, RunningLoad, Status, ask_panel};
use crate::fsx;
use crate::platform::process::{ask_to_close, exe_name, find};
use crate::publish::{self, DeltaWish, Effort, Order};
use crate::release::Stamp;
use crate::report::{ErrorCode, Failure};
use crate::trust::sign::Lifetimes;

const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];
/// How long a part of the play may take.
const PATIENCE: Duration = Duration::from_secs(180);

fn broken(what: &str, source: &dyn std::fmt::Display) -> Failure {
    Failure { code: ErrorCode::Internal, message: format!("{what}: {source}"), hint: None }
}

fn disk(error: fsx::FsError) -> Failure {
    Failure::of(&error)
}

/// The folders and addresses of the play.
struct Scene {
    root: PathBuf,
    exe: PathBuf,
    front: SocketAddr,
    panel: SocketAddr,
    lock: SocketAddr,
    nodes: Vec<Node>,
}

struct Node {
    name: &'static str,
    address: SocketAddr,
    panel: SocketAddr,
    agent: Option<Child>,
}

impl Drop for Node {
    /// An agent that is asked ends its program, too.
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            if let Some(process) = find(agent.id()) {
                ask_to_close(process).ok();
            }
            agent.wait().ok();
        }
    }
}

fn free() -> Result<SocketAddr, Failure> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    bound.map_err(|error| broken("no address is free", &error))
}

/// Plays it in `folder`, or in a new temporary one.
///
/// # Errors
/// The first step that failed, or that a request failed.
pub(super) fn play(folder: Option<&Path>) -> Result<(), Failure> {
    let root = match folder {
        Some(folder) => folder.to_path_buf(),
        None => std::env::temp_dir().join(format!("updraft-fleet-{}", std::process::id())),
    };
    fsx::make_dirs(&root).map_err(disk)?;
    let root = fsx::canonical(&root).map_err(disk)?;
    if !fsx::list(&root).map_err(disk)?.is_empty() {
        return Err(Failure {
            code: ErrorCode::Usage,
            message: format!("the folder {} is not empty", root.display()),
            hint: Some("Give --folder a new or empty folder.".to_owned()),
        });
    }
    let exe =
        std::env::current_exe().map_err(|error| broken("can't find this program's own file", &error))?;
    let node = |name| Ok(Node { name, address: free()?, panel: free()?, agent: None });
    let nodes = NODES.into_iter().map(node).collect::<Result<_, Failure>>()?;
    let scene = Scene { root, exe, front: free()?, panel: free()?, lock: free()?, nodes };
    let queue = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let queue = queue.map_err(|error| broken("the system gives no event queue", &error))?;
    let ended = queue.block_on(scene.play());
    queue.shutdown_background();
    ended
}

impl Scene {
    async fn play(mut self) -> Result<(), Failure> {
        println!("The demonstration lives in {}.", self.root.display());
        println!("1. A vendor publishes version 1.0 of a small web server; it is installed on three nodes.");
        self.found()?;
        self.publish("1.0", "")?;
        println!("2. A lock with one slot, a forwarder at {} and three agents start.", self.front);
        tokio::spawn(lock(self.lock));
        self.start_forwarder().await?;
        for at in 0..self.nodes.len() {
            self.install(at)?;
        }
        self.wait("the nodes", None, |all| all.iter().all(|status| status.serves)).await?;
        println!(
            "3. 16 clients ask without a pause, half of them on kept connections. The vendor publishes 2.0."
        );
        let load =
            Load { address: self.front, keeping: 8, fresh: 8, pause: Duration::from_millis(5) }.begin();
        self.publish("2.0", "")?;
        let is_second =
            |all: &[Status]| all.iter().all(|status| is_at(status, "2.0") && status.phase.name() == "idle");
        self.wait("version 2.0 everywhere", Some(&load), is_second).await?;
        println!("4. The vendor publishes 3.0, whose health check fails.");
        self.publish("3.0", "sick")?;
        let has_stopped = |all: &[Status]| {
            let back = all.iter().filter(|status| status.phase.name() == "rolled-back").count();
            back == 1 && all.iter().all(|status| is_at(status, "2.0"))
        };
        self.wait("the roll to stop", Some(&load), has_stopped).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let report = load.end().await;
        println!("5. One node tried it and went back; it keeps its slot, so no other node went on.");
        for node in &self.nodes {
            // It is over; whoever went back may let go.
            ask_panel(&node.panel.to_string(), Some(Wish::Clear)).await.ok();
        }
        let (half, most, longest) = report.micros;
        println!("   {} requests answered, {} failed.", report.good, report.failed);
        println!("   Half within {half} us, 99 of 100 within {most} us, the longest {longest} us.");
        match report.failed {
            0 => Ok(()),
            _ => Err(broken("requests failed", &report.reasons.join("; "))),
        }
    }

    fn repository(&self) -> PathBuf {
        self.root.join("www").join("Node")
    }

    fn found(&self) -> Result<(), Failure> {
        let order = publish::Init {
            repository: self.repository().into(),
            app: "Node".parse().map_err(|error| broken("the name is refused", &error))?,
            keys: Some(self.root.join("keys")),
            now: Stamp::now(),
            lifetimes: Lifetimes::default(),
        };
        publish::init(&order).map(drop).map_err(|error| Failure::of(&error))
    }

    fn publish(&self, version: &str, behaviour: &str) -> Result<(), Failure> {
        let build = self.root.join("build");
        fsx::make_dirs(&build).map_err(disk)?;
        let program = build.join(exe_name("fleet_node".as_ref()));
        if !fsx::exists(&program).map_err(disk)? {
            fsx::copy(&self.exe, &program).map_err(disk)?;
        }
        fsx::write_durable(&build.join("version.txt"), version.as_bytes()).map_err(disk)?;
        fsx::write_durable(&build.join("behave.txt"), behaviour.as_bytes()).map_err(disk)?;
        let number = version.parse().map_err(|error| broken("the version is refused", &error))?;
        let mut order = Order::new(build, self.repository(), number);
        order.keys = Some(self.root.join("keys"));
        order.effort = Effort::Fast;
        order.delta = DeltaWish::None;
        order.start = Some(exe_name("fleet_node".as_ref()).to_string_lossy().into_owned());
        publish::publish(&order, &|_stage, _done, _total| {}).map(drop).map_err(|error| Failure::of(&error))
    }

    async fn start_forwarder(&self) -> Result<(), Failure> {
        let backend = |node: &Node| Backend { name: node.name.to_owned(), address: node.address };
        let backends = self.nodes.iter().map(backend).collect();
        let forwarder = Forwarder::bind(self.front, self.panel, backends, Mode::Balance, None).await;
        let forwarder = forwarder.map_err(|error| Failure::of(&error))?;
        tokio::spawn(forwarder.run(std::future::pending()));
        Ok(())
    }

    /// Lays the updater, lets it install the newest version, and starts the agent.
    fn install(&mut self, at: usize) -> Result<(), Failure> {
        let node = &self.nodes[at];
        let home = self.root.join(node.name);
        let updater = home.join("app").join("updater");
        fsx::make_dirs(&updater).map_err(disk)?;
        let program = updater.join(exe_name("updater".as_ref()));
        fsx::copy(&self.exe, &program).map_err(disk)?;
        let root = self.repository().join("metadata").join("root.json");
        fsx::copy(&root, &updater.join("root.json")).map_err(disk)?;
        let settings = serde_json::json!({"app": "Node", "sources": [self.repository()]});
        fsx::write_durable(&updater.join("updater.json"), settings.to_string().as_bytes()).map_err(disk)?;
        let mut command = Command::new(&program);
        command.args(["update", "--no-start"]).stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.status().map_err(|error| broken("the updater can't be started", &error))?;
        if !status.success() {
            return Err(broken("the updater could not install 1.0", &status));
        }
        let config = home.join("agent.toml");
        fsx::write_durable(&config, self.config(node).as_bytes()).map_err(disk)?;
        let log = fsx::create(&home.join("agent.log")).map_err(disk)?;
        let mut command = Command::new(&self.exe);
        command
            .args(["agent", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null());
        let agent = command.spawn().map_err(|error| broken("an agent can't be started", &error))?;
        self.nodes[at].agent = Some(agent);
        Ok(())
    }

    fn config(&self, node: &Node) -> String {
        let Node { name, address, panel, .. } = node;
        format!(
            "node = \"{name}\"\ninstall = \"app\"\nstate = \"state\"\n\
             [program]\nlisten = [\"{address}\"]\n\
             [check]\nevery = \"500ms\"\njitter = \"500ms\"\n\
             [lock]\nurl = \"http://{}\"\nretry = \"400ms\"\n\
             [drain]\nwait_for = \"program\"\n\
             via = {{ kind = \"switch\", url = \"http://{}\", backend = \"{name}\" }}\n\
             [probe]\nvia = {{ http = \"http://{address}/health\" }}\nevery = \"200ms\"\nwithin = \"8s\"\n\
             [panel]\nlisten = \"{panel}\"\n",
            self.lock, self.panel
        )
    }

    /// Shows how it goes until `is_done`.
    async fn wait(
        &self,
        what: &str,
        load: Option<&RunningLoad>,
        is_done: impl Fn(&[Status]) -> bool,
    ) -> Result<(), Failure> {
        let end = Instant::now() + PATIENCE;
        let mut table = Table::default();
        while Instant::now() < end {
            let mut all = Vec::new();
            for node in &self.nodes {
                if let Ok(Some(status)) = ask_panel(&node.panel.to_string(), None).await {
                    all.push(status);
                }
            }
            table.show(&all, load);
            if all.len() == self.nodes.len() && is_done(&all) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let why = format!(
            "not within {} s; see the files agent.log in {}",
            PATIENCE.as_secs(),
            self.root.display()
        );
        Err(broken(what, &why))
    }
}

fn is_at(status: &Status, version: &str) -> bool {
    status.installed.version.as_ref().is_some_and(|found| found.to_string() == version)
}

/// The table of nodes: drawn over itself in a terminal, else written anew when something has changed.
#[derive(Default)]
struct Table {
    last: Vec<String>,
}

impl Table {
    fn show(&mut self, all: &[Status], load: Option<&RunningLoad>) {
        let row = |status: &Status| {
            let version = status.installed.version.as_ref().map_or("-".to_owned(), ToString::to_string);
            let serves = if status.serves { "serves" } else { "waits" };
            format!("   {:<8} {version:<6} {serves:<7} {}", status.node, status.phase.name())
        };
        let rows: Vec<String> = all.iter().map(row).collect();
        let is_terminal = std::io::stdout().is_terminal();
        if rows == self.last && !is_terminal {
            return;
        }
        if is_terminal && !self.last.is_empty() {
            print!("\x1b[{}A", self.last.len() + usize::from(load.is_some()));
        }
        let clear = if is_terminal { "\x1b[K" } else { "" };
        rows.iter().for_each(|row| println!("{row}{clear}"));
        if let Some((good, failed)) = load.map(RunningLoad::so_far) {
            println!("   {good} requests answered, {failed} failed{clear}");
        }
        self.last = rows;
    }
}

/// The lock of the play: one slot, kept in memory. A real fleet has `updraft fleetlock` over etcd.
async fn lock(address: SocketAddr) {
    let holder = Arc::new(Mutex::new(None::<String>));
    let router = Router::new()
        .route("/v1/pre-reboot", post(take))
        .route("/v1/steady-state", post(give_back))
        .with_state(holder);
    match tokio::net::TcpListener::bind(address).await {
        Ok(listener) => drop(axum::serve(listener, router).await),
        Err(error) => eprintln!("the lock can't listen at {address}: {error}"),
    }
}

type Holder = State<Arc<Mutex<Option<String>>>>;

fn id(body: &[u8]) -> Option<String> {
    let asked: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_slice(body).ok()?;
    asked.get("client_params")?.get("id").cloned()
}

async fn take(State(holder): Holder, body: Bytes) -> (StatusCode, &'static str) {
    let mut holder = holder.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(id) = id(&body) else { return (StatusCode::BAD_REQUEST, "") };
    if holder.get_or_insert_with(|| id.clone()) == &id {
        (StatusCode::OK, "")
    } else {
        (StatusCode::CONFLICT, "{\"kind\":\"failed_lock\",\"value\":\"the slot is taken\"}")
    }
}

async fn give_back(State(holder): Holder, body: Bytes) -> (StatusCode, &'static str) {
    let mut holder = holder.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(id) = id(&body) else { return (StatusCode::BAD_REQUEST, "") };
    if holder.as_ref() == Some(&id) {
        *holder = None;
    }
    (StatusCode::OK, "")
}
