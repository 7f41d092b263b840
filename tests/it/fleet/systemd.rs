//! The agent as a service of systemd, which is played by this test: it holds the sockets and passes them on.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set up by hand and look at the disk with their own eyes"
)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use updraft::platform::process::{ask_to_close, find};
use updraft::platform::socket::let_inherit;

use super::world::{Extra, Fleet, Node, get, tool};
use crate::support::world::{Running, updraft, wait_for, write};

/// Starts the agent of `node` with `socket` as systemd does: `LISTEN_FDS` and `LISTEN_PID`, from descriptor 3 on.
fn start(node: &mut Node, socket: &TcpListener) {
    let mut command = updraft();
    let sockets = [socket.try_clone().unwrap()];
    let number = let_inherit(&mut command, &sockets)[0].to_string();
    let agent = PathBuf::from(env!("CARGO_BIN_EXE_updraft"));
    command.args(["agent", "become", "--socket", &number, "--"]).arg(agent);
    command.args(["agent", "--config"]).arg(&node.config);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    node.agent = Some(Running(command.spawn().unwrap()));
}

/// With a socket unit the sockets are the system's: the agent takes them, and while the whole service is stopped and
/// started again, who connects waits and is answered.
#[test]
fn the_sockets_of_a_socket_unit_outlive_the_agent() {
    let fleet = Fleet::new();
    let mut node = fleet.node("n1", &Extra { every: Some("1h"), ..Extra::default() });
    let socket = TcpListener::bind(node.address).unwrap();
    start(&mut node, &socket);
    wait_for("the node", || node.status().is_some_and(|status| status["serves"] == true));
    assert_eq!(node.answers(), "1.0");
    let mut agent = node.agent.take().unwrap();
    ask_to_close(find(agent.0.id()).unwrap()).unwrap();
    wait_for("the agent to end", || agent.0.try_wait().unwrap().is_some());
    assert!(node.memory()["program"].is_null(), "it ended its program");
    let at = node.address;
    let waiting = std::thread::spawn(move || get(at, "/"));
    std::thread::sleep(Duration::from_millis(300));
    assert!(!waiting.is_finished(), "nobody is there to answer");
    start(&mut node, &socket);
    assert_eq!(waiting.join().unwrap().as_deref(), Some("1.0"));
    fleet.publish("2.0", "", &[]);
    wait_for("the node", || node.status().is_some_and(|status| status["serves"] == true));
    node.say("check");
    node.rests("idle", 2);
    assert_eq!(node.answers(), "2.0");
}

/// The unit files are what systemd can use, by its own judgement.
#[test]
fn the_unit_files_are_what_systemd_can_use() {
    let Some(judge) = tool("systemd-analyze", "the unit files") else { return };
    let folder = tempfile::tempdir().unwrap();
    let units = ["updraft-agent.service", "updraft-agent.socket"];
    for unit in units {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests").join(unit);
        let text = std::fs::read_to_string(file).unwrap();
        // It asks whether the program is there.
        write(folder.path().join(unit), text.replace("/usr/bin/updraft", env!("CARGO_BIN_EXE_updraft")));
    }
    let said = Command::new(judge).arg("verify").args(units).current_dir(folder.path()).output().unwrap();
    let said = (said.status.success(), String::from_utf8_lossy(&said.stderr).into_owned());
    assert!(said.0 && !said.1.contains("updraft-agent"), "{}", said.1);
}
