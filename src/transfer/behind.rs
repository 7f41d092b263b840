//! Bringing what has come to the disk while more comes: so the flush before a swap has little left to do.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::fsx::{self, Absent as _, Context as _, FsError};
use crate::platform;

/// A flush begins after so many bytes.
const ENOUGH: u64 = 24 * 1024 * 1024;

/// At most one flush at a time, on a thread of its own that a cancel does not wait for.
///
/// Danger: a system tells of a failed write once. An error seen here is kept and ends the transfer, because the
/// flush before the swap would not hear of it again.
#[derive(Debug, Default, Clone)]
pub(super) struct Behind(Arc<State>);

#[derive(Debug, Default)]
struct State {
    bytes: AtomicU64,
    busy: AtomicBool,
    error: Mutex<Option<FsError>>,
}

impl Behind {
    /// Takes in that so many bytes came; says whether it is time to flush.
    pub(super) fn grow(&self, bytes: u64) -> bool {
        let grown = self.0.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        grown >= ENOUGH && platform::file::FLUSHES_BEHIND && !self.0.busy.load(Ordering::Acquire)
    }

    /// Begins to flush the file at `path`; without a thread it is left to the flush before the swap.
    pub(super) fn flush(&self, path: PathBuf) {
        self.0.bytes.store(0, Ordering::Relaxed);
        self.0.busy.store(true, Ordering::Release);
        let state = Arc::clone(&self.0);
        let work = move || {
            let flushed = match fsx::open(&path).if_present() {
                Ok(Some(file)) => platform::file::flush_bytes(&file).at("flush", &path),
                // Finished and renamed meanwhile.
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = flushed {
                *state.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
            state.busy.store(false, Ordering::Release);
        };
        if std::thread::Builder::new().name("flush".to_owned()).spawn(work).is_err() {
            self.0.busy.store(false, Ordering::Release);
        }
    }

    /// Returns when nothing is being flushed any more; says what failed.
    pub(super) async fn end(&self) -> Result<(), FsError> {
        while self.0.busy.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let error = self.0.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.map_or(Ok(()), Err)
    }
}
