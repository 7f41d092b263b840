//! Several mirrors of one repository, some of which lie, through the real updater.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::support::fault_server::{Fault, FaultServer};
use super::support::world::{World, expect, tree, write};

/// Release 1 installed from `old`, a copy of the repository as it was then; release 2 published.
struct Scene {
    world: World,
    old: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        write(world.build().join("app.txt"), "1");
        world.publish("1.0", &[]);
        world.lay_updater();
        world.update();
        let old = world.path("old");
        copy(&world.repo(), &old);
        write(world.build().join("app.txt"), "2");
        write(world.build().join("data.bin"), vec![7; 200_000]);
        world.publish("2.0", &[]);
        Self { world, old }
    }

    /// Makes these the sources of the installed copy, in this order.
    fn ask(&self, sources: &[&str]) {
        let config = self.world.app().join("updater/updater.json");
        let mut settings: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
        settings["sources"] = sources.into();
        write(&config, settings.to_string());
    }

    /// What the install knows of the repository.
    fn trusted(&self) -> BTreeMap<String, Option<Vec<u8>>> {
        tree(&self.world.app().join("updater/state/trusted"))
    }

    fn check(&self, code: i32) -> String {
        expect(self.world.updater().args(["check", "--json"]), code)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &place) } else { _ = fs::copy(&path, &place).unwrap() }
    }
}

/// The ways in which a mirror can be wrong about what it is asked for before any content.
fn lies(scene: &Scene) -> Vec<(&'static str, FaultServer)> {
    let liar = |part: &'static str, fault: Fault| {
        let script = move |asked: &super::support::fault_server::Asked| {
            asked.path.contains(part).then(|| fault.clone())
        };
        FaultServer::serve_folder(&scene.world.repo()).script(script)
    };
    vec![
        ("an old copy", FaultServer::serve_folder(&scene.old)),
        ("a changed timestamp", liar("timestamp", Fault::Flip(180))),
        ("a timestamp that is none", liar("timestamp", Fault::Flip(0))),
        ("no timestamp", liar("timestamp", Fault::Status(404))),
        ("a cut timestamp", liar("timestamp", Fault::ShortFile(100))),
        ("an endless timestamp", liar("timestamp", Fault::Endless)),
        ("a changed snapshot", liar("snapshot", Fault::Flip(100))),
        ("no snapshot", liar("snapshot", Fault::Status(404))),
        ("changed targets", liar("targets.json", Fault::Flip(200))),
        ("a root out of nothing", liar("root.json", Fault::OtherPlace(0))),
        ("a changed manifest", liar("targets/", Fault::Flip(50))),
        ("no manifest", liar("targets/", Fault::Status(404))),
        ("a log-in page for all", liar("", Fault::Page)),
        ("busy for an hour", liar("", Fault::RetryAfter(503, 3600))),
    ]
}

/// A52: whatever one mirror does to the metadata or the manifest, the next one is asked and the update is found
/// and done.
#[test]
fn a_mirror_with_wrong_metadata_is_left_for_the_next() {
    let scene = Scene::new();
    let good = FaultServer::serve_folder(&scene.world.repo());
    // The newest metadata is known first, so that an old copy is known to be old.
    scene.ask(&[&good.url()]);
    scene.check(10);
    let (state, before) = (scene.world.app().join("updater/state/trusted"), scene.trusted());
    let old = scene.world.path("known");
    copy(&scene.world.app().join("updater/state"), &old);
    for (what, bad) in lies(&scene) {
        for known in [true, false] {
            let is_old = what == "an old copy";
            if !known {
                if is_old {
                    continue;
                }
                // Nothing but the root is known: every file of the chain is fetched.
                for name in ["timestamp.json", "snapshot.json", "targets.json"] {
                    fs::remove_file(state.join(name)).unwrap();
                }
            }
            scene.ask(&[&bad.url(), &good.url()]);
            let said = scene.check(10);
            assert!(said.contains("2.0"), "{what}: {said}");
            assert_eq!(scene.trusted(), before, "{what}");
            assert!(!bad.requests().is_empty(), "{what}");
        }
    }
    let (_, bad) = lies(&scene).remove(1);
    scene.ask(&[&bad.url(), &good.url()]);
    let said = expect(scene.world.updater().args(["update", "--no-start", "--json"]), 0);
    assert!(said.contains("\"event\":\"mirror-left\""), "{said}");
    assert_eq!(tree(&scene.world.app()), tree(&scene.world.build()));
}

/// A52: when every mirror is wrong, that is said with the code of the refusal that says most, nothing is stored,
/// and the next good mirror is believed.
#[test]
fn when_all_mirrors_are_wrong_nothing_is_stored() {
    let scene = Scene::new();
    let good = FaultServer::serve_folder(&scene.world.repo());
    let lies = |name: &'static str| {
        move |asked: &super::support::fault_server::Asked| {
            asked.path.contains(name).then_some(Fault::Status(404))
        }
    };
    let absent = FaultServer::serve_folder(&scene.world.repo()).script(lies("timestamp"));
    scene.ask(&[&good.url()]);
    scene.check(10);
    let (before, app) = (scene.trusted(), tree(&scene.world.app()));
    let stale = FaultServer::serve_folder(&scene.old);
    scene.ask(&[&absent.url(), &stale.url()]);
    for command in [["check", "--json"], ["update", "--no-start"]] {
        let said = expect(scene.world.updater().args(command), 40);
        assert!(said.contains("trust.rollback") && said.contains(&stale.url()), "{said}");
    }
    assert_eq!((scene.trusted(), tree(&scene.world.app())), (before, app));
    scene.ask(&[&stale.url(), &good.url()]);
    scene.check(10);
}

/// A26: with two mirrors too, nothing new costs two requests on one connection, all from the first.
#[test]
fn a_check_asks_one_mirror_while_it_is_right() {
    let scene = Scene::new();
    let [first, second] = [0, 1].map(|_| FaultServer::serve_folder(&scene.world.repo()));
    scene.ask(&[&first.url(), &second.url()]);
    expect(scene.world.updater().args(["update", "--no-start"]), 0);
    let before = first.requests().len();
    scene.check(0);
    let requests = first.requests()[before..].to_vec();
    assert_eq!((requests.len(), second.requests().len()), (2, 0), "{requests:?}");
    assert_eq!(requests[0].connection, requests[1].connection);
}
