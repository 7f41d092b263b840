//! Servers that lie, once or for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::{Site, is_object, side_by_side};
use crate::support::fault_server::{Fault, FaultServer};

/// Every fault that comes and goes. After each the update must end well.
fn passing() -> Vec<Fault> {
    let text = str::to_owned;
    vec![
        Fault::IgnoreRange,
        Fault::ContentRange(text("bytes 0-9/10")),
        Fault::ContentRange(text("nonsense")),
        Fault::OtherPlace(3),
        Fault::Gzip,
        Fault::Page,
        Fault::StatusPage(503),
        Fault::Status(416),
        Fault::Status(429),
        Fault::RetryAfter(503, 2),
        Fault::ShortFile(100_000),
        Fault::Length(70_000),
        Fault::Length(9_000_000),
        Fault::Chunked,
        Fault::ChunkedShort(50_000),
        Fault::ChunkedCut(50_000),
        Fault::ToClose(50_000),
        Fault::Partial,
        Fault::Etag(text("\"another\"")),
        Fault::Other(text("\"another\"")),
        Fault::Flip(1_300_000),
        Fault::Poison(40_000),
        Fault::Refuse,
        Fault::Reset,
        Fault::ResetAfter(300_000),
        Fault::Raw("\0\u{1}\u{2} not http at all\r\n\r\n"),
        Fault::EndlessHead,
        Fault::Hints,
        Fault::Extra,
        Fault::RedirectLoop,
        Fault::Endless,
    ]
}

/// A42, A46, A47, A48: whatever a server does to the bytes for a while, nothing of it is mixed in: the update arrives to the byte.
#[test]
fn every_lie_that_ends_is_got_over() {
    let site = Site::new(&[("big.bin", 2_500_000), ("small.bin", 400_000)]);
    side_by_side(16, &passing(), |at, lie| {
        let (server, told) = (site.serve(), lie.clone());
        // A cut first, so that the lie is told to a range; then twice, to each object.
        server.rescript(move |asked| match (is_object(&asked.path), asked.again) {
            (true, 0) => Some(Fault::CutAfter(150_000)),
            (true, 1 | 2) => Some(told.clone()),
            _ => None,
        });
        let copy = site.copy(&format!("lie-{at}"), &[&server.url()]);
        let ended = copy.update(&[]);
        assert_eq!(ended.code, Some(0), "{lie:?}: {}", ended.said);
        site.assert_new(&copy);
    });
}

/// A46, A48, A51: a server that never stops to lie: it ends by itself, with a code and the name of the file; nothing is applied.
#[test]
fn a_lie_that_does_not_end_changes_nothing() {
    let site = Site::new(&[("big.bin", 1_500_000)]);
    let (network, trust) = (30, 40);
    let lies = [
        (Fault::Status(404), network, "network.missing"),
        (Fault::Gzip, network, "network.answer"),
        (Fault::RedirectLoop, network, "network.insecure"),
        (Fault::Flip(700_000), trust, "trust.content"),
        (Fault::ShortFile(400_000), trust, "trust.content"),
        (Fault::Other("\"x\"".to_owned()), trust, "trust.content"),
    ];
    let big = site.objects()[0].0.clone();
    side_by_side(6, &lies, |at, (lie, exit, code)| {
        let (server, lie, path) = (site.serve(), lie.clone(), big.clone());
        let told = lie.clone();
        server.rescript(move |asked| (asked.path == path).then(|| told.clone()));
        let copy = site.copy(&format!("always-{at}"), &[&server.url()]);
        let ended = copy.update(&[]);
        assert_eq!(ended.code, Some(*exit), "{lie:?}: {}", ended.said);
        assert!(ended.said.contains(code), "{lie:?}: {}", ended.said);
        assert!(ended.said.contains("big.bin") || *code != "network.missing", "{lie:?}: {}", ended.said);
        site.assert_old(&copy);
        let tries = server.requests().iter().filter(|request| request.path == big).count();
        assert!(tries <= 12, "{lie:?}: bounded tries, not {tries}");
    });
}

/// A48: one wrong byte costs one piece: what was right is not fetched again.
#[test]
fn a_wrong_byte_costs_one_piece() {
    let site = Site::new(&[("big.bin", 6_000_000)]);
    let (server, once) = (site.serve(), AtomicBool::new(false));
    let big = site.objects()[0].0.clone();
    server.rescript(move |asked| {
        let lie = asked.path == big && !once.swap(true, Ordering::SeqCst);
        lie.then_some(Fault::Flip(2 * 1_048_576 + 7))
    });
    let copy = site.copy("flip", &[&server.url()]);
    let ended = copy.update(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    site.assert_new(&copy);
    let fetched = super::object_bytes(&server);
    // The piece, and what the connection that was left held.
    assert!(fetched < 6_000_000 + 1_048_576 + 2 * 1_048_576, "{fetched} bytes");
}

/// A46, A64: bodies without an end, for metadata and content: the updater's folder never holds more than was announced, the
/// files that are put together of it, and a mebibyte; and the update arrives.
#[test]
fn endless_bodies_take_no_more_room_than_announced() {
    let site = Site::new(&[("big.bin", 5_000_000), ("small.bin", 10_000)]);
    let announced = site.objects().iter().map(|(_, size)| size).sum::<u64>() + 5_010_000;
    let server = site.serve();
    let (asked, most) = (Arc::new(AtomicUsize::new(0)), AtomicU64::new(0));
    let count = Arc::clone(&asked);
    server.rescript(move |request| {
        count.fetch_add(1, Ordering::SeqCst);
        is_object(&request.path).then_some(Fault::Endless)
    });
    let copy = site.copy("endless", &[&server.url()]);
    let mut client = copy.start(&[]);
    while client.runs() {
        most.fetch_max(copy.partial_bytes(), Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(2));
    }
    let ended = client.end(Duration::from_secs(60));
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    site.assert_new(&copy);
    let most = most.into_inner();
    assert!(most > 0 && most <= announced + 1_048_576, "{most} bytes on disk for {announced}");
    metadata_without_end(&site);
}

/// The same for what says that there is a release at all.
fn metadata_without_end(site: &Site) {
    let server = FaultServer::serve_folder(&site.world.repo()).script(|_| Some(Fault::Endless));
    let copy = site.copy("endless-metadata", &[&server.url()]);
    let before = super::disk(&copy.root);
    let ended = copy.update(&[]);
    assert_eq!(ended.code, Some(30), "{}", ended.said);
    site.assert_old(&copy);
    let after = super::disk(&copy.root);
    assert!(after < before + 1_048_576, "{before} bytes became {after}");
}
