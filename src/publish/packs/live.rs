//! How much of each block of older packs a release still uses, and so what is better packed anew.

use std::collections::{HashMap, HashSet};

use crate::delta::pack::{Chunk, Index};
use crate::release::{Digest, Pack};

/// A frame up to this size may hold what it likes: it costs a new install little.
const SMALL: u32 = 64 * 1024;
/// Packs of one release above which the least used are dissolved.
const MOST_PACKS: usize = 48;
/// How many of them stay.
const KEPT_PACKS: usize = 32;

/// A block by the object of its pack and where it begins there.
pub(super) type BlockKey = (Digest, u64);

/// Where a chunk lies among all packs.
pub(super) fn key(pack: &Pack, index: &Index, chunk: &Chunk) -> Option<BlockKey> {
    let block = index.blocks.get(chunk.block as usize)?;
    let object = match block.pack.checked_sub(1) {
        None => pack.object?,
        Some(other) => index.others.get(other as usize)?.0,
    };
    Some((object, block.start))
}

#[derive(Default)]
struct Use {
    raw: u32,
    frame: u32,
    live: u64,
    seen: HashSet<u32>,
}

/// The use of blocks.
#[derive(Default)]
pub(super) struct Live(HashMap<BlockKey, Use>);

impl Live {
    /// Takes in that a chunk is used.
    pub(super) fn add(&mut self, pack: &Pack, index: &Index, chunk: &Chunk) {
        let (Some(key), Some(block)) = (key(pack, index, chunk), index.blocks.get(chunk.block as usize))
        else {
            return;
        };
        let used = self.0.entry(key).or_default();
        (used.raw, used.frame) = (block.raw, block.len);
        if used.seen.insert(chunk.offset) {
            used.live += u64::from(chunk.len);
        }
    }

    /// Whether a block is worth being fetched for what is used of it: a quarter at least, unless it is small.
    pub(super) fn is_worth_it(&self, key: &BlockKey) -> bool {
        self.0.get(key).is_some_and(|used| used.frame <= SMALL || used.live * 4 >= u64::from(used.raw))
    }

    /// Packs too many for one release, by their objects: those of which the least is used.
    pub(super) fn too_many(&self) -> HashSet<Digest> {
        let mut packs: HashMap<Digest, u64> = HashMap::new();
        for ((object, _), used) in &self.0 {
            *packs.entry(*object).or_default() += used.live;
        }
        if packs.len() <= MOST_PACKS {
            return HashSet::new();
        }
        let mut packs: Vec<(u64, Digest)> = packs.into_iter().map(|(object, live)| (live, object)).collect();
        packs.sort_unstable();
        packs.truncate(packs.len() - KEPT_PACKS);
        packs.into_iter().map(|(_, object)| object).collect()
    }
}
