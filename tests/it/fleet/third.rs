//! A126: agents at FleetLock servers of another hand: airlock over a real etcd where `UPDRAFT_AIRLOCK` names it, and
//! always a double that answers as airlock does, with more lost races than it has.
#![expect(clippy::unwrap_used, reason = "tests set up by hand")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use updraft::fleet::{FleetLock, LockAnswer, LockConfig, Span};

use super::world::{EtcdNode, Extra, Fleet, Node, address};
use crate::support::world::{Running, wait_for, write};

fn lock(at: SocketAddr, group: &str, id: &str) -> FleetLock {
    let span = Span(std::time::Duration::from_millis(100));
    let (url, group) = (format!("http://{at}"), group.to_owned());
    FleetLock::new(&LockConfig { url, group, retry: span, renew: span }, id).unwrap()
}

fn queue() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// The holders of the one slot of the group `web`, and how many times a slot was given back.
#[derive(Debug, Default)]
struct Semaphore {
    holders: BTreeSet<String>,
    returns: u64,
}

type Said = (StatusCode, String);

fn failed(status: u16, kind: &str, value: &str) -> Said {
    let body = serde_json::json!({ "kind": kind, "value": value });
    (StatusCode::from_u16(status).unwrap(), format!("{body}\n"))
}

/// The node of a request that may be answered.
fn node_of(headers: &HeaderMap, body: &Bytes) -> Result<String, Said> {
    let wrong = |why: &str| failed(400, "invalid_client_identity", why);
    if headers.get("fleet-lock-protocol").is_none_or(|value| value != "true") {
        return Err(wrong("wrong 'fleet-lock-protocol' header"));
    }
    let said: serde_json::Value = serde_json::from_slice(body).map_err(|why| wrong(&why.to_string()))?;
    let text = |name: &str| said["client_params"][name].as_str().unwrap_or_default().to_owned();
    match (text("group").as_str(), text("id")) {
        ("web", id) if !id.is_empty() => Ok(id),
        (_, id) if id.is_empty() => Err(wrong("empty client ID")),
        (group, _) => Err(failed(400, "unknown_group", &format!("unknown group {group:?}"))),
    }
}

async fn take(State(slot): State<Arc<Mutex<Semaphore>>>, headers: HeaderMap, body: Bytes) -> Said {
    let id = match node_of(&headers, &body) {
        Ok(id) => id,
        Err(said) => return said,
    };
    let mut slot = slot.lock().unwrap();
    if slot.holders.iter().any(|holder| *holder != id) {
        return failed(500, "failed_lock", "all 1 semaphore slots currently locked");
    }
    slot.holders.insert(id);
    (StatusCode::OK, String::new())
}

/// Two of three times a race is lost: that is told as a busy slot is.
async fn give_back(State(slot): State<Arc<Mutex<Semaphore>>>, headers: HeaderMap, body: Bytes) -> Said {
    let id = match node_of(&headers, &body) {
        Ok(id) => id,
        Err(said) => return said,
    };
    let mut slot = slot.lock().unwrap();
    slot.returns += 1;
    if slot.returns % 3 != 0 {
        return failed(500, "failed_lock", "conflict on semaphore detected, aborting");
    }
    slot.holders.remove(&id);
    (StatusCode::OK, String::new())
}

/// Three agents roll at the lock, stop at a bad release, and go on when it was cleared.
fn roll_at(lock: SocketAddr) {
    let fleet = Fleet::new();
    let node = |name: &str| {
        let tables = format!("[lock]\nurl = \"http://{lock}\"\ngroup = \"web\"\nretry = \"100ms\"\n");
        let program =
            if name == "n1" { "env = { FLEET_NODE_SICK = \"-bad\" }".to_owned() } else { String::new() };
        fleet.node(name, &Extra { program, tables, every: Some("1h") })
    };
    let mut nodes = [node("n1"), node("n2"), node("n3")];
    nodes.iter_mut().for_each(Node::up);
    fleet.publish("2.0", "", &[]);
    nodes.iter().for_each(|node| node.say("check"));
    nodes.iter().for_each(|node| node.rests("idle", 2));
    fleet.publish("3.0-bad", "", &[]);
    nodes[0].say("check");
    nodes[0].rests("rolled-back", 2);
    nodes[1].say("check");
    wait_for("the next node to ask", || nodes[1].journal().contains("waits for a slot"));
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(nodes[1].installed(), 2, "it does not go on");
    nodes[0].say("clear");
    nodes[1].rests("idle", 3);
    nodes[0].rests("quarantined", 2);
}

/// A126: with a server that answers as airlock does, races are lost again and again: no slot leaks, and the rules of
/// the roll are kept.
#[test]
fn agents_roll_at_a_lock_that_answers_as_airlock_does() {
    let queue = queue();
    let slot = Arc::new(Mutex::new(Semaphore::default()));
    let router = Router::new()
        .route("/v1/pre-reboot", post(take))
        .route("/v1/steady-state", post(give_back))
        .with_state(Arc::clone(&slot));
    let listener = queue.block_on(tokio::net::TcpListener::bind(address())).unwrap();
    let at = listener.local_addr().unwrap();
    queue.spawn(async move { axum::serve(listener, router).await });
    assert!(matches!(queue.block_on(lock(at, "other", "a").take()), LockAnswer::Refused(_)));
    roll_at(at);
    wait_for("the slot to come back", || slot.lock().unwrap().holders.is_empty());
}

/// A126: the same at airlock itself over a real etcd; `docs/testing.md` tells how it is built.
#[test]
fn agents_roll_at_airlock() {
    let Some(program) = std::env::var_os("UPDRAFT_AIRLOCK") else {
        super::tell("A126 at airlock itself NOT PROVEN: UPDRAFT_AIRLOCK does not name it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let Some(mut etcd) = EtcdNode::start(folder.path()) else { return };
    let at = address();
    let config = folder.path().join("airlock.toml");
    let text = format!(
        "[service]\naddress = \"127.0.0.1\"\nport = {}\ntls = false\n[etcd3]\nendpoints = [\"{}\"]\n\
         [lock]\ndefault_group_name = \"web\"\ndefault_slots = 1\n",
        at.port(),
        etcd.url
    );
    write(&config, text);
    let mut command = Command::new(program);
    command.arg("serve").arg("-c").arg(&config);
    let _airlock =
        Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for("airlock", || std::net::TcpStream::connect(at).is_ok());
    let queue = queue();
    let (a, b) = (lock(at, "web", "a"), lock(at, "web", "b"));
    wait_for("the first slot", || queue.block_on(a.take()) == LockAnswer::Done);
    assert_eq!(queue.block_on(a.take()), LockAnswer::Done, "who has one gets it again");
    assert!(matches!(queue.block_on(b.take()), LockAnswer::Busy(_)));
    assert!(matches!(queue.block_on(lock(at, "other", "a").take()), LockAnswer::Refused(_)));
    etcd.child = None;
    assert!(matches!(queue.block_on(a.give_back()), LockAnswer::Outage(_)), "no busy slot");
    etcd.run();
    wait_for("the slot to come back", || queue.block_on(a.give_back()) == LockAnswer::Done);
    assert_eq!(queue.block_on(b.take()), LockAnswer::Done);
    assert_eq!(queue.block_on(b.give_back()), LockAnswer::Done);
    roll_at(at);
    wait_for("the slot to be free", || queue.block_on(a.take()) == LockAnswer::Done);
}
