//! One step with the rights of an administrator, for which the system asks the person (UAC).
#![expect(unsafe_code, reason = "calls of the Windows API")]

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use windows_sys::Win32::Foundation::ERROR_CANCELLED;
use windows_sys::Win32::System::Com::{
    COINIT_APARTMENTTHREADED, COINIT_DISABLE_OLE1DDE, CoInitializeEx, CoUninitialize,
};
use windows_sys::Win32::System::SystemInformation::{GetSystemDirectoryW, GetSystemWindowsDirectoryW};
use windows_sys::Win32::System::Threading::GetExitCodeProcess;
use windows_sys::Win32::UI::Shell::{
    SEE_MASK_NOASYNC, SEE_MASK_NOCLOSEPROCESS, SHELLEXECUTEINFOW, ShellExecuteExW,
};
use windows_sys::Win32::UI::WindowsAndMessaging::SW_SHOWNORMAL;

use super::path::{plain, wide_text};
use super::process::{Handle, has_ended};

/// How an administrator types that `program` is to do `word`.
#[must_use]
pub fn as_typed(program: &Path, word: &str) -> String {
    format!("\"{}\" {word}", plain(program.to_path_buf()).display())
}

/// Whether a program can ask the person for the rights of an administrator: always, the system sees to it.
#[must_use]
pub fn can_ask_for_rights() -> bool {
    true
}

/// Runs `program` with this one word and the rights of an administrator, for which the system asks the person. Returns
/// when it has ended: its exit code, or nothing if the person was asked and did not agree.
///
/// # Errors
/// What the system says.
pub fn run_with_rights(program: &Path, word: &str) -> io::Result<Option<u8>> {
    let (program, word) = (plain(program.to_path_buf()), word.to_owned());
    // The shell wants a thread that is set up for its parts; ours may be set up otherwise.
    let asking = std::thread::Builder::new().name("rights".to_owned()).spawn(move || {
        let how = (COINIT_APARTMENTTHREADED | COINIT_DISABLE_OLE1DDE).cast_unsigned();
        // SAFETY: null is what the call wants.
        let set_up = unsafe { CoInitializeEx(std::ptr::null(), how) };
        let ran = ask(&program, &word);
        if set_up >= 0 {
            // SAFETY: it was set up by us, on this thread.
            unsafe { CoUninitialize() };
        }
        ran
    })?;
    asking.join().unwrap_or_else(|_panic| Err(io::Error::other("asking for rights failed")))
}

fn ask(program: &Path, word: &str) -> io::Result<Option<u8>> {
    let (verb, file) = (wide_text("runas".as_ref()), wide_text(program.as_os_str()));
    let (word, folder) = (wide_text(word.as_ref()), wide_text(system_folder()?.as_os_str()));
    let mut said = SHELLEXECUTEINFOW {
        cbSize: size_of::<SHELLEXECUTEINFOW>() as u32,
        fMask: SEE_MASK_NOCLOSEPROCESS | SEE_MASK_NOASYNC,
        lpVerb: verb.as_ptr(),
        lpFile: file.as_ptr(),
        lpParameters: word.as_ptr(),
        lpDirectory: folder.as_ptr(),
        nShow: SW_SHOWNORMAL,
        ..SHELLEXECUTEINFOW::default()
    };
    // SAFETY: the four texts end in zero; they and the struct, whose size it says, live over the call.
    if unsafe { ShellExecuteExW(&raw mut said) } == 0 {
        let error = io::Error::last_os_error();
        let declined = error.raw_os_error() == Some(ERROR_CANCELLED.cast_signed());
        return if declined { Ok(None) } else { Err(error) };
    }
    if said.hProcess.is_null() {
        return Err(io::Error::other("the system does not say what it started"));
    }
    let process = Handle(said.hProcess);
    while !has_ended(&process, Duration::from_secs(3600)) {}
    let mut code = 1;
    // SAFETY: the handle is open and `code` lives over the call.
    unsafe { GetExitCodeProcess(process.0, &raw mut code) };
    Ok(Some(u8::try_from(code).unwrap_or(1)))
}

/// Forgets the variables of this process but `kept`, and sets those without which parts of the system do not work, to
/// what the system itself says. To be done before there is another thread.
#[must_use]
pub fn forget_environment(kept: &[&str]) -> bool {
    let (Ok(system), Ok(windows)) = (system_folder(), windows_folder()) else { return false };
    // Names that begin with `=` are the folders of drives.
    let stays = |name: &OsString| {
        name.as_encoded_bytes().starts_with(b"=") || kept.iter().any(|kept| name.eq_ignore_ascii_case(kept))
    };
    let others: Vec<OsString> =
        std::env::vars_os().map(|(name, _)| name).filter(|name| !stays(name)).collect();
    for name in others {
        // SAFETY: Windows keeps its variables under a lock of its own.
        unsafe { std::env::remove_var(name) };
    }
    for (name, value) in [("SystemRoot", &windows), ("windir", &windows), ("PATH", &system)] {
        // SAFETY: as above.
        unsafe { std::env::set_var(name, value) };
    }
    true
}

fn system_folder() -> io::Result<PathBuf> {
    // SAFETY: it is one of the calls that fill a buffer whose length they are told.
    folder(|buffer, length| unsafe { GetSystemDirectoryW(buffer, length) })
}

fn windows_folder() -> io::Result<PathBuf> {
    // SAFETY: as above.
    folder(|buffer, length| unsafe { GetSystemWindowsDirectoryW(buffer, length) })
}

fn folder(ask: impl FnOnce(*mut u16, u32) -> u32) -> io::Result<PathBuf> {
    let mut text = vec![0_u16; 1024];
    let length = ask(text.as_mut_ptr(), 1024) as usize;
    match text.get(..length).filter(|found| !found.is_empty()) {
        Some(found) => Ok(PathBuf::from(OsString::from_wide(found))),
        None => Err(io::Error::last_os_error()),
    }
}
