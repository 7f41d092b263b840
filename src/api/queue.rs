//! One piece of work on an event queue of its own, which is left without waiting for a share that hangs.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

use crate::report::{ErrorCode, Failure};

/// An event queue of this thread.
pub(crate) fn queue() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().map_err(no_queue)
}

/// Runs `work` to its end. Threads that still read from a share which answers no more are left behind: to wait for
/// them would keep a check that is over from ending.
pub(crate) fn run_to_end<F: Future>(work: F) -> Result<F::Output, Failure> {
    let queue = queue()?;
    let output = queue.block_on(work);
    queue.shutdown_background();
    Ok(output)
}

pub(super) fn no_queue(source: std::io::Error) -> Failure {
    Failure {
        code: ErrorCode::Internal,
        message: format!("the system gives no event queue: {source}"),
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// A21 for shares: what hangs in the system does not keep a check from ending.
    #[test]
    fn a_thread_that_hangs_is_left_behind() {
        let (hold, held) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel();
        run_to_end(async move {
            tokio::task::spawn_blocking(move || {
                started.send(()).unwrap();
                held.recv().ok();
            });
            starts.recv().unwrap();
        })
        .unwrap();
        drop(hold);
    }
}
