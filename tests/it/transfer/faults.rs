//! One server that misbehaves.

use std::collections::HashSet;
use std::time::Duration;

use updraft::release::Codec;
use updraft::report::{Control, ErrorCode, Fault as _, Step};
use updraft::transfer::{Options, TransferError};

use super::shop::{PIECE, Shop, fetch, fetch_with, noise, quick};
use crate::support::fault_server::{Fault, FaultServer};

/// A40: a cut at 99 % of the last file costs less than 5 % more bytes.
#[test]
fn a_cut_near_the_end_costs_little() {
    let mut shop = Shop::new();
    for seed in 0..3 {
        shop.add(Codec::Raw, noise(seed, 700_000));
    }
    let last = shop.path(2);
    let server = FaultServer::serve_folder(&shop.repository())
        .script(move |asked| (asked.path == last && asked.again == 0).then_some(Fault::CutAfter(693_000)));
    let (fetched, tape) = fetch(&shop, &[&server.url()]);
    shop.check(&fetched.unwrap());
    assert!(server.bytes_sent() < shop.bytes() * 105 / 100);
    assert!(tape.was_interrupted_and_continued());
}

/// A41: after a cut in file k the files before it are not asked for again, and k goes on at its offset.
#[test]
fn a_cut_file_goes_on_at_its_offset() {
    let mut shop = Shop::new();
    for seed in 0..4 {
        shop.add(Codec::Raw, noise(seed, 300_000));
    }
    let third = shop.path(2);
    let script = third.clone();
    let server = FaultServer::serve_folder(&shop.repository())
        .script(move |asked| (asked.path == script && asked.again == 0).then_some(Fault::CutAfter(100_000)));
    let options = Options { streams: 1, ..quick() };
    let (fetched, _) = fetch_with(&shop, &[&server.url()], &options, &Control::new());
    shop.check(&fetched.unwrap());
    let requests = server.requests();
    for n in 0..4 {
        let times = requests.iter().filter(|served| served.path == shop.path(n)).count();
        assert_eq!(times, if n == 2 { 2 } else { 1 });
    }
    let again = requests.iter().rfind(|served| served.path == third).unwrap();
    assert_eq!((again.range.unwrap().0, again.sent), (100_000, 200_000));
    assert!(again.if_range.is_some());
}

/// A42: ten and more cuts, and nearly no byte twice.
#[test]
fn many_cuts_lose_nearly_nothing() {
    let mut shop = Shop::with(6 * PIECE + 12_345);
    shop.add(Codec::Zstd, noise(9, 3 * PIECE));
    let server = FaultServer::serve_folder(&shop.repository())
        .script(|asked| (asked.number < 25).then_some(Fault::CutAfter(90_000 + asked.number as u64 * 7_919)));
    let (fetched, tape) = fetch(&shop, &[&server.url()]);
    shop.check(&fetched.unwrap());
    assert!(server.bytes_sent() <= shop.bytes() + 1024 + 25 * 64 * 1024);
    assert!(tape.was_interrupted_and_continued());
    let done: Vec<u64> = tape.progress().iter().map(|progress| progress.done).collect();
    assert!(done.is_sorted() && done.last() == Some(&shop.bytes()));
}

/// A43, A44: the server is gone for some seconds; the client waits, says so, and goes on by itself.
#[test]
fn a_server_that_goes_and_comes_back_is_waited_for() {
    let shop = Shop::with(3 * PIECE);
    let server = FaultServer::serve_folder(&shop.repository())
        .script(|asked| (asked.number == 1).then_some(Fault::StallAfter(500_000)));
    let (fetched, tape) = std::thread::scope(|scope| {
        let url = server.url();
        let shop = &shop;
        let client = scope.spawn(move || fetch(shop, &[&url]));
        while server.bytes_sent() < 500_000 {
            std::thread::sleep(Duration::from_millis(5));
        }
        server.stop();
        std::thread::sleep(Duration::from_secs(3));
        assert!(!client.is_finished());
        server.restart();
        client.join().unwrap()
    });
    shop.check(&fetched.unwrap());
    assert!(tape.was_interrupted_and_continued());
    let attempts = tape.steps().into_iter().filter_map(|step| match step {
        Step::Interrupted { attempt, reason, .. } if !reason.is_empty() => Some(attempt),
        _ => None,
    });
    assert!(attempts.max().unwrap() > 3);
    assert!(server.bytes_sent() <= shop.bytes() + 1024 + 64 * 1024);
}

/// A46: whatever a server does to a range, nothing wrong is mixed in and the file arrives.
#[test]
fn a_server_that_lies_about_ranges_is_seen_through() {
    for fault in [
        Fault::IgnoreRange,
        Fault::ContentRange("bytes 0-9/10".to_owned()),
        Fault::ContentRange("nonsense".to_owned()),
        Fault::OtherPlace(3),
        Fault::Gzip,
        Fault::Page,
        Fault::Status(416),
        Fault::ShortFile(100_000),
        Fault::Etag("\"another\"".to_owned()),
    ] {
        for size in [400_000, 2 * PIECE + 5] {
            let shop = Shop::with(size);
            let (path, lie) = (shop.path(0), fault.clone());
            let server = FaultServer::serve_folder(&shop.repository()).script(move |asked| {
                match (asked.path == path, asked.again) {
                    (true, 0) => Some(Fault::CutAfter(150_000)),
                    (true, 1) => Some(lie.clone()),
                    _ => None,
                }
            });
            let (fetched, _) = fetch(&shop, &[&server.url()]);
            shop.check(&fetched.unwrap());
        }
    }
}

/// A46: a server that never honours a range still gives every file, each byte once if nothing breaks.
#[test]
fn a_server_without_ranges_is_read_from_the_start() {
    let shop = Shop::with(20 * PIECE);
    let server = FaultServer::serve_folder(&shop.repository()).script(|_| Some(Fault::IgnoreRange));
    let (fetched, _) = fetch(&shop, &[&server.url()]);
    shop.check(&fetched.unwrap());
    // What other streams had begun before they knew is the price of asking.
    let requests = server.requests();
    assert!(requests.iter().filter(|served| served.range.is_none()).count() <= 2, "{requests:?}");
}

/// A47: content that changed between two tries is not mixed with what was there.
#[test]
fn content_changed_between_two_tries_is_not_mixed() {
    let shop = Shop::with(600_000);
    let (path, right) = (shop.path(0), noise(600_000, 600_000));
    let target = shop.object(&shop.requests[0].content.object);
    let other = noise(4, 600_000);
    let server = FaultServer::serve_folder(&shop.repository()).script(move |asked| {
        match (asked.path == path, asked.again) {
            (true, 0) => {
                std::fs::write(&target, &other).unwrap();
                Some(Fault::CutAfter(200_000))
            }
            (true, 1) => {
                std::fs::write(&target, &right).unwrap();
                None
            }
            _ => None,
        }
    });
    let (fetched, _) = fetch(&shop, &[&server.url()]);
    shop.check(&fetched.unwrap());
}

/// A48: one wrong byte costs one piece; a mirror that keeps lying ends it with the name of the file.
#[test]
fn a_wrong_byte_costs_one_piece() {
    let shop = Shop::with(5 * PIECE);
    let path = shop.path(0);
    let script = path.clone();
    let server = FaultServer::serve_folder(&shop.repository()).script(move |asked| {
        (asked.path == script && asked.again == 0).then_some(Fault::Flip(2 * PIECE as u64 + 77))
    });
    let options = Options { streams: 1, ..quick() };
    let (fetched, _) = fetch_with(&shop, &[&server.url()], &options, &Control::new());
    shop.check(&fetched.unwrap());
    let again: Vec<_> = server.requests().into_iter().filter(|served| served.path == path).skip(1).collect();
    assert_eq!(again[0].range, Some((2 * PIECE as u64, Some(5 * PIECE as u64 - 1))));

    let always = Shop::with(3 * PIECE);
    let server = FaultServer::serve_folder(&always.repository()).script({
        let path = always.path(0);
        move |asked| (asked.path == path).then_some(Fault::Flip(PIECE as u64))
    });
    let (fetched, _) = fetch(&always, &[&server.url()]);
    let error = fetched.unwrap_err();
    assert!(matches!(&error, TransferError::Corrupt { file, .. } if file.as_str() == "dir/file 0"));
    assert_eq!(error.code(), ErrorCode::Corrupt);
    assert!(server.requests().len() < 12);
    assert!(always.left().iter().all(|name| !name.ends_with(".file")));
}

/// A49: an open but silent connection is cut after the limit and asked again.
#[test]
fn a_silent_connection_is_cut() {
    let shop = Shop::with(500_000);
    let server = FaultServer::serve_folder(&shop.repository())
        .script(|asked| (asked.number < 2).then_some(Fault::StallAfter(asked.number as u64 * 1000)));
    let options = Options { idle: Duration::from_millis(300), ..quick() };
    let (fetched, tape) = fetch_with(&shop, &[&server.url()], &options, &Control::new());
    shop.check(&fetched.unwrap());
    let silent =
        |step: &Step| matches!(step, Step::Interrupted { reason, .. } if reason.contains("nothing came"));
    assert!(tape.steps().iter().any(silent));
}

/// A64: a body that never ends stops at the announced size, in memory and on disk.
#[test]
fn an_endless_body_is_cut_at_the_announced_size() {
    for size in [50_000, 2 * PIECE] {
        let shop = Shop::with(size);
        let server = FaultServer::serve_folder(&shop.repository()).script(|_| Some(Fault::Endless));
        let (fetched, _) = fetch(&shop, &[&server.url()]);
        shop.check(&fetched.unwrap());
    }
}

/// A64: whatever comes, the disk never holds more than was announced and 1 MiB: endless bodies, whole files where a
/// part was asked for, and an object that unpacks to far more than was signed.
#[test]
fn the_disk_never_holds_much_more_than_was_announced() {
    let mut shop = Shop::with(3 * PIECE);
    shop.add(Codec::Raw, noise(8, 300_000));
    shop.add(Codec::Zstd, vec![0; 60_000_000]);
    shop.requests[2].size = 2_000_000;
    let announced: u64 = shop.requests.iter().map(|request| request.content.size.max(request.size)).sum();
    let server = FaultServer::serve_folder(&shop.repository()).script(|_| Some(Fault::Endless));
    let most = std::thread::scope(|scope| {
        let (url, shop) = (server.url(), &shop);
        let client = scope.spawn(move || fetch(shop, &[&url]).0);
        let mut most = 0;
        while !client.is_finished() {
            let entries = std::fs::read_dir(shop.depot()).into_iter().flatten().flatten();
            let size: u64 = entries.filter_map(|entry| entry.metadata().ok()).map(|found| found.len()).sum();
            most = size.max(most);
        }
        assert!(matches!(client.join().unwrap(), Err(TransferError::Corrupt { .. })));
        most
    });
    assert!(most > 0 && most <= announced + PIECE as u64, "{most} bytes for {announced}");
}

/// A64: an object that unpacks to more than was signed is refused, and no more than that is written.
#[test]
fn an_object_that_unpacks_to_more_than_was_signed_is_refused() {
    let mut shop = Shop::new();
    shop.add(Codec::Zstd, vec![0; 30_000_000]);
    shop.requests[0].size = 1_000_000;
    let server = FaultServer::serve_folder(&shop.repository());
    let (fetched, _) = fetch(&shop, &[&server.url()]);
    assert!(matches!(fetched, Err(TransferError::Corrupt { .. })));
    assert!(shop.left().iter().all(|name| name.ends_with(".part")));
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_asks() {
    let shop = Shop::with(10_000);
    let server = FaultServer::serve_folder(&shop.repository())
        .script(|asked| (asked.number == 0).then_some(Fault::RetryAfter(503, 2)));
    let began = std::time::Instant::now();
    let (fetched, tape) = fetch(&shop, &[&server.url()]);
    shop.check(&fetched.unwrap());
    assert!(began.elapsed() >= Duration::from_millis(1900));
    let waits = |step: &Step| matches!(step, Step::Interrupted { retry_in: 2, .. });
    assert!(tape.steps().iter().any(waits));
}

#[test]
fn a_redirect_is_followed_but_not_round_in_circles() {
    let shop = Shop::with(10_000);
    let behind = FaultServer::serve_folder(&shop.repository());
    let target = format!("{}{}", behind.url(), shop.path(0));
    let front =
        FaultServer::serve_folder(&shop.repository()).script(move |_| Some(Fault::Redirect(target.clone())));
    let (fetched, _) = fetch(&shop, &[&front.url()]);
    shop.check(&fetched.unwrap());

    let shop = Shop::with(20_000);
    let server = FaultServer::serve_folder(&shop.repository()).script(|_| Some(Fault::RedirectLoop));
    let (fetched, _) = fetch(&shop, &[&server.url()]);
    let error = fetched.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Insecure);
    assert!(error.to_string().contains("more than 5 times"), "{error}");
}

#[test]
fn many_small_files_share_few_connections() {
    let mut shop = Shop::new();
    for seed in 0..1000 {
        shop.add(if seed % 2 == 0 { Codec::Raw } else { Codec::Zstd }, noise(seed, 40_000));
    }
    let server = FaultServer::serve_folder(&shop.repository());
    let (fetched, _) = fetch(&shop, &[&server.url()]);
    shop.check(&fetched.unwrap());
    let requests = server.requests();
    let connections: HashSet<usize> = requests.iter().map(|served| served.connection).collect();
    assert_eq!(requests.len(), 1000);
    assert!(connections.len() <= 8, "{}", connections.len());
    assert!(shop.left().iter().all(|name| name.ends_with(".file")));
}
