//! The chunker and the index, held against any input.

use std::io::Read;

use proptest::collection::vec;
use proptest::prelude::*;
use updraft::delta::pack::{Block, Chunk, ChunkId, Cutter, Index};
use updraft::release::Digest;

/// Gives its bytes in portions that a test chooses.
struct Portions<'a> {
    bytes: &'a [u8],
    portions: Vec<usize>,
}

impl Read for Portions<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = self.portions.pop().unwrap_or(usize::MAX).max(1);
        let count = most.min(into.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(count);
        into[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}

fn cut(bytes: &[u8], portions: Vec<usize>) -> Vec<Vec<u8>> {
    let mut cutter = Cutter::new(Portions { bytes, portions }, bytes.len() as u64);
    let mut chunks = Vec::new();
    while let Some(chunk) = cutter.next_chunk().unwrap() {
        chunks.push(chunk.to_vec());
    }
    chunks
}

/// A file with stretches of one byte, of text and of noise.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let stretch = (any::<u64>(), 0..4u8, 0..90_000usize).prop_map(|(seed, kind, length)| match kind {
        0 => vec![seed as u8; length],
        1 => super::text(seed, length / 40).into_bytes(),
        _ => super::noise(seed, length),
    });
    vec(stretch, 0..5).prop_map(|stretches| stretches.concat())
}

/// An index in which every place is real.
fn index() -> impl Strategy<Value = Index> {
    let block = (1..2_000_000u32, 1..=1_048_576u32, any::<[u8; 32]>());
    let blocks = vec(block, 1..12);
    let files =
        vec((any::<[u8; 32]>(), vec((any::<prop::sample::Index>(), 0.0..1.0f64, 0.0..1.0f64), 1..6)), 0..12);
    (blocks, 0..4usize, files).prop_map(|(blocks, foreign, files)| {
        let mut index = Index::default();
        let own = blocks.len().saturating_sub(foreign);
        let mut start = 0;
        for (at, (len, raw, sha256)) in blocks.into_iter().enumerate() {
            let len = len % 1_000_000 + 1;
            let sha256 = Digest::from_bytes(sha256);
            let pack = if at < own {
                0
            } else {
                index.others.push((sha256, start + u64::from(len)));
                index.others.len() as u32
            };
            index.blocks.push(Block { pack, start, len, raw, sha256 });
            start += u64::from(len);
        }
        for (sha256, chunks) in files {
            let count = chunks.len();
            for (block, from, length) in chunks {
                let block = block.index(index.blocks.len()) as u32;
                let raw = index.blocks[block as usize].raw;
                let offset = (f64::from(raw - 1) * from) as u32;
                let len = 1 + (f64::from((raw - offset - 1).min(262_143)) * length) as u32;
                let id = if count == 1 {
                    ChunkId::of_digest(&Digest::from_bytes(sha256))
                } else {
                    ChunkId::of(&[block as u8, offset as u8])
                };
                index.chunks.push(Chunk { id, block, offset, len });
            }
            index.end_file(&Digest::from_bytes(sha256));
        }
        index
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Chunks make up the file, whatever portions it comes in.
    #[test]
    fn cuts_depend_on_content_alone(bytes in file(), portions in vec(0..70_000usize, 0..30)) {
        let whole = cut(&bytes, Vec::new());
        prop_assert_eq!(whole.concat(), bytes.clone());
        prop_assert_eq!(cut(&bytes, portions), whole);
    }

    /// What was written is read, and what was damaged is refused or is another index with real places.
    #[test]
    fn an_index_is_read_as_it_was_written(index in index(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let bytes = index.to_bytes().unwrap();
        let read = Index::parse(&bytes).unwrap();
        prop_assert_eq!(&read.chunks, &index.chunks);
        prop_assert_eq!(&read.blocks, &index.blocks);
        prop_assert_eq!(&read.files, &index.files);
        let mut damaged = bytes;
        let at = at.index(damaged.len());
        damaged[at] ^= 1 << bit;
        if let Ok(other) = Index::parse(&damaged) {
            for chunk in &other.chunks {
                prop_assert!(chunk.offset + chunk.len <= other.blocks[chunk.block as usize].raw);
            }
        }
    }
}
