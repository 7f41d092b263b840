//! One node: its sockets are held, so it goes from release to release without losing a request.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use std::time::Duration;

use super::world::{Extra, Fleet, forwarder, get};
use super::{is_full, under_load};
use crate::support::world::wait_for;

/// A121 for one node: new and kept connections, none of whose requests fails while the process is replaced again
/// and again.
#[test]
fn a_node_goes_from_release_to_release_without_losing_a_request() {
    let fleet = Fleet::new();
    let mut node = fleet.node("n1", &Extra::default());
    node.up();
    let last = if is_full() { 101 } else { 5 };
    let report = under_load(node.address, 16, 3, || {
        for number in 2..=last {
            fleet.publish(&format!("{number}.0"), "", &[]);
            node.rests("idle", number);
        }
    });
    assert_eq!(node.answers(), format!("{last}.0"));
    assert_eq!(report.by_answer.len(), usize::try_from(last).unwrap(), "every version answered: {report:?}");
    let wanted =
        ["idle", "staged", "eligible", "locked", "draining", "swapping", "soaking", "committed", "idle"];
    assert_eq!(node.states()[..wanted.len()], wanted);
    assert!(!is_full() || report.good >= 100_000, "{report:?}");
    super::tell(&format!("{} upgrades: {report:?}", last - 1));
}

/// A124 for one node: versions that crash, hang or fail their probe are taken back and no request fails; none of them
/// is taken again, and the node waits for an operator.
#[test]
fn bad_releases_are_taken_back_without_losing_a_request() {
    let fleet = Fleet::new();
    let mut node = fleet.node("n1", &Extra::default());
    node.up();
    let rounds: u64 = if is_full() { 50 } else { 1 };
    let (mut number, mut good) = (1, 1);
    let report = under_load(node.address, 8, 1, || {
        for round in 0..rounds {
            let kinds = ["crash", "sick", "hang"];
            let kinds =
                if is_full() { &kinds[usize::try_from(round % 3).unwrap()..][..1] } else { &kinds[..] };
            for kind in kinds {
                number += 1;
                fleet.publish(&format!("{number}.0-{kind}"), kind, &[]);
                node.rests("rolled-back", good);
                node.say("clear");
                node.rests("quarantined", good);
            }
            number += 1;
            fleet.publish(&format!("{number}.0"), "", &[]);
            node.rests("idle", number);
            good = number;
        }
    });
    assert_eq!(node.answers(), format!("{good}.0"));
    let bad = report.by_answer.keys().find(|line| line.contains("crash") || line.contains("hang"));
    assert_eq!(bad, None);
    let status = node.status().unwrap();
    assert_eq!(status["numbers"]["rollbacks"], if is_full() { rounds } else { 3 });
    super::tell(&format!("{rounds} rounds of bad releases: {report:?}"));
}

/// The agent is killed and started anew: it takes the program over with its sockets, and nobody notices.
#[test]
fn an_agent_that_was_killed_takes_its_program_over() {
    let fleet = Fleet::new();
    let mut node = fleet.node("n1", &Extra::default());
    node.up();
    let pid = node.status().unwrap()["pid"].clone();
    under_load(node.address, 4, 1, || {
        node.kill_agent();
        std::thread::sleep(Duration::from_millis(200));
        node.up();
        assert_eq!(node.status().unwrap()["pid"], pid);
        fleet.publish("2.0", "", &[]);
        node.rests("idle", 2);
    });
    assert_ne!(node.status().unwrap()["pid"], pid);
    assert_eq!(node.answers(), "2.0");
}

/// A program that ends by itself is started again.
#[test]
fn a_program_that_ends_by_itself_is_started_again() {
    let fleet = Fleet::new();
    let mut node = fleet.node("n1", &Extra { every: Some("1h"), ..Extra::default() });
    node.up();
    let pid = node.status().unwrap()["pid"].as_u64().unwrap();
    let process = updraft::platform::process::find(u32::try_from(pid).unwrap()).unwrap();
    updraft::platform::process::end_by_force(process).unwrap();
    wait_for("a new process", || {
        node.status().is_some_and(|status| status["serves"] == true && status["pid"] != pid)
    });
    assert_eq!(node.status().unwrap()["numbers"]["restarts"], 1);
}

/// A122: a node with a request in flight is replaced only after that request has ended; at the deadline by policy:
/// the update is left, or the program is replaced all the same.
#[test]
fn a_request_in_flight_is_waited_for_until_the_deadline() {
    let fleet = Fleet::new();
    let node = |name: &str, deadline: &str, overtime: &str| {
        let tables = format!("[drain]\ndeadline = \"{deadline}\"\novertime = \"{overtime}\"\n");
        let mut node = fleet.node(name, &Extra { tables, every: Some("1h"), ..Extra::default() });
        let text = std::fs::read_to_string(&node.config).unwrap();
        let count = format!("in_flight = \"http://{}/in-flight\"\n", node.address);
        let stop = text.replace("stop_within = \"20s\"", "stop_within = \"1s\"");
        std::fs::write(&node.config, format!("{stop}{count}")).unwrap();
        node.up();
        node
    };
    let (patient, strict, hasty) =
        (node("patient", "30s", "abort"), node("strict", "1s", "abort"), node("hasty", "1s", "force"));
    let slow = |address, millis: u32| {
        let request = std::thread::spawn(move || get(address, &format!("/slow?{millis}")));
        wait_for("the request", || get(address, "/in-flight").as_deref() == Some("1"));
        request
    };
    let requests = [slow(patient.address, 9_000), slow(strict.address, 14_000), slow(hasty.address, 40_000)];
    fleet.publish("2.0", "", &[]);
    [&patient, &strict, &hasty].into_iter().for_each(|node| node.say("check"));
    hasty.rests("idle", 2);
    patient.rests("idle", 2);
    let answers = requests.map(|request| request.join().unwrap());
    assert_eq!(
        answers,
        [Some("1.0".to_owned()), Some("1.0".to_owned()), None],
        "the hasty one cut its request off"
    );
    assert!(strict.journal().contains("1 requests are in flight at the deadline"), "{}", strict.journal());
    strict.rests("idle", 1);
}

/// A129: outside its window a node fetches a release and waits; inside it goes on.
#[test]
fn a_node_waits_for_its_window() {
    let fleet = Fleet::new();
    let hour = |later: u64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        format!("{:02}:00", (now / 3600 + later) % 24)
    };
    let window = |from: u64, to: u64| {
        format!("[[window]]\nfrom = \"{}\"\nto = \"{}\"\nzone = \"UTC\"\n", hour(from), hour(to))
    };
    let (closed, open) = (window(3, 5), window(23, 2));
    let mut waits = fleet.node("waits", &Extra { tables: closed.clone(), ..Extra::default() });
    let mut goes = fleet.node("goes", &Extra { tables: closed + &open, ..Extra::default() });
    waits.up();
    goes.up();
    fleet.publish("2.0", "", &[]);
    goes.rests("idle", 2);
    waits.rests("staged", 1);
    std::thread::sleep(Duration::from_secs(1));
    waits.rests("staged", 1);
    assert_eq!(waits.answers(), "1.0");
}

/// A128: a release for nobody yet is taken by no node, and one for everybody by all, without a lock.
#[test]
fn a_release_for_nobody_yet_is_not_taken() {
    let fleet = Fleet::new();
    let mut node = fleet.node("n1", &Extra::default());
    node.up();
    fleet.publish("2.0", "", &["--rollout", "0%"]);
    std::thread::sleep(Duration::from_secs(1));
    node.rests("idle", 1);
    fleet.publish("3.0", "", &["--rollout", "100%"]);
    node.rests("idle", 3);
}

/// A123: what the forwarder was told to drain gets nothing new; after "ready" it gets traffic again.
#[test]
fn a_drained_node_gets_nothing_until_it_is_ready() {
    let fleet = Fleet::new();
    let mut nodes = [fleet.node("n1", &Extra::default()), fleet.node("n2", &Extra::default())];
    nodes.iter_mut().for_each(super::world::Node::up);
    let backends: Vec<_> = nodes.iter().map(|node| (node.name.clone(), node.address)).collect();
    let (_forwarder, at, panel) = forwarder(&backends, &[]);
    let order = |what: &str| {
        let url = format!("http://{panel}/backends/n1");
        let via = updraft::fleet::DrainVia::Http {
            drain: format!("{url}/drain"),
            ready: format!("{url}/ready"),
            in_flight: Some(format!("{url}/in-flight")),
        };
        let dispatcher = updraft::fleet::Dispatcher::new(Some(via), None).unwrap();
        let queue = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let done =
            async { if what == "drain" { dispatcher.drain().await } else { dispatcher.ready().await } };
        queue.block_on(done).unwrap();
    };
    let total = |name: &str| {
        let status: serde_json::Value = serde_json::from_str(&get(panel, "/status").unwrap()).unwrap();
        let seats = status["backends"].as_array().unwrap().clone();
        seats.iter().find(|seat| seat["name"] == name).unwrap()["total"].as_u64().unwrap()
    };
    let ask = |count: usize| (0..count).for_each(|_| assert_eq!(get(at, "/").as_deref(), Some("1.0")));
    ask(10);
    assert_eq!((total("n1"), total("n2")), (5, 5));
    order("drain");
    ask(10);
    assert_eq!((total("n1"), total("n2")), (5, 15));
    order("ready");
    ask(10);
    assert_eq!((total("n1"), total("n2")), (10, 20));
}
