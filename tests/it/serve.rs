//! Serving: what goes out, what never does, and that any static server does as well.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test looks at files by itself")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::nginx;
use crate::vendor::{Vendor, files, noise, updraft, write};

/// A server process that ends with the test.
struct Running {
    child: Child,
    addr: SocketAddr,
    urls: Vec<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn serve(root: &Path) -> Running {
    let mut child = updraft()
        .arg("serve")
        .arg(root)
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut urls = Vec::new();
    for line in lines.by_ref() {
        let line = line.unwrap();
        urls.extend(line.strip_prefix("  http://").map(str::to_owned));
        if line.starts_with("Press") {
            break;
        }
    }
    // The access log must be read, or the server would wait for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    let addr = urls[0].split('/').next().unwrap().parse().unwrap();
    Running { child, addr, urls }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// One request, sent as it is.
pub(crate) fn ask(addr: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    ask_with(addr, method, target, headers, "")
}

/// One request with a body.
pub(crate) fn ask_with(
    addr: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut request = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request += &format!("Host: {addr}\r\n");
    }
    if !body.is_empty() {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    stream.write_all((request + "\r\n" + body).as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    parse(&bytes)
}

/// The answer in what came over a connection.
pub(crate) fn parse(bytes: &[u8]) -> Answer {
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..split].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[split + 4..].to_vec() }
}

fn filled() -> Vendor {
    let vendor = Vendor::new();
    vendor.put("big", noise(5, 3_000_000));
    vendor.put("text", "words ".repeat(1000));
    vendor.publish("1");
    vendor
}

fn public(repo: &Path) -> Vec<(String, Vec<u8>)> {
    let all = files(repo).into_iter();
    all.filter(|(name, _)| !name.starts_with(".work") && name != "project.json").collect()
}

/// What any server of a repository must do: whole files, ranges, entity tags that hold, clear misses.
fn serves_a_client(addr: SocketAddr, base: &str, repo: &Path) {
    for (name, bytes) in public(repo) {
        let target = format!("{base}/{name}");
        let whole = ask(addr, "GET", &target, &[]);
        assert_eq!((whole.status, &whole.body), (200, &bytes), "{name}");
        assert_eq!(whole.header("content-length"), Some(bytes.len().to_string().as_str()));
        let tag = whole.header("etag").unwrap().to_owned();
        assert!(tag.starts_with('"'), "{tag}");
        let head = ask(addr, "HEAD", &target, &[]);
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), whole.header("content-length"));
        let from = bytes.len() / 2;
        let range = format!("bytes={from}-");
        let part = ask(addr, "GET", &target, &[("Range", &range), ("If-Range", &tag)]);
        assert_eq!((part.status, &part.body[..]), (206, &bytes[from..]), "{name}");
        let place = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
        assert_eq!(part.header("content-range"), Some(place.as_str()));
        let other = ask(addr, "GET", &target, &[("Range", &range), ("If-Range", "\"other\"")]);
        assert_eq!((other.status, other.body.len()), (200, bytes.len()));
        let same = ask(addr, "GET", &target, &[("If-None-Match", &tag)]);
        assert_eq!((same.status, same.body.len()), (304, 0));
        let behind = format!("bytes={}-", bytes.len());
        assert_eq!(ask(addr, "GET", &target, &[("Range", &behind)]).status, 416);
    }
    assert_eq!(ask(addr, "GET", &format!("{base}/metadata/2.root.json"), &[]).status, 404);
    assert_eq!(ask(addr, "POST", &format!("{base}/metadata/root.json"), &[]).status, 405);
}

/// A08: our server and nginx over the same folder give a client the same.
#[test]
fn our_server_serves_a_client() {
    let vendor = filled();
    let server = serve(&vendor.repo());
    assert_eq!(server.urls, [format!("{}/", server.addr)]);
    serves_a_client(server.addr, "", &vendor.repo());
}

/// A08: nginx without any setting of ours serves a client as well.
#[test]
fn nginx_serves_a_client_as_well() {
    let vendor = filled();
    let Some((child, addr)) = nginx::start(&vendor.repo(), &vendor.path("nginx")) else { return };
    let running = Running { child, addr, urls: Vec::new() };
    serves_a_client(running.addr, "", &vendor.repo());
}

/// A09: no path leads out of a repository's public folders, and nothing can be written.
#[test]
fn nothing_outside_the_repository_is_read_and_nothing_is_written() {
    let vendor = filled();
    write(&vendor.path("secret"), b"SECRET");
    let repo = vendor.repo();
    std::os::unix::fs::symlink(vendor.path("secret"), repo.join("metadata/out.json")).unwrap();
    std::os::unix::fs::symlink(vendor.keys(), repo.join("targets/keys")).unwrap();
    write(&repo.join("stray.key"), b"SECRET");
    let paths = [
        "/../secret",
        "/metadata/../../secret",
        "/%2e%2e/secret",
        "/metadata/%2e%2e/%2E%2E/secret",
        "/metadata/..%2f..%2fsecret",
        "/metadata/..%5c..%5csecret",
        "/metadata\\..\\..\\secret",
        "//etc/passwd",
        "/metadata//etc/passwd",
        "/C:/Windows/win.ini",
        "/c%3A/secret",
        "/metadata/root.json%00.txt",
        "/metadata/%00",
        "/metadata/out.json",
        "/targets/keys/release.key",
        "/stray.key",
        "/project.json",
        "/.work/lock",
        "/",
        "/metadata",
        "/metadata/",
        "/objects/",
        "/%",
        "/%g0/x",
        "/metadata/%ff",
        "/%252e%252e/secret",
        "../secret",
        "/metadata/root.json/x",
        "/metadata/./root.json",
    ];
    let single = serve(&repo);
    let parent = serve(&vendor.path(""));
    let mut targets: Vec<(SocketAddr, String)> = Vec::new();
    for path in paths {
        targets.push((single.addr, path.to_owned()));
        targets.push((parent.addr, format!("/repo{path}")));
        targets.push((parent.addr, path.to_owned()));
    }
    for path in ["/keys/release.key", "/secret", "/repo/../keys/release.key", "/keys/metadata/x"] {
        targets.push((parent.addr, path.to_owned()));
    }
    targets.push((single.addr, format!("http://{}/../secret", single.addr)));
    for (addr, target) in targets {
        let answer = ask(addr, "GET", &target, &[]);
        assert!((400..500).contains(&answer.status), "{target}: {}", answer.status);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!body.contains("SECRET") && !body.contains("root:") && !body.contains("private"), "{target}");
    }
    let before = files(&repo.join("metadata"));
    for method in ["PUT", "POST", "DELETE", "PATCH", "OPTIONS", "MKCOL", "TRACE"] {
        for path in ["/metadata/timestamp.json", "/objects/new", "/"] {
            let answer = ask(single.addr, method, path, &[("Content-Length", "0")]);
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some("GET, HEAD"));
        }
    }
    assert_eq!(files(&repo.join("metadata")), before);
}

#[test]
fn tags_caching_and_ranges_are_as_promised() {
    let vendor = filled();
    let server = serve(&vendor.path(""));
    assert_eq!(server.urls, [format!("{}/repo/", server.addr)]);
    let all = public(&vendor.repo());
    let (object, bytes) = all.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap();
    let size = bytes.len();
    assert!(size > 2_900_000);
    let target = format!("/repo/{object}");
    let whole = ask(server.addr, "GET", &target, &[]);
    let digest = object.rsplit('/').next().unwrap();
    assert_eq!(whole.header("etag"), Some(format!("\"{digest}\"").as_str()));
    assert!(whole.header("cache-control").unwrap().contains("immutable"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    for (range, status, body) in [
        ("bytes=0-0", 206, &bytes[..1]),
        ("bytes=1000000-2000000", 206, &bytes[1_000_000..=2_000_000]),
        ("bytes=-5", 206, &bytes[bytes.len() - 5..]),
        ("bytes=0-1,5-6", 200, &bytes[..]),
        ("junk", 200, &bytes[..]),
    ] {
        let part = ask(server.addr, "GET", &target, &[("Range", range)]);
        assert_eq!((part.status, &part.body[..]), (status, body), "{range}");
    }
    let none = ask(server.addr, "GET", &target, &[("Range", &format!("bytes={size}-"))]);
    assert_eq!((none.status, none.header("content-range")), (416, Some(format!("bytes */{size}").as_str())));
    let stamp = ask(server.addr, "GET", "/repo/metadata/timestamp.json", &[]);
    assert_eq!(stamp.header("cache-control"), Some("no-cache"));
    vendor.put("more", "x");
    vendor.publish("2");
    let later = ask(server.addr, "GET", "/repo/metadata/timestamp.json", &[]);
    assert_ne!(later.header("etag"), stamp.header("etag"));
    assert_ne!(later.body, stamp.body);
}

#[test]
fn a_server_without_a_repository_or_a_port_says_so() {
    let vendor = Vendor::bare();
    let nothing = crate::vendor::ran(updraft().arg("serve").arg(vendor.path("")).output().unwrap());
    assert_eq!(nothing.code, 50);
    assert!(nothing.err.contains("is no repository"), "{}", nothing.err);
    let vendor = Vendor::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let busy = updraft().arg("serve").arg(vendor.repo()).args(["--listen", &addr]).output().unwrap();
    let busy = crate::vendor::ran(busy);
    assert_eq!(busy.code, 64);
    assert!(busy.err.contains("can't listen") && busy.err.contains("--listen"), "{}", busy.err);
}

/// Two hundred clients at once get all their bytes.
#[test]
fn many_clients_at_once_are_served() {
    let vendor = filled();
    let server = serve(&vendor.repo());
    let (object, bytes) =
        public(&vendor.repo()).into_iter().find(|(_, bytes)| bytes.len() > 2_000_000).unwrap();
    let target = format!("/{object}");
    std::thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                let answer = ask(server.addr, "GET", &target, &[]);
                assert!(answer.status == 200 && answer.body == bytes);
            });
        }
    });
}

/// Ctrl-C ends the server, after the answer under way.
#[test]
fn an_interrupt_ends_the_server_after_the_answers_under_way() {
    let vendor = filled();
    let mut server = serve(&vendor.repo());
    let (object, bytes) =
        public(&vendor.repo()).into_iter().find(|(_, bytes)| bytes.len() > 2_000_000).unwrap();
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.write_all(format!("GET /{object} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let mut first = [0; 1000];
    stream.read_exact(&mut first).unwrap();
    let kill = Command::new("kill").arg("-INT").arg(server.child.id().to_string()).status().unwrap();
    assert!(kill.success());
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(&bytes[bytes.len() - 1000..]));
    assert!(server.child.wait().unwrap().success());
}
