//! Loss of power: the real code of a swap runs on a disk in memory, and every state that a crash may leave, under
//! four assumptions about the disk, is recovered, the recovery being cut off too.
//!
//! `UPDRAFT_MODEL=all` tries far more of the states than a plain test run does.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "tests tell what they tried")]

mod disk;
mod states;
mod world;

use std::io::ErrorKind;

use disk::{Effect, Traits, Trouble};
use states::{Bound, MODELS, Model, least};
use updraft::fsx::Barrier;
use updraft::install::barriers;
use world::Story;

use crate::install_tree::{Node, Tree, file, program, tree};

fn is_all() -> bool {
    std::env::var("UPDRAFT_MODEL").is_ok_and(|model| model == "all")
}

/// How much is tried of the deed, of its recovery, and of the recovery of that.
fn bounds() -> Vec<Bound> {
    let all = Bound { all: 512, singly: true, random: 64, recoveries: usize::MAX };
    let first = Bound { all: 4, random: 2, ..all };
    let then = Bound { all: 2, singly: false, random: 1, recoveries: 5 };
    if is_all() { vec![all, Bound { all: 32, random: 8, ..all }, first] } else { vec![first, then, then] }
}

fn links() -> Traits {
    Traits::default()
}

fn no_links() -> Traits {
    Traits { is_without_links: true, ..Traits::default() }
}

/// Every kind of change at once.
fn all_kinds(traits: Traits) -> Story {
    let old = tree(&[
        ("bin/app", program("app 1")),
        ("bin/kept", program("kept")),
        ("current", Node::Link("lib/one".to_owned())),
        ("gone/x", file("x")),
        ("lib/changed", file("as released")),
        ("lib/one", file("one 1")),
        ("lib/two", file("two")),
        ("room/inner", file("in a folder")),
    ]);
    let new = tree(&[
        ("bin/app", program("app 2")),
        ("bin/kept", program("kept")),
        ("bin/more", program("more")),
        ("current", Node::Link("lib/two".to_owned())),
        ("fresh/y", file("y")),
        ("lib/changed", file("released anew")),
        ("lib/one", file("one 2")),
        ("lib/two", program("two")),
        ("room", file("now a file")),
        ("things", Node::Folder),
    ]);
    let own = tree(&[("lib/changed", file("by the user")), ("notes", file("notes"))]);
    Story::new("all kinds", &old, &own, &new, traits)
}

/// As little as possible, so that every single state can be tried.
fn small(traits: Traits) -> Story {
    let old = tree(&[("bin/app", program("app 1")), ("a", file("a 1")), ("b", file("b"))]);
    let new = tree(&[("bin/app", program("app 2")), ("a", file("a 2")), ("c", file("c"))]);
    Story::new("small", &old, &tree(&[("mine", file("mine"))]), &new, traits)
}

fn the_updater(traits: Traits) -> Story {
    let old = tree(&[("bin/app", program("1")), ("updater/updater", program("updater 1")), ("a", file("1"))]);
    let new = tree(&[("bin/app", program("2")), ("updater/updater", program("updater 2")), ("a", file("2"))]);
    Story::new("the updater replaces itself", &old, &Tree::new(), &new, traits)
}

/// A first install: the updater's own folders are as new as all the rest.
fn first(traits: Traits) -> Story {
    let new = tree(&[("bin/app", program("1")), ("lib/a", file("a")), ("b", file("b"))]);
    Story::new("first install", &Tree::new(), &tree(&[("mine", file("mine"))]), &new, traits)
}

fn stories() -> Vec<Story> {
    let mut stories = vec![
        all_kinds(links()),
        small(links()),
        the_updater(links()),
        first(links()),
        all_kinds(links()).back("rollback"),
        small(links()).stuck("set aside"),
        Story { name: "all kinds, no links", ..all_kinds(no_links()) },
    ];
    if is_all() {
        stories.push(all_kinds(no_links()).back("rollback, no links"));
    }
    stories
}

fn try_all(model: Model) {
    let mut wrong = Vec::new();
    let mut sum = (0, 0);
    for story in stories() {
        let tally = story.break_off(model, &bounds(), story.run(None), false);
        println!(
            "{model:?}, {}: {} states, {} recoveries, {} wrong",
            story.name,
            tally.states,
            tally.recoveries,
            tally.wrong.len()
        );
        sum = (sum.0 + tally.states, sum.1 + tally.recoveries);
        wrong.extend(tally.wrong);
    }
    println!("{model:?} in all: {} states, {} recoveries", sum.0, sum.1);
    assert!(wrong.is_empty(), "{} wrong, the first: {}", wrong.len(), wrong[..wrong.len().min(8)].join("\n"));
}

/// A71: killed at every single change of the disk, and in the recovery, and in the recovery of that.
#[test]
fn a_kill_at_any_change_leaves_old_or_new() {
    try_all(Model::Kill);
}

/// A72: power is lost, and the disk kept changes in their order.
#[test]
fn a_loss_of_power_on_an_ordered_disk_leaves_old_or_new() {
    try_all(Model::Ordered);
}

/// A72: power is lost, and the disk kept an order in each folder alone.
#[test]
fn a_loss_of_power_on_a_disk_with_ordered_folders_leaves_old_or_new() {
    try_all(Model::PerFolder);
}

/// A72: power is lost, and the disk kept no order but what was flushed.
#[test]
fn a_loss_of_power_on_a_disk_without_order_leaves_old_or_new() {
    try_all(Model::PerName);
}

/// Runs a story with an error at every operation (a sample, if not all is wanted), and power lost around it.
/// Stops at the first wrong if `is_quick`.
fn with_errors(story: &Story, from: usize, stride: usize, is_quick: bool) -> (usize, Vec<String>) {
    let (mut states, mut wrong) = (0, Vec::new());
    let few = Bound { all: 4, singly: is_quick, random: 3, recoveries: 1 };
    let few = [few, Bound { recoveries: 2, singly: false, ..few }];
    let few = if is_all() { bounds()[1..].to_vec() } else { few.to_vec() };
    for (i, at) in (from..=story.operations()).step_by(stride).enumerate() {
        let kind = [ErrorKind::Other, ErrorKind::StorageFull, ErrorKind::PermissionDenied][i % 3];
        let run = story.run(Some(Trouble { at, kind, stays: false }));
        let models = if is_all() { &MODELS[..] } else { &MODELS[3..] };
        for model in models {
            let tally = story.break_off(*model, &few, run.clone(), is_quick);
            states += tally.states;
            wrong.extend(tally.wrong.into_iter().map(|wrong| format!("{kind:?} at {at}: {wrong}")));
            if is_quick && !wrong.is_empty() {
                return (states, wrong);
            }
        }
    }
    (states, wrong)
}

/// A72, A73: the disk fails at some operation, what was begun is undone, and power is lost around it.
#[test]
fn an_error_and_then_a_loss_of_power_leave_old_or_new() {
    let mut wrong = Vec::new();
    for story in [small(no_links()), all_kinds(links()), small(links()), small(links()).back("rollback")] {
        let (states, found) = with_errors(&story, 1, if is_all() { 1 } else { 11 }, false);
        println!("errors in {}: {states} states, {} wrong", story.name, found.len());
        wrong.extend(found);
    }
    assert!(wrong.is_empty(), "{} wrong, the first: {}", wrong.len(), wrong[..wrong.len().min(8)].join("\n"));
}

/// Power is lost in every recovery at the same place: the fourth goes back, if attempts are counted on the disk.
fn are_attempts_counted(without: Option<Barrier>) -> bool {
    let story = small(Traits { without, ..links() });
    let (log, _) = story.run(None);
    let is_backup =
        |(effect, _): &(Effect, bool)| matches!(effect, Effect::SyncFolder(_, by) if *by == barriers::BACKUP);
    let mut image = least(&log, log.effects.iter().position(is_backup).unwrap() + 1);
    for _ in 0..3 {
        let (log, forward) = story.recover(&image);
        if !forward {
            return false;
        }
        image = least(&log, log.effects.iter().position(is_backup).unwrap() + 1);
    }
    !story.recover(&image).1
}

/// Flushes whose absence nothing here can show. `rollback`: what an undo has to bring back has left `T/new`, so a
/// recovery that does not know of the decision finds it missing and decides the same; and before the undo is
/// reported its end is flushed. It stays, because two ways to the same end are better than one.
const NOT_SHOWN: &[Barrier] = &[barriers::ROLLBACK];

/// Each flush is there for a reason: without it there is a state that is neither old nor new, or a promise that
/// was not kept. This is what keeps the other proofs here honest.
#[test]
fn without_any_one_flush_something_breaks() {
    assert!(are_attempts_counted(None));
    // With every flush in its place the same search finds nothing.
    let whole = small(links());
    assert_eq!(with_errors(&whole, whole.operations() / 3, 1, true).1, Vec::<String>::new());
    let mut idle = Vec::new();
    for barrier in barriers::ALL.iter().copied() {
        if NOT_SHOWN.contains(&barrier) && !is_all() {
            idle.push(barrier);
            continue;
        }
        let found = if barrier == barriers::ATTEMPT {
            (!are_attempts_counted(Some(barrier))).then(|| "recovery is tried for ever".to_owned())
        } else {
            what_breaks(barrier)
        };
        println!(
            "without {}: {}",
            barrier.name(),
            found.as_deref().map_or("nothing was found", |found| found.lines().next().unwrap_or_default())
        );
        if found.is_none() {
            idle.push(barrier);
        }
    }
    assert_eq!(idle, NOT_SHOWN);
}

fn what_breaks(barrier: Barrier) -> Option<String> {
    let less = |story: Story| Story { traits: Traits { without: Some(barrier), ..story.traits }, ..story };
    let stories = [
        small(links()),
        all_kinds(links()),
        small(links()).stuck("set aside"),
        first(links()),
        small(no_links()),
    ];
    for story in stories.map(less) {
        for model in [Model::PerName, Model::Ordered] {
            let tally = story.break_off(model, &bounds()[..1], story.run(None), true);
            if let Some(wrong) = tally.wrong.into_iter().next() {
                return Some(wrong);
            }
        }
    }
    // Before a third of it nothing was begun that could be undone.
    let story = less(small(links()));
    with_errors(&story, story.operations() / 3, 1, true).1.into_iter().next()
}
