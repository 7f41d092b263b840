//! Publishing that is cut off, watched, or done by two at once.
#![expect(clippy::disallowed_methods, reason = "a test looks at files by itself")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use updraft::publish::publish;
use updraft::release::{Digest, Manifest, ReleaseNumber};

use crate::vendor::{Vendor, files, noise, ran, releases, updraft, write};

fn change(vendor: &Vendor, round: u64) {
    (0..12).for_each(|at| vendor.put(&format!("d{at}/file"), noise(round * 100 + at, 40_000).repeat(2)));
    vendor.put("round", round.to_string());
}

fn command(vendor: &Vendor, version: &str) -> std::process::Command {
    let mut command = updraft();
    command.arg("publish").arg(vendor.build()).arg("--to").arg(vendor.repo());
    command.arg("--keys").arg(vendor.keys()).args(["--fast", "--version", version]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command
}

/// A06: a publisher killed at any moment leaves a valid repository, and the next publish succeeds.
#[test]
fn a_publisher_killed_at_any_moment_leaves_a_valid_repository() {
    let vendor = Vendor::new();
    change(&vendor, 0);
    let began = Instant::now();
    assert!(command(&vendor, "0").status().unwrap().success());
    let whole = began.elapsed();
    let (mut cut, mut done) = (0, 1);
    for round in 1..=24u32 {
        change(&vendor, round.into());
        let mut child = command(&vendor, &round.to_string()).spawn().unwrap();
        // Spread over the time a publish takes: any moment may be hit, whatever the machine does.
        std::thread::sleep(whole.mul_f64(f64::from(round) / 22.0));
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            done += 1
        } else {
            cut += 1
        };
        let check = vendor.run_verify();
        assert_eq!(check.code, 0, "round {round}: {}{}", check.out, check.err);
        let found = releases(&vendor.repo()).len();
        assert!(found == done || found == done + 1, "round {round}: {found} releases");
        done = found;
    }
    assert!(cut > 0, "no publish was cut");
    change(&vendor, 99);
    let report = vendor.publish("last");
    assert_eq!(report.number.0 as usize, done + 1);
    assert_eq!(std::fs::read_dir(vendor.repo().join(".work")).unwrap().count(), 1);
    let check = vendor.run_verify();
    assert_eq!(check.code, 0, "{}", check.out);
}

/// A06: whatever part of the files of a publish has been written, in their order, the repository is valid and
/// the next publish succeeds.
#[test]
fn every_beginning_of_a_publish_is_a_valid_repository() {
    let vendor = Vendor::new();
    change(&vendor, 1);
    vendor.publish("1");
    let before = files(&vendor.repo());
    change(&vendor, 2);
    vendor.publish("2");
    let mut new: Vec<(String, Vec<u8>)> =
        files(&vendor.repo()).into_iter().filter(|(name, bytes)| before.get(name) != Some(bytes)).collect();
    // What the publisher remembers for itself is no part of what it promises.
    new.retain(|(name, _)| !name.starts_with(".cache/"));
    let rank = |name: &str| {
        let order = ["objects/", "targets/", ".targets.json", ".snapshot.json", "timestamp.json"];
        order.iter().position(|mark| name.contains(mark)).unwrap()
    };
    new.sort_by_key(|(name, _)| rank(name));
    assert_eq!(new.last().unwrap().0, "metadata/timestamp.json");
    for written in 0..=new.len() {
        let other = Vendor::bare();
        before
            .iter()
            .chain(new[..written].iter().map(|(name, bytes)| (name, bytes)))
            .for_each(|(name, bytes)| write(&other.repo().join(name), bytes));
        let check = other.run_verify();
        assert_eq!(check.code, 0, "{written}: {}", check.out);
        let count = if written == new.len() { 2 } else { 1 };
        assert_eq!(releases(&other.repo()).len(), count);
        change(&other, 3);
        let order = updraft::publish::Order { keys: Some(vendor.keys()), ..other.order("3") };
        assert_eq!(publish(&order, &|_, _, _| {}).unwrap().number.0, count as u64 + 1);
        assert_eq!(other.run_verify().code, 0);
    }
}

/// A06: who reads while releases are published sees whole ones only, and never an older one after a newer.
#[test]
fn a_reader_sees_whole_releases_only() {
    let vendor = Vendor::new();
    change(&vendor, 0);
    vendor.publish("first");
    let stop = AtomicBool::new(false);
    let repo = vendor.repo();
    let read = || {
        let (mut reads, mut newest) = (0, 0);
        while !stop.load(Ordering::Relaxed) || reads == 0 {
            let all = releases(&repo);
            let release = all.last().unwrap();
            let bytes = std::fs::read(repo.join(&release.fetch_path)).unwrap();
            assert_eq!(Digest::of(&bytes), release.digest);
            let manifest = Manifest::parse(&bytes).unwrap();
            for (object, _) in manifest.objects().chain(manifest.delta_objects(ReleaseNumber::NONE)) {
                let object = object.hex();
                let bytes = std::fs::read(repo.join("objects").join(&object[..2]).join(&object)).unwrap();
                assert_eq!(Digest::of(&bytes).hex(), object);
            }
            assert!(manifest.number.0 >= newest);
            newest = manifest.number.0;
            reads += 1;
        }
        newest
    };
    let newest = std::thread::scope(|scope| {
        let reader = scope.spawn(read);
        for round in 1..=12 {
            change(&vendor, round);
            assert!(command(&vendor, &round.to_string()).status().unwrap().success());
        }
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!((1..=13).contains(&newest));
}

/// A06: of two publishers at once each ends with a release or with a clear refusal, and the repository is valid.
#[test]
fn two_publishers_at_once_do_not_tear_a_release() {
    let vendor = Vendor::new();
    for round in 0..8 {
        change(&vendor, round);
        let mut both = [0, 1].map(|who| {
            let mut command = command(&vendor, &format!("{round}.{who}"));
            command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
            command.spawn().unwrap()
        });
        std::thread::sleep(Duration::from_millis(round));
        let ended: Vec<_> = both.iter_mut().map(|child| child.wait().unwrap().code().unwrap()).collect();
        assert!(ended.contains(&0) && ended.iter().all(|code| [0, 60].contains(code)), "{ended:?}");
        assert_eq!(vendor.releases().len() as u64, round + 1);
    }
    let check = vendor.run_verify();
    assert_eq!(check.code, 0, "{}", check.out);
    let lock = std::fs::File::open(vendor.repo().join(".work/lock")).unwrap();
    lock.lock().unwrap();
    vendor.put("more", "x");
    let refused = ran(command(&vendor, "x").stderr(std::process::Stdio::piped()).output().unwrap());
    assert_eq!(refused.code, 60);
    assert!(refused.err.contains("another publisher is at work"), "{}", refused.err);
}

/// A file that is being written while it is published is named, and nothing is published.
#[test]
fn a_file_that_changes_meanwhile_is_refused() {
    let vendor = Vendor::new();
    vendor.put("still", noise(1, 100_000));
    vendor.put("moving", noise(2, 100_000));
    let moving = vendor.build().join("moving");
    let append = std::sync::Once::new();
    let order = vendor.order("1");
    let result = publish(&order, &|stage, done, _| {
        if stage == updraft::publish::Stage::Pack && done > 0 {
            append.call_once(|| std::fs::write(&moving, noise(3, 100_001)).unwrap());
        }
    });
    assert!(result.unwrap_err().to_string().contains("changed while it was being published"));
    assert!(vendor.releases().is_empty());
    assert_eq!(vendor.publish("1").number.0, 1);
}
