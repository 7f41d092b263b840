//! A release that brings a new updater: it shows in a dry run that it works here, or the release is refused.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use super::support::world::{World, expect, tree, wait_for, write};

fn lay(world: &World, bytes: &[u8], mode: u32) {
    let path = world.build().join("updater/updater");
    write(&path, bytes);
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

/// An install of release 1, which contains the updater.
fn world() -> World {
    let world = World::new();
    lay(&world, &fs::read(env!("CARGO_BIN_EXE_updater")).unwrap(), 0o755);
    write(world.build().join("a"), "1");
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    expect(world.updater().arg("confirm"), 0);
    write(world.build().join("a"), "2");
    world
}

fn updater(world: &World) -> Command {
    let mut command = world.updater();
    command.env("UPDRAFT_TRIAL_SECONDS", "2");
    command
}

/// A79: a new updater that does not work refuses the whole release, before anything is switched. It is not taken
/// again; the old updater goes on and takes the next release.
#[test]
fn a_new_updater_that_does_not_work_is_not_switched_in() {
    let table: [(&str, &[u8], u32, &str); 6] = [
        ("ends with 1", b"#!/bin/sh\nexit 1\n", 0o755, "it ended with exit status: 1"),
        ("hangs, with a child", b"#!/bin/sh\nsleep 600 &\nsleep 600\n", 0o755, "it did not answer in time"),
        ("is a text", b"not a program\n", 0o755, "it can't be started"),
        ("may not be run", b"#!/bin/sh\n", 0o644, "it can't be started"),
        ("is another program", b"#!/bin/sh\nexit 0\n", 0o755, "it does not answer as an updater does"),
        ("is cut off", b"\x7fELF\x02\x01\x01", 0o755, "it can't be started"),
    ];
    let world = world();
    let program = fs::read(world.app().join("updater/updater")).unwrap();
    for (number, (what, bytes, mode, why)) in table.into_iter().enumerate() {
        lay(&world, bytes, mode);
        let version = format!("2.{number}");
        world.publish(&version, &[]);
        let before = tree(&world.app());
        let said = expect(updater(&world).args(["update", "--no-start"]), 50);
        assert!(
            said.contains(why) && said.contains("[release.updater]") && said.contains(&version),
            "{what}: {said}"
        );
        assert_eq!(tree(&world.app()), before, "{what}");
        assert!(fs::read(world.app().join("updater/updater")).unwrap() == program, "{what}");
        let said = expect(updater(&world).arg("check"), 0);
        assert!(said.contains(&format!("{version} (r{}) is newer, but", number + 2)), "{what}: {said}");
    }
    expect(updater(&world).args(["update", "--no-start"]), 0);
    assert_eq!(world.record()["receipt"]["number"], 1, "none of them is taken again");
    let newer = [program.as_slice(), b"newer"].concat();
    lay(&world, &newer, 0o755);
    world.publish("3.0", &[]);
    let said = expect(updater(&world).args(["update", "--no-start"]), 0);
    assert!(said.contains("tried out first"), "{said}");
    assert!(fs::read(world.app().join("updater/updater")).unwrap() == newer);
    assert_eq!(fs::read(world.app().join("a")).unwrap(), b"2");
}

/// A79: new settings that the release brings for the updater are part of its dry run.
#[test]
fn settings_that_the_new_updater_can_not_read_refuse_the_release() {
    let world = world();
    let newer = [fs::read(world.app().join("updater/updater")).unwrap().as_slice(), b"newer"].concat();
    lay(&world, &newer, 0o755);
    write(world.build().join("updater/updater.json"), "{\"app\": 5}");
    world.publish("2.0", &[]);
    let said = expect(updater(&world).args(["update", "--no-start"]), 50);
    assert!(said.contains("updater.json") || said.contains("settings file"), "{said}");
    assert_eq!(world.record()["receipt"]["number"], 1);
}

/// A79: the program goes on with the old version when the release is refused.
#[test]
fn the_program_starts_when_the_release_is_refused() {
    let world = world();
    let start = |version: &str| {
        write(world.build().join("app"), format!("#!/bin/sh\necho {version} >> \"$1\"\n"));
        fs::set_permissions(world.build().join("app"), fs::Permissions::from_mode(0o755)).unwrap();
        world.publish(version, &["--start", "app"]);
    };
    start("2.0");
    world.update();
    lay(&world, b"#!/bin/sh\nexit 1\n", 0o755);
    start("3.0");
    let starts = world.path("starts");
    expect(updater(&world).arg("--").arg(&starts), 50);
    wait_for("the program", || fs::read_to_string(&starts).is_ok_and(|text| text == "2.0\n"));
}

/// A79: a release that no longer lists the updater leaves it there: the next release needs it.
#[test]
fn a_release_without_the_updater_leaves_it() {
    let world = world();
    fs::remove_dir_all(world.build().join("updater")).unwrap();
    world.publish("2.0", &[]);
    world.update();
    assert!(world.app().join("updater/updater").exists());
    write(world.build().join("a"), "3");
    world.publish("3.0", &[]);
    world.update();
    assert_eq!(fs::read(world.app().join("a")).unwrap(), b"3");
}

/// `updater self-check` says whether the updater can work here, changes nothing, and names what is wrong.
#[test]
fn self_check_says_whether_the_updater_can_work_here() {
    let world = world();
    let state = world.app().join("updater/state");
    let before = tree(&state);
    let said: Value =
        serde_json::from_str(expect(world.updater().args(["self-check", "--json"]), 0).trim()).unwrap();
    assert_eq!((&said["status"], &said["installed"]["number"]), (&json!("fit"), &json!(1)));
    assert_eq!(tree(&state), before);

    let spoil = |file: &str, content: &[u8], code: i32, named: &str| {
        let path = world.app().join("updater").join(file);
        let kept = fs::read(&path).unwrap();
        write(&path, content);
        let said = expect(world.updater().arg("self-check"), code);
        assert!(said.contains(named), "{file}: {said}");
        write(&path, kept);
        expect(world.updater().arg("self-check"), 0);
    };
    spoil("updater.json", b"{", 64, "[config]");
    spoil("root.json", b"{\"signed\": {}}", 40, "[trust.");
    spoil("state/trusted/targets.json", b"{}", 40, "[trust.");
    spoil("state/installed.json", b"{\"format\": 99}", 40, "[trust.newer-format]");
    fs::remove_dir_all(&state).unwrap();
    expect(world.updater().arg("self-check"), 0);
    assert!(!state.exists(), "an install that never asked is fit too, and nothing is made");
}

/// A79: the updater of the install is tried out also when another one does the work.
#[test]
fn an_updater_elsewhere_tries_the_one_of_the_install_out() {
    let world = world();
    lay(&world, b"#!/bin/sh\nexit 1\n", 0o755);
    world.publish("2.0", &[]);
    let elsewhere = world.path("elsewhere");
    fs::copy(env!("CARGO_BIN_EXE_updater"), &elsewhere).unwrap();
    let mut updater = std::process::Command::new(elsewhere);
    updater.arg("update").arg("--no-start").arg("--install").arg(world.app());
    assert!(expect(&mut updater, 50).contains("[release.updater]"));
}
