//! Small things by path: what metadata and manifests come through.

use std::time::{Duration, Instant};

use updraft::report::{Control, ErrorCode, Fault as _};
use updraft::transfer::{Patience, TransferError, fetch_small};

use super::shop::{Shop, Tape, block_on, mirrors};
use crate::support::fault_server::{Fault, FaultServer};

fn site() -> Shop {
    let shop = Shop::with(10);
    std::fs::create_dir_all(shop.repository().join("metadata")).unwrap();
    std::fs::write(shop.repository().join("metadata/timestamp.json"), "small").unwrap();
    shop
}

fn get(urls: &[&str], path: &str, patience: Patience) -> (Result<Option<Vec<u8>>, TransferError>, Tape) {
    let tape = Tape::default();
    let report = |event| tape.put(event);
    let got = block_on(fetch_small(&mirrors(urls), path, 100, patience, &Control::new(), &report));
    (got, tape.clone())
}

fn soon() -> Patience {
    Patience::Until(Instant::now() + Duration::from_millis(1500))
}

const PATH: &str = "metadata/timestamp.json";

/// A22: an address and a port are enough.
#[test]
fn an_address_and_a_port_are_enough() {
    let shop = site();
    let server = FaultServer::serve_folder(&shop.repository());
    let address = server.address().to_string();
    assert_eq!(get(&[&address], PATH, soon()).0.unwrap().unwrap(), b"small");
    assert_eq!(get(&[&address], "metadata/2.root.json", soon()).0.unwrap(), None);
}

/// A21: with the server down it ends in time and says so.
#[test]
fn a_dead_server_ends_it_in_time() {
    let began = Instant::now();
    let error = get(&["127.0.0.1:9"], PATH, soon()).0.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unreachable);
    assert!(error.to_string().contains("http://127.0.0.1:9"), "{error}");
    let shop = site();
    let silent = FaultServer::serve_folder(&shop.repository()).script(|_| Some(Fault::StallAfter(2)));
    let error = get(&[&silent.url()], PATH, soon()).0.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unreachable);
    assert!(began.elapsed() < Duration::from_secs(30));
}

/// A43: without a time limit a server that comes back is waited for.
#[test]
fn endless_patience_waits() {
    let shop = site();
    let server = FaultServer::serve_folder(&shop.repository())
        .script(|asked| (asked.number == 0).then_some(Fault::Refuse));
    let (got, tape) = get(&[&server.url()], PATH, Patience::Endless);
    assert_eq!(got.unwrap().unwrap(), b"small");
    assert!(tape.was_interrupted_and_continued());
}

/// A52: a dead mirror keeps nobody from learning what is there, or that it is not.
#[test]
fn a_dead_mirror_is_passed_over() {
    let shop = site();
    let server = FaultServer::serve_folder(&shop.repository());
    let urls = ["127.0.0.1:9", &server.url()];
    assert_eq!(get(&urls, PATH, Patience::Endless).0.unwrap().unwrap(), b"small");
    assert_eq!(get(&urls, "metadata/2.root.json", Patience::Endless).0.unwrap(), None);
}

/// A64: what is longer than the limit is not read, announced or not.
#[test]
fn a_long_answer_is_cut() {
    let shop = site();
    std::fs::write(shop.repository().join(PATH), vec![b'x'; 5000]).unwrap();
    for fault in [None, Some(Fault::Endless)] {
        let lie = fault.clone();
        let server = FaultServer::serve_folder(&shop.repository()).script(move |_| lie.clone());
        let error = get(&[&server.url()], PATH, Patience::Endless).0.unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadAnswer, "{error}");
    }
}

/// A46: a log-in page is not taken for metadata.
#[test]
fn a_page_is_waited_out() {
    let shop = site();
    let server = FaultServer::serve_folder(&shop.repository())
        .script(|asked| (asked.number == 0).then_some(Fault::Page));
    assert_eq!(get(&[&server.url()], PATH, Patience::Endless).0.unwrap().unwrap(), b"small");
}
