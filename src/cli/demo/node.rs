//! A small real HTTP server that keeps the contract of `serve_ready`: the node of demonstrations and proofs.
//! `examples/fleet_node.rs` is the same program on its own.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::api::{Begin, startup};
use crate::fsx;
use crate::host::serve_ready::{self, Drain, LINGER};

/// Most bytes of the head of a request.
const MAX_HEAD: usize = 16 * 1024;
/// How long connections may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

struct Node {
    version: String,
    is_well: bool,
    drain: Drain,
}

/// Runs the node. Its only arguments are addresses to listen at where no socket is passed.
///
/// The file `version.txt` beside it is what it answers; `behave.txt` makes it a bad release: `crash`, `hang` (never
/// ready), `sick` (its health fails). Versions that end with the variable `FLEET_NODE_SICK` are sick here alone.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(code) = crate::cli::updater::stand_in() {
        return code;
    }
    if startup() == Begin::Exit {
        return ExitCode::SUCCESS;
    }
    let beside =
        std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_path_buf())).unwrap_or_default();
    let version = line(beside.join("version.txt")).unwrap_or_else(|| "without version".to_owned());
    let behaviour = line(beside.join("behave.txt")).unwrap_or_default();
    match behaviour.as_str() {
        "crash" => return ExitCode::from(3),
        "hang" => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        _ => {}
    }
    // A release that is good elsewhere may be bad on one machine.
    let is_sick =
        behaviour == "sick" || std::env::var("FLEET_NODE_SICK").is_ok_and(|bad| version.ends_with(&bad));
    let node = Arc::new(Node { version, is_well: !is_sick, drain: Drain::new() });
    match serve(&node) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the node can't serve: {error}");
            ExitCode::FAILURE
        }
    }
}

fn line(path: PathBuf) -> Option<String> {
    Some(String::from_utf8_lossy(&fsx::read(&path, 4096).ok()?).trim().to_owned())
}

fn serve(node: &Arc<Node>) -> std::io::Result<()> {
    let addresses: Vec<SocketAddr> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let sockets = serve_ready::listen(&addresses)?;
    node.drain.begin_when_asked()?;
    let queue = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    queue.block_on(async {
        let accepting: Vec<_> = sockets
            .into_iter()
            .map(|socket| Ok(tokio::spawn(accept(Arc::clone(node), listener(socket)?))))
            .collect::<std::io::Result<_>>()?;
        serve_ready::ready()?;
        for task in accepting {
            task.await.map_err(std::io::Error::other)?;
        }
        serve_ready::stopping().ok();
        node.drain.ended(PATIENCE).await;
        Ok(())
    })
}

fn listener(socket: TcpListener) -> std::io::Result<tokio::net::TcpListener> {
    socket.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(socket)
}

/// Takes connections until the end is near. Who connects then waits in the socket for the next process.
async fn accept(node: Arc<Node>, listener: tokio::net::TcpListener) {
    loop {
        tokio::select! {
            biased;
            () = node.drain.begun() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _peer)) => {
                    let counted = node.drain.connection();
                    let node = Arc::clone(&node);
                    tokio::spawn(async move {
                        talk(&node, stream).await;
                        drop(counted);
                    });
                }
                Err(_no_room) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
}

/// Answers the requests of one connection.
async fn talk(node: &Node, mut stream: TcpStream) {
    stream.set_nodelay(true).ok();
    let mut bytes = Vec::new();
    loop {
        // Nothing came: the client is gone, sends nonsense, or was idle while we end.
        let Some(Some(head)) = node.drain.next(head(&mut stream, &mut bytes)).await else { return };
        let counted = node.drain.request();
        let (path, wants_close) = read(&head);
        let (status, body) = node.answer(&path).await;
        let closes = wants_close || node.drain.is_begun();
        let how = if closes { "close" } else { "keep-alive" };
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: {how}\r\n\r\n{body}");
        let sent = stream.write_all(answer.as_bytes()).await;
        drop(counted);
        if sent.is_err() {
            return;
        }
        if closes {
            return linger(stream).await;
        }
    }
}

/// Closes our side and reads on for a moment: what the client still sends must not turn into a reset that overtakes
/// the answer.
async fn linger(mut stream: TcpStream) {
    stream.shutdown().await.ok();
    let mut rest = [0; 1024];
    let read_on = async { while matches!(stream.read(&mut rest).await, Ok(count) if count > 0) {} };
    tokio::time::timeout(LINGER, read_on).await.ok();
}

/// The head of the next request; what came after it stays in `bytes`. Requests here have no body.
async fn head(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            let head = std::mem::replace(bytes, rest);
            return String::from_utf8(head).ok();
        }
        if bytes.len() > MAX_HEAD || stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// The path of a request, and whether its client closes afterwards.
fn read(head: &str) -> (String, bool) {
    let path = head.split_ascii_whitespace().nth(1).unwrap_or("/").to_owned();
    let says_close = |line: &str| {
        line.split_once(':').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("connection") && value.trim().eq_ignore_ascii_case("close")
        })
    };
    (path, head.lines().any(says_close))
}

impl Node {
    async fn answer(&self, path: &str) -> (&'static str, String) {
        match path.split_once('?').unwrap_or((path, "")) {
            ("/", _) => ("200 OK", format!("{}\n", self.version)),
            ("/health", _) if self.is_well => ("200 OK", "well\n".to_owned()),
            ("/health", _) => ("503 Service Unavailable", "sick\n".to_owned()),
            // One less: the question itself.
            ("/in-flight", _) => ("200 OK", format!("{}\n", self.drain.in_flight().saturating_sub(1))),
            ("/slow", millis) => {
                tokio::time::sleep(Duration::from_millis(millis.parse().unwrap_or(1000).min(60_000))).await;
                ("200 OK", format!("{}\n", self.version))
            }
            _ => ("404 Not Found", "nothing here\n".to_owned()),
        }
    }
}
