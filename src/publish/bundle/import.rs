//! Merges a bundle into a repository: believed as an install would believe it, then content, then metadata, the
//! timestamp at the very end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::fsx::{self, Absent as _};
use crate::release::{App, Digest, MAX_MANIFEST_BYTES, ReleaseNumber, Stamp};
use crate::source::BundleFile;
use crate::trust::sign::RepoState;
use crate::trust::{MAX_ROOT, TrustError, Versions};

use super::super::object::object_path;
use super::super::repository::object_name;
use super::super::repository::{CACHE, PROJECT, Repository, TIMESTAMP, WORK, manifest_of, resolve};
use super::super::{PublishError, verify};
use super::BundleProgress;
use super::scratch;

/// What to import, and where.
#[derive(Debug, Clone)]
pub struct Import {
    /// The bundle.
    pub bundle: PathBuf,
    /// The repository, or a new folder.
    pub repository: PathBuf,
    /// A root that is trusted already and must lead to the bundle's.
    pub root: Option<PathBuf>,
    /// The time, which the bundle must not have outlived.
    pub now: Stamp,
}

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// The repository.
    pub repository: PathBuf,
    /// The program.
    pub app: Option<App>,
    /// Whether the repository was made by this.
    pub is_new: bool,
    /// The names of the keys that may change all others from now on.
    pub root_keys: Vec<String>,
    /// The releases the bundle brought, those that were there before too: `stable/any/3`.
    pub releases: Vec<String>,
    /// Objects that were not there before.
    pub new_objects: u64,
    /// Bytes of those.
    pub new_bytes: u64,
    /// Until when installs take what the repository says now.
    pub expires: Stamp,
}

/// What lies in the folder before.
enum Target {
    /// Nothing, or what an import that never ended has left of content.
    New,
    /// A root, but no whole repository: an import was cut off while it changed keys.
    Torn(Vec<u8>),
    /// A repository.
    Whole(Vec<u8>, Box<RepoState>),
}

/// The bundle as it may be believed.
struct Believed {
    state: RepoState,
    /// The root that counts, with its bytes.
    root: Vec<u8>,
    /// Roots up to this version are in the repository already.
    known_roots: u64,
}

/// Merges a bundle into a repository. Interrupted at any moment it can be done again, and readers see the old
/// state or the new one.
///
/// # Errors
/// If the bundle is not trusted, older than the repository, lacks something, or can't be read or written.
pub fn import(order: &Import, progress: BundleProgress<'_>) -> Result<Imported, PublishError> {
    let bundle = BundleFile::open(&order.bundle)?;
    let root = resolve(&order.repository)?;
    // Nothing is made for a bundle that is not trusted.
    believe(&bundle, &Target::look(&root)?, order)?;
    fsx::make_dirs(&root)?;
    let repository = Repository::at(&root);
    let _lock = repository.lock()?;
    let target = Target::look(&root)?;
    let believed = believe(&bundle, &target, order)?;
    let state = &believed.state;
    refuse_fork(&bundle, &repository, &target, state)?;
    refuse_left_out(&bundle, &repository, &target, state)?;
    let brought = Brought::find(&bundle, &repository, state)?;
    let (new_objects, new_bytes) = verify_and_store(&bundle, &repository, &brought.objects, progress)?;
    if let (None, Some(app)) = (repository.project()?, &brought.app) {
        repository.set_project(app)?;
    }
    write_signed(&bundle, &repository, &brought.manifests, &believed)?;
    Ok(Imported {
        repository: root,
        app: brought.app,
        is_new: matches!(target, Target::New),
        root_keys: state.root_keys(),
        releases: brought.releases,
        new_objects,
        new_bytes,
        expires: state.expiries().first(),
    })
}

impl Target {
    fn look(root: &Path) -> Result<Self, PublishError> {
        let names = fsx::list(root).if_present()?.unwrap_or_default();
        let metadata = root.join("metadata");
        let roots = fsx::list(&metadata).if_present()?.unwrap_or_default();
        let numbered =
            roots.iter().filter_map(|name| scratch::root_version(&format!("metadata/{}", name.to_str()?)));
        let newest = numbered.max().map(|version| format!("{version}.root.json"));
        for name in ["root.json".to_owned()].into_iter().chain(newest) {
            let Some(bytes) = fsx::read(&metadata.join(name), MAX_ROOT).if_present()? else { continue };
            return Ok(match Repository::at(root).state() {
                Ok(Some(state)) => Self::Whole(bytes, Box::new(state)),
                Err(crate::trust::sign::SignError::Fs(error)) => return Err(error.into()),
                Ok(None) | Err(_) => Self::Torn(bytes),
            });
        }
        let ours = [WORK, CACHE, PROJECT, "objects", "targets", "metadata"];
        if names.iter().any(|name| !ours.iter().any(|ours| name == ours)) {
            return Err(PublishError::NotEmpty(root.to_path_buf()));
        }
        Ok(Self::New)
    }
}

/// Follows the bundle from what the repository trusts, as an install does that has seen what it has seen.
///
/// A root counts only if a trusted one leads to it. One of the same version as the trusted root could be
/// another one that lists the same keys for everything but itself.
fn believe(bundle: &BundleFile, target: &Target, order: &Import) -> Result<Believed, PublishError> {
    let (from, floor) = match target {
        Target::New => (scratch::root(bundle, Some(1))?, Versions::default()),
        Target::Torn(root) => (root.clone(), Versions::default()),
        Target::Whole(root, state) => (root.clone(), state.versions()),
    };
    let trusted = scratch::follow(bundle, &from, floor, order.now)?;
    if let Some(path) = &order.root {
        let root = fsx::read(path, MAX_ROOT)?;
        scratch::follow(bundle, &root, Versions::default(), order.now)?;
        let version = scratch::version_in(&root);
        if matches!(target, Target::New) && scratch::root(bundle, Some(version))? != root {
            let file = format!("metadata/{version}.root.json");
            let (have, need) = (0, 1);
            return Err(scratch::refused(bundle.path(), TrustError::Signature { file, have, need }));
        }
    }
    let (version, first) = (trusted.versions().root, scratch::version_in(&from));
    let root = if version > first { scratch::root(bundle, Some(version))? } else { from };
    let state = scratch::state(bundle, &root)?;
    let known_roots = if matches!(target, Target::New) { 0 } else { first };
    Ok(Believed { state, root, known_roots })
}

/// The same version of a file is the same file, unless somebody published in two places.
fn refuse_fork(
    bundle: &BundleFile,
    repository: &Repository,
    target: &Target,
    state: &RepoState,
) -> Result<(), PublishError> {
    let Target::Whole(_, before) = target else { return Ok(()) };
    let (old, new) = (before.versions(), state.versions());
    let same = [
        (old.timestamp == new.timestamp, TIMESTAMP.to_owned()),
        (old.snapshot == new.snapshot, format!("metadata/{}.snapshot.json", new.snapshot)),
        (old.targets == new.targets, format!("metadata/{}.targets.json", new.targets)),
    ];
    for (_, file) in same.into_iter().filter(|(is_same, _)| *is_same) {
        let ours = fsx::read(&repository.root().join(&file), verify::MAX_METADATA)?;
        if bundle.read(&file, verify::MAX_METADATA)? != Some(ours) {
            return Err(PublishError::Forked { repository: repository.root().to_path_buf(), file });
        }
    }
    Ok(())
}

/// Installs that update from here must find the manifest of the release that will be their newest.
fn refuse_left_out(
    bundle: &BundleFile,
    repository: &Repository,
    target: &Target,
    state: &RepoState,
) -> Result<(), PublishError> {
    let Target::Whole(_, before) = target else { return Ok(()) };
    let mut newest = BTreeMap::new();
    for release in state.releases().iter().filter(|release| !release.summary.withdrawn) {
        newest.insert((&release.channel, &release.platform), release);
    }
    let is_here = |path: &str| fsx::exists(&repository.root().join(path));
    for (place, release) in newest {
        if bundle.index().find(&release.fetch_path).is_some() || is_here(&release.fetch_path)? {
            continue;
        }
        for old in before.releases().iter().filter(|old| (&old.channel, &old.platform) == place) {
            if is_here(&old.fetch_path)? {
                let (repository, release) = (repository.root().to_path_buf(), release.path.clone());
                return Err(PublishError::LeftOut { repository, release });
            }
        }
    }
    Ok(())
}

/// What a bundle brings beside metadata.
#[derive(Default)]
struct Brought {
    app: Option<App>,
    releases: Vec<String>,
    /// Paths of manifests.
    manifests: Vec<String>,
    /// Objects to copy, with their sizes.
    objects: BTreeMap<Digest, u64>,
}

impl Brought {
    fn find(bundle: &BundleFile, repository: &Repository, state: &RepoState) -> Result<Self, PublishError> {
        let mut brought = Self::default();
        for release in state.releases() {
            let Some(bytes) = bundle.read(&release.fetch_path, MAX_MANIFEST_BYTES)? else { continue };
            let (manifest, _) = manifest_of(release, Some(bytes))?;
            let mut missing = Vec::new();
            for (digest, size) in manifest.objects() {
                if is_stored(repository, &digest, size)? {
                    continue;
                }
                if bundle.index().find(&object_name(&digest)).is_some_and(|part| part.length == size) {
                    brought.objects.insert(digest, size);
                } else {
                    missing.push(digest);
                }
            }
            for (digest, size) in manifest.delta_objects(ReleaseNumber::NONE) {
                let is_brought =
                    bundle.index().find(&object_name(&digest)).is_some_and(|part| part.length == size);
                if is_brought && !is_stored(repository, &digest, size)? {
                    brought.objects.insert(digest, size);
                }
            }
            if let Some(object) = missing.first() {
                let (release, object) = (release.path.clone(), object_name(object));
                return Err(PublishError::Incomplete { release, missing: missing.len() as u64, object });
            }
            brought.releases.push(release.path.trim_end_matches(".json").to_owned());
            for patch in &release.summary.patches {
                let path = patch.path(&release.channel, &release.platform);
                let Some(frame) = bundle.read(&path, patch.size)? else { continue };
                if Digest::of(&frame) != patch.sha256 {
                    return Err(PublishError::Damaged { file: path, what: "not the one that was signed" });
                }
                brought.manifests.push(path);
            }
            brought.manifests.push(release.fetch_path.clone());
            brought.app = Some(manifest.app);
        }
        Ok(brought)
    }
}

fn is_stored(repository: &Repository, digest: &Digest, size: u64) -> Result<bool, PublishError> {
    let found = fsx::stat(&object_path(repository.root(), digest)).if_present()?;
    Ok(found.is_some_and(|found| found.is_file() && found.len() == size))
}

fn verify_and_store(
    bundle: &BundleFile,
    repository: &Repository,
    objects: &BTreeMap<Digest, u64>,
    progress: BundleProgress<'_>,
) -> Result<(u64, u64), PublishError> {
    let total = objects.values().sum();
    let mut done = 0;
    let mut shelf = super::shelf::Shelf::new(repository);
    for (digest, size) in objects {
        let name = object_name(digest);
        let damaged = || PublishError::Damaged { file: name.clone(), what: "not the one that was signed" };
        let part = bundle.index().find(&name).ok_or_else(damaged)?;
        if !shelf.take(&mut bundle.reader(&part)?, bundle.path(), digest)? {
            return Err(damaged());
        }
        done += size;
        progress(done, total);
    }
    shelf.finish()?;
    Ok((objects.len() as u64, total))
}

/// Writes what was signed, in the order in which a reader is never led to something that is not there. A change
/// of keys is the one thing that two files tell together; if it is cut between them, doing it again mends it.
fn write_signed(
    bundle: &BundleFile,
    repository: &Repository,
    manifests: &[String],
    believed: &Believed,
) -> Result<(), PublishError> {
    let versions = believed.state.versions();
    let copy = |path: &str| -> Result<(), PublishError> {
        let missing = || PublishError::Damaged { file: path.to_owned(), what: "missing" };
        let bytes = bundle.read(path, MAX_MANIFEST_BYTES)?.ok_or_else(missing)?;
        write_new(repository, path, &bytes)
    };
    manifests.iter().try_for_each(|path| copy(path))?;
    copy(&format!("metadata/{}.targets.json", versions.targets))?;
    copy(&format!("metadata/{}.snapshot.json", versions.snapshot))?;
    for version in believed.known_roots + 1..=versions.root {
        copy(&format!("metadata/{version}.root.json"))?;
    }
    write_new(repository, "metadata/root.json", &believed.root)?;
    copy(TIMESTAMP)
}

/// Writes a file, unless it is there already.
fn write_new(repository: &Repository, path: &str, bytes: &[u8]) -> Result<(), PublishError> {
    let full = repository.root().join(path);
    let same_size = fsx::stat(&full).if_present()?.is_some_and(|found| found.len() == bytes.len() as u64);
    if same_size && fsx::read(&full, bytes.len() as u64)? == bytes {
        return Ok(());
    }
    Ok(repository.write(path, bytes)?)
}
