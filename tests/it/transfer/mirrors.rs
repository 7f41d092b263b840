//! Several sources of one repository.

use std::time::Duration;
use updraft::release::Codec;

use updraft::report::{Control, ErrorCode, Fault as _, Step};
use updraft::transfer::{Depot, Options, TransferError, fetch_all};

use super::shop::{PIECE, Shop, Tape, block_on, fetch, fetch_with, mirrors, noise, quick};
use crate::support::fault_server::{Fault, FaultServer};

/// A51: an object the first mirror does not have comes from the next; one that none has ends it by name.
#[test]
fn a_missing_object_is_looked_for_on_the_next_mirror() {
    let shop = Shop::with(100_000);
    let first = FaultServer::serve_folder(&shop.repository()).script(|_| Some(Fault::Status(404)));
    let second = FaultServer::serve_folder(&shop.repository());
    let (fetched, tape) = fetch(&shop, &[&first.url(), &second.url()]);
    shop.check(&fetched.unwrap());
    assert!(tape.steps().iter().any(|step| matches!(step, Step::MirrorLeft { .. })));

    let shop = Shop::with(200_000);
    let [first, second] = [404, 410]
        .map(|gone| FaultServer::serve_folder(&shop.repository()).script(move |_| Some(Fault::Status(gone))));
    let (fetched, _) = fetch(&shop, &[&first.url(), &second.url()]);
    let error = fetched.unwrap_err();
    assert!(matches!(&error, TransferError::Missing { file, .. } if file.as_str() == "dir/file 0"));
    assert_eq!(
        (error.code(), shop.left().iter().any(|name| name.ends_with(".file"))),
        (ErrorCode::Missing, false)
    );
}

/// A52: a dead mirror is left for the next at once, and what it gave is not fetched again.
#[test]
fn a_file_goes_on_at_its_offset_on_another_mirror() {
    let shop = Shop::with(4 * PIECE);
    let path = shop.path(0);
    let first = FaultServer::serve_folder(&shop.repository()).script(move |asked| {
        Some(if asked.path == path && asked.again == 0 { Fault::CutAfter(2_500_000) } else { Fault::Refuse })
    });
    let second = FaultServer::serve_folder(&shop.repository());
    let options = Options { streams: 1, ..quick() };
    let (fetched, tape) = fetch_with(&shop, &[&first.url(), &second.url()], &options, &Control::new());
    shop.check(&fetched.unwrap());
    assert!(first.bytes_sent() + second.bytes_sent() <= shop.bytes() + 1024 + 64 * 1024);
    assert!(tape.steps().iter().any(|step| matches!(step, Step::MirrorLeft { .. })));
    assert!(second.requests().iter().all(|served| served.if_range.is_none()));
}

/// A52: a mirror that lies is left for one that does not, for the other files too.
#[test]
fn a_lying_mirror_is_left() {
    let mut shop = Shop::new();
    for seed in 0..30 {
        shop.add(Codec::Raw, noise(seed, 20_000));
    }
    let liar = FaultServer::serve_folder(&shop.repository()).script(|_| Some(Fault::Flip(5)));
    let honest = FaultServer::serve_folder(&shop.repository());
    let (fetched, _) = fetch(&shop, &[&liar.url(), &honest.url()]);
    shop.check(&fetched.unwrap());
    assert!(liar.requests().len() <= 8, "{}", liar.requests().len());
}

/// A48, A52: a mirror that gives wrong beginnings of pieces and breaks off before they are whole is found out and
/// left; the honest one that went on with them, and breaks off now and then too, is not blamed for them.
#[test]
fn who_went_on_with_wrong_bytes_is_not_blamed_for_them() {
    let shop = Shop::with(10 * PIECE);
    let path = shop.path(0);
    let (first, second) = (path.clone(), path.clone());
    let liar = FaultServer::serve_folder(&shop.repository())
        .script(move |asked| (asked.path == first).then_some(Fault::Poison(200_000)));
    let honest = FaultServer::serve_folder(&shop.repository())
        .script(move |asked| (asked.path == second).then_some(Fault::CutAfter(400_000)));
    let options = Options { streams: 1, ..quick() };
    let (fetched, tape) = fetch_with(&shop, &[&liar.url(), &honest.url()], &options, &Control::new());
    shop.check(&fetched.unwrap());
    let tries = liar.requests().iter().filter(|served| served.path == path).count();
    assert!(tries <= 30, "{tries} tries of the liar");
    let left: Vec<Step> =
        tape.steps().into_iter().filter(|step| matches!(step, Step::MirrorLeft { .. })).collect();
    let lied = |step: &Step| matches!(step, Step::MirrorLeft { source, reason } if liar.url().contains(source.as_str()) && reason.contains("other bytes"));
    assert!(left.iter().any(lied), "{left:?}");
    assert!(honest.bytes_sent() < 2 * shop.bytes(), "{}", honest.bytes_sent());
}

/// A46: one answer without the range that was asked for does not cost a mirror its ranges; two in a row do.
#[test]
fn an_ignored_range_is_forgotten_when_the_next_is_honoured() {
    for (ignored, whole) in [(vec![1, 3], 0), (vec![1, 2], 1)] {
        let shop = Shop::with(4 * PIECE);
        let (path, times) = (shop.path(0), ignored.clone());
        let server = FaultServer::serve_folder(&shop.repository()).script(move |asked| {
            match (asked.path == path, times.contains(&asked.again)) {
                (true, true) => Some(Fault::ContentRange("bytes 0-9/4194304".to_owned())),
                (true, false) if asked.again < 5 => Some(Fault::CutAfter(300_000)),
                _ => None,
            }
        });
        let options = Options { streams: 1, ..quick() };
        let (fetched, _) = fetch_with(&shop, &[&server.url()], &options, &Control::new());
        shop.check(&fetched.unwrap());
        let requests = server.requests();
        let again = requests.iter().filter(|served| served.path == shop.path(0)).skip(1);
        let without = again.filter(|served| served.range.is_none()).count();
        assert!(without.min(1) == whole, "{ignored:?}: {requests:?}");
    }
}

/// A51: odd answers between right ones are no reason to leave the only mirror.
#[test]
fn odd_answers_between_right_ones_are_got_over() {
    let shop = Shop::with(10 * PIECE);
    let object = shop.requests[0].content.object;
    // Every second piece is there, so that each of the others needs a request of its own.
    let mut half = noise(10 * PIECE as u64, 10 * PIECE);
    half.chunks_mut(PIECE).step_by(2).for_each(|piece| piece.fill(0));
    std::fs::create_dir_all(shop.depot()).unwrap();
    std::fs::write(shop.depot().join(format!("{object}.part")), &half).unwrap();
    let path = shop.path(0);
    let server = FaultServer::serve_folder(&shop.repository())
        .script(move |asked| (asked.path == path && asked.again % 2 == 0).then_some(Fault::Status(400)));
    let options = Options { streams: 1, ..quick() };
    let (fetched, _) = fetch_with(&shop, &[&server.url()], &options, &Control::new());
    shop.check(&fetched.unwrap());
    assert_eq!(server.requests().iter().filter(|served| served.path == shop.path(0)).count(), 10);
}

/// A52: a mirror that only drips is left for one that flows.
#[test]
fn a_slow_mirror_is_left() {
    let shop = Shop::with(300_000);
    let slow = FaultServer::serve_folder(&shop.repository()).script(|_| Some(Fault::Trickle(1000)));
    let other = FaultServer::serve_folder(&shop.repository());
    let options = Options { idle: Duration::from_secs(1), ..quick() };
    let (fetched, tape) = fetch_with(&shop, &[&slow.url(), &other.url()], &options, &Control::new());
    shop.check(&fetched.unwrap());
    let left = |step: &Step| matches!(step, Step::MirrorLeft { reason, .. } if reason.contains("slow"));
    assert!(tape.steps().iter().any(left));
}

/// A52: a mirror that is fast enough for us, but much slower than another one, is left for that in the middle of
/// a file, and what it gave is kept.
#[test]
fn a_much_faster_mirror_is_found_and_used() {
    let shop = Shop::with(24 * PIECE);
    let slow = FaultServer::serve_folder(&shop.repository()).script(|_| Some(Fault::Trickle(100_000)));
    let fast = FaultServer::serve_folder(&shop.repository());
    let mirrors = mirrors(&[&slow.url(), &fast.url()]);
    let mirrors = mirrors.probing(Duration::from_millis(0), Duration::from_millis(500));
    let (depot, tape) = (Depot::open(&shop.depot()).unwrap(), Tape::default());
    let (report, control) = (|event| tape.put(event), Control::new());
    let fetched =
        block_on(fetch_all(&mirrors, &depot, shop.requests.clone(), &quick(), &control, &report)).unwrap();
    shop.check(&fetched);
    let left = |step: &Step| matches!(step, Step::MirrorLeft { reason, .. } if reason.contains("faster"));
    assert_eq!(tape.steps().iter().filter(|step| left(step)).count(), 1, "{:?}", tape.steps());
    assert!(slow.bytes_sent() < shop.bytes() / 4, "{}", slow.bytes_sent());
    assert!(slow.bytes_sent() + fast.bytes_sent() <= shop.bytes() + shop.bytes() / 2);
}

/// A52: a slow mirror is not left again and again for a faster one that lied and would not be asked.
#[test]
fn a_slow_mirror_is_kept_where_the_faster_one_lies() {
    let shop = Shop::with(PIECE);
    let liar = FaultServer::serve_folder(&shop.repository()).script(|_| Some(Fault::Flip(9)));
    let slow = FaultServer::serve_folder(&shop.repository()).script(|_| Some(Fault::Trickle(300_000)));
    let (fetched, tape) = fetch(&shop, &[&liar.url(), &slow.url()]);
    shop.check(&fetched.unwrap());
    assert_eq!(slow.requests().len(), 1, "{:?}", tape.steps());
}

#[test]
fn a_folder_is_a_source_like_any_other() {
    let mut shop = Shop::with(3 * PIECE + 1);
    shop.add(Codec::Zstd, noise(5, 100_000));
    let dead = "127.0.0.1:9";
    let folder = shop.repository();
    let (fetched, _) = fetch(&shop, &[dead, folder.to_str().unwrap()]);
    shop.check(&fetched.unwrap());
}
