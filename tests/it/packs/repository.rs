//! Repositories with packs: old ones that had none, bundles, and what stays of a history.

use std::fs;

use super::super::support::world::{expect, tree, updraft};
use super::{DELTAS, PACKS, Site, newest, noise, put, text};

/// A repository whose releases are whole objects goes on with packs, and both are installed and verified.
#[test]
fn a_repository_of_whole_objects_goes_on_with_packs() {
    let mut site = Site::new(
        |world| {
            put(world, "big.bin", noise(1, 1_200_000));
            put(world, "a.txt", text(1, 300));
        },
        &["--whole"],
    );
    put(&site.world, "b.txt", text(2, 300));
    site.world.publish("2.0", PACKS);
    expect(updraft().arg("verify").arg(site.world.repo()), 0);
    site.bytes();
    site.world.update();
    assert!(site.is_new());
    assert!(site.bytes().0 < 10_000, "the whole objects stay where they are");
    // A new install takes some files whole and some from a pack.
    fs::remove_dir_all(site.world.app()).unwrap();
    site.world.lay_updater();
    site.world.update();
    assert!(site.is_new());
    // And back to whole objects, for updaters that know no packs.
    put(&site.world, "b.txt", text(3, 300));
    site.world.publish("3.0", &["--whole"]);
    let (_, manifest) = newest(&site.world);
    assert!(manifest.packs.is_empty() && manifest.regular().all(|file| file.content.is_some()));
    let bytes = manifest.to_bytes().unwrap();
    assert!(bytes.starts_with(b"{\"format\":1,"));
    site.world.update();
    assert!(site.is_new());
    expect(updraft().arg("verify").arg(site.world.repo()), 0);
}

/// After many small releases a new install still takes few packs, and old blocks that are hardly used are left.
#[test]
fn a_long_history_does_not_pile_up() {
    let site = Site::new(
        |world| {
            for at in 0..20 {
                put(world, &format!("f{at}.bin"), noise(at, 60_000));
            }
        },
        PACKS,
    );
    // Of the first pack's blocks less and less is used.
    for at in 0..18_u64 {
        put(&site.world, &format!("f{at}.bin"), noise(100 + at, 60_000));
        site.world.publish(&format!("1.{}", at + 1), PACKS);
    }
    let said = site.world.publish("9.0", &["--delta", "none", "--exclude", "f19.bin", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    let (full, bytes) = (report["full_download"].as_u64().unwrap(), report["bytes"].as_u64().unwrap());
    assert!(
        full < bytes * 13 / 10,
        "a new install downloads {full} for {bytes} bytes that can't be compressed"
    );
    site.world.update();
    expect(updraft().arg("verify").arg(site.world.repo()), 0);
    let mut wanted = tree(&site.world.build());
    wanted.remove("f19.bin");
    assert_eq!(tree(&site.world.app()), wanted);
}

/// Bundles: a full one installs, one from a release on updates with less, and an import makes a whole repository.
#[test]
fn bundles_carry_packs_and_deltas() {
    let mut site = Site::new(
        |world| {
            put(world, "big.bin", noise(1, 2_000_000));
            put(world, "a.txt", text(1, 2000));
        },
        DELTAS,
    );
    put(&site.world, "a.txt", text(1, 2000) + "more\n");
    site.world.publish("2.0", DELTAS);
    let (full, part) = (site.world.path("full.updb"), site.world.path("part.updb"));
    let export = |to: &std::path::Path, more: &[&str]| {
        let mut command = updraft();
        command.args(["bundle", "export"]).arg(site.world.repo()).arg("--out").arg(to).args(more);
        expect(&mut command, 0)
    };
    export(&full, &["--all"]);
    export(&part, &["--from-release", "1"]);
    let size = |path: &std::path::Path| fs::metadata(path).unwrap().len();
    assert!(size(&part) * 10 < size(&full), "{} of {}", size(&part), size(&full));
    let mirror = site.world.path("mirror");
    expect(updraft().args(["bundle", "import"]).arg(&full).arg(&mirror), 0);
    expect(updraft().arg("verify").arg(&mirror), 0);
    // The installed copy updates from the small bundle alone.
    let settings = site.world.app().join("updater/updater.json");
    let mut told: serde_json::Value = serde_json::from_slice(&fs::read(&settings).unwrap()).unwrap();
    told["sources"] = serde_json::json!([part.display().to_string()]);
    fs::write(&settings, told.to_string()).unwrap();
    site.world.update();
    assert!(site.is_new());
    site.bytes();
    // A new copy is installed from the full one.
    fs::remove_dir_all(site.world.app()).unwrap();
    site.world.source = full.display().to_string();
    site.world.lay_updater();
    site.world.update();
    assert!(site.is_new());
}
