//! Checks packs, their indexes, deltas and manifest patches of a repository: each byte, and that they make the files
//! that were signed.

use std::collections::{BTreeMap, BTreeSet};

use crate::delta::pack::Index;
use crate::delta::{Delta, FileList, apply_patch};
use crate::fsx::{self, Context as _};
use crate::platform::Mapped;
use crate::release::{Content, Digest, Manifest, Pack, RelPath, ReleaseNumber};
use crate::report::ErrorCode;
use crate::trust::ReleaseTarget;

use super::object;
use super::packs::BlockReader;
use super::repository::{Repository, object_name};
use super::{Flaw, PublishError, pool};

/// What releases promise beside whole objects.
#[derive(Default)]
pub(super) struct PackPromises {
    packs: BTreeMap<Digest, PackPromise>,
    /// The objects of deltas, with the release.
    others: BTreeMap<Digest, (Content, String)>,
    deltas: Vec<DeltaPromise>,
}

struct PackPromise {
    pack: Pack,
    release: String,
    files: BTreeMap<Digest, (RelPath, u64)>,
}

struct DeltaPromise {
    object: Digest,
    release: String,
    from: Option<Vec<Listed>>,
    to: Vec<Listed>,
}

/// A file as a delta counts it.
type Listed = (String, u64, Digest);

impl PackPromises {
    /// Takes in what one release promises. `old` gives the manifest of an older one.
    pub(super) fn take(
        &mut self,
        release: &ReleaseTarget,
        manifest: &Manifest,
        old: &dyn Fn(ReleaseNumber) -> Option<Manifest>,
    ) {
        for pack in &manifest.packs {
            self.packs.entry(pack.index.object).or_insert_with(|| PackPromise {
                pack: pack.clone(),
                release: release.path.clone(),
                files: BTreeMap::new(),
            });
        }
        for file in manifest.regular() {
            let promise = manifest.pack_of(file).and_then(|pack| self.packs.get_mut(&pack.index.object));
            if let Some(promise) = promise {
                promise.files.insert(file.sha256, (file.path.clone(), file.size));
            }
        }
        for delta in &manifest.deltas {
            let content = delta.content.clone();
            self.others.entry(content.object).or_insert((content, release.path.clone()));
            self.deltas.push(DeltaPromise {
                object: delta.content.object,
                release: release.path.clone(),
                from: old(delta.from).as_ref().map(listed),
                to: listed(manifest),
            });
        }
    }

    /// Every object that is promised.
    pub(super) fn needed(&self) -> BTreeSet<Digest> {
        let packs = self.packs.values().flat_map(|promise| {
            promise.pack.object.into_iter().chain(promise.pack.index.objects().map(|(digest, _)| digest))
        });
        let others =
            self.others.values().flat_map(|(content, _)| content.objects()).map(|(digest, _)| digest);
        packs.chain(others).collect()
    }

    /// How many checks [`check`](Self::check) does.
    pub(super) fn count(&self) -> u64 {
        (self.packs.len() + self.others.len() + self.deltas.len()) as u64
    }

    /// Checks all of it; says bytes read and what is wrong. `step` is told after each check.
    pub(super) fn check(
        &self,
        repository: &Repository,
        threads: usize,
        step: &(dyn Fn() + Sync),
    ) -> Result<(u64, Vec<Flaw>), PublishError> {
        let packs: Vec<&PackPromise> = self.packs.values().collect();
        let mut done = pool::map(&packs, threads, &|promise: &&PackPromise| check_pack(repository, promise))?;
        // What is damaged was told of by its own name; what refers to it needs no second word.
        let bad: BTreeSet<String> =
            done.iter().flat_map(|(_, flaws)| flaws).map(|flaw| flaw.file.clone()).collect();
        done.extend(pool::map(&packs, threads, &|promise: &&PackPromise| {
            let checked = check_recipes(repository, promise, &bad);
            step();
            checked
        })?);
        let others: Vec<&(Content, String)> = self.others.values().collect();
        done.extend(pool::map(&others, threads, &|(content, release): &&(Content, String)| {
            let checked = check_object(repository, content, release);
            step();
            checked
        })?);
        for promise in &self.deltas {
            done.push((0, check_delta(repository, promise)?.into_iter().collect()));
            step();
        }
        let bytes = done.iter().map(|(bytes, _)| bytes).sum();
        Ok((bytes, done.into_iter().flat_map(|(_, flaws)| flaws).collect()))
    }
}

fn listed(manifest: &Manifest) -> Vec<Listed> {
    manifest.regular().map(|file| (file.path.to_string(), file.size, file.sha256)).collect()
}

fn flaw(code: ErrorCode, digest: &Digest, what: &str, release: &str) -> Flaw {
    Flaw::new(code, object_name(digest), format!("{what} (needed for {release})"))
}

/// Checks an object and its piece list.
fn check_object(
    repository: &Repository,
    content: &Content,
    release: &str,
) -> Result<(u64, Vec<Flaw>), PublishError> {
    let missing = |digest: &Digest| vec![flaw(ErrorCode::Repository, digest, "it is missing", release)];
    let Some(local) = repository.local_object(&content.object)? else {
        return Ok((0, missing(&content.object)));
    };
    let Some(measure) = object::measure(local.path())? else { return Ok((0, missing(&content.object))) };
    if (measure.digest, measure.size) != (content.object, content.size) {
        let what = "its bytes are not those that were signed";
        return Ok((measure.size, vec![flaw(ErrorCode::Corrupt, &content.object, what, release)]));
    }
    let Some(list) = &content.pieces else { return Ok((measure.size, Vec::new())) };
    let Some(bytes) = repository.store().read(&object_name(list), content.list_bytes())? else {
        return Ok((measure.size, missing(list)));
    };
    let is_right = Digest::of(&bytes) == *list && bytes == measure.pieces;
    let what = "it is not the list of pieces that was signed";
    let flaws = if is_right { Vec::new() } else { vec![flaw(ErrorCode::Corrupt, list, what, release)] };
    Ok((measure.size, flaws))
}

fn check_pack(repository: &Repository, promise: &PackPromise) -> Result<(u64, Vec<Flaw>), PublishError> {
    let PackPromise { pack, release, .. } = promise;
    let (mut bytes, mut flaws) = check_object(repository, &pack.index, release)?;
    if let Some(object) = pack.object {
        let whole = Content { object, size: pack.size, codec: crate::release::Codec::Raw, pieces: None };
        let (more, wrong) = check_object(repository, &whole, release)?;
        bytes += more;
        flaws.extend(wrong);
    }
    Ok((bytes, flaws))
}

/// Checks that every file comes out of its recipe, unless an object it needs is flawed.
fn check_recipes(
    repository: &Repository,
    promise: &PackPromise,
    bad: &BTreeSet<String>,
) -> Result<(u64, Vec<Flaw>), PublishError> {
    let PackPromise { pack, release, files } = promise;
    let is_bad = |digest: &Digest| bad.contains(&object_name(digest));
    if is_bad(&pack.index.object) || pack.object.as_ref().is_some_and(is_bad) {
        return Ok((0, Vec::new()));
    }
    let (bytes, mut flaws) = (0, Vec::new());
    let name = &pack.index.object;
    let Some(object) = repository.store().read(&object_name(name), pack.index.size)? else {
        return Ok((bytes, Vec::new()));
    };
    let index = match Index::parse(&object) {
        Ok(index) if index.own_size() == pack.size => index,
        Ok(_) => {
            let what = "it tells of a pack of another size";
            return Ok((bytes, vec![flaw(ErrorCode::Corrupt, name, what, release)]));
        }
        Err(error) => return Ok((bytes, vec![flaw(ErrorCode::Corrupt, name, &error.to_string(), release)])),
    };
    if index.others.iter().any(|(other, _)| is_bad(other)) {
        return Ok((0, Vec::new()));
    }
    let mut reader = BlockReader::new(repository, pack, &index);
    for (sha256, (path, size)) in files {
        let made = reader.write(sha256, *size, &mut std::io::sink())?;
        if let Some(what) = made {
            let what = format!("{path} can't be made of it: {what}");
            flaws.push(flaw(ErrorCode::Corrupt, name, &what, release));
            break;
        }
    }
    Ok((bytes, flaws))
}

/// Whether a delta is of the two releases it is signed for.
fn check_delta(repository: &Repository, promise: &DeltaPromise) -> Result<Option<Flaw>, PublishError> {
    let Some(local) = repository.local_object(&promise.object)? else { return Ok(None) };
    let map = Mapped::new(&fsx::open(local.path())?).at("map", local.path())?;
    // One whose bytes are not those of its name was told of before.
    if Digest::of(&map) != promise.object {
        return Ok(None);
    }
    let list = |files: &[Listed]| {
        let mut list = FileList::new();
        files.iter().for_each(|(path, size, digest)| list.add(path, *size, digest));
        list
    };
    let what = match Delta::parse(&map) {
        Err(error) => error.to_string(),
        Ok(delta) if !delta.is_to(list(&promise.to)) => "it leads to another release".to_owned(),
        Ok(delta) if promise.from.as_ref().is_some_and(|from| !delta.is_from(list(from))) => {
            "it is from another release".to_owned()
        }
        Ok(_) => return Ok(None),
    };
    Ok(Some(flaw(ErrorCode::Corrupt, &promise.object, &what, &promise.release)))
}

/// Whether the patches of a release are there and lead to its manifest.
pub(super) fn check_patches(
    repository: &Repository,
    release: &ReleaseTarget,
    bytes: &[u8],
    old: &dyn Fn(ReleaseNumber) -> Option<Vec<u8>>,
) -> Result<Vec<Flaw>, PublishError> {
    let mut flaws = Vec::new();
    for patch in &release.summary.patches {
        let path = patch.path(&release.channel, &release.platform);
        let mut flaw = |code, what: &str| {
            flaws.push(Flaw::new(code, path.clone(), format!("{what} (needed for {})", release.path)));
        };
        let Some(frame) = repository.store().read(&path, patch.size.saturating_add(1))? else {
            flaw(ErrorCode::Repository, "it is missing");
            continue;
        };
        if Digest::of(&frame) != patch.sha256 {
            flaw(ErrorCode::Corrupt, "its bytes are not those that were signed");
            continue;
        }
        let base = if patch.from == ReleaseNumber::NONE { Some(Vec::new()) } else { old(patch.from) };
        let is_right = base
            .is_none_or(|base| apply_patch(&base, &frame, release.length).is_ok_and(|made| made == bytes));
        if !is_right {
            flaw(ErrorCode::Corrupt, "it does not lead to the manifest that was signed");
        }
    }
    Ok(flaws)
}
