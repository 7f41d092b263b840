//! Starting the program in an open swap: the stand-in ends the swap, then the program takes its place.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use updraft::install::Install;

use super::support::world::{World, expect, text, tree, wait_for, write};

/// Release 1 is installed; the real updater was killed at `place` while it switched to release 2.
fn killed_at(place: &str) -> World {
    let world = World::new();
    build(&world, "1");
    world.publish("1.0", &["--start", "bin/app", "--entry", "tool"]);
    world.lay_updater();
    world.update();
    build(&world, "2");
    world.publish("2.0", &[]);
    let killed = world.updater().args(["update", "--no-start"]).env("UPDRAFT_CHECKPOINT", place).output();
    assert_eq!(killed.unwrap().status.code(), None, "killed at {place}");
    world
}

/// Programs that say who they are and how they were started, and end with a code of their own.
fn build(world: &World, version: &str) {
    for name in ["bin/app", "tool"] {
        let script = format!(
            "#!/bin/sh\nread line\nprintf '%s|' '{name} {version}' \"$@\" \"$PWD\" \"$MARK\" \"$line\"\nexit 7\n"
        );
        let path = world.build().join(name);
        write(&path, script);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    write(world.build().join("lib/data"), version);
}

fn start(world: &World, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["an argument", "中文"]).current_dir(world.path("home")).env("MARK", "kept");
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts a program with a line on its standard input.
fn run(world: &World, program: &Path) -> Output {
    finish(start(world, program).spawn().unwrap())
}

fn finish(mut child: std::process::Child) -> Output {
    use std::io::Write as _;
    // A program that failed to start has closed its end.
    child.stdin.take().unwrap().write_all(b"typed\n").ok();
    child.wait_with_output().unwrap()
}

/// The program ran, as it was started, and the install is wholly of one release.
fn is_whole(world: &World, output: &Output, name: &str) -> String {
    assert_eq!(output.status.code(), Some(7), "{}", text(output));
    let version = String::from_utf8(fs::read(world.app().join("lib/data")).unwrap()).unwrap();
    let home = world.path("home").canonicalize().unwrap();
    let wanted = format!("{name} {version}|an argument|中文|{}|kept|typed|", home.display());
    assert_eq!(String::from_utf8_lossy(&output.stdout), wanted);
    let scripts: Vec<String> = ["bin/app", "tool"]
        .map(|name| String::from_utf8(fs::read(world.app().join(name)).unwrap()).unwrap())
        .into();
    assert!(scripts.iter().all(|script| script.contains(&format!(" {version}'"))), "{scripts:?}");
    assert_eq!(world.record()["receipt"]["number"].to_string(), version);
    assert!(!world.app().join("updater/state/txn/journal").exists());
    version
}

/// A71: the updater is killed at places all over the swap; starting the program ends the swap, and the program runs
/// with the arguments, folder, environment, standard input and exit code it would have had.
#[test]
fn starting_the_program_ends_the_swap_and_runs_it() {
    for place in ["interlock.flush", "switch.file", "verify.file", "commit", "entry.file"] {
        let world = killed_at(place);
        let output = run(&world, &world.app().join("bin/app"));
        assert_eq!(is_whole(&world, &output, "bin/app"), "2", "{place}");
        expect(world.updater().arg("check"), 0);
    }
}

/// A71: every entry guards the swap, also when it is started through a link that lies elsewhere.
#[test]
fn a_link_and_a_second_entry_end_the_swap_too() {
    let world = killed_at("switch.file");
    symlink(world.app().join("bin/app"), world.path("link")).unwrap();
    let output = run(&world, &world.path("link"));
    is_whole(&world, &output, "bin/app");
    let world = killed_at("switch.file");
    let output = run(&world, &world.app().join("tool"));
    is_whole(&world, &output, "tool");
}

/// A71: a copy of the stand-in under a name that is none of the release's runs the program of the release.
#[test]
fn the_stand_in_under_another_name_starts_the_program() {
    for name in ["bin/app-old", "renamed"] {
        let world = killed_at("switch.file");
        fs::copy(world.app().join("bin/app"), world.app().join(name)).unwrap();
        let output = run(&world, &world.app().join(name));
        is_whole(&world, &output, "bin/app");
    }
}

/// A71, A81: starts while a recovery is at work wait for it, then run.
#[test]
fn starts_during_a_recovery_wait_for_it() {
    let world = killed_at("switch.file");
    let install = Install::at(world.app().canonicalize().unwrap(), "updater".parse().unwrap());
    let guard = install.lock("recovery").unwrap();
    let programs: Vec<PathBuf> = vec![world.app().join("bin/app"), world.app().join("tool")];
    let mut waiting: Vec<_> =
        programs.iter().map(|program| start(&world, program).spawn().unwrap()).collect();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(waiting.iter_mut().all(|child| child.try_wait().unwrap().is_none()), "they wait");
    drop(guard);
    for (child, name) in waiting.into_iter().zip(["bin/app", "tool"]) {
        let output = finish(child);
        assert!(text(&output).contains("it starts in a moment"), "{}", text(&output));
        let said = Output { stderr: Vec::new(), ..output };
        is_whole(&world, &said, name);
    }
}

/// A71: a start waits for the end of the swap and no longer: not for the updater that then watches the new version.
#[test]
fn a_start_waits_for_the_swap_and_not_for_the_updater() {
    let world = killed_at("switch.file");
    let install = Install::at(world.app().canonicalize().unwrap(), "updater".parse().unwrap());
    let guard = install.lock("update").unwrap();
    let waiting = start(&world, &world.app().join("bin/app")).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    install.recover(&guard).unwrap();
    let output = finish(waiting);
    is_whole(&world, &Output { stderr: Vec::new(), ..output }, "bin/app");
    drop(guard);
}

/// A71: what can't be recovered is said clearly, with an exit code, and nothing is lost.
#[test]
fn a_recovery_that_fails_is_told() {
    let world = killed_at("switch.file");
    let journal = world.app().join("updater/state/txn/journal");
    let mut bytes = fs::read(&journal).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    write(&journal, bytes);
    let before = tree(&world.app());
    let output = run(&world, &world.app().join("bin/app"));
    assert_eq!(output.status.code(), Some(50), "{}", text(&output));
    let said = text(&output);
    assert!(said.contains("journal is damaged") && said.contains("[state.journal]"), "{said}");
    assert_eq!(tree(&world.app()), before);
    expect(world.updater().args(["repair", "--no-start"]), 0);
    wait_for("the program", || run(&world, &world.app().join("bin/app")).status.code() == Some(7));
}

/// A journal that somebody else laid where everybody may write is none of ours: it must never decide what is done to
/// the files here.
#[test]
fn a_journal_of_a_stranger_is_not_followed() {
    let world = World::new();
    write(world.build().join("a"), "1");
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    let (shared, tools) = (world.path("shared/state/txn/journal"), world.path("tools/updater"));
    write(&shared, "not even a journal");
    expect(world.updater().arg("status"), 0);
    write(&tools, fs::read(env!("CARGO_BIN_EXE_updater")).unwrap());
    fs::set_permissions(&tools, fs::Permissions::from_mode(0o755)).unwrap();
    // One of our own is looked at.
    assert!(expect(Command::new(&tools).arg("--version"), 50).contains("[state.journal]"));
    if std::os::unix::fs::chown(&shared, Some(65_534), None).is_ok() {
        expect(Command::new(&tools).arg("--version"), 0);
    }
}
