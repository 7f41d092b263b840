//! The server as a product: TLS, several projects, settings and certificates read again, limits, numbers, signatures
//! kept fresh, and an orderly end.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test looks at files by itself")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::serve::ask;
use crate::support::tls::Authority;
use crate::support::world::{World, expect, free_port, wait_for, write};
use crate::vendor::{Vendor, noise, ran, updraft};

/// A server process that ends with the test, and all it said.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) addr: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    /// Starts `updraft serve` with these arguments, and a free port where `{port}` stands.
    pub(crate) fn begin(args: &[&str]) -> Self {
        let port = free_port();
        let mut command = updraft();
        command.arg("serve");
        command.args(args.iter().map(|arg| arg.replace("{port}", &port.to_string())));
        Self::started(command, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    pub(crate) fn started(mut command: Command, addr: SocketAddr) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (lines, heard) = (BufReader::new(child.stdout.take().unwrap()).lines(), Arc::clone(&said));
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| heard.lock().unwrap().push(line));
        });
        let server = Self { child, addr, said };
        server.waits_for("Press Ctrl-C");
        server
    }

    /// The first line with this text in it, once it is there.
    pub(crate) fn waits_for(&self, text: &str) -> String {
        let mut found = None;
        wait_for(text, || {
            found = self.said.lock().unwrap().iter().find(|line| line.contains(text)).cloned();
            found.is_some()
        });
        found.unwrap()
    }

    pub(crate) fn all(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap();
        assert!(kill.success());
    }

    /// Ends it in good order.
    pub(crate) fn end(mut self) {
        self.signal("-TERM");
        assert!(self.child.wait().unwrap().success());
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A08: over TLS from files an install updates; a new certificate is taken up while the server runs, and one that
/// can't be used leaves the old one.
#[test]
fn tls_from_files_is_served_and_a_new_certificate_is_taken_up() {
    let world = World::new();
    write(world.build().join("app.txt"), "1");
    world.publish("1.0", &[]);
    world.lay_updater();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    ours.write(&world.path("ours.pem"));
    other.write(&world.path("other.pem"));
    let identity = ours.sign("127.0.0.1", 2090, &world.path("identity"));
    let (certificate, key) = (text(&identity.certificate), text(&identity.key));
    let www = world.path("www");
    let args = [text(&www), "--listen", "127.0.0.1:{port}", "--tls-cert", certificate, "--tls-key", key];
    let server = Server::begin(&args);
    let url = server.waits_for("https://");
    let check = |ca: &str, code: i32| {
        let mut check = world.updater();
        check.args(["check", "--source", url.trim(), "--ca"]).arg(world.path(ca));
        expect(&mut check, code)
    };
    check("ours.pem", 10);
    assert!(check("other.pem", 30).contains("network.insecure"));
    // A damaged certificate is told of; the old one counts on.
    let good = fs::read(&identity.certificate).unwrap();
    fs::write(&identity.certificate, "-----BEGIN CERTIFICATE-----\nx\n").unwrap();
    server.signal("-HUP");
    server.waits_for("can't be taken up");
    check("ours.pem", 10);
    drop(good);
    let renewed = other.sign("127.0.0.1", 2090, &world.path("renewed"));
    fs::rename(&renewed.certificate, &identity.certificate).unwrap();
    fs::rename(&renewed.key, &identity.key).unwrap();
    // Without a signal: the files are looked at.
    server.waits_for("The certificate was read again");
    check("other.pem", 10);
    server.end();
}

#[test]
fn projects_by_name_come_from_a_configuration_that_is_read_again() {
    let (one, two) = (Vendor::new(), Vendor::new());
    for vendor in [&one, &two] {
        vendor.put("app", "x");
        vendor.publish("1");
    }
    let file = one.path("serve.toml");
    let port = free_port();
    let config = |more: &str| {
        let listen = format!("listen = \"127.0.0.1:{port}\"\n[limits]\nheader_seconds = 1\n");
        fs::write(&file, format!("{listen}[projects.One]\nrepository = \"repo\"\n{more}")).unwrap();
    };
    config("");
    let mut command = updraft();
    command.args(["serve", "--config"]).arg(&file);
    let server = Server::started(command, SocketAddr::from(([127, 0, 0, 1], port)));
    server.waits_for(&format!("http://127.0.0.1:{port}/One/"));
    let status = |path: &str| ask(server.addr, "GET", path, &[]).status;
    assert_eq!(status("/One/metadata/timestamp.json"), 200);
    assert_eq!(status("/Two/metadata/timestamp.json"), 404);
    for path in ["/One/../x", "/One/project.json", "/One", "/repo/metadata/root.json", "/One/%2e%2e/repo"] {
        assert!((400..500).contains(&status(path)), "{path}");
    }
    // Who does not ask in time is let go.
    let mut slow = TcpStream::connect(server.addr).unwrap();
    slow.write_all(b"GET /One/metadata").unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut rest = Vec::new();
    assert!(slow.read_to_end(&mut rest).is_ok_and(|read| read == 0), "{rest:?}");
    // One more project, without a restart; a mistake leaves all as it was.
    config(&format!("[projects.Two]\nrepository = \"{}\"\n", text(&two.repo())));
    server.signal("-HUP");
    server.waits_for("Settings were read again");
    assert_eq!((status("/One/metadata/timestamp.json"), status("/Two/metadata/timestamp.json")), (200, 200));
    config("lisen = 3\n");
    server.signal("-HUP");
    assert!(server.waits_for("can't be taken up").contains("serve.toml"));
    assert_eq!(status("/Two/metadata/timestamp.json"), 200);
    server.end();
    let wrong = ran(updraft().args(["serve", "--config"]).arg(&file).output().unwrap());
    assert_eq!(wrong.code, 64);
    assert!(wrong.err.contains("lisen") && wrong.err.contains("[config]"), "{}", wrong.err);
}

/// A66: a timestamp is signed anew in time by a server that has the online key alone; the key is nowhere to be seen.
#[test]
fn a_timestamp_is_signed_anew_before_it_runs_out() {
    let vendor = Vendor::new();
    vendor.put("app", "x");
    // Signed 58 days ago for 60: two days are left.
    let then = updraft::release::Stamp::from_unix(updraft::release::Stamp::now().unix() - 58 * 86_400);
    let ran = vendor.run_publish("1", &["--time", &then.to_string()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let path = vendor.repo().join("metadata/timestamp.json");
    let before = fs::read(&path).unwrap();
    let keys = vendor.path("online");
    fs::create_dir(&keys).unwrap();
    fs::copy(vendor.keys().join("online.key"), keys.join("online.key")).unwrap();
    let repo = vendor.repo();
    let args = [text(&repo), "--listen", "127.0.0.1:{port}", "--keys", text(&keys)];
    let server = Server::begin(&args);
    server.waits_for("the timestamp was signed anew");
    let after = ask(server.addr, "GET", "/metadata/timestamp.json", &[]).body;
    assert_ne!(before, after);
    assert_eq!(vendor.run_verify().code, 0);
    let secret = secret_of(&fs::read_to_string(keys.join("online.key")).unwrap());
    assert!(!server.all().contains(&secret) && !String::from_utf8_lossy(&after).contains(&secret));
    server.end();
    // A key of another repository signs nothing; that is told once, and the server serves.
    let other = Vendor::new();
    fs::copy(other.keys().join("online.key"), keys.join("online.key")).unwrap();
    assert_eq!(vendor.run_publish("2", &["--time", &then.to_string(), "--dry-run"]).code, 0);
    fs::write(&path, &before).unwrap();
    let server = Server::begin(&args);
    assert!(server.waits_for("can't be signed anew").contains("signatures"));
    assert_eq!(ask(server.addr, "GET", "/metadata/timestamp.json", &[]).body, before);
    server.end();
}

/// Requests, bytes, connections and clients are counted, on the console's listener alone; the access log is in the
/// combined form, and goes on in a new file after it was renamed.
#[test]
fn requests_are_counted_and_logged() {
    let vendor = Vendor::new();
    vendor.put("app", noise(1, 300_000));
    vendor.publish("1");
    let (repo, log, token) = (vendor.repo(), vendor.path("access.log"), vendor.path("token"));
    let admin = free_port();
    let server = Server::begin(&[
        text(&repo),
        "--listen",
        "127.0.0.1:{port}",
        "--access-log",
        text(&log),
        "--anonymous",
        "--admin",
        &format!("127.0.0.1:{admin}"),
        "--admin-token",
        text(&token),
    ]);
    assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    let platform = updraft::release::Platform::current();
    let agent = format!("updraft/0.1.0 (stable/{platform}/1)");
    for _ in 0..3 {
        ask(server.addr, "GET", "/metadata/timestamp.json", &[("User-Agent", &agent)]);
    }
    ask(server.addr, "GET", "/secret\"x", &[]);
    let admin = SocketAddr::from(([127, 0, 0, 1], admin));
    let numbers = String::from_utf8(ask(admin, "GET", "/metrics", &[]).body).unwrap();
    for line in [
        "updraft_requests_total{status=\"200\"} 3",
        "updraft_requests_total{status=\"400\"} 1",
        "updraft_connections_total 4",
        &format!(
            "updraft_clients{{project=\"\",channel=\"stable\",platform=\"{platform}\",release=\"1\"}} 1"
        ),
    ] {
        assert!(numbers.lines().any(|found| found == line), "{line} is not in\n{numbers}");
    }
    assert_eq!(ask(server.addr, "GET", "/metrics", &[]).status, 404, "never on the public listener");
    let lines = || fs::read_to_string(&log).unwrap_or_default();
    wait_for("the log", || lines().lines().count() == 5);
    assert!(lines().starts_with("127.0.0.0 - - ["), "{}", lines());
    assert!(lines().contains("\"GET /secret\\\"x HTTP/1.1\" 400 "), "{}", lines());
    assert!(lines().contains(&format!("\"{agent}\"")));
    fs::rename(&log, vendor.path("access.log.1")).unwrap();
    server.signal("-HUP");
    server.waits_for("Settings were read again");
    ask(server.addr, "GET", "/metadata/timestamp.json", &[]);
    wait_for("the new log", || lines().lines().count() == 1);
    server.end();
}

/// A server that has all the clients it bears lets further ones wait, and serves them all.
#[test]
fn more_clients_than_a_server_bears_wait_and_are_served() {
    let vendor = Vendor::new();
    vendor.put("app", noise(1, 1_000_000));
    vendor.publish("1");
    let repo = vendor.repo();
    let server =
        Server::begin(&[text(&repo), "--listen", "127.0.0.1:{port}", "--connections", "3", "--quiet"]);
    let all = crate::vendor::files(&repo);
    let (object, bytes) = all.iter().find(|(_, bytes)| bytes.len() > 900_000).unwrap();
    let target = format!("/{object}");
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                let answer = ask(server.addr, "GET", &target, &[]);
                assert!(answer.status == 200 && answer.body == *bytes);
            });
        }
    });
    server.end();
}

/// A terminated server ends the answers under way, but does not wait for who asks nothing.
#[test]
fn a_server_ends_soon_though_idle_clients_stay_connected() {
    let vendor = Vendor::new();
    vendor.put("app", "x");
    vendor.publish("1");
    let repo = vendor.repo();
    let server = Server::begin(&[text(&repo), "--listen", "127.0.0.1:{port}"]);
    let idle: Vec<TcpStream> = (0..5).map(|_| TcpStream::connect(server.addr).unwrap()).collect();
    let mut kept = TcpStream::connect(server.addr).unwrap();
    kept.write_all(b"GET /metadata/timestamp.json HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    kept.read_exact(&mut [0; 100]).unwrap();
    let began = Instant::now();
    server.end();
    assert!(began.elapsed() < Duration::from_secs(9), "it waited for idle clients");
    drop((idle, kept));
}

/// `serve --watch` publishes and serves: an install updates to what was only laid into the folder.
#[test]
fn a_served_folder_is_published_and_reaches_an_install() {
    let mut world = World::new();
    write(world.build().join("app.txt"), "1");
    let (repo, build, keys) = (world.repo(), world.build(), world.keys());
    let server = Server::begin(&[
        text(&repo),
        "--listen",
        "127.0.0.1:{port}",
        "--quiet",
        "--watch",
        text(&build),
        "--settle",
        "0.5",
        "--fast",
        "--platform",
        "any",
        "--keys",
        text(&keys),
    ]);
    server.waits_for("Published App 1.0.0 (r1, stable, any)");
    world.source = server.addr.to_string();
    world.lay_updater();
    world.update();
    write(world.build().join("app.txt"), "2");
    server.waits_for("Published App 1.0.1 (r2, stable, any)");
    world.update();
    assert_eq!(fs::read(world.app().join("app.txt")).unwrap(), b"2");
    server.end();
}

#[test]
fn what_a_server_can_not_do_is_said_at_once() {
    let vendor = Vendor::new();
    vendor.put("app", "x");
    vendor.publish("1");
    let (repo, dir) = (vendor.repo(), vendor.path(""));
    let run = |args: &[&str]| ran(updraft().arg("serve").args(args).output().unwrap());
    let (repo, dir) = (text(&repo), text(&dir));
    let key = vendor.keys().join("release.key");
    for (args, code, part) in [
        (vec![repo, "--tls-cert", repo], 64, "--tls-key"),
        (vec![repo, "--tls-cert", text(&key), "--tls-key", text(&key)], 40, "no certificate"),
        (vec![dir, "--keys", dir], 64, "is not one repository"),
        (vec!["--project", "a/b=x"], 64, "can't be the name"),
        (vec!["--project", "a"], 64, "NAME=DIR"),
        (vec![repo, "--admin", "0.0.0.0:4531"], 64, "without TLS"),
        (vec![repo, "--build", dir], 64, "--admin"),
        (vec!["--config", repo, "--quiet"], 64, "--config"),
        (vec![], 64, "ROOT"),
    ] {
        let ran = run(&args);
        assert_eq!(ran.code, code, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(part), "{args:?}: {}", ran.err);
    }
    let token = vendor.path("token");
    fs::write(&token, "a-token-that-is-long-enough-for-this").unwrap();
    let open = run(&[repo, "--admin", "127.0.0.1:0", "--admin-token", text(&token)]);
    assert!(open.code == 40 && open.err.contains("can be read by others"), "{}", open.err);
}

/// The line of a key file that nobody else may see.
pub(crate) fn secret_of(key: &str) -> String {
    let after = key.lines().skip_while(|line| !line.contains("BEGIN PRIVATE KEY")).nth(1);
    let secret = after.expect("a private key").to_owned();
    assert!(secret.len() > 40, "{secret}");
    secret
}
