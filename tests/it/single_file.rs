//! Programs that are one file, and installs that belong to the system.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::support::rights::{as_nobody, open_way};
use super::support::world::{World, demo_host, expect, wait_for, write};

/// A file that unpacks a program to a folder of its own and runs it there, with the variables that the runtime of an
/// AppImage sets: the program does not see where its file lies but by them.
fn image(path: &Path, version: &str) {
    let program = demo_host().with_file_name("vendor_app");
    let payload = fs::read(&program).unwrap();
    let head = format!(
        "#!/bin/sh\nexport APPIMAGE=\"$0\"\nAPPDIR=$(mktemp -d /tmp/.mount_MyAppXXXXXX); export APPDIR\n\
         mkdir -p \"$APPDIR/usr/bin\"\ntail -c {} \"$0\" > \"$APPDIR/usr/bin/vendor_app\"\n\
         echo {version} > \"$APPDIR/usr/bin/version\"\nchmod +x \"$APPDIR/usr/bin/vendor_app\"\n\
         \"$APPDIR/usr/bin/vendor_app\" \"$@\"\ncode=$?\nrm -r \"$APPDIR\"\nexit $code\n",
        payload.len()
    );
    write(path, [head.as_bytes(), &payload].concat());
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A113, A110: a program that is a single file, in a folder it shares with others, updates itself and starts again.
#[test]
fn a_program_that_is_one_file_updates_itself() {
    let world = World::new();
    let publish = |version: &str| {
        image(&world.build().join("MyApp.AppImage"), version);
        let confirm = ["--start", "MyApp.AppImage", "--confirm-health", "--health-seconds", "60"];
        world.publish(version, &confirm);
    };
    publish("1.0");
    expect(&mut world.package("dist", &["--format", "folder", "--updater-dir", "MyApp.updater"]), 0);
    // Among other programs of the person, one of which is kept up to date as well.
    let shared = world.path("Applications");
    fs::rename(world.path("dist/App"), &shared).unwrap();
    write(shared.join("Another.AppImage"), "another");
    write(shared.join("Another.updater/updater.json"), "{}");
    let work = world.path("work");
    let run = || {
        let mut program = Command::new(shared.join("MyApp.AppImage"));
        program.arg(&work).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        expect(program.stdout(Stdio::null()), 0)
    };
    run();
    assert_eq!(fs::read_to_string(&work).unwrap(), "1.0\n");
    publish("2.0");
    run();
    wait_for("the new version", || fs::read_to_string(&work).unwrap() == "1.0\n2.0\n");
    let record = shared.join("MyApp.updater/state/installed.json");
    let record = || serde_json::from_slice::<serde_json::Value>(&fs::read(&record).unwrap()).unwrap();
    wait_for("its word", || record()["unconfirmed"].is_null());
    assert_eq!(record()["receipt"]["number"], 2);
    assert_eq!(fs::read(shared.join("Another.AppImage")).unwrap(), b"another");
}

/// An install of root with release 1, and release 2 published.
fn systems_install() -> World {
    let world = World::new();
    let lay = |text: &str| {
        write(world.build().join("app.txt"), text);
        write(world.build().join("data/inner/a.txt"), text);
    };
    lay("1");
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    lay("2");
    world.publish("2.0", &[]);
    for path in [world.app().join("updater/updater"), world.repo().join("x")] {
        open_way(&path);
    }
    world
}

/// A84: an install that belongs to the system: its user is told in one sentence what an administrator runs.
#[test]
fn an_install_of_the_system_says_how_it_is_updated() {
    let world = systems_install();
    let updater = world.app().join("updater/updater");
    let Some(mut update) = as_nobody(&updater) else { return };
    let said = expect(update.args(["update", "--no-start"]), 50);
    let command = format!("'{}' update-for-all", updater.display());
    assert!(said.contains("disk.permission") && said.contains(&command), "{said}");
    assert!(said.contains("sudo ") || said.contains("pkexec "), "{said}");
    let said = expect(as_nobody(&updater).unwrap().arg("update-for-all"), 50);
    assert!(said.contains("[disk.permission]"), "another user gains nothing by it: {said}");
    assert_eq!(fs::read(world.app().join("app.txt")).unwrap(), b"1");
    expect(world.updater().arg("update-for-all"), 0);
    assert_eq!(fs::read(world.app().join("app.txt")).unwrap(), b"2");
    expect(as_nobody(&updater).unwrap().arg("check"), 0);
}

/// A84: the step with the rights of the system takes nothing from its caller: no option, no variable, and no install that
/// others may change.
#[test]
fn the_step_for_all_users_takes_nothing_from_its_caller() {
    if !super::support::rights::is_root() {
        return super::support::rights::skip("an install of the system needs root");
    }
    let world = systems_install();
    for more in
        [["--source", "/tmp"], ["--config", "/tmp/x.json"], ["--install", "/tmp"], ["--wait-pid", "1"]]
    {
        let said = expect(world.updater().arg("update-for-all").args(more), 64);
        assert!(said.contains("takes nothing from its caller"), "{said}");
    }
    let app = world.app();
    // The last two are folders the release writes to: somebody could lay a link there while files are switched.
    for path in ["updater/updater.json", "updater", "", "data", "data/inner"] {
        let path = app.join(path);
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let said = expect(world.updater().arg("update-for-all"), 50);
        assert!(said.contains("may be changed by others than the system"), "{said}");
        fs::set_permissions(&path, before).unwrap();
    }
    assert_eq!(fs::read(app.join("app.txt")).unwrap(), b"1");
    // A folder of its own for what users keep there is nothing to the release.
    fs::create_dir_all(app.join("shared")).unwrap();
    fs::set_permissions(app.join("shared"), fs::Permissions::from_mode(0o777)).unwrap();
    let mut hostile = world.updater();
    hostile
        .arg("update-for-all")
        .env("UPDRAFT_SOURCES", "http://127.0.0.1:9/evil")
        .env("UPDRAFT_ENABLED", "no");
    expect(hostile.env("HTTP_PROXY", "http://127.0.0.1:9").env("UPDRAFT_CHANNEL", "evil"), 0);
    assert_eq!(fs::read(app.join("app.txt")).unwrap(), b"2");
    assert_eq!(fs::read(app.join("data/inner/a.txt")).unwrap(), b"2");
}
