//! Processes on Windows.
#![expect(unsafe_code, reason = "calls of the Windows API")]

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_ACCESS_DENIED, FILETIME, HANDLE, LPARAM, WAIT_OBJECT_0,
};
use windows_sys::Win32::Storage::FileSystem::FILE_SHARE_READ;
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION,
    PROCESS_SYNCHRONIZE, PROCESS_TERMINATE, TerminateProcess, WaitForSingleObject,
};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    AllowSetForegroundWindow, EnumWindows, GetWindowThreadProcessId, IsWindowVisible, PostMessageW, WM_CLOSE,
};

use super::file::is_sharing_violation;
use super::path::{startable, usable_folder};
use super::user::is_ours;
use crate::platform::{ProcessId, Spawned};

pub use super::console::{attach_console, harden};
pub use super::holders::holders;
pub use super::person::spawn_for_person;
pub use super::rights::{as_typed, can_ask_for_rights, forget_environment, run_with_rights};
pub use super::user::is_elevated;

/// The first of `files` that another process has open for writing: such a file can't be opened for reading alone.
#[must_use]
pub fn being_written(_folder: &Path, files: &[PathBuf]) -> Option<PathBuf> {
    let alone = |path: &PathBuf| OpenOptions::new().read(true).share_mode(FILE_SHARE_READ).open(path);
    files.iter().find(|path| alone(path).is_err_and(|error| is_sharing_violation(&error))).cloned()
}

/// A process handle that closes itself.
pub(super) struct Handle(pub(super) HANDLE);

// SAFETY: a handle of the system means the same in every thread.
unsafe impl Send for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle was opened by us and is closed once.
        unsafe { CloseHandle(self.0) };
    }
}

pub(super) fn open(pid: u32) -> Option<Handle> {
    open_for(pid, PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE)
}

/// A process with these rights to it.
pub(super) fn open_for(pid: u32, rights: u32) -> Option<Handle> {
    // SAFETY: no pointers are passed.
    let handle = unsafe { OpenProcess(rights, 0, pid) };
    (!handle.is_null()).then_some(Handle(handle))
}

pub(super) fn start_time(handle: &Handle) -> Option<u64> {
    let zero = FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    let (mut created, mut exit, mut kernel, mut user) = (zero, zero, zero, zero);
    // SAFETY: the handle is open and the four pointers are to values that live over the call.
    let done =
        unsafe { GetProcessTimes(handle.0, &raw mut created, &raw mut exit, &raw mut kernel, &raw mut user) };
    (done != 0).then(|| u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime))
}

pub(super) fn has_ended(handle: &Handle, limit: Duration) -> bool {
    let limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX - 1);
    // SAFETY: the handle is open.
    unsafe { WaitForSingleObject(handle.0, limit) == WAIT_OBJECT_0 }
}

/// The process with this number, if there is one.
#[must_use]
pub fn find(pid: u32) -> Option<ProcessId> {
    let handle = open(pid)?;
    if has_ended(&handle, Duration::ZERO) {
        return None;
    }
    start_time(&handle).map(|started| ProcessId { pid, started })
}

/// This process.
#[must_use]
pub fn current() -> ProcessId {
    let pid = std::process::id();
    find(pid).unwrap_or(ProcessId { pid, started: 0 })
}

/// Whether the process still runs. One that may not be looked at, because it runs with more rights, does.
#[must_use]
pub fn is_running(process: ProcessId) -> bool {
    match open(process.pid) {
        Some(handle) => start_time(&handle) == Some(process.started) && !has_ended(&handle, Duration::ZERO),
        None => io::Error::last_os_error().raw_os_error() == Some(ERROR_ACCESS_DENIED.cast_signed()),
    }
}

/// Waits until the process has ended, `limit` at most; says whether it has.
#[must_use]
pub fn wait_exit(process: ProcessId, limit: Duration) -> bool {
    match open(process.pid) {
        Some(handle) if start_time(&handle) == Some(process.started) => has_ended(&handle, limit),
        Some(_) => true,
        None => {
            let end = Instant::now() + limit;
            while is_running(process) && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(50));
            }
            !is_running(process)
        }
    }
}

/// Asks the process to end by closing its windows. One of another user is never asked, whatever rights we have.
///
/// # Errors
/// If it is another user's, or has no window that could be closed.
pub fn ask_to_close(process: ProcessId) -> io::Result<()> {
    unsafe extern "system" fn close(window: windows_sys::Win32::Foundation::HWND, wanted: LPARAM) -> i32 {
        let mut pid = 0;
        // SAFETY: `window` comes from the system, `pid` lives over the call; `wanted` points to the process
        // and count that `ask_to_close` keeps alive while windows are listed.
        unsafe {
            GetWindowThreadProcessId(window, &raw mut pid);
            let wanted = &mut *(wanted as *mut (u32, u32));
            if pid == wanted.0 && IsWindowVisible(window) != 0 && PostMessageW(window, WM_CLOSE, 0, 0) != 0 {
                wanted.1 += 1;
            }
        }
        1
    }
    if !is_running(process) {
        return Ok(());
    }
    if !is_ours(process.pid) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    let mut wanted = (process.pid, 0_u32);
    // SAFETY: the callback gets a pointer to `wanted`, which outlives the call.
    unsafe { EnumWindows(Some(close), &raw mut wanted as LPARAM) };
    if wanted.1 > 0 {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::NotFound, "it has no window to close"))
    }
}

/// Ends a process of ours at once; it gets no word of it. For a child that its supervisor has asked in vain.
///
/// # Errors
/// If it belongs to another user, or what the system says.
pub fn end_by_force(process: ProcessId) -> io::Result<()> {
    if !is_running(process) {
        return Ok(());
    }
    if !is_ours(process.pid) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    // SAFETY: no pointers are passed.
    let handle =
        unsafe { OpenProcess(PROCESS_TERMINATE | PROCESS_QUERY_LIMITED_INFORMATION, 0, process.pid) };
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    let handle = Handle(handle);
    if start_time(&handle) != Some(process.started) {
        return Ok(());
    }
    // SAFETY: the handle is open and of the process that was meant.
    if unsafe { TerminateProcess(handle.0, 1) } == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lets a program that was just started come to the front, as far as we have that right ourselves.
pub(super) fn let_in_front(pid: u32) {
    // SAFETY: a number goes in and a truth value comes out.
    unsafe { AllowSetForegroundWindow(pid) };
}

/// A program that is to be started. One whose path has more than the classic 260 characters can be.
#[must_use]
pub fn command(program: &Path) -> Command {
    Command::new(&*startable(program))
}

/// Starts a program that outlives us. A working folder with more than the classic 260 characters is none that
/// Windows would start a program in; the program then has ours.
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
    command.args(args).stdin(Stdio::null()).creation_flags(CREATE_NEW_PROCESS_GROUP);
    if let Some(folder) = folder.and_then(usable_folder) {
        command.current_dir(folder);
    }
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let child = command.spawn()?;
    let pid = child.id();
    let_in_front(pid);
    Spawned::new(find(pid).unwrap_or(ProcessId { pid, started: 0 }), child)
}

/// Runs `program` in the place of this process as far as Windows knows that: it is waited for, and its exit code is
/// ours.
///
/// # Errors
/// What the system says.
pub fn run_in_place(program: &Path, args: &[OsString]) -> io::Result<u8> {
    let code = command(program).args(args).status()?.code();
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Whether there is a screen to show a window on.
#[must_use]
pub fn is_display_present() -> bool {
    true
}

/// The name of an executable whose name without extension is `stem`.
#[must_use]
pub fn exe_name(stem: &OsStr) -> PathBuf {
    let mut name = stem.to_os_string();
    name.push(".exe");
    PathBuf::from(name)
}

/// Lets the calling thread give way to all others of this process from now on.
#[cfg(feature = "components")]
pub fn give_way() {
    use windows_sys::Win32::System::Threading::{
        GetCurrentThread, SetThreadPriority, THREAD_PRIORITY_BELOW_NORMAL,
    };
    // SAFETY: the handle stands for the calling thread. If it is refused, the thread merely is as important.
    unsafe { SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL) };
}

/// Gives memory that was freed back to the system soon; for the beginning of a program. Nothing to do: the heap of Windows
/// does so by itself.
pub fn free_memory_early() {}
