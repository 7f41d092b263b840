//! A swap that is killed, or whose disk fails, at every named place: the install is wholly old or wholly new.
//!
//! The killed program is the example `apply_driver`, a real process ended by a signal in the middle of its
//! work; what comes after is another process. `UPDRAFT_PAIRS=all` runs every pair of kills instead of a sample.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use updraft::install::Install;

use crate::install_tree::{self as it, Node, Tree, file, program, tree};

/// Pairs of places tried when not all are.
const SAMPLE: usize = 240;

/// An old and a new release, and an install that can be made anew.
pub(crate) struct Yard {
    dir: TempDir,
    is_without_links: bool,
}

/// What a run of the driver did.
pub(crate) struct Run {
    pub(crate) killed: bool,
    pub(crate) ok: bool,
    pub(crate) said: String,
}

impl Yard {
    pub(crate) fn new() -> Self {
        // Memory, where there is some: the order of steps is under test here, not the disk.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let yard = Self { dir: dir.unwrap(), is_without_links: false };
        it::write(&yard.at("one"), &old_release());
        it::write(&yard.at("two"), &new_release());
        it::write(yard.dir.path(), &tree(&[("stub", program("#!/bin/sh\necho stub\n"))]));
        yard
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.at("install")
    }

    pub(crate) fn install(&self) -> Install {
        it::install(&self.root())
    }

    /// Release 1 as it was installed, with files of the user and one that the user changed.
    pub(crate) fn fresh(&self) {
        fs::remove_dir_all(self.root()).ok();
        it::update(&self.root(), &self.at("one"), 1, &self.at("stub")).unwrap();
        fs::remove_file(self.root().join("lib/changed")).unwrap();
        it::write(&self.root(), &users_own());
    }

    fn driver(&self, args: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = Command::new(driver());
        command.args(args).envs(variables.iter().copied());
        if self.is_without_links {
            command.env("UPDRAFT_NO_LINKS", "1");
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Run {
            killed: output.status.code().is_none_or(|code| !(0..=1).contains(&code)),
            ok: output.status.success(),
            said,
        }
    }

    pub(crate) fn apply(&self, variables: &[(&str, &str)]) -> Run {
        self.apply_with(&self.at("stub"), variables)
    }

    fn apply_with(&self, stub: &Path, variables: &[(&str, &str)]) -> Run {
        let (root, two) = (self.root(), self.at("two"));
        let args = ["apply", text(&root), text(&two), "2", text(stub)];
        self.driver(&args, variables)
    }

    pub(crate) fn recover(&self, variables: &[(&str, &str)]) -> Run {
        self.driver(&["recover", text(&self.root())], variables)
    }

    pub(crate) fn rollback(&self, variables: &[(&str, &str)]) -> Run {
        self.driver(&["rollback", text(&self.root()), text(&self.at("stub"))], variables)
    }

    /// The places passed by a run.
    pub(crate) fn places(&self, run: impl FnOnce(&[(&str, &str)]) -> Run) -> Vec<String> {
        let list = self.at("list");
        fs::remove_file(&list).ok();
        let done = run(&[("UPDRAFT_CHECKPOINT_LIST", text(&list))]);
        assert!(done.ok, "{}", done.said);
        let names = fs::read_to_string(&list).unwrap_or_default();
        names.lines().map(str::to_owned).collect()
    }

    /// The install is one of the two, record and all, and no swap is open.
    pub(crate) fn check(&self, old: &Tree, new: &Tree, place: &str) -> u64 {
        let found = self.look();
        let number = self.install().read_record().unwrap().record.receipt.number.0;
        assert!(!self.install().is_swap_open(), "{place}: the swap is still open");
        assert!(found == *old || found == *new, "{place}: neither old nor new: {:#?}", names(&found));
        let by_tree = if found == *new { 2 } else { 1 };
        assert_eq!(number, by_tree, "{place}: the record does not say what is there");
        number
    }

    /// The install's files; the day in the name of a kept file is left out.
    fn look(&self) -> Tree {
        let found = it::read(&self.root());
        let dayless = |path: String| match path.split_once(".user-") {
            Some((name, _day)) => format!("{name}.user"),
            None => path,
        };
        found.into_iter().map(|(path, node)| (dayless(path), node)).collect()
    }

    pub(crate) fn old_and_new(&self) -> (Tree, Tree) {
        self.fresh();
        let old = self.look();
        let done = self.apply(&[]);
        assert!(done.ok, "{}", done.said);
        (old, self.look())
    }
}

fn names(tree: &Tree) -> Vec<(&String, String)> {
    let short = |node: &Node| match node {
        Node::File(bytes, mode) => {
            format!("{} {mode:o}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]))
        }
        Node::Link(target) => format!("-> {target}"),
        Node::Folder => "folder".to_owned(),
    };
    tree.iter().map(|(path, node)| (path, short(node))).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn driver() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let name = format!("apply_driver{}", std::env::consts::EXE_SUFFIX);
    let driver = deps.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(driver.exists(), "build it: cargo build --example apply_driver --features checkpoints");
    driver
}

fn old_release() -> Tree {
    let mut tree = tree(&[
        ("bin/app", program("#!/bin/sh\necho app 1 \"$@\"\n")),
        ("bin/kept", program("#!/bin/sh\necho kept\n")),
        ("bin/left", program("#!/bin/sh\necho left\n")),
        ("lib/changed", file("as released")),
        ("lib/one", file("one 1")),
        ("lib/two", file("two 1")),
        ("lib/same", file("same")),
        ("gone/deep/x", file("x")),
        ("place", file("a file")),
        ("room/inner", file("in a folder")),
    ]);
    if cfg!(unix) {
        tree.insert("current".to_owned(), Node::Link("lib/one".to_owned()));
    }
    tree
}

fn new_release() -> Tree {
    let mut tree = tree(&[
        ("bin/app", program("#!/bin/sh\necho app 2 \"$@\"\n")),
        ("bin/kept", program("#!/bin/sh\necho kept\n")),
        ("bin/added", program("#!/bin/sh\necho added\n")),
        ("lib/changed", file("released anew")),
        ("lib/one", file("one 2")),
        ("lib/two", program("two 1")),
        ("lib/same", file("same")),
        ("fresh/deep/y", file("y")),
        ("fresh/none", file("")),
        ("place/inner", file("now in a folder")),
        ("room", file("now a file")),
        ("things", Node::Folder),
    ]);
    if cfg!(unix) {
        tree.insert("current".to_owned(), Node::Link("lib/two".to_owned()));
    }
    tree
}

fn users_own() -> Tree {
    tree(&[("gone/mine", file("mine")), ("lib/changed", file("by the user")), ("notes.txt", file("notes"))])
}

fn kill_at(number: usize) -> String {
    format!("#{number}")
}

fn every_kill(yard: &Yard) -> BTreeSet<u64> {
    let (old, new) = yard.old_and_new();
    yard.fresh();
    let places = yard.places(|list| yard.apply(list));
    assert!(places.len() > 60, "{places:?}");
    let mut outcomes = BTreeSet::new();
    for (at, name) in places.iter().enumerate() {
        yard.fresh();
        let run = yard.apply(&[("UPDRAFT_CHECKPOINT", &kill_at(at + 1))]);
        let place = format!("killed at {} {name}", at + 1);
        assert!(run.killed, "{place}: {}", run.said);
        if yard.install().read_record().unwrap().record.receipt.number.0 == 2 {
            assert!(yard.look() == new, "{place}: the record ran ahead of the files");
        }
        let recovered = yard.recover(&[]);
        assert!(recovered.ok, "{place}: {}", recovered.said);
        outcomes.insert(yard.check(&old, &new, &place));
        let again = yard.apply(&[]);
        assert!(again.ok, "{place}, then again: {}", again.said);
        assert_eq!(yard.check(&old, &new, &place), 2);
    }
    outcomes
}

/// A71: killed at every place of a swap, then recovered by another process. A74: the record never names the
/// new release before every file of it is in place.
#[test]
fn a_kill_at_any_place_leaves_old_or_new() {
    assert_eq!(every_kill(&Yard::new()), BTreeSet::from([1, 2]));
}

/// A71, on a volume without hard links.
#[test]
fn a_kill_at_any_place_leaves_old_or_new_without_links() {
    assert_eq!(every_kill(&Yard { is_without_links: true, ..Yard::new() }), BTreeSet::from([1, 2]));
}

/// A71: killed, and the recovery killed at every place too, and faults in the recovery.
#[test]
fn a_kill_in_the_recovery_changes_nothing() {
    let yard = Yard::new();
    let (old, new) = yard.old_and_new();
    yard.fresh();
    let count = yard.places(|list| yard.apply(list)).len();
    let mut pairs = Vec::new();
    for first in 1..=count {
        yard.fresh();
        yard.apply(&[("UPDRAFT_CHECKPOINT", &kill_at(first))]);
        let seconds = yard.places(|list| yard.recover(list)).len();
        pairs.extend((1..=seconds).map(|second| (first, second)));
    }
    let is_all = std::env::var("UPDRAFT_PAIRS").is_ok_and(|pairs| pairs == "all");
    let stride = if is_all { 1 } else { (pairs.len() / SAMPLE).max(1) };
    for (at, (first, second)) in pairs.iter().copied().step_by(stride).enumerate() {
        let (kill, fault) = (kill_at(second), format!("#{second}+=ENOSPC"));
        let is_kill = at % 3 != 2;
        let both = [("UPDRAFT_CHECKPOINT", &kill), ("UPDRAFT_FAULT", &fault)];
        for (name, value) in both {
            if !is_all && is_kill != (name == "UPDRAFT_CHECKPOINT") {
                continue;
            }
            yard.fresh();
            yard.apply(&[("UPDRAFT_CHECKPOINT", &kill_at(first))]);
            let place = format!("killed at {first}, then {name} {value}, of {} pairs", pairs.len());
            let interrupted = yard.recover(&[(name, value)]);
            assert!(name == "UPDRAFT_FAULT" || interrupted.killed, "{place}: {}", interrupted.said);
            let recovered = yard.recover(&[]);
            assert!(recovered.ok, "{place}: {}", recovered.said);
            yard.check(&old, &new, &place);
        }
    }
    println!("{count} places, {} pairs, every {stride}. tried", pairs.len());
}

/// A73: EIO, ENOSPC and EACCES at every place: old or new at once, and the error names a file.
#[test]
fn a_fault_at_any_place_leaves_old_or_new() {
    let yard = Yard::new();
    let (old, new) = yard.old_and_new();
    yard.fresh();
    let places = yard.places(|list| yard.apply(list));
    for (at, name) in places.iter().enumerate() {
        for error in ["EIO", "ENOSPC", "EACCES"] {
            yard.fresh();
            let run = yard.apply(&[("UPDRAFT_FAULT", &format!("#{}={error}", at + 1))]);
            let place = format!("{error} at {} {name}", at + 1);
            assert!(!run.killed, "{place}");
            let number = yard.check(&old, &new, &place);
            assert_eq!(run.ok, number == 2, "{place}: {}", run.said);
            assert!(
                run.ok || run.said.contains(text(yard.dir.path())),
                "{place} names no file: {}",
                run.said
            );
            assert!(run.ok || run.said.contains("[disk."), "{place}: {}", run.said);
        }
    }
}

/// A73: a disk that stays full from some place on; once there is room again, the next start ends it.
#[test]
fn a_disk_that_stays_full_is_recovered_later() {
    let yard = Yard::new();
    let (old, new) = yard.old_and_new();
    yard.fresh();
    let count = yard.places(|list| yard.apply(list)).len();
    for at in 1..=count {
        yard.fresh();
        let run = yard.apply(&[("UPDRAFT_FAULT", &format!("#{at}+=ENOSPC"))]);
        let place = format!("full from {at}");
        assert!(!run.killed && !run.ok, "{place}: {}", run.said);
        let recovered = yard.recover(&[]);
        assert!(recovered.ok, "{place}: {}", recovered.said);
        yard.check(&old, &new, &place);
    }
}

/// A82: a rollback killed at every place is old or new as well.
#[test]
fn a_kill_in_a_rollback_leaves_old_or_new() {
    let yard = Yard::new();
    let (old, new) = yard.old_and_new();
    let places = yard.places(|list| yard.rollback(list));
    assert_eq!(yard.check(&old, &new, "rolled back"), 1);
    for (at, name) in places.iter().enumerate() {
        yard.fresh();
        assert!(yard.apply(&[]).ok);
        let run = yard.rollback(&[("UPDRAFT_CHECKPOINT", &kill_at(at + 1))]);
        let place = format!("rollback killed at {} {name}", at + 1);
        assert!(run.killed, "{place}: {}", run.said);
        let recovered = yard.recover(&[]);
        assert!(recovered.ok, "{place}: {}", recovered.said);
        yard.check(&old, &new, &place);
    }
}

/// A71: whoever starts the program, by any of its entries, starts recovery, and then the program.
#[cfg(unix)]
#[test]
fn starting_the_program_in_an_open_swap_recovers_it() {
    let yard = Yard::new();
    let (old, new) = yard.old_and_new();
    for entry in ["bin/app", "bin/kept"] {
        yard.fresh();
        let run = yard.apply_with(&driver(), &[("UPDRAFT_CHECKPOINT", "switch.file")]);
        assert!(run.killed, "{}", run.said);
        // Also where the whole install was moved meanwhile.
        let moved = yard.at("moved");
        fs::rename(yard.root(), &moved).unwrap();
        let output = Command::new(moved.join(entry)).arg("--flag").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let program = if entry == "bin/app" { "app 2 --flag" } else { "kept" };
        assert_eq!(said, format!("recovered forward; {program}"));
        fs::rename(&moved, yard.root()).unwrap();
        assert_eq!(yard.check(&old, &new, entry), 2);
    }
}

/// A79: the updater itself is part of the release; killed anywhere, it is whole, and it is switched last.
#[cfg(unix)]
#[test]
fn the_updater_replaces_itself() {
    let yard = Yard::new();
    let two = yard.at("two");
    fs::remove_file(two.join("lib/changed")).unwrap();
    it::write(&two, &tree(&[("updater/updater", program("updater 2")), ("lib/changed", file("2"))]));
    it::write(&yard.at("one"), &tree(&[("updater/updater", program("updater 1"))]));
    let updater = yard.root().join("updater/updater");
    yard.fresh();
    let old = yard.look();
    assert!(yard.apply_with(&updater, &[]).ok);
    let new = yard.look();
    assert_eq!(new["updater/updater"], program("updater 2"));
    yard.fresh();
    let places = yard.places(|list| yard.apply_with(&updater, list));
    for (at, name) in places.iter().enumerate() {
        yard.fresh();
        let run = yard.apply_with(&updater, &[("UPDRAFT_CHECKPOINT", &kill_at(at + 1))]);
        assert!(run.killed, "{}", run.said);
        let place = format!("killed at {} {name}", at + 1);
        let there = &it::read(&yard.root())["updater/updater"];
        assert!([&old["updater/updater"], &new["updater/updater"]].contains(&there), "{place}");
        let recovered = yard.recover(&[]);
        assert!(recovered.ok, "{place}: {}", recovered.said);
        yard.check(&old, &new, &place);
    }
}

/// What stands after a kill in the middle of the switch.
fn in_the_middle(yard: &Yard) -> PathBuf {
    yard.fresh();
    assert!(yard.apply(&[("UPDRAFT_CHECKPOINT", "switch.file")]).killed);
    yard.install().state_dir().join("txn")
}

#[test]
fn a_journal_that_is_damaged_foreign_or_newer_is_refused_and_kept() {
    let yard = Yard::new();
    let spoil = |change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let txn = in_the_middle(&yard);
        let bytes = change(fs::read(txn.join("journal")).unwrap());
        fs::write(txn.join("journal"), &bytes).unwrap();
        let before = it::read(&yard.root());
        let run = yard.recover(&[]);
        assert!(!run.ok && !run.killed, "{}", run.said);
        assert_eq!(fs::read(txn.join("journal")).unwrap(), bytes);
        assert_eq!(it::read(&yard.root()), before);
        run.said
    };
    let flip = |mut bytes: Vec<u8>| {
        let last = bytes.len() - 5;
        bytes[last] ^= 1;
        bytes
    };
    assert!(spoil(&flip).contains("damaged"));
    assert!(spoil(&|bytes| bytes[..bytes.len() / 2].to_vec()).contains("damaged"));
    assert!(spoil(&|_| b"something else".to_vec()).contains("not a journal"));
    assert!(spoil(&|_| b"{\"name\":\"updraft-journal\",\"format\":2}\n{}".to_vec()).contains("format 2"));
}

/// R8: a file that is neither old nor new stops everything, and nothing is lost.
#[test]
fn a_file_changed_by_somebody_else_stops_the_recovery() {
    let yard = Yard::new();
    let txn = in_the_middle(&yard);
    fs::remove_file(yard.root().join("lib/one")).unwrap();
    it::write(&yard.root(), &tree(&[("lib/one", file("by somebody else"))]));
    let before = it::read(&yard.root());
    let run = yard.recover(&[]);
    assert!(!run.ok && run.said.contains("lib/one") && run.said.contains("[state.journal]"), "{}", run.said);
    assert_eq!(it::read(&yard.root()), before);
    assert!(txn.join("journal").exists());
    let install = yard.install();
    let guard = install.lock("test").unwrap();
    let place = install.set_aside(&guard).unwrap().unwrap();
    assert!(place.join("journal").exists() && !install.is_swap_open());
}

/// R5: what was laid ready is lost or damaged, or going forward fails again and again: the old version.
#[test]
fn a_swap_that_cant_go_forward_goes_back() {
    let yard = Yard::new();
    let (old, new) = yard.old_and_new();
    for damage in [true, false] {
        let txn = in_the_middle(&yard);
        let staged = fs::read_dir(txn.join("new")).unwrap().map(|entry| entry.unwrap().path());
        let staged = staged.filter(|path| fs::symlink_metadata(path).unwrap().is_file());
        let victim = staged.max_by_key(|path| path.file_name().unwrap().to_owned()).unwrap();
        fs::remove_file(&victim).unwrap();
        if damage {
            fs::write(&victim, "damaged").unwrap();
        }
        let run = yard.recover(&[]);
        assert_eq!(run.said, "recovered back");
        assert_eq!(yard.check(&old, &new, "damaged"), 1);
    }
    in_the_middle(&yard);
    for _ in 0..3 {
        assert!(yard.recover(&[("UPDRAFT_CHECKPOINT", "backup.flush")]).killed);
    }
    assert_eq!(yard.recover(&[]).said, "recovered back");
    assert_eq!(yard.check(&old, &new, "tired"), 1);
}

/// The state folder is deleted in the middle of a swap: there is nothing to recover, and the next update, which
/// knows nothing of what was installed, brings every file. What is the user's stays.
#[test]
fn an_install_whose_state_was_deleted_in_a_swap_is_made_whole_by_an_update() {
    let yard = Yard::new();
    yard.old_and_new();
    in_the_middle(&yard);
    fs::remove_dir_all(yard.install().state_dir()).unwrap();
    assert_eq!(yard.recover(&[]).said, "nothing to recover");
    let run = yard.apply(&[]);
    assert!(run.ok, "{}", run.said);
    let found = yard.look();
    for (path, node) in it::read(&yard.at("two")) {
        assert_eq!(found.get(&path), Some(&node), "{path}");
    }
    assert_eq!(found["notes.txt"], file("notes"));
    assert_eq!(found["gone/mine"], file("mine"));
}

/// An install copied to another place in the middle of a swap has no links any more, and is recovered.
#[cfg(unix)]
#[test]
fn a_copied_install_is_recovered() {
    let yard = Yard::new();
    let (old, new) = yard.old_and_new();
    in_the_middle(&yard);
    let copy = yard.at("copy");
    let copied = Command::new("cp").arg("-R").arg(yard.root()).arg(&copy).status().unwrap();
    assert!(copied.success());
    fs::remove_dir_all(yard.root()).unwrap();
    fs::rename(&copy, yard.root()).unwrap();
    assert_eq!(yard.recover(&[]).said, "recovered forward");
    assert_eq!(yard.check(&old, &new, "copied"), 2);
}
