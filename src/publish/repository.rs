//! A repository on disk: where its parts lie, whose it is, and who may write to it now.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fsx::{self, Absent as _, FsError};
use crate::release::{App, Digest, MAX_MANIFEST_BYTES, Manifest};
use crate::trust::ReleaseTarget;
use crate::trust::sign::{RepoState, SignError, SignedFile};

use super::{Place, PublishError};

/// Holds the lock and objects that are not finished. No server hands it out, no client asks for it.
pub(super) const WORK: &str = ".work";
/// Remembers which deltas were made. Like `.work` it is for publishers alone, and may be deleted.
pub(super) const CACHE: &str = ".cache";
/// Says whose repository it is, for the publisher alone.
pub(super) const PROJECT: &str = "project.json";
/// The last file written by every publish.
pub(super) const TIMESTAMP: &str = "metadata/timestamp.json";
/// Most bytes of a metadata file that are read.
const MAX_METADATA: u64 = 64 * 1024 * 1024;

/// What stands in `project.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Project {
    pub(super) format: u64,
    pub(super) app: App,
}

impl Project {
    pub(super) fn new(app: App) -> Self {
        Self { format: 1, app }
    }
}

/// A repository folder.
#[derive(Debug)]
pub(super) struct Repository {
    root: PathBuf,
}

/// The right to write to a repository; one at a time has it. The kernel takes it back when the process ends.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave the lock with any child that is just being started and still has a copy of
        // the handle. If this fails, closing is what is left.
        self.0.unlock().ok();
    }
}

impl Repository {
    /// The repository at `root`, be it there or not.
    pub(super) fn at(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// The repository at a place.
    pub(super) fn open(place: &Place) -> Result<Self, PublishError> {
        match place {
            Place::Folder(folder) => Ok(Self::at(&resolve(folder)?)),
            Place::Store(url) => Err(PublishError::NoStores(url.to_string())),
        }
    }

    /// The repository at a place with its metadata, for signing that anew; nobody else writes to it while the lock is
    /// held.
    pub(super) fn open_to_sign(place: &Place) -> Result<(Self, RepoState, Lock), PublishError> {
        let repository = Self::open(place)?;
        let none = || PublishError::NotARepository(repository.root.clone());
        if !repository.is_complete()? {
            return Err(none());
        }
        let lock = repository.lock()?;
        let state = repository.state()?.ok_or_else(none)?;
        Ok((repository, state, lock))
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether a publish, or `init`, has ever ended here.
    pub(super) fn is_complete(&self) -> Result<bool, FsError> {
        fsx::exists(&self.root.join(TIMESTAMP))
    }

    /// The program it is of, if that is written down.
    pub(super) fn project(&self) -> Result<Option<App>, PublishError> {
        let path = self.root.join(PROJECT);
        let Some(bytes) = fsx::read(&path, 64 * 1024).if_present()? else { return Ok(None) };
        let damaged = |why: String| PublishError::Project { path: path.clone(), why };
        let project: Project = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if project.format == 1 {
            Ok(Some(project.app))
        } else {
            Err(damaged(format!("it has format {}, this program knows format 1", project.format)))
        }
    }

    /// Writes down the program it is of.
    pub(super) fn set_project(&self, app: &App) -> Result<(), PublishError> {
        let bytes = serde_json::to_vec(&Project::new(app.clone())).map_err(|error| {
            PublishError::Project { path: self.root.join(PROJECT), why: error.to_string() }
        })?;
        Ok(fsx::write_durable(&self.root.join(PROJECT), &bytes)?)
    }

    /// Its current metadata, verified; nothing if it has none.
    pub(super) fn state(&self) -> Result<Option<RepoState>, SignError> {
        RepoState::open(&|path| fsx::read(&self.root.join(path), MAX_METADATA).if_present())
    }

    /// The manifest of a release, if its bytes are those that were signed.
    pub(super) fn manifest(&self, release: &ReleaseTarget) -> Result<Manifest, PublishError> {
        Ok(self.manifest_with_bytes(release)?.0)
    }

    /// The manifest of a release, and the bytes that were signed.
    pub(super) fn manifest_with_bytes(
        &self,
        release: &ReleaseTarget,
    ) -> Result<(Manifest, Vec<u8>), PublishError> {
        let bytes = fsx::read(&self.root.join(&release.fetch_path), MAX_MANIFEST_BYTES).if_present()?;
        manifest_of(release, bytes)
    }

    /// Writes a file for good; so are the folders above it.
    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> Result<(), FsError> {
        let full = self.root.join(path);
        let Some(folder) = full.parent() else { return Ok(()) };
        let is_new = !fsx::exists(folder)?;
        if is_new {
            fsx::make_dirs(folder)?;
        }
        fsx::write_durable(&full, bytes)?;
        if is_new {
            let above = folder.ancestors().skip(1).take_while(|above| above.starts_with(&self.root));
            above.into_iter().try_for_each(fsx::sync_dir)?;
        }
        Ok(())
    }

    /// Writes signed files for good, in their order.
    pub(super) fn write_signed(&self, files: &[SignedFile]) -> Result<(), PublishError> {
        files.iter().try_for_each(|(path, bytes)| Ok(self.write(path, bytes)?))
    }

    /// Takes the right to write, and clears away what a publisher that was killed has left.
    pub(super) fn lock(&self) -> Result<Lock, PublishError> {
        let work = self.root.join(WORK);
        fsx::make_dirs(&work)?;
        let path = work.join("lock");
        let file = fsx::open_rw(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(PublishError::Busy(self.root.clone())),
            Err(TryLockError::Error(error)) => return Err(FsError::new("lock", &path, error).into()),
        }
        for name in fsx::list(&work)? {
            if name != "lock" {
                fsx::remove_file(&work.join(name))?;
            }
        }
        Ok(Lock(file))
    }
}

/// The manifest of a release from bytes that someone gives for it.
pub(super) fn manifest_of(
    release: &ReleaseTarget,
    bytes: Option<Vec<u8>>,
) -> Result<(Manifest, Vec<u8>), PublishError> {
    let damaged = |what| PublishError::Damaged { file: release.fetch_path.clone(), what };
    let bytes = bytes.ok_or_else(|| damaged("missing"))?;
    if bytes.len() as u64 != release.length || Digest::of(&bytes) != release.digest {
        return Err(damaged("not the one that was signed"));
    }
    let manifest = Manifest::parse(&bytes);
    Ok((manifest.map_err(|_why| damaged("not a manifest this program can read"))?, bytes))
}

/// `path` without links as far as it exists, absolute in any case.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, FsError> {
    let absolute = std::path::absolute(path).map_err(|error| FsError::new("find", path, error))?;
    let mut missing = Vec::new();
    let mut known = absolute.as_path();
    loop {
        if let Some(mut real) = fsx::canonical(known).if_present()? {
            real.extend(missing.iter().rev());
            return Ok(real);
        }
        let (Some(above), Some(name)) = (known.parent(), known.file_name()) else { return Ok(absolute) };
        missing.push(name.to_os_string());
        known = above;
    }
}
