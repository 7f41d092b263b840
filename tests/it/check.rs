//! "Is there something new?", through the updater and through the library.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use updraft::api::{Asked, Updater};

use super::support::fault_server::{Asked as Request, Fault, FaultServer};
use super::support::world::{Running, World, expect, wait_for, write};

fn world_with_two_releases(second: &[&str]) -> (World, super::support::world::Running) {
    let mut world = World::new();
    let server = world.serve(None);
    write(world.build().join("bin/app.txt"), "one");
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    write(world.build().join("bin/app.txt"), "two");
    world.publish("2.0", second);
    (world, server)
}

fn check(world: &World, code: i32) -> Value {
    let said = expect(world.updater().args(["check", "--json"]), code);
    serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("not JSON: {said}"))
}

/// A20: installed r1, newest r2: `check` says so by exit code and JSON; when equal it says none.
/// A24: the library and the command agree.
#[test]
fn a_newer_release_is_found_and_after_the_update_none() {
    let (world, _server) = world_with_two_releases(&[]);
    let said = check(&world, 10);
    assert_eq!((&said["status"], &said["urgency"]), (&"available".into(), &"optional".into()));
    assert_eq!((&said["installed"]["number"], &said["release"]["number"]), (&1.into(), &2.into()));
    assert_eq!(said["release"]["version"], "2.0");
    let library = Updater::in_folder(world.app().join("updater"));
    let offer = library.has_new_version(Asked::ByHand).unwrap().expect("the library finds it too");
    assert_eq!(serde_json::to_value(&offer.release).unwrap(), said["release"]);
    world.update();
    assert_eq!(check(&world, 0)["status"], "up-to-date");
    assert_eq!(library.has_new_version(Asked::ByHand).unwrap(), None);
}

/// A10, A20: a required release is told by its own exit code, and the minimum version makes one required.
#[test]
fn a_forced_release_has_its_own_exit_code() {
    let (world, _server) = world_with_two_releases(&["--forced"]);
    assert_eq!(check(&world, 11)["urgency"], "forced");
    let (world, _server) = world_with_two_releases(&["--minimum", "2.0"]);
    assert_eq!(check(&world, 11)["urgency"], "forced");
}

/// A21: with the server down a check ends within its deadline, with its own exit code, and nothing is changed.
#[test]
fn a_check_without_server_ends_in_time() {
    let (world, server) = world_with_two_releases(&[]);
    drop(server);
    let begun = Instant::now();
    let said = expect(world.updater().args(["check", "--timeout", "2"]), 30);
    assert!(begun.elapsed() < Duration::from_secs(20), "took {:?}", begun.elapsed());
    assert!(said.contains("127.0.0.1"), "names the server: {said}");
    assert_eq!(world.record()["receipt"]["number"], 1);
    let failure =
        Updater::in_folder(world.app().join("updater")).has_new_version(Asked::ByItself).unwrap_err();
    assert_eq!(failure.code.exit(), 30);
}

/// A21: a server that goes silent when it is asked for the manifest keeps neither a check nor a plan beyond its time.
#[test]
fn a_manifest_that_does_not_come_ends_a_check_and_a_plan_in_time() {
    let (world, _server) = world_with_two_releases(&[]);
    let silent = |asked: &Request| asked.path.contains("/targets/").then_some(Fault::Silent);
    let server = FaultServer::serve_folder(&world.repo()).script(silent);
    for command in ["check", "plan"] {
        let mut updater = world.updater();
        updater.args([command, "--timeout", "2", "--source", &server.url()]);
        let mut running = Running(updater.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        wait_for("its end", || running.0.try_wait().unwrap().is_some());
        assert_eq!(running.0.wait().unwrap().code(), Some(30), "{command}");
    }
    assert!(server.requests().iter().any(|request| request.path.contains("/targets/")));
}

/// A22: an address without scheme and path is enough.
#[test]
fn an_address_and_a_port_are_enough() {
    let mut world = World::new();
    write(world.build().join("a"), "one");
    world.publish("1.0", &[]);
    let port = super::support::world::free_port();
    let address = format!("127.0.0.1:{port}");
    let mut command = super::support::world::updraft();
    command.arg("serve").arg(world.repo()).args(["--listen", &address]).stdout(std::process::Stdio::null());
    let _server = super::support::world::Running(command.spawn().unwrap());
    super::support::world::wait_for("the server", || std::net::TcpStream::connect(&address).is_ok());
    world.source = address;
    world.lay_updater();
    world.update();
    assert_eq!(std::fs::read(world.app().join("a")).unwrap(), b"one");
}

/// A23: with updates turned off no request is made at all, by the command and by the library.
#[test]
fn updates_turned_off_means_no_request() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    world.source = listener.local_addr().unwrap().to_string();
    world.lay_updater();
    let config = world.app().join("updater/updater.json");
    let mut settings: Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    settings["enabled"] = false.into();
    write(&config, settings.to_string());
    assert_eq!(check(&world, 0)["status"], "disabled");
    expect(world.updater().args(["update", "--no-start"]), 0);
    assert_eq!(
        Updater::in_folder(world.app().join("updater")).has_new_version(Asked::ByItself).unwrap(),
        None
    );
    let nobody = listener.accept().map(|_| ()).unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}

/// A08: any plain static web server serves a client: installed, checked and updated from nginx.
#[cfg(unix)]
#[test]
fn a_client_updates_from_nginx() {
    let mut world = World::new();
    write(world.build().join("a"), "one");
    world.publish("1.0", &[]);
    let Some((child, address)) = super::support::nginx::start(&world.repo(), &world.path("nginx")) else {
        return;
    };
    let _nginx = super::support::world::Running(child);
    world.source = address.to_string();
    world.lay_updater();
    world.update();
    write(world.build().join("a"), vec![7; 3_000_000]);
    world.publish("2.0", &[]);
    check(&world, 10);
    world.update();
    assert_eq!(std::fs::read(world.app().join("a")).unwrap(), vec![7; 3_000_000]);
    check(&world, 0);
}

/// A10: notes in several languages and the rollout set at publish reach the check.
#[test]
fn notes_and_rollout_reach_the_check() {
    let (world, _server) = world_with_two_releases(&["--rollout", "0%"]);
    assert_eq!(check(&world, 0)["status"], "up-to-date");
    let by_hand = expect(world.updater().args(["check", "--json", "--by-hand"]), 10);
    assert!(by_hand.contains("2.0"), "a person who asks is not held back: {by_hand}");
    write(world.path("notes.en.md"), "# Three");
    write(world.path("notes.zh-CN.md"), "# 三");
    write(world.build().join("bin/app.txt"), "three");
    let notes = ["notes.en.md", "notes.zh-CN.md"].map(|name| world.path(name).to_str().unwrap().to_owned());
    world.publish("3.0", &["--rollout", "100%", "--notes", &notes[0], &notes[1]]);
    let said = check(&world, 10);
    assert_eq!(said["release"]["version"], "3.0");
    assert_eq!(
        (&said["notes"]["3"]["en"], &said["notes"]["3"]["zh-CN"]),
        (&"# Three".into(), &"# 三".into())
    );
}
