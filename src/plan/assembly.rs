//! Which blocks of which packs are missing, and how files are put together of them and of what is installed. Pure.

use std::collections::{BTreeMap, HashMap};

use crate::delta::pack::{Block, ChunkId, Index};
use crate::release::{Digest, FileEntry, Pack, RelPath};
use crate::report::{ErrorCode, Fault};

/// Two blocks that are wanted and lie no farther apart are fetched by one request, with what lies between: a
/// request costs about as much.
const GAP: u64 = 32 * 1024;

/// A file to be put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What it is called on screens and in errors.
    pub name: RelPath,
    /// Its content.
    pub sha256: Digest,
    /// Its size.
    pub size: u64,
    /// The pack whose index tells of it, by its place in the release's list.
    pub pack: u32,
}

impl Wanted {
    /// A file of a release; nothing if it lies in no pack.
    #[must_use]
    pub fn of(file: &FileEntry) -> Option<Self> {
        let FileEntry { path, size, sha256, pack, .. } = file;
        Some(Self { name: path.clone(), sha256: *sha256, size: *size, pack: (*pack)? })
    }
}

/// Where a chunk lies in what is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The file, by its place in a list of the caller.
    pub file: u32,
    /// Where the chunk begins in it.
    pub offset: u64,
}

/// Gives an index by the digest of its object.
pub type Indexes<'a> = &'a dyn Fn(&Digest) -> Option<&'a Index>;

/// The chunks of installed files.
pub type ChunkStore = HashMap<ChunkId, Place>;

/// What is fetched of one pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackPart {
    /// The pack.
    pub object: Digest,
    /// Its size.
    pub size: u64,
    /// The largest file it is needed for.
    pub file: RelPath,
    /// The blocks, in the order they lie in.
    pub blocks: Vec<Block>,
}

/// A file and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// What it is called on screens and in errors.
    pub name: RelPath,
    /// Its content.
    pub sha256: Digest,
    /// Its size.
    pub size: u64,
    /// Its parts in order.
    pub parts: Vec<Part>,
}

/// Bytes of a file that lie together somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// In an installed file.
    Local {
        /// Which file, and where in it.
        place: Place,
        /// Bytes.
        len: u64,
    },
    /// In a block that is fetched.
    Fetched {
        /// The pack, by its place in [`Assembly::fetch`].
        pack: u32,
        /// The block, by its place among those fetched of the pack.
        block: u32,
        /// Where they begin in it.
        offset: u32,
        /// Bytes.
        len: u32,
    },
}

/// What to fetch, and what to make of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assembly {
    /// What is fetched.
    pub fetch: Vec<PackPart>,
    /// What it makes.
    pub builds: Vec<Build>,
}

impl Assembly {
    /// Bytes to fetch.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let blocks = self.fetch.iter().flat_map(|part| &part.blocks);
        blocks.map(|block| u64::from(block.len)).fold(0, u64::saturating_add)
    }

    /// Whether a block of another pack than the one that brought the file is fetched.
    #[must_use]
    pub fn reaches_back(&self, packs: &[Pack], wanted: &[Wanted]) -> bool {
        let own = |object| {
            wanted.iter().any(|w| packs.get(w.pack as usize).is_some_and(|pack| pack.object == Some(object)))
        };
        self.fetch.iter().any(|part| !own(part.object))
    }
}

/// Why files can't be put together: the publisher signed an index that does not fit its manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the index of the pack of \u{ab}{file}\u{bb} {what}")]
pub struct AssemblyError {
    /// The file.
    pub file: RelPath,
    /// What is wrong with it.
    pub what: &'static str,
}

impl Fault for AssemblyError {
    fn code(&self) -> ErrorCode {
        ErrorCode::Corrupt
    }

    fn hint(&self) -> Option<String> {
        Some("Tell the publisher; nothing was changed.".to_owned())
    }
}

/// Plans `wanted` from `packs`, with what `store` has taken from there.
///
/// # Errors
/// If an index is missing or does not tell of a file.
pub fn assemble(
    wanted: &[Wanted],
    packs: &[Pack],
    indexes: Indexes<'_>,
    store: &ChunkStore,
) -> Result<Assembly, AssemblyError> {
    let mut shelf = Shelf::default();
    let mut rough = Vec::with_capacity(wanted.len());
    for file in wanted {
        rough.push(shelf.take(file, packs, indexes, store)?);
    }
    shelf.close_gaps(packs, indexes);
    Ok(shelf.finish(wanted, rough))
}

/// A part before it is known which blocks are fetched in the end.
enum Rough {
    Local(Place, u64),
    /// Pack and start of the block, offset in it, length.
    Block(Digest, u64, u32, u32),
}

/// The blocks wanted so far, by pack and by where they begin.
#[derive(Default)]
struct Shelf {
    packs: BTreeMap<Digest, Chosen>,
}

/// What is wanted of one pack.
struct Chosen {
    size: u64,
    /// The largest file that needs it.
    file: RelPath,
    largest: u64,
    blocks: BTreeMap<u64, Block>,
}

impl Shelf {
    fn take(
        &mut self,
        file: &Wanted,
        packs: &[Pack],
        indexes: Indexes<'_>,
        store: &ChunkStore,
    ) -> Result<Vec<Rough>, AssemblyError> {
        let fault = |what| AssemblyError { file: file.name.clone(), what };
        let pack = packs.get(file.pack as usize).ok_or_else(|| fault("is not listed"))?;
        let index = indexes(&pack.index.object).ok_or_else(|| fault("was not fetched"))?;
        let recipe = index.find(&file.sha256).ok_or_else(|| fault("does not tell of it"))?;
        if recipe.size != file.size || index.own_size() != pack.size {
            return Err(fault("tells another size than the manifest"));
        }
        let mut parts: Vec<Rough> = Vec::new();
        for chunk in index.chunks_of(recipe) {
            if let Some(place) = store.get(&chunk.id) {
                match parts.last_mut() {
                    Some(Rough::Local(first, len))
                        if first.file == place.file && first.offset + *len == place.offset =>
                    {
                        *len += u64::from(chunk.len);
                    }
                    _ => parts.push(Rough::Local(*place, u64::from(chunk.len))),
                }
                continue;
            }
            let block = index.blocks.get(chunk.block as usize).ok_or_else(|| fault("lacks a block"))?;
            let (object, size) = match block.pack.checked_sub(1) {
                None => (pack.object.ok_or_else(|| fault("lacks a pack"))?, pack.size),
                Some(other) => *index.others.get(other as usize).ok_or_else(|| fault("lacks a pack"))?,
            };
            let new =
                || Chosen { size, file: file.name.clone(), largest: file.size, blocks: BTreeMap::new() };
            let chosen = self.packs.entry(object).or_insert_with(new);
            if file.size > chosen.largest {
                (chosen.file, chosen.largest) = (file.name.clone(), file.size);
            }
            chosen.blocks.entry(block.start).or_insert_with(|| Block { pack: 0, ..block.clone() });
            match parts.last_mut() {
                Some(Rough::Block(in_pack, start, offset, len))
                    if *in_pack == object && *start == block.start && *offset + *len == chunk.offset =>
                {
                    *len += chunk.len;
                }
                _ => parts.push(Rough::Block(object, block.start, chunk.offset, chunk.len)),
            }
        }
        Ok(parts)
    }

    /// Adds the blocks of short gaps, where it is known what lies there.
    fn close_gaps(&mut self, packs: &[Pack], indexes: Indexes<'_>) {
        for pack in packs {
            let Some(object) = pack.object else { continue };
            let (Some(chosen), Some(index)) = (self.packs.get_mut(&object), indexes(&pack.index.object))
            else {
                continue;
            };
            let mut gap: Vec<&Block> = Vec::new();
            let mut is_open = false;
            for block in index.own() {
                if !chosen.blocks.contains_key(&block.start) {
                    gap.push(block);
                    continue;
                }
                let bytes: u64 = gap.iter().map(|block| u64::from(block.len)).sum();
                if is_open && bytes <= GAP {
                    chosen.blocks.extend(gap.iter().map(|block| (block.start, (*block).clone())));
                }
                gap.clear();
                is_open = true;
            }
        }
    }

    fn finish(self, wanted: &[Wanted], rough: Vec<Vec<Rough>>) -> Assembly {
        let mut places: HashMap<(Digest, u64), (u32, u32)> = HashMap::new();
        let mut fetch = Vec::with_capacity(self.packs.len());
        for (object, chosen) in self.packs {
            let blocks: Vec<Block> = chosen.blocks.into_values().collect();
            for (at, block) in (0..).zip(&blocks) {
                places.insert((object, block.start), (fetch.len() as u32, at));
            }
            fetch.push(PackPart { object, size: chosen.size, file: chosen.file, blocks });
        }
        let part = |rough: Rough| match rough {
            Rough::Local(place, len) => Some(Part::Local { place, len }),
            Rough::Block(object, start, offset, len) => {
                let (pack, block) = *places.get(&(object, start))?;
                Some(Part::Fetched { pack, block, offset, len })
            }
        };
        let build = |(file, rough): (&Wanted, Vec<Rough>)| Build {
            name: file.name.clone(),
            sha256: file.sha256,
            size: file.size,
            parts: rough.into_iter().filter_map(part).collect(),
        };
        let builds = wanted.iter().zip(rough).map(build).collect();
        Assembly { fetch, builds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::pack::Chunk;
    use crate::release::{Codec, Content};

    /// An index of one file for each block; each block holds one chunk of 1,000 bytes and has a frame of `frame`.
    fn world(frame: u32, count: u32) -> (Vec<Pack>, HashMap<Digest, Index>, Vec<Wanted>) {
        let mut index = Index::default();
        let mut wanted = Vec::new();
        for at in 0..count {
            let sha256 = Digest::of(&at.to_le_bytes());
            let start = u64::from(at * frame);
            index.blocks.push(Block { pack: 0, start, len: frame, raw: 1000, sha256 });
            index.chunks.push(Chunk { id: ChunkId::of_digest(&sha256), block: at, offset: 0, len: 1000 });
            index.end_file(&sha256);
            let name = format!("file{at}").parse().unwrap();
            wanted.push(Wanted { name, sha256, size: 1000, pack: 0 });
        }
        let object = Digest::of(b"index");
        let content = Content { object, size: 1, codec: Codec::Raw, pieces: None };
        let pack = Pack { object: Some(Digest::of(b"pack")), size: u64::from(frame * count), index: content };
        (vec![pack], [(object, index)].into(), wanted)
    }

    #[test]
    fn what_is_installed_is_not_fetched() {
        let (packs, indexes, wanted) = world(500, 3);
        let mut store = ChunkStore::new();
        store.insert(ChunkId::of_digest(&wanted[1].sha256), Place { file: 4, offset: 70 });
        let assembly = assemble(&wanted[1..], &packs, &|index| indexes.get(index), &store).unwrap();
        assert_eq!(assembly.bytes(), 500);
        let place = Place { file: 4, offset: 70 };
        assert_eq!(assembly.builds[0].parts, [Part::Local { place, len: 1000 }]);
        assert_eq!(assembly.builds[1].parts, [Part::Fetched { pack: 0, block: 0, offset: 0, len: 1000 }]);
    }

    /// Short gaps are fetched along, long ones are not.
    #[test]
    fn ranges_that_lie_close_become_one() {
        for (frame, blocks) in [(1000, 3), (16 * 1024, 3), (33 * 1024, 2)] {
            let (packs, indexes, wanted) = world(frame, 5);
            let two = [wanted[1].clone(), wanted[3].clone()];
            let assembly = assemble(&two, &packs, &|index| indexes.get(index), &ChunkStore::new()).unwrap();
            assert_eq!(assembly.fetch[0].blocks.len(), blocks, "{frame}");
            let last = Part::Fetched { pack: 0, block: blocks as u32 - 1, offset: 0, len: 1000 };
            assert_eq!(assembly.builds[1].parts, [last]);
        }
    }

    #[test]
    fn an_index_that_does_not_fit_is_refused() {
        let (packs, indexes, mut wanted) = world(500, 1);
        wanted[0].size = 999;
        assert!(assemble(&wanted, &packs, &|index| indexes.get(index), &ChunkStore::new()).is_err());
        wanted[0] = Wanted { size: 1000, sha256: Digest::of(b"unknown"), ..wanted[0].clone() };
        assert!(assemble(&wanted, &packs, &|index| indexes.get(index), &ChunkStore::new()).is_err());
        assert!(assemble(&wanted, &packs, &|_| None, &ChunkStore::new()).is_err());
    }
}
