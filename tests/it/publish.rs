//! Publishing: what is seen, what is said, what is written.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test looks at files by itself")]

use std::os::unix::fs::{PermissionsExt, symlink};

use updraft::plan::{self, Action, Found, Inventory, Mode, Receipt, Way};
use updraft::publish::{Order, PublishError, init, publish};
use updraft::release::{Digest, Entry, ReleaseNumber, Urgency};

use crate::vendor::{Vendor, files, noise, updraft, write};

fn refused(order: &Order) -> PublishError {
    publish(order, &|_, _, _| {}).unwrap_err()
}

/// A01: a first release lists every file, link and empty folder with path, size, digest and mode.
#[test]
fn a_first_release_lists_the_whole_tree() {
    let vendor = Vendor::new();
    vendor.put("myapp", "#!/bin/true\n");
    std::fs::set_permissions(vendor.build().join("myapp"), PermissionsExt::from_mode(0o755)).unwrap();
    vendor.put("lib/deep/\u{63d2}\u{4ef6} a.txt", "text ".repeat(5000));
    vendor.put(".hidden/x", "");
    vendor.put("big.bin", noise(1, 2_500_000));
    std::fs::create_dir_all(vendor.build().join("plugins/empty")).unwrap();
    symlink("deep", vendor.build().join("lib/current")).unwrap();
    let ran = vendor.run_publish("1.0.0", &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("(r1, stable, "), "{}", ran.out);
    let manifest = vendor.manifest(1);
    let listed: Vec<String> = manifest.files.iter().map(|entry| entry.path().to_string()).collect();
    let deep = "lib/deep/\u{63d2}\u{4ef6} a.txt";
    assert_eq!(listed, [".hidden/x", "big.bin", "lib/current", deep, "myapp"]);
    assert_eq!(manifest.folders.iter().map(AsRef::as_ref).collect::<Vec<_>>(), ["plugins/empty"]);
    for file in manifest.regular() {
        let bytes = std::fs::read(file.path.under(&vendor.build())).unwrap();
        assert_eq!((file.size, file.sha256), (bytes.len() as u64, Digest::of(&bytes)));
        assert_eq!(file.mode, if file.path.as_str() == "myapp" { 0o755 } else { 0o644 });
    }
    let big = manifest.regular().find(|file| file.path.as_str() == "big.bin").unwrap();
    assert!(manifest.pack_of(big).unwrap().size > 2_500_000);
    assert_eq!(manifest.start.as_ref().unwrap().path.as_str(), "myapp");
    assert!(manifest.files.iter().any(|entry| matches!(entry, Entry::Link(link) if link.target == "deep")));
}

/// A02: one changed, one new, one deleted is what is printed, and the number is one higher.
#[test]
fn a_second_release_says_what_changed() {
    let vendor = Vendor::new();
    for name in ["a", "b", "c"] {
        vendor.put(name, name);
    }
    vendor.publish("1");
    vendor.put("a", "other");
    vendor.put("new/d", "d");
    vendor.remove("b");
    let ran = vendor.run_publish("2", &[]);
    assert!(ran.out.contains("changed 1, added 1, removed 1"), "{}", ran.out);
    assert!(ran.out.contains("(r2, stable, "), "{}", ran.out);
    assert!(ran.out.contains("r1 (1) downloads "), "{}", ran.out);
    assert_eq!(vendor.releases().len(), 2);
}

/// A03: an unchanged folder makes no release, nor does one with new times.
#[test]
fn nothing_changed_makes_no_release() {
    let vendor = Vendor::new();
    vendor.put("a", "a");
    vendor.put("b/c", "c");
    vendor.publish("1");
    let before = files(&vendor.repo());
    for path in ["a", "b/c"] {
        let file = std::fs::File::open(vendor.build().join(path)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    for version in ["1", "2"] {
        let ran = vendor.run_publish(version, &[]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(
            ran.out.contains("Nothing changed") && ran.out.contains("No release was made"),
            "{}",
            ran.out
        );
    }
    assert_eq!(files(&vendor.repo()), before);
}

/// A04: same size and same time, other content, counts as changed. So does a mode.
#[test]
fn content_and_mode_decide_not_time_and_size() {
    let vendor = Vendor::new();
    vendor.put("a", "one");
    vendor.publish("1");
    let time = std::fs::metadata(vendor.build().join("a")).unwrap().modified().unwrap();
    vendor.put("a", "two");
    std::fs::File::options().write(true).open(vendor.build().join("a")).unwrap().set_modified(time).unwrap();
    let report = vendor.publish("2");
    assert_eq!(report.changes.changed.len(), 1);
    std::fs::set_permissions(vendor.build().join("a"), PermissionsExt::from_mode(0o700)).unwrap();
    let report = vendor.publish("3");
    assert_eq!((report.changes.changed.len(), report.new_objects, report.number.0), (1, 0, 3));
}

/// A05: what was deleted and came back reaches an install from before, with the newest content.
#[test]
fn a_file_that_came_back_is_updated_to_the_newest_content() {
    let vendor = Vendor::new();
    vendor.put("keep", "k");
    vendor.put("x", "old");
    vendor.publish("4");
    vendor.remove("x");
    vendor.publish("5");
    vendor.put("keep", "k2");
    vendor.publish("6");
    vendor.put("x", "newest");
    vendor.publish("7");
    let (old, new) = (vendor.manifest(1), vendor.manifest(4));
    let digest = Digest::of(b"");
    let lies: Inventory = old
        .regular()
        .map(|file| {
            (file.path.clone(), Found::File { digest: file.sha256, size: file.size, mode: file.mode })
        })
        .collect();
    let plan = plan::make(&lies, &Receipt::of(&old, digest), &new, digest, Mode::Update).unwrap();
    let item = plan.items.iter().find(|item| item.path.as_str() == "x").unwrap();
    assert_eq!(item.action, Action::Update);
    assert!(matches!(&item.way, Way::Packed(_)));
}

/// A10: urgency, minimum and notes in several languages are signed and stand in the manifest.
#[test]
fn urgency_minimum_and_notes_are_signed() {
    let vendor = Vendor::new();
    vendor.put("a", "1");
    vendor.run_publish("1.0", &[]);
    vendor.put("a", "2");
    write(&vendor.path("notes.md"), b"# Two\n");
    let notes = vendor.path("notes.md");
    assert_eq!(vendor.run_publish("2.0", &["--notes", notes.to_str().unwrap()]).code, 0);
    vendor.put("a", "3");
    write(&vendor.path("notes.en.md"), b"# Three\r\n");
    write(&vendor.path("notes.zh-CN.md"), "# \u{4e09}\n".as_bytes());
    let (english, chinese) = (vendor.path("notes.en.md"), vendor.path("notes.zh-CN.md"));
    let notes = ["--notes", english.to_str().unwrap(), chinese.to_str().unwrap()];
    let ran = vendor.run_publish("3.0", &[&notes[..], &["--forced", "--minimum", "2.0"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let summary = &vendor.releases()[2].summary;
    assert_eq!((summary.urgency, summary.minimum), (Urgency::Forced, ReleaseNumber(2)));
    assert!(summary.download_bytes > 0);
    let manifest = vendor.manifest(3);
    assert_eq!((manifest.urgency, manifest.minimum), (Urgency::Forced, ReleaseNumber(2)));
    assert_eq!(manifest.notes[&ReleaseNumber(2)]["en"], "# Two\n");
    assert_eq!(manifest.notes[&ReleaseNumber(3)]["en"], "# Three\n");
    assert_eq!(manifest.notes[&ReleaseNumber(3)]["zh-CN"], "# \u{4e09}\n");
    let versions: Vec<_> = manifest.versions.iter().map(|(number, name)| (number.0, name.as_str())).collect();
    assert_eq!(versions, [(2, "2.0"), (3, "3.0")]);
    vendor.put("a", "4");
    let ran = vendor.run_publish("4.0", &["--minimum", "2.5"]);
    assert_eq!(ran.code, 64);
    assert!(ran.err.contains("has version 2.5"), "{}", ran.err);
}

/// A12: the same folder, keys and time give the same repository, byte for byte, on any number of threads.
#[test]
fn publishing_is_reproducible() {
    let (one, two) = (Vendor::new(), Vendor::bare());
    let now = "2026-11-20T10:00:00Z".parse().unwrap();
    std::fs::remove_dir_all(one.repo()).unwrap();
    for vendor in [&one, &two] {
        vendor.put("text", "some words ".repeat(200_000));
        vendor.put("noise", noise(7, 3_000_000));
        (0..20).for_each(|at| vendor.put(&format!("dir/{at}"), noise(at, 3000).repeat(2)));
        let keys = Some(one.keys());
        init(&updraft::publish::Init { now, keys: keys.clone(), ..vendor.init_order() }).unwrap();
        let threads = if std::ptr::eq(vendor, &one) { 1 } else { 4 };
        let order = Order { now, keys, threads, ..vendor.order("1.0") };
        publish(&order, &|_, _, _| {}).unwrap();
    }
    assert_eq!(files(&one.repo()), files(&two.repo()));
}

/// A15: a dry run lists every path and what older releases would download, and writes nothing.
#[test]
fn a_dry_run_says_everything_and_writes_nothing() {
    let vendor = Vendor::new();
    vendor.put("a", "a".repeat(1000));
    vendor.put("gone", "g");
    vendor.publish("1");
    vendor.put("a", "b".repeat(1000));
    vendor.publish("2");
    vendor.put("a", noise(3, 5000));
    vendor.put("sub/new", noise(4, 6000));
    vendor.remove("gone");
    let before = files(&vendor.repo());
    std::fs::rename(vendor.keys(), vendor.path("away")).unwrap();
    let time = ["--time", "2026-11-20T10:00:00Z"];
    let ran = vendor.run_publish("3", &["--dry-run"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for line in [
        "changed a\n",
        "added   sub/new\n",
        "removed gone\n",
        "changed 1, added 1, removed 1",
        "Would publish",
    ] {
        assert!(ran.out.contains(line), "{line}: {}", ran.out);
    }
    assert!(ran.out.contains("r2 (2) downloads 1") && ran.out.contains("r1 (1) downloads 1"), "{}", ran.out);
    assert_eq!(files(&vendor.repo()), before);
    std::fs::rename(vendor.path("away"), vendor.keys()).unwrap();
    let json = vendor.run_publish("3", &["--dry-run", "--json", time[0], time[1]]).out;
    let tried: serde_json::Value = serde_json::from_str(&json).unwrap();
    let done: serde_json::Value =
        serde_json::from_str(&vendor.run_publish("3", &["--json", time[0], time[1]]).out).unwrap();
    assert_eq!(tried["downloads"], done["downloads"]);
    assert_eq!((&tried["published"], &done["published"]), (&false.into(), &true.into()));
}

/// A66: private keys are readable by their owner alone and are in neither the repository nor what is printed.
#[test]
fn private_keys_stay_private() {
    let vendor = Vendor::bare();
    let (repo, keys) = (vendor.repo(), vendor.keys());
    let run = |keys: &std::path::Path| {
        let mut command = updraft();
        command.arg("init").arg(&repo).args(["--app", "MyApp", "--keys"]).arg(keys);
        crate::vendor::ran(command.output().unwrap())
    };
    for inside in [repo.join("keys"), repo.clone(), repo.join("a/../b")] {
        let ran = run(&inside);
        assert_eq!(ran.code, 64, "{}", ran.out);
        assert!(ran.err.contains("must not lie in"), "{}", ran.err);
        assert!(!repo.exists());
    }
    let mut said = run(&keys).out;
    vendor.put("a", "a");
    let ran = vendor.run_publish("1", &[]);
    said += &(ran.out + &ran.err + &vendor.run_verify().out);
    let mut secrets = Vec::new();
    for (name, bytes) in files(&keys) {
        let mode = std::fs::metadata(keys.join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
        let text = String::from_utf8(bytes).unwrap();
        secrets.push(text.split("-----\n").nth(1).unwrap().lines().next().unwrap().to_owned());
    }
    assert_eq!(secrets.len(), 4);
    for (name, bytes) in files(&repo) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{name}");
    }
    assert!(secrets.iter().all(|secret| !said.contains(secret)));
    // Nor does a copy of a key in the build go out.
    std::fs::copy(keys.join("release.key"), vendor.build().join("innocent.dat")).unwrap();
    let ran = vendor.run_publish("2", &[]);
    assert_eq!(ran.code, 64);
    assert!(ran.err.contains("innocent.dat") && ran.err.contains("private keys"), "{}", ran.err);
    let order = Order { folder: vendor.path(""), ..vendor.order("2") };
    assert!(matches!(refused(&order), PublishError::Inside { .. }));
}

/// Bad paths and things that are no files are refused by name, and can be left out.
#[test]
fn what_can_not_be_published_is_named() {
    let vendor = Vendor::new();
    vendor.put("ok", "ok");
    for (name, part) in [("aux.txt", "aux.txt"), ("a:b", "a:b"), ("dot.", "dot."), ("ca\u{301}fe", "NFC")] {
        vendor.put(name, "x");
        let ran = vendor.run_publish("1", &[]);
        assert_eq!(ran.code, 64, "{name}");
        assert!(ran.err.contains(part) && ran.err.contains("--exclude"), "{}", ran.err);
        assert_eq!(vendor.run_publish("1", &["--exclude", name, "--dry-run"]).code, 0);
        vendor.remove(name);
    }
    for target in ["/etc/passwd", "../outside", "sub/../../x"] {
        symlink(target, vendor.build().join("link")).unwrap();
        let ran = vendor.run_publish("1", &[]);
        assert!(ran.code == 64 && ran.err.contains("link") && ran.err.contains(target), "{}", ran.err);
        vendor.remove("link");
    }
    vendor.put("Readme", "x");
    vendor.put("README", "x");
    assert!(vendor.run_publish("1", &[]).err.contains("README"));
    vendor.remove("README");
    let socket = std::os::unix::net::UnixListener::bind(vendor.build().join("socket")).unwrap();
    assert!(vendor.run_publish("1", &[]).err.contains("socket"));
    drop(socket);
    assert!(vendor.releases().is_empty());
}

/// The state of an updater that lies in the build is no part of a release.
#[test]
fn the_state_of_an_updater_is_left_out() {
    let vendor = Vendor::new();
    vendor.put("updater/updater.json", "{}");
    vendor.put("updater/state/installed.json", "{}");
    vendor.put("other/state/kept", "x");
    vendor.put("logs/x.log", "x");
    let order = Order { exclude: vec!["*.log".to_owned()], ..vendor.order("1") };
    publish(&order, &|_, _, _| {}).unwrap();
    let manifest = vendor.manifest(1);
    let listed: Vec<&str> = manifest.files.iter().map(|entry| entry.path().as_str()).collect();
    assert_eq!(listed, ["other/state/kept", "updater/updater.json"]);
    assert_eq!(manifest.folders.iter().map(AsRef::as_ref).collect::<Vec<_>>(), ["logs"]);
}

#[test]
fn a_version_is_used_once_and_channels_and_platforms_are_apart() {
    let vendor = Vendor::new();
    vendor.put("a", "1");
    vendor.publish("1.0");
    vendor.put("a", "2");
    let ran = vendor.run_publish("1.0", &[]);
    assert_eq!(ran.code, 64);
    assert!(ran.err.contains("1.0 was already published") && ran.err.contains("r1"), "{}", ran.err);
    for more in [["--channel", "beta"], ["--platform", "windows-x86_64"]] {
        let ran = vendor.run_publish("1.0", &more);
        assert!(ran.code == 0 && ran.out.contains("(r1, "), "{}", ran.out);
    }
    assert_eq!(vendor.run_publish("1.1", &["--app", "Other"]).code, 64);
}

#[test]
fn start_entries_and_health_stay_until_they_are_changed() {
    let vendor = Vendor::new();
    vendor.put("bin/app", "1");
    vendor.put("bin/tool", "1");
    let more = ["--start", "bin/app", "--entry", "bin/tool", "--confirm-health", "--health-seconds", "33"];
    assert_eq!(vendor.run_publish("1", &more).code, 0);
    vendor.put("bin/app", "2");
    assert_eq!(vendor.run_publish("2", &[]).code, 0);
    let manifest = vendor.manifest(2);
    assert_eq!(manifest.start.as_ref().unwrap().path.as_str(), "bin/app");
    assert_eq!(manifest.entries.iter().map(AsRef::as_ref).collect::<Vec<_>>(), ["bin/app", "bin/tool"]);
    assert!(manifest.health.confirm && manifest.health.seconds == 33);
    let ran = vendor.run_publish("3", &["--confirm-health=false"]);
    assert!(ran.out.contains("changed 0, added 0, removed 0, settings changed"), "{}", ran.out);
    let ran = vendor.run_publish("4", &["--start", "bin/none"]);
    assert!(ran.code == 64 && ran.err.contains("bin/none"), "{}", ran.err);
}

#[test]
fn wrong_folders_keys_and_repositories_are_told_apart() {
    let vendor = Vendor::bare();
    vendor.put("a", "a");
    let ran = vendor.run_publish("1", &[]);
    assert!(ran.code == 50 && ran.err.contains("is not a repository [repository]"), "{}", ran.err);
    init(&vendor.init_order()).unwrap();
    assert!(matches!(init(&vendor.init_order()), Err(PublishError::AlreadyARepository(_))));
    let order = Order { folder: vendor.path("none"), ..vendor.order("1") };
    assert!(matches!(refused(&order), PublishError::NotAFolder(_)));
    std::fs::remove_file(vendor.keys().join("release.key")).unwrap();
    let ran = vendor.run_publish("1", &[]);
    assert!(ran.code != 0 && ran.err.contains("release.key"), "{}", ran.err);
    let other = Vendor::new();
    let order = Order { keys: Some(other.keys()), ..vendor.order("1") };
    assert!(matches!(refused(&order), PublishError::Sign(_)));
    assert!(vendor.releases().is_empty());
}
