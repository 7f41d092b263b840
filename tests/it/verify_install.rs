//! `updater verify`: an install compared with what its release laid down.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use super::support::world::{World, expect, write};

fn installed() -> World {
    let world = World::new();
    for path in ["bin/app", "bin/tool", "data/a", "data/b", "data/c"] {
        write(world.build().join(path), path);
    }
    symlink("a", world.build().join("data/link")).unwrap();
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    world
}

/// All of the updater's memory, byte for byte.
fn memory(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = walk(&world.app().join("updater/state"));
    found.sort();
    found
}

fn walk(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        if path.is_dir() { walk(&path) } else { vec![(path.display().to_string(), fs::read(&path).unwrap())] }
    };
    entries.flat_map(read).collect()
}

/// A32 in part: a whole install is told as such, and every kind of damage by its path; offline, and with nothing
/// written; `repair` then brings all of it back.
#[test]
fn every_kind_of_damage_is_told_and_nothing_is_written() {
    let world = installed();
    fs::rename(world.repo(), world.path("away")).unwrap();
    let before = memory(&world);
    let said = expect(world.updater().arg("verify"), 0);
    assert!(said.contains("All 6 files of 1.0 are as they were installed."), "{said}");
    let app = world.app();
    // The same size and time: only reading tells.
    let times = fs::metadata(app.join("data/a")).unwrap().modified().unwrap();
    write(app.join("data/a"), "data/A");
    fs::File::options().write(true).open(app.join("data/a")).unwrap().set_modified(times).unwrap();
    fs::remove_file(app.join("data/b")).unwrap();
    fs::set_permissions(app.join("bin/tool"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(app.join("data/c")).unwrap();
    fs::create_dir(app.join("data/c")).unwrap();
    fs::remove_file(app.join("data/link")).unwrap();
    symlink("b", app.join("data/link")).unwrap();
    write(app.join("data/mine.txt"), "mine");
    write(app.join("my folder/x"), "mine");
    let said = expect(world.updater().args(["verify", "--json"]), 50);
    let report: Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!((&report["status"], &report["record"]), (&"damaged".into(), &"signed".into()), "{report}");
    assert_eq!(
        report["findings"],
        json!([
            {"path": "bin/tool", "flaw": "mode"},
            {"path": "data/a", "flaw": "changed"},
            {"path": "data/b", "flaw": "missing"},
            {"path": "data/c", "flaw": "kind"},
            {"path": "data/link", "flaw": "changed"},
        ])
    );
    assert_eq!(report["extra"], json!(["data/mine.txt", "my folder"]), "the updater's own is none");
    let said = expect(world.updater().arg("verify"), 50);
    assert!(
        said.contains("5 of 6 files") && said.contains("[install.damaged]") && said.contains("repair"),
        "{said}"
    );
    assert_eq!(memory(&world), before, "nothing is written");
    fs::remove_dir(app.join("data/c")).unwrap();
    fs::rename(world.path("away"), world.repo()).unwrap();
    expect(world.updater().args(["repair", "--no-start"]), 0);
    expect(world.updater().arg("verify"), 0);
}

/// An install nothing is known of, and one in the middle of an update, are told as such.
#[test]
fn without_a_record_or_in_an_open_update_there_is_nothing_to_compare_with() {
    let world = installed();
    write(world.app().join("updater/state/txn/journal"), "something");
    let said = expect(world.updater().arg("verify"), 50);
    assert!(said.contains("[state.journal]"), "{said}");
    fs::remove_dir_all(world.app().join("updater/state")).unwrap();
    let said = expect(world.updater().arg("verify"), 50);
    assert!(said.contains("nothing is recorded") && said.contains("[install.damaged]"), "{said}");
    assert!(!world.app().join("updater/state").exists(), "nothing is written");
}

/// A record whose release is not the one that was signed under its number is no proof.
#[test]
fn a_record_of_another_release_is_told() {
    let world = installed();
    let path = world.app().join("updater/state/installed.json");
    let mut record = world.record();
    record["receipt"]["manifest"] = "0".repeat(64).into();
    write(&path, record.to_string());
    let said = expect(world.updater().arg("verify"), 50);
    assert!(said.contains("not of the release that was signed"), "{said}");
}
