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

mod answer;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use answer::answer;

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
    /// The connection is reset without an answer.
    Reset,
    /// The connection stays open, and nothing is answered.
    Silent,
    /// These bytes instead of an answer, then the end.
    Raw(&'static str),
    /// Headers as fast as they are taken, without an end.
    EndlessHead,
    /// A header that comes byte by byte, without an end.
    SlowHead,
    /// A hint (103) before the right answer.
    Hints,
    /// The connection breaks after so many bytes of the body; the length announced is the right one.
    CutAfter(u64),
    /// The connection is reset after so many bytes of the body.
    ResetAfter(u64),
    /// After so many bytes of the body nothing comes any more, but the connection stays open.
    StallAfter(u64),
    /// The body comes at so many bytes a second.
    Trickle(u64),
    /// Only the first bytes of the file exist; the length announced says so too.
    ShortFile(u64),
    /// This length is announced, and no more than that of the right bytes is sent.
    Length(u64),
    /// The right bytes in chunks, without a length.
    Chunked,
    /// So many of the right bytes in chunks, and a proper end.
    ChunkedShort(u64),
    /// So many of the right bytes in chunks, and the connection breaks.
    ChunkedCut(u64),
    /// So many of the right bytes without any length; the end of the connection is the end of the body.
    ToClose(u64),
    /// A range is ignored: 200 and the whole file.
    IgnoreRange,
    /// 206 also where no range was asked for.
    Partial,
    /// The right bytes under a `Content-Range` with this text.
    ContentRange(String),
    /// The bytes from somewhere else, under the `Content-Range` of where they are from.
    OtherPlace(u64),
    /// This status and nothing else.
    Status(u16),
    /// This status with a `Retry-After` in seconds.
    RetryAfter(u16, u64),
    /// This status with a web page.
    StatusPage(u16),
    /// The right answer under this entity tag; a range tied to another one is answered in full.
    Etag(String),
    /// Other content of the same length under this entity tag; a range tied to another one is answered in full.
    Other(String),
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
    /// Wrong bytes, and the connection breaks after so many.
    Poison(u64),
    /// The right answer, and behind it another one that nobody asked for.
    Extra,
}

type Script = dyn FnMut(&Asked) -> Option<Fault> + Send;

struct Shared {
    folder: PathBuf,
    script: Mutex<Box<Script>>,
    served: Mutex<Vec<Served>>,
    streams: Mutex<HashMap<usize, TcpStream>>,
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
        // Where the whole of 127/8 is this machine, every server has an address of its own: a port that is closed for a
        // while stays free.
        #[cfg(target_os = "linux")]
        let host = {
            static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
            let id = std::process::id().wrapping_mul(7919).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
            format!("127.{}.{}.{}", 1 + id / 62_500 % 250, 1 + id / 250 % 250, 1 + id % 250)
        };
        #[cfg(not(target_os = "linux"))]
        let host = "127.0.0.1";
        Self::serve_folder_at(folder, &format!("{host}:0"))
    }

    /// The same at an address of choice.
    pub(crate) fn serve_folder_at(folder: &Path, address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            folder: folder.to_path_buf(),
            script: Mutex::new(Box::new(|_| None)),
            served: Mutex::new(Vec::new()),
            streams: Mutex::default(),
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
        for (_, stream) in lock(&self.shared.streams).drain() {
            stream.shutdown(Shutdown::Both).ok();
        }
        // Wakes the listener out of its wait.
        TcpStream::connect(self.address).ok();
        if let Some(listener) = lock(&self.listener).take() {
            listener.join().ok();
        }
        for (_, stream) in lock(&self.shared.streams).drain() {
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
                let number = {
                    let mut connections = lock(&shared.connections);
                    *connections += 1;
                    *connections - 1
                };
                if let Ok(copy) = stream.try_clone() {
                    lock(&shared.streams).insert(number, copy);
                }
                let serve = move || {
                    connection(&shared, stream, number);
                    lock(&shared.streams).remove(&number);
                };
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

fn connection(shared: &Shared, stream: TcpStream, number: usize) {
    stream.set_nodelay(true).ok();
    few_buffers(&stream);
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

/// Keeps what the system takes in advance small, so that bytes counted as sent are nearly those received.
#[cfg(unix)]
fn few_buffers(stream: &TcpStream) {
    rustix::net::sockopt::set_socket_send_buffer_size(stream, 64 * 1024).ok();
}

#[cfg(not(unix))]
fn few_buffers(_stream: &TcpStream) {}

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
