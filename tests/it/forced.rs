//! A required update that can't be had: retry or quit, and a start only where the settings allow it.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::process::Command;

use updraft::report::{Event, Step, parse_line};

use super::support::world::{World, demo_host, exe, expect, wait_for, write};

/// An install that has learnt of a required release and can't reach its server any more.
fn cut_off() -> World {
    let mut world = World::new();
    let server = world.serve(None);
    fs::create_dir_all(world.build()).unwrap();
    fs::copy(demo_host(), world.build().join(exe("demo_host"))).unwrap();
    write(world.build().join("version.txt"), "1.0");
    world.publish("1.0", &["--start", &exe("demo_host")]);
    world.lay_updater();
    world.update();
    write(world.build().join("version.txt"), "2.0");
    world.publish("2.0", &["--start", &exe("demo_host"), "--forced"]);
    expect(world.updater().arg("check"), 11);
    drop(server);
    world
}

fn updater(world: &World) -> Command {
    let mut command = world.updater();
    command.env("UPDRAFT_DEMO_TRACE", world.path("starts")).env("UPDRAFT_CHECK_TIMEOUT", "1");
    command
}

/// What the updater does for a program that handed over and has ended.
fn handed_over(command: &mut Command) -> (bool, String) {
    let words = [
        "--headless",
        "--json",
        "--wait-pid",
        "1",
        "--wait-started",
        "1",
        "--",
        "--no-check",
        "--linger",
        "0",
    ];
    let said = expect(command.args(words), 30);
    let failed = said.lines().find_map(|line| match parse_line(line) {
        Some(Event::Step(Step::Failed { may_start, remedy, .. })) => Some((may_start, remedy)),
        _ => None,
    });
    let (may_start, remedy) = failed.unwrap();
    assert_eq!(may_start, remedy == Some(updraft::report::Remedy::StartAnyway), "{said}");
    (may_start, said)
}

/// A97: required and unreachable: a clear failure, and the program is not started; with the policy it is.
#[test]
fn a_required_update_out_of_reach_bars_the_start_unless_the_policy_allows_it() {
    let world = cut_off();
    let (may_start, said) = handed_over(&mut updater(&world));
    assert!(!may_start && said.contains("network.unreachable"), "{said}");
    assert!(!said.contains("\"started\"") && !world.path("starts").exists(), "{said}");
    let (may_start, said) = handed_over(updater(&world).env("UPDRAFT_START_ANYWAY", "1"));
    assert!(may_start && said.contains("\"started\""), "{said}");
    wait_for("the program", || world.path("starts").exists());
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"1.0");
}
