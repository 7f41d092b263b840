//! The program `updraft` with components: run, component, demo pipeline.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::{World, copy_over, simple, version};

pub(super) const UPDRAFT: &str = env!("CARGO_BIN_EXE_updraft");

pub(super) fn updraft(args: &[&str]) -> Output {
    Command::new(UPDRAFT).args(args).output().unwrap()
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A service that is ended with the test.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The address of the status page, and the lines that come after it.
pub(super) fn admin_of(running: &mut Running) -> (String, impl Iterator<Item = String> + use<>) {
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let addr =
        lines.find_map(|line| Some(line.strip_prefix("Status: http://")?.trim_end_matches('/').to_owned()));
    (addr.unwrap(), lines)
}

/// The answer to one request, up to `end` or the end of the connection.
fn get(addr: &str, path: &str, end: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").unwrap();
    let (mut answer, mut block) = (String::new(), [0; 8192]);
    while end.is_empty() || !answer.contains(end) {
        match stream.read(&mut block).unwrap() {
            0 => break,
            count => answer.push_str(&text(&block[..count])),
        }
    }
    answer
}

/// A145: the service as a program: the file is replaced, the status, the metrics and the page show it, and the
/// end lets all messages flow out.
#[test]
#[cfg(unix)]
fn the_service_shows_what_runs_and_ends_when_it_is_asked_to() {
    let dir = World::folder(&[("counter.wasm", &version(1))]);
    let config = dir.path().join("pipeline.toml");
    let text_of = simple(2000, "").replace("artifact = \"ledger\"", "artifact = \"audit\"");
    let text_of = text_of.replace("settle = \"150ms\"", "settle = \"150ms\"\nadmin = \"127.0.0.1:0\"");
    std::fs::write(&config, text_of).unwrap();
    let child =
        Command::new(UPDRAFT).arg("run").arg(&config).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut running = Running(child.unwrap());
    let (addr, lines) = admin_of(&mut running);
    copy_over(&dir.path().join("artifacts/counter.wasm"), &version(2));
    let end = Instant::now() + Duration::from_secs(60);
    // The version is there first; what is counted follows.
    let once = "updraft_component_swaps_total{component=\"counter\"} 1";
    let status = loop {
        let (metrics, status) = (get(&addr, "/metrics", ""), get(&addr, "/status", ""));
        if status.contains("\"2.0.0\"") && metrics.contains(once) {
            break status;
        }
        assert!(Instant::now() < end, "{status}\n{metrics}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.contains(&format!("\"pid\":{}", running.0.id())), "{status}");
    assert!(status.contains("\"prepare_ms\"") && status.contains("\"pause_us\""), "{status}");
    let page = get(&addr, "/", "</html>");
    assert!(page.contains("content-security-policy: default-src 'none'"), "{page}");
    assert!(!page.contains("https://") && !page.contains("src="), "the page fetches nothing");
    let event = get(&addr, "/events", "\"components\"");
    assert!(event.contains("data: {\"pid\""), "{event}");
    assert!(get(&addr, "/elsewhere", "").starts_with("HTTP/1.1 404"));

    let pid = rustix::process::Pid::from_child(&running.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(lines.last().as_deref(), Some("Stopped."));
    assert!(running.0.wait().unwrap().success());
}

/// A149: a wrong config is one sentence with its line, and nothing starts.
#[test]
fn a_wrong_pipeline_is_refused_by_the_program_with_its_line() {
    let dir = World::folder(&[]);
    let config = dir.path().join("pipeline.toml");
    std::fs::write(&config, simple(1, "shards = 0")).unwrap();
    let ran = updraft(&["run", config.to_str().unwrap(), "--check"]);
    assert_eq!(ran.status.code(), Some(64));
    assert!(text(&ran.stderr).contains("pipeline.toml:18: shards: 0 is not from 1"), "{}", text(&ran.stderr));
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/pipeline.sample.toml");
    let ran = updraft(&["run", sample, "--check"]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
}

#[test]
fn a_component_is_checked_and_begun() {
    let dir = World::folder(&[("good.wasm", &version(3)), ("bad.wasm", &version(3)[..500])]);
    let file = |name: &str| dir.path().join("artifacts").join(name).display().to_string();
    let ran = updraft(&["component", "check", &file("good.wasm")]);
    assert!(text(&ran.stdout).contains("fits: counter 3.0.0, a processor"), "{}", text(&ran.stdout));
    let ran = updraft(&["component", "check", &file("bad.wasm")]);
    assert_eq!(ran.status.code(), Some(50));
    assert!(text(&ran.stderr).contains("bad.wasm can't be run"), "{}", text(&ran.stderr));
    for lang in ["rust", "js", "python"] {
        let folder = dir.path().join(lang).display().to_string();
        assert!(updraft(&["component", "new", &folder, "--lang", lang]).status.success());
        let wit = std::fs::read_to_string(dir.path().join(lang).join("wit/updraft.wit")).unwrap();
        assert_eq!(wit, updraft::component::world::WIT);
        assert!(dir.path().join(lang).join("README.md").exists());
        assert_eq!(updraft(&["component", "new", &folder, "--lang", lang]).status.code(), Some(64));
    }
}

/// A145: the demonstration replaces its processor and back, and counts.
#[test]
fn the_demonstration_of_a_pipeline_counts_no_gap_and_no_double() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("demo").display().to_string();
    let ran = updraft(&["demo", "pipeline", "--folder", &folder, "--seconds", "1"]);
    let out = text(&ran.stdout);
    assert!(ran.status.success(), "{out}\n{}", text(&ran.stderr));
    assert!(out.contains("objects came through: 0 gaps, 0 doubled, 0 left"), "{out}");
    assert_eq!(out.matches("now runs").count(), 2, "{out}");
}
