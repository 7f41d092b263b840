//! The head and index of a bundle: a repository, or part of one, in one file (`docs/formats.md`). No I/O.
//!
//! An entry has no offset: it begins where the one before it ends. So entries can't overlap, and nothing can
//! hide between them.

use super::{Digest, Hasher, InvalidPath, RelPath};

/// What every bundle begins with.
const MAGIC: [u8; 8] = *b"\x89UPDRFT\n";
/// The format this program reads and writes.
const FORMAT: u32 = 1;
/// Bytes of the head, which lies before the index.
pub const BUNDLE_HEAD: usize = 64;
/// Most bytes of an index; a longer one is not read.
pub const MAX_BUNDLE_INDEX: u64 = 64 * 1024 * 1024;
/// Bytes of an entry beside its path.
const FIXED: usize = 2 + 8 + 32;
/// What may lie in a bundle: what clients read of a repository.
const FOLDERS: [&str; 3] = ["metadata", "objects", "targets"];

/// A file in a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleEntry {
    /// Its path in the repository.
    pub path: RelPath,
    /// Its bytes.
    pub length: u64,
    /// The digest of its bytes.
    pub sha256: Digest,
}

/// Where the bytes of an entry lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BundlePart {
    /// The first byte, from the start of the bundle.
    pub offset: u64,
    /// How many.
    pub length: u64,
    /// Their digest.
    pub sha256: Digest,
}

/// What lies in a bundle, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleIndex {
    entries: Vec<BundleEntry>,
    /// The first byte of each entry, and after the last one the length of the bundle.
    offsets: Vec<u64>,
}

/// The head of a bundle, with limits checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BundleHead {
    count: u32,
    index: u64,
    whole: u64,
    sha256: Digest,
    bytes: [u8; 32],
}

/// Why bytes are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It begins otherwise.
    #[error("it is not a bundle")]
    NotABundle,
    /// It is of a later format.
    #[error("it has bundle format {0}, this program knows format 1")]
    Newer(u32),
    /// It is shorter than it says.
    #[error("it is cut off: it has {has} of {whole} bytes")]
    CutOff {
        /// Its bytes.
        has: u64,
        /// The bytes it should have.
        whole: u64,
    },
    /// It is longer than it says.
    #[error("it has {has} bytes where its head says {whole}")]
    TooLong {
        /// Its bytes.
        has: u64,
        /// The bytes it should have.
        whole: u64,
    },
    /// Its index is longer than any may be.
    #[error("its index has {0} bytes, more than any bundle needs")]
    IndexTooLong(u64),
    /// Head or index were altered.
    #[error("its index is damaged")]
    Checksum,
    /// The parts of head and index contradict each other.
    #[error("its index is damaged: {0}")]
    Index(&'static str),
    /// A path is refused.
    #[error("it can't be used: {0}")]
    Path(#[from] InvalidPath),
    /// A path leads where a repository has nothing.
    #[error("it can't be used: \u{ab}{0}\u{bb} is no path of a repository")]
    Foreign(RelPath),
    /// Two entries are not in order, or are the same.
    #[error("it can't be used: \u{ab}{0}\u{bb} is listed twice or out of order")]
    Order(RelPath),
}

impl BundleHead {
    /// Reads the head. Nothing of the index is needed for that, so that its length is known to be sensible
    /// before it is read.
    ///
    /// # Errors
    /// If it is not the head of a bundle.
    pub fn parse(head: &[u8; BUNDLE_HEAD]) -> Result<Self, BundleError> {
        let mut take = Taker(head);
        if take.array::<8>()? != MAGIC {
            return Err(BundleError::NotABundle);
        }
        let format = u32::from_le_bytes(take.array()?);
        if format != FORMAT {
            return Err(BundleError::Newer(format));
        }
        let count = u32::from_le_bytes(take.array()?);
        let (index, whole) = (take.number()?, take.number()?);
        let (sha256, mut bytes) = (Digest::from_bytes(take.array()?), [0; 32]);
        bytes.copy_from_slice(&head[..32]);
        if index > MAX_BUNDLE_INDEX {
            return Err(BundleError::IndexTooLong(index));
        }
        if u64::from(count) * (FIXED as u64 + 1) > index {
            return Err(BundleError::Index("it has no room for its entries"));
        }
        if whole < BUNDLE_HEAD as u64 + index {
            return Err(BundleError::Index("it ends after the bundle"));
        }
        Ok(Self { count, index, whole, sha256, bytes })
    }

    /// Checks the length of the file the head was read from.
    ///
    /// # Errors
    /// If the file is shorter or longer than the head says.
    pub fn check_length(&self, has: u64) -> Result<(), BundleError> {
        let whole = self.whole;
        match has {
            _ if has < whole => Err(BundleError::CutOff { has, whole }),
            _ if has > whole => Err(BundleError::TooLong { has, whole }),
            _ => Ok(()),
        }
    }

    /// Bytes of the index.
    #[must_use]
    pub fn index_length(&self) -> u64 {
        self.index
    }

    /// Reads the index, which lies right after the head.
    ///
    /// # Errors
    /// If it is not the one the head tells of, or not in order.
    pub fn index(&self, bytes: &[u8]) -> Result<BundleIndex, BundleError> {
        if bytes.len() as u64 != self.index || checksum(&self.bytes, bytes) != self.sha256 {
            return Err(BundleError::Checksum);
        }
        let mut take = Taker(bytes);
        let mut entries = Vec::with_capacity(self.count as usize);
        for _ in 0..self.count {
            let length = u16::from_le_bytes(take.array()?);
            let path = std::str::from_utf8(take.bytes(length.into())?)
                .map_err(|_why| BundleError::Index("a path is not UTF-8"))?;
            let (path, length) = (path.parse()?, take.number()?);
            entries.push(BundleEntry { path, length, sha256: Digest::from_bytes(take.array()?) });
        }
        if !take.0.is_empty() {
            return Err(BundleError::Index("it is longer than its entries"));
        }
        let index = BundleIndex::new(entries)?;
        if index.whole() != self.whole {
            return Err(BundleError::Index("its entries do not fill the bundle"));
        }
        Ok(index)
    }
}

impl BundleIndex {
    /// The index of a bundle with these entries, which are sorted by path.
    ///
    /// # Errors
    /// If they are not sorted, one is there twice or no path of a repository, or they are too many.
    pub fn new(entries: Vec<BundleEntry>) -> Result<Self, BundleError> {
        let mut index = BUNDLE_HEAD as u64;
        for (at, entry) in entries.iter().enumerate() {
            let folder = entry.path.parts().next().unwrap_or_default();
            if entry.path.parent().is_none() || !FOLDERS.contains(&folder) {
                return Err(BundleError::Foreign(entry.path.clone()));
            }
            if at > 0 && entries[at - 1].path >= entry.path {
                return Err(BundleError::Order(entry.path.clone()));
            }
            index += (FIXED + entry.path.as_str().len()) as u64;
        }
        if index - BUNDLE_HEAD as u64 > MAX_BUNDLE_INDEX {
            return Err(BundleError::IndexTooLong(index - BUNDLE_HEAD as u64));
        }
        let mut offsets = Vec::with_capacity(entries.len() + 1);
        let mut offset = index;
        for entry in &entries {
            offsets.push(offset);
            offset =
                offset.checked_add(entry.length).ok_or(BundleError::Index("it tells of too many bytes"))?;
        }
        offsets.push(offset);
        Ok(Self { entries, offsets })
    }

    /// Head and index as they are written. What they tell of follows them, in the same order.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut index = Vec::new();
        for entry in &self.entries {
            let path = entry.path.as_str().as_bytes();
            // A path has at most 32,000 bytes.
            let length = u16::try_from(path.len()).unwrap_or(u16::MAX);
            index.extend_from_slice(&length.to_le_bytes());
            index.extend_from_slice(path);
            index.extend_from_slice(&entry.length.to_le_bytes());
            index.extend_from_slice(entry.sha256.as_bytes());
        }
        // An index of 64 MiB has fewer entries than this can count.
        let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&(index.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&self.whole().to_le_bytes());
        let sha256 = checksum(&bytes, &index);
        bytes.extend_from_slice(sha256.as_bytes());
        bytes.append(&mut index);
        bytes
    }

    /// Everything in the bundle, by path.
    #[must_use]
    pub fn entries(&self) -> &[BundleEntry] {
        &self.entries
    }

    /// Where the file at `path` lies.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<BundlePart> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        let entry = &self.entries[at];
        Some(BundlePart { offset: self.offsets[at], length: entry.length, sha256: entry.sha256 })
    }

    /// Bytes of the whole bundle.
    #[must_use]
    pub fn whole(&self) -> u64 {
        self.offsets.last().copied().unwrap_or_default()
    }
}

fn checksum(head: &[u8], index: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(head);
    hasher.update(index);
    hasher.finish()
}

/// Takes fields off the front of some bytes.
struct Taker<'a>(&'a [u8]);

impl<'a> Taker<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], BundleError> {
        let cut = self.0.split_at_checked(count).ok_or(BundleError::Index("it ends within an entry"))?;
        self.0 = cut.1;
        Ok(cut.0)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BundleError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    fn number(&mut self) -> Result<u64, BundleError> {
        Ok(u64::from_le_bytes(self.array()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(path: &str, length: u64) -> BundleEntry {
        BundleEntry { path: path.parse().unwrap(), length, sha256: Digest::of(path.as_bytes()) }
    }

    fn read(bytes: &[u8]) -> Result<BundleIndex, BundleError> {
        let head = BundleHead::parse(bytes[..BUNDLE_HEAD].try_into().unwrap())?;
        head.index(&bytes[BUNDLE_HEAD..])
    }

    /// Puts the right checksum under a head and index that were changed.
    fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
        let sha256 = checksum(&bytes[..32], &bytes[BUNDLE_HEAD..]);
        bytes[32..BUNDLE_HEAD].copy_from_slice(sha256.as_bytes());
        bytes
    }

    proptest! {
        #[test]
        fn an_index_reads_what_it_writes(
            names in proptest::collection::btree_map("(metadata|objects|targets)/[a-z0-9é]{1,20}", 0..u64::MAX / 64, 0..20)
        ) {
            let entries: Vec<_> = names.iter().map(|(name, length)| entry(name, *length)).collect();
            let index = BundleIndex::new(entries).unwrap();
            prop_assert_eq!(read(&index.to_bytes()).unwrap(), index.clone());
            let mut end = index.to_bytes().len() as u64;
            for entry in index.entries() {
                let part = index.find(entry.path.as_str()).unwrap();
                prop_assert_eq!((part.offset, part.length, part.sha256), (end, entry.length, entry.sha256));
                end += part.length;
            }
            prop_assert_eq!(index.whole(), end);
        }

        #[test]
        fn a_changed_byte_never_goes_unseen(at in any::<proptest::sample::Index>(), bit in 0_u8..8) {
            let index = BundleIndex::new(vec![entry("metadata/a", 3), entry("objects/b", 5)]).unwrap();
            let mut bytes = index.to_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), BUNDLE_HEAD..300)) {
            bytes[..8].copy_from_slice(&MAGIC);
            bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
            let length = (bytes.len() - BUNDLE_HEAD) as u64;
            let count = u32::from(bytes[12]) % 4;
            bytes[12..16].copy_from_slice(&count.to_le_bytes());
            bytes[16..24].copy_from_slice(&length.to_le_bytes());
            let bytes = sealed(bytes);
            if let Ok(index) = read(&bytes) {
                prop_assert_eq!(index.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_reason() {
        let good = BundleIndex::new(vec![entry("metadata/a", 3), entry("objects/b", 5)]).unwrap().to_bytes();
        let with = |place: usize, bytes: &[u8]| {
            let mut changed = good.clone();
            changed[place..place + bytes.len()].copy_from_slice(bytes);
            read(&sealed(changed)).unwrap_err().to_string()
        };
        let first = BUNDLE_HEAD + 2;
        let length = first + "metadata/a".len();
        for (place, bytes, why) in [
            (0, &b"PK\x03\x04"[..], "it is not a bundle"),
            (8, &2_u32.to_le_bytes(), "it has bundle format 2, this program knows format 1"),
            (12, &u32::MAX.to_le_bytes(), "its index is damaged: it has no room for its entries"),
            (12, &1_u32.to_le_bytes(), "its index is damaged: it is longer than its entries"),
            (
                16,
                &u64::MAX.to_le_bytes(),
                "its index has 18446744073709551615 bytes, more than any bundle needs",
            ),
            (24, &64_u64.to_le_bytes(), "its index is damaged: it ends after the bundle"),
            (24, &u64::MAX.to_le_bytes(), "its index is damaged: its entries do not fill the bundle"),
            (first - 2, &u16::MAX.to_le_bytes(), "its index is damaged: it ends within an entry"),
            (first, b"\xff", "its index is damaged: a path is not UTF-8"),
            (
                first,
                b"../../../x",
                "it can't be used: the path \u{ab}../../../x\u{bb} is refused: it has a part . or ..",
            ),
            (
                first,
                b"/etc/passw",
                "it can't be used: the path \u{ab}/etc/passw\u{bb} is refused: it is absolute or has an empty part",
            ),
            (first, b"keys/a.key", "it can't be used: \u{ab}keys/a.key\u{bb} is no path of a repository"),
            (first, b"project.js", "it can't be used: \u{ab}project.js\u{bb} is no path of a repository"),
            (first, b"targets/aa", "it can't be used: \u{ab}objects/b\u{bb} is listed twice or out of order"),
            (length, &u64::MAX.to_le_bytes(), "its index is damaged: it tells of too many bytes"),
        ] {
            assert_eq!(with(place, bytes), why);
        }
    }

    #[test]
    fn the_length_of_the_file_must_be_the_one_told() {
        let index = BundleIndex::new(vec![entry("objects/b", 5)]).unwrap();
        let head = BundleHead::parse(index.to_bytes()[..BUNDLE_HEAD].try_into().unwrap()).unwrap();
        let whole = index.whole();
        assert_eq!(head.check_length(whole), Ok(()));
        assert_eq!(head.check_length(whole - 1), Err(BundleError::CutOff { has: whole - 1, whole }));
        assert_eq!(head.check_length(whole + 1), Err(BundleError::TooLong { has: whole + 1, whole }));
    }
}
