//! The program and its updater: handover, waiting, restart, health, two updaters at once.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::world::{Running, World, demo_host, exe, expect, no_window, text, tree, wait_for, write};

/// A world whose program is the real demonstration program, release 1 installed and release 2 published.
pub(crate) fn world(second: &[&str], prepare: impl FnOnce(&World)) -> World {
    let world = World::new();
    build(&world, "1.0");
    publish(&world, "1.0", &[]);
    world.lay_updater();
    world.update();
    build(&world, "2.0");
    prepare(&world);
    publish(&world, "2.0", second);
    world
}

pub(crate) fn build(world: &World, version: &str) {
    fs::create_dir_all(world.build()).unwrap();
    fs::copy(demo_host(), world.build().join(exe("demo_host"))).unwrap();
    write(world.build().join("version.txt"), version);
}

pub(crate) fn publish(world: &World, version: &str, more: &[&str]) {
    let program = exe("demo_host");
    let mut all = vec!["--start", &program, "--health-seconds", "2"];
    all.extend(more);
    world.publish(version, &all);
}

pub(crate) fn trace_file(world: &World) -> PathBuf {
    world.path("starts.jsonl")
}

pub(crate) fn starts(world: &World) -> Vec<Value> {
    let text = fs::read_to_string(trace_file(world)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

pub(crate) fn program(world: &World) -> Command {
    let mut command = Command::new(world.app().join(exe("demo_host")));
    no_window(&mut command);
    command.env("UPDRAFT_DEMO_TRACE", trace_file(world));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

pub(crate) fn updater(world: &World) -> Command {
    let mut command = world.updater();
    command.env("UPDRAFT_DEMO_TRACE", trace_file(world));
    command
}

fn wait_for_idle(world: &World) {
    wait_for("the updater to end", || {
        let said = updater(world).args(["status", "--json"]).output().unwrap();
        let free = updater(world).args(["check", "--json"]).output().unwrap();
        said.status.success() && free.status.success()
    });
}

/// A110: a program that starts the updater and exits is updated and restarted with its arguments, working
/// folder and environment. A24 as the program sees it.
#[test]
fn a_program_that_hands_over_comes_back_as_it_was() {
    let world = world(&[], |_| {});
    let folder = world.path("work here");
    fs::create_dir_all(&folder).unwrap();
    let args = ["--headless", "--linger", "4", "an argument with spaces", "中文"];
    let status = program(&world).args(args).current_dir(&folder).env("DEMO_MARK", "kept").status().unwrap();
    assert!(status.success());
    wait_for("version 2 to start", || starts(&world).len() == 2);
    let starts = starts(&world);
    assert_eq!((&starts[0]["version"], &starts[1]["version"]), (&"1.0".into(), &"2.0".into()));
    assert_eq!(starts[1]["args"], serde_json::json!(args));
    assert_eq!(starts[1]["folder"], updraft::fsx::canonical(&folder).unwrap().to_str().unwrap());
    assert_eq!((&starts[1]["mark"], &starts[1]["after_update"]), (&"kept".into(), &true.into()));
    wait_for_idle(&world);
    assert_eq!(world.record()["receipt"]["number"], 2);
}

/// A76: files are switched only after the program has ended, visibly; A79 the wait is by process and start time.
#[test]
fn files_are_switched_after_the_program_has_ended() {
    let world = world(&[], |_| {});
    let mut running = Running(program(&world).args(["--no-check", "--linger", "3600"]).spawn().unwrap());
    wait_for("the program", || !starts(&world).is_empty());
    let pid = running.0.id().to_string();
    let child = updater(&world)
        .args(["update", "--json", "--no-start", "--wait-pid", &pid])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let events = world.app().join("updater/state/events.jsonl");
    wait_for("the wait", || fs::read_to_string(&events).unwrap_or_default().contains("waiting-for-host"));
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"1.0");
    running.0.kill().unwrap();
    running.0.wait().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"2.0");
}

/// A76: a program that does not close in time: a clear error with its process, nothing changed.
#[test]
fn a_program_that_stays_stops_the_update() {
    let world = world(&[], |_| {});
    let running = Running(program(&world).args(["--no-check", "--linger", "3600"]).spawn().unwrap());
    wait_for("the program", || !starts(&world).is_empty());
    let before = tree(&world.app());
    let pid = running.0.id().to_string();
    let said =
        expect(updater(&world).args(["update", "--wait-pid", &pid]).env("UPDRAFT_WAIT_FOR_PROGRAM", "1"), 60);
    assert!(said.contains(&pid) && said.contains("busy.program"), "{said}");
    assert_eq!(tree(&world.app()), before);
}

/// A81, A114: a second updater says who is at work and does no harm.
#[test]
fn a_second_updater_says_who_is_at_work() {
    let world = world(&[], |_| {});
    let running = Running(program(&world).args(["--no-check", "--linger", "3600"]).spawn().unwrap());
    wait_for("the program", || !starts(&world).is_empty());
    let pid = running.0.id().to_string();
    let first = Running(
        updater(&world)
            .args(["update", "--no-start", "--wait-pid", &pid])
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let events = world.app().join("updater/state/events.jsonl");
    wait_for("the wait", || fs::read_to_string(&events).unwrap_or_default().contains("waiting-for-host"));
    let said = expect(updater(&world).args(["update", "--no-start"]), 60);
    assert!(said.contains(&first.0.id().to_string()) && said.contains("busy.updater"), "{said}");
    expect(updater(&world).arg("check"), 10);
    drop(running);
    wait_for("the first to end", || fs::read(world.app().join("version.txt")).unwrap() == b"2.0");
}

/// A83: a version that ends at once is taken back by itself, not offered again, and the old one runs.
#[test]
fn a_version_that_does_not_live_is_taken_back() {
    let world = world(&[], |world| write(world.build().join("behave.txt"), "crash"));
    let before = tree(&world.app());
    let said = expect(
        updater(&world).args(["--headless", "--json"]).args([
            "--wait-pid",
            "1",
            "--wait-started",
            "1",
            "--",
            "--no-check",
            "--linger",
            "1",
        ]),
        70,
    );
    assert!(said.contains("rolled-back"), "{said}");
    assert_eq!(tree(&world.app()), before);
    wait_for("the old version to start", || {
        starts(&world).last().is_some_and(|start| start["version"] == "1.0")
    });
    expect(updater(&world).arg("check"), 0);
}

/// A98, A101: nothing new, started without a display: says so and starts the program.
#[cfg(unix)] // without a screen there is none to click on
#[test]
fn nothing_new_starts_the_program() {
    let world = world(&[], |_| {});
    world.update();
    let said = expect(updater(&world).args(["--", "--no-check", "--linger", "0"]), 0);
    assert!(said.contains("2.0 is the newest version"), "{said}");
    wait_for("the program", || starts(&world).iter().any(|start| start["version"] == "2.0"));
}

/// A111: after a success the program is started, and the last word is the new version.
#[cfg(unix)] // without a screen there is none to click on
#[test]
fn after_an_update_the_program_is_started() {
    let world = world(&[], |_| {});
    let said = expect(updater(&world).args(["--", "--no-check", "--linger", "0"]), 0);
    assert!(said.contains("2.0 is installed") && said.contains("Started"), "{said}");
    wait_for("the program", || starts(&world).iter().any(|start| start["version"] == "2.0"));
}

/// A112: a program that is not there after the update: an error with its path, not silence.
#[test]
fn a_missing_program_is_an_error() {
    let world = World::new();
    write(world.build().join("data.txt"), "1");
    world.publish("1.0", &[]);
    world.lay_updater();
    let said = expect(
        updater(&world).env("UPDRAFT_START", "bin/none").arg("--headless").args([
            "--wait-pid",
            "1",
            "--wait-started",
            "1",
        ]),
        50,
    );
    assert!(said.contains("none") && said.contains("start"), "{said}");
    assert_eq!(world.record()["receipt"]["number"], 1, "the update itself stands");
}

/// A35: a release that only removes files: they go, and the program starts afterwards.
#[cfg(unix)] // without a screen there is none to click on
#[test]
fn the_program_starts_after_a_removal() {
    let world = World::new();
    build(&world, "1.0");
    write(world.build().join("extra.txt"), "x");
    publish(&world, "1.0", &[]);
    world.lay_updater();
    world.update();
    fs::remove_file(world.build().join("extra.txt")).unwrap();
    publish(&world, "1.1", &[]);
    expect(updater(&world).args(["--", "--no-check", "--linger", "0"]), 0);
    assert!(!world.app().join("extra.txt").exists());
    wait_for("the program", || !starts(&world).is_empty());
}

/// A94, A96: "Later" must not lead from the program to the updater and back for ever: for a minute after the
/// updater started it, a program that asks by itself hears nothing, in any language.
#[test]
fn a_program_started_by_the_updater_is_not_asked_again_at_once() {
    let world = world(&[], |_| {});
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let check = |asked: u64, more: &[&str], code: i32| {
        expect(updater(&world).env("UPDRAFT_ASKED", asked.to_string()).arg("check").args(more), code)
    };
    check(now, &[], 0);
    check(now, &["--by-hand"], 10);
    check(now - 600, &[], 10);
}

/// A release that stands but never showed that it lives, because the updater was killed, is watched at its next
/// start, and taken back when it ends at once.
#[cfg(unix)] // without a screen there is none to click on
#[test]
fn an_unproven_version_is_watched_at_its_next_start() {
    let world = world(&[], |world| write(world.build().join("behave.txt"), "crash"));
    world.update();
    assert_eq!(world.record()["receipt"]["number"], 2);
    assert!(world.record()["unconfirmed"].is_object());
    expect(updater(&world).args(["--", "--no-check", "--linger", "0"]), 70);
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"1.0");
}
