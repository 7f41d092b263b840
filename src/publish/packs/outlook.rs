//! What installs of older releases will fetch of a new one, way by way.

use std::collections::{BTreeSet, HashSet};

use crate::delta::pack::ChunkId;
use crate::plan::{self, Assembly, ChunkStore, Mode, Place, Receipt, Wanted, Way, assemble};
use crate::release::{Content, Digest, FileEntry, Manifest};

use super::super::PublishError;
use super::super::changes::{Forecast, contents_bytes, laid_down};
use super::super::repository::{Repository, object_name};
use super::known::Known;

/// Where a chunk lies does not matter to a forecast.
const SOMEWHERE: Place = Place { file: 0, offset: 0 };

/// The indexes a forecast needs.
pub(in crate::publish) struct Outlook<'a> {
    repository: &'a Repository,
    known: &'a mut Known,
}

impl<'a> Outlook<'a> {
    pub(in crate::publish) fn new(repository: &'a Repository, known: &'a mut Known) -> Self {
        Self { repository, known }
    }

    /// What the repository has.
    #[cfg(feature = "vendor")]
    pub(in crate::publish) fn known(&mut self) -> &mut Known {
        self.known
    }

    /// What an unchanged install of `old` downloads for `new`; the manifest is not counted.
    pub(in crate::publish) fn of(
        &mut self,
        old: &Manifest,
        new: &Manifest,
    ) -> Result<Forecast, PublishError> {
        // The digest of a manifest matters for the receipt, not for what is fetched.
        let any = Digest::from_bytes([0; 32]);
        let plan = plan::make(&laid_down(old), &Receipt::of(old, any), new, any, Mode::Update)?;
        let whole = plan.items.iter().filter_map(|item| match &item.way {
            Way::Whole(content) => Some(content),
            _ => None,
        });
        let (objects, bytes) = contents_bytes(whole);
        let wanted = plan.packed();
        let store = self.chunks(old)?;
        let (requests, by_packs) = self.packs(new, &wanted, &store)?;
        let (_, anew) = self.packs(new, &wanted, &ChunkStore::new())?;
        let by_packs = bytes + by_packs;
        let delta = new.deltas.iter().find(|delta| delta.from == old.number);
        let by_delta = delta.map(|delta| delta.content.size + delta.content.list_bytes());
        Ok(Forecast {
            number: old.number,
            version: old.version.clone(),
            objects: if by_delta.is_some() { 1 } else { objects + requests },
            bytes: by_delta.unwrap_or(by_packs),
            by_delta,
            by_packs,
            whole: bytes + anew,
        })
    }

    /// The objects, with their sizes, that an install with the files `have` needs for the rest of `new`.
    pub(in crate::publish) fn needed(
        &mut self,
        new: &Manifest,
        have: &HashSet<Digest>,
    ) -> Result<Vec<(Digest, u64)>, PublishError> {
        let rest: Vec<&FileEntry> = new.regular().filter(|file| !have.contains(&file.sha256)).collect();
        let wanted: Vec<Wanted> = rest.iter().filter_map(|file| Wanted::of(file)).collect();
        let mut store = ChunkStore::new();
        for file in have {
            store.insert(ChunkId::of_digest(file), SOMEWHERE);
            let Some(index) = self.known.packed(file) else { continue };
            let Some(index) = self.known.index(self.repository, &index)? else { continue };
            let Some(recipe) = index.find(file) else { continue };
            store.extend(index.chunks_of(recipe).iter().map(|chunk| (chunk.id, SOMEWHERE)));
        }
        let told: BTreeSet<u32> = wanted.iter().map(|wanted| wanted.pack).collect();
        let indexes = told.iter().filter_map(|pack| new.packs.get(*pack as usize)).map(|pack| &pack.index);
        let whole = rest.iter().filter_map(|file| file.content.as_ref());
        let mut objects: Vec<(Digest, u64)> = whole.chain(indexes).flat_map(Content::objects).collect();
        let assembly = self.assembly(new, &wanted, &store)?;
        objects.extend(assembly.fetch.iter().map(|part| (part.object, part.size)));
        Ok(objects)
    }

    /// What a new install downloads; the manifest is not counted.
    pub(in crate::publish) fn full(&mut self, new: &Manifest) -> Result<u64, PublishError> {
        let (_, bytes) = contents_bytes(new.regular().filter_map(|file| file.content.as_ref()));
        let mut seen = HashSet::new();
        let files = new.regular().filter(|file| seen.insert(file.sha256));
        let wanted: Vec<Wanted> = files.filter_map(Wanted::of).collect();
        Ok(bytes + self.packs(new, &wanted, &ChunkStore::new())?.1)
    }

    /// Objects and bytes to fetch for `wanted`: indexes and blocks.
    fn packs(
        &mut self,
        new: &Manifest,
        wanted: &[Wanted],
        store: &ChunkStore,
    ) -> Result<(u64, u64), PublishError> {
        let assembly = self.assembly(new, wanted, store)?;
        let told: BTreeSet<u32> = wanted.iter().map(|wanted| wanted.pack).collect();
        let indexes = told.iter().filter_map(|pack| new.packs.get(*pack as usize)).map(|pack| &pack.index);
        let (count, bytes) = contents_bytes(indexes);
        Ok((count + assembly.fetch.len() as u64, bytes + assembly.bytes()))
    }

    fn assembly(
        &mut self,
        new: &Manifest,
        wanted: &[Wanted],
        store: &ChunkStore,
    ) -> Result<Assembly, PublishError> {
        let told: BTreeSet<u32> = wanted.iter().map(|wanted| wanted.pack).collect();
        for pack in told.iter().filter_map(|pack| new.packs.get(*pack as usize)) {
            let damaged = || PublishError::Damaged {
                file: object_name(&pack.index.object),
                what: "missing or damaged",
            };
            self.known.index(self.repository, &pack.index.object)?.ok_or_else(damaged)?;
        }
        Ok(assemble(wanted, &new.packs, &|index| self.known.loaded(index), store)?)
    }

    /// The chunks of an install of `old`, as far as indexes tell of them. Where they lie does not matter.
    fn chunks(&mut self, old: &Manifest) -> Result<ChunkStore, PublishError> {
        let mut store = ChunkStore::new();
        for file in old.regular() {
            let Some(pack) = old.pack_of(file) else { continue };
            let Some(index) = self.known.index(self.repository, &pack.index.object)? else { continue };
            let Some(recipe) = index.find(&file.sha256) else { continue };
            store.extend(index.chunks_of(recipe).iter().map(|chunk| (chunk.id, SOMEWHERE)));
        }
        let whole = old.regular().filter(|file| file.content.is_some());
        // A small file is one chunk whatever it holds.
        store.extend(whole.map(|file| (ChunkId::of_digest(&file.sha256), SOMEWHERE)));
        Ok(store)
    }
}
