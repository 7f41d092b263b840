//! Finds the deflated streams of zip and gzip files, by rules that every decoder follows.

use super::{MAX_ENTRIES, MAX_EXPANDED};

/// A deflated stream as its archive tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delta) struct Stream {
    /// Where it begins.
    pub(in crate::delta) at: usize,
    /// Its bytes.
    pub(in crate::delta) packed: usize,
    /// Bytes it unpacks to.
    pub(in crate::delta) raw: u64,
}

/// What an archive has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::delta) struct Found {
    /// Its streams, in the order of their places; none overlaps another.
    pub(in crate::delta) streams: Vec<Stream>,
    /// Where the central directory of a zip file begins, behind all streams.
    pub(in crate::delta) directory: Option<usize>,
}

/// Bytes of the record at the end of a zip file, without its comment.
const END: usize = 22;
/// Bytes of an entry in the central directory, without what follows its fields.
pub(super) const CENTRAL: usize = 46;
/// Bytes before an entry's name.
const LOCAL: usize = 30;

/// The streams of a zip or gzip file; nothing if it is neither, or beyond our limits.
pub(in crate::delta) fn find(bytes: &[u8]) -> Option<Found> {
    let found = gzip(bytes).or_else(|| zip(bytes))?;
    let packed: u64 = found.streams.iter().map(|stream| stream.packed as u64).sum();
    let raw = found.streams.iter().try_fold(0u64, |sum, stream| sum.checked_add(stream.raw))?;
    let whole = (bytes.len() as u64 - packed).checked_add(raw)?;
    (!found.streams.is_empty() && whole <= MAX_EXPANDED).then_some(found)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_le_bytes(two.try_into().ok()?)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

/// A gzip file of one member (RFC 1952).
fn gzip(bytes: &[u8]) -> Option<Found> {
    let [0x1f, 0x8b, 8, flags, ..] = *bytes else { return None };
    let mut at = 10usize;
    if flags & 4 != 0 {
        at = at + 2 + u16_at(bytes, at)?;
    }
    // A name and a comment, each with a zero byte at its end.
    for text in [8, 16] {
        if flags & text != 0 {
            at += bytes.get(at..)?.iter().position(|&byte| byte == 0)? + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    let packed = bytes.len().checked_sub(8)?.checked_sub(at)?;
    let raw = u64::from(u32_at(bytes, bytes.len() - 4)?);
    let streams = if packed > 0 { vec![Stream { at, packed, raw }] } else { Vec::new() };
    Some(Found { streams, directory: None })
}

/// A zip file of less than 4 GiB.
fn zip(bytes: &[u8]) -> Option<Found> {
    let last = bytes.len().checked_sub(END)?;
    let first = last.saturating_sub(1 << 16);
    let end = (first..=last).rev().find(|&at| bytes[at..].starts_with(b"PK\x05\x06"))?;
    let count = u16_at(bytes, end + 10)?;
    let directory = u32_at(bytes, end + 16)? as usize;
    let (mut at, mut told) = (directory, Vec::new());
    for _ in 0..count.min(MAX_ENTRIES) {
        if !bytes.get(at..)?.starts_with(b"PK\x01\x02") {
            return None;
        }
        let lengths = u16_at(bytes, at + 28)? + u16_at(bytes, at + 30)? + u16_at(bytes, at + 32)?;
        let place = u32_at(bytes, at + 42)? as usize;
        told.extend(stream(bytes, at, place).map(|stream| (place, stream)));
        at += CENTRAL + lengths;
    }
    told.sort_by_key(|&(place, _)| place);
    let (mut streams, mut free) = (Vec::with_capacity(told.len()), 0);
    for (place, stream) in told {
        if place >= free {
            free = stream.at + stream.packed;
            streams.push(stream);
        }
    }
    Some(Found { streams, directory: Some(directory).filter(|&at| at >= free) })
}

/// The stream of the entry that the directory has at `at`, whose own header lies at `place`.
fn stream(bytes: &[u8], at: usize, place: usize) -> Option<Stream> {
    let (flags, method) = (u16_at(bytes, at + 8)?, u16_at(bytes, at + 10)?);
    let (packed, raw) = (u32_at(bytes, at + 20)? as usize, u32_at(bytes, at + 24)?);
    let is_plain = method == 8 && flags & 1 == 0 && packed > 0;
    if !is_plain || !bytes.get(place..)?.starts_with(b"PK\x03\x04") {
        return None;
    }
    let begin = place + LOCAL + u16_at(bytes, place + 26)? + u16_at(bytes, place + 28)?;
    let fits = begin.checked_add(packed).is_some_and(|end| end <= bytes.len());
    fits.then_some(Stream { at: begin, packed, raw: u64::from(raw) })
}
