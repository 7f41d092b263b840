//! What a swap needs of a file system, as a trait: the real one, one that notes down what is done to it, and
//! one in memory that loses power at will.
//!
//! Every flush has a name, so that a proof can leave it out and show what it is for.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{File, Metadata};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::platform::{self, ChangeMark};

use super::{Context as _, FsError, Result};

/// The name of a flush: what comes after it may rely on what came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Barrier(&'static str);

impl Barrier {
    /// A barrier of this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// What kind of thing lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, a socket.
    Other,
}

/// What is known about a path without reading it; a link is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// The Unix permission bits; elsewhere a guess.
    pub mode: u32,
    /// What tells whether it changed since it was read.
    pub mark: ChangeMark,
    /// Bytes it takes on the volume: fewer than its length where it has holes.
    pub taken: u64,
    /// When it was last written, if the system tells.
    pub modified: Option<SystemTime>,
}

impl Stat {
    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.kind == Kind::File
    }

    /// Whether it is a folder.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.kind == Kind::Folder
    }

    /// Whether it is a symbolic link.
    #[must_use]
    pub fn is_symlink(&self) -> bool {
        self.kind == Kind::Link
    }

    /// Its bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.mark.size
    }
}

impl From<&Metadata> for Stat {
    fn from(metadata: &Metadata) -> Self {
        let kind = if metadata.is_file() {
            Kind::File
        } else if metadata.is_dir() {
            Kind::Folder
        } else if metadata.is_symlink() {
            Kind::Link
        } else {
            Kind::Other
        };
        let (mode, mark) = (platform::file::mode(metadata), platform::file::change_mark(metadata));
        let taken = platform::file::taken(metadata);
        Self { kind, mode, mark, taken, modified: metadata.modified().ok() }
    }
}

/// A lock that is held until this is dropped or the process ends.
#[derive(Debug)]
pub struct Hold(Option<File>);

impl Hold {
    /// A lock on nothing, for disks that no other process sees.
    #[must_use]
    pub fn alone() -> Self {
        Self(None)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Closing alone would leave the lock with any child that is just being started and still has a copy
        // of the handle. If this fails, closing is what is left.
        if let Some(file) = &self.0 {
            file.unlock().ok();
        }
    }
}

/// What a swap needs of a file system. No method follows a link at the end of a path, but for `canonical`.
///
/// # Errors
/// Every method: what the system says, with the path.
#[expect(clippy::missing_errors_doc, reason = "said above for all of them")]
pub trait Disk: Debug + Send + Sync {
    /// What lies at a path.
    fn stat(&self, path: &Path) -> Result<Stat>;
    /// The names in a folder, sorted.
    fn list(&self, path: &Path) -> Result<Vec<OsString>>;
    /// What a symbolic link says.
    fn read_link(&self, path: &Path) -> Result<PathBuf>;
    /// The bytes of a file, from the first.
    fn open(&self, path: &Path) -> Result<Box<dyn Read>>;
    /// The absolute path without links.
    fn canonical(&self, path: &Path) -> Result<PathBuf>;
    /// Creates a file or empties it, and writes it; brings it to the disk if there is a barrier.
    fn write(&self, path: &Path, bytes: &[u8], flush: Option<Barrier>) -> Result<()>;
    /// Copies a file's bytes and permission bits.
    fn copy(&self, from: &Path, to: &Path) -> Result<()>;
    /// Sets the Unix permission bits.
    fn set_mode(&self, path: &Path, mode: u32) -> Result<()>;
    /// Takes off a file the system's mark that it came from a network, where systems have one. For what was verified.
    fn unmark(&self, _path: &Path) -> Result<()> {
        Ok(())
    }
    /// Gives a file a second name; never over another file.
    fn hard_link(&self, from: &Path, to: &Path) -> Result<()>;
    /// Makes a symbolic link at `path` that says `target`.
    fn symlink(&self, target: &str, path: &Path) -> Result<()>;
    /// Renames a file or folder; an existing file is replaced, and its name is never empty meanwhile.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    /// Removes a file or link.
    fn remove_file(&self, path: &Path) -> Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, path: &Path) -> Result<()>;
    /// Removes a folder and all in it; nothing happens if there is none.
    fn remove_tree(&self, path: &Path) -> Result<()>;
    /// Makes a folder and those above it.
    fn make_dirs(&self, path: &Path) -> Result<()>;
    /// Brings a file's bytes to the disk itself.
    fn flush(&self, path: &Path, barrier: Barrier) -> Result<()>;
    /// Brings a folder's names to the disk itself.
    fn sync_dir(&self, path: &Path, barrier: Barrier) -> Result<()>;
    /// Brings everything on the volume of `path` to the disk; false where that can't be done at once.
    fn sync_volume(&self, path: &Path, barrier: Barrier) -> Result<bool>;
    /// The bytes that are free for us on the volume of `path`.
    fn free_space(&self, path: &Path) -> Result<u64>;
    /// Locks a file against other processes, making it if need be; nothing if another one has it.
    fn lock(&self, path: &Path) -> Result<Option<Hold>>;

    /// Whether something is at `path`, be it a link that leads nowhere.
    fn exists(&self, path: &Path) -> Result<bool> {
        match self.stat(path) {
            Ok(_) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The whole content of a file of at most `limit` bytes.
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>> {
        super::read_from(self.open(path)?, path, limit)
    }

    /// Replaces a file so that after a crash it is whole, old or new: temporary file, flush, rename, flush of
    /// the folder.
    fn write_durable(&self, path: &Path, bytes: &[u8], file: Barrier, folder: Barrier) -> Result<()> {
        let temp = super::sibling(path, ".tmp");
        self.write(&temp, bytes, Some(file))?;
        self.rename(&temp, path)?;
        path.parent().map_or(Ok(()), |parent| self.sync_dir(parent, folder))
    }
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn stat(&self, path: &Path) -> Result<Stat> {
        super::stat(path).map(|metadata| Stat::from(&metadata))
    }

    fn list(&self, path: &Path) -> Result<Vec<OsString>> {
        super::list(path)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf> {
        super::read_link(path)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Read>> {
        Ok(Box::new(super::open(path)?))
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        super::canonical(path)
    }

    fn write(&self, path: &Path, bytes: &[u8], flush: Option<Barrier>) -> Result<()> {
        let mut file = super::create(path)?;
        file.write_all(bytes).at("write", path)?;
        match flush {
            Some(barrier) if !is_left_out(barrier) => super::flush(&file, path),
            _ => Ok(()),
        }
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        super::copy(from, to)
    }

    fn set_mode(&self, path: &Path, mode: u32) -> Result<()> {
        super::set_mode(path, mode)
    }

    fn unmark(&self, path: &Path) -> Result<()> {
        platform::file::unmark(path).at("take the mark of the network off", path)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        super::hard_link(from, to)
    }

    fn symlink(&self, target: &str, path: &Path) -> Result<()> {
        super::symlink(target, path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        super::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        super::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        super::remove_dir(path)
    }

    fn remove_tree(&self, path: &Path) -> Result<()> {
        super::remove_tree(path)
    }

    fn make_dirs(&self, path: &Path) -> Result<()> {
        super::make_dirs(path)
    }

    fn flush(&self, path: &Path, barrier: Barrier) -> Result<()> {
        if is_left_out(barrier) {
            return Ok(());
        }
        match super::open_existing_rw(path) {
            Ok(file) => super::flush(&file, path),
            // Read-only, or a program that runs.
            Err(_) => platform::file::flush_unwritable(&super::open(path)?).at("flush", path),
        }
    }

    fn sync_dir(&self, path: &Path, barrier: Barrier) -> Result<()> {
        if is_left_out(barrier) { Ok(()) } else { super::sync_dir(path) }
    }

    fn sync_volume(&self, path: &Path, barrier: Barrier) -> Result<bool> {
        if is_left_out(barrier) {
            return Ok(true);
        }
        platform::file::sync_volume(path).at("flush", path)
    }

    fn free_space(&self, path: &Path) -> Result<u64> {
        platform::file::free_space(path).at("look at the free space of", path)
    }

    fn lock(&self, path: &Path) -> Result<Option<Hold>> {
        let file = super::open_rw(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Hold(Some(file)))),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(FsError::new("lock", path, error)),
        }
    }
}

/// Whether a test wants to see what goes wrong without this flush: `UPDRAFT_NO_FLUSH=all` or one name.
#[inline]
fn is_left_out(barrier: Barrier) -> bool {
    cfg!(feature = "checkpoints")
        && std::env::var("UPDRAFT_NO_FLUSH").is_ok_and(|name| name == "all" || name == barrier.name())
}
