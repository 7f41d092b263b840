//! A link that goes away under a running transfer and comes back: two network namespaces, for root.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Client, Site, full, object_bytes, wait_for};
use crate::support::fault_server::FaultServer;

/// A namespace with one end of a cable in it, gone when dropped.
struct Cable {
    space: String,
    ours: String,
    address: String,
}

fn ip(arguments: &str) -> bool {
    let quiet =
        Command::new("ip").args(arguments.split(' ')).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

impl Cable {
    /// None where this user may not make one.
    fn lay() -> Option<Self> {
        let id = std::process::id() % 10_000;
        let (space, ours, theirs) = (format!("updraft-{id}"), format!("ud{id}a"), format!("ud{id}b"));
        let net = format!("10.{}.{}", 200 + id % 50, id / 50);
        let cable = Self { space, ours, address: format!("{net}.1") };
        let Self { space, ours, .. } = &cable;
        let laid = ip(&format!("netns add {space}"))
            && ip(&format!("link add {ours} type veth peer name {theirs} netns {space}"))
            && ip(&format!("addr add {net}.1/24 dev {ours}"))
            && ip(&format!("link set {ours} up"))
            && ip(&format!("-n {space} addr add {net}.2/24 dev {theirs}"))
            && ip(&format!("-n {space} link set {theirs} up"))
            && ip(&format!("-n {space} link set lo up"));
        laid.then_some(cable)
    }

    fn plug(&self, up: bool) {
        assert!(ip(&format!("link set {} {}", self.ours, if up { "up" } else { "down" })));
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        ip(&format!("link del {}", self.ours));
        ip(&format!("netns del {}", self.space));
    }
}

/// The cable is pulled under a running transfer and plugged in again.
pub(super) fn a_cable_pulled_and_plugged_in_again() {
    let Some(cable) = Cable::lay() else {
        let text = "A43 over a real link NOT PROVEN: no network namespaces here (root and `ip` are needed)\n";
        // Not through the captured output: a run without must be seen to lack it.
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        let must = std::env::var_os("UPDRAFT_TEST_ALL").is_some() && rustix::process::getuid().is_root();
        assert!(!must, "{text}");
        return;
    };
    let site = Site::new(&[("big.bin", 12_000_000)]);
    let server = FaultServer::serve_folder_at(&site.world.repo(), &format!("{}:0", cable.address));
    let copy = site.copy("cable", &[&server.url()]);
    let inner = copy.command(&["--json", "--limit", "3000000"]);
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &cable.space]).arg(inner.get_program()).args(inner.get_args());
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = Client { child: command.spawn().unwrap() };
    let minute = Duration::from_secs(60);
    wait_for("bytes", minute, || copy.partial_bytes() > 2_000_000);
    cable.plug(false);
    let there = copy.partial_bytes();
    // The system goes on for a while as if nothing had happened; then the idle limit strikes.
    wait_for("a word about it", minute * 2, || copy.events().contains("\"event\":\"interrupted\""));
    if full() {
        std::thread::sleep(Duration::from_secs(120));
    }
    assert!(client.runs(), "it waits");
    cable.plug(true);
    let ended = client.end(Duration::from_secs(240));
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    site.assert_new(&copy);
    assert!(ended.said.contains("\"event\":\"continued\""), "{}", ended.said);
    let fetched = object_bytes(&server);
    println!("{there} bytes were there when the cable was pulled; {fetched} were sent in all");
    assert!(fetched < 12_000_000 + 8 * 1_048_576, "{fetched} bytes");
}
