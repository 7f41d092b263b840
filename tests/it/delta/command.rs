//! Deltas made and applied by hand, by `updraft delta`.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use std::fs;
use std::path::Path;

use super::program::{Program, Random};
use super::trees::text;
use crate::support::world::{expect, updraft};

/// Writes a folder with a program and a text in it, both told by the seed.
fn lay(folder: &Path, seed: u64) {
    let mut random = Random(seed);
    fs::create_dir_all(folder.join("数据")).unwrap();
    fs::write(folder.join("program"), Program::new(&mut random, 12).elf()).unwrap();
    fs::write(folder.join("数据/text"), text(&mut random, 200)).unwrap();
    fs::write(folder.join("数据/same"), "the same in each").unwrap();
}

/// Runs `updraft delta` in a folder, with names in it.
fn delta(dir: &Path, command: &str, args: [&str; 3], code: i32) -> String {
    expect(updraft().current_dir(dir).arg("delta").arg(command).args(args), code)
}

#[test]
fn what_was_applied_by_hand_is_the_new_folder_and_wrong_input_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    lay(&at("old"), 3);
    lay(&at("new"), 4);
    delta(dir.path(), "make", ["old", "new", "delta"], 0);
    assert!(delta(dir.path(), "apply", ["old", "delta", "made"], 0).contains("each byte as it should be"));
    for path in ["program", "数据/text", "数据/same"] {
        assert_eq!(
            fs::read(at("made").join(path)).unwrap(),
            fs::read(at("new").join(path)).unwrap(),
            "{path}"
        );
    }
    assert!(delta(dir.path(), "apply", ["old", "delta", "made"], 50).contains("made"), "it is there already");

    // Each of these is another old folder: a file has other bytes, or as many others, or is missing.
    let wrong: [fn(&Path); 5] = [
        |folder| fs::write(folder.join("program"), "short").unwrap(),
        |folder| {
            let mut bytes = fs::read(folder.join("program")).unwrap();
            bytes.iter_mut().for_each(|byte| *byte ^= 1);
            fs::write(folder.join("program"), bytes).unwrap();
        },
        |folder| fs::write(folder.join("数据/same"), "as many in each!").unwrap(),
        |folder| fs::remove_file(folder.join("数据/text")).unwrap(),
        |folder| {
            fs::remove_dir_all(folder).unwrap();
            fs::create_dir(folder).unwrap();
        },
    ];
    for (number, spoil) in wrong.iter().enumerate() {
        let other = format!("other{number}");
        lay(&at(&other), 3);
        spoil(&at(&other));
        let said = delta(dir.path(), "apply", [&other, "delta", "never"], 40);
        assert!(said.contains("is not what the delta was made from"), "{number}: {said}");
    }

    let whole = fs::read(at("delta")).unwrap();
    for length in [0, 7, whole.len() / 2, whole.len() - 1] {
        fs::write(at("half"), &whole[..length]).unwrap();
        let said = delta(dir.path(), "apply", ["old", "half", "never"], 40);
        assert!(said.contains("half"), "it is named: {length}: {said}");
    }
    let left = fs::read_dir(dir.path()).unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| !name.contains("never")), "nothing is left of what failed");
}
