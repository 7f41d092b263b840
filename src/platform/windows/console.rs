//! What a program does first on Windows: it takes libraries from the system alone, and finds the console it was
//! started from.
#![expect(unsafe_code, reason = "calls of the Windows API")]

use windows_sys::Win32::Foundation::{
    GENERIC_READ, GENERIC_WRITE, HANDLE, INVALID_HANDLE_VALUE, SetLastError,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_TYPE_UNKNOWN, GetFileType, OPEN_EXISTING,
};
use windows_sys::Win32::System::Console::{
    ATTACH_PARENT_PROCESS, AttachConsole, GetStdHandle, STD_ERROR_HANDLE, STD_HANDLE, STD_INPUT_HANDLE,
    STD_OUTPUT_HANDLE, SetStdHandle,
};
use windows_sys::Win32::System::LibraryLoader::{
    LOAD_LIBRARY_SEARCH_SYSTEM32, SetDefaultDllDirectories, SetDllDirectoryW,
};

/// Takes the libraries loaded from now on from the system's folder alone, whatever lies beside the program or in the
/// folder it is started in. The first thing a program does.
pub fn harden() {
    // SAFETY: a number and an empty string that ends in zero go in. A system too old for it loads as it always did.
    unsafe {
        SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32);
        SetDllDirectoryW([0_u16].as_ptr());
    }
}

/// Whether a handle leads somewhere.
fn is_open(handle: HANDLE) -> bool {
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return false;
    }
    // SAFETY: the system says of any number whether it is a handle. Only its last error tells an unknown type from a
    // handle of none.
    unsafe {
        SetLastError(0);
        GetFileType(handle) != FILE_TYPE_UNKNOWN || std::io::Error::last_os_error().raw_os_error() == Some(0)
    }
}

/// Gives a program without a console the one it was started from. What already leads to a file or a pipe stays so.
pub fn attach_console() {
    let streams = [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE];
    // SAFETY: numbers go in, handles or null come out.
    let before = streams.map(|stream| unsafe { GetStdHandle(stream) });
    if before[1..].iter().all(|handle| is_open(*handle)) {
        return;
    }
    // SAFETY: no pointers are passed.
    if unsafe { AttachConsole(ATTACH_PARENT_PROCESS) } == 0 {
        return;
    }
    for (stream, handle) in streams.into_iter().zip(before) {
        let handle = if is_open(handle) { handle } else { console(stream) };
        // SAFETY: the handle is open, and stays so until the process ends. Attaching may have set another one.
        unsafe { SetStdHandle(stream, handle) };
    }
}

/// The console itself, for one of the three streams.
fn console(stream: STD_HANDLE) -> HANDLE {
    let name = if stream == STD_INPUT_HANDLE { "CONIN$\0" } else { "CONOUT$\0" };
    let name: Vec<u16> = name.encode_utf16().collect();
    let (rights, share) = (GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE);
    // SAFETY: the name ends in zero and lives over the call; null is allowed for the rest.
    unsafe {
        CreateFileW(name.as_ptr(), rights, share, std::ptr::null(), OPEN_EXISTING, 0, std::ptr::null_mut())
    }
}
