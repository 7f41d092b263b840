//! A127: the agent dies with no word at every state, and goes on.

use super::under_load;
use super::world::{EtcdNode, Extra, Fleet, lock_server};
use crate::support::world::wait_for;

/// A127: whatever state the agent dies in, the next one goes on from its journal: the node ends on the release, or
/// on the release before with its slot kept, no request fails, and no slot leaks.
#[test]
fn an_agent_that_dies_at_any_state_goes_on() {
    let fleet = Fleet::new();
    let Some(etcd) = EtcdNode::start(fleet.world.dir.path()) else { return };
    let (_lock, at) = lock_server(&etcd.url, &[]);
    let tables = format!("[lock]\nurl = \"http://{at}\"\ngroup = \"web\"\nretry = \"100ms\"\n");
    let mut node = fleet.node("n1", &Extra { tables, ..Extra::default() });
    node.up();
    let states = ["staged", "eligible", "locked", "draining", "swapping", "soaking", "committed"];
    under_load(node.address, 4, 2, || {
        for (state, number) in states.into_iter().zip(2..) {
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
        for (state, number) in ["going-back", "rolled-back"].into_iter().zip(good + 1..) {
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

fn free(at: std::net::SocketAddr) {
    wait_for("the slot to come back", || super::lock::holders(at).is_empty());
}
