//! Waiting for the program to end: visibly, with a limit, and never by force.

use std::time::Duration;

use crate::install::HostGone;
use crate::platform::{self, ProcessId};
use crate::report::{Answer, Control};

/// What came of waiting.
#[derive(Debug)]
pub enum Leaving {
    /// The program has ended.
    Gone(HostGone),
    /// It still runs at the limit.
    StillRuns(ProcessId),
    /// The person cancelled.
    Cancelled,
}

/// Waits until the program has ended, `limit` at most. If the person agrees ([`Answer::CloseHost`]) the
/// program is asked to close; it is never killed.
pub async fn wait_until_gone(process: ProcessId, limit: Duration, control: &Control) -> Leaving {
    let end = tokio::time::Instant::now() + limit;
    loop {
        if let Some(gone) = HostGone::wait(process, Duration::ZERO) {
            return Leaving::Gone(gone);
        }
        if tokio::time::Instant::now() >= end {
            return Leaving::StillRuns(process);
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
            () = control.cancelled() => return Leaving::Cancelled,
            answer = control.next_answer() => {
                if answer == Answer::CloseHost && let Err(error) = platform::process::ask_to_close(process) {
                    tracing::warn!("process {} can't be asked to close: {error}", process.pid);
                }
            }
        }
    }
}
