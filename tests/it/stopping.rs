//! A cancel is heard also where files are read, in the middle of a large one.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use std::cell::Cell;
use std::fs;
use std::process::Stdio;

use updraft::install::{Job, ScanError, StageError};
use updraft::release::Digest;

use super::install_tree as it;
use super::support::world::{World, text, tree, wait_for, write};

/// A cancel while the installed files are read: the update ends at once, nothing is changed. The file is so large
/// that reading it takes minutes.
#[test]
fn a_cancel_is_heard_while_a_large_file_is_read() {
    let world = World::new();
    write(world.build().join("big.bin"), "small yet");
    write(world.build().join("a"), "1");
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    let big = fs::File::options().write(true).open(world.app().join("big.bin")).unwrap();
    big.set_len(1 << 40).unwrap();
    write(world.build().join("a"), "2");
    world.publish("2.0", &[]);
    fs::remove_file(world.app().join("updater/state/events.jsonl")).unwrap();
    let child =
        world.updater().args(["update", "--json", "--no-start"]).stdout(Stdio::piped()).spawn().unwrap();
    let scans = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        event["phase"] == "scan" && event["done"].as_u64() > Some(1_000_000)
    };
    wait_for("progress within the file", || {
        let said = fs::read_to_string(world.app().join("updater/state/events.jsonl")).unwrap_or_default();
        said.lines().any(scans)
    });
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(20), "{said}");
    assert!(said.contains("\"cancelled\"") && !said.contains("\"planned\""), "{said}");
    assert_eq!(fs::read(world.app().join("a")).unwrap(), b"1");
    drop(big);
    fs::remove_file(world.app().join("big.bin")).unwrap();
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
}

/// The scan and the stage end within the file at work when they are told to.
#[test]
fn scan_and_stage_stop_within_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let (root, from) = (dir.path().join("App"), dir.path().join("from"));
    let content = vec![7; 2_000_000];
    for folder in [&root, &from] {
        write(folder.join("big"), &content);
    }
    let (manifest, digest) = it::release(&it::read(&from), 1);
    let install = it::install(&root);
    let guard = install.lock("test").unwrap();
    let record = guard.record().unwrap().record;
    let read = Cell::new(0);
    let watch = |done, _total, _path: &updraft::release::RelPath| read.set(done);
    let stopped = install.scan_until(&record, &manifest, &watch, &|| read.get() > 0).unwrap_err();
    assert!(matches!(stopped, ScanError::Stopped), "{stopped}");
    assert!(read.get() < 200_000, "read {} of {}", read.get(), content.len());
    fs::remove_file(root.join("big")).unwrap();
    let plan = it::plan_for(&guard, &manifest, digest).unwrap();
    let stub = from.join("big");
    let job = Job { plan: &plan, manifest: &manifest, record: &record, stub: &stub };
    let unmarked = |_: &Digest| Some((from.join("big"), None));
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() == 3
    };
    let stopped = install.stage_until(&guard, &job, &unmarked, &|_, _, _| {}, &stop).unwrap_err();
    assert!(matches!(stopped, StageError::Stopped), "{stopped}");
    assert!(!root.join("big").exists());
    install.stage(&guard, &job, &|_| Some(from.join("big")), &|_, _, _| {}).unwrap();
}
