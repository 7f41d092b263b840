//! A web server over a folder that misbehaves on demand: real TCP on loopback, one thread a connection.
//!
//! ```ignore
//! let server = FaultServer::serve_folder(dir).script(|asked| match asked.number {
//!     0 => Some(Fault::CutAfter(1000)),
//!     _ => None,
//! });
//! let url = server.url();            // "http://127.0.0.1:port"
//! server.stop(); server.restart();   // same port
//! assert_eq!(server.requests()[1].range, Some((1000, None)));
//! ```

#![expect(clippy::disallowed_methods, reason = "a test server reads files as they are")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// A request as the script sees it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Its place among all requests, from 0.
    pub(crate) number: usize,
    /// Its place among the requests for this path, from 0.
    pub(crate) again: usize,
    /// The path, with its leading `/`.
    pub(crate) path: String,
    /// The range asked for: first byte, and last byte if told.
    pub(crate) range: Option<(u64, Option<u64>)>,
    /// The entity tag the range is tied to.
    pub(crate) if_range: Option<String>,
}

/// A request as it was answered.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// The path, with its leading `/`.
    pub(crate) path: String,
    /// The range asked for.
    pub(crate) range: Option<(u64, Option<u64>)>,
    /// The entity tag the range was tied to.
    pub(crate) if_range: Option<String>,
    /// The status; 0 if the connection was closed without an answer.
    pub(crate) status: u16,
    /// Bytes of the body that were sent.
    pub(crate) sent: u64,
    /// The connection it came on, from 0.
    pub(crate) connection: usize,
}

/// What goes wrong with one request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The connection is closed without an answer.
    Refuse,
    /// The connection breaks after so many bytes of the body; the length announced is the right one.
    CutAfter(u64),
    /// After so many bytes of the body nothing comes any more, but the connection stays open.
    StallAfter(u64),
    /// The body comes at so many bytes a second.
    Trickle(u64),
    /// Only the first bytes of the file exist; the length announced says so too.
    ShortFile(u64),
    /// A range is ignored: 200 and the whole file.
    IgnoreRange,
    /// The right bytes under a `Content-Range` with this text.
    ContentRange(String),
    /// The bytes from somewhere else, under the `Content-Range` of where they are from.
    OtherPlace(u64),
    /// This status and nothing else.
    Status(u16),
    /// This status with a `Retry-After` in seconds.
    RetryAfter(u16, u64),
    /// The right answer under this entity tag; a range tied to another one is answered in full.
    Etag(String),
    /// The right bytes, said to be compressed.
    Gzip,
    /// A redirect to this address.
    Redirect(String),
    /// A redirect to itself.
    RedirectLoop,
    /// A page of the network that wants a log-in, with 200.
    Page,
    /// A body without a length that never ends; it begins with the right bytes.
    Endless,
    /// The right length, but this byte of the file is changed.
    Flip(u64),
}

type Script = dyn FnMut(&Asked) -> Option<Fault> + Send;

struct Shared {
    folder: PathBuf,
    script: Mutex<Box<Script>>,
    served: Mutex<Vec<Served>>,
    streams: Mutex<Vec<TcpStream>>,
    stopping: AtomicBool,
    connections: Mutex<usize>,
}

/// The server. It stops when dropped.
pub(crate) struct FaultServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

impl FaultServer {
    /// Serves the files below `folder`, faultless until told otherwise.
    pub(crate) fn serve_folder(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            folder: folder.to_path_buf(),
            script: Mutex::new(Box::new(|_| None)),
            served: Mutex::new(Vec::new()),
            streams: Mutex::new(Vec::new()),
            stopping: AtomicBool::new(false),
            connections: Mutex::new(0),
        });
        let server = Self { address, shared, listener: Mutex::new(None) };
        server.listen(listener);
        server
    }

    /// Asks `script` before every answer what shall go wrong with it.
    pub(crate) fn script(self, script: impl FnMut(&Asked) -> Option<Fault> + Send + 'static) -> Self {
        self.rescript(script);
        self
    }

    /// The same on a running server.
    pub(crate) fn rescript(&self, script: impl FnMut(&Asked) -> Option<Fault> + Send + 'static) {
        *lock(&self.shared.script) = Box::new(script);
    }

    /// The address, `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address and port alone.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests so far, in the order they came. The bytes sent of one still running are those so far.
    pub(crate) fn requests(&self) -> Vec<Served> {
        lock(&self.shared.served).clone()
    }

    /// Bytes of bodies sent so far.
    pub(crate) fn bytes_sent(&self) -> u64 {
        lock(&self.shared.served).iter().map(|served| served.sent).sum()
    }

    /// Closes the port and every connection.
    pub(crate) fn stop(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for stream in lock(&self.shared.streams).drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
        // Wakes the listener out of its wait.
        TcpStream::connect(self.address).ok();
        if let Some(listener) = lock(&self.listener).take() {
            listener.join().ok();
        }
        for stream in lock(&self.shared.streams).drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    /// Opens the same port again.
    pub(crate) fn restart(&self) {
        self.shared.stopping.store(false, Ordering::SeqCst);
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => return self.listen(listener),
                Err(error) if Instant::now() > end => panic!("the port is not free again: {error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn listen(&self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("fault-server".to_owned()).spawn(move || {
            for stream in listener.incoming() {
                if shared.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&shared);
                if let Ok(copy) = stream.try_clone() {
                    lock(&shared.streams).push(copy);
                }
                let serve = move || connection(&shared, stream);
                std::thread::Builder::new().name("fault-conn".to_owned()).spawn(serve).ok();
            }
        });
        *lock(&self.listener) = Some(thread.expect("a thread"));
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connection(shared: &Shared, stream: TcpStream) {
    let number = {
        let mut connections = lock(&shared.connections);
        *connections += 1;
        *connections - 1
    };
    stream.set_nodelay(true).ok();
    let Ok(copy) = stream.try_clone() else { return };
    let (mut reader, mut stream) = (BufReader::new(copy), stream);
    while let Some((path, range, if_range)) = read_request(&mut reader) {
        let (at, asked) = {
            let mut served = lock(&shared.served);
            let again = served.iter().filter(|earlier| earlier.path == path).count();
            let asked =
                Asked { number: served.len(), again, path: path.clone(), range, if_range: if_range.clone() };
            served.push(Served { path, range, if_range, status: 0, sent: 0, connection: number });
            (served.len() - 1, asked)
        };
        let fault = (lock(&shared.script))(&asked);
        let go_on = answer(shared, &mut stream, at, &asked, fault).unwrap_or(false);
        if !go_on || shared.stopping.load(Ordering::SeqCst) {
            break;
        }
    }
    stream.shutdown(Shutdown::Both).ok();
}

type Parsed = (String, Option<(u64, Option<u64>)>, Option<String>);

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Parsed> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|got| *got > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut range, mut if_range) = (None, None);
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|got| *got > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => range = parse_range(value.trim()),
            "if-range" => if_range = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    Some((path, range, if_range))
}

fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()))
}

/// Answers one request; returns whether the connection may go on.
fn answer(
    shared: &Shared,
    stream: &mut TcpStream,
    at: usize,
    asked: &Asked,
    fault: Option<Fault>,
) -> std::io::Result<bool> {
    if matches!(fault, Some(Fault::Refuse)) {
        return Ok(false);
    }
    let head = |status: u16, more: &str, length: Option<u64>| {
        lock(&shared.served)[at].status = status;
        head(status, more, length)
    };
    if let Some((status, more, body)) = fault.as_ref().and_then(|fault| bodiless(fault, asked)) {
        let text = head(status, &more, Some(body.len() as u64)) + body;
        stream.write_all(text.as_bytes())?;
        return Ok(true);
    }
    let Some((mut file, metadata)) = open(&shared.folder, &asked.path) else {
        stream.write_all(head(404, "", Some(0)).as_bytes())?;
        return Ok(true);
    };
    let size = match fault {
        Some(Fault::ShortFile(size)) => size.min(metadata.len()),
        _ => metadata.len(),
    };
    let etag = match &fault {
        Some(Fault::Etag(etag)) => etag.clone(),
        _ => {
            let written = metadata.modified().ok().and_then(|when| when.duration_since(UNIX_EPOCH).ok());
            format!("\"{}-{}\"", metadata.len(), written.unwrap_or_default().as_nanos())
        }
    };
    let tied = asked.if_range.as_ref().is_none_or(|tag| *tag == etag);
    let range = asked.range.filter(|_| tied && !matches!(fault, Some(Fault::IgnoreRange)));
    let mut more = format!("ETag: {etag}\r\nAccept-Ranges: bytes\r\n");
    if matches!(fault, Some(Fault::Gzip)) {
        more += "Content-Encoding: gzip\r\n";
    }
    let (status, mut first, mut end) = match range {
        Some((first, _)) if first >= size => {
            let text = head(416, &format!("Content-Range: bytes */{size}\r\n"), Some(0));
            stream.write_all(text.as_bytes())?;
            return Ok(true);
        }
        Some((first, last)) => (206, first, last.map_or(size, |last| (last + 1).min(size))),
        None => (200, 0, size),
    };
    if let Some(Fault::OtherPlace(place)) = fault {
        let length = end - first;
        first = place.min(size.saturating_sub(1));
        end = (first + length).min(size);
    }
    if status == 206 {
        let said = match &fault {
            Some(Fault::ContentRange(text)) => text.clone(),
            _ => format!("bytes {first}-{}/{size}", end - 1),
        };
        more += &format!("Content-Range: {said}\r\n");
    }
    let endless = matches!(fault, Some(Fault::Endless));
    if endless {
        more += "Connection: close\r\n";
    }
    stream.write_all(head(status, &more, (!endless).then_some(end - first)).as_bytes())?;
    file.seek(SeekFrom::Start(first))?;
    send(shared, stream, at, &mut file, first..end, fault.as_ref())
}

fn head(status: u16, more: &str, length: Option<u64>) -> String {
    let length = length.map(|length| format!("Content-Length: {length}\r\n")).unwrap_or_default();
    format!("HTTP/1.1 {status} Scripted\r\n{length}{more}\r\n")
}

/// Status, headers and body of a fault that has nothing to do with the file.
fn bodiless(fault: &Fault, asked: &Asked) -> Option<(u16, String, &'static str)> {
    Some(match fault {
        Fault::Status(status) => (*status, String::new(), ""),
        Fault::RetryAfter(status, after) => (*status, format!("Retry-After: {after}\r\n"), ""),
        Fault::Redirect(to) => (302, format!("Location: {to}\r\n"), ""),
        Fault::RedirectLoop => (302, format!("Location: {}\r\n", asked.path), ""),
        Fault::Page => {
            let kind = "Content-Type: text/html; charset=utf-8\r\n".to_owned();
            (200, kind, "<html><body>Please log in.</body></html>")
        }
        _ => return None,
    })
}

fn open(folder: &Path, path: &str) -> Option<(File, std::fs::Metadata)> {
    let path = path.trim_start_matches('/');
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    let file = File::open(folder.join(path)).ok()?;
    let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some((file, metadata))
}

fn send(
    shared: &Shared,
    stream: &mut TcpStream,
    at: usize,
    file: &mut File,
    bytes: std::ops::Range<u64>,
    fault: Option<&Fault>,
) -> std::io::Result<bool> {
    let mut buffer = vec![0; 64 * 1024];
    let mut place = bytes.start;
    let sent = |place: u64| place - bytes.start;
    loop {
        let mut most = bytes.end - place;
        match fault {
            Some(Fault::CutAfter(limit)) if sent(place) >= *limit => return Ok(false),
            Some(Fault::StallAfter(limit)) if sent(place) >= *limit => return stall(shared, stream),
            Some(Fault::CutAfter(limit) | Fault::StallAfter(limit)) => most = most.min(limit - sent(place)),
            Some(Fault::Trickle(rate)) => {
                most = most.min((*rate / 20).max(1));
                std::thread::sleep(Duration::from_millis(50));
            }
            _ => {}
        }
        if most == 0 && matches!(fault, Some(Fault::Endless)) {
            buffer.fill(b'x');
            stream.write_all(&buffer)?;
            lock(&shared.served)[at].sent += buffer.len() as u64;
            continue;
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(buffer.len());
        let got = file.read(&mut buffer[..most])?;
        if got == 0 {
            return Ok(true);
        }
        if let Some(Fault::Flip(flip)) = fault
            && let Some(index) = flip.checked_sub(place).and_then(|index| usize::try_from(index).ok())
            && index < got
        {
            buffer[index] ^= 0x55;
        }
        stream.write_all(&buffer[..got])?;
        lock(&shared.served)[at].sent += got as u64;
        place += got as u64;
    }
}

/// Says nothing until the other side gives up or the server stops.
fn stall(shared: &Shared, stream: &TcpStream) -> std::io::Result<bool> {
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    let mut reader = stream;
    while !shared.stopping.load(Ordering::SeqCst) {
        match reader.read(&mut [0; 1]) {
            Ok(_) => break,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    Ok(false)
}
