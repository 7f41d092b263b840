//! Swaps of good versions: state, order, several at once, those that have to wait.

use std::time::{Duration, Instant};

use updraft::component::sample::{Counter, Flaw};
use updraft::component::{RunState, SwapError, Verdict};

use super::{World, build, simple, version};

/// A151, A145: what the old version counted goes on in the new one, and back.
#[test]
fn a_new_version_goes_on_with_the_state_of_the_old_one_and_back() {
    let world = World::start(&simple(20_000, ""), &[("counter.wasm", &version(1))]);
    world.flows();
    for number in [2, 1, 3] {
        let swapped = world.service.replace("counter.wasm", version(number)).unwrap();
        assert_eq!(swapped.version, format!("{number}.0.0"));
        assert_eq!(swapped.components, ["counter"]);
        world.until("the new version's messages", |world| world.seen().last_kind == number);
    }
    let status = world.component("counter");
    assert_eq!((status.swaps, status.state != RunState::Down), (3, true));
    assert!(status.last_swap.unwrap().prepare_ms > 0.0);
    let seen = world.ends_whole();
    assert!([1, 2, 3].iter().all(|kind| seen.kinds[kind] > 0), "{:?}", seen.kinds);
}

/// A151: a version that does not take over the state never comes into the line.
#[test]
fn a_version_that_refuses_the_state_leaves_the_old_one_running_with_it() {
    let world = World::start(&simple(20_000, ""), &[("counter.wasm", &version(1))]);
    world.flows();
    let refuses = build(&Counter::version(2).with(Flaw::RefuseState));
    let error = world.service.replace("counter.wasm", refuses).unwrap_err();
    assert!(error.to_string().contains("this version refuses"), "{error}");
    let other_schema = build(&Counter { schema: 7, ..Counter::version(3) });
    let error = world.service.replace("counter.wasm", other_schema).unwrap_err();
    assert!(error.to_string().contains("does not take a state of schema 1"), "{error}");
    // One that says it knows the old schema does come in.
    let knows = build(&Counter { schema: 7, accepts: Some(1), ..Counter::version(4) });
    world.service.replace("counter.wasm", knows).unwrap();
    world.until("version 4", |world| world.seen().last_kind == 4);
    let seen = world.ends_whole();
    assert_eq!(seen.kinds.keys().copied().collect::<Vec<_>>(), [1, 4]);
}

/// A148: a busy component is switched when it is idle.
#[test]
fn a_busy_component_is_switched_once_it_is_idle() {
    let busy = build(&Counter::version(1).with(Flaw::BusyUntil(2000)));
    let world = World::start(&simple(2000, "swap = { deadline = \"60s\" }"), &[("counter.wasm", &busy)]);
    world.service.replace("counter.wasm", version(2)).unwrap();
    world.flows();
    let seen = world.ends_whole();
    assert!(seen.kinds[&1] >= 2000, "{:?}", seen.kinds);
    assert!(seen.kinds[&2] > 0);
}

/// A148: at the deadline it is switched all the same, or not at all, as the config says; one that is not
/// upgradable never is.
#[test]
fn a_component_that_stays_busy_is_switched_at_the_deadline_or_never_as_the_config_says() {
    let busy = build(&Counter::version(1).with(Flaw::BusyUntil(u64::MAX)));
    let rules = "swap = { deadline = \"200ms\" }";
    let world = World::start(&simple(5000, rules), &[("counter.wasm", &busy)]);
    let began = Instant::now();
    world.service.replace("counter.wasm", version(2)).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(200));
    world.ends_whole();

    let rules = "swap = { deadline = \"200ms\", when_busy = \"give-up\" }";
    let world = World::start(&simple(5000, rules), &[("counter.wasm", &busy)]);
    let error = world.service.replace("counter.wasm", version(2)).unwrap_err();
    assert!(matches!(&error, SwapError::Refused { why, .. } if why.contains("busy")), "{error}");
    world.flows();
    assert_eq!(world.ends_whole().kinds.keys().copied().collect::<Vec<_>>(), [1]);

    let world = World::start(&simple(5000, "upgradable = false"), &[("counter.wasm", &version(1))]);
    let error = world.service.replace("counter.wasm", version(2)).unwrap_err();
    assert!(matches!(error, SwapError::Fixed(_)), "{error}");
    world.flows();
    assert_eq!(world.ends_whole().kinds.keys().copied().collect::<Vec<_>>(), [1]);
}

fn three(rules: &str) -> String {
    let mut text = simple(5000, rules).replace("[\"counter\"]", "[\"counter\", \"second\", \"third\"]");
    for (name, ledger) in [("second", "ledger3"), ("third", "ledger4")] {
        text.push_str(&format!(
            "[[component]]\nname = \"{name}\"\nartifact = \"counter.wasm\"\ndownstreams = [\"{ledger}\"]\n{rules}\n\
             [[component]]\nname = \"{ledger}\"\nartifact = \"{ledger}\"\ncarrier = \"builtin\"\n"
        ));
    }
    text
}

/// A146: three components in one file are one swap: all or none. A150: each downstream gets every item.
#[test]
fn components_of_one_artifact_are_switched_together_or_not_at_all() {
    let world = World::start(&three(""), &[("counter.wasm", &version(1))]);
    world.flows();
    let swapped = world.service.replace("counter.wasm", version(2)).unwrap();
    assert_eq!(swapped.components, ["counter", "second", "third"]);
    assert_eq!(world.said("swap.switched").len(), 1);
    for ledger in ["ledger", "ledger3", "ledger4"] {
        world.until("version 2 everywhere", |world| world.seen_by(ledger).last_kind == 2);
    }
    // In its probation one version breaks in one of the lines: all go back.
    let at = world.seen().count + 3000;
    world.service.replace("counter.wasm", build(&Counter::version(3).with(Flaw::TrapAt(at)))).unwrap();
    world.until("the way back", |world| !world.said("swap.rolled-back").is_empty());
    for name in ["counter", "second", "third"] {
        world.until("version 2 everywhere again", |world| {
            world.component(name).version.as_deref() == Some("2.0.0")
        });
    }
    world.flows();
    for ledger in ["ledger3", "ledger4"] {
        world.seen_by(ledger).is_whole();
    }
    world.ends_whole();
}

/// A146: one that can't be switched keeps all others from it.
#[test]
fn one_component_that_can_not_be_switched_keeps_its_siblings_from_it() {
    let rules = "swap = { deadline = \"300ms\", when_busy = \"give-up\" }";
    // Nothing comes to `third`, so it never is idle.
    let text = three(rules).replace(", \"second\", \"third\"]", ", \"second\"]");
    let busy = build(&Counter::version(1).with(Flaw::BusyUntil(10)));
    let world = World::start(&text, &[("counter.wasm", &busy)]);
    world.flows();
    let error = world.service.replace("counter.wasm", version(2)).unwrap_err();
    assert!(matches!(&error, SwapError::Refused { component, .. } if component == "third"), "{error}");
    world.flows();
    for name in ["counter", "second", "third"] {
        assert_eq!(world.component(name).version.as_deref(), Some("1.0.0"));
        assert!(matches!(world.verdict(name), Some(Verdict::Refused(_))));
    }
    assert_eq!(world.ends_whole().kinds.keys().copied().collect::<Vec<_>>(), [1]);
}

/// A large state is handed over while the line works; what was done meanwhile is done again by the new version.
#[test]
fn a_large_state_is_handed_over_while_the_line_works() {
    let large = |number| build(&Counter { state_bytes: 8 << 20, ..Counter::version(number) });
    let world = World::start(&simple(20_000, ""), &[("counter.wasm", &large(1))]);
    world.until("the size of the state", |world| world.component("counter").state_bytes == 8 << 20);
    for number in [2, 3] {
        world.service.replace("counter.wasm", large(number)).unwrap();
        world.until("the new version's messages", |world| world.seen().last_kind == number);
    }
    world.ends_whole();
}

/// Shards work on keys of their own, each with a state of its own, and are switched together.
#[test]
fn shards_keep_the_order_of_each_key_over_a_swap() {
    let text = simple(20_000, "shards = 3").replace("artifact = \"ledger\"", "artifact = \"ledger2\"");
    let world = World::start(&text, &[("counter.wasm", &version(1))]);
    world.until("messages", |world| world.seen_by("ledger2").count > 500);
    world.service.replace("counter.wasm", version(2)).unwrap();
    world.until("only version 2", |world| world.seen_by("ledger2").last_kind == 2);
    let ledger = std::sync::Arc::clone(&world.ledgers["ledger2"]);
    let service = std::sync::Arc::into_inner(world.service).unwrap();
    assert_eq!(service.stop(Duration::from_secs(30)), 0);
    ledger.lock().unwrap().is_whole();
}
