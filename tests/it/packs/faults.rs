//! Packs, indexes and deltas that are damaged, missing or lied about.

use std::fs;

use super::super::support::fault_server::{Fault, FaultServer};
use super::super::support::world::{World, expect, tree, updraft};
use super::super::vendor::files;
use super::{DELTAS, PACKS, Site, copy, newest, noise, objects, put, text};

/// Release 2 changes a large file and adds small ones.
fn site(options: &[&str]) -> Site {
    let site = Site::new(
        |world| {
            put(world, "big.bin", noise(1, 1_500_000));
            put(world, "a.txt", text(1, 900));
        },
        options,
    );
    let mut big = noise(1, 1_500_000);
    big[700_000..700_050].fill(1);
    put(&site.world, "big.bin", big);
    put(&site.world, "b.txt", text(2, 900));
    put(&site.world, "a.txt", text(1, 900) + "more\n");
    site.world.publish("2.0", options);
    site
}

/// The objects that release 2 brought, by what they are: index, pack, patch or delta.
fn fresh(world: &World) -> Vec<(&'static str, String)> {
    let (newest, manifest) = newest(world);
    let pack = manifest.packs.last().unwrap();
    let name = |digest: &updraft::release::Digest| format!("objects/{}/{digest}", &digest.hex()[..2]);
    let mut found = vec![("index", name(&pack.index.object)), ("pack", name(&pack.object.unwrap()))];
    let place = (&newest.channel, &newest.platform);
    found.extend(newest.summary.patches.iter().map(|patch| ("patch", patch.path(place.0, place.1))));
    found.extend(manifest.deltas.iter().map(|delta| ("delta", name(&delta.content.object))));
    found
}

/// A14: a flipped bit and a missing object is found and named, whatever the object is.
#[test]
fn verify_finds_and_names_damage_in_every_kind_of_object() {
    let site = site(DELTAS);
    let repo = site.world.repo();
    let kinds = fresh(&site.world);
    assert!(
        ["index", "pack", "patch", "delta"].iter().all(|kind| kinds.iter().any(|(found, _)| found == kind))
    );
    let patches = kinds.iter().filter(|(kind, _)| *kind == "patch").map(|(_, name)| name.clone());
    for name in objects(&site.world).into_iter().chain(patches) {
        let path = repo.join(&name);
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 4;
        for (damage, bytes) in [("flipped", Some(flipped)), ("missing", None)] {
            match bytes {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let said = expect(updraft().arg("verify").arg(&repo), if damage == "missing" { 50 } else { 40 });
            assert!(said.contains(&name), "{damage} {name}: {said}");
            fs::write(&path, &whole).unwrap();
        }
    }
    expect(updraft().arg("verify").arg(&repo), 0);
}

/// A48, A70: wrong bytes of a pack or its index are never applied: nothing of the install changes, and what is right
/// is fetched from another source if there is one.
#[test]
fn wrong_bytes_of_a_pack_are_never_applied() {
    let site = site(PACKS);
    let old = tree(&site.world.app());
    for (kind, name) in fresh(&site.world).into_iter().filter(|(kind, _)| *kind != "patch") {
        let size = fs::metadata(site.world.repo().join(&name)).unwrap().len();
        for fault in [Fault::Flip(size / 2), Fault::ShortFile(size / 2), Fault::Status(404)] {
            let (is_it, told) = (name.clone(), format!("{kind} {fault:?}"));
            site.server.rescript(move |asked| asked.path.ends_with(&is_it).then(|| fault.clone()));
            let output = site.world.updater().args(["update", "--no-start"]).output().unwrap();
            assert!(matches!(output.status.code(), Some(30 | 40)), "{told}: {output:?}");
            assert_eq!(tree(&site.world.app()), old, "{told}");
        }
        // A source that is right, beside the one that lies.
        let (is_it, good) = (name.clone(), FaultServer::serve_folder(&site.world.repo()));
        site.server.rescript(move |asked| asked.path.ends_with(&is_it).then_some(Fault::Flip(size / 2)));
        let settings = site.world.app().join("updater/updater.json");
        let kept = fs::read(&settings).unwrap();
        let mut both: serde_json::Value = serde_json::from_slice(&kept).unwrap();
        both["sources"] = serde_json::json!([site.world.source, good.address().to_string()]);
        if kind == "pack" {
            fs::write(&settings, both.to_string()).unwrap();
            site.world.update();
            assert!(site.is_new(), "{kind}");
            fs::write(&settings, kept).unwrap();
        }
    }
}

/// A delta that is missing, cut or damaged is left for packs, and that is told; the update succeeds all the same.
#[test]
fn a_delta_that_is_wrong_is_left_for_packs() {
    let site = site(DELTAS);
    let old = site.world.path("old");
    copy(&site.world.app(), &old);
    let (_, name) = fresh(&site.world).into_iter().find(|(kind, _)| *kind == "delta").unwrap();
    let size = fs::metadata(site.world.repo().join(&name)).unwrap().len();
    for fault in [Fault::Status(404), Fault::Flip(size / 2), Fault::ShortFile(size / 2)] {
        fs::remove_dir_all(site.world.app()).unwrap();
        copy(&old, &site.world.app());
        let (is_it, told) = (name.clone(), format!("{fault:?}"));
        site.server.rescript(move |asked| asked.path.ends_with(&is_it).then(|| fault.clone()));
        let said = site.world.update();
        assert!(said.contains("A delta could not be used"), "{told}: {said}");
        assert!(site.is_new(), "{told}");
    }
}

/// An installed file that somebody edited is no base: packs are used, and the edited copy is kept beside.
#[test]
fn an_edited_base_leads_to_packs() {
    let mut site = site(DELTAS);
    let path = site.world.app().join("a.txt");
    fs::write(&path, "mine").unwrap();
    let said = expect(site.world.updater().args(["plan", "--json"]), 0);
    let plan: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(plan["brought"]["deltas"], serde_json::json!([]), "{plan}");
    site.bytes();
    site.world.update();
    let mut now = tree(&site.world.app());
    let kept: Vec<String> = now.keys().filter(|name| name.starts_with("a.txt.user-")).cloned().collect();
    assert_eq!(kept.len(), 1, "{now:?}");
    now.remove(&kept[0]);
    assert_eq!(now, tree(&site.world.build()));
}

/// A patch of the manifest that is wrong or missing costs the whole manifest, and nothing else.
#[test]
fn a_manifest_patch_that_is_wrong_leads_to_the_whole_manifest() {
    let site = site(DELTAS);
    let patches: Vec<String> =
        fresh(&site.world).into_iter().filter(|(kind, _)| *kind == "patch").map(|(_, name)| name).collect();
    let names = patches.clone();
    site.server.rescript(move |asked| {
        names.iter().any(|name| asked.path.ends_with(name)).then_some(Fault::Flip(10))
    });
    site.world.update();
    assert!(site.is_new());
    let whole =
        site.server.requests().iter().any(|asked| asked.path.contains("/targets/") && asked.status == 200);
    assert!(whole && !patches.is_empty());
}

/// What a publisher of another machine makes of the same folders is the same to the byte.
///
/// A12: packs, indexes and deltas are reproducible.
#[test]
fn two_publishers_make_the_same_objects() {
    let (one, two) = (site(DELTAS), site(DELTAS));
    let content = |site: &Site| {
        let mut all = files(&site.world.repo());
        all.retain(|name, _| name.starts_with("objects/"));
        all
    };
    let (one, two) = (content(&one), content(&two));
    assert!(one.len() >= 5);
    assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
}
