//! `updraft verify`: every kind of damage is found and named.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test damages files by itself")]

use std::path::Path;

use updraft::publish::verify;
use updraft::release::Stamp;
use updraft::trust::sign::{KeyPair, Keys, Lifetimes, RepoState, RootChange, rotate};

use crate::vendor::{Ran, Vendor, files, noise, ran, updraft, write};

fn filled() -> Vendor {
    let vendor = Vendor::new();
    vendor.put("small", "small text ".repeat(100));
    vendor.put("big", noise(5, 2_200_000));
    vendor.publish("1");
    vendor.put("small", "other text ".repeat(100));
    vendor.publish("2");
    vendor
}

fn with_repository(of: &Vendor, damage: impl FnOnce(&Path)) -> Ran {
    let copy = Vendor::bare();
    for (name, bytes) in files(&of.repo()) {
        write(&copy.repo().join(name), &bytes);
    }
    damage(&copy.repo());
    copy.run_verify()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

/// A14: a flipped bit in any file that counts is found and the file named.
#[test]
fn a_flipped_bit_is_found_and_named() {
    let vendor = filled();
    assert_eq!(vendor.run_verify().code, 0, "{}", vendor.run_verify().out);
    let skipped = [".work/lock", "project.json"];
    let old = |name: &str| {
        ["1.snapshot", "2.snapshot", "1.targets", "2.targets"]
            .iter()
            .any(|mark| name == format!("metadata/{mark}.json"))
    };
    for (name, bytes) in files(&vendor.repo()) {
        if skipped.contains(&name.as_str()) || old(&name) {
            continue;
        }
        let ran = with_repository(&vendor, |repo| flip(&repo.join(&name), bytes.len() / 2));
        assert_eq!(ran.code, 40, "{name}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(&name), "{name}: {}", ran.out);
        assert!(ran.out.contains("flaw"), "{}", ran.out);
    }
}

/// A14: a missing file is found and named.
#[test]
fn a_missing_file_is_found_and_named() {
    let vendor = filled();
    for name in files(&vendor.repo()).into_keys() {
        if !name.starts_with("objects/") && !name.starts_with("targets/") && !name.contains("root") {
            continue;
        }
        let ran = with_repository(&vendor, |repo| std::fs::remove_file(repo.join(&name)).unwrap());
        assert_eq!(ran.code, 50, "{name}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(&name) && ran.out.contains("missing"), "{name}: {}", ran.out);
    }
}

/// A14: a bad signature is found and named, and the objects are still looked at.
#[test]
fn a_bad_signature_is_found_and_named() {
    let vendor = filled();
    let object = files(&vendor.repo()).into_keys().find(|name| name.starts_with("objects/")).unwrap();
    let ran = with_repository(&vendor, |repo| {
        let path = repo.join("metadata/timestamp.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let at = text.find("\"sig\":\"").unwrap() + 7;
        let other = if &text[at..=at] == "a" { "b" } else { "a" };
        std::fs::write(&path, format!("{}{other}{}", &text[..at], &text[at + 1..])).unwrap();
        flip(&repo.join(&object), 0);
    });
    assert_eq!(ran.code, 40);
    assert!(ran.out.contains("metadata/timestamp.json") && ran.out.contains("signature"), "{}", ran.out);
    assert!(ran.out.contains(&object), "{}", ran.out);
}

/// A14, A66: metadata that ran out and a private key in the repository are flaws, too.
#[test]
fn expiry_and_a_stray_key_are_found() {
    let vendor = filled();
    let late = "2030-01-01T00:00:00Z".parse().unwrap();
    let found = verify(vendor.repo(), late, 0, &|_, _| {}).unwrap();
    assert!(
        found.flaws.iter().any(|flaw| flaw.file == "metadata/timestamp.json" && flaw.what.contains("until"))
    );
    let ran = with_repository(&vendor, |repo| {
        std::fs::copy(vendor.keys().join("online.key"), repo.join("online.key")).unwrap();
    });
    assert!(ran.code == 40 && ran.out.contains("online.key"), "{}", ran.out);
}

#[test]
fn renewing_gives_a_later_date_and_a_valid_repository() {
    let vendor = filled();
    let read = || std::fs::read(vendor.repo().join("metadata/timestamp.json")).unwrap();
    let before = read();
    let renewed =
        ran(updraft().arg("renew").arg(vendor.repo()).arg("--keys").arg(vendor.keys()).output().unwrap());
    assert_eq!(renewed.code, 0, "{}", renewed.err);
    assert_ne!(read(), before);
    assert_eq!(vendor.run_verify().code, 0);
    assert_eq!(vendor.releases().len(), 2);
    let nowhere = ran(updraft().arg("verify").arg(vendor.path("none")).output().unwrap());
    assert_eq!(nowhere.code, 50);
}

/// A14, A62: the whole chain of roots is followed, and a broken one in the middle is named.
#[test]
fn a_broken_root_in_the_middle_is_found() {
    let vendor = filled();
    let keys = Keys::load(&vendor.keys()).unwrap();
    let change = RootChange {
        root: keys.root.iter().map(KeyPair::public).collect(),
        threshold: 1,
        release: keys.release.public(),
        online: keys.online.public(),
    };
    for _ in 0..2 {
        let state =
            RepoState::open(&|path| Ok(std::fs::read(vendor.repo().join(path)).ok())).unwrap().unwrap();
        for (path, bytes) in rotate(&state, &keys, &[], &change, Stamp::now(), Lifetimes::default()).unwrap()
        {
            write(&vendor.repo().join(path), &bytes);
        }
    }
    assert_eq!(vendor.run_verify().code, 0, "{}", vendor.run_verify().out);
    let middle = "metadata/2.root.json";
    let ran = with_repository(&vendor, |repo| flip(&repo.join(middle), 700));
    assert!(ran.code == 40 && ran.out.contains(middle), "{}", ran.out);
    let ran = with_repository(&vendor, |repo| std::fs::remove_file(repo.join(middle)).unwrap());
    assert!(ran.code == 50 && ran.out.contains(middle), "{}", ran.out);
    vendor.put("small", "third");
    assert_eq!(vendor.publish("3").number.0, 3);
    assert_eq!(vendor.run_verify().code, 0);
}
