//! Who uses files: the programs and libraries that processes run, and what the Restart Manager tells of open files.
#![expect(unsafe_code, reason = "calls of the Windows API")]

use std::ffi::OsString;
use std::os::windows::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use windows_sys::Win32::Foundation::{ERROR_MORE_DATA, ERROR_SUCCESS, HMODULE};
use windows_sys::Win32::Security::TOKEN_QUERY;
use windows_sys::Win32::System::ProcessStatus::{
    K32EnumProcessModulesEx, K32EnumProcesses, K32GetModuleFileNameExW, LIST_MODULES_ALL,
};
use windows_sys::Win32::System::RestartManager::{
    CCH_RM_SESSION_KEY, RM_PROCESS_INFO, RmEndSession, RmGetList, RmRegisterResources, RmStartSession,
};
use windows_sys::Win32::System::Threading::{
    PROCESS_NAME_WIN32, PROCESS_QUERY_INFORMATION, PROCESS_VM_READ, QueryFullProcessImageNameW,
};

use super::path::{inside, plain, wide};
use super::process::{Handle, open, open_for, start_time};
use super::until_zero;
use super::user::{is_ours, token, token_user};
use crate::platform::{Holder, ProcessId, Use};

/// Files are asked about in parts of this size.
const PART: usize = 500;
/// Most processes and most libraries of one that are looked at.
const MOST: usize = 16 * 1024;

/// Other processes that run a program from below `folder`, have one of `files` loaded as a library, or have one of
/// them open.
///
/// What a process runs and has loaded is asked of the process itself, as far as it lets us look. Of open files only
/// the Restart Manager knows; it is asked about `files` by name, and tells who, not what.
#[must_use]
pub fn holders(folder: &Path, files: &[PathBuf]) -> Vec<Holder> {
    let own = std::process::id();
    let ids = all_processes();
    let mut found: Vec<Holder> =
        ids.into_iter().filter(|pid| *pid != own).filter_map(|pid| look(pid, folder, files)).collect();
    for info in files.chunks(PART).flat_map(users_of).filter(|info| info.Process.dwProcessId != own) {
        let started = info.Process.ProcessStartTime;
        let process = ProcessId {
            pid: info.Process.dwProcessId,
            started: u64::from(started.dwHighDateTime) << 32 | u64::from(started.dwLowDateTime),
        };
        match found.iter_mut().find(|holder| holder.process == process) {
            // A program of the folder that is none of `files` may still have one of them open.
            Some(known) => known.uses.push((Use::Open, folder.to_path_buf())),
            None => found.push(told(process, &info, folder)),
        }
    }
    found
}

/// What a process runs from below `folder`; nothing if it does not, or does not let us look.
fn look(pid: u32, folder: &Path, files: &[PathBuf]) -> Option<Holder> {
    let handle = open(pid)?;
    let process = ProcessId { pid, started: start_time(&handle)? };
    let program = image(&handle)?;
    let mut uses = Vec::new();
    if let Some(inner) = inside(&program, folder) {
        uses.push((Use::Program, as_listed(folder.join(inner), files)));
    }
    let libraries = libraries(pid).into_iter().filter_map(|path| inside(&path, folder));
    let libraries = libraries.map(|inner| (Use::Library, as_listed(folder.join(inner), files)));
    uses.extend(
        libraries
            .filter(|(_, path)| files.contains(path) && !uses.iter().any(|(_, known)| known == path))
            .collect::<Vec<_>>(),
    );
    let name = program.file_stem()?.to_string_lossy().into_owned();
    (!uses.is_empty()).then(|| Holder { process, name, user: user(&handle), ours: is_ours(pid), uses })
}

/// A path in the spelling that it has among `files`, if it is there in another case of letters.
fn as_listed(path: PathBuf, files: &[PathBuf]) -> PathBuf {
    let is_same = |file: &&PathBuf| inside(file, &path).is_some_and(|rest| rest.as_os_str().is_empty());
    if files.contains(&path) { path } else { files.iter().find(is_same).cloned().unwrap_or(path) }
}

fn user(handle: &Handle) -> Option<String> {
    token(handle.0, TOKEN_QUERY).and_then(|token| token_user(&token)).and_then(|user| user.name())
}

/// A process that only the Restart Manager knows of.
fn told(process: ProcessId, info: &RM_PROCESS_INFO, folder: &Path) -> Holder {
    let handle = open(process.pid).filter(|handle| start_time(handle) == Some(process.started));
    let said = until_zero(&info.strAppName);
    let program = handle.as_ref().and_then(image);
    let stem = program.as_deref().and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    let name = if said.is_empty() { stem.unwrap_or_default() } else { said };
    let user = handle.as_ref().and_then(user);
    let uses = vec![(Use::Open, folder.to_path_buf())];
    Holder { process, name, user, ours: is_ours(process.pid), uses }
}

/// The numbers of all processes.
fn all_processes() -> Vec<u32> {
    let (mut ids, mut used) = (vec![0_u32; MOST], 0);
    // SAFETY: the buffer has the size told, and `used` lives over the call.
    let done = unsafe { K32EnumProcesses(ids.as_mut_ptr(), (MOST * size_of::<u32>()) as u32, &raw mut used) };
    ids.truncate(if done == 0 { 0 } else { used as usize / size_of::<u32>() });
    ids.retain(|pid| *pid != 0);
    ids
}

/// The program and libraries that a process has in memory; none if it does not let us look.
fn libraries(pid: u32) -> Vec<PathBuf> {
    let Some(handle) = open_for(pid, PROCESS_QUERY_INFORMATION | PROCESS_VM_READ) else { return Vec::new() };
    let (mut modules, mut used): (Vec<HMODULE>, u32) = (vec![std::ptr::null_mut(); 1024], 0);
    let size = (modules.len() * size_of::<HMODULE>()) as u32;
    // SAFETY: the handle is open, the buffer has the size told, and `used` lives over the call.
    let done = unsafe {
        K32EnumProcessModulesEx(handle.0, modules.as_mut_ptr(), size, &raw mut used, LIST_MODULES_ALL)
    };
    modules.truncate(if done == 0 { 0 } else { used as usize / size_of::<HMODULE>() });
    let mut buffer = vec![0_u16; 32_768];
    let mut name = |module: HMODULE| {
        // SAFETY: the handle is open, the module is one of it or of none any more, and the buffer has the size told.
        let length = unsafe { K32GetModuleFileNameExW(handle.0, module, buffer.as_mut_ptr(), 32_768) };
        let name = buffer.get(..length as usize).filter(|name| !name.is_empty())?;
        Some(plain(PathBuf::from(OsString::from_wide(name))))
    };
    modules.into_iter().filter_map(&mut name).collect()
}

/// A session that ends itself.
struct Session(u32);

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the session was begun by us and is ended once.
        unsafe { RmEndSession(self.0) };
    }
}

/// What the Restart Manager tells; nothing if it can't.
fn users_of(files: &[PathBuf]) -> Vec<RM_PROCESS_INFO> {
    let mut session = 0;
    let mut key = [0_u16; CCH_RM_SESSION_KEY as usize + 1];
    // SAFETY: both pointers are to values that live over the call, and the key has room for its end.
    if unsafe { RmStartSession(&raw mut session, 0, key.as_mut_ptr()) } != ERROR_SUCCESS {
        return Vec::new();
    }
    let session = Session(session);
    let wide: Vec<Vec<u16>> = files.iter().map(|path| wide(path)).collect();
    let names: Vec<*const u16> = wide.iter().map(Vec::as_ptr).collect();
    let count = u32::try_from(names.len()).unwrap_or(0);
    let none = std::ptr::null();
    // SAFETY: `names` are `count` strings that end in zero and live over the call; nothing else is registered.
    let registered =
        unsafe { RmRegisterResources(session.0, count, names.as_ptr(), 0, none, 0, std::ptr::null()) };
    if registered != ERROR_SUCCESS {
        return Vec::new();
    }
    let mut list: Vec<RM_PROCESS_INFO> = Vec::new();
    // Processes come and go between two calls; a few tries are enough.
    for _ in 0..5 {
        let (mut needed, mut reasons) = (0, 0);
        let mut count = u32::try_from(list.len()).unwrap_or(0);
        // SAFETY: `list` has room for `count` values, and the other pointers are to values that live over the call.
        let said = unsafe {
            RmGetList(session.0, &raw mut needed, &raw mut count, list.as_mut_ptr(), &raw mut reasons)
        };
        match said {
            ERROR_SUCCESS => {
                list.truncate(count as usize);
                return list;
            }
            ERROR_MORE_DATA => list = vec![RM_PROCESS_INFO::default(); needed as usize + 4],
            _ => break,
        }
    }
    Vec::new()
}

/// The program a process runs.
fn image(handle: &Handle) -> Option<PathBuf> {
    let mut buffer = vec![0_u16; 32_768];
    let mut length = u32::try_from(buffer.len()).ok()?;
    // SAFETY: the handle is open, and the buffer has `length` units.
    let done = unsafe {
        QueryFullProcessImageNameW(handle.0, PROCESS_NAME_WIN32, buffer.as_mut_ptr(), &raw mut length)
    };
    let name = buffer.get(..length as usize).filter(|_| done != 0)?;
    Some(plain(PathBuf::from(OsString::from_wide(name))))
}
