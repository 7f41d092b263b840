//! Every way to hand a client something else than what was signed for it, and how each is refused.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests look at files directly")]

use serde_json::{Value, json};
use updraft::release::ReleaseNumber;
use updraft::report::{ErrorCode, Fault as _};
use updraft::trust::sign::Keys;
use updraft::trust::{
    Answer, MAX_ROOT, MAX_SNAPSHOT, MAX_TARGETS, MAX_TIMESTAMP, Refresh, TrustError, TrustedRepository,
    Versions,
};

use crate::trust_world::{Client, Files, TIMESTAMP, World, days, now, stable};

/// What a client that knows release 1 is served after release 2 came out: the stage for an attack.
struct Scene {
    client: Client,
    /// The repository as the client saw it.
    before: Files,
    world: World,
}

fn scene() -> Scene {
    let mut world = World::with_releases(1);
    let before = world.files.clone();
    let client = Client::current(&before);
    world.publish(2);
    Scene { client, before, world }
}

/// Does the attack, and sees that the file refused is still the one from before and release 1 still counts.
fn attacked(name: &str, refused: &str, attack: impl FnOnce(&mut Scene)) -> TrustError {
    let mut scene = scene();
    let trusted = scene.client.stored(refused);
    let floor = scene.client.floor;
    attack(&mut scene);
    let error = scene.client.refresh(&scene.world.files, now()).err();
    let error = error.unwrap_or_else(|| panic!("{name} was accepted"));
    assert_eq!(scene.client.stored(refused), trusted, "{name} changed {refused}");
    assert_eq!(scene.client.floor, floor);
    let offline = TrustedRepository::load(&scene.client.store()).unwrap();
    let releases = stable(&offline);
    assert_eq!((releases.len(), releases[0].summary.number), (1, ReleaseNumber(1)), "{name}");
    error
}

fn edit(files: &mut Files, path: &str, change: impl FnOnce(&mut Value)) {
    let mut whole: Value = serde_json::from_slice(&files[path]).unwrap();
    change(&mut whole);
    files.insert(path.to_owned(), serde_json::to_vec(&whole).unwrap());
}

fn flip_last_digit(sig: &mut Value) {
    let text = sig.as_str().unwrap().to_owned();
    let (rest, last) = text.split_at(text.len() - 1);
    *sig = json!(format!("{rest}{}", if last == "0" { "1" } else { "0" }));
}

/// The file of a role in the repository, in the store, and the key that signs it.
fn role(world: &World, role: &str) -> (String, String, String) {
    let path = if role == "timestamp" { TIMESTAMP.to_owned() } else { world.newest(role) };
    let key = if role == "timestamp" { world.keys.online.id() } else { world.keys.release.id() };
    (path, format!("{role}.json"), key)
}

const ROLES: [&str; 3] = ["timestamp", "snapshot", "targets"];

/// A60: unsigned metadata, of each role.
#[test]
fn unsigned_metadata_is_refused() {
    for name in ROLES {
        let error = attacked(name, &format!("{name}.json"), |scene| {
            let (path, _, _) = role(&scene.world, name);
            edit(&mut scene.world.files, &path, |whole| whole["signatures"] = json!([]));
            if name == "targets" {
                scene.world.bind_targets();
            }
        });
        assert!(matches!(error, TrustError::Signature { have: 0, need: 1, .. }), "{name}: {error}");
        assert_eq!(error.code(), ErrorCode::Signature);
    }
}

/// A60: metadata altered after it was signed, of each role, and signatures altered under it.
#[test]
fn altered_metadata_is_refused() {
    for name in ROLES {
        for alter_signature in [false, true] {
            let error = attacked(name, &format!("{name}.json"), |scene| {
                let (path, _, _) = role(&scene.world, name);
                edit(&mut scene.world.files, &path, |whole| {
                    if alter_signature {
                        flip_last_digit(&mut whole["signatures"][0]["sig"]);
                    } else {
                        whole["signed"]["x"] = json!(1);
                    }
                });
                if name == "targets" {
                    scene.world.bind_targets();
                }
            });
            assert!(matches!(error, TrustError::Signature { .. }), "{name}: {error}");
        }
    }
}

/// A60: metadata signed by a key that does not count: of a stranger, or of another role.
#[test]
fn metadata_signed_by_the_wrong_key_is_refused() {
    for name in ROLES {
        for stranger in [false, true] {
            let error = attacked(name, &format!("{name}.json"), |scene| {
                let folder = tempfile::tempdir().unwrap();
                let strange = Keys::generate_into(folder.path()).unwrap();
                scene.world.learn(folder.path());
                let (path, _, _) = role(&scene.world, name);
                let keys = if stranger { &strange } else { &scene.world.keys };
                let wrong = if name == "timestamp" { keys.release.id() } else { keys.online.id() };
                scene.world.forge(&path, &wrong, |_| ());
                if name == "targets" {
                    scene.world.bind_targets();
                }
            });
            assert!(matches!(error, TrustError::Signature { .. }), "{name}: {error}");
        }
    }
}

/// A60: one key that signs under many names counts once, and a doubled signature is refused as such.
#[test]
fn a_key_counts_once() {
    let mut world = World::with_releases(1);
    let (root, online) = (world.keys.root[0].id(), world.keys.online.id());
    let alias = "a".repeat(64);
    let first = "metadata/1.root.json";
    world.forge(first, &root, |signed| {
        signed["keys"][&alias] = signed["keys"][&online].clone();
        signed["roles"]["timestamp"] = json!({"keyids": [online, alias], "threshold": 2});
    });
    edit(&mut world.files, TIMESTAMP, |whole| {
        let mut second = whole["signatures"][0].clone();
        second["keyid"] = json!(alias);
        whole["signatures"].as_array_mut().unwrap().push(second);
    });
    let mut client = Client::new(&world.files);
    let error = client.refresh(&world.files, now()).unwrap_err();
    assert!(matches!(error, TrustError::Signature { have: 1, need: 2, .. }), "{error}");

    let error = attacked("doubled", "timestamp.json", |scene| {
        edit(&mut scene.world.files, TIMESTAMP, |whole| {
            let same = whole["signatures"][0].clone();
            whole["signatures"].as_array_mut().unwrap().push(same);
        });
    });
    assert!(matches!(error, TrustError::Malformed { .. }), "{error}");
}

/// A60: expired metadata, of each role; and the message says when the clock is the likelier culprit.
#[test]
fn expired_metadata_is_refused() {
    for name in ROLES {
        let error = attacked(name, &format!("{name}.json"), |scene| {
            let (path, _, key) = role(&scene.world, name);
            scene.world.forge(&path, &key, |signed| signed["expires"] = json!("2026-11-20T10:00:00Z"));
            if name == "targets" {
                scene.world.bind_targets();
            }
        });
        assert!(
            matches!(&error, TrustError::Expired { expired, .. } if *expired == now()),
            "{name}: {error}"
        );
        assert_eq!(error.code(), ErrorCode::Expired);
    }
    let world = World::with_releases(1);
    let mut client = Client::current(&world.files);
    let late = client.refresh(&world.files, days(61)).unwrap_err();
    assert!(late.hint().unwrap().contains("publisher"));
    let error = client.refresh(&world.files, days(366 * 8)).unwrap_err();
    assert!(error.hint().unwrap().contains("years ahead"));
    // A clock that moved back locks nobody out.
    assert!(client.refresh(&world.files, updraft::release::Stamp::from_unix(0)).is_ok());
}

/// A60: an expired root stops everything, but the roots after it are taken first.
#[test]
fn an_expired_root_is_refused_and_a_newer_one_helps() {
    let mut world = World::with_releases(1);
    let root = world.keys.root[0].id();
    world.forge("metadata/1.root.json", &root, |signed| signed["expires"] = json!("2026-11-19T00:00:00Z"));
    let mut client = Client::new(&world.files);
    let error = client.refresh(&world.files, now()).unwrap_err();
    assert!(matches!(&error, TrustError::Expired { file, .. } if file == "root.json"), "{error}");
    let change = world.change();
    world.rotate(&[], &change);
    assert_eq!(client.refresh(&world.files, now()).unwrap().versions().root, 2);
}

/// A60: metadata older than what was seen, with the whole old repository or with parts of it.
#[test]
fn metadata_older_than_what_was_seen_is_refused() {
    let mut world = World::with_releases(1);
    let old = world.files.clone();
    world.publish(2);
    let mut client = Client::current(&world.files);
    let error = client.refresh(&old, now()).unwrap_err();
    assert!(matches!(error, TrustError::Rollback { offered: 2, seen: 3, .. }), "{error}");
    assert_eq!(error.code(), ErrorCode::Replay);

    // The online key alone can't lead back to an old snapshot.
    let online = world.keys.online.id();
    world.forge(TIMESTAMP, &online, |signed| {
        signed["version"] = json!(9);
        signed["meta"]["snapshot.json"]["version"] = json!(2);
    });
    let error = client.refresh(&world.files, now()).unwrap_err();
    assert!(matches!(&error, TrustError::Rollback { file, .. } if file == "snapshot.json"), "{error}");
}

/// A60: a snapshot that leads back to old targets, or to none.
#[test]
fn a_snapshot_can_not_lead_back() {
    let lead = |to: Value| {
        attacked("snapshot", "snapshot.json", move |scene| {
            let (path, _, key) = role(&scene.world, "snapshot");
            scene.world.forge(&path, &key, |signed| signed["meta"] = to);
        })
    };
    let error = lead(json!({"targets.json": {"version": 1}}));
    assert!(matches!(&error, TrustError::Rollback { file, .. } if file == "targets.json"), "{error}");
    let error = lead(json!({}));
    assert!(matches!(error, TrustError::Dropped { .. }), "{error}");
    assert_eq!(error.code(), ErrorCode::Mismatch);
}

/// A60: a damaged state folder does not open the way for an old repository; the record's copy stands.
#[test]
fn the_second_copy_of_the_versions_holds_when_the_first_is_damaged() {
    let mut world = World::with_releases(1);
    let old = world.files.clone();
    world.publish(2);
    for damage in ["timestamp.json", "snapshot.json", "targets.json"] {
        let mut client = Client::current(&world.files);
        ["timestamp.json", damage].iter().for_each(|name| client.put(name, b"{"));
        let error = client.refresh(&old, now()).unwrap_err();
        assert!(matches!(error, TrustError::Rollback { .. }), "{damage}: {error}");
        assert!(client.refresh(&world.files, now()).is_ok());
    }
    // The snapshot alone holds as well, should the record be lost too.
    let mut client = Client::current(&world.files);
    client.put("timestamp.json", b"");
    client.floor = Versions::default();
    assert!(matches!(client.refresh(&old, now()), Err(TrustError::Rollback { .. })));
}

/// A60: what was seen is remembered in several places; each holds by itself when all others are lost.
#[test]
fn each_memory_of_a_version_holds_alone() {
    // The files damaged, whether the record is lost, the version led back to, and the file refused.
    let cases: [(&[&str], bool, &str, &str); 6] = [
        (&["timestamp.json", "snapshot.json", "targets.json"], false, "timestamp", TIMESTAMP),
        (&["timestamp.json", "snapshot.json", "targets.json"], false, "snapshot", "snapshot.json"),
        (&["timestamp.json"], true, "snapshot", "snapshot.json"),
        (&["snapshot.json"], true, "snapshot", "snapshot.json"),
        (&["timestamp.json", "snapshot.json"], false, "targets", "targets.json"),
        (&[], true, "targets", "targets.json"),
    ];
    for (at, (damaged, no_record, back, refused)) in cases.into_iter().enumerate() {
        let mut world = World::with_releases(2);
        let older = world.files[TIMESTAMP].clone();
        world.renew_timestamp();
        let mut client = Client::current(&world.files);
        damaged.iter().for_each(|name| client.put(name, b"?"));
        if no_record {
            client.floor = Versions::default();
        }
        let (online, release) = (world.keys.online.id(), world.keys.release.id());
        let lead_to = |world: &mut World, snapshot: u64| {
            world.forge(TIMESTAMP, &online, |signed| {
                signed["version"] = json!(50);
                signed["meta"]["snapshot.json"]["version"] = json!(snapshot);
            });
        };
        match back {
            "timestamp" => drop(world.files.insert(TIMESTAMP.to_owned(), older)),
            "snapshot" => lead_to(&mut world, 2),
            _ => {
                let newest = world.newest("snapshot");
                let old = json!({"targets.json": {"version": 2}});
                world.forge(&newest, &release, |signed| {
                    signed["version"] = json!(4);
                    signed["meta"] = old;
                });
                let bytes = world.files[&newest].clone();
                world.files.insert("metadata/4.snapshot.json".to_owned(), bytes);
                lead_to(&mut world, 4);
            }
        }
        let error = client.refresh(&world.files, now()).unwrap_err();
        assert!(matches!(&error, TrustError::Rollback { file, .. } if file == refused), "{at}: {error}");
    }
}

/// A60: an old root is not the end of the chain once a newer one was seen.
#[test]
fn a_root_held_back_is_noticed() {
    let mut world = World::with_releases(1);
    let mut client = Client::current(&world.files);
    let old = world.files.clone();
    let change = world.change();
    world.rotate(&[], &change);
    client.refresh(&world.files, now()).unwrap();
    client.put("root.json", &old["metadata/1.root.json"]);
    let error = client.refresh(&old, now()).unwrap_err();
    assert!(matches!(&error, TrustError::Rollback { file, .. } if file == "root.json"), "{error}");
    assert!(client.refresh(&world.files, now()).is_ok());
}

/// A60: parts of two states of the repository, or of two repositories, put together.
#[test]
fn mixed_metadata_is_refused() {
    let error = attacked("old snapshot under the new name", "snapshot.json", |scene| {
        let (new, old) = ("metadata/3.snapshot.json", scene.before["metadata/2.snapshot.json"].clone());
        scene.world.files.insert(new.to_owned(), old);
    });
    assert!(matches!(error, TrustError::Version { found: 2, wanted: 3, .. }), "{error}");
    assert_eq!(error.code(), ErrorCode::Mismatch);

    let error = attacked("other targets of the same version", "targets.json", |scene| {
        let (path, _, key) = role(&scene.world, "targets");
        scene.world.forge(&path, &key, |signed| signed["targets"] = json!({}));
    });
    assert!(matches!(error, TrustError::Mixed { .. } | TrustError::TooLong { .. }), "{error}");

    let error = attacked("targets of the same length", "targets.json", |scene| {
        let (path, _, key) = role(&scene.world, "targets");
        scene.world.forge(&path, &key, |signed| signed["expires"] = json!("2027-11-20T10:00:01Z"));
    });
    assert!(matches!(error, TrustError::Mixed { what: "hash", .. }), "{error}");

    let error = attacked("a snapshot as a timestamp", "timestamp.json", |scene| {
        let bytes = scene.world.files[&scene.world.newest("snapshot")].clone();
        scene.world.files.insert(TIMESTAMP.to_owned(), bytes);
    });
    assert!(matches!(error, TrustError::Signature { .. }), "{error}");

    let error = attacked("another repository", "timestamp.json", |scene| {
        scene.world = World::with_releases(2);
        scene.world.files.remove("metadata/2.root.json");
    });
    assert!(matches!(error, TrustError::Signature { .. }), "{error}");

    for name in ["snapshot", "targets"] {
        let error = attacked(name, &format!("{name}.json"), |scene| {
            let path = scene.world.newest(name);
            scene.world.files.remove(&path);
        });
        assert!(matches!(error, TrustError::Missing { .. }), "{error}");
        assert_eq!(error.code(), ErrorCode::Missing);
    }
}

/// A60: a root that the old root's keys, or its own, have not signed, or that skips a version.
#[test]
fn a_root_that_does_not_follow_is_refused() {
    let follow = |forge: fn(&mut World)| {
        attacked("root", "root.json", move |scene| {
            let change = scene.world.change();
            scene.world.rotate(&[], &change);
            forge(&mut scene.world);
        })
    };
    const NEXT: &str = "metadata/2.root.json";
    let error = follow(|world| {
        let release = world.keys.release.id();
        world.forge(NEXT, &release, |_| ());
    });
    assert!(matches!(error, TrustError::Signature { .. }), "{error}");
    let error = follow(|world| {
        let folder = tempfile::tempdir().unwrap();
        let strange = Keys::generate_into(folder.path()).unwrap().root.remove(0);
        world.learn(folder.path());
        world.forge(NEXT, &strange.id(), |signed| {
            signed["keys"][strange.id()] = json!(strange.public());
            signed["roles"]["root"]["keyids"] = json!([strange.id()]);
        });
    });
    assert!(matches!(error, TrustError::Signature { .. }), "{error}");
    let error = follow(|world| {
        let (root, online) = (world.keys.root[0].id(), world.keys.online.id());
        world.forge(NEXT, &root, |signed| signed["roles"]["root"]["keyids"] = json!([online]));
    });
    assert!(matches!(error, TrustError::Signature { have: 0, .. }), "{error}");
    let error = follow(|world| {
        let root = world.keys.root[0].id();
        world.forge(NEXT, &root, |signed| signed["version"] = json!(3));
    });
    assert!(matches!(error, TrustError::Version { found: 3, wanted: 2, .. }), "{error}");
    let error = follow(|world| {
        let root = world.keys.root[0].id();
        world.forge(NEXT, &root, |signed| signed["roles"]["root"]["threshold"] = json!(0));
    });
    assert!(matches!(error, TrustError::Signature { need: 0, .. }), "{error}");
}

/// A60: no client begins without a root, or with one that its own keys have not signed.
#[test]
fn nothing_begins_without_a_root() {
    let folder = tempfile::tempdir().unwrap();
    let store = updraft::trust::Store::open(folder.path()).unwrap();
    let error = Refresh::begin(store.clone(), now(), Versions::default()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NoRoot);
    let mut world = World::with_releases(1);
    edit(&mut world.files, "metadata/1.root.json", |whole| whole["signed"]["version"] = json!(2));
    assert!(matches!(
        store.plant_root(&world.files["metadata/1.root.json"]),
        Err(TrustError::Signature { .. })
    ));
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}

/// A64: what is longer than stated is refused after one byte too many, whatever comes behind it.
#[test]
fn endless_metadata_is_cut_at_its_limit() {
    let limits = [
        ("root", MAX_ROOT),
        ("timestamp", MAX_TIMESTAMP),
        ("snapshot", MAX_SNAPSHOT),
        ("targets", MAX_TARGETS),
    ];
    for (name, stated) in limits {
        let mut scene = scene();
        let mut refresh = Refresh::begin(scene.client.store(), now(), scene.client.floor).unwrap();
        let error = loop {
            let want = refresh.wants().unwrap();
            assert!(want.limit <= stated.max(MAX_ROOT));
            let file = scene.world.files.get(&want.path);
            if want.path.ends_with(&format!("{name}.json")) {
                let endless = vec![b' '; usize::try_from(want.limit).unwrap() + 1];
                break refresh.supply(Answer::Found(endless)).unwrap_err();
            }
            refresh.supply(file.map_or(Answer::Missing, |file| Answer::Found(file.clone()))).unwrap();
        };
        assert!(matches!(error, TrustError::TooLong { limit, .. } if limit <= stated), "{name}: {error}");
        assert!(refresh.wants().is_none(), "a refused refresh wants nothing more");
        assert!(refresh.supply(Answer::Missing).is_err());
        assert!(scene.client.refresh(&scene.world.files, now()).is_ok());
    }
}

/// A64: deeply nested, huge and ambiguous JSON is refused without a crash.
#[test]
fn bombs_of_json_are_refused() {
    let deep = |open: &str, count: usize| open.repeat(count).into_bytes();
    let wrapped = |inner: &str| format!("{{\"signatures\":[],\"signed\":{inner}}}").into_bytes();
    let bombs = [
        deep("[", 16_000),
        deep("{\"a\":", 3_000),
        wrapped(&format!("{}{}", "[".repeat(7_000), "]".repeat(7_000))),
        wrapped("1e999999"),
        wrapped("1.5"),
        wrapped("{\"a\":1,\"a\":2}"),
        b"\xff\xfe".to_vec(),
        b"null".to_vec(),
        Vec::new(),
    ];
    for bomb in bombs {
        let shown = String::from_utf8_lossy(&bomb[..bomb.len().min(40)]).into_owned();
        let error = attacked(&shown, "timestamp.json", |scene| {
            scene.world.files.insert(TIMESTAMP.to_owned(), bomb);
        });
        assert!(matches!(error, TrustError::Malformed { .. }), "{shown}: {error}");
        assert_eq!(error.code(), ErrorCode::Malformed);
    }
}

/// A26: with nothing new a check is two small requests.
#[test]
fn a_check_with_nothing_new_asks_twice_and_reads_less_than_a_kilobyte() {
    let world = World::with_releases(3);
    let mut client = Client::current(&world.files);
    client.refresh(&world.files, now()).unwrap();
    assert_eq!(client.asked, ["metadata/2.root.json", TIMESTAMP]);
    assert!(client.received < 400, "{}", client.received);
}
