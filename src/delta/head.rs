//! The head of a delta: which old file each new file is or is made from, and where the data for it lies.

use std::ops::Range;

use crate::release::{Digest, Hasher};

use super::wire::{Numbers, Short};

/// The first bytes of a delta; the last is the format's version.
pub(super) const MAGIC: [u8; 8] = *b"\x89UDELTA\x01";
/// Most bytes of a head, unpacked.
pub(super) const MAX_HEAD: u64 = 8 << 20;
/// Most files on either side.
pub(super) const MAX_FILES: u64 = 1_000_000;
/// Most bytes of one file.
pub(super) const MAX_FILE: u64 = 1 << 40;
/// Most old files one unit may be made from.
pub(super) const MAX_BASES: u64 = 100_000;
/// Bytes of a list's fingerprint in the head.
pub(super) const FINGERPRINT: usize = 16;

/// Why a delta's head is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeltaError {
    /// It does not begin like a delta.
    #[error("this is not a delta")]
    NotADelta,
    /// It is of a format this program does not know.
    #[error("the delta has format {0}, which this version does not read: update the updater first")]
    Newer(u8),
    /// It is cut off or damaged.
    #[error("the delta is damaged: {0}")]
    Damaged(&'static str),
}

/// How one new file comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It has the content of the old file of this index: kept where it is, moved or copied.
    Old(u32),
    /// It has the content of the new file of this index, which lies before it.
    Same(u32),
    /// It is made by this group, from `bases` of its unit; without bases it comes whole.
    Made {
        /// The group.
        group: u32,
        /// The unit in the group.
        unit: u32,
    },
}

/// Files that are made in one stretch from the same old files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Whether addresses in the code are predicted.
    pub code: bool,
    /// Whether its one old and its one new file are archives whose streams are unpacked.
    pub archive: bool,
    /// The old files, taken one after the other as one sequence of bytes: index and size in bytes.
    pub bases: Vec<(u32, u64)>,
    /// The new files, likewise.
    pub news: Vec<(u32, u64)>,
}

impl Unit {
    /// Bytes of all old files.
    #[must_use]
    pub fn old_bytes(&self) -> u64 {
        self.bases.iter().map(|base| base.1).sum()
    }

    /// Bytes of all new files.
    #[must_use]
    pub fn new_bytes(&self) -> u64 {
        self.news.iter().map(|new| new.1).sum()
    }
}

/// Units that share their streams; the smallest part of a delta that can be applied by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The units, in the order of their bytes in the streams.
    pub units: Vec<Unit>,
    /// Where its streams lie in the delta.
    pub body: Range<usize>,
}

/// A delta, read as far as its head.
#[derive(Debug)]
pub struct Delta<'a> {
    pub(super) bytes: &'a [u8],
    from: [u8; FINGERPRINT],
    to: [u8; FINGERPRINT],
    old_count: u32,
    actions: Vec<Action>,
    groups: Vec<Group>,
}

/// Computes what tells one list of files from another: give it path, size and digest of each, in order.
///
/// Links and folders are left out; the order is that of the manifest, which sorts by path.
#[derive(Clone, Default)]
pub struct FileList(Hasher);

impl FileList {
    /// A list of no files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next file.
    pub fn add(&mut self, path: &str, size: u64, digest: &Digest) {
        self.0.update(path.as_bytes());
        self.0.update(&[0]);
        self.0.update(&size.to_le_bytes());
        self.0.update(digest.as_bytes());
    }

    pub(super) fn fingerprint(self) -> [u8; FINGERPRINT] {
        let mut short = [0; FINGERPRINT];
        short.copy_from_slice(&self.0.finish().as_bytes()[..FINGERPRINT]);
        short
    }
}

impl From<Short> for DeltaError {
    fn from(_: Short) -> Self {
        Self::Damaged("its head is wrong or cut off")
    }
}

impl<'a> Delta<'a> {
    /// Reads the head of a delta; `bytes` is all of it, best a mapped file.
    ///
    /// # Errors
    /// If it is no delta, of a newer format, or damaged. Memory and time are bounded by the limits of the format.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DeltaError> {
        let magic = bytes.get(..8).ok_or(DeltaError::NotADelta)?;
        if magic[..7] != MAGIC[..7] {
            return Err(DeltaError::NotADelta);
        }
        if magic[7] != MAGIC[7] {
            return Err(DeltaError::Newer(magic[7]));
        }
        let mut outer = Numbers::new(&bytes[8..]);
        let (raw, packed) = (outer.count(MAX_HEAD)?, outer.count(MAX_HEAD)?);
        let stored = outer.take(packed)?;
        let head = unpack_head(stored, raw)?;
        let mut read = Numbers::new(&head);
        let mut delta = Self::empty(bytes);
        delta.from.copy_from_slice(read.take(FINGERPRINT)?);
        delta.to.copy_from_slice(read.take(FINGERPRINT)?);
        delta.old_count = read.count(MAX_FILES)? as u32;
        let new_count = read.count(MAX_FILES)?;
        delta.read_actions(&mut read, new_count)?;
        delta.read_groups(&mut read, 8 + outer.at())?;
        if !read.is_empty() {
            return Err(DeltaError::Damaged("something follows its head"));
        }
        delta.settle()?;
        Ok(delta)
    }

    fn empty(bytes: &'a [u8]) -> Self {
        let (from, to) = ([0; FINGERPRINT], [0; FINGERPRINT]);
        Self { bytes, from, to, old_count: 0, actions: Vec::new(), groups: Vec::new() }
    }

    /// Runs of actions: made ones wait for the groups to claim them.
    fn read_actions(&mut self, read: &mut Numbers<'_>, new_count: usize) -> Result<(), DeltaError> {
        let mut expected = 0i64;
        while self.actions.len() < new_count {
            let told = read.u64()?;
            let (kind, run) = (told & 3, told >> 2);
            if run == 0 || run > (new_count - self.actions.len()) as u64 {
                return Err(Short.into());
            }
            match kind {
                0 => {
                    let start = expected.checked_add(read.i64()?).ok_or(Short)?;
                    let end = start.checked_add(run.cast_signed()).ok_or(Short)?;
                    if start < 0 || end > i64::from(self.old_count) {
                        return Err(DeltaError::Damaged("it names an old file that is not there"));
                    }
                    self.actions.extend((start..end).map(|old| Action::Old(old as u32)));
                    expected = end;
                }
                1 => {
                    for _ in 0..run {
                        let before = self.actions.len();
                        let back = read.count(before as u64)?;
                        let target = before.checked_sub(back).filter(|_| back > 0).ok_or(Short)?;
                        self.actions.push(Action::Same(target as u32));
                    }
                }
                2 => {
                    let waiting = Action::Made { group: u32::MAX, unit: u32::MAX };
                    self.actions.extend(std::iter::repeat_n(waiting, run as usize));
                    expected = expected.saturating_add(run.cast_signed());
                }
                _ => return Err(Short.into()),
            }
        }
        Ok(())
    }

    fn read_groups(&mut self, read: &mut Numbers<'_>, mut at: usize) -> Result<(), DeltaError> {
        for _ in 0..read.count(MAX_FILES)? {
            let length = read.count(u64::MAX)?;
            let end = at.checked_add(length).filter(|&end| end <= self.bytes.len()).ok_or(Short)?;
            let units = read.count(MAX_FILES)?;
            let mut group = Group { units: Vec::new(), body: at..end };
            for _ in 0..units {
                group.units.push(read_unit(read, self.old_count, self.actions.len() as u64)?);
            }
            if group.units.len() > 1 && group.units.iter().any(|unit| unit.archive) {
                return Err(DeltaError::Damaged("an archive is not alone in its group"));
            }
            self.groups.push(group);
            at = end;
        }
        if at == self.bytes.len() {
            Ok(())
        } else {
            Err(DeltaError::Damaged("its length is not what its head says"))
        }
    }

    /// Gives every made file its unit: each must be claimed exactly once.
    fn settle(&mut self) -> Result<(), DeltaError> {
        for (group, made) in self.groups.iter().enumerate() {
            for (unit, made) in made.units.iter().enumerate() {
                for &(new, _) in &made.news {
                    match &mut self.actions[new as usize] {
                        Action::Made { group: g, unit: u } if *g == u32::MAX => {
                            (*g, *u) = (group as u32, unit as u32);
                        }
                        _ => return Err(DeltaError::Damaged("a new file is made twice")),
                    }
                }
            }
        }
        let open = |action: &Action| matches!(action, Action::Made { group: u32::MAX, .. });
        if self.actions.iter().any(open) {
            return Err(DeltaError::Damaged("a new file is made by nothing"));
        }
        Ok(())
    }

    /// How many files the old release must have.
    #[must_use]
    pub fn old_count(&self) -> usize {
        self.old_count as usize
    }

    /// What becomes of each new file, in the order of the new release's files.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// The groups, in the order in which they lie in the delta.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Whether it was made from these files.
    #[must_use]
    pub fn is_from(&self, old: FileList) -> bool {
        old.fingerprint() == self.from
    }

    /// Whether it leads to these files.
    #[must_use]
    pub fn is_to(&self, new: FileList) -> bool {
        new.fingerprint() == self.to
    }
}

fn unpack_head(stored: &[u8], raw: usize) -> Result<Vec<u8>, DeltaError> {
    if stored.len() == raw {
        return Ok(stored.to_vec());
    }
    let head = zstd::bulk::decompress(stored, raw).ok().filter(|head| head.len() == raw);
    head.ok_or(DeltaError::Damaged("its head can't be unpacked"))
}

fn read_unit(read: &mut Numbers<'_>, old_count: u32, new_count: u64) -> Result<Unit, DeltaError> {
    let flags = read.byte()?;
    if flags > 2 {
        return Err(Short.into());
    }
    let bases = read_files(read, MAX_BASES, u64::from(old_count))?;
    let news = read_files(read, MAX_FILES, new_count)?;
    if news.is_empty() {
        return Err(Short.into());
    }
    if flags == 2 && (bases.len(), news.len()) != (1, 1) {
        return Err(Short.into());
    }
    let unit = Unit { code: flags == 1, archive: flags == 2, bases, news };
    let whole = |files: &[(u32, u64)]| files.iter().try_fold(0u64, |sum, file| sum.checked_add(file.1));
    match (whole(&unit.bases), whole(&unit.news)) {
        (Some(old), Some(new)) if old <= MAX_FILE && new <= MAX_FILE => Ok(unit),
        _ => Err(DeltaError::Damaged("it names more bytes than a file may have")),
    }
}

/// Indices as differences to the one before, each with its size.
fn read_files(read: &mut Numbers<'_>, most: u64, among: u64) -> Result<Vec<(u32, u64)>, DeltaError> {
    let (mut files, mut next) = (Vec::new(), 0i64);
    for _ in 0..read.count(most)? {
        let index =
            next.checked_add(read.i64()?).filter(|&index| index >= 0 && index.cast_unsigned() < among);
        let index = index.ok_or(DeltaError::Damaged("it names a file that is not there"))?;
        let size = read.u64()?;
        if size > MAX_FILE {
            return Err(DeltaError::Damaged("it names more bytes than a file may have"));
        }
        files.push((index as u32, size));
        next = index + 1;
    }
    Ok(files)
}
