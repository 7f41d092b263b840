//! Mach-O has the hash of each of its pages: nobody can pack those, but whoever has the pages can compute them.

use updraft::delta::Effort;

use super::program::{Machine, Program, Random};
use super::{one, round_trip};

/// A program before and after a change that moves nearly everything, and its pages.
fn pair(machine: Machine) -> (Vec<u8>, Vec<u8>, usize) {
    let mut random = Random(21);
    let (data, more) = (random.bytes(2 << 20), random.bytes(24));
    let program = Program::new(&mut random, 100);
    // What comes before the large data pushes it on: no page is the same as before.
    let after = program.edited(&mut random, 3).with_data(more).with_data(data.clone());
    let before = program.with_data(data);
    let (old, new) = (before.macho(machine, true), after.macho(machine, true));
    let pages = new.len() >> 12;
    (old, new, pages)
}

#[test]
fn hashes_of_pages_are_computed() {
    for machine in [Machine::Arm, Machine::X86] {
        let (old, new, pages) = pair(machine);
        let (bytes, _) = round_trip(&one(old), &one(new), Effort::Fast);
        assert!(bytes.len() < 8 * pages, "{} bytes for {pages} pages", bytes.len());
    }
}

#[test]
fn a_signature_with_a_wrong_hash_is_carried_as_it_is() {
    let (old, new, pages) = pair(Machine::Arm);
    for back in [1, 32 * (pages / 2)] {
        let mut wrong = new.clone();
        let at = wrong.len() - back;
        wrong[at] ^= 1;
        let (bytes, _) = round_trip(&one(old.clone()), &one(wrong), Effort::Fast);
        assert!(bytes.len() > 30 * pages, "{} bytes for {pages} pages", bytes.len());
    }
}

/// Signatures that are cut off, or say what can't be.
#[test]
fn damaged_signatures_round_trip() {
    let (old, new, pages) = pair(Machine::Arm);
    let start = new.len() - 32 * pages - 200;
    let mut random = Random(22);
    for _ in 0..12 {
        let mut wrong = new.clone();
        for _ in 0..3 {
            let at = start + random.below(220);
            wrong[at] = random.next() as u8;
        }
        wrong.truncate(wrong.len() - random.below(2) * random.below(9000));
        round_trip(&one(old.clone()), &one(wrong), Effort::Fast);
    }
}
