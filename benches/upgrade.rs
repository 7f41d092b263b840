//! Requests lost while a server is replaced under load: by the agent with held sockets, by nginx's own binary upgrade
//! (USR2), and by stopping and starting. `cargo test --bench upgrade` runs it in minutes; `UPDRAFT_UPGRADES` says how often.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement sets up by hand and prints"
)]

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use updraft::fleet::{Load, Report};

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn main() {
    let upgrades: u64 =
        std::env::var("UPDRAFT_UPGRADES").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    println!(
        "{upgrades} upgrades each, 16 clients, half of them on kept connections, each 3 ms between two requests"
    );
    println!(
        "{:<22} {:>9} {:>7} {:>10} {:>10} {:>11}",
        "", "good", "failed", "p50 us", "p99 us", "longest us"
    );
    show("agent, held sockets", &agent(upgrades, false));
    show("agent, half are bad", &agent(upgrades, true));
    let Some(nginx) = ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|path| Path::new(path).exists())
    else {
        println!("nginx is not installed");
        return;
    };
    show("nginx, USR2", &with_nginx(nginx, upgrades, true));
    show("nginx, stop and start", &with_nginx(nginx, upgrades, false));
}

fn show(name: &str, report: &Report) {
    let (half, most, longest) = report.micros;
    println!("{name:<22} {:>9} {:>7} {half:>10} {most:>10} {longest:>11}", report.good, report.failed);
    for reason in report.reasons.iter().take(3) {
        println!("    {reason}");
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn under_load(address: SocketAddr, during: impl FnOnce()) -> Report {
    let queue = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let load = Load { address, keeping: 8, fresh: 8, pause: Duration::from_millis(3) };
    let running = queue.block_on(async { load.begin() });
    std::thread::sleep(Duration::from_millis(500));
    during();
    std::thread::sleep(Duration::from_millis(500));
    queue.block_on(running.end())
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A vendor, one node and its agent.
fn agent(upgrades: u64, half_are_bad: bool) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let updraft = || Command::new(env!("CARGO_BIN_EXE_updraft"));
    let (repo, keys, build, app) =
        (root.join("repo"), root.join("keys"), root.join("build"), root.join("app"));
    run(updraft().arg("init").arg(&repo).args(["--app", "Node"]).arg("--keys").arg(&keys));
    fs::create_dir(&build).unwrap();
    // This very program file is the node as well when it bears that name.
    fs::copy(env!("CARGO_BIN_EXE_updraft"), build.join("fleet_node")).unwrap();
    let publish = |version: &str, behaviour: &str| {
        fs::write(build.join("version.txt"), version).unwrap();
        fs::write(build.join("behave.txt"), behaviour).unwrap();
        let mut command = updraft();
        command.arg("publish").arg(&build).arg("--to").arg(&repo).arg("--keys").arg(&keys);
        run(command.args(["--version", version, "--fast", "--start", "fleet_node"]));
    };
    publish("1.0", "");
    let updater = app.join("updater");
    fs::create_dir_all(&updater).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_updater"), updater.join("updater")).unwrap();
    fs::copy(repo.join("metadata/root.json"), updater.join("root.json")).unwrap();
    let settings = format!("{{\"app\": \"Node\", \"sources\": [\"{}\"]}}", repo.display());
    fs::write(updater.join("updater.json"), settings).unwrap();
    run(Command::new(updater.join("updater")).args(["update", "--no-start", "--headless"]));
    let (address, panel) = (free(), free());
    let mut child = start_agent(root, address, panel);
    let status = || -> serde_json::Value {
        let said =
            updraft().args(["agent", "status", "--json", "--panel", &panel.to_string()]).output().unwrap();
        serde_json::from_slice(&said.stdout).unwrap_or_default()
    };
    let rests = |state: &str, number: u64| {
        wait(&format!("release {number}"), || {
            let found = status();
            found["state"] == state && found["installed"]["number"] == number && found["serves"] == true
        });
    };
    rests("idle", 1);
    let report = under_load(address, || {
        let mut good = 1;
        for number in 2..=upgrades + 1 {
            let kind = if half_are_bad && number % 2 == 0 {
                ["crash", "hang", "sick"][usize::try_from(number / 2 % 3).unwrap()]
            } else {
                ""
            };
            publish(&format!("{number}.0"), kind);
            if kind.is_empty() {
                rests("idle", number);
                good = number;
            } else {
                rests("rolled-back", good);
                run(updraft().args(["agent", "clear", "--panel", &panel.to_string()]));
                rests("quarantined", good);
            }
        }
    });
    let process = updraft::platform::process::find(child.0.id()).unwrap();
    updraft::platform::process::ask_to_close(process).unwrap();
    child.0.wait().unwrap();
    report
}

fn start_agent(root: &Path, address: SocketAddr, panel: SocketAddr) -> Killed {
    let config = root.join("agent.toml");
    let text = format!(
        "node = \"n\"\ninstall = \"app\"\nstate = \"state\"\n[program]\nlisten = [\"{address}\"]\nready_within = \"2s\"\n\
         [check]\nevery = \"100ms\"\njitter = \"10ms\"\n\
         [probe]\nvia = {{ http = \"http://{address}/health\" }}\ntimes = 2\nevery = \"50ms\"\nwithin = \"2s\"\n\
         [panel]\nlisten = \"{panel}\"\n"
    );
    fs::write(&config, text).unwrap();
    let log = fs::File::create(root.join("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_updraft"));
    command
        .args(["agent", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    Killed(command.spawn().unwrap())
}

fn with_nginx(nginx: &str, upgrades: u64, usr2: bool) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let (root, address) = (dir.path(), free());
    let place = root.display();
    let config = format!(
        "daemon on; pid {place}/pid; error_log {place}/error.log; worker_processes 2;\nevents {{}}\n\
         http {{ access_log off; client_body_temp_path {place}/b; proxy_temp_path {place}/p;\n\
         fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s; keepalive_requests 1000000;\n\
         server {{ listen {address}; location / {{ return 200 \"nginx\\n\"; }} }} }}\n"
    );
    fs::write(root.join("conf"), config).unwrap();
    let start =
        || run(Command::new(nginx).arg("-c").arg(root.join("conf")).arg("-e").arg(root.join("error.log")));
    let pid = |name: &str| -> Option<u32> { fs::read_to_string(root.join(name)).ok()?.trim().parse().ok() };
    let signal = |pid: u32, name: &str| {
        // The measurement's own tool, not the product's.
        Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    };
    let gone = |pid: u32| updraft::platform::process::find(pid).is_none();
    start();
    wait("nginx", || TcpStream::connect(address).is_ok());
    let report = under_load(address, || {
        for _ in 0..upgrades {
            let old = pid("pid").unwrap();
            if usr2 {
                signal(old, "USR2");
                wait("the new nginx", || {
                    pid("pid").is_some_and(|new| new != old) && pid("pid.oldbin") == Some(old)
                });
                std::thread::sleep(Duration::from_millis(300));
                signal(old, "QUIT");
                wait("the old nginx to end", || gone(old));
            } else {
                signal(old, "QUIT");
                wait("nginx to end", || gone(old));
                start();
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    if let Some(last) = pid("pid") {
        signal(last, "TERM");
        wait("nginx to end", || gone(last));
    }
    report
}
