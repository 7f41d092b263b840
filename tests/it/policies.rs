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

/// A38: what becomes of a file that stays when the user changed it, release by release.
#[test]
fn a_file_that_is_kept_if_modified() {
    let one = || Build(Some("one"));
    let two = || Build(Some("two"));
    let three = || Build(Some("three"));
    let mine = || User("a.ini", Some("mine"));
    tell("unmodified", &[one(), KEEP, two(), SAME, See(&[("a.ini", "two")])]);
    tell("modified, the default as before", &[one(), KEEP, mine(), SAME, See(&[("a.ini", "mine")])]);
    tell(
        "modified, a new default, a newer one, taken out of the release",
        &[
            one(),
            KEEP,
            mine(),
            two(),
            SAME,
            See(&[("a.ini", "mine"), ("a.ini.new", "two")]),
            Repair,
            SAME,
            See(&[("a.ini", "mine"), ("a.ini.new", "two")]),
            three(),
            SAME,
            See(&[("a.ini", "mine"), ("a.ini.new", "three")]),
            Build(None),
            SAME,
            See(&[("a.ini", "mine")]),
        ],
    );
    tell(
        "the user takes the new default over",
        &[
            one(),
            KEEP,
            mine(),
            two(),
            SAME,
            User("a.ini", Some("two")),
            SAME,
            See(&[("a.ini", "two")]),
            three(),
            SAME,
            See(&[("a.ini", "three")]),
        ],
    );
    tell(
        "the user has seen the new default and deleted it",
        &[
            one(),
            KEEP,
            mine(),
            two(),
            SAME,
            User("a.ini.new", None),
            SAME,
            See(&[("a.ini", "mine")]),
            three(),
            SAME,
            See(&[("a.ini", "mine"), ("a.ini.new", "three")]),
        ],
    );
    tell(
        "the user works on the new default",
        &[
            one(),
            KEEP,
            mine(),
            two(),
            SAME,
            User("a.ini.new", Some("draft")),
            SAME,
            See(&[("a.ini", "mine"), ("a.ini.new", "draft")]),
            three(),
            SAME,
            See(&[("a.ini", "mine"), ("a.ini.new", "draft"), ("a.ini.new-2", "three")]),
            Build(None),
            SAME,
            See(&[("a.ini", "mine"), ("a.ini.new", "draft")]),
        ],
    );
    tell(
        "a foreign file has the name of the new default",
        &[
            one(),
            KEEP,
            mine(),
            User("a.ini.new", Some("foreign")),
            two(),
            SAME,
            See(&[("a.ini", "mine"), ("a.ini.new", "foreign"), ("a.ini.new-2", "two")]),
        ],
    );
    tell(
        "deleted by the user it stays away, until a repair",
        &[
            one(),
            KEEP,
            User("a.ini", None),
            two(),
            SAME,
            See(&[]),
            SAME,
            See(&[]),
            Repair,
            See(&[("a.ini", "two")]),
        ],
    );
}

/// A38: a file that is written where there is none and then belongs to the user.
#[test]
fn a_file_that_is_written_once() {
    let one = || Build(Some("one"));
    let two = || Build(Some("two"));
    tell("left as it was laid", &[one(), ONCE, two(), SAME, See(&[("a.ini", "one")])]);
    tell(
        "changed, then no longer in the release",
        &[
            one(),
            ONCE,
            User("a.ini", Some("mine")),
            two(),
            SAME,
            Build(None),
            SAME,
            See(&[("a.ini", "mine")]),
        ],
    );
    tell("unchanged and no longer in the release", &[one(), ONCE, two(), SAME, Build(None), SAME, See(&[])]);
    tell(
        "deleted by the user it stays away, until a repair",
        &[one(), ONCE, User("a.ini", None), two(), SAME, See(&[]), Repair, See(&[("a.ini", "two")])],
    );
    tell(
        "new in the release where the user has one already",
        &[
            SAME,
            User("a.ini", Some("foreign")),
            one(),
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
    let one = || Build(Some("one"));
    let two = || Build(Some("two"));
    let three = || Build(Some("three"));
    let mine = || User("a.ini", Some("mine"));
    const REPLACE: Do = Release(&["--replace", "conf/*"]);
    tell(
        "kept, then replaced: the user's copy is kept aside, what lay beside goes",
        &[
            one(),
            KEEP,
            mine(),
            two(),
            SAME,
            three(),
            REPLACE,
            See(&[("a.ini", "three"), ("a.ini.user", "mine")]),
        ],
    );
    tell(
        "replaced, then kept: measured by what was laid before",
        &[one(), SAME, mine(), two(), KEEP, See(&[("a.ini", "mine"), ("a.ini.new", "two")])],
    );
    tell("once, then replaced", &[one(), ONCE, two(), SAME, REPLACE, See(&[("a.ini", "two")])]);
    tell("gone back from a conflict", &[one(), KEEP, mine(), two(), SAME, Back, See(&[("a.ini", "mine")])]);
    tell(
        "gone back after a new default was laid and changed",
        &[one(), KEEP, two(), SAME, mine(), Back, See(&[("a.ini", "one"), ("a.ini.user", "mine")])],
    );
    tell("gone back from a removal", &[one(), KEEP, Build(None), SAME, Back, See(&[("a.ini", "one")])]);
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
    assert_eq!(
        (&item("conf/a.ini.new")["action"], &item("conf/a.ini.new")["bytes"]),
        (&json!("add"), &json!(3))
    );
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
