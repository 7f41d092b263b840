//! The bandwidth limit: one budget for all streams.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::report::Control;

/// Spends time so that no more than a number of bytes a second pass.
pub(super) struct Limit {
    bytes_per_second: Option<u64>,
    /// What a person says while it runs goes before what was said at its start.
    control: Control,
    free_at: Mutex<Instant>,
}

impl Limit {
    pub(super) fn new(bytes_per_second: Option<u64>, control: Control) -> Self {
        Self { bytes_per_second, control, free_at: Mutex::new(Instant::now()) }
    }

    /// Waits as long as `bytes` that have just come were too early. Not reading on is what slows the sender.
    pub(super) async fn spend(&self, bytes: usize) {
        let Some(rate) = self.control.said_limit().unwrap_or(self.bytes_per_second) else { return };
        let wait = self.book(bytes, rate.max(1), Instant::now());
        if wait.is_zero() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // What was booked at the old rate means nothing at the new one.
            () = self.control.limit_changed() => {
                *self.free_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            }
        }
    }

    fn book(&self, bytes: usize, rate: u64, now: Instant) -> Duration {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = (*free_at).max(now);
        let cost = Duration::from_secs_f64(bytes as f64 / rate as f64);
        *free_at = start.checked_add(cost).unwrap_or(start);
        free_at.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A53: no more bytes pass than the limit says.
    #[test]
    fn bytes_are_booked_one_after_the_other() {
        let limit = Limit::new(Some(1000), Control::new());
        let now = Instant::now() + Duration::from_secs(1);
        assert_eq!(limit.book(500, 1000, now), Duration::from_millis(500));
        assert_eq!(limit.book(500, 1000, now), Duration::from_secs(1));
        assert_eq!(limit.book(0, 1000, now + Duration::from_secs(9)), Duration::ZERO);
    }

    /// A53: a limit a person takes away ends the wait that was booked under it, at once.
    #[test]
    fn a_limit_can_be_taken_away_while_it_holds() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let control = Control::new();
        let limit = Limit::new(Some(1), control.clone());
        runtime.block_on(async {
            let waits = limit.spend(1_000_000);
            let change = async {
                tokio::task::yield_now().await;
                control.limit(None);
            };
            let both = futures_util::future::join(waits, change);
            assert!(tokio::time::timeout(Duration::from_secs(60), both).await.is_ok(), "it still waits");
            limit.spend(u32::MAX as usize).await;
        });
    }
}
