//! What a server has done since it started, as numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// The statuses that are counted one by one; all others are counted together.
const STATUSES: [u16; 8] = [200, 206, 304, 400, 404, 405, 416, 500];

/// Counters of one listener.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: [AtomicU64; STATUSES.len()],
    other: AtomicU64,
    bytes: AtomicU64,
    opened: AtomicU64,
    closed: AtomicU64,
    failed: AtomicU64,
}

impl Traffic {
    pub(super) fn answered(&self, status: u16) {
        let known = STATUSES.iter().position(|known| *known == status);
        known.map_or(&self.other, |at| &self.requests[at]).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection ended before its time: cut off by the client, or too slow.
    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests by status; those of any other status stand under 0.
    #[must_use]
    pub fn requests(&self) -> Vec<(u16, u64)> {
        let known = STATUSES.iter().zip(&self.requests);
        let counted = known.map(|(status, count)| (*status, count.load(Ordering::Relaxed)));
        counted.chain([(0, self.other.load(Ordering::Relaxed))]).collect()
    }

    /// Bytes of answers, heads and TLS's inner side included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Connections: all so far, those open now, those that broke.
    #[must_use]
    pub fn connections(&self) -> (u64, u64, u64) {
        let (opened, closed) = (self.opened.load(Ordering::Relaxed), self.closed.load(Ordering::Relaxed));
        (opened, opened.saturating_sub(closed), self.failed.load(Ordering::Relaxed))
    }
}
