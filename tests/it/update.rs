//! What an update does to the files of a program, through the real programs.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::support::world::{World, exe, expect, tree, write};

/// An install of release 1 made of `files`.
fn installed(files: &[(&str, &str)]) -> World {
    let world = World::new();
    for (path, content) in files {
        write(world.build().join(path), content);
    }
    fs::create_dir_all(world.build()).unwrap();
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
    world
}

/// A01, A30, A34, A39: `plan` shows it before anything is done; added, changed, removed and kept files, in sub-folders and empty folders, in one run.
#[test]
fn one_update_adds_changes_and_removes() {
    let world =
        installed(&[("bin/app", "1"), ("bin/lib/a.dll", "a"), ("keep/me.txt", "k"), ("old/x/gone.txt", "g")]);
    write(world.build().join("bin/app"), "2");
    write(world.build().join("new/deep/file.txt"), "n");
    fs::create_dir_all(world.build().join("empty/inner")).unwrap();
    fs::remove_dir_all(world.build().join("old")).unwrap();
    let said = world.publish("2.0", &[]);
    assert!(said.contains("changed 1, added 2, removed 1"), "a file and an empty folder: {said}");
    let said = expect(world.updater().args(["plan", "--json"]), 0);
    let plan: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    let mut actions: Vec<(String, String)> = plan["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["path"].as_str().unwrap().to_owned(), item["action"].as_str().unwrap().to_owned()))
        .collect();
    actions.sort();
    let expected = [
        ("bin/app", "update"),
        ("bin/lib/a.dll", "keep"),
        ("keep/me.txt", "keep"),
        ("new/deep/file.txt", "add"),
        ("old/x/gone.txt", "remove"),
    ];
    assert_eq!(actions, expected.map(|(path, action)| (path.to_owned(), action.to_owned())));
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
    assert!(!world.app().join("old").exists(), "A75: emptied folders are gone");
    assert!(world.app().join("empty/inner").is_dir());
}

/// A05: a file deleted in one release and back in a later one has the later content.
#[test]
fn a_file_that_left_and_came_back_is_there() {
    let world = installed(&[("a", "first"), ("b", "b")]);
    fs::remove_file(world.build().join("a")).unwrap();
    world.publish("2.0", &[]);
    write(world.build().join("a"), "third");
    world.publish("3.0", &[]);
    world.update();
    assert_eq!(fs::read(world.app().join("a")).unwrap(), b"third");
}

/// A33: files no release ever listed are untouched, also inside folders of the program; a folder goes only
/// when it is empty.
#[test]
fn files_of_the_user_stay() {
    let world = installed(&[("bin/app", "1"), ("plugins/ours.dll", "o")]);
    write(world.app().join("plugins/mine.dll"), "mine");
    write(world.app().join("notes.txt"), "my notes");
    write(world.build().join("bin/app"), "2");
    fs::remove_dir_all(world.build().join("plugins")).unwrap();
    world.publish("2.0", &[]);
    world.update();
    assert_eq!(fs::read(world.app().join("plugins/mine.dll")).unwrap(), b"mine");
    assert_eq!(fs::read(world.app().join("notes.txt")).unwrap(), b"my notes");
    assert!(!world.app().join("plugins/ours.dll").exists());
}

/// A35, A75: a release that only removes files.
#[test]
fn a_release_that_only_removes() {
    let world = installed(&[("a", "1"), ("b/c", "2")]);
    fs::remove_dir_all(world.build().join("b")).unwrap();
    world.publish("2.0", &[]);
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
    assert_eq!(world.record()["receipt"]["number"], 2);
    assert!(world.record()["receipt"]["files"].get("b/c").is_none());
}

/// A36: a release whose files are already there: the number is stored and the next check says none.
#[test]
fn a_release_that_changes_nothing_here_is_recorded() {
    let world = installed(&[("a", "1")]);
    write(world.build().join("a"), "2");
    world.publish("2.0", &[]);
    write(world.app().join("a"), "2");
    world.update();
    assert_eq!(world.record()["receipt"]["number"], 2);
    expect(world.updater().arg("check"), 0);
}

/// A25: without local state a full plan results, and files already right on disk are kept, not fetched.
#[test]
fn an_install_that_lost_its_state_finds_itself_again() {
    let world = installed(&[("a", "1"), ("b", "2")]);
    fs::remove_dir_all(world.app().join("updater/state")).unwrap();
    fs::remove_file(world.app().join("b")).unwrap();
    let said = expect(world.updater().args(["plan", "--json"]), 0);
    let plan: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!((&plan["totals"]["keep"], &plan["totals"]["add"]), (&1.into(), &1.into()), "{plan}");
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
    expect(world.updater().arg("check"), 0);
}

/// A31: an unchanged file of 100 MB and a changed one of 1 KB: under 10 KB of content to fetch.
#[test]
fn only_what_changed_is_fetched() {
    let world = World::new();
    let big = fs::File::create({
        fs::create_dir_all(world.build()).unwrap();
        world.build().join("big.bin")
    })
    .unwrap();
    big.set_len(100_000_000).unwrap();
    write(world.build().join("small"), vec![1; 1024]);
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    let noise: Vec<u8> = (0..1024_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    write(world.build().join("small"), noise);
    world.publish("2.0", &[]);
    let plan: serde_json::Value =
        serde_json::from_str(expect(world.updater().args(["plan", "--json"]), 0).trim()).unwrap();
    assert!(plan["totals"]["fetch_bytes"].as_u64().unwrap() < 10_000, "{}", plan["totals"]);
    world.update();
    assert_eq!(fs::metadata(world.app().join("big.bin")).unwrap().len(), 100_000_000);
}

/// A32: a damaged and a deleted file of the installed release come back by `repair`, and only they.
#[test]
fn repair_brings_back_what_is_damaged() {
    let world = installed(&[("a", "right"), ("b", "also right"), ("c", "untouched")]);
    write(world.app().join("a"), "wrong");
    fs::remove_file(world.app().join("b")).unwrap();
    let said = expect(world.updater().args(["repair", "--no-start"]), 0);
    assert!(said.contains("1 to add, 1 to update, 0 to remove, 1 to keep"), "{said}");
    assert_eq!(tree(&world.app()), tree(&world.build()));
}

/// A80: the executable bit and symbolic links are kept.
#[cfg(unix)]
#[test]
fn modes_and_links_arrive() {
    let world = World::new();
    write(world.build().join("bin/tool"), "#!");
    fs::set_permissions(world.build().join("bin/tool"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("bin/tool", world.build().join("current")).unwrap();
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    let mode = fs::metadata(world.app().join("bin/tool")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(fs::read_link(world.app().join("current")).unwrap().to_str(), Some("bin/tool"));
    fs::set_permissions(world.build().join("bin/tool"), fs::Permissions::from_mode(0o700)).unwrap();
    world.publish("1.1", &[]);
    world.update();
    let mode = fs::metadata(world.app().join("bin/tool")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "a change of mode alone is an update");
}

/// A07 in part, A84 in part: empty files, spaces, Chinese and emoji in names.
#[test]
fn unusual_names_and_empty_files_arrive() {
    let world =
        installed(&[("空 文件夹/模块 一.dll", "模块"), ("😀.txt", ""), (".hidden", "h"), ("a b/c d", "x")]);
    write(world.build().join("空 文件夹/模块 一.dll"), "新模块");
    world.publish("2.0", &[]);
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
}

/// A file the user changed gives way to the new one and is kept beside it.
#[test]
fn a_changed_file_is_kept_beside() {
    let world = installed(&[("config.ini", "default 1")]);
    write(world.app().join("config.ini"), "my setting");
    write(world.build().join("config.ini"), "default 2");
    world.publish("2.0", &[]);
    world.update();
    assert_eq!(fs::read(world.app().join("config.ini")).unwrap(), b"default 2");
    let kept = fs::read_dir(world.app())
        .unwrap()
        .map(|entry| entry.unwrap())
        .find(|entry| entry.file_name().to_string_lossy().starts_with("config.ini.user-"))
        .expect("a copy beside");
    assert_eq!(fs::read(kept.path()).unwrap(), b"my setting");
}

/// A82 in part: `rollback` brings back the release before, with the source gone.
#[test]
fn rollback_works_offline() {
    let world = installed(&[("a", "1"), ("gone", "g")]);
    let before = tree(&world.app());
    write(world.build().join("a"), "2");
    write(world.build().join("more"), "m");
    fs::remove_file(world.build().join("gone")).unwrap();
    world.publish("2.0", &[]);
    world.update();
    fs::rename(world.repo(), world.path("away")).unwrap();
    expect(world.updater().args(["rollback", "--no-start"]), 0);
    assert_eq!(tree(&world.app()), before);
    assert_eq!(world.record()["receipt"]["number"], 1);
}

/// A79: the release contains the updater itself: it is replaced while it runs, and the new one goes on.
#[test]
fn the_updater_replaces_itself() {
    let world = World::new();
    let program = fs::read(env!("CARGO_BIN_EXE_updater")).unwrap();
    let name = exe("updater/updater");
    let lay = |bytes: &[u8]| {
        let path = world.build().join(&name);
        write(&path, bytes);
        updraft::fsx::set_mode(&path, 0o755).unwrap();
    };
    lay(&program);
    write(world.build().join("a"), "1");
    world.publish("1.0", &["--entry", &name]);
    world.lay_updater();
    world.update();
    // A program file may have anything after its end.
    let newer = [program.as_slice(), b"second"].concat();
    lay(&newer);
    write(world.build().join("a"), "2");
    world.publish("2.0", &["--entry", &name]);
    world.update();
    assert!(fs::read(world.app().join(&name)).unwrap() == newer);
    assert_eq!(fs::read(world.app().join("a")).unwrap(), b"2");
    expect(world.updater().arg("check"), 0);
    expect(world.updater().args(["rollback", "--no-start"]), 0);
    assert!(fs::read(world.app().join(&name)).unwrap() == program);
}

/// A repository of another program is refused, be it signed with the same keys.
#[test]
fn another_programs_release_is_refused() {
    let world = installed(&[("a", "1")]);
    let config = world.app().join("updater/updater.json");
    let text = fs::read_to_string(&config).unwrap().replace("\"App\"", "\"Other\"");
    write(&config, text);
    write(world.build().join("a"), "2");
    world.publish("2.0", &[]);
    let said = expect(world.updater().args(["update", "--no-start"]), 40);
    assert!(said.contains("Other") && said.contains("trust.mismatch"), "{said}");
    assert_eq!(fs::read(world.app().join("a")).unwrap(), b"1");
}

/// A version that was gone back from is not taken again by itself, but when a person asks.
#[test]
fn a_version_gone_back_from_is_not_offered_by_itself() {
    let world = installed(&[("a", "1")]);
    write(world.build().join("a"), "2");
    world.publish("2.0", &[]);
    world.update();
    expect(world.updater().args(["rollback", "--no-start"]), 0);
    expect(world.updater().arg("check"), 0);
    expect(world.updater().args(["check", "--by-hand"]), 10);
}
