//! A127: the agent dies with no word at every state, and goes on.

use super::under_load;
use super::world::{EtcdNode, Extra, Fleet, Node, lock_server, lock_server_at};
use crate::support::world::wait_for;

/// A127: whatever state the agent dies in (all of them with `UPDRAFT_FULL`), the next one goes on from its journal: the node ends on the release, or
/// on the release before with its slot kept, no request fails, and no slot leaks.
#[test]
fn an_agent_that_dies_at_any_state_goes_on() {
    let fleet = Fleet::new();
    let Some(etcd) = EtcdNode::start(fleet.world.dir.path()) else { return };
    let (_lock, at) = lock_server(&etcd.url, &[]);
    let tables = format!("[lock]\nurl = \"http://{at}\"\ngroup = \"web\"\nretry = \"100ms\"\n");
    let mut node = fleet.node("n1", &Extra { tables, ..Extra::default() });
    node.up();
    let all = ["staged", "eligible", "locked", "draining", "swapping", "soaking", "committed"];
    let states = if super::is_full() { &all[..] } else { &["locked", "swapping", "soaking"] };
    under_load(node.address, 4, 2, || {
        for (&state, number) in states.iter().zip(2..) {
            node.kill_agent();
            fleet.publish(&format!("{number}.0"), "", &[]);
            node.start(Some(state));
            wait_for(&format!("the agent to die at {state}"), || {
                node.agent.as_mut().unwrap().0.try_wait().unwrap().is_some()
            });
            assert_eq!(node.memory()["phase"]["state"], state);
            node.up();
            node.rests("idle", number);
            free(at);
        }
        // A bad one: the agent dies on the way back, and after it.
        let good = 1 + states.len() as u64;
        let all = ["going-back", "rolled-back"];
        let states = if super::is_full() { &all[..] } else { &all[..1] };
        for (&state, number) in states.iter().zip(good + 1..) {
            node.kill_agent();
            fleet.publish(&format!("{number}.0-sick"), "sick", &[]);
            node.start(Some(state));
            wait_for(&format!("the agent to die at {state}"), || {
                node.agent.as_mut().unwrap().0.try_wait().unwrap().is_some()
            });
            node.up();
            node.rests("rolled-back", good);
            assert_eq!(super::lock::holders(at), ["n1"], "the slot is kept");
            node.say("clear");
            node.rests("quarantined", good);
            free(at);
        }
    });
}

/// A127, A124: rolls over three nodes while agents and the lock server are killed at random moments, every fifth of a
/// bad release (the second in a short run): every node ends on the release, or all stay behind the stop: one tried the
/// bad one and went back, none other began it. No slot is left but that of the stop, and nothing is put right by hand.
#[test]
fn rolls_with_random_kills_lose_no_node() {
    let fleet = Fleet::new();
    let Some(etcd) = EtcdNode::start(fleet.world.dir.path()) else { return };
    let (mut lock, at) = lock_server(&etcd.url, &[]);
    let tables = format!("[lock]\nurl = \"http://{at}\"\ngroup = \"web\"\nretry = \"100ms\"\n");
    let node = |name: &str| fleet.node(name, &Extra { tables: tables.clone(), ..Extra::default() });
    let mut nodes = [node("n1"), node("n2"), node("n3")];
    nodes.iter_mut().for_each(Node::up);
    let (rolls, every) = if super::is_full() { (20, 5) } else { (2, 2) };
    let (mut kills, mut good, mut stops) = (0, 1, 0);
    for number in 2..2 + rolls {
        let is_bad = (number - 1) % every == 0;
        let (version, behaviour) = if is_bad { ("-sick", "sick") } else { ("", "") };
        fleet.publish(&format!("{number}.0{version}"), behaviour, &[]);
        // What stopped the roll before is looked into; then it goes on with the next release.
        for node in nodes.iter().filter(|node| node.is_at("rolled-back")) {
            node.say("clear");
            wait_for("the stop to be cleared", || !node.is_at("rolled-back"));
        }
        // The same moments each time: a failure can be looked at again.
        for at_kill in 0..4_u64 {
            let random = (number * 7919 + at_kill * 104_729) % 997;
            std::thread::sleep(std::time::Duration::from_millis(100 + random));
            let node = &mut nodes[usize::try_from(random % 3).unwrap()];
            node.kill_agent();
            node.start(None);
            kills += 1;
            if at_kill == 3 {
                drop(lock);
                lock = lock_server_at(&etcd.url, at, &[]);
                kills += 1;
            }
        }
        if is_bad {
            stops += 1;
            wait_for("the roll to stop", || nodes.iter().any(|node| node.is_at("rolled-back")));
            // Longer than the others wait between two tries.
            std::thread::sleep(std::time::Duration::from_secs(1));
            let tried: Vec<_> = nodes.iter().filter(|node| node.is_at("rolled-back")).collect();
            assert_eq!(tried.len(), 1, "one tried it");
            assert_eq!(super::lock::holders(at), [tried[0].name.clone()], "and keeps its slot");
            nodes.iter().for_each(|node| assert_eq!(node.installed(), good, "{} stays behind", node.name));
            wait_for("all to serve", || nodes.iter().all(|node| node.answers() == format!("{good}.0")));
        } else {
            nodes.iter().for_each(|node| node.rests("idle", number));
            wait_for("all to serve", || nodes.iter().all(|node| node.answers() == format!("{number}.0")));
            free(at);
            good = number;
        }
    }
    super::tell(&format!(
        "{rolls} rolls over 3 nodes with {kills} kills, {stops} of them stopped by a bad release: no node lost"
    ));
}

fn free(at: std::net::SocketAddr) {
    wait_for("the slot to come back", || super::lock::holders(at).is_empty());
}
