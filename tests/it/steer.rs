//! What a vendor says of releases after they were published, and what installs make of it. Real programs, a folder
//! as static hosting.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;

use super::support::world::{World, expect, updraft, write};

/// Runs `updraft WORDS... REPO MORE...` with the keys.
fn steer(world: &World, words: &[&str], more: &[&str], code: i32) -> String {
    let mut command = updraft();
    command.args(words).arg(world.repo()).args(more).arg("--keys").arg(world.keys());
    expect(&mut command, code)
}

fn publish(world: &World, version: &str, more: &[&str]) {
    write(world.build().join("version.txt"), version);
    world.publish(version, more);
}

/// A world with a copy of 1.0 installed.
fn installed() -> World {
    let world = World::new();
    publish(&world, "1.0", &[]);
    world.lay_updater();
    world.update();
    world
}

fn version(world: &World) -> String {
    fs::read_to_string(world.app().join("version.txt")).unwrap()
}

fn check(world: &World, code: i32) -> String {
    expect(world.updater().args(["check", "--json"]), code)
}

/// A128: a release that is halted reaches nobody, also by hand; resumed it reaches who is in its share, the same
/// install every time.
#[test]
fn a_halted_release_stops_and_a_resumed_one_goes_on() {
    let world = installed();
    publish(&world, "2.0", &[]);
    check(&world, 10);
    let said = steer(&world, &["rollout", "halt"], &["2.0"], 0);
    assert!(said.contains("halted"), "{said}");
    check(&world, 0);
    expect(world.updater().args(["update", "--no-start", "--by-hand"]), 0);
    assert_eq!(version(&world), "1.0");
    let again = steer(&world, &["rollout", "halt"], &["2.0"], 0);
    assert!(again.contains("Nothing changed"), "{again}");
    steer(&world, &["rollout", "resume"], &["2.0"], 0);
    (0..3).for_each(|_| drop(check(&world, 10)));
    let said = steer(&world, &["rollout", "set"], &["2.0", "--percent", "0%"], 0);
    assert!(said.contains("0.00 % of the installs"), "{said}");
    (0..3).for_each(|_| drop(check(&world, 0)));
    expect(world.updater().args(["check", "--by-hand"]), 10);
    steer(&world, &["rollout", "set"], &["2.0", "--percent", "100%"], 0);
    world.update();
    assert_eq!(version(&world), "2.0");
    let shown = expect(updraft().args(["rollout", "show"]).arg(world.repo()), 0);
    assert!(shown.contains("r2 2.0 (stable, any): everybody"), "{shown}");
}

/// A128: the share grows with time, and the same machine is in it in every run; a release that must be taken does
/// not wait for its share.
#[test]
fn the_share_grows_with_time_and_a_required_release_does_not_wait() {
    let world = installed();
    publish(&world, "2.0", &["--rollout", "0%", "--rollout-hours", "48"]);
    check(&world, 0);
    // The rollout began two days ago: everybody is in.
    let began = "2020-01-01T00:00:00Z";
    steer(&world, &["rollout", "set"], &["2.0", "--percent", "0%", "--hours", "48", "--start", began], 0);
    check(&world, 10);
    // It begins in a hundred years: nobody is.
    let later = "2126-01-01T00:00:00Z";
    steer(&world, &["rollout", "set"], &["2.0", "--percent", "50%", "--start", later], 0);
    check(&world, 0);
    publish(&world, "3.0", &["--forced", "--rollout", "0%"]);
    check(&world, 11);
}

/// A67: a release that was withdrawn is not installed, whoever asks; given out again it is.
#[test]
fn a_withdrawn_release_is_not_installed() {
    let world = installed();
    publish(&world, "2.0", &["--forced"]);
    check(&world, 11);
    steer(&world, &["withdraw"], &["2.0"], 0);
    check(&world, 0);
    expect(world.updater().args(["update", "--no-start", "--by-hand"]), 0);
    assert_eq!(version(&world), "1.0");
    steer(&world, &["withdraw"], &["2.0", "--undo"], 0);
    world.update();
    assert_eq!(version(&world), "2.0");
    // Who has it keeps it, and can repair it.
    steer(&world, &["withdraw"], &["2.0"], 0);
    fs::remove_file(world.app().join("version.txt")).unwrap();
    expect(world.updater().args(["repair", "--no-start"]), 0);
    assert_eq!(version(&world), "2.0");
    let unknown = steer(&world, &["withdraw"], &["9.9"], 64);
    assert!(unknown.contains("there is no release 9.9 on stable"), "{unknown}");
}

/// A27: an optional release behind a required one: who is below the required one must update, who has it may wait.
#[test]
fn a_required_release_on_the_way_forces() {
    let world = installed();
    publish(&world, "2.0", &["--forced"]);
    publish(&world, "3.0", &[]);
    let said = check(&world, 11);
    assert!(said.contains("\"3.0\""), "{said}");
    world.update();
    assert_eq!(version(&world), "3.0");
    publish(&world, "4.0", &[]);
    check(&world, 10);
}

/// Installs below a barrier go through a release behind it first; later releases keep the barrier.
#[test]
fn a_barrier_is_passed_in_steps() {
    let world = installed();
    publish(&world, "2.0", &[]);
    publish(&world, "3.0", &["--barrier", "2.0"]);
    publish(&world, "4.0", &["--forced"]);
    let said = check(&world, 11);
    assert!(said.contains("\"2.0\""), "{said}");
    world.update();
    assert_eq!(version(&world), "2.0");
    world.update();
    assert_eq!(version(&world), "4.0");
    let warned = steer(&world, &["withdraw"], &["2.0"], 0);
    assert!(warned.contains("below r2 can't come to 4.0 any more"), "{warned}");
    publish(&world, "5.0", &["--no-barrier"]);
    let shown = expect(updraft().args(["rollout", "show", "--json"]).arg(world.repo()), 0);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let barriers: Vec<u64> =
        shown.as_array().unwrap().iter().map(|r| r["barrier"].as_u64().unwrap_or(0)).collect();
    assert_eq!(barriers, [0, 0, 2, 2, 0]);
    let mut command = updraft();
    command.arg("publish").arg(world.build()).arg("--to").arg(world.repo()).arg("--keys").arg(world.keys());
    write(world.build().join("version.txt"), "6.0");
    let refused = expect(command.args(["--version", "6.0", "--platform", "any", "--barrier", "7.0"]), 64);
    assert!(refused.contains("has version 7.0"), "{refused}");
}

/// Installs of a bad release are led back to an older one, in one signed step; those that never left it have nothing
/// to do. What was said before counts no more, and older metadata is refused.
#[test]
fn installs_are_led_back_and_no_older_word_counts() {
    let world = installed();
    publish(&world, "2.0", &[]);
    let stayed = World::lay_second(&world);
    world.update();
    publish(&world, "3.0", &[]);
    let before = world.path("before");
    copy_tree(&world.repo(), &before);
    let said = steer(&world, &["downgrade"], &["--to", "1.0", "--forced"], 0);
    assert!(said.contains("r4 1.0 (stable, any), leads back to r1, required: everybody"), "{said}");
    check(&world, 11);
    world.update();
    assert_eq!(version(&world), "1.0");
    assert_eq!(world.record()["receipt"]["number"], 4);
    check(&world, 0);
    // The copy that never left 1.0 has nothing to do.
    let mut quiet = std::process::Command::new(stayed.join("updater/updater"));
    expect(quiet.args(["check", "--headless"]), 0);
    // The order before is older than what was seen.
    let replayed = expect(world.updater().args(["check", "--source"]).arg(&before), 40);
    assert!(replayed.contains("trust.rollback"), "{replayed}");
    publish(&world, "3.1", &[]);
    world.update();
    assert_eq!(version(&world), "3.1");
    let none = steer(&world, &["downgrade"], &["--to", "3.1"], 64);
    assert!(none.contains("nothing to go back from"), "{none}");
    expect(updraft().arg("verify").arg(world.repo()), 0);
}

/// A release tried on one channel comes to another with its files, notes and version, and copies nothing.
#[test]
fn a_release_is_promoted_from_channel_to_channel() {
    let world = installed();
    write(world.path("notes.en.md"), "# Two\n");
    let notes = world.path("notes.en.md");
    publish(&world, "2.0", &["--channel", "beta", "--notes", notes.to_str().unwrap()]);
    check(&world, 0);
    let objects = count(&world.repo().join("objects"));
    let said = steer(&world, &["promote"], &["2.0", "--from", "beta", "--to", "stable"], 0);
    assert!(said.contains("r2 2.0 (stable, any): everybody"), "{said}");
    assert_eq!(count(&world.repo().join("objects")), objects);
    let offer = check(&world, 10);
    assert!(offer.contains("# Two"), "{offer}");
    world.update();
    assert_eq!(version(&world), "2.0");
    let again = steer(&world, &["promote"], &["2.0", "--from", "beta", "--to", "stable"], 0);
    assert!(again.contains("Nothing changed"), "{again}");
    publish(&world, "3.0", &[]);
    let used = steer(&world, &["promote"], &["2.0", "--from", "beta", "--to", "stable"], 64);
    assert!(used.contains("2.0 was already published to stable"), "{used}");
    expect(updraft().arg("verify").arg(world.repo()), 0);
}

fn count(folder: &std::path::Path) -> usize {
    fs::read_dir(folder).unwrap().map(|entry| fs::read_dir(entry.unwrap().path()).unwrap().count()).sum()
}

fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).unwrap();
        }
    }
}

impl World {
    /// A second copy of what is installed, with a name of its own.
    fn lay_second(world: &Self) -> std::path::PathBuf {
        let second = world.path("second");
        copy_tree(&world.app(), &second);
        second
    }
}
