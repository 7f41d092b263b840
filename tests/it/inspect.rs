//! `updraft inspect`: what each kind of file and folder says, for people and as JSON.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::path::Path;

use super::support::world::{World, expect, updraft, write};

fn text(path: &Path, code: i32) -> String {
    expect(updraft().arg("inspect").arg(path), code)
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&expect(updraft().arg("inspect").arg(path).arg("--json"), 0)).unwrap()
}

fn only(folder: &Path, end: &str) -> std::path::PathBuf {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.into_iter().rfind(|path| path.to_string_lossy().ends_with(end)).unwrap()
}

#[test]
fn everything_of_ours_can_be_looked_at() {
    let world = World::new();
    write(world.build().join("version.txt"), "1.0");
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    let repository = json(&world.repo());
    assert_eq!((&repository["kind"], &repository["app"]), (&"repository".into(), &"App".into()));
    assert_eq!(repository["releases"][0]["version"], "1.0");
    assert_eq!((repository["root_keys"].as_array().unwrap().len(), &repository["threshold"]), (2, &1.into()));
    assert!(text(&world.repo(), 0).contains("r1 1.0 (stable, any): everybody"));

    for place in [world.app(), world.app().join("updater")] {
        let install = json(&place);
        assert_eq!((&install["kind"], &install["files"]), (&"install".into(), &1.into()));
        assert_eq!(install["record"]["receipt"]["version"], "1.0");
        assert!(install["record"].get("marks").is_none());
        assert!(text(&place, 0).contains("An install of 1.0 (r1)"));
    }

    let manifest = only(&world.repo().join("targets/stable/any"), ".1.json");
    assert_eq!((&json(&manifest)["kind"], &json(&manifest)["files"]), (&"manifest".into(), &1.into()));
    assert!(text(&manifest, 0).contains("version.txt"));

    let targets = only(&world.repo().join("metadata"), ".targets.json");
    let looked = json(&targets);
    assert_eq!(
        (&looked["kind"], &looked["role"], &looked["version"]),
        (&"metadata".into(), &"targets".into(), &2.into())
    );
    assert!(text(&targets, 0).contains("stable/any/1.json"));
    assert!(text(&world.repo().join("metadata/root.json"), 0).contains("targets: 1 of"));

    let bundle = world.path("App.updraft");
    expect(updraft().args(["bundle", "export"]).arg(world.repo()).arg("--out").arg(&bundle), 0);
    assert_eq!(json(&bundle)["kind"], "bundle");
    assert!(text(&bundle, 0).contains("A bundle of App"));

    let key = world.keys().join("release.key");
    let looked = json(&key);
    assert_eq!(
        (&looked["kind"], &looked["role"], &looked["kept"]),
        (&"key".into(), &"release".into(), &"open".into())
    );
    let secret =
        fs::read_to_string(&key).unwrap().split("-----\n").nth(1).unwrap().lines().next().unwrap().to_owned();
    assert!(!text(&key, 0).contains(&secret) && !looked.to_string().contains(&secret));
}

#[test]
fn what_is_not_ours_is_told_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x"), "hello").unwrap();
    fs::write(dir.path().join("y.json"), "{\"format\": 1}").unwrap();
    for name in ["x", "y.json", ""] {
        let said = text(&dir.path().join(name), 64);
        assert!(said.contains("is nothing that Updraft knows"), "{said}");
    }
    let missing = text(&dir.path().join("none"), 50);
    assert!(missing.contains("none"), "{missing}");
}
