//! How the server answers one request: as it should, or with a fault.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind, Read as _, Result, Seek as _, SeekFrom, Write as _};
use std::net::TcpStream;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use super::{Asked, Fault, Shared, lock};

/// How the end of a body is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
    ToClose,
}

/// What happens when as much was sent as is to be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The answer is whole.
    Whole,
    Cut,
    Reset,
    Stall,
    /// More, for ever.
    Endless,
}

/// Answers one request; returns whether the connection may go on.
pub(super) fn answer(
    shared: &Shared,
    stream: &mut TcpStream,
    at: usize,
    asked: &Asked,
    fault: Option<Fault>,
) -> Result<bool> {
    let fault = fault.as_ref();
    match fault {
        Some(Fault::Refuse) => return Ok(false),
        Some(Fault::Reset) => return reset(stream),
        Some(Fault::Silent) => return stall(shared, stream),
        Some(Fault::Raw(text)) => return stream.write_all(text.as_bytes()).map(|()| false),
        Some(Fault::EndlessHead) => return endless_head(shared, stream, 16 * 1024, Duration::ZERO),
        Some(Fault::SlowHead) => return endless_head(shared, stream, 1, Duration::from_millis(50)),
        Some(Fault::Hints) => stream.write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")?,
        _ => {}
    }
    let told = |status: u16| lock(&shared.served)[at].status = status;
    if let Some((status, more, body)) = fault.and_then(|fault| bodiless(fault, asked)) {
        told(status);
        let text = head(status, &more, Framing::Length(body.len() as u64)) + body;
        return stream.write_all(text.as_bytes()).map(|()| true);
    }
    let Some((file, metadata)) = open(&shared.folder, &asked.path) else {
        told(404);
        return stream.write_all(head(404, "", Framing::Length(0)).as_bytes()).map(|()| true);
    };
    let size = match fault {
        Some(Fault::ShortFile(size)) => metadata.len().min(*size),
        _ => metadata.len(),
    };
    let etag = etag(&metadata, fault);
    let tied = asked.if_range.as_ref().is_none_or(|tag| *tag == etag);
    let range = asked.range.filter(|_| tied && !matches!(fault, Some(Fault::IgnoreRange)));
    let whole = if matches!(fault, Some(Fault::Partial)) { Some((0, None)) } else { None };
    let (status, bytes) = match range.or(whole) {
        Some((first, _)) if first >= size => {
            told(416);
            let text = head(416, &format!("Content-Range: bytes */{size}\r\n"), Framing::Length(0));
            return stream.write_all(text.as_bytes()).map(|()| true);
        }
        Some((first, last)) => (206, first..last.map_or(size, |last| (last + 1).min(size))),
        None => (200, 0..size),
    };
    let bytes = match fault {
        Some(Fault::OtherPlace(place)) => {
            let first = (*place).min(size.saturating_sub(1));
            first..(first + bytes.end - bytes.start).min(size)
        }
        _ => bytes,
    };
    let (framing, most, end) = shape(fault, bytes.end - bytes.start);
    let mut more = format!("ETag: {etag}\r\nAccept-Ranges: bytes\r\n");
    if matches!(fault, Some(Fault::Gzip)) {
        more += "Content-Encoding: gzip\r\n";
    }
    if status == 206 {
        let said = match fault {
            Some(Fault::ContentRange(text)) => text.clone(),
            _ => format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1),
        };
        more += &format!("Content-Range: {said}\r\n");
    }
    told(status);
    stream.write_all(head(status, &more, framing).as_bytes())?;
    let chunked = framing == Framing::Chunked;
    let mut body = Body { shared, stream, at, file, fault, chunked };
    body.send(bytes.start..bytes.start + most)?;
    body.end(end)?;
    if matches!(fault, Some(Fault::Extra)) {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nextra")?;
    }
    Ok(end == End::Whole && framing != Framing::ToClose)
}

/// How a body of `length` bytes is framed, how many bytes of it are sent, and what comes then.
fn shape(fault: Option<&Fault>, length: u64) -> (Framing, u64, End) {
    let full = Framing::Length(length);
    let (framing, most, end) = match fault {
        Some(Fault::CutAfter(most) | Fault::Poison(most)) => (full, *most, End::Cut),
        Some(Fault::ResetAfter(most)) => (full, *most, End::Reset),
        Some(Fault::StallAfter(most)) => (full, *most, End::Stall),
        Some(Fault::Length(said)) if *said > length => (Framing::Length(*said), length, End::Cut),
        Some(Fault::Length(said)) => (Framing::Length(*said), *said, End::Whole),
        Some(Fault::Chunked) => (Framing::Chunked, length, End::Whole),
        Some(Fault::ChunkedShort(most)) => (Framing::Chunked, *most, End::Whole),
        Some(Fault::ChunkedCut(most)) => (Framing::Chunked, *most, End::Cut),
        Some(Fault::ToClose(most)) => (Framing::ToClose, *most, End::Whole),
        Some(Fault::Endless) => (Framing::ToClose, length, End::Endless),
        _ => (full, length, End::Whole),
    };
    // What breaks only beyond the end does not break.
    let breaks = most <= length || matches!(fault, Some(Fault::Length(_) | Fault::Endless));
    (framing, most.min(length), if breaks { end } else { End::Whole })
}

fn head(status: u16, more: &str, framing: Framing) -> String {
    let framing = match framing {
        Framing::Length(length) => format!("Content-Length: {length}\r\n"),
        Framing::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
        Framing::ToClose => "Connection: close\r\n".to_owned(),
    };
    format!("HTTP/1.1 {status} Scripted\r\n{framing}{more}\r\n")
}

/// Status, headers and body of a fault that has nothing to do with the file.
fn bodiless(fault: &Fault, asked: &Asked) -> Option<(u16, String, &'static str)> {
    const PAGE: &str = "<html><body>Please log in.</body></html>";
    let html = || "Content-Type: text/html; charset=utf-8\r\n".to_owned();
    Some(match fault {
        Fault::Status(status) => (*status, String::new(), ""),
        Fault::RetryAfter(status, after) => (*status, format!("Retry-After: {after}\r\n"), ""),
        Fault::StatusPage(status) => (*status, html(), PAGE),
        Fault::Redirect(to) => (302, format!("Location: {to}\r\n"), ""),
        Fault::RedirectLoop => (302, format!("Location: {}\r\n", asked.path), ""),
        Fault::Page => (200, html(), PAGE),
        _ => return None,
    })
}

fn open(folder: &Path, path: &str) -> Option<(File, Metadata)> {
    let path = path.trim_start_matches('/');
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    let file = File::open(folder.join(path)).ok()?;
    let metadata = file.metadata().ok().filter(Metadata::is_file)?;
    Some((file, metadata))
}

fn etag(metadata: &Metadata, fault: Option<&Fault>) -> String {
    match fault {
        Some(Fault::Etag(etag) | Fault::Other(etag)) => etag.clone(),
        _ => {
            let written = metadata.modified().ok().and_then(|when| when.duration_since(UNIX_EPOCH).ok());
            format!("\"{}-{}\"", metadata.len(), written.unwrap_or_default().as_nanos())
        }
    }
}

/// A body on its way.
struct Body<'a> {
    shared: &'a Shared,
    stream: &'a mut TcpStream,
    at: usize,
    file: File,
    fault: Option<&'a Fault>,
    chunked: bool,
}

impl Body<'_> {
    /// Sends these bytes of the file, some of them changed perhaps.
    fn send(&mut self, bytes: Range<u64>) -> Result<()> {
        self.file.seek(SeekFrom::Start(bytes.start))?;
        let mut buffer = vec![0; 64 * 1024];
        let mut place = bytes.start;
        while place < bytes.end {
            let mut most = bytes.end - place;
            if let Some(Fault::Trickle(rate)) = self.fault {
                most = most.min((*rate / 20).max(1));
                // What one byte takes at this rate, and never less than the twentieth of a second.
                std::thread::sleep(Duration::from_millis((1000 / (*rate).max(1)).max(50)));
                self.go_on()?;
            }
            let most = usize::try_from(most).unwrap_or(usize::MAX).min(buffer.len());
            let got = self.file.read(&mut buffer[..most])?;
            if got == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            change(self.fault, place, &mut buffer[..got]);
            self.put(&buffer[..got])?;
            place += got as u64;
        }
        Ok(())
    }

    fn end(&mut self, end: End) -> Result<()> {
        match end {
            End::Whole if self.chunked => self.stream.write_all(b"0\r\n\r\n"),
            End::Whole | End::Cut => Ok(()),
            End::Reset => reset(self.stream).map(|_| ()),
            End::Stall => stall(self.shared, self.stream).map(|_| ()),
            End::Endless => {
                let filler = vec![b'x'; 64 * 1024];
                loop {
                    self.go_on()?;
                    self.put(&filler)?;
                }
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if self.chunked {
            write!(self.stream, "{:x}\r\n", bytes.len())?;
        }
        self.stream.write_all(bytes)?;
        if self.chunked {
            self.stream.write_all(b"\r\n")?;
        }
        lock(&self.shared.served)[self.at].sent += bytes.len() as u64;
        Ok(())
    }

    fn go_on(&self) -> Result<()> {
        let stopping = self.shared.stopping.load(Ordering::SeqCst);
        if stopping { Err(Error::other("the server stops")) } else { Ok(()) }
    }
}

/// Changes what the fault says of the bytes that stand at `place` in the file.
fn change(fault: Option<&Fault>, place: u64, bytes: &mut [u8]) {
    match fault {
        Some(Fault::Flip(flip)) => {
            let index = flip.checked_sub(place).and_then(|index| usize::try_from(index).ok());
            if let Some(byte) = index.and_then(|index| bytes.get_mut(index)) {
                *byte ^= 0x55;
            }
        }
        Some(Fault::Other(_) | Fault::Poison(_)) => bytes.iter_mut().for_each(|byte| *byte ^= 0x55),
        _ => {}
    }
}

/// Sends headers until the other side or the server has enough of it.
fn endless_head(shared: &Shared, stream: &mut TcpStream, at_once: usize, pause: Duration) -> Result<bool> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nX-Filler: ")?;
    let line = if at_once > 100 { "x".repeat(98) + "\r\nX-Filler: " } else { String::from("x") };
    let block = line.repeat(at_once.div_ceil(line.len()));
    while !shared.stopping.load(Ordering::SeqCst) {
        std::thread::sleep(pause);
        stream.write_all(block.as_bytes())?;
    }
    Ok(false)
}

/// Breaks the connection in the way that the other side takes for an error, not for an end.
#[cfg(unix)]
fn reset(stream: &TcpStream) -> Result<bool> {
    rustix::net::connect_unspec(stream)?;
    Ok(false)
}

#[cfg(not(unix))]
fn reset(_stream: &TcpStream) -> Result<bool> {
    Ok(false)
}

/// Says nothing until the other side gives up or the server stops.
fn stall(shared: &Shared, stream: &TcpStream) -> Result<bool> {
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
