//! What the signer signs, it can follow up; what it may not sign, it refuses.

use std::collections::BTreeMap;

use super::*;
use crate::release::{Channel, Health, Manifest, Platform, ReleaseNumber, Summary, Urgency};

type Files = BTreeMap<String, Vec<u8>>;

fn now() -> Stamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn open(files: &Files) -> RepoState {
    RepoState::open(&|path| Ok(files.get(path).cloned())).unwrap().unwrap()
}

fn new() -> (Keys, Files) {
    let keys = Keys::generate().unwrap();
    let files = first(&keys, now(), Lifetimes::default()).unwrap();
    (keys, files.into_iter().collect())
}

fn names() -> (Channel, Platform) {
    (Channel::stable(), Platform::any())
}

fn release(number: u64) -> (Vec<u8>, Summary) {
    let (channel, platform) = names();
    let summary = Summary {
        number: ReleaseNumber(number),
        version: format!("{number}.0").parse().unwrap(),
        urgency: Urgency::Optional,
        minimum: ReleaseNumber::NONE,
        barrier: ReleaseNumber::NONE,
        returns_to: ReleaseNumber::NONE,
        published: now(),
        withdrawn: false,
        download_bytes: 0,
        patches: Vec::new(),
        rollout: None,
    };
    let manifest = Manifest {
        app: "MyApp".parse().unwrap(),
        channel,
        platform,
        number: summary.number,
        version: summary.version.clone(),
        published: now(),
        urgency: summary.urgency,
        minimum: summary.minimum,
        start: None,
        entries: Vec::new(),
        health: Health::default(),
        files: Vec::new(),
        folders: Vec::new(),
        packs: Vec::new(),
        deltas: Vec::new(),
        downloads: BTreeMap::new(),
        notes: BTreeMap::new(),
        versions: BTreeMap::new(),
    };
    (manifest.to_bytes().unwrap(), summary)
}

fn add(state: &RepoState, keys: &Keys, number: u64) -> Result<Vec<SignedFile>, SignError> {
    let ((manifest, summary), (channel, platform)) = (release(number), names());
    add_release(state, keys, now(), Lifetimes::default(), &channel, &platform, &manifest, &summary)
}

#[test]
fn a_repository_grows_release_by_release_and_is_named_before_it_is_pointed_to() {
    let (keys, mut files) = new();
    assert!(RepoState::open(&|_| Ok(None)).unwrap().is_none());
    assert!(files["metadata/timestamp.json"].len() < 400);
    for number in [1, 2, 5] {
        let more = add(&open(&files), &keys, number).unwrap();
        let paths: Vec<_> = more.iter().map(|(path, _)| path.as_str()).collect();
        assert!(
            paths[0].starts_with("targets/stable/any/") && paths[0].ends_with(&format!(".{number}.json"))
        );
        assert!(paths[1].ends_with(".targets.json") && paths[2].ends_with(".snapshot.json"));
        assert_eq!(paths[3..], ["metadata/timestamp.json"]);
        files.extend(more);
    }
    let state = open(&files);
    let (channel, platform) = names();
    assert_eq!(state.newest(&channel, &platform), ReleaseNumber(5));
    assert_eq!(state.versions(), Versions { root: 1, timestamp: 4, snapshot: 4, targets: 4 });
    assert!(state.releases().iter().all(|release| files.contains_key(&release.fetch_path)));
    assert!(matches!(add(&state, &keys, 5), Err(SignError::NotNewer { newest: 5, .. })));
}

#[test]
fn renewing_needs_only_the_keys_it_signs_with() {
    let (keys, mut files) = new();
    let later = now().after(DAY * 30);
    files.extend(renew_timestamp(&open(&files), &keys.online, later, Lifetimes::served()).unwrap());
    assert_eq!(open(&files).expiries().timestamp, later.after(DAY * 7));
    let offline = Keys { root: Vec::new(), ..keys };
    files.extend(renew(&open(&files), &offline, later, Lifetimes::default()).unwrap());
    assert_eq!(open(&files).versions(), Versions { root: 1, timestamp: 3, snapshot: 2, targets: 2 });
    let strange = Keys::generate().unwrap();
    assert!(matches!(add(&open(&files), &strange, 1), Err(SignError::Keys { have: 0, need: 1, .. })));
}

/// A67: a release can be taken back; its number and version can't be changed under it.
#[test]
fn a_release_can_be_withdrawn_and_not_renamed() {
    let (keys, mut files) = new();
    files.extend(add(&open(&files), &keys, 1).unwrap());
    let (channel, platform) = names();
    let amend = |files: &Files, change: fn(&mut Summary)| {
        let lives = Lifetimes::default();
        amend_release(&open(files), &keys, now(), lives, &channel, &platform, ReleaseNumber(1), change)
    };
    assert!(amend(&files, |summary| summary.number = ReleaseNumber(2)).is_err());
    files.extend(amend(&files, |summary| summary.withdrawn = true).unwrap());
    assert!(open(&files).releases()[0].summary.withdrawn);
}

#[test]
fn a_summary_that_differs_from_its_manifest_is_not_signed() {
    let (keys, files) = new();
    let ((manifest, summary), (channel, platform)) = (release(1), names());
    let sign = |manifest: &[u8], summary: &Summary, channel: &Channel| {
        let lives = Lifetimes::default();
        add_release(&open(&files), &keys, now(), lives, channel, &platform, manifest, summary)
    };
    let beta: Channel = "beta".parse().unwrap();
    assert!(matches!(sign(&manifest, &summary, &beta), Err(SignError::Differs { field: "channel", .. })));
    let other = Summary { version: "9".parse().unwrap(), ..summary.clone() };
    assert!(matches!(sign(&manifest, &other, &channel), Err(SignError::Differs { field: "version", .. })));
    assert!(matches!(sign(b"{}", &summary, &channel), Err(SignError::Manifest(_))));
    let float = Summary { rollout: Some(serde_json::json!({"share": 0.5})), ..summary };
    assert!(matches!(sign(&manifest, &float, &channel), Err(SignError::Float(_))));
}

/// A62: with a threshold of one, either root key replaces the other; without any of them nothing changes.
#[test]
fn keys_are_changed_by_the_old_ones() {
    let (mut keys, mut files) = new();
    let fresh = Keys::generate().unwrap();
    let drawer = keys.root.pop().unwrap();
    let change = RootChange {
        root: vec![drawer.public(), fresh.root[0].public()],
        threshold: 1,
        release: fresh.release.public(),
        online: fresh.online.public(),
    };
    let rotated = |files: &Files, with: &[KeyPair], keys: &Keys| {
        rotate(&open(files), keys, with, &change, now(), Lifetimes::default())
    };
    assert!(matches!(rotated(&files, &[], &fresh), Err(SignError::Keys { have: 0, .. })));
    files.extend(rotated(&files, &[drawer], &fresh).unwrap());
    assert_eq!(open(&files).versions(), Versions { root: 2, timestamp: 2, snapshot: 2, targets: 2 });
    assert!(add(&open(&files), &fresh, 1).is_ok());
    assert!(matches!(add(&open(&files), &keys, 1), Err(SignError::Keys { .. })));
}

/// A66: key files are made for their owner alone, never written over, and never shown.
#[test]
fn key_files_are_private_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("keys");
    let keys = Keys::generate_into(&dir).unwrap();
    assert!(matches!(Keys::generate_into(&dir), Err(SignError::KeyExists(_))));
    let loaded = Keys::load(&dir).unwrap();
    assert_eq!((loaded.root.len(), loaded.online.id()), (2, keys.online.id()));
    let mut secrets = Vec::new();
    for name in ["root-1.key", "root-2.key", "release.key", "online.key"] {
        let path = dir.join(name);
        if crate::platform::file::HAS_MODES {
            assert_eq!(crate::fsx::mode(&crate::fsx::stat(&path).unwrap()), 0o600, "{name}");
        }
        let text = String::from_utf8(crate::fsx::read(&path, 4096).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|line| *line == "-----BEGIN PRIVATE KEY-----").unwrap();
        secrets.push(lines[at + 1].to_owned());
    }
    let shown = format!("{keys:?} {loaded:?}");
    let signed = first(&keys, now(), Lifetimes::default()).unwrap();
    for secret in &secrets {
        assert!(!shown.contains(secret));
        assert!(signed.iter().all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains(secret)));
    }

    crate::fsx::remove_file(&dir.join("root-2.key")).unwrap();
    assert_eq!(Keys::load(&dir).unwrap().root.len(), 1);
    crate::fsx::rename(&dir.join("online.key"), &dir.join("release.key")).unwrap();
    let error = Keys::load(&dir).unwrap_err();
    assert!(matches!(error, SignError::KeyRole { .. }) && error.to_string().contains("release.key"));
    crate::fsx::write_durable(&dir.join("release.key"), secrets[0].as_bytes()).unwrap();
    let error = Keys::load(&dir).unwrap_err().to_string();
    assert!(error.contains("release.key") && !error.contains(&secrets[0]));
}

#[test]
fn mirrors_stand_in_what_is_signed_until_they_are_changed() {
    let (keys, mut files) = new();
    let set = |files: &Files, mirrors: &[String]| {
        set_mirrors(&open(files), &keys, now(), Lifetimes::default(), mirrors).unwrap()
    };
    let two = ["https://a/x".to_owned(), "http://b".to_owned()];
    let more = set(&files, &two);
    files.extend(more);
    let more = add(&open(&files), &keys, 1).unwrap();
    files.extend(more);
    assert_eq!(open(&files).mirrors(), two, "a release keeps them");
    let more = renew(&open(&files), &keys, now(), Lifetimes::default()).unwrap();
    files.extend(more);
    assert_eq!(open(&files).mirrors(), two, "a renewal keeps them");
    let more = set(&files, &[]);
    assert!(!String::from_utf8_lossy(&more[0].1).contains("mirrors"), "without any the field is not there");
    files.extend(more);
    assert!(open(&files).mirrors().is_empty());
}

#[test]
fn what_is_no_list_of_mirrors_counts_as_none_and_troubles_nobody() {
    let (keys, files) = new();
    let state = open(&files);
    let many: Vec<String> = (0..40).map(|at| format!("http://h{at}")).collect();
    let cases = [
        (serde_json::json!("http://h"), 0),
        (serde_json::json!({"a": 1}), 0),
        (serde_json::json!([1, null, "http://h", "x".repeat(2001)]), 1),
        (serde_json::json!(many), 16),
    ];
    for (value, count) in cases {
        let targets = Targets { mirrors: Some(value.clone()), ..state.targets.clone() };
        let made = follow_up(&state.root, targets, state.versions(), &keys, now(), Lifetimes::default());
        let mut files = files.clone();
        files.extend(made.unwrap());
        assert_eq!(open(&files).mirrors().len(), count, "{value}");
    }
}
