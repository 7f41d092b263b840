//! How clients follow a change of keys, and what old keys are worth after it.
#![expect(clippy::unwrap_used, reason = "tests")]

use updraft::fsx;
use updraft::trust::sign::{self, KeyPair, KeyRole, Keys, Lifetimes, SignError};
use updraft::trust::{MAX_ROTATIONS, TrustError};

use serde_json::json;

use crate::trust_world::{Client, TIMESTAMP, World, now, stable};

fn root_key() -> KeyPair {
    KeyPair::generate(KeyRole::Root).unwrap()
}

/// A62: a client that slept through any number of rotations follows them all; a long row takes two refreshes.
#[test]
fn old_clients_follow_any_number_of_rotations() {
    let mut world = World::with_releases(1);
    let mut client = Client::current(&world.files);
    let rotations = MAX_ROTATIONS + 20;
    for _ in 0..rotations {
        let old = std::mem::replace(&mut world.keys.root, vec![root_key()]);
        let change = world.change();
        world.rotate(&old, &change);
    }
    let first = client.refresh(&world.files, now()).unwrap();
    assert_eq!(first.versions().root, MAX_ROTATIONS + 1);
    let second = client.refresh(&world.files, now()).unwrap();
    assert_eq!(second.versions().root, rotations + 1);
    assert_eq!(stable(&second).len(), 1);
}

/// A62: a 2-of-3 root loses one key; the other two replace it, and one alone can't.
#[test]
fn a_lost_key_of_a_threshold_root_is_replaced() {
    let mut world = World::empty();
    world.keys.root.push(root_key());
    let files = sign::first_with_threshold(&world.keys, 2, now(), Lifetimes::default()).unwrap();
    world.files = files.into_iter().collect();
    let mut client = Client::current(&world.files);

    let lost = world.keys.root.pop().unwrap();
    let mut change = world.change();
    change.root.push(root_key().public());
    change.threshold = 2;
    let second = world.keys.root.pop().unwrap();
    let alone =
        sign::rotate(&world.state(), &world.keys, &[], &change, now(), Lifetimes::default()).unwrap_err();
    assert!(matches!(alone, SignError::Keys { have: 1, need: 2, .. }), "{alone}");
    world.keys.root.push(second);
    world.rotate(&[], &change);
    assert_eq!(client.refresh(&world.files, now()).unwrap().versions().root, 2);

    // The lost key counts no more: with one of the others it does not make two.
    world.keys.root.pop();
    let with_lost =
        sign::rotate(&world.state(), &world.keys, &[lost], &change, now(), Lifetimes::default()).unwrap_err();
    assert!(matches!(with_lost, SignError::Keys { have: 1, need: 2, .. }), "{with_lost}");
}

/// A62: of two root keys with a threshold of one, the one in the drawer replaces the one that was lost.
#[test]
fn the_key_in_the_drawer_replaces_the_other() {
    let mut world = World::with_releases(1);
    let mut client = Client::current(&world.files);
    let _lost = world.keys.root.remove(0);
    world.keys.root.push(root_key());
    let change = world.change();
    world.rotate(&[], &change);
    world.publish(2);
    assert_eq!(client.newest(&world.files).unwrap().manifest().number.0, 2);
}

/// A67: what a revoked release or online key signs is refused, also by a client that has it stored.
#[test]
fn what_a_revoked_key_signed_is_refused() {
    let mut world = World::with_releases(1);
    let mut client = Client::current(&world.files);
    let stolen = (world.keys.release.id(), world.keys.online.id());
    let fresh = Keys::generate().unwrap();
    (world.keys.release, world.keys.online) = (fresh.release, fresh.online);
    let change = world.change();
    world.rotate(&[], &change);
    let honest = world.files.clone();
    assert_eq!(client.newest(&honest).unwrap().manifest().number.0, 1);

    world.forge(TIMESTAMP, &stolen.1, |signed| signed["version"] = json!(1_000));
    let error = client.refresh(&world.files, now()).unwrap_err();
    assert!(matches!(error, TrustError::Signature { have: 0, .. }), "{error}");

    world.files = honest;
    world.renew_timestamp();
    let targets = world.newest("targets");
    world.forge(&targets, &stolen.0, |_| ());
    let snapshot = world.newest("snapshot");
    world.forge(&snapshot, &stolen.0, |_| ());
    let error = Client::new(&world.files).refresh(&world.files, now()).unwrap_err();
    assert!(matches!(error, TrustError::Signature { .. }), "{error}");
}

/// A62: a thief who counted the timestamp up to the end is undone by a change of the key, also where the
/// install's record remembers the thief's version.
#[test]
fn versions_counted_up_by_a_thief_are_forgotten_with_the_key() {
    let mut world = World::with_releases(1);
    let honest = world.files.clone();
    let online = world.keys.online.id();
    world.forge(TIMESTAMP, &online, |signed| signed["version"] = json!(u64::MAX));
    let mut client = Client::current(&world.files);
    assert_eq!(client.floor.timestamp, u64::MAX);

    world.files = honest;
    world.keys.online = Keys::generate().unwrap().online;
    let change = world.change();
    world.rotate(&[], &change);
    let mut files = world.files.clone();
    // Cut off after the new root: the record still has the old versions, the store has the new root.
    files.remove(TIMESTAMP);
    assert!(matches!(client.refresh(&files, now()), Err(TrustError::Missing { .. })));
    let versions = client.refresh(&world.files, now()).unwrap().versions();
    assert_eq!((versions.root, versions.timestamp), (2, 3));
    assert_eq!(client.floor, versions);
}

/// A newer root that ships with an updater is taken, an older one is not.
#[test]
fn a_shipped_root_only_moves_forward() {
    let mut world = World::with_releases(1);
    let client = Client::current(&world.files);
    let change = world.change();
    world.rotate(&[], &change);
    client.store().plant_root(&world.files["metadata/2.root.json"]).unwrap();
    assert_eq!(client.stored("root.json").as_ref(), Some(&world.files["metadata/2.root.json"]));
    client.store().plant_root(&world.files["metadata/1.root.json"]).unwrap();
    assert_eq!(client.stored("root.json").as_ref(), Some(&world.files["metadata/2.root.json"]));
    client.put("root.json", b"damaged");
    client.store().plant_root(&world.files["metadata/1.root.json"]).unwrap();
    assert_eq!(client.stored("root.json").as_ref(), Some(&world.files["metadata/1.root.json"]));
}

/// A66: no private key is in any file of a repository, and key files belong to their owner alone.
#[test]
fn private_keys_stay_in_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::generate_into(folder.path()).unwrap();
    let mut world = World::empty();
    world.files = sign::first(&keys, now(), Lifetimes::default()).unwrap().into_iter().collect();
    world.keys = keys;
    world.publish(1);
    let shown = format!("{:?} {:?}", world.keys, world.state().releases());
    for name in fsx::list(folder.path()).unwrap() {
        let path = folder.path().join(name);
        let text = String::from_utf8(fsx::read(&path, 4096).unwrap()).unwrap();
        let secret = text.split("-----\n").nth(1).unwrap().lines().next().unwrap();
        assert!(!shown.contains(secret));
        assert!(world.files.values().all(|bytes| !String::from_utf8_lossy(bytes).contains(secret)));
        if updraft::platform::file::HAS_MODES {
            assert_eq!(fsx::mode(&fsx::stat(&path).unwrap()), 0o600);
        }
        let before = fsx::read(&path, 4096).unwrap();
        assert!(world.keys.release.save(&path).is_err(), "a key file is never written over");
        assert_eq!(fsx::read(&path, 4096).unwrap(), before);
    }
}
