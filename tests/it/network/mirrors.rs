//! Several sources of one release, some of them no good.

use std::time::Duration;

use super::{Site, is_object, object_bytes, side_by_side};
use crate::support::fault_server::{Fault, FaultServer};

/// A52, A21: sources that are dead in every way a name or a port can be: the next one is asked, and the update arrives.
#[test]
fn a_dead_source_is_left_for_the_next() {
    let site = Site::new(&[("big.bin", 2_000_000)]);
    let server = site.serve();
    let url = server.url();
    let reset = site.serve().script(|_| Some(Fault::Reset));
    let reset = reset.url();
    let folder = site.world.path("no such folder");
    let dead = [
        "127.0.0.1:1",
        // No name server knows it (RFC 6761).
        "http://nowhere.invalid/App",
        // A black hole for everything sent there (RFC 6666).
        "http://[100::1]:8080/App",
        &reset,
        folder.to_str().unwrap(),
    ];
    side_by_side(5, &dead, |at, dead| {
        let copy = site.copy(&format!("dead-{at}"), &[dead, &url]);
        let ended = copy.update(&["--timeout", "60"]);
        assert_eq!(ended.code, Some(0), "{dead}: {}", ended.said);
        site.assert_new(&copy);
    });
}

/// A21: with nobody but them a check ends in its time, with the code for it and the name in its words.
#[test]
fn dead_sources_alone_end_a_check_in_time() {
    let site = Site::new(&[]);
    let dead = ["nowhere.invalid", "127.0.0.1:1", "[100::1]:8080"];
    side_by_side(3, &dead, |at, dead| {
        let copy = site.copy(&format!("alone-{at}"), &[dead]);
        let ended = copy.update(&["--timeout", "2"]);
        assert_eq!(ended.code, Some(30), "{dead}: {}", ended.said);
        assert!(ended.said.contains("network.unreachable") && ended.said.contains(dead), "{}", ended.said);
        site.assert_old(&copy);
    });
}

/// A51: an object the first mirror lacks comes from the second one; what nobody has ends it with the file's name, and nothing is applied.
#[test]
fn a_missing_object_is_looked_for_everywhere() {
    let site = Site::new(&[("big.bin", 1_500_000), ("other.bin", 50_000)]);
    let big = site.objects()[0].0.clone();
    let without = |path: &str| {
        let path = path.to_owned();
        site.serve().script(move |asked| (asked.path == path).then_some(Fault::Status(404)))
    };
    let (first, second) = (without(&big), site.serve());
    let copy = site.copy("second-has-it", &[&first.url(), &second.url()]);
    let ended = copy.update(&["--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("\"event\":\"mirror-left\""), "{}", ended.said);
    site.assert_new(&copy);

    let (first, second) = (without(&big), without(&big));
    let copy = site.copy("nobody-has-it", &[&first.url(), &second.url()]);
    let ended = copy.update(&[]);
    assert_eq!(ended.code, Some(30), "{}", ended.said);
    assert!(ended.said.contains("network.missing") && ended.said.contains("big.bin"), "{}", ended.said);
    site.assert_old(&copy);
}

/// A52: a file begun on one mirror goes on at its offset on another; the two together send it once.
#[test]
fn a_file_goes_on_across_mirrors() {
    let site = Site::new(&[("big.bin", 8_000_000)]);
    let total: u64 = site.objects().iter().map(|(_, size)| size).sum();
    let first = site.serve().script(|asked| match (is_object(&asked.path), asked.number) {
        (false, _) => None,
        (true, 0..12) => Some(Fault::CutAfter(900_000)),
        (true, _) => Some(Fault::Refuse),
    });
    let second = site.serve();
    let copy = site.copy("across", &[&first.url(), &second.url()]);
    let ended = copy.update(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    site.assert_new(&copy);
    let (one, two) = (object_bytes(&first), object_bytes(&second));
    assert!(one > 500_000 && two > 500_000, "both gave: {one}, {two}");
    assert!(one + two <= total + 12 * 65_536, "{one} and {two} bytes for {total}");
}

/// A52, A48: a mirror that falsifies everything is left for one that does not.
#[test]
fn a_lying_mirror_is_left() {
    let site = Site::new(&[("big.bin", 3_000_000), ("a.bin", 100_000), ("b.bin", 200_000)]);
    let liar: FaultServer = site.serve().script(|asked| {
        // Its metadata is right, so that it is believed at first.
        is_object(&asked.path).then(|| Fault::Other("\"lie\"".to_owned()))
    });
    let honest = site.serve();
    let copy = site.copy("liar", &[&liar.url(), &honest.url()]);
    let ended = copy.start(&[]).end(Duration::from_secs(120));
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    site.assert_new(&copy);
    let tries = liar.requests().iter().filter(|request| is_object(&request.path)).count();
    assert!(tries <= 12, "{tries} tries");
}
