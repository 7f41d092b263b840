//! Layouts come back as they were told; where streams lie is found by the rules; zlib does not mind how its input comes.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::io;

use proptest::prelude::*;

use super::layout::{Layout, Packed};
use super::{Entry, MAX_EXPANDED, Packer, Stream, expand, find};
use crate::delta::wire::{Numbers, Short, put};

fn packed(raw: &[u8], level: u8, pieces: impl Fn(usize) -> usize) -> Vec<u8> {
    let (mut packer, mut out) = (Packer::new(), Vec::new());
    let mut put = |more: &[u8]| {
        out.extend_from_slice(more);
        Ok(())
    };
    packer.begin(level).unwrap();
    let mut at = 0;
    while at < raw.len() {
        let end = (at + pieces(at).max(1)).min(raw.len());
        packer.pack(&raw[at..end], &mut put).unwrap();
        at = end;
    }
    packer.pack(&[], &mut put).unwrap();
    out
}

fn no_scratch() -> io::Result<std::fs::File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Bytes that look like a text, with matches near and far and stretches that can't be packed.
fn some_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let mut out: Vec<u8> = Vec::new();
    while out.len() < length {
        match next() % 4 {
            0 => out.extend((0..next() % 400).map(|_| next() as u8)),
            1 => out.extend(std::iter::repeat_n(next() as u8, next() % 700)),
            _ if out.len() > 10 => {
                let from = next() % out.len();
                let count = (next() % 90).min(out.len() - from);
                out.extend_from_within(from..from + count);
            }
            _ => out.extend(b"the beginning"),
        }
    }
    out.truncate(length);
    out
}

fn layout(streams: Vec<(u64, u64, u8)>, tail: u64, directory: Option<u64>) -> Layout {
    let packed = |(gap, raw, level)| Packed { entry: Entry { gap, raw }, level };
    Layout { streams: streams.into_iter().map(packed).collect(), tail, directory }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn packed_bytes_do_not_depend_on_how_the_input_comes(seed: u64, length in 0..200_000usize, level in 1..=9u8) {
        let raw = some_bytes(seed, length);
        let whole = packed(&raw, level, |_| usize::MAX / 2);
        for pieces in [1000usize, 65_536, 7] {
            prop_assert!(packed(&raw, level, |at| (at % pieces) + 1) == whole);
        }
    }

    #[test]
    fn layouts_come_back(
        old in prop::collection::vec((0..4u64, 0..6u64), 0..60),
        new in prop::collection::vec((0..4u64, 0..6u64, 1..=9u8), 0..60),
        kept in 0..60usize,
        tail in 0..1000u64,
        directory in prop::option::of(0..1000u64),
    ) {
        let old: Vec<Entry> = old.into_iter().map(|(gap, raw)| Entry { gap, raw }).collect();
        let mut streams: Vec<_> = old.iter().skip(kept).map(|of| (of.gap, of.raw, 6)).collect();
        streams.splice(0..streams.len().min(kept / 20), new);
        let told = layout(streams, tail, directory.filter(|&at| at <= tail));
        let mut out = Vec::new();
        told.write(&old, &mut out);
        let mut read = Numbers::new(&out);
        prop_assert_eq!(Layout::read(&mut read, &old), Ok(told));
        prop_assert!(read.is_empty());
        for length in 0..out.len() {
            prop_assert_eq!(Layout::read(&mut Numbers::new(&out[..length]), &old), Err(Short));
        }
    }
}

#[test]
fn a_layout_beyond_the_limits_is_refused() {
    let told = |numbers: &[u64]| {
        let mut out = Vec::new();
        numbers.iter().for_each(|&number| put(number, &mut out));
        Layout::read(&mut Numbers::new(&out), &[Entry { gap: 1, raw: 2 }]).map(|layout| layout.expanded())
    };
    let signed = |number: u64| number << 1;
    assert_eq!(told(&[2, 0, 0, 22, 7, 0]), Ok(10));
    // An old stream that is not there, before and behind; none at all; too many.
    assert_eq!(told(&[2, 1, 0, 22, 7, 0]), Err(Short));
    assert_eq!(told(&[2, 2, 0, 22, 7, 0]), Err(Short));
    assert_eq!(told(&[1, 0, 22, 7, 0]), Err(Short));
    assert_eq!(told(&[65_536 << 1, 0, 0, 22, 7, 0]), Err(Short));
    // Levels that are none, for none, for more than there are.
    for level in [16, 26, 6, 38] {
        assert_eq!(told(&[2, 0, 0, level, 7, 0]), Err(Short), "{level}");
    }
    // A directory behind the end; more bytes than may be.
    assert_eq!(told(&[2, 0, 0, 22, 7, 9]), Err(Short));
    assert_eq!(told(&[3, signed(MAX_EXPANDED - 1), 0, 0, 22, 7, 0]), Err(Short));
    assert_eq!(told(&[3, signed(MAX_EXPANDED), 0, 0, 22, 7, 0]), Err(Short));
    assert_eq!(told(&[3, u64::MAX - 1, 0, 0, 22, 7, 0]), Err(Short));
}

#[test]
fn a_gzip_file_is_found_whatever_its_header_has() {
    let raw = b"some text, some text, some text";
    let stream = packed(raw, 6, |_| 100);
    for flags in 0..32u8 {
        let mut file = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
        let parts: [(u8, &[u8]); 4] = [(4, b"\x03\0abc"), (8, b"name\0"), (16, b"remark\0"), (2, b"cc")];
        parts.iter().filter(|part| flags & part.0 != 0).for_each(|part| file.extend_from_slice(part.1));
        let at = file.len();
        file.extend_from_slice(&stream);
        file.extend([9, 9, 9, 9, raw.len() as u8, 0, 0, 0]);
        let found = find(&file).unwrap();
        assert_eq!(found.streams, [Stream { at, packed: stream.len(), raw: raw.len() as u64 }]);
        let expanded = expand(&file, 1000, &no_scratch).unwrap().unwrap();
        assert_eq!(expanded.entries, [Entry { gap: at as u64, raw: raw.len() as u64 }]);
        assert_eq!(*expanded.bytes, [&file[..at], raw, &file[at + stream.len()..]].concat());
        // Cut off anywhere there is nothing, or nothing that can be unpacked.
        for length in 0..file.len() {
            assert!(expand(&file[..length], 1000, &no_scratch).ok().flatten().is_none(), "{length}");
        }
        // More or less than it says: not unpacked, and no more is taken than it says.
        for told in [raw.len() as u8 - 1, raw.len() as u8 + 1] {
            let place = file.len() - 4;
            file[place] = told;
            assert!(expand(&file, 1000, &no_scratch).unwrap().is_none());
        }
    }
}
