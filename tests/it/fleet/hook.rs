//! The start-up hook of a server, with a real program.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use std::fs;
use std::process::{Command, Stdio};

use super::world::{Fleet, address, get};
use crate::support::fault_server::FaultServer;
use crate::support::world::{Running, expect, wait_for};

fn node(app: &std::path::Path, at: std::net::SocketAddr) -> Command {
    let mut command = Command::new(app.join("fleet_node"));
    command.arg(at.to_string()).env_remove("DISPLAY").stdin(Stdio::null()).stdout(Stdio::null());
    // What the updater starts holds these on.
    command.stderr(Stdio::null()).env_remove("UPDRAFT_AGENT");
    command
}

/// Ends the node that the updater started; it is nobody's child.
fn end(app: &std::path::Path) {
    let holders = updraft::platform::process::holders(app, &[]);
    for holder in holders {
        updraft::platform::process::end_by_force(holder.process).ok();
    }
}

/// A120: a newer version exists when the server starts: it starts the updater and ends before it serves, and comes
/// back as the new version with its arguments.
#[test]
fn a_server_updates_before_it_serves() {
    let fleet = Fleet::new();
    let app = fleet.world.app();
    fleet.world.lay_updater();
    fleet.world.update();
    let at = address();
    {
        let _running = Running(node(&app, at).spawn().unwrap());
        wait_for("the server", || get(at, "/").as_deref() == Some("1.0"));
    }
    fleet.publish("2.0", "", &[]);
    expect(&mut node(&app, at), 0);
    wait_for("the new version", || get(at, "/").as_deref() == Some("2.0"));
    end(&app);
}

/// A23: with updates turned off the start-up hook makes no request at all, and the server serves. A120 the other
/// way round: a server that can't be asked does not keep the program from serving.
#[test]
fn a_hook_that_is_turned_off_asks_nothing_and_one_that_fails_does_no_harm() {
    let mut fleet = Fleet::new();
    let server = FaultServer::serve_folder(&fleet.world.path("www"));
    fleet.world.source = format!("{}/App", server.url().trim_end_matches('/'));
    let app = fleet.world.app();
    fleet.world.lay_updater();
    fleet.world.update();
    fleet.publish("2.0", "", &[]);
    let config = app.join("updater/updater.json");
    let mut settings: serde_json::Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    settings["enabled"] = false.into();
    fs::write(&config, settings.to_string()).unwrap();
    let asked = server.requests().len();
    let at = address();
    {
        let _running = Running(node(&app, at).spawn().unwrap());
        wait_for("the server", || get(at, "/").as_deref() == Some("1.0"));
    }
    assert_eq!(server.requests().len(), asked, "nothing was asked");
    settings["enabled"] = true.into();
    settings["sources"] = serde_json::json!([format!("http://{}/App", address())]);
    settings["check"]["timeout"] = 2.into();
    fs::write(&config, settings.to_string()).unwrap();
    let at = address();
    let _running = Running(node(&app, at).spawn().unwrap());
    wait_for("the server", || get(at, "/").as_deref() == Some("1.0"));
}
