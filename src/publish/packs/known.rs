//! What the repository has already: where the content of every published file lies, and the indexes of its packs.

use std::collections::{BTreeMap, HashMap};

use crate::delta::pack::Index;
use crate::fsx;
use crate::release::{Content, Digest, Manifest, Pack};
use crate::trust::sign::RepoState;

use super::super::PublishError;
use super::super::repository::Repository;

/// Most bytes of an index object that are read.
const MAX_OBJECT: u64 = 64 * 1024 * 1024;

/// The content of all releases.
pub(in crate::publish) struct Known {
    /// Objects that are one file each, by the digest of the file.
    whole: HashMap<Digest, Content>,
    /// The indexes that tell of files in packs, by the digest of the file.
    packed: HashMap<Digest, Digest>,
    /// All packs, by the digest of their index.
    packs: BTreeMap<Digest, Pack>,
    /// The indexes read so far; nothing for one that can't be used.
    indexes: HashMap<Digest, Option<Index>>,
}

impl Known {
    /// Reads the manifests of all releases.
    pub(in crate::publish) fn read(repository: &Repository, state: &RepoState) -> Result<Self, PublishError> {
        let mut known = Self {
            whole: HashMap::new(),
            packed: HashMap::new(),
            packs: BTreeMap::new(),
            indexes: HashMap::new(),
        };
        for release in state.releases().iter().rev() {
            // A manifest that is damaged has nothing to offer; `verify` names it.
            let Ok(manifest) = repository.manifest(release) else { continue };
            known.take(&manifest);
        }
        let mut present = HashMap::with_capacity(known.whole.len());
        for (digest, content) in std::mem::take(&mut known.whole) {
            if content
                .objects()
                .try_fold(true, |all, object| Ok::<_, PublishError>(all && is_there(repository, object)?))?
            {
                present.insert(digest, content);
            }
        }
        known.whole = present;
        Ok(known)
    }

    /// What these manifests tell of, for a forecast.
    #[cfg(feature = "vendor")]
    pub(in crate::publish) fn of(manifests: &[&Manifest]) -> Self {
        let mut known = Self {
            whole: HashMap::new(),
            packed: HashMap::new(),
            packs: BTreeMap::new(),
            indexes: HashMap::new(),
        };
        manifests.iter().for_each(|manifest| known.take(manifest));
        known
    }

    fn take(&mut self, manifest: &Manifest) {
        for file in manifest.regular() {
            if let Some(content) = &file.content {
                self.whole.entry(file.sha256).or_insert_with(|| content.clone());
            } else if let Some(pack) = manifest.pack_of(file) {
                self.packed.entry(file.sha256).or_insert(pack.index.object);
            }
        }
        for pack in &manifest.packs {
            self.packs.entry(pack.index.object).or_insert_with(|| pack.clone());
        }
    }

    /// The object that is the file with this digest.
    pub(in crate::publish) fn whole(&self, file: &Digest) -> Option<&Content> {
        self.whole.get(file)
    }

    /// The index that tells of the file with this digest.
    pub(super) fn packed(&self, file: &Digest) -> Option<Digest> {
        self.packed.get(file).copied()
    }

    /// The pack of an index.
    pub(super) fn pack(&self, index: &Digest) -> Option<&Pack> {
        self.packs.get(index)
    }

    /// The pack with this object.
    pub(super) fn pack_of_object(&self, object: &Digest) -> Option<&Pack> {
        self.packs.values().find(|pack| pack.object == Some(*object))
    }

    /// The index with this digest, if it and its pack are there and whole.
    pub(in crate::publish) fn index(
        &mut self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<&Index>, PublishError> {
        if !self.indexes.contains_key(digest) {
            let index = match self.packs.get(digest) {
                Some(pack) => load(repository, pack)?,
                None => None,
            };
            self.indexes.insert(*digest, index);
        }
        Ok(self.indexes.get(digest).and_then(Option::as_ref))
    }

    /// An index that was read before.
    pub(super) fn loaded(&self, digest: &Digest) -> Option<&Index> {
        self.indexes.get(digest)?.as_ref()
    }

    /// Takes in a pack that was just made.
    pub(super) fn add(&mut self, pack: &Pack, index: Index) {
        self.indexes.insert(pack.index.object, Some(index));
        self.packs.insert(pack.index.object, pack.clone());
    }
}

/// The index of a pack, if both are there. One that is damaged has nothing to offer; `verify` names it.
fn load(repository: &Repository, pack: &Pack) -> Result<Option<Index>, PublishError> {
    if let Some(object) = pack.object
        && !is_there(repository, (object, pack.size))?
    {
        return Ok(None);
    }
    let Some(object) = repository.local_object(&pack.index.object)? else { return Ok(None) };
    let bytes = fsx::read(object.path(), MAX_OBJECT)?;
    if Digest::of(&bytes) != pack.index.object {
        return Ok(None);
    }
    Ok(Index::parse(&bytes).ok().filter(|index| index.own_size() == pack.size))
}

fn is_there(repository: &Repository, (digest, size): (Digest, u64)) -> Result<bool, PublishError> {
    Ok(repository.object_size(&digest)? == Some(size))
}
