//! Broken lines, killed updaters and what a check costs, through the real updater.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::support::fault_server::{Fault, FaultServer};
use super::support::world::{Running, World, expect, tree, wait_for, write};
use super::vendor::noise;

/// Release 1 installed, release 2 with `files` published and served by a server that can misbehave.
fn world(files: &[(&str, usize)]) -> (World, FaultServer) {
    world_with(files, &[])
}

/// The same, published with these options.
fn world_with(files: &[(&str, usize)], options: &[&str]) -> (World, FaultServer) {
    let mut world = World::new();
    write(world.build().join("app.txt"), "1");
    world.publish("1.0", options);
    let server = FaultServer::serve_folder(&world.repo());
    world.source = server.address().to_string();
    world.lay_updater();
    world.update();
    write(world.build().join("app.txt"), "2");
    for (at, (path, size)) in files.iter().enumerate() {
        write(world.build().join(path), noise(at as u64 + 1, *size));
    }
    world.publish("2.0", options);
    (world, server)
}

/// Bytes of object bodies sent since `from` requests.
fn object_bytes(server: &FaultServer, from: usize) -> u64 {
    server.requests()[from..]
        .iter()
        .filter(|request| request.path.contains("/objects/"))
        .map(|r| r.sent)
        .sum()
}

/// Bytes fetched and not yet installed.
fn partial_bytes(world: &World) -> u64 {
    let entries = fs::read_dir(world.app().join("updater/state/partial")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// A26: nothing new costs two requests on one connection, under 1 KiB of body, and no manifest.
#[test]
fn a_check_with_nothing_new_is_two_small_requests() {
    let (world, server) = world(&[]);
    world.update();
    let before = server.requests().len();
    expect(world.updater().arg("check"), 0);
    let requests = server.requests()[before..].to_vec();
    let paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(requests.len(), 2, "{paths:?}");
    assert!(requests.iter().map(|request| request.sent).sum::<u64>() < 1024, "{requests:?}");
    assert_eq!(requests[0].connection, requests[1].connection);
    assert!(!paths.iter().any(|path| path.contains("targets")), "{paths:?}");
}

/// A25: without local state nothing that is right on disk is fetched.
#[test]
fn content_that_is_there_is_not_fetched() {
    let (world, server) = world(&[("data.bin", 300_000)]);
    world.update();
    fs::remove_dir_all(world.app().join("updater/state")).unwrap();
    let before = server.requests().len();
    world.update();
    assert_eq!(object_bytes(&server, before), 0);
    assert_eq!(world.record()["receipt"]["number"], 2);
}

/// A41, A42, A44: many cuts at spread places: the update completes, what was there is not fetched again, and
/// each drop and return is reported.
#[test]
fn an_update_survives_many_cuts() {
    let (world, server) = world(&[("a.bin", 400_000), ("b.bin", 3_000_000), ("c.bin", 2_500_000)]);
    let cuts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&cuts);
    server.rescript(move |asked| {
        let cut = asked.path.contains("/objects/") && counted.load(Ordering::SeqCst) < 12;
        cut.then(|| {
            let number = counted.fetch_add(1, Ordering::SeqCst) as u64;
            Fault::CutAfter(30_000 + 37_000 * number)
        })
    });
    let before = server.requests().len();
    let said = expect(world.updater().args(["update", "--no-start", "--json"]), 0);
    assert_eq!(tree(&world.app()), tree(&world.build()));
    assert_eq!(cuts.load(Ordering::SeqCst), 12);
    assert!(said.contains("\"event\":\"interrupted\"") && said.contains("\"event\":\"continued\""), "{said}");
    let fetched = object_bytes(&server, before);
    assert!(fetched < 5_900_000 + 12 * 65_536 + 100_000, "{fetched} bytes for 5.9 MB");
}

/// A45: an updater killed at many moments of a download goes on from where it was; what was stored is not
/// fetched again.
#[test]
fn a_killed_updater_goes_on() {
    let (world, server) = world(&[("big.bin", 6_000_000), ("small.bin", 200_000)]);
    let before = server.requests().len();
    let mut kills = 0;
    for round in 1..=8_u64 {
        let child = world
            .updater()
            .args(["update", "--no-start", "--limit", "2500000"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut running = Running(child);
        let end = Instant::now() + Duration::from_millis(250 + 40 * round);
        while Instant::now() < end && running.0.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if running.0.try_wait().unwrap().is_none() {
            running.0.kill().unwrap();
            kills += 1;
        }
        drop(running);
    }
    assert!(kills > 0);
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
    let fetched = object_bytes(&server, before);
    // A piece in flight may be lost with each kill, and what a socket had taken but nobody read.
    assert!(fetched < 6_200_000 + kills * 6 * 1_048_576, "{fetched} bytes after {kills} kills");
}

/// A43, A44: a server gone for a while: the updater is still there, counts visibly, and goes on when it is back.
#[test]
fn an_updater_waits_for_its_server() {
    // Larger than what the system keeps in its buffers for a connection that is gone.
    let (world, server) = world(&[("big.bin", 24_000_000)]);
    let before = server.requests().len();
    let child = world
        .updater()
        .args(["update", "--no-start", "--json", "--limit", "5000000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    wait_for("the download", || object_bytes(&server, before) > 0 || partial_bytes(&world) > 100_000);
    server.stop();
    let events = world.app().join("updater/state/events.jsonl");
    let said = |what: &str| fs::read_to_string(&events).unwrap_or_default().matches(what).count();
    wait_for("two tries", || said("\"event\":\"interrupted\"") >= 2);
    assert!(running.0.try_wait().unwrap().is_none(), "it waits");
    server.restart();
    wait_for("the end", || running.0.try_wait().unwrap().is_some());
    assert!(said("\"event\":\"continued\"") >= 1, "{}", fs::read_to_string(&events).unwrap());
    assert_eq!(tree(&world.app()), tree(&world.build()));
}

/// A50: cancelled by the terminal's signal: the install is unchanged, the exit code says so, and what was
/// fetched stays for the next time.
#[test]
fn a_cancel_changes_nothing_and_keeps_what_was_fetched() {
    let (world, server) = world(&[("big.bin", 8_000_000)]);
    let old = tree(&world.app());
    let child = world
        .updater()
        .args(["update", "--no-start", "--limit", "2000000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    wait_for("some bytes", || partial_bytes(&world) > 2_200_000);
    let pid = rustix::process::Pid::from_raw(i32::try_from(running.0.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    wait_for("the end", || running.0.try_wait().unwrap().is_some());
    assert_eq!(running.0.wait().unwrap().code(), Some(20));
    assert_eq!(tree(&world.app()), old);
    let before = server.requests().len();
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
    assert!(object_bytes(&server, before) < 7_000_000, "A40: what was there is not fetched again");
}

/// A40: a cut at 99 % of the last file: the bytes fetched stay under 105 % of the size.
#[test]
fn a_cut_at_the_end_costs_little() {
    let (world, server) = world(&[("big.bin", 5_000_000)]);
    let total = 5_000_000_u64;
    let done = Arc::new(AtomicUsize::new(0));
    let once = Arc::clone(&done);
    server.rescript(move |asked| {
        let first = asked.path.contains("/objects/") && asked.range.is_none_or(|(from, _)| from > 1_000_000);
        (first && once.swap(1, Ordering::SeqCst) == 0).then_some(Fault::CutAfter(3_950_000))
    });
    let before = server.requests().len();
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
    let fetched = object_bytes(&server, before);
    assert!(fetched < total * 105 / 100, "{fetched} bytes for {total}");
}

/// A47: other content under the same name between two attempts is not mixed in.
#[test]
fn content_that_changed_on_the_server_is_not_mixed_in() {
    let (world, server) = world(&[("big.bin", 3_000_000)]);
    let child = world
        .updater()
        .args(["update", "--no-start", "--limit", "1000000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child);
    wait_for("some bytes", || partial_bytes(&world) > 1_200_000);
    drop(running);
    let old = tree(&world.app());
    server.rescript(|asked| asked.path.contains("/objects/").then_some(Fault::Flip(2_500_000)));
    let said = expect(world.updater().args(["update", "--no-start"]), 40);
    assert!(said.contains("big.bin") && said.contains("trust.content"), "{said}");
    assert_eq!(tree(&world.app()), old);
    server.rescript(|_| None);
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
}

/// A53: the bandwidth limit holds for all streams together.
#[test]
fn the_bandwidth_limit_holds() {
    let (world, _server) = world(&[("a.bin", 900_000), ("b.bin", 900_000), ("c.bin", 900_000)]);
    let began = Instant::now();
    expect(world.updater().args(["update", "--no-start", "--limit", "900000"]), 0);
    // The last bytes are booked when they come, so at least two of the three seconds have passed.
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(tree(&world.app()), tree(&world.build()));
}

/// What an update that was given up left behind goes when the next release does not need it.
#[test]
fn leftovers_of_an_abandoned_release_are_removed() {
    let (world, server) = world_with(&[("big.bin", 3_000_000), ("stays.bin", 1_500_000)], &["--whole"]);
    let objects = |asked: &super::support::fault_server::Asked| asked.path.contains("/objects/");
    server.rescript(move |asked| match (objects(asked), asked.range) {
        (true, _) if asked.again == 0 => Some(Fault::CutAfter(700_000)),
        (true, _) => Some(Fault::Status(404)),
        _ => None,
    });
    expect(world.updater().args(["update", "--no-start"]), 30);
    let partial = world.app().join("updater/state/partial");
    let left = || -> Vec<String> {
        fs::read_dir(&partial).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    };
    let before = left();
    write(world.build().join("big.bin"), noise(77, 2_500_000));
    world.publish("3.0", &["--whole"]);
    server.rescript(move |asked| objects(asked).then_some(Fault::Status(404)));
    expect(world.updater().args(["update", "--no-start"]), 30);
    let after = left();
    let kept: Vec<&String> = before.iter().filter(|name| after.contains(name)).collect();
    assert!(!kept.is_empty() && kept.len() < before.len(), "{before:?} {after:?}");
    server.rescript(|_| None);
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
}
