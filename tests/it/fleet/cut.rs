//! A127: a neighbour of a node fails, or the agent does, at every state of an update.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::lock::holders;
use super::roll::watch;
use super::world::{Cable, EtcdOfThree, Extra, Fleet, Node, at_of, lock_server, lock_server_at};
use super::{is_full, under_load};
use crate::support::world::{Running, wait_for};

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    AgentKilled,
    LockKilled,
    LockCut,
    LeaderKilled,
    EtcdCut,
}

const FAULTS: [(Fault, &str); 5] = [
    (Fault::AgentKilled, "agent killed"),
    (Fault::LockKilled, "lock server killed"),
    (Fault::LockCut, "lock server cut off"),
    (Fault::LeaderKilled, "leader of etcd killed"),
    (Fault::EtcdCut, "all of etcd cut off"),
];

/// The states in which a good release passes a node, and those in which it leaves a bad one.
const GOOD: [&str; 7] = ["staged", "eligible", "locked", "draining", "swapping", "soaking", "committed"];
const BAD: [&str; 3] = ["going-back", "rolled-back", "quarantined"];
/// The states in which the lock is asked for something: there a fault lasts longer than every limit of a request.
const ASKING: [&str; 5] = ["staged", "eligible", "committed", "rolled-back", "quarantined"];

/// Two nodes, a lock over three members of an etcd, and cables between them.
struct Stage {
    fleet: Fleet,
    etcd: EtcdOfThree,
    etcd_cables: Vec<Cable>,
    lock: Option<Running>,
    lock_at: SocketAddr,
    lock_cable: Cable,
    /// The node it happens to, and the next one.
    first: Node,
    second: Node,
    number: u64,
}

impl Stage {
    fn set() -> Option<Self> {
        let fleet = Fleet::new();
        let etcd = EtcdOfThree::start(fleet.world.dir.path())?;
        let etcd_cables: Vec<_> = etcd.urls().iter().map(|url| Cable::to(at_of(url))).collect();
        let urls: Vec<_> = etcd_cables.iter().map(|cable| format!("http://{}", cable.at)).collect();
        let (lock, lock_at) = lock_server(&urls[0], &["--etcd", &urls[1], "--etcd", &urls[2]]);
        let lock_cable = Cable::to(lock_at);
        let tables = format!(
            "[lock]\nurl = \"http://{}\"\ngroup = \"web\"\nretry = \"200ms\"\nrenew = \"500ms\"\n",
            lock_cable.at
        );
        let node = |name: &str, program: &str| {
            let extra = Extra { program: program.to_owned(), tables: tables.clone(), every: Some("1h") };
            fleet.node(name, &extra)
        };
        let first = node("n1", "env = { FLEET_NODE_SICK = \"-bad\" }");
        let second = node("n2", "");
        Some(Self {
            fleet,
            etcd,
            etcd_cables,
            lock: Some(lock),
            lock_at,
            lock_cable,
            first,
            second,
            number: 1,
        })
    }

    /// Lets the fault happen; gives what mends it.
    fn fail(&mut self, fault: Fault) -> usize {
        match fault {
            Fault::AgentKilled => self.first.kill_agent(),
            Fault::LockKilled => self.lock = None,
            Fault::LockCut => self.lock_cable.cut(true),
            Fault::LeaderKilled => return self.etcd.kill_leader(),
            Fault::EtcdCut => self.etcd_cables.iter().for_each(|cable| cable.cut(true)),
        }
        0
    }

    fn mend(&mut self, fault: Fault, member: usize) {
        match fault {
            Fault::AgentKilled => self.first.start(None),
            Fault::LockKilled => {
                let urls: Vec<_> =
                    self.etcd_cables.iter().map(|cable| format!("http://{}", cable.at)).collect();
                let more = ["--etcd", &urls[1], "--etcd", &urls[2]];
                self.lock = Some(lock_server_at(&urls[0], self.lock_at, &more));
            }
            Fault::LockCut => self.lock_cable.cut(false),
            Fault::LeaderKilled => self.etcd.start_again(member),
            Fault::EtcdCut => self.etcd_cables.iter().for_each(|cable| cable.cut(false)),
        }
    }

    /// One cell: the fault happens when the first node enters `state`, while the second wants to go on, too. Gives
    /// how long after it was mended all was well.
    fn play(&mut self, fault: Fault, state: &str) -> Duration {
        self.number += 1;
        let (number, is_bad) = (self.number, BAD.contains(&state));
        let stood = self.first.installed();
        let version = if is_bad { format!("{number}.0-bad") } else { format!("{number}.0") };
        self.fleet.publish(&version, "", &[]);
        if state == "quarantined" {
            self.first.say("check");
            self.first.rests("rolled-back", stood);
            self.first.hold_at(state);
            self.first.say("clear");
        } else {
            self.first.hold_at(state);
            self.first.say("check");
        }
        self.first.is_held_at(state);
        let member = self.fail(fault);
        self.first.let_go(state);
        self.second.say("check");
        std::thread::sleep(lasts(fault, state));
        self.mend(fault, member);
        let mended = Instant::now();
        if is_bad {
            if state != "quarantined" {
                self.first.rests("rolled-back", stood);
                wait_for("the lock to answer", || holders(self.lock_at) == ["n1"]);
                assert_ne!(self.second.installed(), number, "the next node waits for the slot");
            }
            let took = mended.elapsed();
            if state != "quarantined" {
                self.first.say("clear");
            }
            self.first.rests("quarantined", stood);
            self.second.rests("idle", number);
            wait_for("the slot to come back", || holders(self.lock_at).is_empty());
            return if state == "quarantined" { mended.elapsed() } else { took };
        }
        // The order of the two is not said: where the first has no slot yet, the second may be quicker.
        self.first.rests("idle", number);
        self.second.rests("idle", number);
        wait_for("the slot to come back", || holders(self.lock_at).is_empty());
        mended.elapsed()
    }
}

fn lasts(fault: Fault, state: &str) -> Duration {
    let is_silent = matches!(fault, Fault::LockCut | Fault::EtcdCut);
    let is_long = is_full() && is_silent && ASKING.contains(&state);
    Duration::from_millis(if is_long { 12_000 } else { 1_000 })
}

/// A127: the agent or the lock server or the leader of etcd is killed, the lock server or all of etcd is cut off (not
/// answered, nobody told), at every state (with `UPDRAFT_FULL`; else at one each): the update ends by itself, on both
/// nodes or with the bad release taken back on the one and not begun on the other; no slot is left, never two nodes
/// are out, and no request fails. Writes the table of `docs/fleet.md`.
#[test]
fn a_fault_at_any_state_is_got_over() {
    let Some(mut stage) = Stage::set() else { return };
    stage.first.up();
    stage.second.up();
    let over = Arc::new(AtomicBool::new(false));
    let watching = watch([&stage.first, &stage.second], &over);
    let (one, two) = (stage.first.address, stage.second.address);
    let mut table =
        format!("| state | {} |\n|---|{}\n", FAULTS.map(|(_, name)| name).join(" | "), "---|".repeat(5));
    let rows = GOOD.iter().chain(&BAD).copied();
    let play = |stage: &mut Stage, (at, state): (usize, &'static str)| {
        let cells = FAULTS.iter().enumerate().map(|(column, (fault, _))| {
            let is_wanted = is_full() || at == [8, 6, 1, 2, 9][column];
            is_wanted.then(|| stage.play(*fault, state))
        });
        let cells = cells
            .map(|took| took.map_or("not run".to_owned(), |took| format!("{:.1} s", took.as_secs_f64())));
        format!("| `{state}` | {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    under_load(one, 2, 5, || {
        under_load(two, 2, 5, || rows.enumerate().for_each(|row| table += &play(&mut stage, row)));
    });
    over.store(true, Ordering::SeqCst);
    watching.join().unwrap();
    super::tell(&table);
}
