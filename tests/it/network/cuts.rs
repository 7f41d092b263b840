//! Lines that break.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Site, full, is_object, object_bytes, wait_for};
use crate::support::fault_server::Fault;

/// Cuts at random places in one update (16 in 24 MB; 100 in 200 MB in the full run): every file arrives, and no more than 64 KiB is
/// lost with each cut, counted by the server.
pub(super) fn many_cuts_lose_nearly_nothing() {
    let (most, size) = if full() { (100, 200_000_000) } else { (16, 24_000_000) };
    let site = Site::new(&[("big.bin", size), ("other.bin", size / 10)]);
    let total: u64 = site.objects().iter().map(|(_, size)| size).sum();
    let (server, cuts) = (site.serve(), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&cuts);
    // So that they all fit.
    let far = total / (most + 10);
    let mut chance = 0x1234_5678_9abc_def1_u64;
    server.rescript(move |asked| {
        let whole = asked.range.is_none_or(|(first, last)| last.is_none_or(|last| last - first > 2 * far));
        if !is_object(&asked.path) || !whole || counted.load(Ordering::SeqCst) >= most {
            return None;
        }
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        // Only what is longer is really cut.
        counted.fetch_add(1, Ordering::SeqCst);
        Some(Fault::CutAfter(chance % far))
    });
    let copy = site.copy("cuts", &[&server.url()]);
    let began = Instant::now();
    let ended = copy.start(&["--json"]).end(Duration::from_secs(1200));
    let took = began.elapsed();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    site.assert_new(&copy);
    let (cuts, fetched) = (cuts.load(Ordering::SeqCst), object_bytes(&server));
    println!("{cuts} cuts in {total} bytes: {fetched} bytes came, {took:.1?}");
    assert_eq!(cuts, most);
    assert!(fetched <= total + most * 65_536, "{fetched} bytes for {total}");
    assert!(
        ended.said.contains("\"event\":\"interrupted\"") && ended.said.contains("\"event\":\"continued\"")
    );
}

/// A server that is dead for seconds (ten minutes in the full run): the updater stays, counts visibly on the screen, in JSON and in
/// its log, and goes on by itself when the server is back; what had come is not fetched again.
pub(super) fn a_dead_server_is_waited_for() {
    let dead = Duration::from_secs(if full() { 600 } else { 6 });
    let site = Site::new(&[("big.bin", 16_000_000)]);
    let server = site.serve();
    let copies = [("text", vec!["--limit", "4000000"]), ("json", vec!["--limit", "4000000", "--json"])];
    let ended: Vec<_> = std::thread::scope(|scope| {
        let run = copies.iter().map(|(name, arguments)| {
            let copy = site.copy(name, &[&server.url()]);
            scope.spawn(move || {
                let client = copy.start(arguments);
                let ended = client.end(Duration::from_secs(120) + dead);
                (copy, ended)
            })
        });
        let runs: Vec<_> = run.collect();
        let partial = |name: &str| super::Copy { root: site.world.path("copies").join(name) }.partial_bytes();
        wait_for("bytes", Duration::from_secs(60), || {
            partial("text") > 1_000_000 && partial("json") > 1_000_000
        });
        server.stop();
        std::thread::sleep(dead);
        assert!(runs.iter().all(|run| !run.is_finished()), "they wait");
        server.restart();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let least = if full() { 15 } else { 2 };
    for (copy, ended) in &ended {
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        site.assert_new(copy);
        let log = copy.log();
        let logged = log.matches("\"event\":\"interrupted\"").count();
        assert!(logged >= least && log.contains("\"event\":\"continued\""), "{log}");
    }
    let (text, json) = (&ended[0].1.said, &ended[1].1.said);
    let attempts = text.matches("Connection lost (").count();
    println!("dead for {dead:?}: {attempts} attempts were shown");
    assert!(attempts >= least && text.contains("next try in") && text.contains("Connected again"), "{text}");
    let told: Vec<serde_json::Value> =
        json.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let lost: Vec<_> = told.iter().filter(|event| event["event"] == "interrupted").collect();
    assert!(lost.len() >= least, "{json}");
    assert!(lost.iter().all(|event| event["reason"].is_string() && event["retry_in"].is_u64()), "{json}");
    assert!(lost.iter().any(|event| event["attempt"].as_u64() >= Some(2)), "it counts: {json}");
    let back = told.iter().rposition(|event| event["event"] == "continued");
    assert!(back > told.iter().position(|event| event["event"] == "interrupted"), "{json}");
    let fetched = object_bytes(&server);
    assert!(fetched < 2 * 16_000_000 + 4_000_000, "{fetched} bytes for two copies");
}
