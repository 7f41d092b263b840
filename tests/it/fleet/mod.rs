//! Programs without a window: start-up hook, agents, lock, dispatchers, standby.
#![expect(clippy::unwrap_used, reason = "tests set up by hand")]

mod cut;
mod hook;
mod kills;
mod lock;
mod node;
mod notify;
mod roll;
mod systemd;
mod third;
pub(crate) mod world;

use std::io::Write as _;
use std::time::Duration;

use updraft::fleet::{Load, Report};

/// Whether the large runs are wanted, whose figures are in `docs/fleet.md`.
fn is_full() -> bool {
    std::env::var_os("UPDRAFT_FULL").is_some()
}

/// Runs `during` while clients ask `address` without a pause, half of them on kept connections.
fn under_load(address: std::net::SocketAddr, clients: usize, pause_ms: u64, during: impl FnOnce()) -> Report {
    let queue = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let load =
        Load { address, keeping: clients / 2, fresh: clients / 2, pause: Duration::from_millis(pause_ms) };
    let running = queue.block_on(async { load.begin() });
    during();
    let report = queue.block_on(running.end());
    assert_eq!(report.failed, 0, "{report:?}");
    assert!(report.good > 0, "{report:?}");
    report
}

/// Tells a figure, past the output that tests capture.
fn tell(figure: &str) {
    std::io::stderr().write_all(format!("{figure}\n").as_bytes()).unwrap();
}
