//! The proof that the program being updated does not run: a swap can't be begun without it.

use std::time::Duration;

use crate::platform::{ProcessId, process};

/// The host has ended, or there was none.
#[derive(Debug)]
pub struct HostGone(());

impl HostGone {
    /// Waits `limit` at most for the host to end; `None` if it still runs then.
    #[must_use]
    pub fn wait(host: ProcessId, limit: Duration) -> Option<Self> {
        process::wait_exit(host, limit).then_some(Self(()))
    }

    /// There is no host: the updater was started by itself.
    #[must_use]
    pub fn nobody() -> Self {
        Self(())
    }
}
