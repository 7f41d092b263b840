//! A pipeline that takes its components from a signed catalogue.

use std::sync::Arc;
use std::time::Duration;

use updraft::component::sample::{Counter, Flaw};
use updraft::component::{CatalogWatch, Events, Pipeline, RunState, Watch};

use super::shop::Shop;
use super::{World, build, simple, version};

/// The pipeline of `simple` with the catalogue of `shop`.
fn config(shop: &Shop, rules: &str) -> String {
    let table = format!(
        "[catalog]\nsource = '{}'\nroot = '{}'\napp = \"Plugins\"\nevery = \"100ms\"\n",
        shop.repo().display(),
        shop.root().display()
    );
    format!("{table}\n{}", simple(5000, rules))
}

fn begin(world: &World) -> (CatalogWatch, Watch) {
    let said = Arc::clone(&world.said);
    let events: Events = Arc::new(move |happening| said.lock().unwrap().push(happening.clone()));
    let service = || Arc::clone(&world.service);
    let catalog = CatalogWatch::start(service(), Arc::clone(&events)).unwrap().unwrap();
    // As `updraft run` has it: the folder is watched beside the catalogue.
    (catalog, Watch::start(service(), Some(world.config()), events).unwrap())
}

fn publish(shop: &Shop, number: &str, counter: &[u8], valid: bool) {
    shop.publish(number, &[("counter.wasm", number, counter.to_vec(), valid)]);
}

/// A140, A141, A145: a component that is missing comes from the catalogue, is updated from it while messages flow, in
/// the same process and with its state, and is kept as long as nothing is new; each has its line.
#[test]
fn a_pipeline_takes_its_components_from_a_signed_catalogue_while_it_runs() {
    let shop = Shop::new();
    publish(&shop, "1.0", &version(1), true);
    let world = World::start(&config(&shop, ""), &[]);
    world.until("that it is missed", |world| world.component("counter").state == RunState::Down);
    let (pid, watches) = (world.service.status().pid, begin(&world));
    world.flows();
    // It works before it is in the folder, and its line comes last.
    world.until("its first line", |world| !world.said("catalog.add").is_empty());
    assert_eq!(world.said("catalog.add"), ["add counter.wasm 1.0: done"]);
    assert_eq!(std::fs::read(world.artifact("counter.wasm")).unwrap(), version(1));
    publish(&shop, "2.0", &version(2), true);
    world.until("the update", |world| world.seen().last_kind == 2);
    world.until("its line", |world| !world.said("catalog.update").is_empty());
    assert_eq!(std::fs::read(world.artifact("counter.wasm")).unwrap(), version(2));
    let kept = world.said("catalog.keep").len();
    world.until("that it is kept", |world| world.said("catalog.keep").len() > kept + 1);
    assert_eq!(world.said("catalog.update"), ["update counter.wasm 2.0: done"]);
    assert_eq!((world.component("counter").swaps, world.service.status().pid), (2, pid));
    assert_eq!(world.said("swap.refused"), [""; 0]);
    drop(watches);
    world.ends_whole();
}

/// A143: what the catalogue says is not valid is unloaded, its file and its good copy are removed, and a restart brings
/// nothing back; messages wait for a version that is valid.
#[test]
fn a_component_that_is_not_valid_any_more_goes_and_stays_away_after_a_restart() {
    let shop = Shop::new();
    publish(&shop, "1.0", &version(1), true);
    let text = config(&shop, "probation = { messages = 10, time = \"1s\" }");
    let world = World::start(&text, &[("counter.wasm", &version(1))]);
    let watches = begin(&world);
    world.flows();
    publish(&shop, "1.1", &version(1), false);
    world.until("its end", |world| world.component("counter").state == RunState::Down);
    world.until("its line", |world| !world.said("catalog.remove").is_empty());
    assert_eq!(world.said("catalog.remove"), ["remove counter.wasm 1.1: done"]);
    assert!(!world.artifact("counter.wasm").exists());
    drop(watches);
    let World { dir, service, .. } = world;
    drop(service);

    let world = World::start_in(dir, &text);
    let watches = begin(&world);
    world.until("that it is missed", |world| world.component("counter").state == RunState::Down);
    // Put back by hand, the next look removes it.
    super::copy_over(&world.artifact("counter.wasm"), &version(1));
    world.until("that it is removed", |world| {
        !world.artifact("counter.wasm").exists() && world.component("counter").state == RunState::Down
    });
    publish(&shop, "2.0", &version(2), true);
    world.flows();
    assert_eq!(world.seen().last_kind, 2);
    drop(watches);
    world.ends_whole();
}

/// A142, A144: a version that can't be started, a catalogue that is empty, damaged or not signed, and a repository that
/// is gone leave what runs; one that fails does not stop the others.
#[test]
fn a_catalogue_that_is_wrong_removes_nothing_and_one_that_fails_does_not_stop_the_others() {
    let shop = Shop::new();
    publish(&shop, "1.0", &version(1), true);
    let text = config(&shop, "").replace("[\"ledger\"]", "[\"ledger\", \"second\"]")
        + "\n[[component]]\nname = \"second\"\nartifact = \"second.wasm\"\ndownstreams = [\"ledger2\"]\nwhen_down = \"skip\"\n\
           [[component]]\nname = \"ledger2\"\nartifact = \"discard\"\ncarrier = \"builtin\"\n";
    let world = World::start(&text, &[("counter.wasm", &version(1))]);
    let watches = begin(&world);
    world.flows();
    let ill = build(&Counter::version(2).with(Flaw::Ill));
    let second = ("second.wasm", "1.0", version(1), true);
    shop.publish("1.1", &[("counter.wasm", "2.0", ill, true), second]);
    world.until("that it is refused", |world| !world.said("catalog.failed").is_empty());
    let failed = world.said("catalog.failed").remove(0);
    assert!(failed.starts_with("update counter.wasm 2.0: failed: "), "{failed}");
    world.until("the second one", |world| world.component("second").messages_in > 0);
    world.until("its line", |world| !world.said("catalog.add").is_empty());
    assert_eq!(world.said("catalog.add"), ["add second.wasm 1.0: done"]);

    let look = |why: &str| {
        let lines =
            |world: &World| world.said("catalog.failed").iter().filter(|line| line.contains(why)).count();
        let before = lines(&world);
        world.until(why, |world| lines(world) > before + 1);
    };
    shop.publish_catalog("1.2", "[[plugin]]\nkey = \"counter.wasm\"\nversion = \"1.0\"\nfi");
    look("catalog.toml is damaged");
    let keeps = world.said("catalog.keep").len();
    shop.publish_catalog("1.3", "");
    world.until("the empty one", |world| world.said("catalog.keep").len() > keeps + 4);
    let (metadata, aside) = (shop.repo().join("metadata"), shop.repo().join("aside"));
    std::fs::rename(&metadata, &aside).unwrap();
    // It is asked for again until a look has taken too long; so the next look goes on where it is back.
    std::thread::sleep(Duration::from_secs(1));
    world.flows();
    std::fs::rename(&aside, &metadata).unwrap();
    let keeps = world.said("catalog.keep").len();
    world.until("the way back", |world| world.said("catalog.keep").len() > keeps + 2);
    let timestamp = metadata.join("timestamp.json");
    let signed = std::fs::read_to_string(&timestamp).unwrap();
    std::fs::write(&timestamp, signed.replacen("\"sig\":\"", "\"sig\":\"00", 1)).unwrap();
    look("look the catalogue: failed");
    world.flows();
    assert_eq!(world.component("counter").version.as_deref(), Some("1.0.0"));
    assert_ne!(world.component("second").state, RunState::Down);
    assert_eq!(world.said("catalog.remove"), [""; 0]);
    drop(watches);
    world.ends_whole();
}

/// A152: a version from the catalogue that breaks at work goes back by itself and is not let in again, and the next one is.
#[test]
fn a_version_of_the_catalogue_that_breaks_goes_back_and_the_next_one_comes() {
    let shop = Shop::new();
    publish(&shop, "1.0", &version(1), true);
    let world = World::start(&config(&shop, ""), &[("counter.wasm", &version(1))]);
    let watches = begin(&world);
    world.flows();
    publish(&shop, "2.0", &build(&Counter::version(2).with(Flaw::TrapAt(0))), true);
    world.until("the way back", |world| !world.said("swap.rolled-back").is_empty());
    world.until("that it stays out", |world| world.said("catalog.failed").len() > 2);
    assert!(world.said("catalog.failed").iter().all(|line| line.contains("broke before")));
    assert_eq!((world.said("swap.rolled-back").len(), world.component("counter").swaps), (1, 1));
    world.flows();
    publish(&shop, "3.0", &version(3), true);
    world.until("the next one", |world| world.seen().last_kind == 3);
    drop(watches);
    assert_eq!(world.ends_whole().kinds.keys().copied().collect::<Vec<_>>(), [1, 3]);
}

/// A144: a repository that never was there keeps nothing from starting, and the end of the service does not wait for it.
#[test]
fn a_service_starts_and_ends_although_its_catalogue_does_not_answer() {
    let shop = Shop::new();
    publish(&shop, "1.0", &version(1), true);
    // A listener that takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let source = format!("source = 'http://{}/'", silent.local_addr().unwrap());
    let text = config(&shop, "").replace(&format!("source = '{}'", shop.repo().display()), &source);
    let world = World::start(&text, &[("counter.wasm", &version(1))]);
    let watches = begin(&world);
    world.flows();
    let began = std::time::Instant::now();
    drop(watches);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(world.said("catalog.failed"), [""; 0]);
    world.ends_whole();
}

/// A149: a wrong table is refused with its line, and a changed one needs a new start.
#[test]
fn a_catalogue_that_is_not_right_in_the_config_is_refused_with_its_line() {
    let shop = Shop::new();
    let text = config(&shop, "");
    let dir = std::path::Path::new("/");
    let wrong = |from: &str, to: &str| {
        let text = text.replace(from, to);
        Pipeline::parse(&text, "p.toml", dir).unwrap_err().to_string()
    };
    let source = format!("'{}'", shop.repo().display());
    assert!(
        wrong(&source, "'ftp://x/'").starts_with("p.toml:2: source: "),
        "{}",
        wrong(&source, "'ftp://x/'")
    );
    assert!(wrong("\"Plugins\"", "\"a/b\"").starts_with("p.toml:4: app: "));
    assert!(wrong("\"100ms\"", "\"often\"").starts_with("p.toml:5: every: "));
    assert!(wrong("every =", "evry =").starts_with("p.toml:5: unknown field"));
    assert!(wrong("app = \"Plugins\"\n", "").contains("missing field"));
    let world = World::start(&text, &[("counter.wasm", &version(1))]);
    let other = Pipeline::parse(&text.replace("\"100ms\"", "\"1s\""), "p.toml", world.dir.path()).unwrap();
    let other = Pipeline {
        artifacts: world.service.pipeline().artifacts,
        state: world.service.pipeline().state,
        ..other
    };
    let error = world.service.apply(other).unwrap_err().to_string();
    assert!(error.contains("[catalog] can't be changed"), "{error}");
    world.flows();
    world.ends_whole();
}
