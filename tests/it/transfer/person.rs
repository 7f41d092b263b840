//! A person at the controls: cancel, pause, try now, a limit.

use std::time::{Duration, Instant};

use updraft::report::{Control, Step};
use updraft::transfer::{Options, TransferError};

use super::shop::{PIECE, Shop, Tape, fetch, fetch_taped, fetch_with, quick};
use crate::support::fault_server::{Fault, FaultServer};

fn wait_for(mut test: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !test() {
        assert!(Instant::now() < end, "it did not come to that in a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A50: a cancel ends it at once, and what has come is not fetched again next time.
#[test]
fn a_cancel_keeps_what_has_come() {
    let shop = Shop::with(4 * PIECE);
    let server = FaultServer::serve_folder(&shop.repository())
        .script(|asked| (asked.number == 1).then_some(Fault::StallAfter(2_600_000)));
    let control = Control::new();
    let tape = Tape::default();
    let fetched = std::thread::scope(|scope| {
        let (url, control, shop, tape) = (server.url(), &control, &shop, &tape);
        let client = scope.spawn(move || fetch_taped(shop, &[&url], &quick(), control, tape));
        wait_for(|| tape.done() >= 2_600_000);
        control.cancel();
        // The server is still silent: nothing but the cancel can end it.
        client.join().unwrap().0
    });
    assert!(matches!(fetched, Err(TransferError::Cancelled)));
    assert!(shop.left().iter().any(|name| name.ends_with(".part")));
    let before = server.bytes_sent();
    let (fetched, _) = fetch(&shop, &[&server.url()]);
    shop.check(&fetched.unwrap());
    assert!(server.bytes_sent() - before <= shop.bytes() - 2_600_000 + 64 * 1024);
}

/// A50: a pause stops the bytes, and the transfer goes on where it was.
#[test]
fn a_pause_holds_the_transfer() {
    let shop = Shop::with(3 * PIECE);
    let server = FaultServer::serve_folder(&shop.repository())
        .script(|asked| (asked.number == 1).then_some(Fault::StallAfter(1_500_000)));
    let control = Control::new();
    let tape = Tape::default();
    let (fetched, tape) = std::thread::scope(|scope| {
        let (url, control, shop, tape) = (server.url(), &control, &shop, &tape);
        let client = scope.spawn(move || fetch_taped(shop, &[&url], &quick(), control, tape));
        wait_for(|| tape.done() >= 1_500_000);
        control.pause(true);
        std::thread::sleep(Duration::from_millis(500));
        let held = server.requests().len();
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(server.requests().len(), held);
        assert!(!client.is_finished());
        control.pause(false);
        client.join().unwrap()
    });
    shop.check(&fetched.unwrap());
    assert_eq!(tape.steps(), [Step::Paused, Step::Unpaused]);
    assert!(server.bytes_sent() <= shop.bytes() + 1024 + 64 * 1024);
}

/// A44, A93: "try now" ends the wait.
#[test]
fn try_now_ends_the_wait() {
    let shop = Shop::with(10_000);
    let server = FaultServer::serve_folder(&shop.repository())
        .script(|asked| (asked.number == 0).then_some(Fault::Refuse));
    let control = Control::new();
    let hour = Duration::from_secs(3600);
    let options = Options { first_wait: hour, longest_wait: hour, ..quick() };
    let fetched = std::thread::scope(|scope| {
        let (url, control, shop, options) = (server.url(), &control, &shop, &options);
        let client = scope.spawn(move || fetch_with(shop, &[&url], options, control));
        wait_for(|| {
            control.retry_now();
            client.is_finished()
        });
        client.join().unwrap().0
    });
    shop.check(&fetched.unwrap());
}

/// A53: the bandwidth limit is kept.
#[test]
fn a_limit_is_kept() {
    let shop = Shop::with(PIECE);
    let server = FaultServer::serve_folder(&shop.repository());
    let options = Options { limit_bytes_per_second: Some(PIECE as u64 / 2), ..quick() };
    let began = Instant::now();
    let (fetched, tape) = fetch_with(&shop, &[&server.url()], &options, &Control::new());
    shop.check(&fetched.unwrap());
    assert!(began.elapsed() >= Duration::from_millis(1500));
    assert!(tape.progress().len() >= 3);
    assert!(tape.progress().iter().any(|progress| progress.speed > 0 && progress.seconds_left.is_some()));
}
