//! Plugins in a program's own process, kept up to date from a signed catalogue.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use updraft::component::carrier::Limits;
use updraft::component::message::{Batch, Message};
use updraft::component::sample::{Counter, Flaw};
use updraft::plugins::{Helper, Host, Item, Line, PluginError, Timer, tick};
use updraft::release::Digest;

use super::shop::Shop;
use super::{build, version};

fn host(folder: &Path) -> Host {
    let limits = Limits { memory: 8 << 20, call_deadline: Duration::from_millis(400) };
    Host::open(folder, limits).unwrap()
}

fn one(id: u64) -> Batch {
    vec![Message { id, key: 0, kind: 0, payload: Vec::new() }].into()
}

/// Calls a plugin; gives its version and its count.
fn call(host: &Host, key: &str) -> Result<(u32, u64), PluginError> {
    let answer = host.call(key, &one(1))?.remove(0);
    Ok((answer.kind, u64::from_le_bytes(answer.payload[..8].try_into().unwrap())))
}

fn ticked<H: Helper>(helper: &mut H, host: &Host) -> Vec<String> {
    let lines = Mutex::new(Vec::new());
    tick(helper, host, &|line: &Line| lines.lock().unwrap().push(line.to_string()));
    lines.into_inner().unwrap()
}

/// A140, A141, A143: what a signed catalogue says is done, with a line for each plugin; the next call after an
/// update is answered by the new version, which goes on with the state; what is not valid goes, with its file, and
/// stays away after a restart.
#[test]
fn a_signed_catalogue_adds_updates_keeps_and_removes_plugins_while_the_program_runs() {
    let (shop, home) = (Shop::new(), tempfile::tempdir().unwrap());
    let folder = home.path().join("plugins");
    let (holder, mut feed) = (host(&folder), shop.feed(&home.path().join("feed")));
    shop.publish("1.0", &[("a", "1.0", version(1), true), ("b", "1.0", version(1), true)]);
    assert_eq!(ticked(&mut feed, &holder), ["add a 1.0: done", "add b 1.0: done"]);
    assert_eq!(call(&holder, "a").unwrap(), (1, 1));
    assert_eq!(call(&holder, "a").unwrap(), (1, 2));
    shop.publish(
        "1.1",
        &[("a", "2.0", version(2), true), ("b", "1.0", version(1), true), ("c", "1.0", version(3), true)],
    );
    assert_eq!(ticked(&mut feed, &holder), ["update a 2.0: done", "keep b 1.0: done", "add c 1.0: done"]);
    assert_eq!(call(&holder, "a").unwrap(), (2, 3));
    shop.publish("1.2", &[("a", "2.0", version(2), true), ("b", "1.0", version(1), false)]);
    assert_eq!(ticked(&mut feed, &holder), ["keep a 2.0: done", "remove b 1.0: done", "keep c: done"]);
    assert!(matches!(call(&holder, "b"), Err(PluginError::Unknown(_))));
    let file = folder.join(format!("{}.wasm", Digest::of(&version(1))));
    assert!(!file.exists());
    drop(holder);
    let holder = host(&folder);
    assert_eq!(holder.plugins().iter().map(|plugin| plugin.key.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(ticked(&mut feed, &holder), ["keep a 2.0: done", "keep c: done"]);
    assert!(call(&holder, "b").is_err());
}

/// A142, A144: a plugin that fails its start check or can't be fetched leaves the old one serving and does not stop
/// the others; an empty, damaged or unreachable catalogue, or one of somebody else, removes nothing.
#[test]
fn a_plugin_or_a_catalogue_that_is_wrong_leaves_everything_as_it_serves() {
    let (shop, home) = (Shop::new(), tempfile::tempdir().unwrap());
    let (holder, mut feed) = (host(&home.path().join("plugins")), shop.feed(&home.path().join("feed")));
    shop.publish("1.0", &[("a", "1.0", version(1), true), ("b", "1.0", version(1), true)]);
    ticked(&mut feed, &holder);
    let ill = build(&Counter::version(2).with(Flaw::Ill));
    shop.publish(
        "1.1",
        &[("a", "2.0", ill, true), ("b", "2.0", version(2), true), ("c", "1.0", b"x".to_vec(), true)],
    );
    let lines = ticked(&mut feed, &holder);
    assert!(
        lines[0].starts_with("update a 2.0: failed: ") && lines[0].contains("this version refuses"),
        "{lines:?}"
    );
    assert_eq!(lines[1], "update b 2.0: done");
    assert!(lines[2].starts_with("add c 1.0: failed: "), "{lines:?}");
    assert_eq!((call(&holder, "a").unwrap().0, call(&holder, "b").unwrap().0), (1, 2));
    let serves = |holder: &Host| (call(holder, "a").unwrap().0, call(holder, "b").unwrap().0);

    shop.publish_catalog("1.2", "");
    assert_eq!(ticked(&mut feed, &holder), ["keep a: done", "keep b: done"]);
    shop.publish_catalog("1.3", "[[plugin]]\nkey = \"a\"\nversion = \"1.0\"\nfi");
    let lines = ticked(&mut feed, &holder);
    assert!(lines.len() == 1 && lines[0].contains("catalog.toml is damaged"), "{lines:?}");
    shop.publish("1.4", &[("a", "3.0", version(3), true), ("b", "2.0", version(2), true)]);
    // The content of one plugin is damaged on the server: it fails, the other is as it should be.
    let objects = shop.repo().join("objects");
    let hidden = shop.repo().join("hidden");
    std::fs::rename(&objects, &hidden).unwrap();
    let lines = ticked(&mut feed, &holder);
    assert!(lines.len() == 1 && lines[0].contains("failed"), "{lines:?}");
    std::fs::rename(&hidden, &objects).unwrap();
    let timestamp = shop.repo().join("metadata").join("timestamp.json");
    let signed = std::fs::read(&timestamp).unwrap();
    std::fs::write(
        &timestamp,
        String::from_utf8(signed.clone()).unwrap().replacen("\"sig\":\"", "\"sig\":\"00", 1),
    )
    .unwrap();
    let lines = ticked(&mut feed, &holder);
    assert!(lines.len() == 1 && lines[0].starts_with("look the catalogue: failed"), "{lines:?}");
    assert_eq!(serves(&holder), (1, 2));
    std::fs::write(&timestamp, signed).unwrap();
    assert_eq!(ticked(&mut feed, &holder), ["update a 3.0: done", "keep b 2.0: done"]);
    assert_eq!(serves(&holder), (3, 2));
}

/// A142, A152: a plugin that traps, hangs or takes too much memory in a call is taken back: the one before answers
/// that very call, with the state.
#[test]
fn a_plugin_that_breaks_in_a_call_is_taken_back_and_the_call_is_answered() {
    let home = tempfile::tempdir().unwrap();
    let holder = host(home.path());
    holder.load("a", version(1)).unwrap();
    assert_eq!(call(&holder, "a").unwrap(), (1, 1));
    for (number, flaw) in [(2, Flaw::TrapAt(3)), (3, Flaw::LoopAt(4)), (4, Flaw::LeakFrom(0))] {
        let bad = build(&Counter::version(number).with(flaw));
        holder.load("a", bad.clone()).unwrap();
        let counts: Vec<(u32, u64)> = (0..12).map(|_| call(&holder, "a").unwrap()).collect();
        let first = counts[0].1;
        assert!(counts.iter().zip(first..).all(|((_, count), wanted)| *count == wanted), "{counts:?}");
        assert_eq!(counts.last().unwrap().0, 1, "{flaw:?}: {counts:?}");
        assert!(matches!(holder.load("a", bad), Err(PluginError::Quarantined { .. })), "{flaw:?}");
    }
    let error = holder.load("a", version(9)[..300].to_vec()).unwrap_err();
    assert!(matches!(error, PluginError::Load { .. }), "{error}");
    assert!(matches!(holder.load("../a", version(9)), Err(PluginError::Key(_))));
    assert_eq!(call(&holder, "a").unwrap().0, 1);
}

/// A140: the timer looks again and again, and ends with its drop.
#[test]
fn the_timer_looks_again_and_again() {
    struct Fake(u32);
    impl Helper for Fake {
        type Error = String;

        fn catalog(&mut self) -> Result<(Vec<Item>, BTreeMap<String, Digest>), String> {
            self.0 += 1;
            if self.0 == 1 {
                return Err("not there yet".to_owned());
            }
            let (version, file) = (format!("{}.0", self.0).parse().unwrap(), "a.wasm".parse().unwrap());
            let item = Item { key: "a".to_owned(), version, file, valid: true };
            Ok((vec![item], [("a".to_owned(), Digest::of(&version_of(self.0)))].into()))
        }

        fn get(&mut self, _item: &Item) -> Result<Vec<u8>, String> {
            Ok(version_of(self.0))
        }
    }
    fn version_of(number: u32) -> Vec<u8> {
        version(number)
    }
    let home = tempfile::tempdir().unwrap();
    let (holder, lines) = (Arc::new(host(home.path())), Arc::new(Mutex::new(Vec::new())));
    let output = {
        let lines = Arc::clone(&lines);
        Arc::new(move |line: &Line| lines.lock().unwrap().push(line.to_string()))
    };
    let timer = Timer::start(Fake(0), Arc::clone(&holder), output, Duration::from_millis(10)).unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while lines.lock().unwrap().len() < 4 && std::time::Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(timer);
    let lines = lines.lock().unwrap().clone();
    assert_eq!(
        lines[..3],
        ["look the catalogue: failed: not there yet", "add a 2.0: done", "update a 3.0: done"]
    );
    assert!(call(&holder, "a").unwrap().0 >= 3);
}
