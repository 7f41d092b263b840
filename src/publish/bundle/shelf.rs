//! Objects on their way into a repository: verified, brought to the disk, and only then given their names.

use std::collections::BTreeSet;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use crate::fsx::{self, Context as _, FsError};
use crate::platform;
use crate::release::{Digest, Hasher};

use super::super::object::object_path;
use super::super::repository::{Repository, WORK};

/// Bytes copied at once.
const BLOCK: usize = 256 * 1024;
/// So many objects are flushed and named together.
const BATCH: usize = 256;
/// So many bytes are flushed and named together.
const BATCH_BYTES: u64 = 256 * 1024 * 1024;
/// Up to so many files are flushed one by one; above that the whole volume is.
const FLUSH_SINGLY: usize = 16;

/// Takes objects into a repository. One that was named before stays named, whatever happens then.
pub(super) struct Shelf<'a> {
    repository: &'a Repository,
    serial: u64,
    waiting: Vec<(PathBuf, PathBuf)>,
    bytes: u64,
    folders: BTreeSet<PathBuf>,
}

impl<'a> Shelf<'a> {
    pub(super) fn new(repository: &'a Repository) -> Self {
        Self { repository, serial: 0, waiting: Vec::new(), bytes: 0, folders: BTreeSet::new() }
    }

    /// Takes the bytes of an object; says whether they are the right ones.
    pub(super) fn take(
        &mut self,
        bytes: &mut dyn Read,
        origin: &Path,
        digest: &Digest,
    ) -> Result<bool, FsError> {
        self.serial += 1;
        let temp = self.repository.root().join(WORK).join(format!("{}.part", self.serial));
        let mut file = fsx::create(&temp)?;
        let (mut hasher, mut block) = (Hasher::new(), vec![0; BLOCK]);
        loop {
            let count = bytes.read(&mut block).at("read", origin)?;
            if count == 0 {
                break;
            }
            hasher.update(&block[..count]);
            file.write_all(&block[..count]).at("write", &temp)?;
            self.bytes += count as u64;
        }
        if hasher.finish() != *digest {
            fsx::remove_file(&temp)?;
            return Ok(false);
        }
        self.waiting.push((temp, object_path(self.repository.root(), digest)));
        if self.waiting.len() >= BATCH || self.bytes >= BATCH_BYTES {
            self.settle()?;
        }
        Ok(true)
    }

    /// Brings the names to the disk too.
    pub(super) fn finish(mut self) -> Result<(), FsError> {
        self.settle()?;
        if self.folders.is_empty() {
            return Ok(());
        }
        let root = self.repository.root();
        let above = [root.join("objects"), root.to_path_buf()];
        self.folders.iter().chain(&above).try_for_each(|folder| fsx::sync_dir(folder))
    }

    /// An object of the right size counts as there, so its bytes come to the disk before it has its name.
    fn settle(&mut self) -> Result<(), FsError> {
        let root = self.repository.root();
        let together =
            self.waiting.len() > FLUSH_SINGLY && platform::file::sync_volume(root).at("flush", root)?;
        if !together {
            for (temp, _) in &self.waiting {
                fsx::flush(&fsx::open_rw(temp)?, temp)?;
            }
        }
        for (temp, path) in self.waiting.drain(..) {
            if let Some(folder) = path.parent() {
                fsx::make_dirs(folder)?;
                self.folders.insert(folder.to_path_buf());
            }
            fsx::rename(&temp, &path)?;
        }
        self.bytes = 0;
        Ok(())
    }
}
