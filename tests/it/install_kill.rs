//! The real process, killed from outside at any moment, and pairs of places and faults inside it.
//!
//! `UPDRAFT_KILLS=10000` kills as often as that; a plain run 300 times.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::install_crash::{self, Yard};
use crate::install_tree as it;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}

/// What the kills of one worker found: how often nothing had begun, the old and the new version stood.
#[derive(Default)]
struct Found {
    open: usize,
    old: usize,
    new: usize,
}

/// Kills `command` after some time, at most the whole of what it takes.
fn kill_within(command: &mut Command, usual: Duration, dice: &mut Dice) {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let micros = u64::try_from(usual.as_micros()).unwrap();
    std::thread::sleep(Duration::from_micros(dice.below(micros)));
    child.kill().ok();
    child.wait().unwrap();
}

fn worker(number: u64, left: &AtomicUsize) -> Found {
    let yard = Yard::new();
    let (old, new) = yard.old_and_new();
    let (root, two, stub) = (yard.root(), yard.at("two"), yard.at("stub"));
    let driver = install_crash::driver();
    let apply = |args: &[&Path]| {
        let mut command = Command::new(&driver);
        command.args(args);
        command
    };
    let swap = || apply(&[Path::new("apply"), &root, &two, Path::new("2"), &stub]);
    let recover = || apply(&[Path::new("recover"), &root]);
    yard.fresh();
    let begun = Instant::now();
    assert!(swap().stdout(Stdio::null()).status().unwrap().success());
    let usual = begun.elapsed() * 5 / 4;
    yard.fresh();
    let fresh = yard.at("fresh");
    copy(&root, &fresh);
    let (mut dice, mut found) = (Dice(number), Found::default());
    while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
        std::fs::remove_dir_all(&root).unwrap();
        copy(&fresh, &root);
        kill_within(&mut swap(), usual, &mut dice);
        found.open += usize::from(yard.install().is_swap_open());
        // Every second time the recovery is killed too.
        if dice.below(2) == 0 {
            kill_within(&mut recover(), usual / 2, &mut dice);
        }
        let recovered = yard.recover(&[]);
        assert!(recovered.ok, "{}", recovered.said);
        match yard.check(&old, &new, "killed at a random moment") {
            1 => found.old += 1,
            _ => found.new += 1,
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    if cfg!(unix) {
        let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
        return assert!(done.success());
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// A71: `kill -9` at a random moment of the real process, every second time in the recovery as well.
#[test]
fn a_kill_at_any_moment_leaves_old_or_new() {
    let kills = std::env::var("UPDRAFT_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(300);
    let left = AtomicUsize::new(kills);
    let found = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..=2)
            .map(|number| {
                scope.spawn({
                    let left = &left;
                    move || worker(number, left)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    let sum = |part: fn(&Found) -> usize| found.iter().map(part).sum::<usize>();
    let (open, old, new) = (sum(|found| found.open), sum(|found| found.old), sum(|found| found.new));
    println!("{kills} kills: {open} in an open swap, then {old} times old, {new} times new");
    assert_eq!(old + new, kills);
}

/// The places of a rollback and of what recovers it: killed at both, and every fault in the recovery.
#[test]
fn a_kill_in_a_rollback_and_in_its_recovery_leaves_old_or_new() {
    let yard = Yard::new();
    let (old, new) = yard.old_and_new();
    let ready: PathBuf = yard.at("ready");
    copy(&yard.root(), &ready);
    let again = || {
        std::fs::remove_dir_all(yard.root()).unwrap();
        copy(&ready, &yard.root());
    };
    let count = yard.places(|list| yard.rollback(list)).len();
    let mut pairs = Vec::new();
    for first in 1..=count {
        again();
        yard.rollback(&[("UPDRAFT_CHECKPOINT", &format!("#{first}"))]);
        let seconds = yard.places(|list| yard.recover(list)).len();
        pairs.extend((1..=seconds).map(|second| (first, second)));
    }
    tried_in_recovery(&yard, &pairs, &again, &|kill| yard.rollback(kill), (&old, &new));
}

/// A73: EIO, ENOSPC and EACCES in the recovery of a killed update: it is ended at once or by the next start.
#[test]
fn a_fault_in_the_recovery_changes_nothing() {
    let yard = Yard::new();
    let (old, new) = yard.old_and_new();
    yard.fresh();
    let ready: PathBuf = yard.at("ready");
    copy(&yard.root(), &ready);
    let again = || {
        std::fs::remove_dir_all(yard.root()).unwrap();
        copy(&ready, &yard.root());
    };
    let count = yard.places(|list| yard.apply(list)).len();
    let mut pairs = Vec::new();
    for first in 1..=count {
        again();
        yard.apply(&[("UPDRAFT_CHECKPOINT", &format!("#{first}"))]);
        let seconds = yard.places(|list| yard.recover(list)).len();
        pairs.extend((1..=seconds).map(|second| (first, second)));
    }
    tried_in_recovery(&yard, &pairs, &again, &|kill| yard.apply(kill), (&old, &new));
}

/// Starts what is to be killed.
type Begin<'a> = &'a dyn Fn(&[(&str, &str)]) -> install_crash::Run;

/// Kills what is begun at the first place of each pair, and kills or fails its recovery at the second. A sample
/// of all, unless `UPDRAFT_PAIRS=all`.
fn tried_in_recovery(
    yard: &Yard,
    pairs: &[(usize, usize)],
    again: &dyn Fn(),
    begin: Begin<'_>,
    (old, new): (&it::Tree, &it::Tree),
) {
    let is_all = std::env::var("UPDRAFT_PAIRS").is_ok_and(|pairs| pairs == "all");
    let each = ["KILL", "EIO", "ENOSPC", "EACCES"];
    let cases: Vec<_> = pairs.iter().flat_map(|pair| each.map(|what| (*pair, what))).collect();
    // Not a divisor of anything here, so that all four come up.
    let stride = if is_all { 1 } else { (cases.len() / 150).max(1) | 1 };
    let mut tried = 0;
    for ((first, second), what) in cases.iter().copied().step_by(stride) {
        again();
        begin(&[("UPDRAFT_CHECKPOINT", &format!("#{first}"))]);
        let place = format!("killed at {first}, {what} at {second} of the recovery");
        let run = if what == "KILL" {
            yard.recover(&[("UPDRAFT_CHECKPOINT", &format!("#{second}"))])
        } else {
            yard.recover(&[("UPDRAFT_FAULT", &format!("#{second}={what}"))])
        };
        assert_eq!(run.killed, what == "KILL", "{place}: {}", run.said);
        let recovered = yard.recover(&[]);
        assert!(recovered.ok, "{place}: {}", recovered.said);
        yard.check(old, new, &place);
        tried += 1;
    }
    println!("{} pairs, {} cases, {tried} tried", pairs.len(), cases.len());
}
