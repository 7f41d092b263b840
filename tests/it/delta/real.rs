//! Programs that are there: a library of this system, edited at random, comes out to the byte.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use std::path::PathBuf;

use proptest::prelude::*;
use updraft::delta::Effort;

use super::program::Random;
use super::{one, round_trip};

/// Sizes that are tried: the tests are built without optimization.
const SIZES: std::ops::Range<u64> = 20_000..400_000;

/// A library of this process (ELF), of Windows (PE), or a program of macOS (Mach-O).
fn real() -> Vec<u8> {
    let places: Vec<PathBuf> = if cfg!(windows) {
        let system = PathBuf::from(std::env::var_os("SystemRoot").unwrap()).join("System32");
        ["version.dll", "cabinet.dll", "ws2_32.dll", "advapi32.dll"].map(|name| system.join(name)).into()
    } else if cfg!(target_os = "macos") {
        ["/bin/ls", "/usr/lib/dyld"].map(PathBuf::from).into()
    } else {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines()
            .filter_map(|line| line.split_once(" /"))
            .map(|(_, path)| format!("/{path}").into())
            .collect()
    };
    let fits = |path: &PathBuf| path.metadata().is_ok_and(|found| SIZES.contains(&found.len()));
    let place = places.into_iter().find(fits).expect("some library of this system");
    std::fs::read(place).unwrap()
}

/// One edit: bytes are put in, taken out, written over, moved or turned into other numbers.
fn edit(bytes: &mut Vec<u8>, random: &mut Random) {
    let (at, count) = (random.below(bytes.len()), 1 + random.below(3000));
    let end = (at + count).min(bytes.len());
    match random.below(5) {
        0 => {
            let new = random.bytes(count);
            bytes.splice(at..at, new);
        }
        1 => {
            bytes.drain(at..end);
        }
        2 => {
            let new = random.bytes(end - at);
            bytes[at..end].copy_from_slice(&new);
        }
        3 => {
            let moved: Vec<u8> = bytes.drain(at..end).collect();
            let to = random.below(bytes.len());
            bytes.splice(to..to, moved);
        }
        _ => {
            for _ in 0..count.min(40) {
                let place = random.below(bytes.len() - 4);
                let value =
                    u32::from_le_bytes([bytes[place], bytes[place + 1], bytes[place + 2], bytes[place + 3]]);
                bytes[place..place + 4].copy_from_slice(&value.wrapping_add(0x40).to_le_bytes());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Either side may be the one whose headers were hit.
    #[test]
    fn random_edits_of_a_real_library_round_trip(seed: u64, edits in 0..25usize) {
        let mut random = Random(seed);
        let old = real();
        let mut new = old.clone();
        (0..edits).for_each(|_| edit(&mut new, &mut random));
        for effort in [Effort::Fast, Effort::Best, Effort::Smallest] {
            let (bytes, _) = round_trip(&one(old.clone()), &one(new.clone()), effort);
            prop_assert!(bytes.len() < 2000 + edits * 4500, "{} bytes for {edits} edits", bytes.len());
        }
        round_trip(&one(new), &one(old), Effort::Fast);
    }
}
