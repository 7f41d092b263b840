//! Files on Unix.
#![expect(clippy::disallowed_methods, reason = "the ground that fsx stands on")]

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags};

use crate::platform::ChangeMark;
#[cfg(target_os = "linux")]
use crate::platform::linux as os;
#[cfg(target_os = "macos")]
use crate::platform::macos as os;

/// Whether files have Unix permission bits here.
pub const HAS_MODES: bool = true;

/// Whether a folder can be named by a drive, `C:\\x`, or by a server, `\\\\server\\share`.
pub const HAS_DRIVES: bool = false;

/// Whether a file that somebody has open can't be replaced.
pub const OPEN_FILES_STAY: bool = false;

/// Brings a file's bytes to the disk itself (`fsync`; on macOS `F_FULLFSYNC`, which std uses there).
///
/// # Errors
/// What the system says.
pub fn flush(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// Whether it helps to flush a file while more of it is being written. Not where a flush empties the disk's own
/// memory each time, as on macOS.
pub const FLUSHES_BEHIND: bool = cfg!(target_os = "linux");

/// Brings a file's bytes to the disk, as far as they are needed to read it (`fdatasync`).
///
/// # Errors
/// What the system says.
pub fn flush_bytes(file: &File) -> io::Result<()> {
    file.sync_data()
}

/// Brings the bytes of a file that can't be opened for writing to the disk itself.
///
/// # Errors
/// What the system says.
pub fn flush_unwritable(file: &File) -> io::Result<()> {
    flush(file)
}

/// Brings a folder's entries to the disk itself.
///
/// # Errors
/// What the system says.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Brings everything written to the volume of `path` to the disk at once, where the system can; otherwise
/// returns false and each file has to be flushed by itself.
///
/// # Errors
/// What the system says.
pub fn sync_volume(path: &Path) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        rustix::fs::syncfs(File::open(path)?)?;
        Ok(true)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        Ok(false)
    }
}

/// Renames, replacing an existing file at once.
///
/// # Errors
/// What the system says.
pub fn replace(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

/// Makes a symbolic link.
///
/// # Errors
/// What the system says.
pub fn symlink(target: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// Sets the permission bits.
///
/// # Errors
/// What the system says.
pub fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode & 0o777))
}

/// Takes the mark off a file that macOS gives to what was fetched by a program that asks for such marks, as ours does
/// inside a program that does (`LSFileQuarantineEnabled`). Elsewhere there is none.
///
/// # Errors
/// What the system says.
pub fn unmark(path: &Path) -> io::Result<()> {
    #[cfg(target_os = "macos")]
    return os::unmark(path);
    #[cfg(not(target_os = "macos"))]
    {
        let _ = path;
        Ok(())
    }
}

/// The permission bits.
#[must_use]
pub fn mode(metadata: &Metadata) -> u32 {
    metadata.mode() & 0o777
}

/// Bytes a file takes on its volume; holes take none.
#[must_use]
pub fn taken(metadata: &Metadata) -> u64 {
    // The system counts in units of 512 bytes whatever the block size is.
    metadata.blocks().saturating_mul(512)
}

/// What tells whether a file changed since it was hashed.
#[must_use]
pub fn change_mark(metadata: &Metadata) -> ChangeMark {
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    ChangeMark {
        size: metadata.size(),
        written: nanos(metadata.mtime(), metadata.mtime_nsec()),
        changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
        id: metadata.ino(),
    }
}

/// The volume a file is on.
#[must_use]
pub fn volume(metadata: &Metadata) -> u64 {
    metadata.dev()
}

/// Whether the error says that another process holds the file in a way that forbids this.
#[must_use]
pub fn is_sharing_violation(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::TXTBSY.raw_os_error())
}

/// Bytes free for us on the volume of `path`.
///
/// # Errors
/// What the system says.
pub fn free_space(path: &Path) -> io::Result<u64> {
    let volume = rustix::fs::statvfs(path)?;
    Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
}

/// Whether we may create and rename files in a folder; nothing is changed.
///
/// # Errors
/// What a write would say.
pub fn may_write_in(folder: &Path) -> io::Result<()> {
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    Ok(rustix::fs::accessat(rustix::fs::CWD, folder, wanted, AtFlags::EACCESS)?)
}

/// The user a file belongs to, if the system tells.
#[must_use]
pub fn owner(path: &Path) -> Option<String> {
    let uid = std::fs::symlink_metadata(path).ok()?.uid();
    Some(os::user_name(uid).unwrap_or_else(|| uid.to_string()))
}

/// Whether a file is of the user we run as, of the system, or of whom `other` is.
#[must_use]
pub fn is_of_known(path: &Path, other: &Path) -> bool {
    let owner = |path: &Path| std::fs::symlink_metadata(path).map(|found| found.uid());
    let Ok(uid) = owner(path) else { return false };
    uid == 0 || uid == rustix::process::geteuid().as_raw() || owner(other).is_ok_and(|other| other == uid)
}

/// A path as people know it. On Unix there is only one way to write it.
#[must_use]
pub fn plain(path: PathBuf) -> PathBuf {
    path
}

/// Whether nobody but the system can change what lies here: it is of root, and others may not write. In a folder where
/// everybody may write but only rename what is their own, what is of root is safe too.
///
/// # Errors
/// What the system says, if it does not let us look.
pub fn is_systems_alone(path: &Path) -> io::Result<bool> {
    let found = std::fs::symlink_metadata(path)?;
    let is_closed = found.mode() & 0o022 == 0 || (found.is_dir() && found.mode() & 0o1000 != 0);
    Ok(found.uid() == 0 && is_closed)
}

/// Whether nobody but the system can put something else in the place of what is the system's in this folder.
///
/// # Errors
/// What the system says, if it does not let us look.
pub fn is_way_safe(folder: &Path) -> io::Result<bool> {
    is_systems_alone(folder)
}

/// Creates a new file that only its owner can read.
///
/// # Errors
/// If it exists, or what the system says.
pub fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Whether others than the owner can read the file.
#[must_use]
pub fn is_open_to_others(metadata: &Metadata) -> bool {
    metadata.mode() & 0o077 != 0
}
