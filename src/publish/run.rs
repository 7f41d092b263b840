//! One publish, from the folder to the new timestamp.

#[cfg(feature = "vendor")]
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fsx::{self, Absent as _};
use crate::release::{App, Digest, Manifest, ManifestPatch, ReleaseNumber, Summary};
use crate::trust::ReleaseTarget;
use crate::trust::sign::{self, Keys, RepoState};

#[cfg(feature = "vendor")]
use super::deltas;
use super::exclude::Pattern;
use super::init::keys_of;
use super::object::{self, Packer};
use super::packs::{self, Known, Outlook, Work};
use super::repository::{Repository, resolve};
use super::walk::{Tree, TreeFile, walk};
use super::{Changes, Forecast, Order, PublishError, Report, Stage, barrier, draft, patches, pool, whole};

/// Releases before the new one whose download is foretold.
pub(super) const FORETOLD: usize = 5;

/// A release from which so few bytes are fetched needs no delta.
#[cfg(feature = "vendor")]
const LEAST_SAVED: u64 = 256;

/// Told while a publish works: the stage, bytes done, bytes in all.
pub type Progress<'a> = &'a (dyn Fn(Stage, u64, u64) + Sync);

/// Publishes a folder, or says that nothing in it changed.
///
/// # Errors
/// If the folder can't be a release, the repository or the keys are not as they must be, or a file can't be
/// read or written. The repository then holds what it held before.
pub fn publish(order: &Order, progress: Progress<'_>) -> Result<Report, PublishError> {
    let repository = Repository::open(&order.repository)?;
    let places = Places::find(order, &repository)?;
    if !repository.is_complete()? {
        return Err(repository.none());
    }
    let lock = if order.dry_run { None } else { Some(repository.lock()?) };
    let state = repository.state_to_sign()?;
    let history = History::read(&repository, &state, order)?;
    let app = program(&repository, order, history.newest())?;
    let minimum = minimum(order, &history)?;
    let barrier = barrier::of(order, &history.releases)?;

    let keys =
        if order.dry_run { None } else { Some(Keys::open(&places.keys, Some(&state), &order.unlock)?) };
    let exclude: Vec<Pattern> = order.exclude.iter().map(|text| Pattern::new(text)).collect();
    let tree = walk(&places.folder, &exclude)?;
    if tree == Tree::default() {
        return Err(PublishError::Nothing(places.folder));
    }
    let threads = if order.threads == 0 { pool::default_threads() } else { order.threads };
    let hashes = read(&tree, threads, progress)?;
    refuse_keys(&tree, &hashes, &places.keys)?;
    let mut manifest = draft::draft(order, app, &tree, &hashes, history.newest())?;
    manifest.minimum = minimum;
    // Checks every path and link before any work is done for them.
    manifest.to_bytes()?;
    let changes = Changes::between(history.newest(), &manifest);
    if let (Some(newest), true) = (history.newest(), changes.is_empty()) {
        return Ok(unchanged(order, newest, &state));
    }
    history.refuse_used(order)?;

    let packer = Packer::new((!order.dry_run).then(|| repository.root().to_path_buf()), order.effort);
    let mut known = Known::read(&repository, &state)?;
    if order.whole {
        whole::pack(&mut manifest, &tree, &known, &packer, threads, progress)?;
    } else {
        let newest = history.newest();
        let work = Work { repository: &repository, tree: &tree, newest, packer: &packer, threads, progress };
        packs::pack(&work, &mut manifest, &mut known)?;
    }
    if walk(&places.folder, &exclude)? != tree {
        return Err(PublishError::TreeChanging(places.folder));
    }
    let mut outlook = Outlook::new(&repository, &mut known);
    history.foretell(&mut manifest, &mut outlook)?;
    #[cfg(feature = "vendor")]
    history.add_deltas(
        order,
        (&repository, &tree, &packer),
        &mut manifest,
        &mut outlook,
        (threads, progress),
    )?;
    let bytes = manifest.to_bytes()?;
    let made = packer.made();
    let frames = patches::make(&repository, history.releases.first(), &bytes)?;
    let patches: Vec<ManifestPatch> = frames.iter().map(|(patch, _)| patch.clone()).collect();
    let length = bytes.len() as u64;
    let cost = |from| patches::cost(&history.releases, &patches, length, from);
    let report = report(order, &manifest, &cost, changes, &history, &mut outlook, made)?;
    if let Some(keys) = keys {
        packer.settle()?;
        repository.send_objects(threads, &|done, total| progress(Stage::Send, done, total))?;
        patches::write(&repository, (&order.channel, &order.platform), &frames)?;
        commit(&repository, &state, &keys, (order, barrier), &manifest, &bytes, patches, &report)?;
    }
    drop(lock);
    Ok(report)
}

/// The folders of a publish, without links, each where it may be.
struct Places {
    folder: PathBuf,
    keys: PathBuf,
}

impl Places {
    fn find(order: &Order, repository: &Repository) -> Result<Self, PublishError> {
        let folder = resolve(&order.folder)?;
        if !fsx::stat(&folder).if_present()?.is_some_and(|metadata| metadata.is_dir()) {
            return Err(PublishError::NotAFolder(order.folder.clone()));
        }
        let keys = keys_of(repository, order.keys.as_deref(), order.app.as_ref())?;
        let root = repository.root();
        let mut pairs = vec![("the keys in", keys.as_path(), folder.as_path())];
        if repository.is_folder() {
            pairs.insert(0, ("the repository", root, &folder));
            pairs.insert(1, ("the folder to publish,", &folder, root));
        }
        for (what, inner, outer) in pairs {
            if inner.starts_with(outer) {
                let (inner, outer) = (inner.to_path_buf(), outer.to_path_buf());
                return Err(PublishError::Inside { what, inner, outer });
            }
        }
        Ok(Self { folder, keys })
    }
}

/// The releases of one channel and platform, the newest first.
struct History {
    releases: Vec<ReleaseTarget>,
    manifests: Vec<Manifest>,
}

impl History {
    fn read(repository: &Repository, state: &RepoState, order: &Order) -> Result<Self, PublishError> {
        let all = state.releases().iter();
        let ours = all.filter(|one| one.channel == order.channel && one.platform == order.platform);
        let mut releases: Vec<ReleaseTarget> = ours.cloned().collect();
        releases.sort_by_key(|release| std::cmp::Reverse(release.summary.number));
        let newest = releases.iter().take(FORETOLD);
        let manifests = newest.map(|release| repository.manifest(release)).collect::<Result<_, _>>()?;
        Ok(Self { releases, manifests })
    }

    fn newest(&self) -> Option<&Manifest> {
        self.manifests.first()
    }

    /// Writes into the manifest what installs of the releases before fetch from packs.
    fn foretell(&self, manifest: &mut Manifest, outlook: &mut Outlook<'_>) -> Result<(), PublishError> {
        if manifest.packs.is_empty() {
            return Ok(());
        }
        for old in &self.manifests {
            let bytes = outlook.of(old, manifest)?.by_packs;
            manifest.downloads.insert(old.number, bytes);
        }
        Ok(())
    }

    /// Makes deltas from the releases before, and from those asked for by name.
    #[cfg(feature = "vendor")]
    fn add_deltas(
        &self,
        order: &Order,
        (repository, tree, packer): (&Repository, &Tree, &Packer),
        manifest: &mut Manifest,
        outlook: &mut Outlook<'_>,
        (threads, progress): (usize, Progress<'_>),
    ) -> Result<(), PublishError> {
        let mut olds: Vec<Manifest> = Vec::new();
        for (at, release) in self.releases.iter().enumerate() {
            let is_pinned = order.delta_from.contains(&release.summary.version);
            if (at < order.deltas || is_pinned) && !release.summary.withdrawn {
                olds.push(repository.manifest(release)?);
            }
        }
        let mut limits = BTreeMap::new();
        for old in &olds {
            limits.insert(old.number, outlook.of(old, manifest)?.by_packs);
        }
        let limit = |number| limits.get(&number).copied().unwrap_or_default();
        let work = deltas::Work {
            repository,
            tree,
            packer,
            wish: order.delta,
            memory: order.memory,
            threads,
            dry_run: order.dry_run,
            progress,
        };
        // Where next to nothing is fetched, or all old content stays, there is nothing to save.
        let stays: HashSet<Digest> = manifest.regular().map(|file| file.sha256).collect();
        let changes = |old: &&Manifest| old.regular().any(|file| !stays.contains(&file.sha256));
        let is_of_use = |old: &&Manifest| limit(old.number) > LEAST_SAVED && changes(old);
        let olds: Vec<&Manifest> = olds.iter().filter(is_of_use).collect();
        deltas::make(&work, manifest, &olds, outlook.known(), &limit)
    }

    fn refuse_used(&self, order: &Order) -> Result<(), PublishError> {
        match self.releases.iter().find(|release| release.summary.version == order.version) {
            None => Ok(()),
            Some(used) => Err(PublishError::VersionUsed {
                version: order.version.clone(),
                channel: order.channel.clone(),
                platform: order.platform.clone(),
                number: used.summary.number,
            }),
        }
    }
}

/// The program the repository is of.
fn program(repository: &Repository, order: &Order, newest: Option<&Manifest>) -> Result<App, PublishError> {
    let written = repository.project()?;
    let found = newest.map(|newest| newest.app.clone()).or(written);
    match (found, &order.app) {
        (Some(found), Some(asked)) if found != *asked => {
            Err(PublishError::OtherApp { repository: repository.name(), found, asked: asked.clone() })
        }
        (Some(found), _) => Ok(found),
        (None, Some(asked)) => Ok(asked.clone()),
        (None, None) => Err(PublishError::AppUnknown(repository.name())),
    }
}

fn minimum(order: &Order, history: &History) -> Result<ReleaseNumber, PublishError> {
    let Some(version) = &order.minimum else { return Ok(ReleaseNumber::NONE) };
    let number = |release: &ReleaseTarget| release.summary.number;
    if let Some(release) = history.releases.iter().find(|release| release.summary.version == *version) {
        return Ok(number(release));
    }
    if *version == order.version {
        return Ok(history.releases.first().map_or(ReleaseNumber::NONE, number).next());
    }
    Err(PublishError::NoSuchVersion {
        version: version.clone(),
        channel: order.channel.clone(),
        platform: order.platform.clone(),
    })
}

/// The digest of every file of `tree`, in its order.
fn read(tree: &Tree, threads: usize, progress: Progress<'_>) -> Result<Vec<Digest>, PublishError> {
    let total = tree.files.iter().map(|file| file.mark.size).sum();
    let done = AtomicU64::new(0);
    progress(Stage::Read, 0, total);
    pool::map(&tree.files, threads, &|file: &TreeFile| {
        let digest = object::hash(file)?;
        let now = done.fetch_add(file.mark.size, Ordering::Relaxed) + file.mark.size;
        progress(Stage::Read, now, total);
        Ok(digest)
    })
}

/// A private key among the files would be given to everybody.
fn refuse_keys(tree: &Tree, hashes: &[Digest], keys: &Path) -> Result<(), PublishError> {
    for name in fsx::list(keys).if_present()?.unwrap_or_default() {
        let path = keys.join(name);
        let metadata = fsx::stat_follow(&path)?;
        let size = metadata.len();
        if !metadata.is_file() || !tree.files.iter().any(|file| file.mark.size == size) {
            continue;
        }
        let digest = Digest::of(&fsx::read(&path, size)?);
        if let Some(at) = hashes.iter().position(|hash| *hash == digest) {
            return Err(PublishError::KeyInTree(tree.files[at].path.clone()));
        }
    }
    // Those of other repositories are as little for everybody.
    for file in tree.files.iter().filter(|file| (64..16 * 1024).contains(&file.mark.size)) {
        if sign::is_private_key(&fsx::read(&file.native, 16 * 1024)?) {
            return Err(PublishError::KeyInTree(file.path.clone()));
        }
    }
    Ok(())
}

fn unchanged(order: &Order, newest: &Manifest, state: &RepoState) -> Report {
    Report {
        app: newest.app.clone(),
        channel: newest.channel.clone(),
        platform: newest.platform.clone(),
        version: newest.version.clone(),
        number: newest.number,
        published: false,
        dry_run: order.dry_run,
        files: newest.files.len() as u64,
        bytes: newest.installed_bytes(),
        start: newest.start.as_ref().map(|start| start.path.to_string()),
        policies: draft::policies(newest),
        changes: Changes::default(),
        new_objects: 0,
        new_bytes: 0,
        full_download: 0,
        downloads: Vec::new(),
        expires: state.expiries().timestamp,
    }
}

fn report(
    order: &Order,
    manifest: &Manifest,
    cost: &dyn Fn(ReleaseNumber) -> u64,
    changes: Changes,
    history: &History,
    outlook: &mut Outlook<'_>,
    (new_objects, new_bytes): (u64, u64),
) -> Result<Report, PublishError> {
    let mut downloads: Vec<Forecast> = Vec::with_capacity(history.manifests.len());
    for old in &history.manifests {
        let mut forecast = outlook.of(old, manifest)?;
        forecast.bytes += cost(old.number);
        downloads.push(forecast);
    }
    Ok(Report {
        app: manifest.app.clone(),
        channel: manifest.channel.clone(),
        platform: manifest.platform.clone(),
        version: manifest.version.clone(),
        number: manifest.number,
        published: !order.dry_run,
        dry_run: order.dry_run,
        files: manifest.files.len() as u64,
        bytes: manifest.installed_bytes(),
        start: manifest.start.as_ref().map(|start| start.path.to_string()),
        policies: draft::policies(manifest),
        changes,
        new_objects,
        new_bytes,
        full_download: outlook.full(manifest)? + cost(ReleaseNumber::NONE),
        downloads,
        expires: order.now.after(order.lifetimes.timestamp),
    })
}

/// Signs the release and writes its metadata, the timestamp last.
#[expect(clippy::too_many_arguments, reason = "each of them is signed or written")]
fn commit(
    repository: &Repository,
    state: &RepoState,
    keys: &Keys,
    (order, barrier): (&Order, ReleaseNumber),
    manifest: &Manifest,
    bytes: &[u8],
    patches: Vec<ManifestPatch>,
    report: &Report,
) -> Result<(), PublishError> {
    let summary = Summary {
        number: manifest.number,
        version: manifest.version.clone(),
        urgency: manifest.urgency,
        minimum: manifest.minimum,
        barrier,
        returns_to: ReleaseNumber::NONE,
        published: manifest.published,
        withdrawn: false,
        download_bytes: report.downloads.first().map_or(report.full_download, |before| before.bytes),
        patches,
        rollout: order.rollout.as_ref().and_then(|rollout| serde_json::to_value(rollout).ok()),
    };
    let files = sign::add_release(
        state,
        keys,
        order.now,
        order.lifetimes,
        &order.channel,
        &order.platform,
        bytes,
        &summary,
    )?;
    repository.write_signed(&files)?;
    if repository.project()?.is_none() {
        repository.set_project(&manifest.app)?;
    }
    Ok(())
}
