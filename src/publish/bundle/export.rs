//! Writes a bundle: the signed metadata of a repository as it stands, and the releases asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::fsx::{self, Absent as _, Context as _};
use crate::release::{
    App, BundleEntry, BundleIndex, Channel, Digest, Hasher, Manifest, Platform, ReleaseNumber, Rollout, Stamp,
};
use crate::trust::ReleaseTarget;
use crate::trust::sign::RepoState;

use super::super::PublishError;
use super::super::object::object_path;
use super::super::packs::{Known, Outlook};
use super::super::repository::object_name;
use super::super::repository::{Repository, resolve};
use super::super::verify::MAX_METADATA;
use super::BundleProgress;

/// Bytes copied at once.
const BLOCK: usize = 256 * 1024;

/// What goes into a bundle.
#[derive(Debug, Clone)]
pub struct Export {
    /// The repository.
    pub repository: PathBuf,
    /// The bundle to write; one of that name is replaced.
    pub out: PathBuf,
    /// The channels; empty for all.
    pub channels: Vec<Channel>,
    /// The platforms; empty for all.
    pub platforms: Vec<Platform>,
    /// Every release instead of the newest.
    pub all: bool,
    /// Content that installs of this release and later ones have is left out.
    pub from: Option<ReleaseNumber>,
    /// The time, to say how long the bundle is good.
    pub now: Stamp,
}

/// What was put into a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The bundle.
    pub file: PathBuf,
    /// The program.
    pub app: App,
    /// The releases in it: channel, platform and number, as `stable/any/3`.
    pub releases: Vec<String>,
    /// Files in it.
    pub entries: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Until when updaters and `import` take it.
    pub expires: Stamp,
}

/// Where the bytes of an entry come from.
enum Origin {
    /// From here: they were signed, and so were checked.
    Memory(Vec<u8>),
    /// From an object of the repository, which is checked while it is copied.
    Object(PathBuf),
}

/// What is put into a bundle, by path.
type Parts = BTreeMap<String, (BundleEntry, Origin)>;

/// Writes a bundle. The same repository and the same wishes give the same bytes.
///
/// # Errors
/// If it is no repository, has no such release, lacks or has damaged content, or the bundle can't be written. A
/// bundle that was there before is then still there.
pub fn export(order: &Export, progress: BundleProgress<'_>) -> Result<Exported, PublishError> {
    let root = resolve(&order.repository)?;
    let out = resolve(&order.out)?;
    if out.starts_with(&root) {
        return Err(PublishError::Inside { what: "the bundle", inner: out, outer: root });
    }
    let repository = Repository::at(&root);
    let (state, mut parts) = metadata(&repository)?;
    let chosen = choose(&state, order);
    let mut app = None;
    let mut releases = Vec::new();
    let known = match order.from {
        Some(from) => common(&repository, &state, &chosen, from)?,
        None => BTreeMap::new(),
    };
    let mut stock = if known.is_empty() { None } else { Some(Known::read(&repository, &state)?) };
    for release in &chosen {
        let (manifest, bytes) = repository.manifest_with_bytes(release)?;
        let place = (release.channel.clone(), release.platform.clone());
        let mut objects: Vec<(Digest, u64)> = match (known.get(&place), &mut stock) {
            (Some(have), Some(stock)) => Outlook::new(&repository, stock).needed(&manifest, have)?,
            _ => manifest.objects().collect(),
        };
        objects.extend(manifest.delta_objects(order.from.unwrap_or_default()));
        for (digest, size) in objects {
            let path = object_path(&root, &digest);
            put(&mut parts, object_name(&digest), size, digest, Origin::Object(path))?;
        }
        for patch in &release.summary.patches {
            let path = patch.path(&release.channel, &release.platform);
            // One that is gone costs its readers some bytes, no more.
            if let Some(frame) = fsx::read(&root.join(&path), patch.size).if_present()?
                && Digest::of(&frame) == patch.sha256
            {
                put(&mut parts, path, patch.size, patch.sha256, Origin::Memory(frame))?;
            }
        }
        let size = bytes.len() as u64;
        put(&mut parts, release.fetch_path.clone(), size, release.digest, Origin::Memory(bytes))?;
        releases.push(release.path.trim_end_matches(".json").to_owned());
        app = Some(manifest.app);
    }
    let app = app.ok_or_else(|| PublishError::NoSuchRelease(root.clone()))?;
    let (entries, bytes) = write(&out, parts, progress)?;
    Ok(Exported { file: out, app, releases, entries, bytes, expires: state.expiries().first() })
}

/// The verified metadata of the repository, and its files. What is verified is what is put into the bundle,
/// whatever a publisher does meanwhile.
fn metadata(repository: &Repository) -> Result<(RepoState, Parts), PublishError> {
    let root = repository.root();
    let read = |path: &str| fsx::read(&root.join(path), MAX_METADATA).if_present();
    let seen: RefCell<BTreeMap<String, Vec<u8>>> = RefCell::default();
    let state = RepoState::open(&|path| {
        let bytes = read(path)?;
        if let Some(bytes) = &bytes {
            seen.borrow_mut().insert(path.to_owned(), bytes.clone());
        }
        Ok(bytes)
    })?;
    let state = state.ok_or_else(|| PublishError::NotARepository(root.to_path_buf()))?;
    let mut files = seen.into_inner();
    // The numbered one is the same; the one without a number is made anew by `import`.
    files.remove("metadata/root.json");
    for version in 1..=state.versions().root {
        let path = format!("metadata/{version}.root.json");
        let missing = || PublishError::Damaged { file: path.clone(), what: "missing" };
        let bytes = read(&path)?.ok_or_else(missing)?;
        files.insert(path, bytes);
    }
    let mut parts = Parts::new();
    for (path, bytes) in files {
        let (length, sha256) = (bytes.len() as u64, Digest::of(&bytes));
        put(&mut parts, path, length, sha256, Origin::Memory(bytes))?;
    }
    Ok((state, parts))
}

fn put(
    parts: &mut Parts,
    path: String,
    length: u64,
    sha256: Digest,
    origin: Origin,
) -> Result<(), PublishError> {
    let entry = BundleEntry { path: path.parse()?, length, sha256 };
    parts.insert(path, (entry, origin));
    Ok(())
}

/// The releases that go into the bundle. Without `all` that is the newest of each channel and platform, and
/// those before it down to one that every install may have: who is not reached by a rollout yet takes that.
fn choose(state: &RepoState, order: &Export) -> Vec<ReleaseTarget> {
    let fits = |release: &&ReleaseTarget| {
        (order.channels.is_empty() || order.channels.contains(&release.channel))
            && (order.platforms.is_empty() || order.platforms.contains(&release.platform))
    };
    let all: Vec<&ReleaseTarget> = state.releases().iter().filter(fits).collect();
    if order.all {
        return all.into_iter().cloned().collect();
    }
    let mut chosen = Vec::new();
    let mut settled = HashSet::new();
    // The newest first; they come sorted by number.
    for release in all.into_iter().rev().filter(|release| !release.summary.withdrawn) {
        let place = (&release.channel, &release.platform);
        if settled.contains(&place) {
            continue;
        }
        if is_for_everybody(release, order.now) {
            settled.insert(place);
        }
        chosen.push(release.clone());
    }
    chosen.reverse();
    chosen
}

fn is_for_everybody(release: &ReleaseTarget, now: Stamp) -> bool {
    let Some(rollout) = &release.summary.rollout else { return true };
    serde_json::from_value::<Rollout>(rollout.clone()).is_ok_and(|rollout| rollout.share(now) >= 10_000)
}

/// A channel and a platform.
type Place = (Channel, Platform);

/// What every install of release `from` or a later one has already, by channel and platform.
fn common(
    repository: &Repository,
    state: &RepoState,
    chosen: &[ReleaseTarget],
    from: ReleaseNumber,
) -> Result<BTreeMap<Place, HashSet<Digest>>, PublishError> {
    let mut known: BTreeMap<Place, HashSet<Digest>> = BTreeMap::new();
    for newest in chosen {
        let place = (newest.channel.clone(), newest.platform.clone());
        let before = state.releases().iter().filter(|release| {
            (&release.channel, &release.platform) == (&place.0, &place.1)
                && (from..newest.summary.number).contains(&release.summary.number)
        });
        let mut kept: Option<HashSet<Digest>> = known.remove(&place);
        for release in before {
            let manifest: Manifest = repository.manifest(release)?;
            let has: HashSet<Digest> = manifest.regular().map(|file| file.sha256).collect();
            kept = Some(match kept {
                None => has,
                Some(kept) => kept.intersection(&has).copied().collect(),
            });
        }
        known.insert(place, kept.unwrap_or_default());
    }
    Ok(known)
}

/// Writes the bundle beside its name, and gives it the name when it is whole and on the disk.
fn write(out: &Path, parts: Parts, progress: BundleProgress<'_>) -> Result<(u64, u64), PublishError> {
    let temp = fsx::sibling(out, ".tmp");
    let done = write_to(&temp, parts, progress).and_then(|sizes| {
        fsx::rename(&temp, out)?;
        Ok(sizes)
    });
    match &done {
        Ok(_) => out.parent().map_or(Ok(()), fsx::sync_dir)?,
        // The reason why it was not written is what counts.
        Err(_) => fsx::remove_file(&temp).unwrap_or_default(),
    }
    done
}

fn write_to(temp: &Path, parts: Parts, progress: BundleProgress<'_>) -> Result<(u64, u64), PublishError> {
    let (entries, origins): (Vec<BundleEntry>, Vec<Origin>) = parts.into_values().unzip();
    let index = BundleIndex::new(entries)?;
    let mut file = fsx::create(temp)?;
    let head = index.to_bytes();
    file.write_all(&head).at("write", temp)?;
    let mut done = head.len() as u64;
    for (entry, origin) in index.entries().iter().zip(origins) {
        match origin {
            Origin::Memory(bytes) => file.write_all(&bytes).at("write", temp)?,
            Origin::Object(path) => copy(&path, entry, &mut file, temp)?,
        }
        done += entry.length;
        progress(done, index.whole());
    }
    fsx::flush(&file, temp)?;
    Ok((index.entries().len() as u64, index.whole()))
}

/// Copies an object, whose bytes must be those of its name.
fn copy(from: &Path, entry: &BundleEntry, to: &mut std::fs::File, temp: &Path) -> Result<(), PublishError> {
    let damaged = |what| PublishError::Damaged { file: entry.path.to_string(), what };
    let source = fsx::open(from).if_present()?.ok_or_else(|| damaged("missing"))?;
    let mut source = source.take(entry.length.saturating_add(1));
    let (mut hasher, mut length, mut block) = (Hasher::new(), 0, vec![0; BLOCK]);
    loop {
        let count = source.read(&mut block).at("read", from)?;
        if count == 0 {
            break;
        }
        length += count as u64;
        hasher.update(&block[..count]);
        if length > entry.length {
            break;
        }
        to.write_all(&block[..count]).at("write", temp)?;
    }
    if length != entry.length || hasher.finish() != entry.sha256 {
        return Err(damaged("not the one that was signed"));
    }
    Ok(())
}
