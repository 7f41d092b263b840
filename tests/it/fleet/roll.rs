//! Rolls over several nodes behind a dispatcher, and the standby.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use updraft::fleet::{Dispatcher, DrainVia};

use super::world::{EtcdNode, Extra, Fleet, Node, address, forwarder, get, lock_server, tool};
use super::{is_full, under_load};
use crate::support::world::{Running, wait_for};

fn locked(at: SocketAddr) -> String {
    format!("[lock]\nurl = \"http://{at}\"\ngroup = \"web\"\nretry = \"200ms\"\nrenew = \"1s\"\n")
}

/// Which node is out for which release, by the agents' own journals.
fn out(files: &[PathBuf]) -> Vec<(&Path, u64)> {
    let is_out = |file: &PathBuf| {
        let memory: Value = serde_json::from_slice(&std::fs::read(file).unwrap_or_default()).ok()?;
        let state = memory["phase"]["state"].as_str()?;
        let is_out = ["draining", "swapping", "soaking", "going-back"].contains(&state);
        is_out.then(|| number_in(&memory["phase"])).flatten()
    };
    files.iter().filter_map(|file| is_out(file).map(|number| (file.as_path(), number))).collect()
}

/// The release a phase leads to.
fn number_in(phase: &Value) -> Option<u64> {
    phase["to"]["number"].as_u64().or_else(|| phase["target"]["to"]["number"].as_u64())
}

/// Watches that never two of `nodes` are out at once, until `over`; how many looks saw one that was.
///
/// A look takes its time, on a loaded machine so much that one node comes back and the next goes out meanwhile. Who is
/// out in two looks one after the other was out between them, so two such nodes were out at once.
pub(super) fn watch<'a>(
    nodes: impl IntoIterator<Item = &'a Node>,
    over: &Arc<AtomicBool>,
) -> std::thread::JoinHandle<usize> {
    let files: Vec<_> = nodes.into_iter().map(|node| node.state.join("agent.json")).collect();
    let over = Arc::clone(over);
    std::thread::spawn(move || {
        let mut seen = 0;
        while !over.load(Ordering::SeqCst) {
            let (first, second) = (out(&files), out(&files));
            let both: Vec<_> = first.iter().filter(|node| second.contains(node)).collect();
            assert!(both.len() <= 1, "two nodes are out: {both:?}");
            seen += usize::from(both.len() == 1);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        seen
    })
}

/// Rolls `releases` releases over nodes that are up, and that the dispatcher at `at` knows to be.
fn roll(fleet: &Fleet, nodes: &[Node], at: SocketAddr, releases: u64) {
    let over = Arc::new(AtomicBool::new(false));
    let watching = watch(nodes, &over);
    let (clients, pause) = if is_full() { (32, 5) } else { (8, 2) };
    let report = under_load(at, clients, pause, || {
        for number in 2..=releases + 1 {
            fleet.publish(&format!("{number}.0"), "", &[]);
            nodes.iter().for_each(|node| node.rests("idle", number));
        }
    });
    over.store(true, Ordering::SeqCst);
    assert!(watching.join().unwrap() > 0, "it was never seen that a node is out");
    super::tell(&format!("{releases} rolls over {} nodes: {report:?}", nodes.len()));
}

/// A121: three nodes behind the forwarder under load, one out at a time, no request fails.
#[test]
fn a_roll_through_the_forwarder_loses_no_request() {
    let fleet = Fleet::new();
    let Some(etcd) = EtcdNode::start(fleet.world.dir.path()) else { return };
    let (_lock, lock) = lock_server(&etcd.url, &[]);
    let panel = address();
    let drain = |name: &str| {
        format!(
            "{}[drain]\nwait_for = \"program\"\nvia = {{ kind = \"switch\", url = \"http://{panel}\", backend = \"{name}\" }}\n",
            locked(lock)
        )
    };
    let node = |name: &str| fleet.node(name, &Extra { tables: drain(name), ..Extra::default() });
    let mut nodes = [node("n1"), node("n2"), node("n3")];
    let backends: Vec<_> = nodes.iter().map(|node| (node.name.clone(), node.address)).collect();
    let (_forwarder, at, _) = forwarder(&backends, &["--panel", &panel.to_string()]);
    nodes.iter_mut().for_each(Node::up);
    roll(&fleet, &nodes, at, if is_full() { 20 } else { 1 });
}

/// A121, A123: the same through HAProxy, drained by its runtime socket: it gets nothing new while it is replaced, and
/// traffic again afterwards.
#[test]
fn a_roll_through_haproxy_loses_no_request() {
    let Some(haproxy) = tool("haproxy", "A121") else { return };
    let fleet = Fleet::new();
    let Some(etcd) = EtcdNode::start(fleet.world.dir.path()) else { return };
    let (_lock, lock) = lock_server(&etcd.url, &[]);
    let socket = fleet.world.path("ha.sock");
    let drain = |name: &str| {
        format!(
            "{}[drain]\nvia = {{ kind = \"haproxy\", socket = \"{}\", backend = \"nodes\", server = \"{name}\" }}\n",
            locked(lock),
            socket.display()
        )
    };
    let node = |name: &str| fleet.node(name, &Extra { tables: drain(name), ..Extra::default() });
    let mut nodes = [node("n1"), node("n2"), node("n3")];
    let at = address();
    let servers: String = nodes
        .iter()
        .map(|node| format!("  server {} {} check inter 200ms\n", node.name, node.address))
        .collect();
    let _haproxy = dispatch(&haproxy, &fleet.world.path("haproxy.cfg"), &socket, at, &servers);
    nodes.iter_mut().for_each(Node::up);
    // It began before they did, so it takes them for dead until its checks have seen them.
    let is_up = |node: &Node| column(&socket, &node.name, "status").starts_with("UP");
    wait_for("HAProxy to know its servers", || nodes.iter().all(is_up));
    roll(&fleet, &nodes, at, if is_full() { 20 } else { 1 });
    gets_nothing_while_drained(&socket, at);
}

/// HAProxy at `at` before `servers`, with its runtime socket.
fn dispatch(haproxy: &Path, file: &Path, socket: &Path, at: SocketAddr, servers: &str) -> Running {
    let config = format!(
        "global\n  stats socket {} mode 600 level admin\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  \
         timeout http-keep-alive 60s\n  timeout check 2s\n  option redispatch\n  retries 3\n\
         frontend web\n  bind {at}\n  default_backend nodes\n\
         backend nodes\n  balance roundrobin\n{servers}",
        socket.display()
    );
    std::fs::write(file, config).unwrap();
    let mut command = Command::new(haproxy);
    command.arg("-db").arg("-f").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    wait_for("HAProxy", || TcpStream::connect(at).is_ok());
    running
}

/// A121: a node counts as ready when HAProxy's own checks say so, as the next one is drained after that.
#[test]
fn a_node_is_ready_when_haproxy_gives_it_requests() {
    let Some(haproxy) = tool("haproxy", "A121") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (socket, node) = (folder.path().join("ha.sock"), address());
    let servers = format!("  server n1 {node} check inter 100ms\n");
    let _haproxy = dispatch(&haproxy, &folder.path().join("haproxy.cfg"), &socket, address(), &servers);
    wait_for("its checks to fail", || column(&socket, "n1", "status").starts_with("DOWN"));
    let n1 = server_of(&socket);
    let queue = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = queue.block_on(n1.ready()).unwrap_err().to_string();
    assert!(error.contains("its checks say DOWN") && error.contains("nodes/n1"), "{error}");
    let _node = std::net::TcpListener::bind(node).unwrap();
    wait_for("its checks to pass", || queue.block_on(n1.ready()).is_ok());
    assert!(column(&socket, "n1", "status").starts_with("UP"));
}

fn server_of(socket: &Path) -> Dispatcher {
    let (socket, backend) = (socket.display().to_string(), "nodes".to_owned());
    Dispatcher::new(Some(DrainVia::Haproxy { socket, backend, server: "n1".to_owned() }), None).unwrap()
}

/// What HAProxy tells of a server in a column of its table.
fn column(socket: &Path, server: &str, name: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(b"show stat\n").unwrap();
    let mut table = String::new();
    stream.read_to_string(&mut table).unwrap();
    let mut rows = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let at = rows.next().unwrap().iter().position(|column| *column == name).unwrap();
    let row = rows.find(|row| row.get(..2) == Some(&["nodes", server])).unwrap();
    row[at].to_owned()
}

/// The server `n1` behind HAProxy at `at` gets nothing new from "drain" to "ready", and traffic after it.
fn gets_nothing_while_drained(socket: &Path, at: SocketAddr) {
    let n1 = server_of(socket);
    let queue = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let total = || column(socket, "n1", "stot").parse::<u64>().unwrap();
    let ask = || (0..12).for_each(|_| assert!(get(at, "/").is_some()));
    queue.block_on(n1.drain()).unwrap();
    wait_for("what is in flight", || queue.block_on(n1.in_flight()).unwrap() == Some(0));
    let before = total();
    ask();
    assert_eq!(total(), before, "nothing new");
    queue.block_on(n1.ready()).unwrap();
    ask();
    assert!(total() >= before + 3, "traffic again");
}

/// A124: node 2 fails its health check: the roll stops, node 2 goes back, node 3 is untouched; after `clear` it goes
/// on, and node 2 does not take the release again.
#[test]
fn a_roll_stops_at_the_node_that_fails() {
    let fleet = Fleet::new();
    let Some(etcd) = EtcdNode::start(fleet.world.dir.path()) else { return };
    let (_lock, lock) = lock_server(&etcd.url, &[]);
    let node = |name: &str| {
        let program =
            if name == "n2" { "env = { FLEET_NODE_SICK = \"2.0\" }".to_owned() } else { String::new() };
        fleet.node(name, &Extra { program, tables: locked(lock), every: Some("1h") })
    };
    let mut nodes = [node("n1"), node("n2"), node("n3")];
    nodes.iter_mut().for_each(Node::up);
    fleet.publish("2.0", "", &[]);
    nodes[0].say("check");
    nodes[0].rests("idle", 2);
    nodes[1].say("check");
    nodes[1].rests("rolled-back", 1);
    nodes[2].say("check");
    wait_for("node 3 to ask for a slot", || nodes[2].journal().contains("waits for a slot"));
    // Longer than the time between two tries, and than a slot is renewed.
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!((nodes[2].installed(), nodes[2].answers()), (1, "1.0".to_owned()), "node 3 is untouched");
    assert_eq!((nodes[1].installed(), nodes[1].answers()), (1, "1.0".to_owned()), "node 2 went back");
    nodes[1].say("clear");
    nodes[2].rests("idle", 2);
    nodes[1].say("check");
    nodes[1].rests("quarantined", 1);
}

/// A125: a standby is brought up, new connections go to it, the old ones end by themselves, the primary is replaced
/// and put in front again; a bad release leaves the working side in front.
#[test]
fn a_standby_serves_while_the_primary_is_replaced() {
    let fleet = Fleet::new();
    let (second, panel) = (address(), address());
    let folder = fleet.world.path("standby");
    let tables = format!(
        "[drain]\nwait_for = \"program\"\n[standby]\nfolder = \"{}\"\nlisten = [\"{second}\"]\n\
         probe = {{ http = \"http://{second}/health\" }}\nswitch = \"http://{panel}\"\n\
         primary = \"primary\"\nstandby = \"standby\"\n",
        folder.display()
    );
    let mut node = fleet.node("n1", &Extra { tables, every: Some("1h"), ..Extra::default() });
    let backends = [("primary".to_owned(), node.address), ("standby".to_owned(), second)];
    let (_forwarder, at, _) = forwarder(&backends, &["--single", "--panel", &panel.to_string()]);
    node.up();
    under_load(at, 4, 2, || {
        let slow = std::thread::spawn(move || get(at, "/slow?2000"));
        wait_for("the request", || get(node.address, "/in-flight").as_deref() == Some("1"));
        fleet.publish("2.0", "", &[]);
        node.say("check");
        node.rests("idle", 2);
        assert_eq!(slow.join().unwrap().as_deref(), Some("1.0"), "the old connection ended by itself");
        assert_eq!(get(at, "/").as_deref(), Some("2.0"));
        fleet.publish("3.0-crash", "crash", &[]);
        node.say("check");
        node.rests("rolled-back", 2);
        wait_for("the primary in front", || {
            get(panel, "/status").unwrap().contains("\"active\":\"primary\"")
        });
        assert_eq!(get(at, "/").as_deref(), Some("2.0"));
    });
    wait_for("the standby to end", || node.memory()["standby"].is_null());
}
