//! Processes on Unix.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use crate::platform::linux as os;
#[cfg(target_os = "macos")]
use crate::platform::macos as os;
use crate::platform::{Holder, ProcessId, Spawned};

/// The process with this number, if there is one.
#[must_use]
pub fn find(pid: u32) -> Option<ProcessId> {
    os::start_time(pid).map(|started| ProcessId { pid, started })
}

/// This process.
#[must_use]
pub fn current() -> ProcessId {
    let pid = std::process::id();
    ProcessId { pid, started: os::start_time(pid).unwrap_or(0) }
}

/// Whether the process still runs; one that ended and only waits to be collected does not.
#[must_use]
pub fn is_running(process: ProcessId) -> bool {
    os::start_time(process.pid) == Some(process.started)
}

/// Waits until the process has ended, `limit` at most; says whether it has.
#[must_use]
pub fn wait_exit(process: ProcessId, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    loop {
        if !is_running(process) {
            return true;
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        os::sleep_until_exit(process.pid, left.min(Duration::from_millis(200)));
    }
}

/// Asks the process to end, as a window's close button or the system at shut-down would. One that has ended
/// is asked already; one of another user is never asked, whatever rights we have.
///
/// # Errors
/// If it may not be asked.
pub fn ask_to_close(process: ProcessId) -> io::Result<()> {
    if !is_running(process) {
        return Ok(());
    }
    if !os::is_ours(process.pid) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    os::terminate(process)
}

/// Ends a process of ours at once; it gets no word of it. For a child that its supervisor has asked in vain.
///
/// # Errors
/// If it belongs to another user, or what the system says.
pub fn end_by_force(process: ProcessId) -> io::Result<()> {
    if !is_running(process) {
        return Ok(());
    }
    if !os::is_ours(process.pid) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    os::kill(process)
}

/// Starts a program that outlives us and has no part in our terminal's signals.
///
/// # Errors
/// What the system says.
pub fn spawn_detached(
    program: &Path,
    args: &[OsString],
    folder: Option<&Path>,
    variables: &[(OsString, Option<OsString>)],
) -> io::Result<Spawned> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).process_group(0);
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let child = command.spawn()?;
    let process = ProcessId { pid: child.id(), started: os::start_time(child.id()).unwrap_or(0) };
    Spawned::new(process, child)
}

/// Runs `program` in the place of this process: with its number, terminal and exit code. Returns only if that
/// failed.
///
/// # Errors
/// What the system says.
pub fn run_in_place(program: &Path, args: &[OsString]) -> io::Result<u8> {
    let mut command = Command::new(program);
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    Err(command.args(args).exec())
}

/// Other processes that use anything below `folder`. `files` are those that matter, for systems that can only
/// be asked about files by name.
#[must_use]
pub fn holders(folder: &Path, _files: &[PathBuf]) -> Vec<Holder> {
    os::holders(folder)
}

/// The program by which a person gets the rights of the system for one command.
#[must_use]
pub fn asks_for_rights() -> Option<&'static str> {
    let polkit = Path::new("/usr/bin/pkexec");
    Some(if cfg!(target_os = "linux") && polkit.is_file() { "pkexec" } else { "sudo" })
}

/// A file below `folder` that another process has open for writing, as far as the system tells. `_files` are those
/// that matter, for systems that can only be asked about files by name.
#[must_use]
pub fn being_written(folder: &Path, _files: &[PathBuf]) -> Option<PathBuf> {
    os::being_written(folder)
}

/// Whether there is a screen to show a window on.
#[must_use]
pub fn is_display_present() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "macos") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// The name of an executable whose name without extension is `stem`.
#[must_use]
pub fn exe_name(stem: &OsStr) -> PathBuf {
    PathBuf::from(stem)
}

/// Gives a program without a console the one it was started from. Nothing to do on Unix.
pub fn attach_console() {}

/// Lets the calling thread give way to all others of this process from now on.
#[cfg(feature = "components")]
pub fn give_way() {
    os::give_way();
}
