//! Whole trees: what moves costs nothing, what changes costs the change.

use proptest::prelude::*;
use updraft::delta::{Action, Delta, Effort, MakeOptions, apply, make};
use updraft::release::Digest;

use super::program::{Program, Random};
use super::{Collected, FORMS, Files, Memory, applied, delta_of, list, one, round_trip};

pub(super) fn text(random: &mut Random, lines: usize) -> Vec<u8> {
    let words = ["let", "function", "return", "value", "index", "(", ")", "=>", "window", "const", "module"];
    let mut out = Vec::new();
    for _ in 0..lines {
        for _ in 0..2 + random.below(9) {
            out.extend_from_slice(words[random.below(words.len())].as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(format!("{}\n", random.below(100_000)).as_bytes());
    }
    out
}

fn tree(random: &mut Random) -> Files {
    let mut files = Files::new();
    for number in 0..2 + random.below(14) {
        let bytes = match random.below(6) {
            0 => Vec::new(),
            1 => {
                let count = random.below(300_000);
                random.bytes(count)
            }
            2 => {
                let functions = 2 + random.below(30);
                Program::new(random, functions).elf()
            }
            _ => {
                let lines = random.below(600);
                text(random, lines)
            }
        };
        files.push((format!("d{}/f{number}", random.below(3)), bytes));
    }
    files.sort();
    files
}

/// The tree after some files were edited, moved, copied, removed and added.
fn edited(old: &Files, random: &mut Random) -> Files {
    let mut new = Files::new();
    for (path, bytes) in old {
        let mut bytes = bytes.clone();
        match random.below(8) {
            0 => continue,
            1 => new.push((format!("moved/{path}"), bytes)),
            2 => {
                new.push((format!("copy/{path}"), bytes.clone()));
                new.push((path.clone(), bytes));
            }
            3 | 4 => {
                for _ in 0..1 + random.below(6) {
                    let at = random.below(bytes.len() + 1);
                    let end = (at + random.below(50)).min(bytes.len());
                    let count = random.below(50);
                    bytes.splice(at..end, random.bytes(count));
                }
                new.push((path.clone(), bytes));
            }
            _ => new.push((path.clone(), bytes)),
        }
    }
    for number in 0..random.below(3) {
        let lines = random.below(200);
        let bytes = text(random, lines);
        new.push((format!("new/f{number}"), bytes.clone()));
        new.push((format!("new/twin{number}"), bytes));
    }
    new.sort();
    new
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random edits of random trees come out byte for byte, and the result does not depend on threads (A12).
    #[test]
    fn random_edits_of_random_trees_round_trip(seed: u64) {
        let mut random = Random(seed);
        let old = tree(&mut random);
        let new = edited(&old, &mut random);
        let (bytes, _) = round_trip(&old, &new, Effort::Fast);
        prop_assert!(bytes == delta_of(&old, &new, Effort::Fast, 1).0);
        round_trip(&old, &new, Effort::Smallest);
        round_trip(&old, &Files::new(), Effort::Fast);
        round_trip(&Files::new(), &new, Effort::Fast);
    }
}

/// A37: a file that was moved, renamed or copied costs no content.
#[test]
fn what_moves_costs_nothing() {
    let mut random = Random(1);
    let old: Files = vec![("a/one".to_owned(), random.bytes(400_000)), ("b".to_owned(), random.bytes(9_000))];
    let new: Files = vec![
        ("a/two".to_owned(), old[0].1.clone()),
        ("b".to_owned(), old[1].1.clone()),
        ("c".to_owned(), old[1].1.clone()),
    ];
    let (bytes, made) = round_trip(&old, &new, Effort::Best);
    assert!(bytes.len() < 80, "{}", bytes.len());
    assert_eq!((made.same, made.patched, made.whole), (3, 0, 0));
    let delta = Delta::parse(&bytes).unwrap();
    assert_eq!(delta.actions(), [Action::Old(0), Action::Old(1), Action::Old(1)]);
}

/// A31: of a tree of 3,000 files with one small change, only the change crosses the wire.
#[test]
fn one_small_change_among_thousands_costs_little() {
    let mut random = Random(2);
    let mut old: Files = (0..3000).map(|number| (format!("lib/{number:04}"), random.bytes(1000))).collect();
    old.sort();
    let mut new = old.clone();
    new[1234].1[500] ^= 255;
    let (bytes, _) = round_trip(&old, &new, Effort::Best);
    assert!(bytes.len() < 150, "{}", bytes.len());
}

/// A bundle whose name holds its hash is made from the one before it, whatever it is called.
/// A list of digests that lies in the release costs little, as the manifest has them; without the manifest such a
/// delta is refused.
#[test]
fn digests_of_new_files_are_known() {
    let mut random = Random(23);
    let release = |version: usize, random: &mut Random| -> Files {
        let mut files: Files = (0..120)
            .map(|number| (format!("lib/m{number}.py"), text(random, 5 + number % 3)))
            .map(|(path, bytes)| (path, [format!("v = {version}\n").into_bytes(), bytes].concat()))
            .collect();
        let sums = |(path, bytes): &(String, Vec<u8>)| format!("{}  {path}\n", Digest::of(bytes));
        let list: String = files.iter().map(sums).collect();
        files.push(("sums".to_owned(), list.into_bytes()));
        files.sort();
        files
    };
    let (old, new) = (release(1, &mut Random(9)), release(2, &mut random));
    let options = MakeOptions { threads: 2, ..MakeOptions::default() };
    let [plain, known] = [false, true].map(|manifest| {
        let mut out = Vec::new();
        make(&list(&old), &list(&new), &MakeOptions { manifest, ..options }, &mut |_| {}, &mut out).unwrap();
        out
    });
    assert!(known.len() + 120 * 15 < plain.len(), "{} and {}", known.len(), plain.len());
    assert!(applied(&known, &old).is_err());
    let mut made = Collected {
        manifest: list(&new).iter().map(|file| (file.path.to_owned(), file.size, file.digest)).collect(),
        ..Collected::default()
    };
    apply(&Delta::parse(&known).unwrap(), &Memory(&old), &mut made, &|| false).unwrap();
    assert!(made.files.iter().all(|(index, bytes)| *bytes == new[*index].1));
    assert_eq!(made.files.len(), new.len());
}

#[test]
fn a_renamed_and_edited_bundle_finds_its_predecessor() {
    let mut random = Random(3);
    let (first, second) = (text(&mut random, 9000), text(&mut random, 9000));
    let mut changed = first.clone();
    changed.splice(2000..2010, *b"another word");
    let old = vec![("main.1f3a.js".to_owned(), first), ("vendor.77aa.js".to_owned(), second.clone())];
    let new = vec![("main.c0de.js".to_owned(), changed), ("vendor.77aa.js".to_owned(), second)];
    let (bytes, made) = round_trip(&old, &new, Effort::Best);
    assert!(bytes.len() < 300 && made.patched == 1, "{} {made:?}", bytes.len());
}

/// Edits of programs come out byte for byte, in every form and for every machine, and cost far less than where every address counts.
#[test]
fn edits_of_programs_round_trip_and_cost_what_was_edited() {
    for seed in 0..2 {
        let mut random = Random(seed);
        let before = Program::new(&mut random, 500);
        let after = before.edited(&mut random, 4);
        for link in FORMS {
            let (old, new) = (one(link(&before)), one(link(&after)));
            let (bytes, _) = round_trip(&old, &new, Effort::Fast);
            let delta = Delta::parse(&bytes).unwrap();
            assert!(delta.groups()[0].units[0].code);
            let (smallest, _) = round_trip(&old, &new, Effort::Smallest);
            assert!(smallest.len() <= bytes.len() + 64, "{} against {}", smallest.len(), bytes.len());
            // Cut off at the front, the same bytes are no program.
            let (old, new) = (one(old[0].1[1..].to_vec()), one(new[0].1[1..].to_vec()));
            let (plain, _) = round_trip(&old, &new, Effort::Fast);
            assert!(!Delta::parse(&plain).unwrap().groups()[0].units[0].code);
            assert!(bytes.len() * 4 < plain.len(), "{} against {}", bytes.len(), plain.len());
        }
    }
}

/// Where frames of functions grow, every instruction that names a variable changes: each function costs a few bytes, not each
/// instruction, where functions are told from each other.
#[test]
fn variables_that_move_in_their_frames_cost_once_a_function() {
    let mut random = Random(3);
    let before = Program::new(&mut random, 80).with_variables(&mut random, 60);
    let after = before.clone().with_larger_frames(2);
    for link in FORMS {
        let (old, new) = (one(link(&before)), one(link(&after)));
        let changed = old[0].1.iter().zip(&new[0].1).filter(|(old, new)| old != new).count();
        assert!(changed > 2000, "{changed}");
        let (bytes, _) = round_trip(&old, &new, Effort::Best);
        assert!(bytes.len() * 5 < changed, "{} bytes for {changed}", bytes.len());
    }
}
