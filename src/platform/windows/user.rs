//! Users on Windows: whose a process or a file is, and whether it has more rights than it was given by default.
#![expect(unsafe_code, reason = "calls of the Windows API")]

use std::fs::File;
use std::io;
use std::os::windows::io::FromRawHandle as _;
use std::path::Path;

use windows_sys::Win32::Foundation::{ERROR_SUCCESS, GENERIC_WRITE, HANDLE, INVALID_HANDLE_VALUE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW,
    SDDL_REVISION_1, SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    EqualSid, GetTokenInformation, IsWellKnownSid, LookupAccountSidW, OWNER_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES, TOKEN_ELEVATION, TOKEN_QUERY, TOKEN_USER,
    TokenElevation, TokenUser, WinBuiltinAdministratorsSid, WinLocalSystemSid,
};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::path::wide;
use super::process::{Handle, open};

/// The user of a token, as the system wrote it.
pub(super) struct TokenOwner(Vec<u64>);

impl TokenOwner {
    pub(super) fn name(&self) -> Option<String> {
        account(self.sid())
    }

    fn sid(&self) -> PSID {
        // SAFETY: the buffer was filled with a TOKEN_USER by the system and is aligned for it.
        unsafe { (*self.0.as_ptr().cast::<TOKEN_USER>()).User.Sid }
    }
}

/// A process's token, opened with these rights.
pub(super) fn token(process: HANDLE, rights: u32) -> Option<Handle> {
    let mut token = std::ptr::null_mut();
    // SAFETY: the handle is open and `token` lives over the call.
    let done = unsafe { OpenProcessToken(process, rights, &raw mut token) };
    (done != 0).then_some(Handle(token))
}

/// The token of this process, opened with these rights.
pub(super) fn own_token(rights: u32) -> Option<Handle> {
    // SAFETY: the handle of the own process needs no closing.
    token(unsafe { GetCurrentProcess() }, rights)
}

pub(super) fn token_user(token: &Handle) -> Option<TokenOwner> {
    let mut buffer = vec![0_u64; 64];
    let (size, mut used) = (512, 0);
    // SAFETY: the token is open, and the buffer has `size` bytes.
    let done =
        unsafe { GetTokenInformation(token.0, TokenUser, buffer.as_mut_ptr().cast(), size, &raw mut used) };
    (done != 0).then_some(TokenOwner(buffer))
}

/// Whether a token has the rights of an administrator switched on, by the system's question (UAC) or because nobody
/// is asked here.
pub(super) fn is_token_elevated(token: &Handle) -> bool {
    let mut said = TOKEN_ELEVATION::default();
    let (size, mut used) = (4, 0);
    // SAFETY: the token is open, and the value has the four bytes told.
    let done =
        unsafe { GetTokenInformation(token.0, TokenElevation, (&raw mut said).cast(), size, &raw mut used) };
    done != 0 && said.TokenIsElevated != 0
}

/// Whether this process has the rights of an administrator switched on.
#[must_use]
pub fn is_elevated() -> bool {
    own_token(TOKEN_QUERY).is_some_and(|token| is_token_elevated(&token))
}

/// Whether a process belongs to the user we run as.
pub(super) fn is_ours(pid: u32) -> bool {
    let me = own_token(TOKEN_QUERY).and_then(|token| token_user(&token));
    let other =
        open(pid).and_then(|handle| token(handle.0, TOKEN_QUERY)).and_then(|token| token_user(&token));
    match (me, other) {
        // SAFETY: both are valid and live over the call.
        (Some(me), Some(other)) => unsafe { EqualSid(me.sid(), other.sid()) != 0 },
        _ => false,
    }
}

/// The owner of a file as its volume has it written down.
struct FileOwner {
    sid: PSID,
    descriptor: PSECURITY_DESCRIPTOR,
}

impl Drop for FileOwner {
    fn drop(&mut self) {
        // SAFETY: the system allocated it for us, and it is freed once.
        unsafe { LocalFree(self.descriptor) };
    }
}

impl FileOwner {
    fn of(path: &Path) -> Option<Self> {
        let path = wide(path);
        let (mut sid, mut descriptor) = (std::ptr::null_mut(), std::ptr::null_mut());
        let none = std::ptr::null_mut();
        // SAFETY: the path is a wide string that ends in zero; `sid` and `descriptor` live over the call, and null
        // is allowed for what is not wanted.
        let said = unsafe {
            GetNamedSecurityInfoW(
                path.as_ptr(),
                SE_FILE_OBJECT,
                OWNER_SECURITY_INFORMATION,
                &raw mut sid,
                none,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                &raw mut descriptor,
            )
        };
        (said == ERROR_SUCCESS && !sid.is_null()).then_some(Self { sid, descriptor })
    }

    fn is(&self, other: PSID) -> bool {
        // SAFETY: both are valid and live over the call.
        unsafe { EqualSid(self.sid, other) != 0 }
    }

    /// What administrators and the system lay down is the machine's own.
    fn is_system(&self) -> bool {
        // SAFETY: the identifier is valid.
        [WinBuiltinAdministratorsSid, WinLocalSystemSid]
            .into_iter()
            .any(|known| unsafe { IsWellKnownSid(self.sid, known) != 0 })
    }
}

/// The user a file belongs to, if the system tells.
#[must_use]
pub fn owner(path: &Path) -> Option<String> {
    FileOwner::of(path).and_then(|owner| account(owner.sid))
}

/// Whether a file is of the user we run as, of the system, or of whom `other` is. On a volume that keeps no owners
/// every file is.
#[must_use]
pub fn is_of_known(path: &Path, other: &Path) -> bool {
    match (FileOwner::of(path), FileOwner::of(other)) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some(owner), other) => {
            let me = own_token(TOKEN_QUERY).and_then(|token| token_user(&token));
            owner.is_system()
                || me.is_some_and(|me| owner.is(me.sid()))
                || other.is_some_and(|other| owner.is(other.sid))
        }
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
    (done != 0).then(|| super::until_zero(&name))
}

/// Creates a new file that only this user, administrators and the system can read.
///
/// # Errors
/// If it exists, or what the system says.
pub fn create_private(path: &Path) -> io::Result<File> {
    let who =
        own_token(TOKEN_QUERY).and_then(|token| token_user(&token)).and_then(|user| in_words(user.sid()));
    let who = who.ok_or_else(|| io::Error::other("the system does not say who we are"))?;
    // In the system's own language: protected from what the folder hands down; all rights to these three.
    let rights: Vec<u16> = format!("D:P(A;;FA;;;{who})(A;;FA;;;SY)(A;;FA;;;BA)\0").encode_utf16().collect();
    let (mut descriptor, none) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the text ends in zero, and `descriptor` lives over the call; null is allowed for its size.
    let made = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            rights.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            std::ptr::null_mut(),
        )
    };
    if made == 0 {
        return Err(io::Error::last_os_error());
    }
    let length = size_of::<SECURITY_ATTRIBUTES>() as u32;
    let attributes =
        SECURITY_ATTRIBUTES { nLength: length, lpSecurityDescriptor: descriptor, bInheritHandle: 0 };
    let path = wide(path);
    // SAFETY: the path ends in zero; it and the attributes live over the call. The descriptor is freed once, after it.
    let (handle, error) = unsafe {
        let at = &raw const attributes;
        let (rights, share) = (GENERIC_WRITE, FILE_SHARE_READ);
        let handle = CreateFileW(path.as_ptr(), rights, share, at, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, none);
        let error = io::Error::last_os_error();
        LocalFree(descriptor);
        (handle, error)
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(error);
    }
    // SAFETY: the handle was just opened, and nobody else has it.
    Ok(unsafe { File::from_raw_handle(handle) })
}

/// An account's identifier as the system writes it, `S-1-5-...`.
pub(super) fn in_words(sid: PSID) -> Option<String> {
    let mut text = std::ptr::null_mut();
    // SAFETY: the identifier is valid, and `text` lives over the call.
    if unsafe { ConvertSidToStringSidW(sid, &raw mut text) } == 0 {
        return None;
    }
    let mut units = Vec::new();
    // SAFETY: the system made a text that ends in zero; it is freed once, after it was read.
    unsafe {
        while *text.add(units.len()) != 0 {
            units.push(*text.add(units.len()));
        }
        LocalFree(text.cast());
    }
    String::from_utf16(&units).ok()
}
