//! The access log: one line for each request, in the combined form that tools for web servers read.
//!
//! Lines are written by a thread of their own. If it can't keep up, lines are left out and counted; no client waits
//! for the log.

use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::fsx;
use crate::release::Stamp;

use super::error::ServeError;

/// Lines that may wait to be written.
const WAITING: usize = 20_000;

/// Where the access log goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LogTo {
    /// Nowhere.
    #[default]
    Nowhere,
    /// Standard output.
    Output,
    /// A file, which is opened anew on reload so that it can be rotated.
    File(PathBuf),
}

/// An access log.
#[derive(Debug, Clone)]
pub struct AccessLog {
    lines: SyncSender<Line>,
    lost: Arc<AtomicU64>,
    anonymous: bool,
}

/// What is written of a request.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) peer: IpAddr,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) status: u16,
    pub(super) length: u64,
    pub(super) agent: String,
}

#[derive(Debug)]
enum Line {
    Access(Access),
    Reopen,
}

impl AccessLog {
    /// Opens the log; nothing if it goes nowhere. `anonymous` cuts addresses to the network they are in.
    ///
    /// # Errors
    /// If the file can't be opened.
    pub fn open(to: &LogTo, anonymous: bool) -> Result<Option<Self>, ServeError> {
        let out: Box<dyn Write + Send> = match to {
            LogTo::Nowhere => return Ok(None),
            LogTo::Output => Box::new(io::stdout()),
            LogTo::File(path) => Box::new(fsx::append(path)?),
        };
        let (lines, written) = sync_channel(WAITING);
        let path = if let LogTo::File(path) = to { Some(path.clone()) } else { None };
        let lost = Arc::new(AtomicU64::new(0));
        let writing = std::thread::Builder::new().name("access-log".to_owned());
        writing.spawn(move || write(&written, out, path)).map_err(ServeError::Run)?;
        Ok(Some(Self { lines, lost, anonymous }))
    }

    pub(super) fn note(&self, mut access: Access) {
        if self.anonymous {
            access.peer = network(access.peer);
        }
        if self.lines.try_send(Line::Access(access)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Opens the file anew: it may have been renamed.
    pub fn reopen(&self) {
        // If the thread is gone there is no log any more.
        self.lines.send(Line::Reopen).ok();
    }

    /// Lines that were left out.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// The network of an address: 24 bits of IPv4, 48 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(inner) => network(inner.into()),
            None => Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> 48)).into(),
        },
    }
}

fn write(lines: &Receiver<Line>, out: Box<dyn Write + Send>, path: Option<PathBuf>) {
    let mut out = BufWriter::new(out);
    let (mut second, mut time) = (Stamp::from_unix(0), String::new());
    while let Ok(first) = lines.recv() {
        for line in std::iter::once(first).chain(lines.try_iter()) {
            match (line, &path) {
                (Line::Access(access), _) => {
                    let now = Stamp::now();
                    if now != second {
                        (second, time) = (now, common(now));
                    }
                    // A log that can't be written must not end the server.
                    writeln!(out, "{}", told(&access, &time)).ok();
                }
                (Line::Reopen, Some(path)) => {
                    out.flush().ok();
                    match fsx::append(path) {
                        Ok(file) => out = BufWriter::new(Box::new(file) as Box<dyn Write + Send>),
                        Err(error) => tracing::warn!(%error, "the access log goes on in the old file"),
                    }
                }
                (Line::Reopen, None) => {}
            }
        }
        out.flush().ok();
    }
}

/// A line of the combined form.
fn told(access: &Access, time: &str) -> String {
    let Access { peer, method, target, status, length, agent } = access;
    let (target, agent) = (quoted(target), quoted(agent));
    format!("{peer} - - [{time}] \"{method} {target} HTTP/1.1\" {status} {length} \"-\" \"{agent}\"")
}

/// Text of a client inside quotes: nothing that ends them, no control character.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| !letter.is_control() && letter != '"' && letter != '\\';
    if text.chars().all(is_plain) { text.to_owned() } else { text.escape_debug().to_string() }
}

/// A moment as the combined form writes it: `21/Nov/2026:09:30:00 +0000`.
fn common(now: Stamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = now.to_string();
    let (year, month, day, clock) = (&text[..4], &text[5..7], &text[8..10], &text[11..19]);
    let month = month.parse::<usize>().ok().and_then(|month| MONTHS.get(month.saturating_sub(1)));
    format!("{day}/{}/{year}:{clock} +0000", month.unwrap_or(&"Jan"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_in_the_combined_form_whatever_a_client_sends() {
        let access = Access {
            peer: "192.0.2.7".parse().unwrap(),
            method: "GET".to_owned(),
            target: "/a\"b\n".to_owned(),
            status: 200,
            length: 5,
            agent: "x\\".to_owned(),
        };
        let time = common("2026-11-21T09:30:00Z".parse().unwrap());
        assert_eq!(
            told(&access, &time),
            "192.0.2.7 - - [21/Nov/2026:09:30:00 +0000] \"GET /a\\\"b\\n HTTP/1.1\" 200 5 \"-\" \"x\\\\\""
        );
    }

    #[test]
    fn an_address_is_cut_to_its_network() {
        for (address, cut) in [
            ("192.0.2.77", "192.0.2.0"),
            ("::ffff:192.0.2.77", "192.0.2.0"),
            ("2001:db8:1:2::3", "2001:db8:1::"),
        ] {
            assert_eq!(network(address.parse().unwrap()), cut.parse::<IpAddr>().unwrap());
        }
    }
}
