//! What the demonstration plays, step by step.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::fsx;
use crate::platform::process::exe_name;
use crate::publish::{self, DeltaWish, Effort, Order};
use crate::release::{Stamp, Urgency};
use crate::report::{ErrorCode, Failure, Fault};
use crate::serve::Server;
use crate::trust::sign::Lifetimes;

use super::DemoArgs;
use super::folder::Places;
use super::host::TRACE_VARIABLE;

fn fail(fault: &dyn Fault) -> Failure {
    Failure::of(fault)
}

fn broken(what: &str, source: &dyn std::fmt::Display) -> Failure {
    Failure { code: ErrorCode::Internal, message: format!("{what}: {source}"), hint: None }
}

/// Plays it.
pub(super) fn play(args: &DemoArgs) -> Result<(), Failure> {
    let headless = args.headless || !cfg!(feature = "gui") || !crate::platform::process::is_display_present();
    let root = match &args.folder {
        Some(folder) => folder.clone(),
        None => std::env::temp_dir().join(format!("updraft-demo-{}", std::process::id())),
    };
    fsx::make_dirs(&root).map_err(|error| fail(&error))?;
    let root = fsx::canonical(&root).map_err(|error| fail(&error))?;
    if !fsx::list(&root).map_err(|error| fail(&error))?.is_empty() {
        return Err(Failure {
            code: ErrorCode::Usage,
            message: format!("the folder {} is not empty", root.display()),
            hint: Some("Give --folder a new or empty folder.".to_owned()),
        });
    }
    let exe =
        std::env::current_exe().map_err(|error| broken("can't find this program's own file", &error))?;
    let places = Places::below(&root).map_err(|error| broken("the folder is refused", &error))?;
    println!("The demonstration lives in {}.", root.display());
    println!("1. A vendor builds MyApp 1.0 and 2.0, makes keys and a repository, and publishes 1.0.");
    places.build(&exe).map_err(|error| fail(&error))?;
    found(&places)?;
    release(&places, &places.first, "1.0", false)?;
    let server = Web::start(&places.served)?;
    println!("2. The repository is served at {}MyApp; any static web server would do.", server.url);
    println!("3. A user installs 1.0: {}.", places.installed.display());
    install(&places, &exe, &server.url, args)?;
    println!("4. The vendor publishes 2.0.");
    release(&places, &places.second, "2.0", args.forced)?;
    println!("5. The user starts the program. It asks for updates and hands over to the updater beside it.");
    start(&places, headless)?;
    wait_for_second(&places, headless)
}

fn found(places: &Places) -> Result<(), Failure> {
    let app = "MyApp".parse().map_err(|error| broken("the name is refused", &error))?;
    let order = publish::Init {
        repository: places.repository.clone().into(),
        app,
        keys: Some(places.keys.clone()),
        now: Stamp::now(),
        lifetimes: Lifetimes::default(),
    };
    publish::init(&order).map(|_made| ()).map_err(|error| fail(&error))
}

fn release(places: &Places, folder: &Path, version: &str, forced: bool) -> Result<(), Failure> {
    let number = version.parse().map_err(|error| broken("the version is refused", &error))?;
    let mut order = Order::new(folder.to_path_buf(), places.repository.clone(), number);
    order.keys = Some(places.keys.clone());
    order.effort = Effort::Fast;
    // Without deltas there is something to see while it is fetched, and nobody waits while they are made.
    order.delta = DeltaWish::None;
    order.start = Some(exe_name("demo_host".as_ref()).to_string_lossy().into_owned());
    order.confirm_health = Some(true);
    order.urgency = if forced { Urgency::Forced } else { Urgency::Optional };
    order.notes = places.notes(version).map_err(|error| fail(&error))?;
    let report = publish::publish(&order, &|_stage, _done, _total| {}).map_err(|error| fail(&error))?;
    let changes = &report.changes;
    println!(
        "   release {}: changed {}, added {}, removed {}",
        report.number.0,
        changes.changed.len(),
        changes.added.len(),
        changes.removed.len()
    );
    Ok(())
}

/// The built-in server, on a thread of its own until the process ends.
struct Web {
    url: String,
}

impl Web {
    fn start(root: &Path) -> Result<Self, Failure> {
        let (tell, told) = std::sync::mpsc::channel();
        let root = root.to_path_buf();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let server = Server::bind(&root, SocketAddr::from(([127, 0, 0, 1], 0))).await;
                let address = server.as_ref().map(Server::local_addr).map_err(|error| fail(error));
                if tell.send(address).is_ok()
                    && let Ok(server) = server
                {
                    server.run(std::future::pending()).await;
                }
            });
        };
        let spawned = std::thread::Builder::new().name("server".to_owned()).spawn(serve);
        spawned.map_err(|error| broken("the system gives no thread", &error))?;
        let address = told.recv().map_err(|error| broken("the server did not start", &error))??;
        Ok(Self { url: format!("http://{address}/") })
    }
}

fn install(places: &Places, exe: &Path, url: &str, args: &DemoArgs) -> Result<(), Failure> {
    let source = format!("{url}MyApp");
    places.install_updater(exe, &source, args.language.as_deref()).map_err(|error| fail(&error))?;
    let updater = places.updater.join(exe_name("updater".as_ref()));
    let mut command = Command::new(&updater);
    command.args(["update", "--no-start"]).stdout(Stdio::null());
    // Only the update to come is to be watched.
    command.env("UPDRAFT_LIMIT", "1000000000");
    let status = command.status().map_err(|error| broken("the updater can't be started", &error))?;
    if status.success() { Ok(()) } else { Err(broken("the updater could not install 1.0", &status)) }
}

fn start(places: &Places, headless: bool) -> Result<(), Failure> {
    let program = Places::program(&places.installed);
    let mut command = Command::new(&program);
    command.env(TRACE_VARIABLE, &places.trace).current_dir(&places.installed);
    if headless {
        command.args(["--headless", "--linger", "2"]).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        // Where a screen can't be taken away, as on Windows.
        command.env("UPDRAFT_RENDERER", "headless");
    }
    let mut child = command.spawn().map_err(|error| broken("the program can't be started", &error))?;
    let collect = move || child.wait().map(|_status| ());
    std::thread::Builder::new()
        .name("program".to_owned())
        .spawn(collect)
        .map(|_thread| ())
        .map_err(|error| broken("the system gives no thread", &error))
}

/// Waits until version 2 was started and everything has ended.
fn wait_for_second(places: &Places, headless: bool) -> Result<(), Failure> {
    let mut seen = 0;
    let patience = Instant::now() + Duration::from_secs(if headless { 300 } else { 24 * 3600 });
    let mut idle_since = Instant::now();
    while Instant::now() < patience {
        let lines = starts(&places.trace);
        for (version, _) in lines.iter().skip(seen) {
            println!("   version {version} was started.");
        }
        seen = lines.len();
        if is_at_work(places, &lines) {
            idle_since = Instant::now();
        }
        // An updater may take its time to start, on a busy machine or where a scanner looks at it first.
        let is_done = lines.last().is_some_and(|(version, _)| version == "2.0");
        if idle_since.elapsed() > Duration::from_secs(if is_done { 3 } else { 15 }) {
            return ending(&lines, headless);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Err(broken("the demonstration did not end", &"version 2 was not started in time"))
}

fn ending(lines: &[(String, u32)], headless: bool) -> Result<(), Failure> {
    if lines.last().is_some_and(|(version, _)| version == "2.0") {
        println!("6. Version 2.0 runs, and said that it is well. That was an update.");
        return Ok(());
    }
    if headless {
        return Err(broken("the demonstration failed", &"version 2 was not started"));
    }
    println!("6. The update was not taken this time.");
    Ok(())
}

/// Whether the program or its updater runs.
fn is_at_work(places: &Places, starts: &[(String, u32)]) -> bool {
    let runs = |(_, pid): &(String, u32)| crate::platform::process::find(*pid).is_some();
    starts.is_empty() || starts.last().is_some_and(runs) || places.install().lock_holder().is_some()
}

/// Version and process of each start of the program.
fn starts(trace: &Path) -> Vec<(String, u32)> {
    let bytes = fsx::read(trace, 1024 * 1024).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let version = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        let pid = u32::try_from(value["pid"].as_u64()?).ok()?;
        Some((value["version"].as_str()?.to_owned(), pid))
    };
    text.lines().filter_map(version).collect()
}
