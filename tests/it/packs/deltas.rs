//! Deltas between releases: what they save, when they are made, and from which releases.

use std::fs;
use std::time::Duration;

use super::super::support::fault_server::Fault;
use super::super::support::world::{Running, expect, tree, updraft, wait_for};
use super::super::support::zipped::gzip;
use super::{DELTAS, PACKS, Site, copy, newest, noise, objects, put, text};

/// A31: in a tree of 3,000 files one changed file of 1 KB costs under 10 KB in all: timestamp, snapshot, targets,
/// manifest, index and content.
#[test]
fn a_small_change_in_a_large_tree_costs_under_ten_kilobytes_in_all() {
    for options in [DELTAS, PACKS] {
        let mut site = Site::new(
            |world| {
                for at in 0..3000_u64 {
                    put(world, &format!("lib/part{}/file{at}.dat", at % 40), noise(at + 1, 200));
                }
                put(world, "one.dat", noise(5000, 1000));
            },
            options,
        );
        put(&site.world, "one.dat", noise(6000, 1000));
        site.world.publish("1.1", options);
        site.bytes();
        site.world.update();
        let (objects, all) = site.bytes();
        assert!(site.is_new());
        assert!(all < 10_000, "{all} bytes, {objects} of them objects");
    }
}

/// From each of the last releases there is a delta; the plan takes it, says its bytes, and keeps its word. From older
/// ones the way is a chain of two where that is cheaper, else packs.
#[test]
fn each_of_the_last_releases_has_a_delta_and_older_ones_a_chain() {
    let version = |at: usize| text(7, 6000).replace("value_7 ", &format!("value_{at}x "));
    let mut site =
        Site::new(|world| put(world, "code.txt", version(0)), &["--delta", "fast", "--deltas", "2"]);
    let oldest = site.world.path("oldest");
    copy(&site.world.app(), &oldest);
    for at in 1..=4 {
        put(&site.world, "code.txt", version(at));
        site.world.publish(&format!("1.{at}"), &["--delta", "fast", "--deltas", "2"]);
    }
    let said = expect(site.world.updater().args(["plan", "--json"]), 0);
    let plan: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    // Release 5 has deltas from 4 and 3; release 3 has one from 1.
    assert_eq!(plan["brought"]["deltas"], serde_json::json!([1, 3]), "{plan}");
    let told = plan["totals"]["fetch_bytes"].as_u64().unwrap();
    site.bytes();
    let events = expect(site.world.updater().args(["update", "--no-start", "--json"]), 0);
    assert!(!events.contains("could not be used"), "{events}");
    assert!(site.is_new());
    let (objects, _) = site.bytes();
    assert!(objects >= told && objects < told + 500, "{objects} of {told}: and what was asked of the index");
    // Now the installed one is the newest; one more release, and a single delta.
    put(&site.world, "code.txt", version(9));
    site.world.publish("2.0", &["--delta", "fast", "--deltas", "2"]);
    let said = expect(site.world.updater().arg("plan"), 0);
    assert!(said.contains("by delta, from r5"), "{said}");
    site.world.update();
    assert!(site.is_new());
}

/// An archive that is too large for memory is made from the inside, and what was unpacked for it does not stay.
#[test]
fn a_large_archive_costs_what_changed_in_it() {
    let mut inner = text(3, 8000).repeat(40).into_bytes();
    inner.resize(26 << 20, b'x');
    let mut site = Site::new(|world| put(world, "data.tar.gz", gzip(&inner, 1)), DELTAS);
    inner.splice(100..100, *b"an edit");
    put(&site.world, "data.tar.gz", gzip(&inner, 1));
    site.world.publish("2.0", DELTAS);
    site.bytes();
    let said = site.world.update();
    assert!(site.is_new() && !said.contains("could not be used"), "{said}");
    let (objects, _) = site.bytes();
    assert!(objects < 1000, "{objects}");
    assert!(!site.world.app().join("updater/state/partial/old.tmp").exists());
}

/// An older release is pinned by its version, and gets a delta however old it is.
#[test]
fn a_pinned_release_keeps_its_delta() {
    let site = Site::new(|world| put(world, "a.txt", text(3, 5000)), &["--delta", "fast", "--deltas", "1"]);
    for at in 1..=3 {
        put(&site.world, "a.txt", text(3, 5000) + &"more\n".repeat(at));
        let pinned: &[&str] = if at == 3 {
            &["--delta", "fast", "--deltas", "1", "--delta-from", "1.0"]
        } else {
            &["--delta", "fast", "--deltas", "1"]
        };
        site.world.publish(&format!("1.{at}"), pinned);
    }
    let said = expect(site.world.updater().args(["plan", "--json"]), 0);
    let plan: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(plan["brought"]["deltas"], serde_json::json!([1]), "{plan}");
    site.world.update();
    assert!(site.is_new());
}

/// A delta is remembered by what it was made of: the same pair of trees on another channel makes none anew.
#[test]
fn a_delta_made_before_is_used_again() {
    let site = Site::new(|world| put(world, "a.txt", text(3, 5000)), DELTAS);
    let world = &site.world;
    world.publish("1.0", &["--delta", "fast", "--channel", "beta"]);
    put(world, "a.txt", text(3, 5000) + "more\n");
    world.publish("1.1", DELTAS);
    let cache = || fs::read_dir(world.repo().join(".cache")).unwrap().count();
    let (known, before) = (cache(), objects(world).len());
    let said = world.publish("1.1", &["--delta", "fast", "--channel", "beta", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(report["downloads"][0]["by_delta"].as_u64().is_some(), "{said}");
    assert_eq!((report["new_objects"].as_u64(), cache()), (Some(0), known), "{said}");
    assert_eq!(objects(world).len(), before);
    expect(updraft().arg("verify").arg(world.repo()), 0);
}

/// A release that is promoted takes its deltas along, under the numbers of the other channel, and what packs cost is
/// told anew; installs there take the delta.
#[test]
fn a_promoted_release_keeps_its_deltas() {
    let mut site = Site::new(|world| put(world, "a.txt", text(3, 5000)), DELTAS);
    // On the other channel the same files have another number.
    put(&site.world, "a.txt", text(8, 400));
    site.world.publish("0.9", &["--delta", "none", "--channel", "beta"]);
    put(&site.world, "a.txt", text(3, 5000));
    site.world.publish("1.0", &["--delta", "fast", "--channel", "beta"]);
    put(&site.world, "a.txt", text(3, 5000) + "more\n");
    site.world.publish("1.1", &["--delta", "fast", "--channel", "beta"]);
    let stored = objects(&site.world).len();
    let mut promote = updraft();
    promote.arg("promote").arg(site.world.repo()).args(["1.1", "--from", "beta", "--to", "stable"]);
    expect(promote.arg("--keys").arg(site.world.keys()), 0);
    assert_eq!(objects(&site.world).len(), stored);
    let said = expect(site.world.updater().args(["plan", "--json"]), 0);
    let plan: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(plan["brought"]["deltas"], serde_json::json!([1]), "{plan}");
    let told = plan["totals"]["fetch_bytes"].as_u64().unwrap();
    site.bytes();
    let said = site.world.update();
    assert!(!said.contains("could not be used"), "{said}");
    assert_eq!(site.bytes().0, told);
    assert!(site.is_new());
    expect(updraft().arg("verify").arg(site.world.repo()), 0);
}

/// A48: a wrong byte of a delta in pieces costs one piece, and is never applied.
#[test]
fn a_wrong_byte_of_a_delta_costs_one_piece() {
    let base = noise(1, 300_000);
    let mut site = Site::new(|world| put(world, "big.bin", &base), DELTAS);
    put(&site.world, "big.bin", [noise(9, 4_000_000), base].concat());
    site.world.publish("2.0", DELTAS);
    let (_, manifest) = newest(&site.world);
    let delta = &manifest.deltas[0].content;
    assert!(delta.size > 4_000_000 && delta.pieces.is_some());
    let (name, mut lies) = (delta.object.to_string(), 1);
    site.server.rescript(move |asked| {
        // The first answer that reaches the byte.
        let reaches = asked
            .range
            .is_none_or(|(first, last)| first <= 1_300_000 && last.is_none_or(|last| last >= 1_300_000));
        let lie = asked.path.ends_with(&name) && reaches && lies > 0;
        lies -= i32::from(lie);
        lie.then_some(Fault::Flip(1_300_000))
    });
    site.bytes();
    let said = site.world.update();
    assert!(site.is_new());
    assert!(!said.contains("could not be used"), "{said}");
    let (objects, _) = site.bytes();
    let least = delta.size + (1 << 20);
    // The piece, and what the connection that was left held.
    assert!(objects > least - 100_000 && objects < least + (2 << 20), "{objects} of {}", delta.size);
}

/// A45, A71: an updater that is killed while a delta comes, or while it is applied, leaves the install as it was and
/// goes on where it stopped.
#[test]
fn a_killed_update_by_delta_goes_on() {
    let base = noise(1, 2_500_000);
    let mut site = Site::new(|world| put(world, "big.bin", &base), DELTAS);
    let mut big = base;
    big.truncate(2_000_000);
    big.extend(noise(9, 3_000_000));
    big.extend(noise(1, 2_500_000));
    put(&site.world, "big.bin", big);
    site.world.publish("2.0", DELTAS);
    let old = tree(&site.world.app());
    let half = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let slow = std::sync::Arc::clone(&half);
    site.server.rescript(move |asked| {
        let big = asked.path.contains("/objects/") && slow.load(std::sync::atomic::Ordering::SeqCst);
        big.then_some(Fault::Trickle(1_500_000))
    });
    site.bytes();
    let child = site
        .world
        .updater()
        .args(["update", "--no-start"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child);
    let partial = site.world.app().join("updater/state/partial");
    let there = || -> u64 {
        let entries = fs::read_dir(&partial).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
    };
    wait_for("some bytes", || there() > 1_200_000);
    std::thread::sleep(Duration::from_millis(50));
    drop(running);
    assert_eq!(tree(&site.world.app()), old);
    half.store(false, std::sync::atomic::Ordering::SeqCst);
    site.world.update();
    assert!(site.is_new());
    let (objects, _) = site.bytes();
    assert!(objects < 4_600_000, "{objects}: what was there is not fetched again");
}
