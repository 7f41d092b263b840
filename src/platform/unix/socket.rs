//! Listening sockets passed from one process to the next, and the notify socket, as systemd defined them.
#![expect(unsafe_code, reason = "file descriptors by their numbers")]

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::io::FdFlags;

#[cfg(target_os = "linux")]
use crate::platform::linux as os;
#[cfg(target_os = "macos")]
use crate::platform::macos as os;
use crate::platform::{ProcessId, Spawned};

/// The number of the first socket that is passed (`SD_LISTEN_FDS_START` of sd_listen_fds(3)).
const FIRST: RawFd = 3;
/// Most sockets that are passed to one program.
const MOST: RawFd = 64;

/// Whether listening sockets can be passed to a program here.
pub const CAN_PASS: bool = true;

/// The listening sockets that were passed to this process in `LISTEN_FDS`, the first time this is asked; then none,
/// because each belongs to whoever took it.
///
/// # Errors
/// If a number that was passed is no open TCP socket.
pub fn passed_listeners() -> io::Result<Vec<TcpListener>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<i64>().ok());
    let count = number("LISTEN_FDS").and_then(|count| RawFd::try_from(count).ok()).unwrap_or(0);
    // They are meant for the process they name; a child that inherited the variables has no such sockets.
    let is_for_us = number("LISTEN_PID").is_none_or(|pid| pid == i64::from(std::process::id()));
    if count <= 0 || count > MOST || !is_for_us || TAKEN.swap(true, Ordering::SeqCst) {
        return Ok(Vec::new());
    }
    (FIRST..FIRST + count).map(take).collect()
}

fn take(number: RawFd) -> io::Result<TcpListener> {
    // SAFETY: only looked at; a number that is not open is answered with an error.
    let seen = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_setfd(seen, FdFlags::CLOEXEC)?;
    // SAFETY: it is open, it was passed to this process, and `passed_listeners` gives each out once.
    let listener = unsafe { TcpListener::from_raw_fd(number) };
    match listener.local_addr() {
        Ok(_) => Ok(listener),
        Err(error) => {
            // Not ours to close.
            std::mem::forget(listener);
            Err(error)
        }
    }
}

/// Lets the child that `command` starts inherit `sockets`, and nobody else. Says their numbers in the child.
pub fn let_inherit(command: &mut Command, sockets: &[TcpListener]) -> Vec<i32> {
    let numbers: Vec<RawFd> = sockets.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect();
    let inherited = numbers.clone();
    let keep_open = move || {
        for number in &inherited {
            // SAFETY: the parent holds the socket open until the child was started.
            let socket = unsafe { BorrowedFd::borrow_raw(*number) };
            rustix::io::fcntl_setfd(socket, FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec it makes system calls only and allocates nothing.
    unsafe { command.pre_exec(keep_open) };
    numbers
}

/// Runs `program` in the place of this process with the inherited sockets `numbers` as its `LISTEN_FDS`. Returns
/// only if that failed.
pub fn run_with_sockets(numbers: &[i32], program: &Path, args: &[OsString]) -> io::Error {
    match arrange(numbers) {
        Ok(()) => {}
        Err(error) => return error,
    }
    let mut command = Command::new(program);
    command.args(args);
    command.env("LISTEN_FDS", numbers.len().to_string()).env("LISTEN_PID", std::process::id().to_string());
    command.exec()
}

/// Moves the sockets to the numbers the program looks for.
fn arrange(numbers: &[RawFd]) -> io::Result<()> {
    let count = RawFd::try_from(numbers.len()).map_err(io::Error::other)?;
    // First out of the way, so that none is overwritten before it was moved.
    let high: io::Result<Vec<OwnedFd>> = numbers
        .iter()
        .map(|number| {
            // SAFETY: inherited for this purpose; a number that is not open is answered with an error.
            let socket = unsafe { BorrowedFd::borrow_raw(*number) };
            Ok(rustix::io::fcntl_dupfd_cloexec(socket, FIRST + count)?)
        })
        .collect();
    for (socket, number) in high?.into_iter().zip(FIRST..) {
        // SAFETY: this process is about to become another program; nothing in it uses that number.
        let mut target = unsafe { OwnedFd::from_raw_fd(number) };
        let moved = rustix::io::dup2(&socket, &mut target);
        std::mem::forget(target);
        moved?;
    }
    for number in numbers.iter().filter(|number| **number >= FIRST + count) {
        // SAFETY: it was moved; the program is to see it once.
        drop(unsafe { OwnedFd::from_raw_fd(*number) });
    }
    Ok(())
}

/// Takes a copy of the sockets that were passed to a running process: how an agent that was started anew gets its
/// sockets back from the program it finds.
///
/// # Errors
/// If the system can't do that, does not let us, or the process has closed them.
pub fn listeners_of(process: ProcessId, count: usize) -> io::Result<Vec<TcpListener>> {
    (FIRST..).take(count).map(|number| os::socket_of(process, number).map(TcpListener::from)).collect()
}

/// Says something to whoever started this program, through the socket in `NOTIFY_SOCKET` (sd_notify(3)). Says
/// whether there is anybody.
///
/// # Errors
/// If it can't be sent.
pub fn notify(text: &str) -> io::Result<bool> {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty()) else {
        return Ok(false);
    };
    os::send_datagram(&UnixDatagram::unbound()?, text.as_bytes(), &address)?;
    Ok(true)
}

/// The socket at which a program says that it is ready.
#[derive(Debug)]
pub struct NotifySocket(UnixDatagram);

impl NotifySocket {
    /// Listens at `path`; what was there before is removed.
    ///
    /// # Errors
    /// What the system says; a path of more than about 100 bytes is too long.
    #[expect(clippy::disallowed_methods, reason = "a socket is no file of an install")]
    pub fn bind(path: &Path) -> io::Result<Self> {
        std::fs::remove_file(path).ok();
        let socket = UnixDatagram::bind(path)?;
        Ok(Self(socket))
    }

    /// The next message, or nothing within `limit`. A descriptor that comes with it, as with `BARRIER=1`, is closed
    /// by receiving without taking it, which is the answer to a barrier.
    ///
    /// # Errors
    /// What the system says.
    pub fn receive(&self, limit: Duration) -> io::Result<Option<String>> {
        self.0.set_read_timeout(Some(limit.max(Duration::from_millis(1))))?;
        let mut bytes = [0; 4096];
        match self.0.recv(&mut bytes) {
            Ok(length) => Ok(Some(String::from_utf8_lossy(&bytes[..length]).into_owned())),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Says one line at a local socket and reads the whole answer.
///
/// # Errors
/// What the system says, or if the answer does not come within `limit`.
pub fn ask_local(path: &Path, line: &str, limit: Duration) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.write_all(line.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.take(16 * 1024 * 1024).read_to_string(&mut answer)?;
    Ok(answer)
}

/// The file of this very program, for starting it once more: also when another one has taken its place on the disk.
///
/// # Errors
/// What the system says.
pub fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

/// Starts a child that is watched, with no part in our terminal's signals.
///
/// # Errors
/// What the system says.
pub fn spawn_watched(mut command: Command) -> io::Result<Spawned> {
    let child = command.process_group(0).spawn()?;
    let process = ProcessId { pid: child.id(), started: os::start_time(child.id()).unwrap_or(0) };
    Spawned::new(process, child)
}
