//! Who uses files, as the Restart Manager and the access tokens of processes tell. Compiled in the checks, not
//! run there.
#![expect(unsafe_code, reason = "calls of the Windows API")]

use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use windows_sys::Win32::Foundation::{ERROR_MORE_DATA, ERROR_SUCCESS, HANDLE};
use windows_sys::Win32::Security::{
    EqualSid, GetTokenInformation, LookupAccountSidW, PSID, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::System::RestartManager::{
    CCH_RM_SESSION_KEY, RM_PROCESS_INFO, RmEndSession, RmGetList, RmRegisterResources, RmStartSession,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, OpenProcessToken, PROCESS_NAME_WIN32, QueryFullProcessImageNameW,
};

use super::process::{Handle, open, start_time};
use crate::platform::{Holder, ProcessId, Use};

/// Files are asked about in parts of this size.
const PART: usize = 500;

/// Other processes that use any of `files`; those whose program lies below `folder` are told as running it.
/// The Restart Manager can only be asked about files by name, and tells who, not what.
#[must_use]
pub fn holders(folder: &Path, files: &[PathBuf]) -> Vec<Holder> {
    let mut found: Vec<Holder> = Vec::new();
    for part in files.chunks(PART) {
        for info in users_of(part) {
            let process = ProcessId {
                pid: info.Process.dwProcessId,
                started: u64::from(info.Process.ProcessStartTime.dwHighDateTime) << 32
                    | u64::from(info.Process.ProcessStartTime.dwLowDateTime),
            };
            let known = found.iter().any(|holder| holder.process == process);
            if process.pid != std::process::id() && !known {
                found.push(holder(process, &info, folder));
            }
        }
    }
    found
}

fn holder(process: ProcessId, info: &RM_PROCESS_INFO, folder: &Path) -> Holder {
    let handle = open(process.pid).filter(|handle| start_time(handle) == Some(process.started));
    let program = handle.as_ref().and_then(image);
    let used = match &program {
        Some(path) if path.starts_with(folder) => (Use::Program, path.clone()),
        _ => (Use::Open, folder.to_path_buf()),
    };
    let told = until_zero(&info.strAppName);
    let stem = program.as_deref().and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    let name = if told.is_empty() { stem.unwrap_or_default() } else { told };
    let token = handle.as_ref().and_then(|handle| token_user(handle.0));
    let user = token.as_ref().and_then(|token| account(token.sid()));
    Holder { process, name, user, ours: is_ours(process.pid), uses: vec![used] }
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
    let wide: Vec<Vec<u16>> =
        files.iter().map(|path| path.as_os_str().encode_wide().chain(std::iter::once(0)).collect()).collect();
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

fn until_zero(text: &[u16]) -> String {
    let end = text.iter().position(|unit| *unit == 0).unwrap_or(text.len());
    String::from_utf16_lossy(&text[..end])
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
    Some(PathBuf::from(std::ffi::OsString::from_wide(name)))
}

/// The user of a token, as the system wrote it.
struct TokenOwner(Vec<u64>);

impl TokenOwner {
    fn sid(&self) -> PSID {
        // SAFETY: the buffer was filled with a TOKEN_USER by the system and is aligned for it.
        unsafe { (*self.0.as_ptr().cast::<TOKEN_USER>()).User.Sid }
    }
}

fn token_user(process: HANDLE) -> Option<TokenOwner> {
    let mut token = std::ptr::null_mut();
    // SAFETY: the handle is open and `token` lives over the call.
    if unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) } == 0 {
        return None;
    }
    let token = Handle(token);
    let mut buffer = vec![0_u64; 64];
    let (size, mut used) = (512, 0);
    // SAFETY: the token is open, and the buffer has `size` bytes.
    let done =
        unsafe { GetTokenInformation(token.0, TokenUser, buffer.as_mut_ptr().cast(), size, &raw mut used) };
    (done != 0).then_some(TokenOwner(buffer))
}

/// Whether a process belongs to the user we run as.
pub(super) fn is_ours(pid: u32) -> bool {
    // SAFETY: the handle of the own process needs no closing.
    let me = token_user(unsafe { GetCurrentProcess() });
    let other = open(pid).and_then(|handle| token_user(handle.0));
    match (me, other) {
        // SAFETY: both are valid and live over the call.
        (Some(me), Some(other)) => unsafe { EqualSid(me.sid(), other.sid()) != 0 },
        _ => false,
    }
}

/// The name of an account.
fn account(sid: PSID) -> Option<String> {
    let (mut name, mut domain) = ([0_u16; 256], [0_u16; 256]);
    let (mut name_size, mut domain_size, mut kind) = (256, 256, 0);
    // SAFETY: the identifier is valid, and both buffers have the sizes given.
    let done = unsafe {
        LookupAccountSidW(
            std::ptr::null(),
            sid,
            name.as_mut_ptr(),
            &raw mut name_size,
            domain.as_mut_ptr(),
            &raw mut domain_size,
            &raw mut kind,
        )
    };
    (done != 0).then(|| until_zero(&name))
}
