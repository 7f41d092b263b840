//! Updaters that are killed, machines that start again, people who change their mind.

use std::fs;
use std::time::{Duration, Instant};

use super::{Site, copy_folder, full, object_bytes, wait_for};

/// A45: killed at fifty random moments of one download (six in the bounded form), the updater goes on each time from what is on disk; then the
/// whole install is found elsewhere, as after a restore or a new machine, and goes on there.
#[test]
fn kills_at_random_moments_cost_little() {
    let (kills, size) = if full() { (50, 60_000_000) } else { (6, 8_000_000) };
    let site = Site::new(&[("big.bin", size), ("small.bin", 300_000)]);
    let total: u64 = site.objects().iter().map(|(_, size)| size).sum();
    let server = site.serve();
    let copy = site.copy("killed", &[&server.url()]);
    // So slow that the download outlives the kills.
    let limit = (total / u64::from(kills as u32)).to_string();
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut done, mut most) = (0, 0);
    for round in 0..kills {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let (requests, before) = (server.requests().len(), copy.partial_bytes());
        most = most.max(before);
        let mut client = copy.start(&["--limit", &limit]);
        // Half of them as soon as may be, half after content has come.
        if round % 2 == 0 {
            wait_for("a request", Duration::from_secs(60), || {
                server.requests().len() > requests + 2 || !client.runs()
            });
        }
        let end = Instant::now() + Duration::from_millis(chance % 700);
        while Instant::now() < end && client.runs() {
            std::thread::sleep(Duration::from_millis(2));
        }
        done += usize::from(client.runs());
        drop(client);
        site.assert_old(&copy);
    }
    assert!(done > kills / 2, "{done} of {kills} kills met a download");
    let elsewhere = super::Copy { root: site.world.path("copies").join("elsewhere") };
    copy_folder(&copy.root, &elsewhere.root);
    let (there, before) = (elsewhere.partial_bytes(), object_bytes(&server));
    let ended = elsewhere.update(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    site.assert_new(&elsewhere);
    let (fetched, last) = (object_bytes(&server), object_bytes(&server) - before);
    println!(
        "{done} kills in {total} bytes: {fetched} bytes sent; {there} were there, the last run fetched {last}"
    );
    // A piece for each stream, and what its connection held, may be lost with each kill.
    assert!(fetched <= total + done as u64 * 6 * 1_048_576, "{fetched} bytes after {done} kills");
    assert!(most > 0 && last < total, "what was stored counts");
}

/// A45: what an update that was never ended left behind goes as soon as another release is fetched.
#[test]
fn the_rest_of_an_abandoned_release_does_not_stay() {
    let site = Site::new(&[("big.bin", 4_000_000)]);
    let (path, _) = site.objects()[0].clone();
    let server = site.serve();
    let copy = site.copy("abandoned", &[&server.url()]);
    let client = copy.start(&["--limit", "2000000"]);
    wait_for("some bytes", Duration::from_secs(60), || copy.partial_bytes() > 1_200_000);
    drop(client);
    let part = copy.partial().join(format!("{}.part", path.rsplit('/').next().unwrap()));
    assert!(part.exists());
    fs::remove_file(site.world.build().join("big.bin")).unwrap();
    super::write(site.world.build().join("next.bin"), super::noise(77, 3_000_000));
    // Objects of its own: it shares no pack with the release before, whose blocks would stay for it.
    site.world.publish("3.0", &["--whole"]);
    let mut client = copy.start(&["--limit", "1000000"]);
    // The record begins anew with the new run.
    let said = |what: &str| copy.events().contains(what) && copy.events().contains("\"3.0\"");
    wait_for("bytes of the next release", Duration::from_secs(60), || {
        said("\"progress\"") && said("\"downloading\"")
    });
    let gone = !part.exists();
    assert!(client.runs() && !said("\"installing\""), "seen while it is fetching: {}", copy.events());
    assert!(gone, "the rest of release 2 takes no room");
    assert_eq!(client.end(Duration::from_secs(60)).code, Some(0));
    site.assert_new(&copy);
}

/// A50: a cancel while the server is silent, and while it is gone, ends the updater soon; nothing is changed, what came stays.
#[test]
fn a_cancel_needs_no_server() {
    let site = Site::new(&[("big.bin", 6_000_000)]);
    let silent = site.serve();
    silent.rescript(|asked| {
        super::is_object(&asked.path).then_some(crate::support::fault_server::Fault::StallAfter(1_500_000))
    });
    let gone = site.serve();
    for (name, server, stop) in [("silent", &silent, false), ("gone", &gone, true)] {
        let copy = site.copy(name, &[&server.url()]);
        let mut client = copy.start(&["--limit", "3000000"]);
        wait_for("bytes", Duration::from_secs(60), || copy.partial_bytes() > 1_200_000);
        if stop {
            server.stop();
            wait_for("the first wait", Duration::from_secs(60), || copy.events().contains("interrupted"));
        }
        let pid = rustix::process::Pid::from_raw(i32::try_from(client.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let began = Instant::now();
        wait_for("its end", Duration::from_secs(15), || !client.runs());
        println!("{name}: cancelled within {:?}", began.elapsed());
        assert_eq!(client.end(Duration::from_secs(1)).code, Some(20));
        site.assert_old(&copy);
        assert!(copy.partial_bytes() > 1_000_000, "what came stays");
    }
}
