//! The carrier `process`: a program in any language is replaced as a component is.

use super::{World, simple};

/// A145, A152: a script over its standard input and output is replaced while it works, and a script that ends or
/// hangs is taken back.
#[test]
#[cfg(unix)]
fn a_program_is_replaced_while_it_works_and_a_bad_one_is_taken_back() {
    let script = include_str!("../../../examples/components/counter.py");
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        assert!(std::env::var_os("UPDRAFT_TEST_ALL").is_none(), "python3 is not here");
        return;
    }
    let of = |version: &str, then: &str| {
        let versioned = script.replace("VERSION = 1", version);
        versioned.replace("        # A batch begins.", then).into_bytes()
    };
    let rules = "carrier = \"process\"\nlimits = { call_deadline = \"20s\" }\nprobation = { messages = 100000, time = \"60s\" }";
    let text = simple(500, rules).replace("counter.wasm", "counter.py");
    let world = World::start(&text, &[("counter.py", &of("VERSION = 1", ""))]);
    world.flows();
    world.service.replace("counter.py", of("VERSION = 2", "")).unwrap();
    world.until("version 2", |world| world.seen().last_kind == 2);
    world.service.replace("counter.py", of("VERSION = 3", "        raise SystemExit(1)")).unwrap();
    world.until("the way back", |world| !world.said("swap.rolled-back").is_empty());
    world.flows();
    let seen = world.ends_whole();
    assert_eq!(seen.kinds.keys().copied().collect::<Vec<_>>(), [1, 2]);
}
