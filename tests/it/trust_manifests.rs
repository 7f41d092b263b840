//! Manifests under attack, releases taken back, and random changes to whatever a server sends.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use updraft::release::{Channel, Digest, ManifestError, Platform, ReleaseNumber};
use updraft::report::{ErrorCode, Fault as _};
use updraft::trust::sign::{self, Lifetimes};
use updraft::trust::{TrustError, TrustedRepository};

use crate::trust_world::{Client, World, manifest, now, stable};

/// The JSON of a release with these files, as a thief of the release key would sign it.
fn evil(files: &Value) -> Vec<u8> {
    let mut whole: Value = serde_json::from_slice(&manifest(1).to_bytes().unwrap()).unwrap();
    whole["files"] = files.clone();
    serde_json::to_vec(&whole).unwrap()
}

fn opened(bytes: &[u8]) -> Result<(), TrustError> {
    let mut world = World::with_releases(1);
    world.forge_manifest(1, bytes);
    Client::new(&world.files).newest(&world.files).map(drop)
}

/// A63: one bad path refuses the manifest whole, also when all signatures are right.
#[test]
fn a_signed_manifest_with_one_bad_path_is_refused_whole() {
    let empty = |path: &str| json!({"path": path, "size": 0, "sha256": Digest::of(b"").hex()});
    let link = |path: &str, target: &str| json!({"path": path, "link": target});
    assert!(opened(&evil(&json!([empty("good"), link("l", "good")]))).is_ok());
    let bad = [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "C:/x",
        "C:x",
        "//server/share/x",
        "\\\\server\\share",
        "a\\b",
        "a:stream",
        "nul",
        "a/CON.txt",
        "COM1",
        "a.",
        "a ",
        "a/./b",
        "a//b",
        "",
        "a\u{0}b",
        "e\u{301}",
    ];
    for path in bad {
        let error = opened(&evil(&json!([empty("good"), empty(path)]))).unwrap_err();
        assert!(matches!(&error, TrustError::Manifest { .. }), "{path:?}: {error}");
        assert_eq!(error.code(), ErrorCode::Malformed, "{path:?}");
    }
    let collide = [("a", "A"), ("Stra\u{df}e", "STRASSE"), ("a/b", "A"), ("a", "a")];
    for (one, two) in collide {
        let error = opened(&evil(&json!([empty(one), empty(two)]))).unwrap_err();
        let collision = matches!(&error, TrustError::Manifest { source: ManifestError::Collision(..), .. });
        assert!(collision, "{one} {two}: {error}");
    }
    for target in ["../x", "/etc/passwd", "a/../../x", "..", "C:/x", "a\\b"] {
        let error = opened(&evil(&json!([empty("a"), link("l", target)]))).unwrap_err();
        let escape = matches!(&error, TrustError::Manifest { source: ManifestError::LinkEscapes { .. }, .. });
        assert!(escape, "{target}: {error}");
    }
}

/// A60, A68: a manifest with other bytes, of another release, or of a later format is never believed.
#[test]
fn a_manifest_must_be_the_one_signed() {
    let world = World::with_releases(2);
    let repository = Client::new(&world.files).refresh(&world.files, now()).unwrap();
    let [first, second] = stable(&repository).try_into().unwrap();
    let bytes = &world.files[&first.fetch_path];
    assert_eq!(repository.open_release(&first, bytes).unwrap().digest(), first.digest);

    let error = repository.open_release(&first, &bytes[1..]).unwrap_err();
    assert!(matches!(error, TrustError::Content { what: "length", .. }));
    let other = &world.files[&second.fetch_path];
    assert_eq!(bytes.len(), other.len());
    let error = repository.open_release(&first, other).unwrap_err();
    assert!(matches!(error, TrustError::Content { what: "hash", .. }));
    assert_eq!(error.code(), ErrorCode::Corrupt);

    let mut forged = first.clone();
    (forged.digest, forged.length) = (Digest::of(b"{}"), 2);
    assert!(matches!(repository.open_release(&forged, b"{}"), Err(TrustError::Unknown { .. })));

    let error = opened(&manifest(2).to_bytes().unwrap()).unwrap_err();
    assert!(matches!(error, TrustError::OtherRelease { field: "number", .. }), "{error}");
    assert_eq!(opened(br#"{"format":3}"#).unwrap_err().code(), ErrorCode::NewerFormat);
    assert_eq!(opened(&vec![b'['; 100_000]).unwrap_err().code(), ErrorCode::Malformed);
}

/// A67: a withdrawn release stays visible as withdrawn, and the withdrawal can't be hidden again.
#[test]
fn a_withdrawal_reaches_the_client_and_stays() {
    let mut world = World::with_releases(2);
    let before = world.files.clone();
    let mut client = Client::current(&before);
    let (channel, any) = (Channel::stable(), Platform::any());
    let state = world.state();
    let lives = Lifetimes::default();
    let number = ReleaseNumber(2);
    let more = sign::amend_release(&state, &world.keys, now(), lives, &channel, &any, number, |s| {
        s.withdrawn = true;
    });
    world.files.extend(more.unwrap());
    let repository = client.refresh(&world.files, now()).unwrap();
    assert!(stable(&repository)[1].summary.withdrawn);
    assert!(matches!(client.refresh(&before, now()), Err(TrustError::Rollback { .. })));
    assert!(stable(&TrustedRepository::load(&client.store()).unwrap())[1].summary.withdrawn);
}

fn mutate(bytes: &mut Vec<u8>, at: usize, kind: u8, with: u8) {
    let at = at % bytes.len();
    match kind % 4 {
        0 => bytes[at] ^= with.max(1),
        1 => bytes.truncate(at),
        2 => bytes.insert(at, with),
        _ => drop(bytes.remove(at)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// A65: whatever is done to the bytes on the way, the release is the one signed, or none.
    #[test]
    fn bytes_changed_on_the_way_never_make_another_release(
        file in any::<prop::sample::Index>(),
        second in any::<prop::sample::Index>(),
        swap in any::<bool>(),
        changes in prop::collection::vec((any::<usize>(), any::<u8>(), any::<u8>()), 1..4),
    ) {
        let mut world = World::with_releases(2);
        let change = world.change();
        world.rotate(&[], &change);
        let genuine = Client::new(&world.files).newest(&world.files).unwrap();
        let mut files: BTreeMap<_, _> = world.files.clone();
        let paths: Vec<String> = files.keys().filter(|path| *path != "metadata/1.root.json").cloned().collect();
        let target = &paths[file.index(paths.len())];
        if swap {
            let other = files[&paths[second.index(paths.len())]].clone();
            files.insert(target.clone(), other);
        } else {
            let bytes = files.get_mut(target).unwrap();
            for (at, kind, with) in changes {
                if !bytes.is_empty() {
                    mutate(bytes, at, kind, with);
                }
            }
        }
        let mut client = Client::new(&world.files);
        if let Ok(release) = client.newest(&files) {
            prop_assert_eq!(release, genuine);
        }
        // The attack over, the genuine repository is followed as if nothing had been.
        prop_assert!(client.newest(&world.files).is_ok());
    }
}
