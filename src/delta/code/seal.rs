//! The code signature of Mach-O: its code directory has the SHA-256 of every page of the file. Nobody can pack those
//! hashes, but whoever has the pages can compute them (`kern/cs_blobs.h` of XNU).

use crate::release::Hasher;

use super::super::wire::{Numbers, Short};

/// Bytes of a hash.
#[cfg(any(feature = "vendor", test))]
const HASH: usize = 32;
/// Most hashes.
const MOST: u64 = 1 << 16;

/// Where the hashes of the pages lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delta) struct Seal {
    /// Bytes that are hashed, from the beginning of the file on.
    limit: u64,
    /// Where the first hash lies, behind all of them.
    slots: u64,
    /// Bytes of a page, as a power of two; the last page may be shorter.
    page: u64,
}

impl Seal {
    fn is_sound(&self) -> bool {
        let sized = (10..=24).contains(&self.page) && self.limit > 0;
        sized && self.limit.div_ceil(1 << self.page) <= MOST && self.slots >= self.limit
    }

    /// Reads what is told of it: a limit of 0 if there is none.
    pub(super) fn parse(read: &mut Numbers<'_>) -> Result<Option<Self>, Short> {
        let limit = read.u64()?;
        if limit == 0 {
            return Ok(None);
        }
        let seal = Self { limit, slots: read.u64()?, page: read.u64()? };
        if seal.is_sound() { Ok(Some(seal)) } else { Err(Short) }
    }
}

/// Gives the hashes of pages in place of the bytes in their places, as a file goes by.
pub(in crate::delta) struct Sealing {
    seal: Seal,
    at: u64,
    page: Hasher,
    hashes: Vec<u8>,
}

impl Sealing {
    pub(in crate::delta) fn new(seal: Seal) -> Self {
        Self { seal, at: 0, page: Hasher::new(), hashes: Vec::new() }
    }

    /// Takes all of these, the next bytes of the file, if they are written as they are, which is told.
    pub(in crate::delta) fn pass(&mut self, bytes: &[u8]) -> bool {
        let is_so = bytes.len() as u64 <= self.seal.slots.saturating_sub(self.at);
        let mut rest = if is_so { bytes } else { &[] };
        while !rest.is_empty() {
            let count = self.next(rest).len();
            rest = &rest[count..];
        }
        is_so
    }

    /// Takes some of the next bytes of the file, at least one if there are any: what is to be written in their stead,
    /// as long as what was taken.
    pub(in crate::delta) fn next<'b>(&'b mut self, bytes: &'b [u8]) -> &'b [u8] {
        let (seal, at) = (self.seal, self.at);
        let place = at.saturating_sub(seal.slots) as usize;
        let rest = if at < seal.limit {
            (((at >> seal.page) + 1) << seal.page).min(seal.limit) - at
        } else if at < seal.slots {
            seal.slots - at
        } else if place < self.hashes.len() {
            (self.hashes.len() - place) as u64
        } else {
            u64::MAX
        };
        let count = rest.min(bytes.len() as u64);
        let taken = &bytes[..count as usize];
        self.at += count;
        if at < seal.limit {
            self.page.update(taken);
            if count == rest {
                let done = std::mem::take(&mut self.page).finish();
                self.hashes.extend_from_slice(done.as_bytes());
            }
            return taken;
        }
        if at < seal.slots { taken } else { self.hashes.get(place..place + taken.len()).unwrap_or(taken) }
    }
}

#[cfg(feature = "vendor")]
pub(in crate::delta) use finding::unseal;

/// What the encoder does: it looks for hashes that it can leave out.
#[cfg(feature = "vendor")]
mod finding {
    use super::super::super::wire::put;
    use super::super::image::word;
    use super::super::macho::commands;
    use super::{HASH, Seal, Sealing};

    const SIGNATURE: u32 = 0x1d;
    /// First bytes of a signature and of a code directory.
    const BLOBS: u32 = 0xfade_0cc0;
    const DIRECTORY: u32 = 0xfade_0c02;
    /// Most blobs of a signature that are looked at.
    const MOST_BLOBS: usize = 16;

    impl Seal {
        pub(in super::super) fn write(seal: Option<&Self>, out: &mut Vec<u8>) {
            match seal {
                Some(seal) => [seal.limit, seal.slots, seal.page].iter().for_each(|&number| put(number, out)),
                None => put(0, out),
            }
        }

        /// Bytes of all hashes.
        fn length(&self) -> usize {
            self.limit.div_ceil(1 << self.page) as usize * HASH
        }
    }

    /// Finds the hashes of a program, if they are what they should be: where they are, and the program without them.
    pub(in crate::delta) fn unseal(data: &[u8]) -> Option<(Seal, Vec<u8>)> {
        if data.get(..4)? != [0xcf, 0xfa, 0xed, 0xfe] {
            return None;
        }
        let place = commands(data)?.iter().find(|command| command.0 == SIGNATURE)?.1;
        let start = word(data, place + 8).map(u32::from_le_bytes)? as usize;
        let int = |at: usize| word(data, at).map(u32::from_be_bytes);
        let count = (int(start)? == BLOBS).then_some(int(start + 8)? as usize)?;
        let blobs = (0..count.min(MOST_BLOBS)).filter_map(|index| int(start + 16 + index * 8));
        let seal = blobs.filter_map(|blob| directory(data, start.checked_add(blob as usize)?)).next()?;
        let slots = seal.slots as usize;
        let mut bare = data.to_vec();
        bare.get_mut(slots..slots.checked_add(seal.length())?)?.fill(0);
        let (mut sealing, mut at) = (Sealing::new(seal), 0);
        while at < data.len() {
            let written = sealing.next(&bare[at..]);
            if data[at..at + written.len()] != *written {
                return None;
            }
            at += written.len();
        }
        Some((seal, bare))
    }

    /// A code directory with hashes of SHA-256 over the file from its beginning on.
    fn directory(data: &[u8], at: usize) -> Option<Seal> {
        let int = |more: usize| word(data, at.checked_add(more)?).map(u32::from_be_bytes);
        let [size, kind, _, page] = int(36)?.to_be_bytes();
        let limit = u64::from(int(32)?);
        let slots = (at as u64).checked_add(u64::from(int(16)?))?;
        let seal = Seal { limit, slots, page: u64::from(page) };
        let all = u64::from(int(28)?) == limit.div_ceil(1 << (page & 31));
        (int(0)? == DIRECTORY && (size, kind) == (32, 2) && all && seal.is_sound()).then_some(seal)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::wire::Numbers;
    use super::*;

    #[test]
    fn hashes_are_written_over_their_places_however_the_file_comes() {
        let plain: Vec<u8> = (0..5000u32).map(|at| ((at * at) >> 3) as u8).collect();
        let sealed = |size: usize, passes: bool| {
            let mut sealing = Sealing::new(Seal { limit: 2500, slots: 3000, page: 10 });
            let mut written = Vec::new();
            for mut piece in plain.chunks(size) {
                if passes && sealing.pass(piece) {
                    written.extend_from_slice(piece);
                    continue;
                }
                while !piece.is_empty() {
                    let next = sealing.next(piece);
                    written.extend_from_slice(next);
                    piece = &piece[next.len()..];
                }
            }
            written
        };
        let whole = sealed(5000, false);
        for (page, bytes) in plain[..2500].chunks(1024).enumerate() {
            let mut hasher = Hasher::new();
            hasher.update(bytes);
            assert_eq!(&whole[3000 + page * HASH..][..HASH], hasher.finish().as_bytes());
        }
        assert_eq!((&whole[..3000], &whole[3096..]), (&plain[..3000], &plain[3096..]));
        for size in [1, 7, 1000, 1024, 3001] {
            assert!(sealed(size, false) == whole && sealed(size, true) == whole, "{size}");
        }
    }

    #[test]
    fn what_can_not_be_is_refused() {
        let parse = |bytes: &[u8]| Seal::parse(&mut Numbers::new(bytes));
        assert_eq!(parse(&[0]), Ok(None));
        assert_eq!(parse(&[100, 100, 12]), Ok(Some(Seal { limit: 100, slots: 100, page: 12 })));
        // Before the end of what is hashed; pages too small and too large; too many; cut off.
        for wrong in [&[100, 99, 12][..], &[100, 100, 9], &[100, 100, 25], &[100, 100]] {
            assert_eq!(parse(wrong), Err(Short));
        }
        let most = [0x80, 0x80, 0x80, 0x20];
        assert!(parse(&[&most[..], &most, &[10]].concat()).is_ok());
        assert_eq!(
            parse(&[&[0x81, 0x80, 0x80, 0x20][..], &[0xff, 0xff, 0xff, 0x7f], &[10]].concat()),
            Err(Short)
        );
    }
}
