//! Deltas from older releases to the new one: made, kept if they save bytes, remembered by what they were made of.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::delta::{self, FileBytes, MakeError, MakeOptions, OldFile};
use crate::fsx::{self, Absent as _, FsError};
use crate::release::{
    Codec, Content, Delta, Digest, FileEntry, Hasher, Manifest, PIECE, RelPath, ReleaseNumber,
};

use super::object::Packer;
use super::packs::{BlockReader, Known};
use super::repository::{CACHE, Repository, WORK};
use super::run::Progress;
use super::walk::Tree;
use super::{DeltaWish, PublishError, Stage};

/// The way deltas are made now; a new one makes all of them anew.
const RECIPE: &str = "1";
/// Parts of a delta's work that are told as progress.
const TICKS: u64 = 1000;

/// What deltas are made with.
pub(super) struct Work<'a> {
    pub(super) repository: &'a Repository,
    pub(super) tree: &'a Tree,
    pub(super) packer: &'a Packer,
    pub(super) wish: DeltaWish,
    pub(super) memory: u64,
    pub(super) threads: usize,
    pub(super) dry_run: bool,
    pub(super) progress: Progress<'a>,
}

/// What is remembered of a delta.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Remembered {
    object: Digest,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pieces: Option<Digest>,
    /// Whether it was kept: one that saves nothing is only remembered.
    kept: bool,
}

/// Makes a delta to `new` from each release of `olds` that has cheaper bytes than `limit` says, and lists them in
/// the manifest.
pub(super) fn make(
    work: &Work<'_>,
    new: &mut Manifest,
    olds: &[&Manifest],
    known: &mut Known,
    limit: &dyn Fn(ReleaseNumber) -> u64,
) -> Result<(), PublishError> {
    let effort = match work.wish {
        DeltaWish::None => return Ok(()),
        DeltaWish::Fast => delta::Effort::Fast,
        DeltaWish::Best => delta::Effort::Best,
        DeltaWish::Smallest => delta::Effort::Smallest,
    };
    let total = olds.len() as u64 * TICKS;
    let mut attic = Attic::new(work)?;
    for (at, old) in (0..).zip(olds) {
        (work.progress)(Stage::Delta, at * TICKS, total);
        let key = key(old, new, work.wish);
        let most = limit(old.number);
        let remembered = recall(work, &key)?;
        let made = match remembered {
            Some(made) => made,
            None => {
                let Some(files) = attic.lay(old, new, known)? else { continue };
                let options =
                    MakeOptions { effort, memory: work.memory, threads: work.threads, manifest: true };
                let mut told = |done: delta::MakeProgress| {
                    let part = done.done.min(done.total) * TICKS / done.total.max(1);
                    (work.progress)(Stage::Delta, at * TICKS + part, total);
                };
                let made = write(work, (old, new), &files, &options, &mut told, most)?;
                remember(work, &key, &made)?;
                made
            }
        };
        let content =
            Content { object: made.object, size: made.size, codec: Codec::Raw, pieces: made.pieces };
        if made.kept && is_worth_it(content.size + content.list_bytes(), most) {
            new.deltas.push(Delta { from: old.number, content });
        }
    }
    new.deltas.sort_by_key(|delta| std::cmp::Reverse(delta.from));
    (work.progress)(Stage::Delta, total, total);
    Ok(())
}

/// Whether a delta of `size` bytes is worth its place beside packs of which `packs` bytes would be fetched: it has to
/// save one byte in twenty.
fn is_worth_it(size: u64, packs: u64) -> bool {
    u128::from(size) * 20 < u128::from(packs) * 19
}

/// Makes one delta.
fn write(
    work: &Work<'_>,
    (old, new): (&Manifest, &Manifest),
    files: &HashMap<Digest, PathBuf>,
    options: &MakeOptions,
    told: &mut dyn FnMut(delta::MakeProgress),
    most: u64,
) -> Result<Remembered, PublishError> {
    let list = |manifest: &Manifest| -> Vec<(String, FileEntry)> {
        manifest.regular().map(|file| (file.path.to_string(), file.clone())).collect()
    };
    let (olds, news) = (list(old), list(new));
    let mut out = work.packer.writer()?;
    let made = delta::make(&views(&olds, files), &views(&news, files), options, told, &mut out);
    if let Err(error) = made {
        let root = work.repository.root();
        out.finish().discard()?;
        return Err(match error {
            MakeError::Read { path, .. } | MakeError::Changed { path, .. } => path
                .parse()
                .map_or_else(|_| PublishError::TreeChanging(root.to_path_buf()), PublishError::Changing),
            other => FsError::new("make a delta in", root, std::io::Error::other(other.to_string())).into(),
        });
    }
    let mut made = out.finish();
    let (size, list) = (made.size(), made.take_pieces());
    let lists = if list.is_some() { size.div_ceil(PIECE) * 32 } else { 0 };
    let kept = is_worth_it(size + lists, most);
    let object = made.digest();
    let mut pieces = None;
    if kept {
        work.packer.keep_made(made)?;
        if let Some(list) = list {
            pieces = Some(work.packer.put(&list)?.object);
        }
    } else {
        made.discard()?;
    }
    Ok(Remembered { object, size, pieces, kept })
}

fn views<'a>(files: &'a [(String, FileEntry)], places: &'a HashMap<Digest, PathBuf>) -> Vec<OldFile<'a>> {
    let bytes = |file: &FileEntry| match places.get(&file.sha256) {
        Some(path) if file.size > 0 => FileBytes::At(path),
        _ => FileBytes::Held(&[]),
    };
    let view = |(path, file): &'a (String, FileEntry)| OldFile {
        path,
        digest: file.sha256,
        size: file.size,
        bytes: bytes(file),
    };
    files.iter().map(view).collect()
}

/// What a delta depends on: both lists of files, and how it is made.
fn key(old: &Manifest, new: &Manifest, wish: DeltaWish) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(format!("{RECIPE} {wish:?}\n").as_bytes());
    for manifest in [old, new] {
        for file in manifest.regular() {
            hasher.update(format!("{} {} {}\n", file.sha256, file.size, file.path).as_bytes());
        }
        hasher.update(b"\n");
    }
    hasher.finish()
}

fn cache_file(work: &Work<'_>, key: &Digest) -> PathBuf {
    work.repository.root().join(CACHE).join(format!("{key}.json"))
}

/// A delta made before, if all of it is still there.
fn recall(work: &Work<'_>, key: &Digest) -> Result<Option<Remembered>, PublishError> {
    let Some(bytes) = fsx::read(&cache_file(work, key), 64 * 1024).if_present()? else { return Ok(None) };
    let Ok(made) = serde_json::from_slice::<Remembered>(&bytes) else { return Ok(None) };
    if !made.kept {
        return Ok(Some(made));
    }
    let content = Content { object: made.object, size: made.size, codec: Codec::Raw, pieces: made.pieces };
    for (digest, size) in content.objects() {
        if work.repository.object_size(&digest)? != Some(size) {
            return Ok(None);
        }
    }
    Ok(Some(made))
}

/// Remembers a delta. Its objects are flushed with all others; a cut before that is found by their sizes, and by
/// `verify`.
fn remember(work: &Work<'_>, key: &Digest, made: &Remembered) -> Result<(), PublishError> {
    if work.dry_run {
        return Ok(());
    }
    if made.kept {
        work.packer.settle()?;
    }
    let path = cache_file(work, key);
    path.parent().map_or(Ok(()), fsx::make_dirs)?;
    let bytes = serde_json::to_vec(made).map_err(|error| FsError::new("write", &path, error.into()))?;
    Ok(fsx::write_durable(&path, &bytes)?)
}

/// Where the files of old releases are laid for the time of the work.
struct Attic<'a> {
    work: &'a Work<'a>,
    folder: PathBuf,
    /// Made here, to be removed in the end.
    laid: BTreeSet<PathBuf>,
    /// Contents of the new tree, and those laid.
    places: HashMap<Digest, PathBuf>,
    is_temporary: bool,
}

impl<'a> Attic<'a> {
    fn new(work: &'a Work<'a>) -> Result<Self, PublishError> {
        let (folder, is_temporary) = if work.dry_run {
            let mut serial = [0; 8];
            getrandom::fill(&mut serial)
                .map_err(|error| crate::trust::sign::SignError::Random(error.to_string()))?;
            let name = format!("updraft-publish-{:016x}", u64::from_le_bytes(serial));
            (std::env::temp_dir().join(name), true)
        } else {
            (work.repository.root().join(WORK), false)
        };
        fsx::make_dirs(&folder)?;
        Ok(Self { work, folder, laid: BTreeSet::new(), places: HashMap::new(), is_temporary })
    }

    /// Every content of both releases as a file; nothing if one of the old ones can't be had any more.
    fn lay(
        &mut self,
        old: &Manifest,
        new: &Manifest,
        known: &mut Known,
    ) -> Result<Option<HashMap<Digest, PathBuf>>, PublishError> {
        let natives: HashMap<&RelPath, &Path> =
            self.work.tree.files.iter().map(|file| (&file.path, file.native.as_path())).collect();
        for file in new.regular() {
            if let Some(native) = natives.get(&file.path) {
                self.places.entry(file.sha256).or_insert_with(|| native.to_path_buf());
            }
        }
        let mut seen = HashSet::new();
        let missing: Vec<&FileEntry> = old
            .regular()
            .filter(|file| file.size > 0 && !self.places.contains_key(&file.sha256))
            .filter(|file| seen.insert(file.sha256))
            .collect();
        for file in missing {
            let place = self.folder.join(format!("{}.old", file.sha256));
            self.laid.insert(place.clone());
            if !lay_one(self.work, old, file, known, &place)? {
                return Ok(None);
            }
            self.places.insert(file.sha256, place);
        }
        Ok(Some(self.places.clone()))
    }
}

impl Drop for Attic<'_> {
    fn drop(&mut self) {
        // What stays is cleared by the next publish.
        for path in &self.laid {
            fsx::remove_file(path).ok();
        }
        if self.is_temporary {
            fsx::remove_dir(&self.folder).ok();
        }
    }
}

/// Writes one old file; false if the repository does not have it any more.
fn lay_one(
    work: &Work<'_>,
    old: &Manifest,
    file: &FileEntry,
    known: &mut Known,
    place: &Path,
) -> Result<bool, PublishError> {
    let mut out = std::io::BufWriter::new(fsx::create(place)?);
    let is_right = if let Some(pack) = old.pack_of(file) {
        let Some(index) = known.index(work.repository, &pack.index.object)? else { return Ok(false) };
        BlockReader::new(work.repository, pack, index).write(&file.sha256, file.size, &mut out)?.is_none()
    } else if let Some(content) = &file.content {
        let Some(local) = work.repository.local_object(&content.object)? else { return Ok(false) };
        let object = fsx::open(local.path())?;
        let unpacked = delta::unpack(content.codec, object, file.size, &mut out, &|| false);
        unpacked.is_ok_and(|found| (found.digest, found.size) == (file.sha256, file.size))
    } else {
        true
    };
    out.flush().map_err(|error| FsError::new("write", place, error))?;
    Ok(is_right)
}
