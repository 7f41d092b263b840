//! The right to ask: as many at once as `streams` says, measured while they are used.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::streams::{Streams, Window};

/// The length of a window.
const WINDOW: Duration = Duration::from_secs(1);

/// Permits for requests.
pub(super) struct Permits {
    semaphore: Semaphore,
    streams: Mutex<(Streams, Option<Instant>)>,
    /// Permits to be taken away when they come back.
    debt: AtomicUsize,
    bytes: AtomicU64,
    errors: AtomicU32,
    busy: AtomicBool,
    idle: AtomicBool,
}

/// One permit; it goes back when dropped.
pub(super) struct Permit<'a> {
    of: &'a Permits,
    inner: Option<SemaphorePermit<'a>>,
}

impl Permits {
    pub(super) fn new(most: usize) -> Self {
        let streams = Streams::new(most);
        Self {
            semaphore: Semaphore::new(streams.now()),
            streams: Mutex::new((streams, None)),
            debt: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            errors: AtomicU32::new(0),
            busy: AtomicBool::new(false),
            idle: AtomicBool::new(false),
        }
    }

    /// Waits for a permit.
    pub(super) async fn acquire(&self) -> Permit<'_> {
        // The semaphore is never closed, so waiting can't fail.
        Permit { of: self, inner: self.semaphore.acquire().await.ok() }
    }

    /// Takes in bytes.
    pub(super) fn flowed(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes in that a request fell.
    pub(super) fn fell(&self, busy: bool) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        self.busy.fetch_or(busy, Ordering::Relaxed);
    }

    /// Ends the window if it is time, and gives or takes permits. To be called a few times in each.
    pub(super) fn tick(&self, now: Instant) {
        let free = self.semaphore.available_permits();
        self.idle.fetch_or(free > 0, Ordering::Relaxed);
        let mut held = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let (streams, began) = &mut *held;
        let age = now.saturating_duration_since(*began.get_or_insert(now));
        if age < WINDOW {
            return;
        }
        *began = Some(now);
        let bytes = self.bytes.swap(0, Ordering::Relaxed) as f64 * (WINDOW.as_secs_f64() / age.as_secs_f64());
        let window = Window {
            bytes: bytes as u64,
            errors: self.errors.swap(0, Ordering::Relaxed),
            busy: self.busy.swap(false, Ordering::Relaxed),
            full: !self.idle.swap(false, Ordering::Relaxed),
        };
        let before = streams.now();
        let after = streams.next(window);
        if before != after {
            tracing::info!(streams = after, bytes = window.bytes, errors = window.errors, "streams");
        }
        self.give(after.saturating_sub(before));
        let taken = self.semaphore.forget_permits(before.saturating_sub(after));
        self.debt.fetch_add(before.saturating_sub(after) - taken, Ordering::Relaxed);
    }

    /// Gives permits, less those that were to be taken away.
    fn give(&self, permits: usize) {
        for _ in 0..permits {
            if !self.pay() {
                self.semaphore.add_permits(1);
            }
        }
    }

    /// Whether a permit that could go back is to stay away.
    fn pay(&self) -> bool {
        let less = |debt: usize| debt.checked_sub(1);
        self.debt.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.inner.take()
            && self.of.pay()
        {
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mirror that is busy: permits in use are taken away as they come back, and none twice.
    #[tokio::test]
    async fn permits_follow_the_streams() {
        let (permits, now) = (Permits::new(4), Instant::now());
        let mut held = vec![permits.acquire().await, permits.acquire().await, permits.acquire().await];
        held.push(permits.acquire().await);
        permits.tick(now);
        permits.fell(true);
        permits.tick(now + WINDOW);
        held.truncate(2);
        assert_eq!(permits.semaphore.available_permits(), 0);
        held.clear();
        assert_eq!(permits.semaphore.available_permits(), 2);
    }
}
