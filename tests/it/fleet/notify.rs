//! The notify socket and the panel, as their neighbours see them.

use std::io::{IoSlice, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use updraft::platform::process::{ask_to_close, find};
use updraft::platform::socket::NotifySocket;

use super::world::{Extra, Fleet, address, get};
use crate::support::world::{Running, demo_host, expect, updraft, wait_for};

const LONG: Duration = Duration::from_secs(30);

/// A barrier, as `systemd-notify` sends it, is answered: the descriptor that came with it is closed once all that was
/// said before has been heard.
#[test]
fn a_barrier_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let notify = NotifySocket::bind(&path).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect(&path).unwrap();
    sender.send(b"READY=1\n").unwrap();
    let (mut read, write) = std::io::pipe().unwrap();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [write.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    rustix::net::sendmsg(&sender, &[IoSlice::new(b"BARRIER=1")], &mut control, SendFlags::empty()).unwrap();
    drop(write);
    assert_eq!(notify.receive(LONG).unwrap().as_deref(), Some("READY=1\n"));
    assert_eq!(notify.receive(LONG).unwrap().as_deref(), Some("BARRIER=1"));
    assert_eq!(read.read(&mut [0; 1]).unwrap(), 0, "the other end was closed");
    assert_eq!(notify.receive(Duration::from_millis(10)).unwrap(), None);
}

/// A program that keeps the contract says to whoever started it that it serves, and later that it ends; it is the
/// same whether that is an agent or another supervisor.
#[test]
fn a_program_says_that_it_serves_and_that_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let notify = NotifySocket::bind(&path).unwrap();
    let at = address();
    let mut command = Command::new(demo_host().with_file_name("fleet_node"));
    command.arg(at.to_string()).env("NOTIFY_SOCKET", &path).stdin(Stdio::null()).stderr(Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    assert_eq!(notify.receive(LONG).unwrap().as_deref(), Some("READY=1"));
    assert!(get(at, "/").is_some());
    ask_to_close(find(running.0.id()).unwrap()).unwrap();
    assert_eq!(notify.receive(LONG).unwrap().as_deref(), Some("STOPPING=1"));
    wait_for("its end", || running.0.try_wait().unwrap().is_some_and(|status| status.success()));
}

/// The panel tells people and Prometheus how a node stands, takes orders only as such, and a node that does not answer
/// is named.
#[test]
fn the_panel_tells_how_the_fleet_stands() {
    let fleet = Fleet::new();
    let mut node = fleet.node("n1", &Extra { every: Some("1h"), ..Extra::default() });
    let nobody = address();
    let config = std::fs::File::options().append(true).open(&node.config).unwrap();
    std::io::Write::write_all(
        &mut &config,
        format!("peers = [\"{}\", \"{nobody}\"]\n", node.panel).as_bytes(),
    )
    .unwrap();
    node.up();
    let metrics = get(node.panel, "/metrics").unwrap();
    for line in ["updraft_agent_state{node=\"n1\",state=\"idle\"} 1", "updraft_agent_release{node=\"n1\"} 1"]
    {
        assert!(metrics.contains(line), "{metrics}");
    }
    let said = expect(updraft().args(["agent", "status", "--all", "--config"]).arg(&node.config), 30);
    assert!(said.contains("n1") && said.contains("1.0") && said.contains("serves"), "{said}");
    assert!(said.contains(&format!("{nobody}")) && said.contains("does not answer"), "{said}");
    assert_eq!(get(node.panel, "/clear"), None, "no order without its header");
    let said = expect(updraft().args(["agent", "clear", "--panel", &node.panel.to_string()]), 30);
    assert!(said.contains("nothing to clear"), "{said}");
    let said = expect(updraft().args(["agent", "status", "--panel", &nobody.to_string()]), 30);
    assert!(said.contains("no agent answers"), "{said}");
}
