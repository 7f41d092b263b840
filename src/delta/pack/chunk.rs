//! Where a file is cut: at places its content chooses, so that an insertion moves no cut but its own.
//!
//! The FastCDC way: a gear hash over a sliding window of 64 bytes, a harder test before the average size is
//! reached and an easier one after it, hard bounds on both sides. Client and publisher must cut alike, so nothing
//! here may change without a new format of the index.

use std::io::{self, Read};

use crate::release::Digest;

/// The largest chunk of all.
pub const MAX_CHUNK: usize = 256 * 1024;
/// Bytes at the start of a file that say what it is.
const HEAD: usize = 8 * 1024;
/// Binary files from this size on are cut coarsely.
const LARGE: u64 = 4 * 1024 * 1024;

/// The name of a chunk: the first 16 bytes of its SHA-256.
///
/// It finds chunks; what is believed is decided by the digest of the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkId([u8; 16]);

impl ChunkId {
    /// The name of a chunk with these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_digest(&Digest::of(bytes))
    }

    /// The name of a chunk, or of a file, with this digest.
    #[must_use]
    pub fn of_digest(digest: &Digest) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&digest.as_bytes()[..16]);
        Self(short)
    }

    /// The name as its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A name from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// How finely a file is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// Chunks of 16 KiB on average: text and small files.
    Fine,
    /// Chunks of 64 KiB on average: large binaries.
    Coarse,
}

impl Grain {
    /// The grain of a file of `size` bytes that begins with `head`; at least the first 8 KiB of it must be there.
    #[must_use]
    pub fn of(size: u64, head: &[u8]) -> Self {
        let is_binary = head.iter().take(HEAD).any(|byte| *byte == 0);
        if size >= LARGE && is_binary { Self::Coarse } else { Self::Fine }
    }

    /// Average chunk size as a power of two.
    fn bits(self) -> u32 {
        match self {
            Self::Fine => 14,
            Self::Coarse => 16,
        }
    }
}

/// One pseudo-random number for each byte value (SplitMix64 from 0).
const GEAR: [u64; 256] = {
    let mut table = [0; 256];
    let (mut at, mut state) = (0, 0u64);
    while at < 256 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        table[at] = mixed ^ (mixed >> 31);
        at += 1;
    }
    table
};

/// The length of the first chunk of `bytes`, which reach to the end of the file or have the largest chunk's size.
fn first_cut(bytes: &[u8], grain: Grain) -> usize {
    let average = 1 << grain.bits();
    let (least, most) = (average / 4, (average * 4).min(bytes.len()));
    if most <= least {
        return most;
    }
    let middle = average.min(most);
    let mut hash = 0u64;
    // The window fills before the first place where a cut may be.
    let warm = least - 64;
    let mut at = warm;
    for byte in &bytes[warm..least] {
        hash = (hash << 1).wrapping_add(GEAR[usize::from(*byte)]);
        at += 1;
    }
    for (end, bits) in [(middle, grain.bits() + 2), (most, grain.bits() - 2)] {
        let mask = !0 << (64 - bits);
        for byte in &bytes[at..end] {
            hash = (hash << 1).wrapping_add(GEAR[usize::from(*byte)]);
            at += 1;
            if hash & mask == 0 {
                return at;
            }
        }
    }
    most
}

/// Cuts what it reads into chunks, in memory of less than 1 MiB.
pub struct Cutter<R> {
    source: R,
    size: u64,
    grain: Option<Grain>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    is_over: bool,
}

impl<R: Read> Cutter<R> {
    /// Cuts a file of `size` bytes.
    pub fn new(source: R, size: u64) -> Self {
        let buffer = vec![0; usize::try_from(size).unwrap_or(usize::MAX).clamp(1, 3 * MAX_CHUNK)];
        Self { source, size, grain: None, buffer, start: 0, end: 0, is_over: false }
    }

    /// The next chunk; nothing at the end of the file.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn next_chunk(&mut self) -> io::Result<Option<&[u8]>> {
        if self.end - self.start < MAX_CHUNK && !self.is_over {
            self.fill()?;
        }
        let there = &self.buffer[self.start..self.end];
        if there.is_empty() {
            return Ok(None);
        }
        let grain = *self.grain.get_or_insert_with(|| Grain::of(self.size, there));
        let length = first_cut(&there[..there.len().min(MAX_CHUNK)], grain);
        self.start += length;
        Ok(Some(&self.buffer[self.start - length..self.start]))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        while self.end < self.buffer.len() {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.is_over = true;
                    break;
                }
                Ok(more) => self.end += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(size: usize, mut state: u64) -> Vec<u8> {
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        std::iter::repeat_with(next).take(size).collect()
    }

    fn cut(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut cutter = Cutter::new(bytes, bytes.len() as u64);
        let mut chunks = Vec::new();
        while let Some(chunk) = cutter.next_chunk().unwrap() {
            chunks.push(chunk.to_vec());
        }
        chunks
    }

    #[test]
    fn chunks_make_up_the_file_and_keep_their_bounds() {
        for size in [0, 1, 63, 4096, 4097, 70_000, 300_000, 5_000_000] {
            let bytes = noise(size, 7);
            let chunks = cut(&bytes);
            assert_eq!(chunks.concat(), bytes);
            let average = if size >= 4 * 1024 * 1024 { 65_536 } else { 16_384 };
            for chunk in chunks.iter().rev().skip(1) {
                assert!(chunk.len() > average / 4 && chunk.len() <= average * 4, "{}", chunk.len());
            }
        }
        // No place to cut: every chunk is as long as it may be.
        assert!(cut(&vec![0; 1_000_000]).iter().rev().skip(1).all(|chunk| chunk.len() == 65_536));
    }

    #[test]
    fn the_average_is_about_what_it_says() {
        let chunks = cut(&noise(3_000_000, 3)).len();
        assert!((130..280).contains(&chunks), "{chunks}");
        let chunks = cut(&noise(12_000_000, 3)).len();
        assert!((130..280).contains(&chunks), "{chunks}");
    }

    #[test]
    fn an_insertion_changes_few_chunks() {
        let old = noise(1_000_000, 11);
        let mut new = old.clone();
        new.splice(500_000..500_000, *b"a few bytes more");
        let known: std::collections::HashSet<Vec<u8>> = cut(&old).into_iter().collect();
        let fresh = cut(&new).iter().filter(|chunk| !known.contains(*chunk)).count();
        assert!((1..=3).contains(&fresh), "{fresh}");
    }

    /// Cuts are part of the format: another version must find the same ones.
    #[test]
    fn the_places_of_cuts_are_fixed() {
        let lengths: Vec<usize> = cut(&noise(200_000, 1)).iter().map(Vec::len).collect();
        assert_eq!(lengths.iter().sum::<usize>(), 200_000);
        assert_eq!(GEAR[0], 0xe220_a839_7b1d_cdaf);
    }
}
