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

/// A program that is to be started.
#[must_use]
pub fn command(program: &Path) -> Command {
    Command::new(program)
}

/// Starts a program for the person before the screen. On Unix with the rights we have.
///
/// # Errors
/// What the system says.
pub fn spawn_for_person(
    program: &Path,
    args: &[OsString],
    folder: Option<&Path>,
    variables: &[(OsString, Option<OsString>)],
) -> io::Result<Spawned> {
    spawn_detached(program, args, folder, variables)
}

/// Whether this process has the rights of the system's administrator.
#[must_use]
pub fn is_elevated() -> bool {
    rustix::process::geteuid().is_root()
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
    let mut command = command(program);
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
    let mut command = command(program);
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

/// The program that gives a person of a desktop the rights of the system for one command.
const POLKIT: &str = "/usr/bin/pkexec";

fn is_polkit_here() -> bool {
    cfg!(target_os = "linux") && Path::new(POLKIT).is_file()
}

/// How a person types that `program` is to do `word` with the rights of the system.
#[must_use]
pub fn as_typed(program: &Path, word: &str) -> String {
    let asker = if is_polkit_here() { "pkexec" } else { "sudo" };
    let quoted = program.to_string_lossy().replace('\'', "'\\''");
    format!("{asker} '{quoted}' {word}")
}

/// Whether a program can ask the person for the rights of the system, so that nobody has to type anything.
#[must_use]
pub fn can_ask_for_rights() -> bool {
    is_polkit_here() && is_display_present()
}

/// Runs `program` with this one word and the rights of the system, for which the system asks the person. Returns when
/// it has ended: its exit code, or nothing if the person was asked and did not agree.
///
/// # Errors
/// What the system says.
pub fn run_with_rights(program: &Path, word: &str) -> io::Result<Option<u8>> {
    let ended = command(Path::new(POLKIT)).arg(program).arg(word).stdin(Stdio::null()).status()?;
    Ok(match ended.code().and_then(|code| u8::try_from(code).ok()) {
        // pkexec(1): the person did not agree, or is not allowed to.
        Some(126 | 127) => None,
        Some(code) => Some(code),
        None => Some(1),
    })
}

/// Forgets the variables of this process but `kept`, if that can be done within it. Here it can't: libraries have read
/// them before the program begins.
#[must_use]
pub fn forget_environment(_kept: &[&str]) -> bool {
    false
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

/// Gives memory that was freed back to the system soon: threads that unpack much take turns, and each would keep its share.
/// For the beginning of a program, while it has one thread.
pub fn free_memory_early() {
    os::free_memory_early();
}

/// Takes libraries from the system alone. Nothing to do on Unix, where none is taken from the program's own folder.
pub fn harden() {}
