//! The index of a pack: its blocks, and for each file of the publish that made it the chunks it is made of.
//!
//! An index is fetched from strangers and read before anything is known of its content but the digest, so every
//! number in it is checked before it counts. The layout is in docs/formats.md.

use std::collections::HashMap;
use std::io::Read as _;
use std::ops::Range;

use crate::release::Digest;

use super::block::{MAX_BLOCK, MAX_FRAME};
use super::chunk::{ChunkId, MAX_CHUNK};

/// The first bytes of an index.
const MAGIC: [u8; 8] = [0x89, b'U', b'P', b'I', b'X', b'2', 0x0d, 0x0a];
/// Those of format 1, which is the same but for blocks that are zstd frames, all of them.
const MAGIC_1: [u8; 8] = [0x89, b'U', b'P', b'I', b'X', b'1', 0x0d, 0x0a];
/// Most bytes of an index, unpacked. It bounds the memory a reader takes to a few times that.
pub const MAX_INDEX: usize = 32 * 1024 * 1024;
/// How hard an index is compressed.
const LEVEL: i32 = 19;

/// A block of some pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The pack: 0 for the one this index is of, else 1 and more for those of [`Index::others`].
    pub pack: u32,
    /// Where its frame begins in the pack.
    pub start: u64,
    /// Bytes of its frame.
    pub len: u32,
    /// Bytes it decodes to.
    pub raw: u32,
    /// The digest of its frame.
    pub sha256: Digest,
}

/// A chunk of a file and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Its name.
    pub id: ChunkId,
    /// The block, by its place in [`Index::blocks`].
    pub block: u32,
    /// Where it begins in the block, decoded.
    pub offset: u32,
    /// Its bytes.
    pub len: u32,
}

/// What a file is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The file, by the start of its digest.
    pub file: ChunkId,
    /// Its size.
    pub size: u64,
    /// Its chunks, as a range of [`Index::chunks`].
    pub chunks: Range<usize>,
}

/// An index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// Other packs that chunks lie in, with their sizes.
    pub others: Vec<(Digest, u64)>,
    /// The blocks of the pack itself in order and without gaps, then those of others that are referred to.
    pub blocks: Vec<Block>,
    /// The chunks of all files, one file after the other.
    pub chunks: Vec<Chunk>,
    /// The files.
    pub files: Vec<Recipe>,
    by_name: HashMap<ChunkId, usize>,
}

/// Why an index is refused.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It is of a format this program does not know.
    #[error("the index is of a format this updater does not know: update the updater first")]
    Newer,
    /// It can't be unpacked.
    #[error("the index can't be unpacked: {0}")]
    Unpack(#[source] std::io::Error),
    /// It is longer than any index may be.
    #[error("the index is longer than {MAX_INDEX} bytes")]
    TooLong,
    /// It ends too early or too late.
    #[error("the index has another length than it says")]
    Length,
    /// A number in it makes no sense.
    #[error("the index is damaged: {0}")]
    Field(&'static str),
    /// It has two recipes for one file.
    #[error("the index names a file twice")]
    Twice,
}

impl Index {
    /// Adds a file whose chunks were added since the file before it.
    pub fn end_file(&mut self, digest: &Digest) {
        let begin = self.files.last().map_or(0, |file| file.chunks.end);
        let chunks = begin..self.chunks.len();
        let size = self.chunks[chunks.clone()].iter().map(|chunk| u64::from(chunk.len)).sum();
        let file = ChunkId::of_digest(digest);
        self.by_name.insert(file, self.files.len());
        self.files.push(Recipe { file, size, chunks });
    }

    /// What the file with this digest is made of; nothing if the index does not tell of it.
    #[must_use]
    pub fn find(&self, digest: &Digest) -> Option<&Recipe> {
        self.files.get(*self.by_name.get(&ChunkId::of_digest(digest))?)
    }

    /// The chunks of a recipe of this index.
    #[must_use]
    pub fn chunks_of(&self, recipe: &Recipe) -> &[Chunk] {
        &self.chunks[recipe.chunks.clone()]
    }

    /// The blocks of the pack this index is of.
    pub fn own(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().take_while(|block| block.pack == 0)
    }

    /// The size of the pack this index is of.
    #[must_use]
    pub fn own_size(&self) -> u64 {
        self.own().last().map_or(0, |block| block.start + u64::from(block.len))
    }

    /// The bytes of this index as an object; the same index always gives the same bytes.
    ///
    /// # Errors
    /// If it is longer than an index may be, or the compressor fails.
    pub fn to_bytes(&self) -> Result<Vec<u8>, IndexError> {
        let mut out = Vec::new();
        let own = self.own().count();
        number(&mut out, self.others.len() as u64);
        for (pack, size) in &self.others {
            out.extend_from_slice(pack.as_bytes());
            number(&mut out, *size);
        }
        number(&mut out, own as u64);
        number(&mut out, (self.blocks.len() - own) as u64);
        self.blocks.iter().for_each(|block| out.extend_from_slice(block.sha256.as_bytes()));
        for block in &self.blocks {
            number(&mut out, u64::from(block.len));
            number(&mut out, u64::from(block.raw));
        }
        for block in &self.blocks[own..] {
            number(&mut out, u64::from(block.pack));
            number(&mut out, block.start);
        }
        number(&mut out, self.files.len() as u64);
        self.files.iter().for_each(|file| out.extend_from_slice(file.file.as_bytes()));
        self.files.iter().for_each(|file| number(&mut out, file.chunks.len() as u64));
        for file in self.files.iter().filter(|file| file.chunks.len() > 1) {
            self.chunks_of(file).iter().for_each(|chunk| out.extend_from_slice(chunk.id.as_bytes()));
        }
        self.chunks.iter().for_each(|chunk| number(&mut out, u64::from(chunk.len)));
        let mut expected = Expected::default();
        for chunk in &self.chunks {
            let (block, offset) = expected.from(chunk);
            number(&mut out, block);
            number(&mut out, offset);
        }
        if out.len() > MAX_INDEX {
            return Err(IndexError::TooLong);
        }
        let packed = zstd::bulk::compress(&out, LEVEL).map_err(IndexError::Unpack)?;
        Ok([MAGIC.as_slice(), &packed].concat())
    }

    /// Reads an index and checks all of it.
    ///
    /// # Errors
    /// If anything in it is not as it must be.
    pub fn parse(object: &[u8]) -> Result<Self, IndexError> {
        let packed =
            object.strip_prefix(MAGIC.as_slice()).or_else(|| object.strip_prefix(MAGIC_1.as_slice()));
        let packed = packed.ok_or(IndexError::Newer)?;
        let mut frame = zstd::stream::read::Decoder::with_buffer(packed).map_err(IndexError::Unpack)?;
        frame.window_log_max(crate::delta::MAX_WINDOW_LOG).map_err(IndexError::Unpack)?;
        let mut body = Vec::new();
        frame.take(MAX_INDEX as u64 + 1).read_to_end(&mut body).map_err(IndexError::Unpack)?;
        if body.len() > MAX_INDEX {
            return Err(IndexError::TooLong);
        }
        let mut reader = Reader(&body);
        let mut index = Self { others: reader.others()?, ..Self::default() };
        index.blocks = reader.blocks(&index.others)?;
        reader.files(&mut index)?;
        if reader.0.is_empty() { Ok(index) } else { Err(IndexError::Length) }
    }
}

/// Where the next chunk is expected: behind the one before it, or at the start of the next block.
#[derive(Default)]
struct Expected {
    block: u32,
    offset: u32,
}

impl Expected {
    /// How `chunk` differs from what is expected: the step to its block, 0 for the same one; then the step to its
    /// offset.
    fn from(&mut self, chunk: &Chunk) -> (u64, u64) {
        let block = zigzag(i64::from(chunk.block) - i64::from(self.block));
        let base = if chunk.block == self.block { self.offset } else { 0 };
        let offset = zigzag(i64::from(chunk.offset) - i64::from(base));
        (self.block, self.offset) = (chunk.block, chunk.offset + chunk.len);
        (block, offset)
    }

    /// The block and the offset that such steps lead to.
    fn to(&mut self, block: u64, offset: u64, len: u32) -> Option<(u32, u32)> {
        let to = u32::try_from(i64::from(self.block).checked_add(unzigzag(block))?).ok()?;
        let base = if to == self.block { self.offset } else { 0 };
        let at = u32::try_from(i64::from(base).checked_add(unzigzag(offset))?).ok()?;
        (self.block, self.offset) = (to, at.checked_add(len)?);
        Some((to, at))
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// What is left of an index.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Result<u64, IndexError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(IndexError::Length)?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(IndexError::Field("a number"))
    }

    /// A count of things that take at least `each` bytes: no more than there is room for.
    fn count(&mut self, each: usize) -> Result<usize, IndexError> {
        let count = usize::try_from(self.number()?).map_err(|_large| IndexError::Length)?;
        if count <= self.0.len() / each { Ok(count) } else { Err(IndexError::Length) }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], IndexError> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(IndexError::Length)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// A number from 1 to `most`.
    fn length(&mut self, most: usize, what: &'static str) -> Result<u32, IndexError> {
        let length = self.number()?;
        let fits = (1..=most as u64).contains(&length);
        u32::try_from(length).ok().filter(|_| fits).ok_or(IndexError::Field(what))
    }

    fn others(&mut self) -> Result<Vec<(Digest, u64)>, IndexError> {
        let count = self.count(33)?;
        (0..count).map(|_| Ok((Digest::from_bytes(self.bytes()?), self.number()?))).collect()
    }

    fn blocks(&mut self, others: &[(Digest, u64)]) -> Result<Vec<Block>, IndexError> {
        let own = self.count(34)?;
        let foreign = self.count(36)?;
        let count = own + foreign;
        if count > self.0.len() / 34 {
            return Err(IndexError::Length);
        }
        let mut blocks = Vec::with_capacity(count);
        for _ in 0..count {
            let sha256 = Digest::from_bytes(self.bytes()?);
            blocks.push(Block { pack: 0, start: 0, len: 0, raw: 0, sha256 });
        }
        let mut end = 0u64;
        for block in &mut blocks {
            block.start = end;
            block.len = self.length(MAX_FRAME, "the length of a block")?;
            block.raw = self.length(MAX_BLOCK, "the length of a block")?;
            end += u64::from(block.len);
        }
        for block in &mut blocks[own..] {
            let pack = self.length(others.len(), "the pack of a block")?;
            (block.pack, block.start) = (pack, self.number()?);
            let end = block.start.checked_add(u64::from(block.len));
            let fits = others.get(pack as usize - 1).zip(end).is_some_and(|((_, size), end)| end <= *size);
            if !fits {
                return Err(IndexError::Field("the place of a block"));
            }
        }
        Ok(blocks)
    }

    fn files(&mut self, index: &mut Index) -> Result<(), IndexError> {
        let count = self.count(17)?;
        let names =
            (0..count).map(|_| Ok(ChunkId::from_bytes(self.bytes()?))).collect::<Result<Vec<_>, _>>()?;
        let mut counts = Vec::with_capacity(count);
        // A name takes 16 bytes and a place at least 3, or the file's own name stands for its one chunk.
        let (mut total, mut named) = (0usize, 0usize);
        for _ in 0..count {
            let chunks = usize::try_from(self.number()?).map_err(|_large| IndexError::Length)?;
            total = total.checked_add(chunks).ok_or(IndexError::Length)?;
            named = named.checked_add(if chunks > 1 { chunks } else { 0 }).ok_or(IndexError::Length)?;
            counts.push(chunks);
        }
        let needed = total.checked_mul(3).zip(named.checked_mul(16)).and_then(|(a, b)| a.checked_add(b));
        if needed.is_none_or(|needed| needed > self.0.len()) {
            return Err(IndexError::Length);
        }
        let mut chunks = Vec::with_capacity(total);
        for (name, count) in names.iter().zip(&counts) {
            for _ in 0..*count {
                let id = if *count > 1 { ChunkId::from_bytes(self.bytes()?) } else { *name };
                chunks.push(Chunk { id, block: 0, offset: 0, len: 0 });
            }
        }
        for chunk in &mut chunks {
            chunk.len = self.length(MAX_CHUNK, "the length of a chunk")?;
        }
        let mut expected = Expected::default();
        for chunk in &mut chunks {
            let place = expected.to(self.number()?, self.number()?, chunk.len);
            let (block, offset) = place.ok_or(IndexError::Field("the place of a chunk"))?;
            let raw = index.blocks.get(block as usize).map_or(0, |block| block.raw);
            if offset.checked_add(chunk.len).is_none_or(|end| end > raw) {
                return Err(IndexError::Field("the place of a chunk"));
            }
            (chunk.block, chunk.offset) = (block, offset);
        }
        index.chunks = chunks;
        let mut begin = 0;
        for (file, count) in names.into_iter().zip(counts) {
            let chunks = begin..begin + count;
            begin = chunks.end;
            let size = index.chunks[chunks.clone()].iter().map(|chunk| u64::from(chunk.len)).sum();
            if index.by_name.insert(file, index.files.len()).is_some() {
                return Err(IndexError::Twice);
            }
            index.files.push(Recipe { file, size, chunks });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Index {
        let block = |pack, start, len, raw| Block { pack, start, len, raw, sha256: Digest::of(&[len as u8]) };
        let mut index = Index {
            others: vec![(Digest::of(b"other"), 5000)],
            blocks: vec![block(0, 0, 700, 1000), block(0, 700, 300, 2000), block(1, 4000, 1000, 900)],
            ..Index::default()
        };
        let chunk = |name: &[u8], block, offset, len| Chunk { id: ChunkId::of(name), block, offset, len };
        index.chunks.push(chunk(b"one", 0, 0, 400));
        index.end_file(&Digest::of(b"one"));
        index.chunks.extend([chunk(b"a", 0, 400, 600), chunk(b"b", 1, 0, 2000), chunk(b"c", 2, 100, 800)]);
        index.end_file(&Digest::of(b"two"));
        index.chunks.extend([chunk(b"a", 0, 400, 600), chunk(b"d", 0, 0, 400)]);
        index.end_file(&Digest::of(b"three"));
        index
    }

    #[test]
    fn an_index_comes_back_as_it_was() {
        let index = sample();
        let bytes = index.to_bytes().unwrap();
        let read = Index::parse(&bytes).unwrap();
        assert_eq!(read, index);
        assert_eq!(read.to_bytes().unwrap(), bytes);
        assert_eq!((read.own_size(), read.own().count()), (1000, 2));
        assert_eq!(read.find(&Digest::of(b"two")).unwrap().size, 3400);
        assert_eq!(read.find(&Digest::of(b"four")), None);
        let empty = Index::default();
        assert_eq!(Index::parse(&empty.to_bytes().unwrap()).unwrap(), empty);
    }

    /// Every wrong place is refused: what is read can be trusted to lie where it says.
    #[test]
    fn an_index_that_makes_no_sense_is_refused() {
        let spoil: [fn(&mut Index); 8] = [
            |index| index.blocks[0].raw = 0,
            |index| index.blocks[0].raw = MAX_BLOCK as u32 + 1,
            |index| index.blocks[1].len = 0,
            |index| index.blocks[2].start = 4001,
            |index| index.blocks[2].pack = 2,
            |index| index.chunks[2].len = 2001,
            |index| index.chunks[3].block = 3,
            |index| index.files[2].file = index.files[0].file,
        ];
        for (at, spoil) in spoil.into_iter().enumerate() {
            let mut index = sample();
            spoil(&mut index);
            assert!(Index::parse(&index.to_bytes().unwrap()).is_err(), "{at}");
        }
    }

    #[test]
    fn a_cut_a_flipped_and_a_lengthened_index_is_refused_or_another_one() {
        let bytes = sample().to_bytes().unwrap();
        for end in 0..bytes.len() {
            assert!(Index::parse(&bytes[..end]).is_err(), "{end}");
        }
        assert!(matches!(Index::parse(b"{\"format\": 1}"), Err(IndexError::Newer)));
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 0x10;
            // It must not panic; what is wrong is found by the digest before.
            Index::parse(&other).ok();
        }
    }
}
