//! What an earlier run left on disk, in whatever state.

use proptest::prelude::*;
use updraft::release::Codec;
use updraft::report::Step;

use super::shop::{PIECE, Shop, fetch, noise};
use crate::support::fault_server::{Fault, FaultServer};

/// A45: a part file from another day goes on at its offset.
#[test]
fn a_part_file_without_more_is_continued() {
    let shop = Shop::with(800_000);
    let object = shop.requests[0].content.object;
    std::fs::create_dir_all(shop.depot()).unwrap();
    std::fs::write(shop.depot().join(format!("{object}.part")), &noise(800_000, 800_000)[..640_000]).unwrap();
    let server = FaultServer::serve_folder(&shop.repository());
    let (fetched, tape) = fetch(&shop, &[&server.url()]);
    shop.check(&fetched.unwrap());
    assert_eq!((server.requests().len(), server.bytes_sent()), (1, 160_000));
    assert!(tape.progress().iter().all(|progress| progress.done >= 640_000));
}

#[test]
fn finished_files_are_not_fetched_again_unless_damaged() {
    let mut shop = Shop::with(2 * PIECE);
    shop.add(Codec::Zstd, noise(3, 90_000));
    let server = FaultServer::serve_folder(&shop.repository());
    fetch(&shop, &[&server.url()]).0.unwrap();
    let before = server.requests().len();
    shop.check(&fetch(&shop, &[&server.url()]).0.unwrap());
    assert_eq!(server.requests().len(), before);
    let file = shop.depot().join(format!("{}.file", shop.requests[1].sha256));
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[500] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    shop.check(&fetch(&shop, &[&server.url()]).0.unwrap());
    assert_eq!(server.requests().len(), before + 1);
}

/// A48: a verified piece that went bad on disk is seen, said and fetched again, alone.
#[test]
fn a_piece_that_rotted_on_disk_is_fetched_again_alone() {
    let shop = Shop::with(4 * PIECE);
    let path = shop.path(0);
    let server = FaultServer::serve_folder(&shop.repository())
        .script(move |asked| (asked.path == path && asked.again > 0).then_some(Fault::Status(404)));
    let script = shop.path(0);
    server.rescript(move |asked| match (asked.path == script, asked.again) {
        (true, 0) => Some(Fault::CutAfter(3 * PIECE as u64 + 1000)),
        (true, 1) => Some(Fault::Status(404)),
        _ => None,
    });
    fetch(&shop, &[&server.url()]).0.unwrap_err();
    let part = shop.depot().join(format!("{}.part", shop.requests[0].content.object));
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[PIECE + 9] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    let before = server.bytes_sent();
    let (fetched, tape) = fetch(&shop, &[&server.url()]);
    shop.check(&fetched.unwrap());
    let message = |step: &Step| matches!(step, Step::Message { text } if text.contains("1 verified piece"));
    assert!(tape.steps().iter().any(message), "{:?}", tape.steps());
    assert_eq!(server.bytes_sent() - before, 2 * PIECE as u64 - 1000);
}

#[derive(Debug, Clone)]
enum Damage {
    CutTo(usize),
    Flip(usize),
    Grow(usize),
    Side(Vec<u8>),
    NoSide,
}

fn damage() -> impl Strategy<Value = Damage> {
    let anywhere = 0..4 * PIECE;
    prop_oneof![
        anywhere.clone().prop_map(Damage::CutTo),
        anywhere.prop_map(Damage::Flip),
        (1..3 * PIECE).prop_map(Damage::Grow),
        proptest::collection::vec(any::<u8>(), 0..64).prop_map(Damage::Side),
        "\\{\"format\":1,\"verified\":\\[\\{\"start\":0,\"end\":[0-9]{1,6}\\}\\],\"begun\":\\[\\[[0-9],[0-9]{1,9}\\]\\]\\}"
            .prop_map(|text| Damage::Side(text.into_bytes())),
        Just(Damage::NoSide),
    ]
}

fn harm(part: &std::path::Path, side: &std::path::Path, damage: &Damage) {
    let mut bytes = std::fs::read(part).unwrap_or_default();
    match damage {
        Damage::CutTo(size) => bytes.truncate(*size),
        Damage::Flip(at) => {
            if let Some(byte) = bytes.get_mut(*at) {
                *byte ^= 0xff;
            }
        }
        Damage::Grow(by) => bytes.resize(bytes.len() + by, 0xaa),
        Damage::Side(text) => return std::fs::write(side, text).unwrap(),
        Damage::NoSide => return drop(std::fs::remove_file(side)),
    }
    std::fs::write(part, bytes).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// A45: whatever a crash, or a disk, left behind: the file comes out right, and never costs more than once
    /// over.
    #[test]
    fn any_leftover_leads_to_the_right_file(
        size in prop_oneof![1usize..600_000, PIECE - 1..PIECE + 2, PIECE + 1..4 * PIECE],
        packed in any::<bool>(),
        cuts in proptest::collection::vec(0u64..2_000_000, 0..3),
        damages in proptest::collection::vec(damage(), 0..3),
    ) {
        let mut shop = Shop::new();
        shop.add(if packed { Codec::Zstd } else { Codec::Raw }, noise(size as u64, size));
        let (path, server) = (shop.path(0), FaultServer::serve_folder(&shop.repository()));
        server.rescript(move |asked| {
            let cut = cuts.get(asked.again).map(|cut| Fault::CutAfter(*cut)).unwrap_or(Fault::Status(404));
            (asked.path == path).then_some(cut)
        });
        if let Ok(fetched) = fetch(&shop, &[&server.url()]).0 {
            // The cuts were all beyond the end.
            shop.check(&fetched);
            return Ok(());
        }
        let object = shop.requests[0].content.object;
        let place = |end: &str| shop.depot().join(format!("{object}.{end}"));
        for damage in &damages {
            harm(&place("part"), &place("json"), damage);
        }
        server.rescript(|_| None);
        let before = server.bytes_sent();
        let fetched = fetch(&shop, &[&server.url()]).0;
        shop.check(&fetched.unwrap());
        prop_assert!(server.bytes_sent() - before <= 2 * shop.bytes() + 1024);
        prop_assert!(shop.left().iter().all(|name| name.ends_with(".file")), "{:?}", shop.left());
    }
}
