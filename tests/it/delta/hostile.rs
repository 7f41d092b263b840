//! Deltas that are damaged, cut off or made to harm: an error or wrong bytes, never a panic and never without end.

use updraft::delta::{ApplyError, Delta, DeltaError, Effort, apply};

use super::program::{Machine, Program, Random};
use super::{Collected, FORMS, Files, Memory, delta_of, one, round_trip};

/// Tries a delta that may be anything; bytes written beyond the limit end it as a full disk would.
pub(super) fn attempt(bytes: &[u8], old: &Files) -> Option<Result<(), ApplyError>> {
    let delta = Delta::parse(bytes).ok()?;
    let mut new = Collected { limit: Some(64 << 20), ..Collected::default() };
    if delta.old_count() > old.len() {
        return None;
    }
    Some(apply(&delta, &Memory(old), &mut new, &|| false))
}

fn pair() -> (Files, Files) {
    let mut random = Random(7);
    let before = Program::new(&mut random, 60);
    let after = before.edited(&mut random, 12);
    let with = |program: &Program, note: &str| {
        vec![
            (
                "notes".to_owned(),
                format!("these are the notes {note} of the release").repeat(20).into_bytes(),
            ),
            ("program".to_owned(), [program.elf(), vec![0; 140_000]].concat()),
            ("signed".to_owned(), program.clone().with_data(vec![7; 140_000]).macho(Machine::Arm, true)),
        ]
    };
    (with(&before, "one"), with(&after, "two"))
}

#[test]
fn a_delta_with_any_bit_turned_does_no_harm() {
    let (old, new) = pair();
    let (bytes, _) = delta_of(&old, &new, Effort::Fast, 1);
    let mut refused = 0;
    let step = (bytes.len() / 600).max(1);
    for at in (0..bytes.len()).step_by(step) {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1 << (at % 8);
        refused += u32::from(!matches!(attempt(&wrong, &old), Some(Ok(()))));
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn a_delta_cut_off_anywhere_is_refused() {
    let (old, new) = pair();
    let (bytes, _) = delta_of(&old, &new, Effort::Fast, 1);
    for length in (0..bytes.len()).step_by((bytes.len() / 250).max(1)) {
        assert!(!matches!(attempt(&bytes[..length], &old), Some(Ok(()))), "{length}");
    }
    let longer = [bytes, vec![0]].concat();
    assert!(attempt(&longer, &old).is_none());
}

#[test]
fn what_is_no_delta_is_said_to_be_none() {
    assert!(matches!(Delta::parse(b""), Err(DeltaError::NotADelta)));
    assert!(matches!(Delta::parse(b"PK\x03\x04 a zip file"), Err(DeltaError::NotADelta)));
    assert!(matches!(Delta::parse(b"\x89UDELTA\x02...."), Err(DeltaError::Newer(2))));
    let mut random = Random(11);
    for _ in 0..2000 {
        let count = random.below(200);
        let bytes = [b"\x89UDELTA\x01".to_vec(), random.bytes(count)].concat();
        assert!(Delta::parse(&bytes).is_err());
    }
}

/// Instructions of random numbers under a right head, for a program: the decoder of code meets anything.
#[test]
fn random_instructions_do_no_harm() {
    let mut random = Random(13);
    let program = Program::new(&mut random, 40);
    let sound: Vec<Files> = FORMS.iter().map(|link| one(link(&program))).collect();
    for round in 0..600u32 {
        let (code, size) = (u8::from(round % 2 == 1), 1 + random.below(100_000));
        let mut old = sound[round as usize / 2 % FORMS.len()].clone();
        if round % 3 == 0 {
            damage(&mut old[0].1, &mut random);
        }
        let apart = round % 4 < 2;
        let streams: [Vec<u8>; 12] = std::array::from_fn(|stream| {
            let most = match stream {
                10 | 11 if !apart => 1,
                8.. => 4000,
                _ => 400,
            };
            let length = random.below(most);
            // Mostly small numbers, so that instructions are often right for a while.
            (0..length).map(|_| (random.next() >> (random.below(3) * 29)) as u8 & 0x7f).collect()
        });
        let bytes = delta(code, old[0].1.len(), size, &streams);
        assert!(attempt(&bytes, &old).is_some(), "the head is right");
    }
}

/// A delta of one unit with these streams, whose old and new file have so many bytes.
pub(super) fn delta(kind: u8, old: usize, new: usize, streams: &[Vec<u8>; 12]) -> Vec<u8> {
    let mut body = Vec::new();
    for stream in streams {
        number(stream.len() as u64, &mut body);
        if !stream.is_empty() {
            body.push(0);
            number(stream.len() as u64, &mut body);
        }
    }
    body.extend(streams.concat());
    let mut head = vec![0; 32];
    [1, 1, 1 << 2 | 2, 1, body.len() as u64, 1].iter().for_each(|&field| number(field, &mut head));
    head.push(kind);
    [1, 0, old as u64, 1, 0, new as u64].iter().for_each(|&field| number(field, &mut head));
    let mut bytes = b"\x89UDELTA\x01".to_vec();
    number(head.len() as u64, &mut bytes);
    number(head.len() as u64, &mut bytes);
    bytes.extend(head);
    bytes.extend(body);
    bytes
}

/// Turns some numbers of a program into others: the headers most of all.
fn damage(program: &mut [u8], random: &mut Random) {
    for _ in 0..1 + random.below(20) {
        let most = if random.below(2) == 0 { 0x600 } else { program.len() - 8 };
        let at = random.below(most);
        let told = [0, 1, 0xff, 0x7fff_fff8, u64::MAX, program.len() as u64, random.next()][random.below(7)];
        let count = [1, 2, 4, 8][random.below(4)];
        program[at..at + count].copy_from_slice(&told.to_le_bytes()[..count]);
    }
}

/// Deltas between damaged programs lead where they should.
#[test]
fn damaged_programs_round_trip() {
    let mut random = Random(17);
    let before = Program::new(&mut random, 40);
    let after = before.edited(&mut random, 5);
    for link in FORMS {
        for _ in 0..8 {
            let (mut old, mut new) = (link(&before), link(&after));
            damage(&mut old, &mut random);
            damage(&mut new, &mut random);
            round_trip(&one(old), &one(new), Effort::Fast);
        }
    }
}

pub(super) fn number(mut value: u64, out: &mut Vec<u8>) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}
