//! Removing old releases: what stays, what goes, and who may be at work beside it.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;

use super::support::world::{World, expect, updraft, write};

fn publish(world: &World, version: &str, more: &[&str]) {
    write(world.build().join("version.txt"), version);
    write(world.build().join("notes").join(version), format!("only in {version}").repeat(50));
    world.publish(version, more);
    fs::remove_file(world.build().join("notes").join(version)).unwrap();
}

fn prune(world: &World, more: &[&str]) -> serde_json::Value {
    let mut command = updraft();
    command.arg("prune").arg(world.repo()).arg("--keys").arg(world.keys()).arg("--json").args(more);
    serde_json::from_str(&expect(&mut command, 0)).unwrap()
}

fn verify(world: &World) -> serde_json::Value {
    serde_json::from_str(&expect(updraft().arg("verify").arg(world.repo()).arg("--json"), 0)).unwrap()
}

/// A14: what pruning leaves is whole: every kept release verifies, an old install still updates, and one below a
/// required release that went is still required to.
#[test]
fn pruning_leaves_a_whole_repository_that_every_install_updates_from() {
    let world = World::new();
    publish(&world, "1.0", &[]);
    world.lay_updater();
    world.update();
    publish(&world, "2.0", &["--forced"]);
    for version in ["3.0", "4.0", "5.0", "6.0"] {
        publish(&world, version, &[]);
    }
    let before = verify(&world);
    assert_eq!(before["releases"], 6);
    let would = prune(&world, &["--keep", "2", "--dry-run"]);
    assert_eq!(verify(&world), before, "a dry run writes nothing");
    let done = prune(&world, &["--keep", "2"]);
    assert_eq!(would["releases"], done["releases"]);
    assert_eq!(
        done["releases"],
        serde_json::json!([
            "stable/any/1.json",
            "stable/any/2.json",
            "stable/any/3.json",
            "stable/any/4.json"
        ])
    );
    assert!(done["bytes"].as_u64().unwrap() > 0);
    let after = verify(&world);
    assert_eq!((&after["releases"], &after["unused"]), (&2.into(), &0.into()));
    assert_eq!(after["warnings"], serde_json::json!([]));
    expect(world.updater().arg("check"), 11);
    world.update();
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"6.0");
    assert_eq!(prune(&world, &["--keep", "2"])["files"], 0);
    publish(&world, "7.0", &[]);
    world.update();
    assert_eq!(world.record()["receipt"]["number"], 7);
}

/// What a kept release needs stays: the way through its barrier, and what installs outside its rollout get.
#[test]
fn pruning_keeps_what_kept_releases_need() {
    let world = World::new();
    publish(&world, "1.0", &[]);
    world.lay_updater();
    world.update();
    for version in ["2.0", "3.0"] {
        publish(&world, version, &[]);
    }
    publish(&world, "4.0", &["--barrier", "2.0"]);
    publish(&world, "5.0", &["--rollout", "0%"]);
    let done = prune(&world, &["--keep", "1"]);
    assert_eq!(done["releases"], serde_json::json!(["stable/any/1.json", "stable/any/3.json"]));
    assert_eq!(done["needed"], serde_json::json!(["stable/any/2.json", "stable/any/4.json"]));
    world.update();
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"2.0");
    let offer = expect(world.updater().args(["check", "--json"]), 10);
    assert!(offer.contains("\"4.0\""), "{offer}");
    verify(&world);
}

/// What no release names and is young may be on its way to be named; a publisher at work is not disturbed.
#[test]
fn young_leftovers_and_publishers_at_work_are_left_alone() {
    let world = World::new();
    publish(&world, "1.0", &[]);
    let stray = world.repo().join("objects/ab").join(format!("ab{}", "0".repeat(62)));
    write(&stray, "half a publish");
    assert_eq!(prune(&world, &[])["files"], 0);
    assert!(stray.exists());
    let lock = fs::File::open(world.repo().join(".work/lock")).unwrap();
    lock.lock().unwrap();
    let mut command = updraft();
    command.arg("prune").arg(world.repo()).arg("--keys").arg(world.keys()).args(["--grace-hours", "0"]);
    let busy = expect(&mut command, 60);
    assert!(busy.contains("another publisher is at work") && busy.contains("[busy.publisher]"), "{busy}");
    lock.unlock().unwrap();
    assert!(prune(&world, &["--grace-hours", "0"])["files"].as_u64().unwrap() >= 1);
    assert!(!stray.exists());
    verify(&world);
}
