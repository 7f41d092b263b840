//! File operations whose errors carry the path, and the one way to replace a file for good.
#![expect(clippy::disallowed_methods, reason = "this room is where std::fs is called")]

mod disk;
mod scratch;

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::platform;
use crate::report::{ErrorCode, Fault};

pub use disk::{Barrier, Disk, Hold, Kind, RealDisk, Stat};
pub use scratch::Scratch;

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("can't {op} {}: {source}", path.display())]
pub struct FsError {
    /// What was tried, as a verb.
    pub op: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// The result of a file operation.
pub type Result<T> = std::result::Result<T, FsError>;

impl FsError {
    /// An error of `op` on `path`.
    pub fn new(op: &'static str, path: &Path, source: io::Error) -> Self {
        Self { op, path: path.to_path_buf(), source }
    }

    /// Whether the file simply is not there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    }
}

impl Fault for FsError {
    fn code(&self) -> ErrorCode {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied => ErrorCode::Permission,
            io::ErrorKind::ReadOnlyFilesystem => ErrorCode::ReadOnly,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorCode::NoSpace,
            io::ErrorKind::InvalidFilename => ErrorCode::PathTooLong,
            io::ErrorKind::ExecutableFileBusy | io::ErrorKind::ResourceBusy => ErrorCode::InUse,
            _ if platform::file::is_sharing_violation(&self.source) => ErrorCode::InUse,
            _ => ErrorCode::Disk,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self.code() {
            ErrorCode::Permission => "Check that you may write there, or run it as a user who may.",
            ErrorCode::ReadOnly => "Move the program to a folder that can be written.",
            ErrorCode::NoSpace => "Free some space on that volume and try again.",
            ErrorCode::InUse => "Close the program that uses the file and try again.",
            ErrorCode::PathTooLong => "Use a folder with a shorter path.",
            _ if self.is_absent() => "Check the path.",
            _ => "Check the disk and try again.",
        };
        Some(hint.to_owned())
    }
}

/// Adds operation and path to an [`io::Result`].
pub trait Context<T> {
    /// The error of `op` on `path`.
    ///
    /// # Errors
    /// The same error, with its place.
    fn at(self, op: &'static str, path: &Path) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn at(self, op: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| FsError::new(op, path, source))
    }
}

/// Turns "not there" into `None`.
pub trait Absent<T> {
    /// `None` if the file is not there.
    ///
    /// # Errors
    /// Any other error.
    fn if_present(self) -> Result<Option<T>>;
}

impl<T> Absent<T> for Result<T> {
    fn if_present(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The whole content of a file of at most `limit` bytes.
///
/// # Errors
/// If it can't be read or is longer.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    read_from(open(path)?, path, limit)
}

fn read_from(file: impl Read, path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).at("read", path)?;
    if bytes.len() as u64 > limit {
        let long = io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes"));
        return Err(FsError::new("read", path, long));
    }
    Ok(bytes)
}

/// Opens a file for reading.
///
/// # Errors
/// If it can't be opened.
pub fn open(path: &Path) -> Result<File> {
    File::open(path).at("open", path)
}

/// Creates a file, or empties it.
///
/// # Errors
/// If it can't be created.
pub fn create(path: &Path) -> Result<File> {
    File::create(path).at("create", path)
}

/// Opens a file for reading and writing, creating it if need be, without emptying it.
///
/// # Errors
/// If it can't be opened.
pub fn open_rw(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).at("open", path)
}

/// Opens a file that is there for reading and writing.
fn open_existing_rw(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).open(path).at("open", path)
}

/// Opens a file for appending, creating it if need be.
///
/// # Errors
/// If it can't be opened.
pub fn append(path: &Path) -> Result<File> {
    OpenOptions::new().append(true).create(true).open(path).at("open", path)
}

/// Replaces a file so that after a crash it is whole, old or new: temporary file, flush, rename, flush of the
/// folder.
///
/// # Errors
/// If any step fails; the old file is then still there.
pub fn write_durable(path: &Path, bytes: &[u8]) -> Result<()> {
    let temp = sibling(path, ".tmp");
    let mut file = create(&temp)?;
    file.write_all(bytes).at("write", &temp)?;
    flush(&file, &temp)?;
    drop(file);
    rename(&temp, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Writes a new file that only its owner can read; never over another one.
///
/// # Errors
/// If there is a file already, or any step fails.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = platform::file::create_private(path).at("create", path)?;
    file.write_all(bytes).at("write", path)?;
    flush(&file, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// `path` with `suffix` after its name.
#[must_use]
pub fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    path.with_file_name(name)
}

/// Brings a file's bytes to the disk itself.
///
/// # Errors
/// If the disk reports one.
pub fn flush(file: &File, path: &Path) -> Result<()> {
    platform::file::flush(file).at("flush", path)
}

/// Brings a folder's entries to the disk itself.
///
/// # Errors
/// If the disk reports one.
pub fn sync_dir(path: &Path) -> Result<()> {
    // A name alone lies in the working folder.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    platform::file::sync_dir(path).at("flush", path)
}

/// Renames a file or folder; an existing file is replaced.
///
/// # Errors
/// If the system refuses.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    platform::file::replace(from, to).at("rename", to)
}

/// Gives a file a second name.
///
/// # Errors
/// If the volume has no hard links, or the system refuses.
pub fn hard_link(from: &Path, to: &Path) -> Result<()> {
    fs::hard_link(from, to).at("link", to)
}

/// Copies a file's bytes and permission bits.
///
/// # Errors
/// If reading or writing fails.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut source = open(from)?;
    let mut target = create(to)?;
    io::copy(&mut source, &mut target).at("write", to)?;
    let permissions = source.metadata().at("read", from)?.permissions();
    fs::set_permissions(to, permissions).at("change the mode of", to)
}

/// Makes a symbolic link at `path` that says `target`.
///
/// # Errors
/// If the system refuses.
pub fn symlink(target: &str, path: &Path) -> Result<()> {
    platform::file::symlink(target, path).at("link", path)
}

/// What a symbolic link says.
///
/// # Errors
/// If it can't be read.
pub fn read_link(path: &Path) -> Result<PathBuf> {
    fs::read_link(path).at("read", path)
}

/// Size, kind and times of what is at `path`; a link is not followed.
///
/// # Errors
/// If it can't be read.
pub fn stat(path: &Path) -> Result<Metadata> {
    fs::symlink_metadata(path).at("read", path)
}

/// Size, kind and times of what `path` leads to.
///
/// # Errors
/// If it can't be read.
pub fn stat_follow(path: &Path) -> Result<Metadata> {
    fs::metadata(path).at("read", path)
}

/// Whether something is at `path`, be it a link that leads nowhere.
///
/// # Errors
/// If that can't be seen.
pub fn exists(path: &Path) -> Result<bool> {
    Ok(stat(path).if_present()?.is_some())
}

/// Removes a file or link.
///
/// # Errors
/// If the system refuses.
pub fn remove_file(path: &Path) -> Result<()> {
    fs::remove_file(path).at("remove", path)
}

/// Removes an empty folder.
///
/// # Errors
/// If it is not empty or the system refuses.
pub fn remove_dir(path: &Path) -> Result<()> {
    fs::remove_dir(path).at("remove", path)
}

/// Removes a folder and all in it; nothing happens if there is none.
///
/// # Errors
/// If the system refuses.
pub fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path).at("remove", path) {
        Err(error) if !error.is_absent() => Err(error),
        _ => Ok(()),
    }
}

/// Makes a folder and those above it.
///
/// # Errors
/// If the system refuses.
pub fn make_dirs(path: &Path) -> Result<()> {
    fs::create_dir_all(path).at("create the folder", path)
}

/// The names in a folder, sorted.
///
/// # Errors
/// If it can't be read.
pub fn list(path: &Path) -> Result<Vec<std::ffi::OsString>> {
    let mut names = fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>())
        .at("list", path)?;
    names.sort();
    Ok(names)
}

/// The absolute path without links, as people know it: on Windows not in its long spelling (`\\?\`), where the plain
/// one names the same.
///
/// # Errors
/// If it leads nowhere.
pub fn canonical(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).map(platform::file::plain).at("find", path)
}

/// Sets the Unix permission bits; elsewhere does nothing.
///
/// # Errors
/// If the system refuses.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    platform::file::set_mode(path, mode).at("change the mode of", path)
}

/// The Unix permission bits; elsewhere a guess from the kind of file.
#[must_use]
pub fn mode(metadata: &Metadata) -> u32 {
    platform::file::mode(metadata)
}
