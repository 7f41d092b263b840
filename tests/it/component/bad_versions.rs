//! Versions that are bad in every way there is: nothing lost, the old one serves again at once.

use updraft::component::sample::{Counter, Flaw};
use updraft::component::{RunState, SwapError, Verdict, world};

use super::{World, build, simple, version};

/// Trap at once and later, endless loop, leak: found at work, rolled back, quarantined, nothing lost.
#[track_caller]
fn breaks_at_work(flaw: impl Fn(u64) -> Flaw, why: &str) {
    let rules = "limits = { memory = \"8MiB\", call_deadline = \"400ms\" }\nprobation = { messages = 100000, time = \"60s\" }";
    let world = World::start(&simple(20_000, rules), &[("counter.wasm", &version(1))]);
    world.flows();
    let bad = build(&Counter::version(2).with(flaw(world.seen().count + 4000)));
    world.service.replace("counter.wasm", bad.clone()).unwrap();
    world.until("the way back", |world| !world.said("swap.rolled-back").is_empty());
    let said = world.said("swap.rolled-back").remove(0);
    assert!(said.contains(why), "{said}");
    assert!(said.contains("1.0.0 serves again"), "{said}");
    world.flows();
    assert_eq!(world.seen().last_kind, 1);
    assert!(matches!(world.verdict("counter"), Some(Verdict::RolledBack(_))));
    let error = world.service.replace("counter.wasm", bad).unwrap_err();
    assert!(matches!(error, SwapError::Quarantined { .. }), "{error}");
    world.ends_whole();
}

/// A152: a trap in the probation.
#[test]
fn a_version_that_traps_is_taken_back_and_nothing_is_lost() {
    breaks_at_work(Flaw::TrapAt, "unreachable");
}

/// A152: a trap at the first message.
#[test]
fn a_version_that_traps_at_once_is_taken_back_and_nothing_is_lost() {
    let rules = "probation = { messages = 100000, time = \"60s\" }";
    let world = World::start(&simple(20_000, rules), &[("counter.wasm", &version(1))]);
    world.flows();
    let bad = build(&Counter::version(2).with(Flaw::TrapAt(0)));
    world.service.replace("counter.wasm", bad).unwrap();
    world.until("the way back", |world| !world.said("swap.rolled-back").is_empty());
    world.flows();
    assert_eq!(world.ends_whole().kinds.keys().copied().collect::<Vec<_>>(), [1], "nothing of it came out");
}

/// A152: an endless loop ends with the deadline of a call.
#[test]
fn a_version_that_hangs_is_taken_back_and_nothing_is_lost() {
    breaks_at_work(Flaw::LoopAt, "longer than 400 ms");
}

/// A152: more memory than the limit.
#[test]
fn a_version_that_takes_too_much_memory_is_taken_back_and_nothing_is_lost() {
    breaks_at_work(Flaw::LeakFrom, "more than 8 MiB");
}

/// A152: a version that breaks long after its probation makes room for the last good one, with its state.
#[test]
fn a_version_that_breaks_after_its_probation_makes_room_for_the_last_good_one() {
    let rules = "probation = { messages = 200, time = \"60s\" }";
    let world = World::start(&simple(5000, rules), &[("counter.wasm", &version(1))]);
    world.until("the end of the first probation", |world| world.seen().count > 1000);
    let bad = build(&Counter::version(2).with(Flaw::TrapAt(world.seen().count + 20_000)));
    world.service.replace("counter.wasm", bad.clone()).unwrap();
    world.until("its good time", |world| world.verdict("counter") == Some(Verdict::Kept));
    world.until("the way back", |world| !world.said("swap.rolled-back").is_empty());
    world.flows();
    assert_eq!(world.seen().last_kind, 1);
    assert!(matches!(world.service.replace("counter.wasm", bad), Err(SwapError::Quarantined { .. })));
    world.ends_whole();
}

/// A version without one before it is started again from its last state; one that breaks at the same message
/// every time keeps it, and a better version does it.
#[test]
fn the_first_version_is_started_again_and_a_message_that_breaks_it_waits_for_a_better_one() {
    let bad = build(&Counter::version(1).with(Flaw::TrapAt(5000)));
    let world = World::start(&simple(20_000, ""), &[("counter.wasm", &bad)]);
    world.until("that it is down", |world| world.component("counter").state == RunState::Down);
    assert!(world.component("counter").restarts >= 1);
    world.service.replace("counter.wasm", version(2)).unwrap();
    world.until("version 2", |world| world.seen().last_kind == 2);
    world.ends_whole();
}

/// A147, A142: what can't be created or started changes nothing: cut off, empty, another world, no component,
/// config refused, not well.
#[test]
fn a_version_that_can_not_be_started_is_an_error_line_and_the_old_one_runs_on() {
    let world = World::start(&simple(20_000, ""), &[("counter.wasm", &version(1))]);
    world.flows();
    let whole = version(2);
    let other_world = {
        let text = Counter::version(2)
            .text()
            .replace("(param i32 i32) (result i32) (call $well)", "(result i32) (call $well)");
        let core = wat::parse_str(text).unwrap();
        let refused = world::encode(&core, updraft::component::message::Role::Processor);
        assert!(refused.is_err(), "the encoder checks the names and types of a world");
        wat::parse_str("(component (core module $m) (core instance (instantiate $m)))").ok()
    };
    let mut cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("cut off", whole[..whole.len() / 2].to_vec(), "no component"),
        ("empty", Vec::new(), "the file is empty"),
        ("text", b"not a component".to_vec(), "does not begin as WebAssembly"),
        ("bare module", wat::parse_str("(module)").unwrap(), "does not fit the world"),
        ("bad config", build(&Counter::version(3).with(Flaw::RefuseConfig)), "refuses its config"),
        ("ill", build(&Counter::version(4).with(Flaw::Ill)), "not well"),
    ];
    cases.extend(other_world.map(|bytes| ("other world", bytes, "does not fit the world")));
    for (count, (name, bytes, why)) in cases.into_iter().enumerate() {
        let error = world.service.replace("counter.wasm", bytes).unwrap_err();
        assert!(error.to_string().contains(why), "{name}: {error}");
        assert_eq!(world.said("swap.refused").len(), count + 1, "{name}");
        world.flows();
        assert_eq!(world.component("counter").version.as_deref(), Some("1.0.0"), "{name}");
    }
    assert_eq!(world.ends_whole().kinds.keys().copied().collect::<Vec<_>>(), [1]);
}

/// A152: what was quarantined stays so after a restart, and the last good version is what starts.
#[test]
fn after_a_restart_the_last_good_version_runs_in_the_place_of_a_quarantined_file() {
    let rules = "probation = { messages = 500, time = \"60s\" }";
    let world = World::start(&simple(20_000, rules), &[("counter.wasm", &version(1))]);
    world.until("that version 1 is kept", |world| world.seen().count > 2000);
    let bad = build(&Counter::version(2).with(Flaw::TrapAt(world.seen().count + 400)));
    super::copy_over(&world.artifact("counter.wasm"), &bad);
    world.service.replace("counter.wasm", bad).unwrap();
    world.until("the way back", |world| !world.said("swap.rolled-back").is_empty());
    let World { dir, service, .. } = world;
    drop(service);
    let world = World::start_in(dir, &simple(20_000, rules));
    assert_eq!(world.said("component.last-good").len(), 1, "{:?}", world.said.lock().unwrap());
    world.flows();
    assert_eq!(world.component("counter").version.as_deref(), Some("1.0.0"));
}
