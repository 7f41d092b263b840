//! Where the files of a repository are kept: a folder of this machine, or a store reached over the network.
//!
//! Errors of a store travel as those of files do, so that one kind of error names the file; `StoreError` within
//! says what the store answered.

mod folder;
#[cfg(feature = "vendor")]
mod remote;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::fsx::{self, FsError};
use crate::report::{ErrorCode, Fault};

pub(super) use folder::FolderStore;
#[cfg(feature = "vendor")]
pub(super) use remote::RemoteStore;

/// A file of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its path in the repository.
    pub(super) path: String,
    /// Its bytes.
    pub(super) size: u64,
    /// When it was written, as the store says.
    pub(super) written: SystemTime,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// Over anything of that name.
    Over,
    /// Only if there is none of that name.
    New,
    /// Only over the one that was read last, or where there was none then.
    Unchanged,
}

/// The files of a repository. A path is that in the repository, with `/` between its parts.
pub(super) trait Store: std::fmt::Debug + Send + Sync {
    /// How people call it.
    fn describe(&self) -> String;

    /// A file of at most `limit` bytes; nothing if there is none.
    fn read(&self, path: &str, limit: u64) -> fsx::Result<Option<Vec<u8>>>;

    /// The names at the top.
    fn top(&self) -> fsx::Result<Vec<String>>;

    /// Every file below a folder of the repository, sorted by path.
    fn list(&self, folder: &str) -> fsx::Result<Vec<Listed>>;

    /// Writes a file for good: once this has ended, it stays.
    fn write(&self, path: &str, bytes: &[u8], how: Write) -> fsx::Result<()>;

    /// Takes a file of this machine under a name; a local store has it there already.
    fn send(&self, path: &str, file: &Path) -> fsx::Result<()>;

    /// The file as one of this machine: itself, or a copy at `scratch`. Nothing if there is none.
    fn bring(&self, path: &str, scratch: &Path) -> fsx::Result<Option<PathBuf>>;

    /// Removes files; one that is not there is no error.
    fn remove(&self, paths: &[String]) -> fsx::Result<()>;
}

/// What a store answered instead of doing what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It did not answer, or its answers made no sense, all tries through.
    #[error("{store} can't be reached: {why}")]
    Unreachable {
        /// The store.
        store: String,
        /// What happened.
        why: String,
    },
    /// It refuses these credentials.
    #[error("{store} refuses access: {why}")]
    Denied {
        /// The store.
        store: String,
        /// What it said.
        why: String,
    },
    /// There is no such bucket.
    #[error("{store} does not exist: {why}")]
    NoBucket {
        /// The store.
        store: String,
        /// What it said.
        why: String,
    },
    /// Somebody else wrote there meanwhile.
    #[error("another publisher changed {store} meanwhile")]
    Overtaken {
        /// The store.
        store: String,
    },
    /// The address or the settings are not enough to reach it.
    #[error("{store} can't be used: {why}")]
    Settings {
        /// The store.
        store: String,
        /// What is missing or wrong.
        why: String,
    },
}

impl StoreError {
    /// The store's error within that of a file.
    pub(super) fn take(error: FsError) -> Result<Self, FsError> {
        let FsError { op, path, source } = error;
        let kind = source.kind();
        match source.into_inner().map(|inner| inner.downcast::<Self>()) {
            Some(Ok(store)) => Ok(*store),
            Some(Err(other)) => Err(FsError { op, path, source: std::io::Error::new(kind, other) }),
            None => Err(FsError { op, path, source: kind.into() }),
        }
    }

    /// The same as an error of a file.
    #[cfg(feature = "vendor")]
    fn at(self, op: &'static str, path: &str) -> FsError {
        FsError::new(op, Path::new(path), std::io::Error::other(self))
    }
}

impl Fault for StoreError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Unreachable { .. } => ErrorCode::Unreachable,
            Self::Denied { .. } => ErrorCode::Permission,
            Self::NoBucket { .. } => ErrorCode::Repository,
            Self::Overtaken { .. } => ErrorCode::Overtaken,
            Self::Settings { .. } => ErrorCode::Config,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreachable { .. } => {
                "Check the network and --endpoint, then do it again: what is there is not sent again."
            }
            Self::Denied { .. } => {
                "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what the store calls them."
            }
            Self::NoBucket { .. } => "Make the bucket first, or correct its name.",
            Self::Overtaken { .. } => "Nothing of this is seen by anybody. Do it again.",
            Self::Settings { .. } => "See docs/stores.md for what each store needs.",
        };
        Some(hint.to_owned())
    }
}
