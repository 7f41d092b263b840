//! Files the user may change: replaced, kept if modified, or written once. Through the real programs.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;

use serde_json::{Value, json};

use super::support::world::{World, expect, updraft, write};

/// What each file of `conf` says in the user's copy, without those that are as the build has them.
fn look(world: &World) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = fs::read_dir(world.app().join("conf"))
        .map(|entries| {
            entries
                .map(|entry| entry.unwrap().path())
                .map(|path| {
                    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                    // The day in the name of a copy kept aside is left out.
                    let name =
                        name.split_once(".user-").map_or(name.clone(), |(stem, _)| format!("{stem}.user"));
                    (name, fs::read_to_string(&path).unwrap())
                })
                .collect()
        })
        .unwrap_or_default();
    found.sort();
    found
}

fn plan(world: &World) -> Value {
    serde_json::from_str(expect(world.updater().args(["plan", "--json"]), 0).trim()).unwrap()
}

/// One step of a story.
#[derive(Clone, Copy)]
enum Do {
    /// The vendor's folder has this file, or no longer.
    Build(Option<&'static str>),
    /// A release with these arguments, taken by the user.
    Release(&'static [&'static str]),
    /// The user writes or deletes a file of `conf`.
    User(&'static str, Option<&'static str>),
    /// The same as an update, backwards.
    Back,
    /// A repair.
    Repair,
    /// What lies in `conf` now.
    See(&'static [(&'static str, &'static str)]),
}
use Do::{Back, Build, Release, Repair, See, User};

const KEEP: Do = Release(&["--keep-if-modified", "conf/*"]);
const ONCE: Do = Release(&["--once", "conf/*"]);
const SAME: Do = Release(&[]);

fn tell(name: &str, story: &[Do]) {
    let world = World::new();
    write(world.build().join("other"), "0");
    let mut number = 0;
    for (at, step) in story.iter().enumerate() {
        let place = format!("{name}, step {}", at + 1);
        match step {
            Build(Some(content)) => write(world.build().join("conf/a.ini"), content),
            Build(None) => fs::remove_dir_all(world.build().join("conf")).unwrap(),
            Release(more) => {
                number += 1;
                write(world.build().join("other"), number.to_string());
                world.publish(&format!("{number}.0"), more);
                if number == 1 {
                    world.lay_updater();
                }
                world.update();
                assert_eq!(world.record()["receipt"]["number"], number, "{place}");
                assert_eq!(fs::read_to_string(world.app().join("other")).unwrap(), number.to_string());
            }
            User(file, Some(content)) => write(world.app().join("conf").join(file), content),
            User(file, None) => fs::remove_file(world.app().join("conf").join(file)).unwrap(),
            Back => drop(expect(world.updater().args(["rollback", "--no-start"]), 0)),
            Repair => drop(expect(world.updater().args(["repair", "--no-start"]), 0)),
            See(wanted) => {
                let wanted: Vec<(String, String)> =
                    wanted.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
                assert_eq!(look(&world), wanted, "{place}");
            }
        }
    }
}

const ONE: Do = Build(Some("one"));
const TWO: Do = Build(Some("two"));
const THREE: Do = Build(Some("three"));
const MINE: Do = User("a.ini", Some("mine"));

/// A38: what becomes of a file that stays when the user changed it, release by release.
#[test]
fn a_file_that_is_kept_if_modified() {
    tell("unmodified", &[ONE, KEEP, TWO, SAME, See(&[("a.ini", "two")])]);
    tell("modified, the default as before", &[ONE, KEEP, MINE, SAME, See(&[("a.ini", "mine")])]);
    let gone = User("a.ini", None);
    let back = See(&[("a.ini", "two")]);
    let story = [ONE, KEEP, gone, TWO, SAME, See(&[]), SAME, See(&[]), Repair, back];
    tell("deleted by the user it stays away, until a repair", &story);
}

/// A38: where the new default of a file that stays lies, and for how long.
#[test]
fn the_new_default_lies_beside_a_file_that_is_kept() {
    let conflict = |name: &str, then: &[Do]| tell(name, &[&[ONE, KEEP, MINE, TWO, SAME], then].concat());
    const TWO_BESIDE: Do = See(&[("a.ini", "mine"), ("a.ini.new", "two")]);
    const THREE_BESIDE: Do = See(&[("a.ini", "mine"), ("a.ini.new", "three")]);
    let alone = See(&[("a.ini", "mine")]);
    let story = [TWO_BESIDE, Repair, SAME, TWO_BESIDE, THREE, SAME, THREE_BESIDE, Build(None), SAME, alone];
    conflict("it stays, is replaced by a newer one, and goes with the file", &story);
    let taken = [User("a.ini", Some("two")), SAME, See(&[("a.ini", "two")])];
    conflict("the user takes it over", &[&taken[..], &[THREE, SAME, See(&[("a.ini", "three")])]].concat());
    let seen = [User("a.ini.new", None), SAME, alone, THREE, SAME, THREE_BESIDE];
    conflict("the user has seen it and deleted it", &seen);
    let draft = See(&[("a.ini", "mine"), ("a.ini.new", "draft")]);
    let both = See(&[("a.ini", "mine"), ("a.ini.new", "draft"), ("a.ini.new-2", "three")]);
    let worked = [User("a.ini.new", Some("draft")), SAME, draft, THREE, SAME, both, Build(None), SAME, draft];
    conflict("the user works on it", &worked);
    let foreign = User("a.ini.new", Some("foreign"));
    let both = See(&[("a.ini", "mine"), ("a.ini.new", "foreign"), ("a.ini.new-2", "two")]);
    tell("a foreign file has its name", &[ONE, KEEP, MINE, foreign, TWO, SAME, both]);
}

/// A38: a file that is written where there is none and then belongs to the user.
#[test]
fn a_file_that_is_written_once() {
    tell("left as it was laid", &[ONE, ONCE, TWO, SAME, See(&[("a.ini", "one")])]);
    tell(
        "changed, then no longer in the release",
        &[ONE, ONCE, User("a.ini", Some("mine")), TWO, SAME, Build(None), SAME, See(&[("a.ini", "mine")])],
    );
    tell("unchanged and no longer in the release", &[ONE, ONCE, TWO, SAME, Build(None), SAME, See(&[])]);
    tell(
        "deleted by the user it stays away, until a repair",
        &[ONE, ONCE, User("a.ini", None), TWO, SAME, See(&[]), Repair, See(&[("a.ini", "two")])],
    );
    tell(
        "new in the release where the user has one already",
        &[
            SAME,
            User("a.ini", Some("foreign")),
            ONE,
            ONCE,
            See(&[("a.ini", "foreign")]),
            Build(None),
            SAME,
            See(&[("a.ini", "foreign")]),
        ],
    );
}

/// A38: the policy changes between releases, and releases are gone back from.
#[test]
fn policies_change_and_releases_are_gone_back_from() {
    const REPLACE: Do = Release(&["--replace", "conf/*"]);
    tell(
        "kept, then replaced: the user's copy is kept aside, what lay beside goes",
        &[ONE, KEEP, MINE, TWO, SAME, THREE, REPLACE, See(&[("a.ini", "three"), ("a.ini.user", "mine")])],
    );
    tell(
        "replaced, then kept: measured by what was laid before",
        &[ONE, SAME, MINE, TWO, KEEP, See(&[("a.ini", "mine"), ("a.ini.new", "two")])],
    );
    tell("once, then replaced", &[ONE, ONCE, TWO, SAME, REPLACE, See(&[("a.ini", "two")])]);
    tell("gone back from a conflict", &[ONE, KEEP, MINE, TWO, SAME, Back, See(&[("a.ini", "mine")])]);
    tell(
        "gone back after a new default was laid and changed",
        &[ONE, KEEP, TWO, SAME, MINE, Back, See(&[("a.ini", "one"), ("a.ini.user", "mine")])],
    );
    tell("gone back from a removal", &[ONE, KEEP, Build(None), SAME, Back, See(&[("a.ini", "one")])]);
}

/// A38, A39: a conflict is told before anything is done, by `plan` in both forms, and by the update.
#[test]
fn conflicts_are_told() {
    let world = World::new();
    write(world.build().join("conf/a.ini"), "one");
    write(world.build().join("app"), "1");
    let said = world.publish("1.0", &["--keep-if-modified", "*.ini"]);
    assert!(said.contains("1 kept if modified, 0 written once"), "{said}");
    world.lay_updater();
    world.update();
    write(world.app().join("conf/a.ini"), "mine");
    write(world.build().join("conf/a.ini"), "two");
    world.publish("2.0", &[]);
    let said = plan(&world);
    let item = |path: &str| {
        said["items"].as_array().unwrap().iter().find(|item| item["path"] == path).unwrap().clone()
    };
    assert_eq!(item("conf/a.ini")["action"], "keep");
    assert_eq!(item("conf/a.ini")["conflict"], json!({"new_default": "conf/a.ini.new"}));
    assert_eq!(item("conf/a.ini.new")["action"], "add");
    // Three bytes, in a block that says how they are packed.
    let bytes = item("conf/a.ini.new")["bytes"].as_u64().unwrap();
    assert!((3..=64).contains(&bytes), "{bytes}");
    assert_eq!(item("app")["conflict"], Value::Null);
    let said = expect(world.updater().arg("plan"), 0);
    assert!(said.contains("you changed it; the new default lies beside it as a.ini.new"), "{said}");
    let said = world.update();
    assert!(said.contains("\u{ab}conf/a.ini\u{bb} was changed by you and stays"), "{said}");
    expect(world.updater().arg("check"), 0);
}

/// A pattern that means nothing, and one that means the program itself, are refused before anything is published.
#[test]
fn patterns_that_make_no_sense_are_refused() {
    let world = World::new();
    write(world.build().join("app.exe"), "1");
    let publish = |more: &[&str]| {
        let mut command = updraft();
        command
            .arg("publish")
            .arg(world.build())
            .arg("--to")
            .arg(world.repo())
            .arg("--keys")
            .arg(world.keys());
        expect(command.args(["--version", "1.0", "--platform", "any"]).args(more), 64)
    };
    assert!(publish(&["--once", "conf/*.ini"]).contains("conf/*.ini"));
    assert!(publish(&["--once", "*.exe", "--start", "app.exe"]).contains("app.exe"));
    assert!(!world.repo().join("targets/stable").exists());
}

/// A82, A38: a copy kept aside is a file of its own. Who writes into it does not change what a rollback brings back.
#[test]
fn a_copy_kept_aside_may_be_edited_before_a_rollback() {
    let world = World::new();
    let release = |version: &str| {
        write(world.build().join("conf/a.ini"), version);
        write(world.build().join("tool"), "#!/bin/sh\n");
        world.publish(version, &["--entry", "tool"]);
    };
    release("1.0");
    world.lay_updater();
    world.update();
    write(world.app().join("conf/a.ini"), "mine");
    release("2.0");
    world.update();
    let kept = fs::read_dir(world.app().join("conf")).unwrap().map(|entry| entry.unwrap().path());
    let kept = kept.filter(|path| path.to_str().unwrap().contains(".user-")).collect::<Vec<_>>();
    write(&kept[0], "mine, and more");
    // The same for an entry that both releases have.
    write(world.app().join("tool"), "#!/bin/sh\n# mine\n");
    expect(world.updater().args(["rollback", "--no-start"]), 0);
    assert_eq!(fs::read_to_string(world.app().join("conf/a.ini")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(&kept[0]).unwrap(), "mine, and more");
    assert_eq!(fs::read_to_string(world.app().join("tool")).unwrap(), "#!/bin/sh\n# mine\n");
    assert_eq!(world.record()["receipt"]["number"], 1);
}
