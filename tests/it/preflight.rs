//! Where an install lies: what can't work is said before anything is fetched or touched, and what can work does.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use updraft::api::Updater;
use updraft::report::ErrorCode;

use super::support::rights::{as_nobody, open_way, with_mounts};
use super::support::world::{World, expect, tree, write};
use super::vendor::noise;

/// An install of release 1, and release 2 published that changes `data/x`.
fn world() -> World {
    let world = World::new();
    write(world.build().join("app.txt"), "1");
    write(world.build().join("data/x"), "1");
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    write(world.build().join("app.txt"), "2");
    write(world.build().join("data/x"), "2");
    world.publish("2.0", &[]);
    world
}

/// Runs the updater of the install after `prepare`, with mounts of its own. `$1` is the install.
fn mounted(world: &World, prepare: &str, arguments: &str) -> Option<Command> {
    with_mounts(&format!("{prepare}; exec \"$1/updater/updater\" {arguments}"), &[&world.app()])
}

fn json(said: &str) -> Value {
    serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("not one JSON object: {said}"))
}

/// A refused update names its code, fetches nothing and changes nothing.
fn refused(world: &World, command: &mut Command, code: &str, names: &[&str]) {
    let before = tree(&world.app());
    let said = expect(command, 50);
    assert!(said.contains(&format!("[{code}]")), "{said}");
    assert!(names.iter().all(|name| said.contains(name)), "{names:?} in {said}");
    assert!(!said.contains("Downloading"), "it is said before the download: {said}");
    assert_eq!(tree(&world.app()), before);
}

/// A84: a read-only mount: one clear sentence, nothing touched; a check, a plan and a verify need no right to write.
#[test]
fn a_read_only_mount_is_said_and_can_still_be_asked() {
    let world = world();
    let sealed = "mount --bind \"$1\" \"$1\"; mount -o remount,ro,bind \"$1\"";
    let Some(mut ask) = mounted(&world, sealed, "can-update --json") else { return };
    let said = json(&expect(&mut ask, 50));
    let reason = &said["reasons"][0];
    assert_eq!((&said["can_update"], &reason["code"]), (&false.into(), &"disk.read-only".into()), "{said}");
    assert_eq!(reason["remedy"]["kind"], "move-program");
    let app = world.app();
    let run = |arguments: &str| mounted(&world, sealed, arguments).unwrap();
    refused(&world, &mut run("update --no-start"), "disk.read-only", &[app.to_str().unwrap()]);
    let offer = json(&expect(&mut run("check --json"), 10));
    assert_eq!(offer["release"]["number"], 2);
    let plan = json(&expect(&mut run("plan --json"), 0));
    assert_eq!(plan["totals"]["update"], 2);
    assert_eq!(json(&expect(&mut run("verify --json"), 0))["status"], "ok");
    world.update();
    let said = expect(&mut run("update --no-start"), 0);
    assert!(said.contains("2.0 is the newest version"), "nothing to install is no failure: {said}");
}

/// A84: an install of root, run by another user: said with the owner, nothing touched, and the user still learns of
/// updates.
#[test]
fn a_user_without_rights_is_told_whose_it_is_and_still_learns_of_updates() {
    let world = world();
    for path in [world.app().join("updater/updater"), world.repo().join("x")] {
        open_way(&path);
    }
    let updater = world.app().join("updater/updater");
    let Some(mut ask) = as_nobody(&updater) else { return };
    let said = json(&expect(ask.args(["can-update", "--json"]), 50));
    let reason = &said["reasons"][0];
    assert_eq!(reason["code"], "disk.permission", "{said}");
    assert_eq!(reason["remedy"], serde_json::json!({"kind": "other-user", "owner": "root"}));
    let run = || as_nobody(&updater).unwrap();
    refused(&world, run().args(["update", "--no-start"]), "disk.permission", &["it belongs to root"]);
    expect(run().arg("check"), 10);
    expect(run().arg("verify"), 0);
    let library = Updater::in_folder(world.app().join("updater"));
    assert_eq!(library.can_update(), Ok(()), "root may");
    expect(world.updater().arg("can-update"), 0);
}

/// A54: a volume that is too small: said before the download, with both numbers.
#[test]
fn too_little_room_is_said_before_the_download_with_both_numbers() {
    let world = world();
    write(world.build().join("big.bin"), noise(9, 6_000_000));
    world.publish("3.0", &[]);
    let size = fs::metadata(env!("CARGO_BIN_EXE_updater")).unwrap().len() + 9_000_000;
    let small = format!(
        "mkdir \"$1.small\"; mount -t tmpfs -o size={size} none \"$1.small\"; cp -a \"$1/.\" \"$1.small\"; \
         mount --move \"$1.small\" \"$1\""
    );
    let Some(mut update) = mounted(&world, &small, "update --no-start") else { return };
    refused(&world, &mut update, "disk.space", &["the update needs 1", "are free", "Free at least"]);
}

/// A84: a folder of the program that is another volume: said before the download.
#[test]
fn another_volume_inside_the_install_is_said_before_the_download() {
    let world = world();
    let other = "mount -t tmpfs none \"$1/data\"; echo 1 > \"$1/data/x\"";
    let Some(mut update) = mounted(&world, other, "update --no-start") else { return };
    refused(&world, &mut update, "disk.other-volume", &["data"]);
    let said = json(&expect(&mut mounted(&world, other, "can-update --json").unwrap(), 50));
    assert_eq!(said["reasons"][0]["code"], "disk.other-volume", "{said}");
}

/// A84: a folder of the program that the user replaced by a link: said before the download, nothing is written
/// through it.
#[test]
fn a_folder_that_became_a_link_is_said_before_the_download() {
    let world = world();
    let elsewhere = world.path("elsewhere");
    fs::rename(world.app().join("data"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, world.app().join("data")).unwrap();
    let before = tree(&elsewhere);
    let said = expect(world.updater().args(["update", "--no-start"]), 50);
    assert!(said.contains("[disk.in-the-way]") && said.contains("data"), "{said}");
    assert!(!said.contains("Downloading"), "{said}");
    assert_eq!(tree(&elsewhere), before);
    assert_eq!(fs::read(world.app().join("app.txt")).unwrap(), b"1");
}

/// A84: spaces, Chinese, emoji, and more than 260 characters in the path of the install: it works.
#[test]
fn unusual_places_work() {
    let world = World::new();
    write(world.build().join("数据 one/\u{1f600}.txt"), "1");
    world.publish("1.0", &[]);
    let long = "long folder name ".repeat(6);
    for place in
        [PathBuf::from("我的 程序 \u{1f680}/App"), Path::new(&long).join(&long).join(&long).join("App")]
    {
        let app = world.path("homes").join(place);
        world.lay_updater_in(&app);
        let mut command = Command::new(app.join("updater/updater"));
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        expect(command.args(["update", "--no-start"]), 0);
        assert_eq!(tree(&app), tree(&world.build()));
    }
}

/// A84: paths longer than the system takes are said before anything is touched.
#[test]
fn a_path_that_is_too_long_is_said_before_the_download() {
    let world = World::new();
    let part = "p".repeat(200);
    write(world.build().join("a"), "1");
    write(world.build().join([part.as_str(); 4].join("/")).join("x"), "1");
    world.publish("1.0", &[]);
    let mut app = world.path("homes");
    while app.as_os_str().len() < 3300 {
        app.push("f".repeat(200));
    }
    world.lay_updater_in(&app);
    let mut command = Command::new(app.join("updater/updater"));
    let said = expect(command.args(["update", "--no-start", "--headless"]), 50);
    assert!(said.contains("[disk.path]") && !said.contains("Downloading"), "{said}");
    assert_eq!(tree(&app).len(), 0);
}

/// What the library says is what the command says, and a copy without an updater is told as such.
#[test]
fn the_library_says_the_same() {
    let world = world();
    assert_eq!(Updater::in_folder(world.app().join("updater")).can_update(), Ok(()));
    let nothing_left = tree(&world.app());
    let reasons = updraft::can_update().unwrap_err();
    assert_eq!(reasons[0].failure.code, ErrorCode::Config, "no updater lies beside a test");
    assert_eq!(tree(&world.app()), nothing_left, "asking changes nothing");
}
