//! A thousand swaps under load.

use super::{World, simple, version};

/// A145, A151: 1,000 swaps while messages come as fast as they are taken: none lost, doubled, out of order, and
/// the count in the state never wrong.
#[test]
fn a_thousand_swaps_under_load_lose_double_and_reorder_nothing() {
    let text = simple(1, "").replace("config = { per_second = 1 }", "");
    let world = World::start(&text, &[("counter.wasm", &version(1))]);
    let versions = [version(1), version(2)];
    world.flows();
    for swap in 1..=1000 {
        world.service.replace("counter.wasm", versions[swap % 2].clone()).unwrap();
    }
    assert_eq!(world.component("counter").swaps, 1000);
    let seen = world.ends_whole();
    assert!(seen.kinds[&1] > 0 && seen.kinds[&2] > 0, "{:?}", seen.kinds);
}
