//! What is wanted from a transfer, and how patient it is.

use std::time::{Duration, Instant};

use crate::release::{Content, Digest, RelPath};

/// A file to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it is called on screens and in errors.
    pub file: RelPath,
    /// Its content.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The object that holds it.
    pub content: Content,
}

impl Request {
    /// The digests by which a depot knows what belongs to this request.
    pub fn names(&self) -> impl Iterator<Item = Digest> + use<> {
        [Some(self.sha256), Some(self.content.object), self.content.pieces].into_iter().flatten()
    }
}

/// How a transfer behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Most requests at once; fewer are used where more bring nothing.
    pub streams: usize,
    /// Most bytes a second, all requests together.
    pub limit_bytes_per_second: Option<u64>,
    /// A connection that gives nothing for so long is cut.
    pub idle: Duration,
    /// The wait after the first failure; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            streams: 6,
            limit_bytes_per_second: None,
            idle: Duration::from_secs(20),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
        }
    }
}

impl Options {
    /// How long to rest after so many failures in a row: doubling, bounded, 20 % up or down by chance so that
    /// a thousand clients do not come back in the same second.
    pub(super) fn rest(&self, failures: u32) -> Duration {
        let doubled = self.first_wait.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let mut chance = [0; 2];
        // Without randomness the wait is merely not spread.
        getrandom::fill(&mut chance).ok();
        let spread = 0.8 + 0.4 * f64::from(u16::from_le_bytes(chance)) / 65_535.0;
        doubled.min(self.longest_wait).mul_f64(spread)
    }
}

/// How long to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until then.
    Until(Instant),
    /// Until it works or someone cancels.
    Endless,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_bounded() {
        let options = Options::default();
        for (failures, middle) in [(1, 1.0), (2, 2.0), (3, 4.0), (6, 30.0), (1_000_000, 30.0)] {
            let rest = options.rest(failures).as_secs_f64();
            assert!(rest >= middle * 0.79 && rest <= middle * 1.21, "{failures}: {rest}");
        }
    }
}
