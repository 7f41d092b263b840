//! An update that goes by a delta, killed at every step: while the delta comes, while it is applied, while files change
//! places.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::super::install_tree;
use super::super::support::fault_server::Fault;
use super::super::support::world::tree;
use super::{DELTAS, Site, copy, newest, noise, put, text};

/// What the tree of an install is, but for the updater's own folder.
type Seen = BTreeMap<String, Option<Vec<u8>>>;

/// Release 2 comes by a delta: files made from old ones, one that moved, one that is new, one that goes.
fn site() -> Site {
    let big = noise(1, 400_000);
    let site = Site::new(
        |world| {
            put(world, "big.bin", &big);
            put(world, "lib/a.txt", text(1, 900));
            put(world, "lib/gone.txt", text(4, 900));
            put(world, "old/moved.bin", noise(5, 60_000));
        },
        DELTAS,
    );
    let mut changed = big;
    changed.splice(100_000..100_500, noise(6, 3000));
    changed.extend(noise(7, 100_000));
    put(&site.world, "big.bin", changed);
    put(&site.world, "lib/a.txt", text(1, 900) + "more\n");
    put(&site.world, "lib/b.txt", text(2, 300));
    put(&site.world, "new/moved.bin", noise(5, 60_000));
    fs::remove_dir_all(site.world.build().join("old")).unwrap();
    fs::remove_file(site.world.build().join("lib/gone.txt")).unwrap();
    site.world.publish("2.0", DELTAS);
    assert_eq!(newest(&site.world).1.deltas.len(), 1);
    site
}

fn update(site: &Site) -> Command {
    let mut command = site.world.updater();
    command.args(["update", "--no-start"]).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Puts the install back as `kept` has it.
fn again(site: &Site, kept: &Path) {
    fs::remove_dir_all(site.world.app()).unwrap();
    copy(kept, &site.world.app());
}

/// Ends what was begun, as the next start does.
fn recover(site: &Site) {
    let install = install_tree::install(&site.world.app());
    let guard = install.lock_within("recover", Duration::from_secs(20)).unwrap();
    install.recover(&guard).unwrap();
}

/// A71: the real updater is ended at each of its steps while it brings a delta in place: afterwards the install is
/// wholly old or wholly new, and the next update ends at the new release.
#[test]
fn a_kill_at_every_step_of_an_update_by_delta_leaves_old_or_new() {
    let site = site();
    let (old, new): (Seen, Seen) = (tree(&site.world.app()), tree(&site.world.build()));
    let kept = site.world.path("kept");
    copy(&site.world.app(), &kept);
    let list = site.world.path("list");
    assert!(update(&site).env("UPDRAFT_CHECKPOINT_LIST", &list).status().unwrap().success());
    assert!(site.is_new());
    let steps = fs::read_to_string(&list).unwrap().lines().count();
    assert!(steps > 20, "{steps} steps");
    let (mut was_old, mut was_new) = (0, 0);
    for step in 1..=steps {
        again(&site, &kept);
        let killed = update(&site).env("UPDRAFT_CHECKPOINT", format!("#{step}")).status().unwrap();
        assert_eq!(killed.code(), None, "killed at step {step}");
        recover(&site);
        let found = tree(&site.world.app());
        assert!(found == old || found == new, "step {step} left something in between");
        was_old += usize::from(found == old);
        was_new += usize::from(found == new);
        if step % 7 == 0 {
            assert!(update(&site).status().unwrap().success());
            assert!(site.is_new(), "step {step}");
        }
    }
    assert!(was_old > 0 && was_new > 0, "{was_old} times old, {was_new} times new");
}

/// A70, A71: killed at any moment while the delta comes and is applied, the updater has changed no file of the program
/// and left nothing but its own folder of partial downloads.
#[test]
fn a_delta_that_dies_midway_leaves_partials_only() {
    let site = site();
    let old: Seen = tree(&site.world.app());
    let kept = site.world.path("kept");
    copy(&site.world.app(), &kept);
    // The delta comes slowly, so that kills fall into it as well as into what follows.
    site.server.rescript(|asked| asked.path.contains("/objects/").then_some(Fault::Trickle(60_000)));
    let begun = Instant::now();
    assert!(update(&site).status().unwrap().success());
    let usual = begun.elapsed();
    assert!(site.is_new());
    let names = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    again(&site, &kept);
    let before = names(&site.world.app().join("updater/state"));
    let mut midway = 0;
    for moment in 0..30u32 {
        again(&site, &kept);
        let mut child = update(&site).spawn().unwrap();
        std::thread::sleep(usual * moment / 30 + Duration::from_millis(1));
        child.kill().ok();
        child.wait().unwrap();
        let state = site.world.app().join("updater/state");
        if state.join("txn").exists() || site.is_new() {
            // All bytes were verified: what follows is the other test's.
            continue;
        }
        assert_eq!(tree(&site.world.app()), old, "moment {moment}");
        let partials = names(&state.join("partial"));
        midway += usize::from(!partials.is_empty());
        let own = ["partial", "lock", "log", "trusted", "installed.json", "probes"];
        let strange: Vec<String> = names(&state)
            .into_iter()
            .filter(|name| !before.contains(name) && !own.iter().any(|own| name.starts_with(own)))
            .collect();
        assert!(strange.is_empty(), "moment {moment}: {strange:?}");
    }
    assert!(midway > 3, "{midway} kills found the delta midway");
    site.server.rescript(|_| None);
    assert!(update(&site).status().unwrap().success());
    assert!(site.is_new());
}
