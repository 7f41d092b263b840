//! A repository: where its parts lie, whose it is, and who may write to it now.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::fsx::{self, Absent as _, FsError};
use crate::release::{App, Digest, MAX_MANIFEST_BYTES, Manifest};
use crate::trust::ReleaseTarget;
use crate::trust::sign::{RepoState, SignError, SignedFile};

use super::scratch::Scratch;
use super::store::{FolderStore, Listed, Store, Write};
use super::{Place, PublishError};

/// Holds the lock and objects that are not finished. No server hands it out, no client asks for it.
pub(super) const WORK: &str = ".work";
/// Remembers which deltas were made. Like `.work` it is for publishers alone, and may be deleted.
pub(super) const CACHE: &str = ".cache";
/// Says whose repository it is, for the publisher alone.
pub(super) const PROJECT: &str = "project.json";
/// The last file written by every publish.
pub(super) const TIMESTAMP: &str = "metadata/timestamp.json";
/// In a store: somebody removes what nobody needs, so nobody else writes.
pub(super) const PRUNING: &str = ".work/pruning";
/// A mark of that kind which is older was left by one that was killed.
pub(super) const PRUNING_LASTS: Duration = Duration::from_secs(60 * 60);
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

/// A repository: a folder, or a store with a folder of this machine in which its new objects are made.
#[derive(Debug)]
pub(super) struct Repository {
    root: PathBuf,
    store: Box<dyn Store>,
    scratch: Option<Scratch>,
    /// The objects of a store and their sizes, listed once.
    objects: OnceLock<HashMap<Digest, u64>>,
}

/// The right to write to a repository; one at a time has it. The kernel takes it back when the process ends. In a
/// store there is none: whoever is late finds the timestamp changed.
#[derive(Debug)]
pub(super) struct Lock(Option<File>);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave the lock with any child that is just being started and still has a copy of
        // the handle. If this fails, closing is what is left.
        if let Some(file) = &self.0 {
            file.unlock().ok();
        }
    }
}

/// An object as a file of this machine; a copy goes when this is dropped.
#[derive(Debug)]
pub(super) struct LocalObject {
    path: PathBuf,
    is_copy: bool,
}

impl LocalObject {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LocalObject {
    fn drop(&mut self) {
        if self.is_copy {
            // The scratch folder goes later in any case.
            fsx::remove_file(&self.path).ok();
        }
    }
}

impl Repository {
    /// The repository in the folder `root`, be it there or not.
    pub(super) fn at(root: &Path) -> Self {
        let store = Box::new(FolderStore::new(root));
        Self { root: root.to_path_buf(), store, scratch: None, objects: OnceLock::new() }
    }

    /// The repository at a place.
    pub(super) fn open(place: &Place) -> Result<Self, PublishError> {
        match place {
            Place::Folder(folder) => Ok(Self::at(&resolve(folder)?)),
            #[cfg(feature = "vendor")]
            Place::Store(url) => {
                let store = Box::new(super::store::RemoteStore::open(url)?);
                let scratch = Scratch::new("publish")?;
                let root = scratch.path().to_path_buf();
                fsx::make_dirs(&root.join(WORK))?;
                Ok(Self { root, store, scratch: Some(scratch), objects: OnceLock::new() })
            }
            #[cfg(not(feature = "vendor"))]
            Place::Store(url) => Err(PublishError::NoStores(url.to_string())),
        }
    }

    /// The repository at a place with its metadata, for signing that anew; nobody else writes to it while the lock is
    /// held.
    pub(super) fn open_to_sign(place: &Place) -> Result<(Self, RepoState, Lock), PublishError> {
        let repository = Self::open(place)?;
        if !repository.is_complete()? {
            return Err(repository.none());
        }
        let lock = repository.lock()?;
        let state = repository.state_to_sign()?;
        Ok((repository, state, lock))
    }

    /// The folder of this machine: the repository itself, or the one in which new objects of a store are made.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it is a folder of this machine.
    pub(super) fn is_folder(&self) -> bool {
        self.scratch.is_none()
    }

    /// How people call it.
    pub(super) fn name(&self) -> PathBuf {
        self.store.describe().into()
    }

    /// That it is no repository.
    pub(super) fn none(&self) -> PublishError {
        PublishError::NotARepository(self.name())
    }

    /// Its files.
    pub(super) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Whether a publish, or `init`, has ever ended here.
    pub(super) fn is_complete(&self) -> Result<bool, FsError> {
        Ok(self.store.read(TIMESTAMP, MAX_METADATA)?.is_some())
    }

    /// The program it is of, if that is written down.
    pub(super) fn project(&self) -> Result<Option<App>, PublishError> {
        let path = self.name().join(PROJECT);
        let Some(bytes) = self.store.read(PROJECT, 64 * 1024)? else { return Ok(None) };
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
            PublishError::Project { path: self.name().join(PROJECT), why: error.to_string() }
        })?;
        Ok(self.store.write(PROJECT, &bytes, Write::Over)?)
    }

    /// Its current metadata, verified; nothing if it has none.
    pub(super) fn state(&self) -> Result<Option<RepoState>, SignError> {
        RepoState::open(&|path| self.store.read(path, MAX_METADATA))
    }

    /// Its current metadata, to be followed by other: with numbers that no file has yet, also none that a publisher
    /// left who was killed.
    pub(super) fn state_to_sign(&self) -> Result<RepoState, PublishError> {
        let mut state = self.state()?.ok_or_else(|| self.none())?;
        // After the state was read: who removes objects signs first, so this one would be found out to be late.
        self.refuse_pruning()?;
        for Listed { path, .. } in self.store.list("metadata")? {
            state.pass_over(&path);
        }
        Ok(state)
    }

    /// Objects of a store are about to go that the listing still shows.
    fn refuse_pruning(&self) -> Result<(), PublishError> {
        if self.is_folder() {
            return Ok(());
        }
        let marks = self.store.list(WORK)?;
        let is_young = |mark: &&Listed| {
            SystemTime::now().duration_since(mark.written).unwrap_or_default() < PRUNING_LASTS
        };
        match marks.iter().filter(|mark| mark.path == PRUNING).find(is_young) {
            Some(_) => Err(PublishError::Pruning(self.name())),
            None => Ok(()),
        }
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
        let bytes = self.store.read(&release.fetch_path, MAX_MANIFEST_BYTES)?;
        manifest_of(release, bytes)
    }

    /// The size of an object; nothing if it is not there.
    pub(super) fn object_size(&self, digest: &Digest) -> Result<Option<u64>, FsError> {
        if self.is_folder() {
            let found = fsx::stat(&self.root.join(object_name(digest))).if_present()?;
            return Ok(found.map(|metadata| metadata.len()));
        }
        if let Some(all) = self.objects.get() {
            return Ok(all.get(digest).copied());
        }
        let all = self.store.list("objects")?.into_iter().filter_map(|listed| {
            let digest: Digest = listed.path.rsplit('/').next()?.parse().ok()?;
            (listed.path == object_name(&digest)).then_some((digest, listed.size))
        });
        Ok(self.objects.get_or_init(|| all.collect()).get(digest).copied())
    }

    /// An object as a file of this machine; nothing if it is not there.
    pub(super) fn local_object(&self, digest: &Digest) -> Result<Option<LocalObject>, FsError> {
        // Several threads may want the same one, and each removes its own.
        static COPIES: AtomicU64 = AtomicU64::new(0);
        let number = COPIES.fetch_add(1, Ordering::Relaxed);
        let scratch = self.root.join(WORK).join(format!("{}-{number}.copy", digest.hex()));
        let found = self.store.bring(&object_name(digest), &scratch)?;
        Ok(found.map(|path| LocalObject { is_copy: path == scratch, path }))
    }

    /// Sends to a store what was made for it and is not there; in a folder it lies where it stays.
    pub(super) fn send_objects(
        &self,
        threads: usize,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<(), PublishError> {
        if self.is_folder() {
            return Ok(());
        }
        let made = FolderStore::new(&self.root).list("objects")?;
        let mut missing = Vec::new();
        for one in made {
            let digest: Option<Digest> = one.path.rsplit('/').next().and_then(|name| name.parse().ok());
            let there = digest.map(|digest| self.object_size(&digest)).transpose()?.flatten();
            if there != Some(one.size) {
                missing.push(one);
            }
        }
        let total = missing.iter().map(|one| one.size).sum();
        let done = AtomicU64::new(0);
        progress(0, total);
        // Few at once: a line is full with that, and each may hold a part in memory.
        super::pool::map(&missing, threads.clamp(2, 4), &|one: &Listed| {
            self.store.send(&one.path, &self.root.join(&one.path))?;
            let now = done.fetch_add(one.size, Ordering::Relaxed) + one.size;
            progress(now, total);
            Ok::<_, PublishError>(())
        })?;
        Ok(())
    }

    /// Writes a file for good; so are the folders above it.
    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> Result<(), FsError> {
        let is_numbered = path.starts_with("metadata/")
            && path["metadata/".len()..].starts_with(|first: char| first.is_ascii_digit());
        let how = match path {
            TIMESTAMP => Write::Unchanged,
            _ if is_numbered => Write::New,
            _ => Write::Over,
        };
        self.store.write(path, bytes, how)
    }

    /// Writes signed files for good, in their order.
    pub(super) fn write_signed(&self, files: &[SignedFile]) -> Result<(), PublishError> {
        files.iter().try_for_each(|(path, bytes)| Ok(self.write(path, bytes)?))
    }

    /// Takes the right to write, and clears away what a publisher that was killed has left.
    pub(super) fn lock(&self) -> Result<Lock, PublishError> {
        if !self.is_folder() {
            return Ok(Lock(None));
        }
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
        Ok(Lock(Some(file)))
    }
}

/// The path of an object in a repository.
pub(super) fn object_name(digest: &Digest) -> String {
    let name = digest.hex();
    format!("objects/{}/{name}", &name[..2])
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
