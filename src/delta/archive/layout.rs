//! Where the new archive has its streams, told by what the old one has.

use super::{Entry, MAX_ENTRIES, MAX_EXPANDED};
use crate::delta::wire::{Numbers, Short};
#[cfg(feature = "vendor")]
use crate::delta::wire::{put, put_signed};

/// A stream that is packed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delta) struct Packed {
    pub(in crate::delta) entry: Entry,
    /// The level zlib packs it with.
    pub(in crate::delta) level: u8,
}

/// Where the new archive has its streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::delta) struct Layout {
    pub(in crate::delta) streams: Vec<Packed>,
    /// Bytes behind the last one.
    pub(in crate::delta) tail: u64,
    /// Where in them the central directory begins, if its places were turned.
    pub(in crate::delta) directory: Option<u64>,
}

impl Layout {
    /// Bytes of the archive, unpacked.
    pub(in crate::delta) fn expanded(&self) -> u64 {
        self.streams.iter().map(|stream| stream.entry.gap + stream.entry.raw).sum::<u64>() + self.tail
    }

    /// Reads it; `old` is what the old archive has.
    pub(super) fn read(read: &mut Numbers<'_>, old: &[Entry]) -> Result<Self, Short> {
        let mut streams = Vec::new();
        entries(read, old, &mut streams)?;
        let mut at = 0;
        while at < streams.len() {
            let told = read.u64()?;
            let (level, run) = ((told & 15) as u8, usize::try_from(told >> 4).map_err(|_long| Short)?);
            let run = at.checked_add(run).and_then(|end| streams.get_mut(at..end)).ok_or(Short)?;
            if run.is_empty() || !(1..=9).contains(&level) {
                return Err(Short);
            }
            at += run.len();
            run.iter_mut().for_each(|stream| stream.level = level);
        }
        let tail = read.count(MAX_EXPANDED)? as u64;
        let directory = read.count(tail + 1)?.checked_sub(1).map(|at| at as u64);
        let layout = Self { streams, tail, directory };
        if layout.expanded() > MAX_EXPANDED { Err(Short) } else { Ok(layout) }
    }
}

/// Runs of streams as the old archive has them, and of others, told by how they differ from those.
fn entries(read: &mut Numbers<'_>, old: &[Entry], streams: &mut Vec<Packed>) -> Result<(), Short> {
    let mut expected = 0i64;
    loop {
        let told = read.u64()?;
        let run = told >> 1;
        if told == 0 {
            return Ok(());
        }
        if run == 0 || run > (MAX_ENTRIES - streams.len()) as u64 {
            return Err(Short);
        }
        if told & 1 == 0 {
            let start = expected.checked_add(read.i64()?).ok_or(Short)?;
            let start = usize::try_from(start).map_err(|_before| Short)?;
            let same = start.checked_add(run as usize).and_then(|end| old.get(start..end)).ok_or(Short)?;
            streams.extend(same.iter().map(|&entry| Packed { entry, level: 0 }));
            expected = (start + same.len()) as i64;
            continue;
        }
        for _ in 0..run {
            let like = like(old, expected);
            let gap = like.gap.checked_add_signed(read.i64()?).filter(|&gap| gap <= MAX_EXPANDED);
            let raw = like.raw.checked_add_signed(read.i64()?).filter(|&raw| raw <= MAX_EXPANDED);
            let (Some(gap), Some(raw)) = (gap, raw) else { return Err(Short) };
            streams.push(Packed { entry: Entry { gap, raw }, level: 0 });
            expected += 1;
        }
    }
}

fn like(old: &[Entry], at: i64) -> Entry {
    let found = usize::try_from(at).ok().and_then(|at| old.get(at));
    found.copied().unwrap_or(Entry { gap: 0, raw: 0 })
}

/// Streams that agree before one goes on elsewhere in the old archive.
#[cfg(feature = "vendor")]
const AGREE: usize = 3;
/// How far away that is looked for.
#[cfg(feature = "vendor")]
const FAR: usize = 512;

#[cfg(feature = "vendor")]
impl Layout {
    /// Writes it; `old` is what the old archive has.
    pub(in crate::delta) fn write(&self, old: &[Entry], out: &mut Vec<u8>) {
        let new: Vec<Entry> = self.streams.iter().map(|stream| stream.entry).collect();
        let (mut at, mut expected) = (0, 0);
        while at < new.len() {
            if let Some(start) = place(&new[at..], old, expected) {
                let run = agreeing(&new[at..], &old[start..]);
                put((run as u64) << 1, out);
                put_signed(start as i64 - expected as i64, out);
                (at, expected) = (at + run, start + run);
                continue;
            }
            let mut run = 1;
            while at + run < new.len() && place(&new[at + run..], old, expected + run).is_none() {
                run += 1;
            }
            put((run as u64) << 1 | 1, out);
            for entry in &new[at..at + run] {
                let like = like(old, expected as i64);
                put_signed(entry.gap.wrapping_sub(like.gap).cast_signed(), out);
                put_signed(entry.raw.wrapping_sub(like.raw).cast_signed(), out);
                expected += 1;
            }
            at += run;
        }
        put(0, out);
        for run in self.streams.chunk_by(|left, right| left.level == right.level) {
            put((run.len() as u64) << 4 | u64::from(run[0].level), out);
        }
        put(self.tail, out);
        put(self.directory.map_or(0, |at| at + 1), out);
    }
}

/// Where the old archive has what comes next: where it is expected, or near there.
#[cfg(feature = "vendor")]
fn place(new: &[Entry], old: &[Entry], expected: usize) -> Option<usize> {
    let first = new.first()?;
    if old.get(expected) == Some(first) {
        return Some(expected);
    }
    let agrees = |&at: &usize| {
        let same = |more: usize| new.get(more).is_some_and(|entry| old.get(at + more) == Some(entry));
        (0..AGREE).all(same)
    };
    let around = (1..FAR).flat_map(|far| [Some(expected + far), expected.checked_sub(far)]);
    around.flatten().filter(|&at| at < old.len()).find(agrees)
}

#[cfg(feature = "vendor")]
fn agreeing(new: &[Entry], old: &[Entry]) -> usize {
    new.iter().zip(old).take_while(|(new, old)| new == old).count()
}
