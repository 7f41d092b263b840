//! A fleet on this machine: a vendor, installs, agents, a lock over a real etcd, dispatchers.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::world::{Running, World, demo_host, expect, free_port, updraft, wait_for, write};

/// A vendor's world with the installs of a fleet in it.
pub(crate) struct Fleet {
    pub(crate) world: World,
}

/// One node: an install, an agent's configuration, and the agent if it runs.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) app: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) panel: SocketAddr,
    pub(crate) state: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) agent: Option<Running>,
}

/// What a node's configuration says beside the usual.
#[derive(Default, Clone)]
pub(crate) struct Extra {
    /// Lines for `[program]`.
    pub(crate) program: String,
    /// Whole tables.
    pub(crate) tables: String,
    /// The time between checks.
    pub(crate) every: Option<&'static str>,
}

pub(crate) fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// A program of Debian that is needed here; says so where it is missing, and fails if all tests are wanted.
pub(crate) fn tool(name: &str, proves: &str) -> Option<PathBuf> {
    let found =
        ["/usr/sbin", "/usr/bin", "/usr/local/bin"].into_iter().map(|folder| Path::new(folder).join(name));
    let found = found.into_iter().find(|path| path.exists());
    if found.is_none() {
        let text = format!("{proves} NOT PROVEN: {name} is not installed\n");
        // Not through the captured output: a run without it must be seen to lack it.
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        assert!(std::env::var_os("UPDRAFT_TEST_ALL").is_none(), "{text}");
    }
    found
}

impl Fleet {
    /// A fleet whose program stands at version 1.0.
    pub(crate) fn new() -> Self {
        let fleet = Self { world: World::new() };
        fs::create_dir_all(fleet.world.build()).unwrap();
        fs::copy(demo_host().with_file_name("fleet_node"), fleet.world.build().join("fleet_node")).unwrap();
        fleet.publish("1.0", "", &[]);
        fleet
    }

    /// Publishes a version that behaves as said.
    pub(crate) fn publish(&self, version: &str, behaviour: &str, more: &[&str]) {
        write(self.world.build().join("version.txt"), version);
        write(self.world.build().join("behave.txt"), behaviour);
        self.world.publish(version, &[&["--start", "fleet_node"], more].concat());
    }

    /// Installs the newest version for a node and writes its agent's configuration.
    pub(crate) fn node(&self, name: &str, extra: &Extra) -> Node {
        let app = self.world.path(&format!("{name}/app"));
        self.world.lay_updater_in(&app);
        let mut updater = Command::new(app.join("updater/updater"));
        expect(updater.args(["update", "--no-start", "--headless"]).env_remove("DISPLAY"), 0);
        let (address, panel) = (address(), address());
        let config = self.world.path(&format!("{name}/agent.toml"));
        let every = extra.every.unwrap_or("200ms");
        let (state, Extra { program, tables, .. }) = (self.world.path(&format!("{name}/agent")), extra);
        let text = format!(
            "node = \"{name}\"\ninstall = \"app\"\nstate = \"agent\"\n\
             [program]\nlisten = [\"{address}\"]\nready_within = \"3s\"\nstop_within = \"20s\"\n{program}\n\
             [check]\nevery = \"{every}\"\njitter = \"20ms\"\n\
             [probe]\nvia = {{ http = \"http://{address}/health\" }}\ntimes = 2\nevery = \"50ms\"\nwithin = \"4s\"\n\
             [panel]\nlisten = \"{panel}\"\n{tables}\n"
        );
        write(&config, text);
        Node { name: name.to_owned(), app, address, panel, state, config, agent: None }
    }
}

impl Node {
    /// Starts the agent, to die when it enters `dies_at` if that is said.
    pub(crate) fn start(&mut self, dies_at: Option<&str>) {
        let log =
            fs::File::options().create(true).append(true).open(self.config.with_file_name("log")).unwrap();
        let mut command = updraft();
        command.arg("agent").arg("--config").arg(&self.config).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        command.env("UPDRAFT_AGENT_WAITS_IN", self.config.with_file_name("waits"));
        match dies_at {
            Some(state) => command.env("UPDRAFT_AGENT_DIES_AT", state),
            None => command.env_remove("UPDRAFT_AGENT_DIES_AT"),
        };
        self.agent = Some(Running(command.spawn().unwrap()));
    }

    /// Starts the agent and waits until its program serves.
    pub(crate) fn up(&mut self) {
        self.start(None);
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !self.status().is_some_and(|status| status["serves"] == true) {
            assert!(
                std::time::Instant::now() < end,
                "{} does not serve:\n{}\n{}",
                self.name,
                self.journal(),
                self.log()
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// Lets the agent wait when it enters `state` the next time.
    pub(crate) fn hold_at(&self, state: &str) {
        write(self.config.with_file_name("waits").join(state), "");
    }

    /// Waits until it does so.
    pub(crate) fn is_held_at(&self, state: &str) {
        let here = self.config.with_file_name("waits").join(format!("{state}.here"));
        wait_for(&format!("{} to enter {state}", self.name), || here.exists());
    }

    /// Lets it go on.
    pub(crate) fn let_go(&self, state: &str) {
        fs::remove_file(self.config.with_file_name("waits").join(format!("{state}.here"))).unwrap();
    }

    /// Kills the agent with no word; the program goes on.
    pub(crate) fn kill_agent(&mut self) {
        self.agent = None;
    }

    pub(crate) fn status(&self) -> Option<Value> {
        let said = updraft()
            .args(["agent", "status", "--json", "--panel", &self.panel.to_string()])
            .output()
            .unwrap();
        serde_json::from_slice(&said.stdout).ok()
    }

    pub(crate) fn say(&self, what: &str) {
        expect(updraft().args(["agent", what, "--panel", &self.panel.to_string()]), 0);
    }

    /// Whether its journal says so.
    pub(crate) fn is_at(&self, state: &str) -> bool {
        self.memory()["phase"]["state"] == state
    }

    /// The version that answers.
    pub(crate) fn answers(&self) -> String {
        get(self.address, "/").unwrap_or_default()
    }

    /// What the journal remembers.
    pub(crate) fn memory(&self) -> Value {
        let bytes = fs::read(self.state.join("agent.json")).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    pub(crate) fn journal(&self) -> String {
        fs::read_to_string(self.state.join("journal.jsonl")).unwrap_or_default()
    }

    /// What the agent said.
    fn log(&self) -> String {
        fs::read_to_string(self.config.with_file_name("log")).unwrap_or_default()
    }

    /// The states it went through, in their order.
    pub(crate) fn states(&self) -> Vec<String> {
        let journal = self.journal();
        let entries = journal.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut states: Vec<String> =
            entries.filter_map(|entry| entry["state"].as_str().map(str::to_owned)).collect();
        states.dedup();
        states
    }

    pub(crate) fn installed(&self) -> u64 {
        let bytes = fs::read(self.app.join("updater/state/installed.json")).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()["receipt"]["number"].as_u64().unwrap()
    }

    /// Waits until it rests in `state` with release `number`; tells its journal if it does not.
    pub(crate) fn rests(&self, state: &str, number: u64) {
        let is_there = || {
            let found = self.status();
            found.is_some_and(|found| {
                found["state"] == state && found["installed"]["number"] == number && found["serves"] == true
            })
        };
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !is_there() {
            if std::time::Instant::now() > end {
                let (found, journal, log) = (self.status(), self.journal(), self.log());
                panic!("{} does not rest in {state} with {number}:\n{found:?}\n{journal}\n{log}", self.name);
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

/// A node that is dropped leaves no program behind.
impl Drop for Node {
    fn drop(&mut self) {
        self.agent = None;
        let memory = self.memory();
        for who in ["program", "standby", "keeper"] {
            if let Some(pid) = memory[who]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
                && let Some(process) = updraft::platform::process::find(pid)
                && memory[who]["started"] == process.started
            {
                updraft::platform::process::end_by_force(process).ok();
            }
        }
    }
}

/// One request on a connection of its own; the first line of a good answer.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<String> {
    use std::io::Read as _;
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.trim().to_owned())
}

/// A real etcd of one member.
pub(crate) struct EtcdNode {
    pub(crate) url: String,
    pub(crate) child: Option<Running>,
    folder: PathBuf,
    peer: String,
    program: PathBuf,
}

impl EtcdNode {
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        let program = tool("etcd", "A126")?;
        let (url, peer) = (format!("http://{}", address()), format!("http://{}", address()));
        let mut node = Self { url, child: None, folder: folder.join("etcd"), peer, program };
        node.run();
        Some(node)
    }

    pub(crate) fn run(&mut self) {
        let mut command = Command::new(&self.program);
        command
            .args(["--name", "one", "--unsafe-no-fsync", "--log-level", "error", "--data-dir"])
            .arg(&self.folder);
        command.args(["--listen-client-urls", &self.url, "--advertise-client-urls", &self.url]);
        command.args(["--listen-peer-urls", &self.peer, "--initial-advertise-peer-urls", &self.peer]);
        command.args(["--initial-cluster", &format!("one={}", self.peer)]);
        let log = fs::File::create(self.folder.with_extension("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(Running(command.spawn().unwrap()));
        let at = self.url.trim_start_matches("http://").parse().unwrap();
        wait_for("etcd", || get(at, "/health").is_some_and(|said| said.contains("true")));
    }
}

/// `updraft fleetlock` over etcd.
pub(crate) fn lock_server(etcd: &str, more: &[&str]) -> (Running, SocketAddr) {
    let at = address();
    (start_lock_server(etcd, at, more), at)
}

/// The same at the address of one that has ended.
pub(crate) fn lock_server_at(etcd: &str, at: SocketAddr, more: &[&str]) -> Running {
    start_lock_server(etcd, at, more)
}

fn start_lock_server(etcd: &str, at: SocketAddr, more: &[&str]) -> Running {
    let mut command = updraft();
    command.args(["fleetlock", "--listen", &at.to_string(), "--etcd", etcd]).args(more);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    wait_for("the lock server", || TcpStream::connect(at).is_ok());
    running
}

/// `updraft switch` in front of `backends`; where it forwards from, and its panel.
pub(crate) fn forwarder(
    backends: &[(String, SocketAddr)],
    more: &[&str],
) -> (Running, SocketAddr, SocketAddr) {
    let said = more.iter().position(|word| *word == "--panel").map(|at| more[at + 1].parse().unwrap());
    let (at, panel) = (address(), said.unwrap_or_else(address));
    let mut command = updraft();
    command.args(["switch", "--listen", &at.to_string()]).args(more);
    if said.is_none() {
        command.args(["--panel", &panel.to_string()]);
    }
    for (name, address) in backends {
        command.args(["--backend", &format!("{name}={address}")]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    wait_for("the forwarder", || TcpStream::connect(panel).is_ok());
    (running, at, panel)
}

/// Three real members of one etcd.
pub(crate) struct EtcdOfThree {
    program: PathBuf,
    folder: PathBuf,
    cluster: String,
    members: Vec<Member>,
}

struct Member {
    name: &'static str,
    url: String,
    peer: String,
    child: Option<Running>,
}

impl EtcdOfThree {
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        let program = tool("etcd", "A127")?;
        let address = || format!("http://{}", address());
        let member = |name| Member { name, url: address(), peer: address(), child: None };
        let members: Vec<Member> = ["one", "two", "three"].into_iter().map(member).collect();
        let pairs: Vec<_> = members.iter().map(|one| format!("{}={}", one.name, one.peer)).collect();
        let mut etcd = Self { program, folder: folder.to_path_buf(), cluster: pairs.join(","), members };
        (0..etcd.members.len()).for_each(|at| etcd.run(at));
        (0..etcd.members.len()).for_each(|at| etcd.is_up(at));
        Some(etcd)
    }

    fn run(&mut self, at: usize) {
        let member = &mut self.members[at];
        let mut command = Command::new(&self.program);
        command.args(["--name", member.name, "--unsafe-no-fsync", "--log-level", "error", "--data-dir"]);
        command.arg(self.folder.join(member.name)).args(["--initial-cluster", &self.cluster]);
        command.args(["--listen-client-urls", &member.url, "--advertise-client-urls", &member.url]);
        command.args(["--listen-peer-urls", &member.peer, "--initial-advertise-peer-urls", &member.peer]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        member.child = Some(Running(command.spawn().unwrap()));
    }

    fn is_up(&self, at: usize) {
        let at = at_of(&self.members[at].url);
        wait_for("etcd", || get(at, "/health").is_some_and(|said| said.contains("true")));
    }

    /// The client addresses of its members.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.members.iter().map(|member| member.url.clone()).collect()
    }

    /// Kills the member that leads; which it was.
    pub(crate) fn kill_leader(&mut self) -> usize {
        let leader = self.members.iter().position(|member| is_leader(&member.url)).unwrap();
        self.members[leader].child = None;
        leader
    }

    /// Starts a member that was killed.
    pub(crate) fn start_again(&mut self, at: usize) {
        self.run(at);
        self.is_up(at);
    }
}

/// The address in a URL.
pub(crate) fn at_of(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

/// A cable between two programs that can be cut: what is sent then stays under way, new connections are not answered,
/// and nobody is told.
pub(crate) struct Cable {
    pub(crate) at: SocketAddr,
    cut: tokio::sync::watch::Sender<bool>,
    _queue: tokio::runtime::Runtime,
}

impl Cable {
    pub(crate) fn to(target: SocketAddr) -> Self {
        let queue = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let (queue, cut) = (queue.unwrap(), tokio::sync::watch::Sender::new(false));
        let listener = queue.block_on(tokio::net::TcpListener::bind(address())).unwrap();
        let at = listener.local_addr().unwrap();
        let state = cut.subscribe();
        queue.spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let mut state = state.clone();
                tokio::spawn(async move {
                    state.wait_for(|cut| !cut).await.ok();
                    // Nobody listens there: the near end is closed.
                    let Ok(far) = tokio::net::TcpStream::connect(target).await else { return };
                    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                    tokio::join!(carry(from_near, to_far, state.clone()), carry(from_far, to_near, state));
                });
            }
        });
        Self { at, cut, _queue: queue }
    }

    pub(crate) fn cut(&self, is_cut: bool) {
        self.cut.send_replace(is_cut);
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut state: tokio::sync::watch::Receiver<bool>,
) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut bytes).await.unwrap_or(0);
        state.wait_for(|cut| !cut).await.ok();
        if count == 0 || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Whether a member leads.
fn is_leader(url: &str) -> bool {
    use std::io::Read as _;
    let at = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(at).unwrap();
    let request =
        "POST /v3/maintenance/status HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    body["header"]["member_id"] == body["leader"]
}
