//! Passed sockets do not exist on Windows: programs are drained at their dispatcher instead.

use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::platform::{ProcessId, Spawned};

/// Whether listening sockets can be passed to a program here.
pub const CAN_PASS: bool = false;

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this system has no such sockets")
}

/// The listening sockets that were passed to this process: none.
///
/// # Errors
/// Never here.
pub fn passed_listeners() -> io::Result<Vec<TcpListener>> {
    Ok(Vec::new())
}

/// Lets a child inherit sockets: not here.
pub fn let_inherit(_command: &mut Command, _sockets: &[TcpListener]) -> Vec<i32> {
    Vec::new()
}

/// Runs a program with inherited sockets: not here.
pub fn run_with_sockets(_numbers: &[i32], _program: &Path, _args: &[OsString]) -> io::Error {
    unsupported()
}

/// Takes a copy of the sockets of a process: not here.
///
/// # Errors
/// Always.
pub fn listeners_of(_process: ProcessId, _count: usize) -> io::Result<Vec<TcpListener>> {
    Err(unsupported())
}

/// Says something to whoever started this program: nobody listens here.
///
/// # Errors
/// Never here.
pub fn notify(_text: &str) -> io::Result<bool> {
    Ok(false)
}

/// The socket at which a program says that it is ready: none here.
#[derive(Debug)]
pub struct NotifySocket(());

impl NotifySocket {
    /// Listens at `path`.
    ///
    /// # Errors
    /// Always.
    pub fn bind(_path: &Path) -> io::Result<Self> {
        Err(unsupported())
    }

    /// The next message.
    ///
    /// # Errors
    /// Always.
    pub fn receive(&self, _limit: Duration) -> io::Result<Option<String>> {
        Err(unsupported())
    }
}

/// Says one line at a local socket.
///
/// # Errors
/// Always; name an address with a port instead.
pub fn ask_local(_path: &Path, _line: &str, _limit: Duration) -> io::Result<String> {
    Err(unsupported())
}

/// The file of this very program.
///
/// # Errors
/// What the system says.
pub fn this_program() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// Starts a child that is watched.
///
/// # Errors
/// What the system says.
pub fn spawn_watched(mut command: Command) -> io::Result<Spawned> {
    let child = command.spawn()?;
    let process = super::process::find(child.id()).unwrap_or(ProcessId { pid: child.id(), started: 0 });
    Spawned::new(process, child)
}
