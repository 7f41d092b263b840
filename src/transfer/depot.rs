//! The folder of what is fetched and not yet installed.
//!
//! `<object>.part` holds the bytes of an object so far, `<object>.json` says what a hash can't tell about
//! them, `<file>.file` is a whole file with the digest it is named by. Nothing here is trusted on sight.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::fsx::{self, FsError};
use crate::platform::ChangeMark;
use crate::release::Digest;

/// The folder of partial and finished downloads.
#[derive(Debug, Clone)]
pub struct Depot {
    dir: PathBuf,
}

impl Depot {
    /// Opens the folder `dir`, making it if need be.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn open(dir: &Path) -> Result<Self, FsError> {
        fsx::make_dirs(dir)?;
        Ok(Self { dir: dir.to_path_buf() })
    }

    /// Removes everything in it.
    ///
    /// # Errors
    /// If something can't be removed.
    pub fn clear(&self) -> Result<(), FsError> {
        fsx::remove_tree(&self.dir)?;
        fsx::make_dirs(&self.dir)
    }

    /// Removes what is not of `wanted`, objects and files by their digests, such as the rest of a release that was
    /// never installed; and what was being written when an updater was killed.
    ///
    /// # Errors
    /// If something can't be removed.
    pub fn keep_only(&self, wanted: &HashSet<Digest>) -> Result<(), FsError> {
        for name in fsx::list(&self.dir)? {
            let stem = name.to_str().and_then(|name| name.get(..64)).and_then(|stem| stem.parse().ok());
            let is_whole = !name.to_string_lossy().ends_with(".tmp");
            if !is_whole || !stem.is_some_and(|stem: Digest| wanted.contains(&stem)) {
                fsx::remove_file(&self.dir.join(name))?;
            }
        }
        Ok(())
    }

    pub(super) fn part(&self, object: &Digest) -> PathBuf {
        self.dir.join(format!("{object}.part"))
    }

    pub(super) fn side(&self, object: &Digest) -> PathBuf {
        self.dir.join(format!("{object}.json"))
    }

    /// For what one delta at a time needs while it is applied.
    pub(super) fn scratch(&self) -> PathBuf {
        self.dir.join("old.tmp")
    }

    pub(super) fn file(&self, sha256: &Digest) -> PathBuf {
        self.dir.join(format!("{sha256}.file"))
    }
}

/// Files that are whole and have the digest they were asked by. Only a finished transfer makes one.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    files: HashMap<Digest, (PathBuf, Option<ChangeMark>)>,
}

impl Fetched {
    pub(super) fn of(depot: &Depot, files: impl Iterator<Item = (Digest, Option<ChangeMark>)>) -> Self {
        Self { files: files.map(|(sha256, mark)| (sha256, (depot.file(&sha256), mark))).collect() }
    }

    /// Takes in the files of another transfer into the same depot.
    pub fn join(&mut self, other: Self) {
        self.files.extend(other.files);
    }

    /// Where the file with this content lies.
    #[must_use]
    pub fn file(&self, sha256: &Digest) -> Option<&Path> {
        self.files.get(sha256).map(|(path, _)| path.as_path())
    }

    /// The mark of that file when its content was known to be right: with the same mark now, it still is.
    #[must_use]
    pub fn mark(&self, sha256: &Digest) -> Option<ChangeMark> {
        self.files.get(sha256).and_then(|(_, mark)| *mark)
    }
}
