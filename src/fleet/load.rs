//! A load for proofs and demonstrations: many clients that ask without a pause, on new and on kept connections, and
//! count every request that did not get a whole good answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(60);

/// What is asked, and how.
#[derive(Debug, Clone)]
pub struct Load {
    /// Where.
    pub address: SocketAddr,
    /// Clients that keep their connection as long as the server lets them.
    pub keeping: usize,
    /// Clients that make a new connection for each request.
    pub fresh: usize,
    /// The pause of each client between two requests.
    pub pause: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests with a whole good answer.
    pub good: u64,
    /// All others.
    pub failed: u64,
    /// The first reasons.
    pub reasons: Vec<String>,
    /// Good answers by their first line: here the version that gave them.
    pub by_answer: BTreeMap<String, u64>,
    /// Times of good requests in microseconds: half, 99 of 100, the longest.
    pub micros: (u64, u64, u64),
}

#[derive(Debug, Default)]
struct Tally {
    good: AtomicU64,
    failed: AtomicU64,
    stop: AtomicBool,
    rest: Mutex<Rest>,
}

#[derive(Debug, Default)]
struct Rest {
    reasons: Vec<String>,
    by_answer: BTreeMap<String, u64>,
    micros: Vec<u32>,
}

/// A load under way.
#[derive(Debug)]
pub struct Running {
    tally: Arc<Tally>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Tally {
    fn note(&self, reused: bool, why: &str) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.reasons.len() < 20 {
            let kind = if reused { "kept" } else { "new" };
            rest.reasons.push(format!("{kind} connection: {why}"));
        }
    }
}

impl Load {
    /// Begins; each client is a task of the event queue around it.
    #[must_use]
    pub fn begin(&self) -> Running {
        let tally = Arc::new(Tally::default());
        let client = |keeps: bool| tokio::spawn(client(self.clone(), keeps, Arc::clone(&tally)));
        let kept = (0..self.keeping).map(|_| client(true));
        let fresh = (0..self.fresh).map(|_| client(false));
        let clients = kept.chain(fresh).collect();
        Running { tally, clients }
    }
}

impl Running {
    /// Good and failed requests so far.
    #[must_use]
    pub fn so_far(&self) -> (u64, u64) {
        (self.tally.good.load(Ordering::Relaxed), self.tally.failed.load(Ordering::Relaxed))
    }

    /// Good answers so far by their first line.
    #[must_use]
    pub fn by_answer(&self) -> BTreeMap<String, u64> {
        self.tally.rest.lock().unwrap_or_else(PoisonError::into_inner).by_answer.clone()
    }

    /// Lets each client end its request, and gives the counts.
    pub async fn end(self) -> Report {
        self.tally.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.await.ok();
        }
        let mut rest = std::mem::take(&mut *self.tally.rest.lock().unwrap_or_else(PoisonError::into_inner));
        rest.micros.sort_unstable();
        let at = |part: usize| {
            let last = rest.micros.len().saturating_sub(1);
            rest.micros.get(last * part / 100).copied().map_or(0, u64::from)
        };
        Report {
            good: self.tally.good.load(Ordering::SeqCst),
            failed: self.tally.failed.load(Ordering::SeqCst),
            micros: (at(50), at(99), at(100)),
            reasons: rest.reasons,
            by_answer: rest.by_answer,
        }
    }
}

async fn client(load: Load, keeps: bool, tally: Arc<Tally>) {
    let mut kept: Option<TcpStream> = None;
    while !tally.stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let reused = kept.is_some();
        let asked = tokio::time::timeout(LIMIT, ask(load.address, kept.take(), keeps)).await;
        let answered = asked.unwrap_or_else(|_late| Err("no answer in time".to_owned()));
        match answered {
            Ok((line, stream)) => {
                kept = stream;
                tally.good.fetch_add(1, Ordering::Relaxed);
                let micros = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
                let mut rest = tally.rest.lock().unwrap_or_else(PoisonError::into_inner);
                *rest.by_answer.entry(line).or_default() += 1;
                rest.micros.push(micros);
            }
            Err(why) => {
                tally.failed.fetch_add(1, Ordering::Relaxed);
                tally.note(reused, &why);
                // A server that is down must not be asked a million times.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        if !load.pause.is_zero() {
            tokio::time::sleep(load.pause).await;
        }
    }
}

/// One request. Gives the first line of the answer's body, and the connection if it may be used again.
async fn ask(
    address: SocketAddr,
    kept: Option<TcpStream>,
    keeps: bool,
) -> Result<(String, Option<TcpStream>), String> {
    let mut stream = match kept {
        Some(stream) => stream,
        None => TcpStream::connect(address).await.map_err(|why| format!("connect: {why}"))?,
    };
    stream.set_nodelay(true).ok();
    let how = if keeps { "keep-alive" } else { "close" };
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: {how}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|why| format!("send: {why}"))?;
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) => return Err(format!("the connection ended after {} bytes", bytes.len())),
            Ok(_) => {}
            Err(why) => return Err(format!("receive: {why}")),
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    if !text.starts_with("http/1.1 200") {
        return Err(text.lines().next().unwrap_or_default().to_owned());
    }
    let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let length: usize = header("content-length:").and_then(|text| text.parse().ok()).ok_or("no length")?;
    while bytes.len() < head + length {
        match stream.read_buf(&mut bytes).await {
            Ok(0) => return Err("the answer is cut off".to_owned()),
            Ok(_) => {}
            Err(why) => return Err(format!("receive: {why}")),
        }
    }
    let body = String::from_utf8_lossy(&bytes[head..head + length]);
    let line = body.lines().next().unwrap_or_default().to_owned();
    let stays = keeps && header("connection:").is_none_or(|value| value != "close");
    Ok((line, stays.then_some(stream)))
}
