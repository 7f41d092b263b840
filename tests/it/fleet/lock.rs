//! The lock of a fleet: the FleetLock protocol, over a real etcd.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set up by hand and look at the system with their own eyes"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use updraft::fleet::{FleetLock, LockAnswer, LockConfig, Span};

use super::is_full;
use super::world::{EtcdNode, get, lock_server};
use crate::support::world::{Running, wait_for};

fn lock(at: SocketAddr, id: &str) -> FleetLock {
    let span = |millis| Span(Duration::from_millis(millis));
    let (url, group) = (format!("http://{at}"), "web".to_owned());
    FleetLock::new(&LockConfig { url, group, retry: span(100), renew: span(1_000) }, id).unwrap()
}

/// Who holds slots, by what the server says.
pub(super) fn holders(at: SocketAddr) -> Vec<String> {
    let said: serde_json::Value =
        serde_json::from_str(&get(at, "/v1/holders").unwrap_or_default()).unwrap_or_default();
    let holders = said["holders"].as_array().cloned().unwrap_or_default();
    holders.iter().filter_map(|holder| holder["id"].as_str().map(str::to_owned)).collect()
}

fn queue() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A126: slots are given once, again to who has one, and to others when they come back; two servers over one etcd
/// are one lock; a slot whose holder is silent comes back; the protocol's rules hold.
#[test]
fn a_fleet_has_as_many_slots_as_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let Some(etcd) = EtcdNode::start(folder.path()) else { return };
    let options = ["--group", "web=2", "--ttl", "3s"];
    let ((_one, first), (_two, second)) =
        (lock_server(&etcd.url, &options), lock_server(&etcd.url, &options));
    queue().block_on(async {
        let (a, b, c) = (lock(first, "a"), lock(second, "b"), lock(first, "c"));
        assert_eq!(a.take().await, LockAnswer::Done);
        assert_eq!(a.take().await, LockAnswer::Done, "who has one gets it again");
        assert_eq!(b.take().await, LockAnswer::Done);
        assert!(matches!(c.take().await, LockAnswer::Busy(_)));
        assert_eq!(holders(second), ["a", "b"]);
        assert_eq!(c.give_back().await, LockAnswer::Done, "who has none gives it back, too");
        assert_eq!(b.give_back().await, LockAnswer::Done);
        assert_eq!(c.take().await, LockAnswer::Done);
        assert!(matches!(lock(first, "a b").take().await, LockAnswer::Refused(_)), "no name");
    });
    assert!(get(first, "/v1/pre-reboot").is_none(), "only POST");
    // Nobody renews: the slots come back by their leases.
    wait_for("the leases to run out", || holders(first).is_empty());
}

/// A126: etcd is away: that is told from a busy slot, and giving back is tried until it is done. A127 for the lock.
#[test]
fn an_outage_of_etcd_is_no_busy_slot_and_no_slot_leaks() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut etcd) = EtcdNode::start(folder.path()) else { return };
    let (_server, at) = lock_server(&etcd.url, &[]);
    let queue = queue();
    let a = lock(at, "a");
    assert_eq!(queue.block_on(a.take()), LockAnswer::Done);
    etcd.child = None;
    assert!(matches!(queue.block_on(a.give_back()), LockAnswer::Outage(_)));
    assert!(matches!(queue.block_on(lock(at, "b").take()), LockAnswer::Outage(_)));
    etcd.run();
    assert_eq!(queue.block_on(a.give_back()), LockAnswer::Done);
    assert_eq!(queue.block_on(lock(at, "b").take()), LockAnswer::Done);
}

/// A127: the leader of three members is killed: the lock goes on, knows who holds slots, and gives none twice.
#[test]
fn the_lock_outlives_the_leader_of_its_etcd() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut etcd) = super::world::EtcdOfThree::start(folder.path()) else { return };
    let urls = etcd.urls();
    let (_server, at) = lock_server(&urls[0], &["--etcd", &urls[1], "--etcd", &urls[2]]);
    let queue = queue();
    let (a, b) = (lock(at, "a"), lock(at, "b"));
    wait_for("the first leader", || queue.block_on(a.take()) == LockAnswer::Done);
    etcd.kill_leader();
    let mut busy = 0;
    wait_for("the next leader", || match queue.block_on(b.take()) {
        LockAnswer::Busy(_) => {
            busy += 1;
            busy == 3
        }
        LockAnswer::Outage(_) => false,
        other => panic!("{other:?}: the slot is a's"),
    });
    assert_eq!(holders(at), ["a"]);
    wait_for("the slot to come back", || queue.block_on(a.give_back()) == LockAnswer::Done);
    wait_for("b to have it", || queue.block_on(b.take()) == LockAnswer::Done);
    assert_eq!(holders(at), ["b"]);
}

/// The most memory a program had, in MB; 0 where the system does not tell.
fn memory(running: &Running) -> u64 {
    let path = format!("/proc/{}/status", running.0.id());
    let status = std::fs::read_to_string(path).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kb| kb / 1024)
}

/// Many agents at once: never more than the slots there are, and everybody has one in the end.
#[test]
fn many_agents_never_hold_more_slots_than_there_are() {
    const SLOTS: usize = 5;
    let agents = if is_full() { 1_000 } else { 60 };
    let folder = tempfile::tempdir().unwrap();
    let Some(etcd) = EtcdNode::start(folder.path()) else { return };
    let options = ["--group", "web=5"];
    let ((one, first), (two, second)) = (lock_server(&etcd.url, &options), lock_server(&etcd.url, &options));
    let began = Instant::now();
    let (out, most, asked) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    queue().block_on(async {
        let agent = |number: usize| {
            let (out, most, asked) = (Arc::clone(&out), Arc::clone(&most), Arc::clone(&asked));
            let lock =
                lock(if number.is_multiple_of(2) { first } else { second }, &format!("agent-{number}"));
            async move {
                let mut wait = 5 + number as u64 % 50;
                loop {
                    asked.fetch_add(1, Ordering::SeqCst);
                    if lock.take().await == LockAnswer::Done {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                    wait = (wait * 2).min(4_000);
                }
                let now = out.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                out.fetch_sub(1, Ordering::SeqCst);
                while lock.give_back().await != LockAnswer::Done {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        let all: Vec<_> = (0..agents).map(|number| tokio::spawn(agent(number))).collect();
        for one in all {
            one.await.unwrap();
        }
    });
    let took = began.elapsed();
    let most = most.load(Ordering::SeqCst);
    assert!((1..=SLOTS).contains(&most), "{most} at once");
    assert!(holders(first).is_empty(), "no slot leaked");
    super::tell(&format!(
        "{agents} agents, {SLOTS} slots: {most} at once, {} requests for a slot, {took:?}; most memory: lock servers {} \
         and {} MB, etcd {} MB",
        asked.load(Ordering::SeqCst),
        memory(&one),
        memory(&two),
        memory(etcd.child.as_ref().unwrap())
    ));
}
