//! What an update through packs costs.

use std::fs;

use super::super::support::world::{expect, updraft};
use super::{DELTAS, PACKS, Site, noise, put, stored, text};

/// A31: of a large file only the changed chunks cross the wire, from any release to any other.
#[test]
fn only_changed_chunks_are_fetched_from_any_release() {
    let big = noise(1, 3_000_000);
    let mut site = Site::new(
        |world| {
            put(world, "big.bin", &big);
            put(world, "same.bin", noise(2, 1_000_000));
            put(world, "readme.txt", "one");
        },
        PACKS,
    );
    let mut newer = big.clone();
    newer.splice(1_500_000..1_500_000, *b"a few bytes that were put in between");
    put(&site.world, "big.bin", &newer);
    let before = stored(&site.world);
    site.world.publish("1.1", PACKS);
    assert!(stored(&site.world) - before < 250_000, "a publish adds only new chunks");
    newer.truncate(2_900_000);
    put(&site.world, "big.bin", &newer);
    put(&site.world, "readme.txt", "three");
    site.world.publish("1.2", PACKS);
    site.bytes();
    // Two releases at once.
    site.world.update();
    let (objects, _) = site.bytes();
    assert!(site.is_new());
    assert!(objects > 1000 && objects < 400_000, "{objects}");
}

/// A32: one wrong byte in a large file costs a chunk's block, not the file.
#[test]
fn a_repair_of_one_byte_fetches_one_block() {
    let mut site = Site::new(|world| put(world, "big.bin", noise(1, 6_000_000)), PACKS);
    let path = site.world.app().join("big.bin");
    let mut bytes = fs::read(&path).unwrap();
    bytes[3_000_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    site.bytes();
    expect(site.world.updater().args(["repair", "--no-start"]), 0);
    let (objects, _) = site.bytes();
    assert!(site.is_new());
    // A block, and the index of the pack.
    assert!(objects < 1_100_000, "{objects}");
}

/// A37: files that are moved, renamed or copied cost no content bytes, nor does one put together of two.
#[test]
fn what_is_installed_already_is_never_fetched() {
    let (one, two) = (noise(1, 400_000), noise(2, 300_000));
    let mut site = Site::new(
        |world| {
            put(world, "one.bin", &one);
            put(world, "two.bin", &two);
        },
        PACKS,
    );
    fs::rename(site.world.build().join("one.bin"), site.world.build().join("moved.bin")).unwrap();
    site.world.publish("1.1", PACKS);
    site.bytes();
    site.world.update();
    assert_eq!(site.bytes().0, 0, "a move");
    put(&site.world, "both.bin", [two, one].concat());
    site.world.publish("1.2", PACKS);
    site.world.update();
    assert!(site.is_new());
    // The index, and the few chunks around the seam.
    let (objects, _) = site.bytes();
    assert!(objects < 120_000, "{objects}");
}

/// Many small files are fetched by a few requests, and are compressed together.
#[test]
fn a_new_install_of_many_files_takes_few_requests() {
    let mut site = Site::new(|world| put(world, "a.txt", "a"), PACKS);
    let mut raw = 0;
    for at in 0..300 {
        let content = text(at, 60);
        raw += content.len() as u64;
        put(&site.world, &format!("src/module{at}.rs"), content);
    }
    site.world.publish("2.0", PACKS);
    site.bytes();
    site.world.update();
    let requests = site.object_requests();
    let (objects, _) = site.bytes();
    assert!(site.is_new());
    assert!(requests <= 6, "{requests} requests");
    assert!(objects * 5 < raw, "{objects} of {raw}");
}

/// A39: the plan says how many bytes will cross the wire for content, for people and as JSON, and keeps its word;
/// it fetches no content itself.
#[test]
fn the_plan_says_the_bytes_and_keeps_its_word() {
    let mut site = Site::new(
        |world| {
            put(world, "big.bin", noise(1, 2_000_000));
            put(world, "a.txt", text(1, 400));
        },
        PACKS,
    );
    let mut big = noise(1, 2_000_000);
    big[1_000_000..1_000_100].fill(0);
    put(&site.world, "big.bin", big);
    put(&site.world, "b.txt", text(9, 500));
    site.world.publish("2.0", PACKS);
    let said = expect(site.world.updater().args(["plan", "--json"]), 0);
    let plan: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let told = plan["totals"]["fetch_bytes"].as_u64().unwrap();
    assert_eq!(plan["brought"]["files"], 2, "{plan}");
    let item =
        |path: &str| plan["items"].as_array().unwrap().iter().find(|item| item["path"] == path).cloned();
    assert!(item("big.bin").unwrap()["bytes"].as_u64().unwrap() > 1000);
    let said = expect(site.world.updater().arg("plan"), 0);
    assert!(
        said.contains("2 files from packs") && said.contains(&format!("{told} bytes to fetch")),
        "{said}"
    );
    site.bytes();
    site.world.update();
    assert_eq!(site.bytes().0, told, "the manifest was kept from the plan, so these are the objects");
    assert!(site.is_new());
}

/// A15: a dry run says for each older release what it would download and by which way, and writes nothing.
#[test]
fn a_dry_run_says_what_each_older_release_downloads() {
    let site = Site::new(|world| put(world, "a.txt", text(1, 4000)), DELTAS);
    put(&site.world, "a.txt", text(1, 4000) + "one more line\n");
    site.world.publish("1.1", DELTAS);
    put(&site.world, "a.txt", text(1, 4000) + "two more lines\n");
    let before = super::super::vendor::files(&site.world.repo());
    let said = site.world.publish("1.2", &["--delta", "fast", "--dry-run", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(super::super::vendor::files(&site.world.repo()), before);
    for old in report["downloads"].as_array().unwrap() {
        let ways = ["by_delta", "by_packs", "whole", "bytes"].map(|way| old[way].as_u64().unwrap());
        assert!(ways[0] < ways[1] && ways[1] <= ways[2] && ways[3] < ways[1] + 3000, "{old}");
    }
    assert_eq!(report["downloads"].as_array().unwrap().len(), 2);
    let said = site.world.publish("1.2", &["--delta", "fast", "--dry-run"]);
    assert!(
        said.contains("r1 (1.0) downloads ") && said.contains("delta ") && said.contains("packs "),
        "{said}"
    );
    // What was foretold comes true.
    site.world.publish("1.2", DELTAS);
    let verified = expect(updraft().arg("verify").arg(site.world.repo()), 0);
    assert!(verified.contains("All is as it was signed."), "{verified}");
}
