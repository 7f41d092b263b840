//! Archives from the inside: what changes in them costs the change, whatever they are; nothing in them does harm.

use std::fs::File;
use std::io;

use proptest::prelude::*;
use updraft::delta::{ApplyError, Delta, Effort, OldBytes, OldFiles, apply};

use super::super::support::zipped::{Entry, How, deflated, gzip, zip};
use super::program::Random;
use super::trees::text;
use super::{Collected, Files, Memory, delta_of, hostile, round_trip};

fn entries(random: &mut Random, count: usize, how: impl Fn(usize) -> How) -> Vec<Entry> {
    let entry = |number: usize, random: &mut Random| {
        let lines = random.below(60);
        Entry {
            name: format!("com/example/Part{number}.class"),
            bytes: text(random, lines),
            how: how(number),
        }
    };
    (0..count).map(|number| entry(number, random)).collect()
}

fn named(name: &str, bytes: Vec<u8>) -> Files {
    vec![(name.to_owned(), bytes)]
}

fn is_archive(delta: &[u8]) -> bool {
    Delta::parse(delta).unwrap().groups()[0].units[0].archive
}

#[test]
fn an_edit_in_a_zip_file_costs_the_edit() {
    let mut random = Random(31);
    for level in [1, 6, 9] {
        let mut parts = entries(&mut random, 120, |_| How::Level(level));
        let old = named("lib/app.jar", zip(&parts, b""));
        // Packed bytes of these have nothing in common with what they were, and all after them move.
        for at in [3, 50, 51] {
            parts[at].bytes.splice(0..0, *b"something before all else\n");
        }
        let new = named("lib/app.jar", zip(&parts, b"made later"));
        let (bytes, _) = round_trip(&old, &new, Effort::Best);
        assert!(bytes.len() < 420 && is_archive(&bytes), "{} at {level}", bytes.len());
    }
}

#[test]
fn an_edit_in_a_gzip_file_costs_the_edit_under_another_name_too() {
    let mut random = Random(32);
    let before = text(&mut random, 6000);
    let mut after = before.clone();
    after.splice(10..10, *b"a word");
    let old = named("data/app-1.9.tar.gz", gzip(&before, 9));
    let new = named("data/app-1.10.tar.gz", gzip(&after, 9));
    let (bytes, _) = round_trip(&old, &new, Effort::Best);
    assert!(bytes.len() < 180 && is_archive(&bytes), "{}", bytes.len());
}

/// What zlib does not remake stays packed; if that is most of a file, it is as any other.
#[test]
fn streams_that_zlib_does_not_make_are_carried_packed() {
    let mut random = Random(33);
    let some = |number: usize| if number.is_multiple_of(5) { How::Foreign } else { How::Level(6) };
    for (how, inside) in [(&some as &dyn Fn(usize) -> How, true), (&|_| How::Foreign, false)] {
        let mut parts = entries(&mut random, 40, how);
        let old = named("a.zip", zip(&parts, b""));
        parts.iter_mut().step_by(4).for_each(|part| part.bytes.extend(b"and the end"));
        let (bytes, _) = round_trip(&old, &named("a.zip", zip(&parts, b"")), Effort::Fast);
        assert!(is_archive(&bytes) == inside, "{inside}");
    }
}

/// Another packer's files come out to the byte, seen from the inside or not.
#[test]
fn zip_files_by_another_packer_round_trip() {
    use std::io::Write as _;
    let mut random = Random(34);
    let made = |texts: &[Vec<u8>]| {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (number, text) in texts.iter().enumerate() {
            writer.start_file(format!("f{number}"), zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    let mut texts: Vec<Vec<u8>> = (0..12).map(|_| text(&mut random, 200)).collect();
    let old = named("a.zip", made(&texts));
    texts[5].splice(7..7, *b"more");
    let new = named("a.zip", made(&texts));
    round_trip(&old, &new, Effort::Best);
    // From its like by zlib and to it.
    let part = |(number, text): (usize, &Vec<u8>)| Entry {
        name: format!("f{number}"),
        bytes: text.clone(),
        how: How::Level(6),
    };
    let ours = named("a.zip", zip(&texts.iter().enumerate().map(part).collect::<Vec<_>>(), b""));
    round_trip(&old, &ours, Effort::Fast);
    round_trip(&ours, &new, Effort::Fast);
}

fn any_how(random: &mut Random) -> How {
    match random.below(8) {
        0 => How::Stored,
        1 => How::Foreign,
        2 => How::Level(1 + random.below(9) as u8),
        _ => How::Level(6),
    }
}

fn edit(parts: &mut Vec<Entry>, random: &mut Random) {
    for _ in 0..1 + random.below(6) {
        let at = random.below(parts.len());
        match random.below(6) {
            0 => parts.truncate(at.max(1)),
            1 => parts
                .insert(at, Entry { name: format!("new{at}"), bytes: text(random, 9), how: any_how(random) }),
            2 => parts[at].how = any_how(random),
            3 => parts[at].bytes.clear(),
            4 => parts.swap(at, 0),
            _ => {
                let place = random.below(parts[at].bytes.len() + 1);
                parts[at].bytes.splice(place..place, *b"an edit");
            }
        }
    }
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..random.below(4) {
        // The directory at the end most of all.
        let back = if random.below(2) == 0 { bytes.len() } else { bytes.len().min(900) };
        let at = bytes.len() - 1 - random.below(back);
        bytes[at] = [0, 255, random.next() as u8, bytes[at] ^ 1][random.below(4)];
    }
    if random.below(6) == 0 {
        bytes.truncate(bytes.len() - random.below(60));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_edits_of_random_archives_round_trip(seed: u64) {
        let mut random = Random(seed);
        let count = 1 + random.below(40);
        let mut parts = entries(&mut random, count, |_| How::Level(6));
        for part in &mut parts {
            part.how = any_how(&mut random);
        }
        let mut old = zip(&parts, b"");
        edit(&mut parts, &mut random);
        let mut new = zip(&parts, &b"a comment"[..random.below(10)]);
        let (bytes, _) = round_trip(&named("a.zip", old.clone()), &named("a.zip", new.clone()), Effort::Fast);
        prop_assert!(bytes == delta_of(&named("a.zip", old.clone()), &named("a.zip", new.clone()), Effort::Fast, 1).0);
        damage(&mut old, &mut random);
        damage(&mut new, &mut random);
        round_trip(&named("a.zip", old.clone()), &named("a.zip", new.clone()), Effort::Fast);
        round_trip(&named("a.zip", new), &named("a.zip", gzip(&old, 6)), Effort::Fast);
    }
}

struct WithScratch<'a>(Memory<'a>);

impl OldFiles for WithScratch<'_> {
    fn open(&self, index: usize) -> io::Result<OldBytes> {
        self.0.open(index)
    }

    fn scratch(&self) -> io::Result<File> {
        tempfile::tempfile()
    }
}

/// What is too large for memory goes to a file; without one the delta can't be applied, and says so.
#[test]
fn a_large_archive_is_unpacked_into_a_file() {
    let mut random = Random(35);
    let mut inner = text(&mut random, 20_000).repeat(30);
    inner.resize(26 << 20, b'x');
    let old = named("a.gz", gzip(&inner, 1));
    inner.splice(1000..1000, *b"an edit");
    let new = named("a.gz", gzip(&inner, 1));
    let (bytes, _) = delta_of(&old, &new, Effort::Fast, 2);
    assert!(is_archive(&bytes) && bytes.len() < 400, "{}", bytes.len());
    let delta = Delta::parse(&bytes).unwrap();
    let mut made = Collected::default();
    apply(&delta, &WithScratch(Memory(&old)), &mut made, &|| false).unwrap();
    assert!(made.files[0].1 == new[0].1);
    let refused = apply(&delta, &Memory(&old), &mut Collected::default(), &|| false);
    assert!(matches!(refused, Err(ApplyError::Old { index: 0, .. })), "{refused:?}");
}

/// A delta whose archive is of `size` bytes, from streams as they are.
fn made_up(old: &[u8], size: usize, streams: &[Vec<u8>; 12]) -> Vec<u8> {
    hostile::delta(2, old.len(), size, streams)
}

/// Any layout, and any size that was announced: never more than that, never a panic.
#[test]
fn wrong_layouts_do_no_harm() {
    let mut random = Random(36);
    let parts = entries(&mut random, 6, |_| How::Level(6));
    let old = named("a.zip", zip(&parts, b""));
    let (gap, raw) = (30 + parts[0].name.len() as i64, parts[0].bytes.len() as i64);
    let mut right = 0;
    for round in 0..3000 {
        let length = random.below(40);
        // Mostly small numbers, so that they are often right for a while.
        let mut layout: Vec<u8> =
            (0..length).map(|_| (random.next() >> (random.below(3) * 29)) as u8 & 0x1f).collect();
        if round % 2 == 0 {
            // One stream of seven bytes behind two, level 6, four behind it.
            layout = vec![3];
            for told in [2 - gap, 7 - raw] {
                hostile::number(((told << 1) ^ (told >> 63)).cast_unsigned(), &mut layout);
            }
            layout.extend([0, 22, 4, random.below(8) as u8]);
        }
        let mut streams = [const { Vec::new() }; 12];
        let count = if round % 2 == 0 { 13 } else { random.below(100) as u8 };
        streams[0] = layout;
        streams[1] = vec![0];
        streams[2] = vec![count];
        streams[3] = vec![0];
        streams[9] = vec![b'a'; count.into()];
        let size = random.below(40);
        let bytes = made_up(&old[0].1, size, &streams);
        right += u32::from(matches!(hostile::attempt(&bytes, &old), Some(Ok(()))));
    }
    assert!(right > 10, "{right} of them");
}

/// An old stream that unpacks to more than is said stays packed, and takes no memory.
#[test]
fn a_bomb_stays_packed() {
    let mut random = Random(37);
    let bomb = deflated(&vec![0; 40 << 20], 9);
    let mut bytes = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
    bytes.extend(&bomb);
    bytes.extend([1, 2, 3, 4, 9, 0, 0, 0]);
    let old = named("a.gz", bytes);
    let new = named("a.gz", gzip(&text(&mut random, 3000), 6));
    let (delta, _) = round_trip(&old, &new, Effort::Fast);
    assert!(!is_archive(&delta));
    let forged = made_up(&old[0].1, 10, &std::array::from_fn(|_| Vec::new()));
    assert!(matches!(hostile::attempt(&forged, &old), Some(Err(ApplyError::Damaged(_)))));
}
