//! Files on Windows.
#![expect(unsafe_code, reason = "calls of the Windows API")]

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use windows_sys::Win32::Foundation::{ERROR_LOCK_VIOLATION, ERROR_SHARING_VIOLATION, ERROR_USER_MAPPED_FILE};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_DELETE_ON_CLOSE, FILE_GENERIC_WRITE, GetDiskFreeSpaceExW,
    MOVEFILE_REPLACE_EXISTING, MOVEFILE_WRITE_THROUGH, MoveFileExW,
};

use super::path::wide;
use crate::platform::ChangeMark;

pub use super::ground::{is_systems_alone, is_way_safe};
pub use super::path::plain;
pub use super::user::{create_private, is_of_known, owner};

/// Whether files have Unix permission bits here.
pub const HAS_MODES: bool = false;

/// Whether a folder can be named by a drive, `C:\\x`, or by a server, `\\\\server\\share`.
pub const HAS_DRIVES: bool = true;

/// Whether a file that somebody has open can't be replaced.
pub const OPEN_FILES_STAY: bool = true;

/// Brings a file's bytes to the disk itself (`FlushFileBuffers`).
///
/// # Errors
/// What the system says.
pub fn flush(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// Whether it helps to flush a file while more of it is being written.
pub const FLUSHES_BEHIND: bool = false;

/// Brings a file's bytes to the disk, as far as they are needed to read it.
///
/// # Errors
/// What the system says.
pub fn flush_bytes(file: &File) -> io::Result<()> {
    file.sync_data()
}

/// Does nothing: Windows flushes only what is open for writing. A file that can't be opened so is read-only or runs,
/// so nobody has written to it for some time.
///
/// # Errors
/// None.
pub fn flush_unwritable(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Brings a folder's entries to the disk itself.
///
/// # Errors
/// What the system says.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    let folder = OpenOptions::new().write(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)?;
    folder.sync_all()
}

/// Windows can't flush a volume without special rights: each file has to be flushed by itself.
///
/// # Errors
/// None.
pub fn sync_volume(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Renames, replacing an existing file, and returns when the change is on the disk.
///
/// # Errors
/// What the system says.
pub fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (wide(from), wide(to));
    // SAFETY: both are wide strings that end in zero and live over the call.
    let done = unsafe {
        MoveFileExW(from.as_ptr(), to.as_ptr(), MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes a symbolic link to a file.
///
/// # Errors
/// What the system says; without developer mode it refuses.
pub fn symlink(target: &str, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target.replace('/', "\\"), path)
}

/// Nothing to do: Windows has no permission bits.
///
/// # Errors
/// None.
pub fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Nothing to do: the mark of Windows (`Zone.Identifier`) is written by browsers, not given to what we write.
///
/// # Errors
/// None.
pub fn unmark(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// A guess of the permission bits a file would have on Unix.
#[must_use]
pub fn mode(_metadata: &Metadata) -> u32 {
    0o644
}

/// Bytes a file takes on its volume. We make no sparse files, and others have no holes here.
#[must_use]
pub fn taken(metadata: &Metadata) -> u64 {
    metadata.file_size()
}

/// What tells whether a file changed since it was hashed.
#[must_use]
pub fn change_mark(metadata: &Metadata) -> ChangeMark {
    ChangeMark {
        size: metadata.file_size(),
        written: metadata.last_write_time().into(),
        changed: metadata.creation_time().into(),
        id: 0,
    }
}

/// The volume a file is on; all are one here. Another volume can be in an install only through a folder that is a
/// mount point, and those are links to us: nothing is ever written through one.
#[must_use]
pub fn volume(_metadata: &Metadata) -> u64 {
    0
}

/// Whether the error says that another process holds the file in a way that forbids this.
#[must_use]
pub fn is_sharing_violation(error: &io::Error) -> bool {
    let held = [ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION, ERROR_USER_MAPPED_FILE];
    error.raw_os_error().is_some_and(|code| held.contains(&code.cast_unsigned()))
}

/// Bytes free for us on the volume of `path`.
///
/// # Errors
/// What the system says.
pub fn free_space(path: &Path) -> io::Result<u64> {
    let path = wide(path);
    let mut free = 0;
    // SAFETY: the path is a wide string that ends in zero; null is allowed for the two values not wanted.
    let done = unsafe {
        GetDiskFreeSpaceExW(path.as_ptr(), &raw mut free, std::ptr::null_mut(), std::ptr::null_mut())
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(free) }
}

/// Whether we may create and rename files in a folder: only trying tells, with a file that goes with its handle.
///
/// # Errors
/// What a write would say.
pub fn may_write_in(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".updraft-probe-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.access_mode(FILE_GENERIC_WRITE | DELETE).create_new(true).custom_flags(FILE_FLAG_DELETE_ON_CLOSE);
    options.write(true).open(probe).map(drop)
}

/// Whether others than the owner can read the file; not looked at on Windows.
#[must_use]
pub fn is_open_to_others(_metadata: &Metadata) -> bool {
    false
}
