//! Bad input gets one clear sentence with the file or URL, a stable code, a non-zero exit, and nothing lost.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::path::Path;

use super::support::world::{World, expect, tree, updraft, write};

fn world() -> World {
    let world = World::new();
    write(world.build().join("a"), "1");
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    write(world.build().join("a"), "2");
    world.publish("2.0", &[]);
    world
}

/// The failure must exit with `exit`, name `place` and the code, and leave the install as it was.
fn fails(world: &World, exit: i32, code: &str, place: &str) {
    let before = tree(&world.app());
    let said = expect(world.updater().args(["update", "--no-start"]), exit);
    assert!(said.contains(place), "names {place}: {said}");
    assert!(said.contains(code), "has the code {code}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    let line = expect(world.updater().args(["update", "--no-start", "--json"]), exit);
    assert!(
        line.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
        "JSON lines: {line}"
    );
    assert!(line.contains(&format!("\"code\":\"{code}\"")), "{line}");
    assert_eq!(tree(&world.app()), before);
}

fn change(path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    edit(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn damaged_settings_are_named() {
    let world = world();
    write(world.app().join("updater/updater.json"), "{\"app\": ");
    fails(&world, 64, "config", "updater.json");
    write(world.app().join("updater/updater.json"), "{\"app\": \"App\", \"sources\": [\"ftp://x\"]}");
    fails(&world, 64, "config", "sources");
    fs::remove_file(world.app().join("updater/updater.json")).unwrap();
    fails(&world, 64, "config", "updater.json");
}

/// A60: an install with another vendor's root keys refuses the repository.
#[test]
fn a_repository_signed_with_other_keys_is_refused() {
    let world = world();
    let other = World::new();
    fs::remove_dir_all(world.app().join("updater/state")).unwrap();
    fs::copy(other.repo().join("metadata/root.json"), world.app().join("updater/root.json")).unwrap();
    fails(&world, 40, "trust.signature", "timestamp");
}

#[test]
fn a_missing_root_key_file_is_named() {
    let world = world();
    fs::remove_dir_all(world.app().join("updater/state")).unwrap();
    fs::remove_file(world.app().join("updater/root.json")).unwrap();
    fails(&world, 40, "trust.no-root", "root.json");
}

/// A70: an object that is not what was signed changes nothing and is named.
#[test]
fn a_corrupt_repository_is_refused() {
    let world = world();
    let mut objects: Vec<_> = walk(&world.repo().join("objects"));
    objects.retain(|path| path.is_file());
    for object in &objects {
        change(object, |bytes| bytes[0] ^= 1);
    }
    fails(&world, 40, "trust.content", "a");
}

#[test]
fn a_missing_object_is_named() {
    let world = world();
    fs::remove_dir_all(world.repo().join("objects")).unwrap();
    fails(&world, 30, "network.missing", "a");
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_wrong_folder_or_repository_is_named_by_the_publisher() {
    let world = World::new();
    let nowhere = world.path("nowhere");
    let publish = |folder: &Path, repo: &Path, code: i32| {
        let mut command = updraft();
        command
            .arg("publish")
            .arg(folder)
            .arg("--to")
            .arg(repo)
            .args(["--version", "1"])
            .arg("--keys")
            .arg(world.keys());
        let said = expect(&mut command, code);
        assert!(said.contains("nowhere"), "{said}");
    };
    publish(&nowhere, &world.repo(), 64);
    write(world.build().join("a"), "1");
    publish(&world.build(), &nowhere, 50);
}

#[test]
fn usage_errors_exit_with_64() {
    expect(updraft().arg("publsh"), 64);
    expect(&mut updraft(), 64);
    let world = World::new();
    world.lay_updater();
    expect(world.updater().arg("--no-such-thing"), 64);
}
