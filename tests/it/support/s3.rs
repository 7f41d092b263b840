//! A server that speaks like S3, on loopback. It comes with Python's package `moto`; `.ci/run` installs it.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests set up by hand"
)]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::world::{Running, free_port, wait_for};

/// The server with one bucket that everybody may read.
pub(crate) struct S3 {
    _server: Running,
    pub(crate) endpoint: String,
}

/// The Python that has `moto`: of the environment, or where `.ci/run` puts it.
fn python() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let usual = cache.join("updraft-s3/bin/python");
    let python = std::env::var_os("UPDRAFT_TEST_S3_PYTHON").map_or(usual, PathBuf::from);
    python.exists().then_some(python)
}

impl S3 {
    /// Starts it; nothing, with a word, where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(python) = python() else {
            assert!(std::env::var_os("UPDRAFT_TEST_ALL").is_none(), "moto is not installed");
            eprintln!("moto is not installed, so nothing was tested against a server that speaks like S3");
            return None;
        };
        let (port, script) =
            (free_port(), concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/s3_server.py"));
        let mut command = Command::new(python);
        command
            .arg(script)
            .arg(port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = Running(command.spawn().unwrap());
        wait_for("the S3 server", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let s3 = Self { _server: server, endpoint: format!("http://127.0.0.1:{port}") };
        s3.make_bucket(port);
        Some(s3)
    }

    /// A bucket that everybody may read, as `docs/stores.md` shows it.
    fn make_bucket(&self, port: u16) {
        let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}]}"#;
        put(port, "/bucket", b"");
        put(port, "/bucket?policy", policy.as_bytes());
    }

    /// Writes an object by hand.
    pub(crate) fn put(&self, key: &str, body: &[u8]) {
        let port = self.endpoint.rsplit(':').next().unwrap().parse().unwrap();
        put(port, &format!("/bucket/{key}"), body);
    }

    /// Where a client finds a repository.
    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("{}/bucket/{prefix}", self.endpoint)
    }

    /// Lets a program sign for it.
    pub(crate) fn let_in<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .env("UPDRAFT_ENDPOINT", &self.endpoint)
    }
}

fn put(port: u16, path: &str, body: &[u8]) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let sign =
        "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x";
    let length = body.len();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: {sign}\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.lines().next().unwrap();
    assert!(status.contains(" 200 ") || status.contains(" 204 "), "{path}: {answer}");
}
