//! Who may have a release yet: a share of all machines that grows with time, without any coordination.
//!
//! A machine's bucket is fixed for a release by the release's salt and the machine's own random name, so it is
//! the same on every system, and another release begins with other machines. Integers only.

use serde::{Deserialize, Serialize};

use super::{Hasher, Stamp};

/// All machines, in basis points.
const ALL: u32 = 10_000;

/// How a release spreads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Mixes the buckets anew for each release.
    pub salt: String,
    /// When it begins, in seconds since 1970.
    pub start: i64,
    /// The share at its beginning, in basis points: 100 is one in a hundred.
    pub start_bp: u32,
    /// Minutes until everybody may have it, the share growing evenly; 0 leaves the share as it is.
    #[serde(default)]
    pub duration_minutes: u64,
    /// Stopped: nobody gets it any more, not even by hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub halted: bool,
}

impl Rollout {
    /// The share of machines that may have it at `now`, in basis points.
    #[must_use]
    pub fn share(&self, now: Stamp) -> u32 {
        let since = now.unix().saturating_sub(self.start);
        let begin = self.start_bp.min(ALL);
        if self.halted || since < 0 {
            return 0;
        }
        let span = i128::from(self.duration_minutes) * 60;
        if span == 0 {
            return begin;
        }
        let grown = i128::from(ALL - begin) * i128::from(since) / span;
        u32::try_from(i128::from(begin) + grown).unwrap_or(ALL).min(ALL)
    }

    /// The bucket of a machine: the SHA-256 of `salt:machine` as a number, modulo 10,000.
    #[must_use]
    pub fn bucket(&self, machine: &str) -> u32 {
        let mut hasher = Hasher::new();
        hasher.update(self.salt.as_bytes());
        hasher.update(b":");
        hasher.update(machine.as_bytes());
        hasher.finish().as_bytes().iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % ALL)
    }

    /// Whether a machine may have it at `now`. Once it may, it may for ever, unless the rollout is halted.
    #[must_use]
    pub fn admits(&self, machine: &str, now: Stamp) -> bool {
        self.bucket(machine) < self.share(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(start_bp: u32, duration_minutes: u64) -> Rollout {
        Rollout { salt: "r7".to_owned(), start: 1_000, start_bp, duration_minutes, halted: false }
    }

    #[test]
    fn the_share_grows_evenly_and_never_falls() {
        let grows = rollout(100, 100);
        let share = |minute: i64| grows.share(Stamp::from_unix(1_000 + minute * 60));
        assert_eq!(
            [share(-1), share(0), share(50), share(100), share(9_999)],
            [0, 100, 5_050, 10_000, 10_000]
        );
        let shares: Vec<u32> = (0..120).map(share).collect();
        assert!(shares.is_sorted());
        assert_eq!(rollout(0, 0).share(Stamp::from_unix(99_999)), 0);
        assert_eq!(rollout(2_500, 0).share(Stamp::from_unix(99_999)), 2_500);
        let halted = Rollout { halted: true, ..rollout(10_000, 0) };
        assert_eq!(halted.share(Stamp::from_unix(99_999)), 0);
    }

    /// Fixed values: every system must put a machine into the same bucket.
    #[test]
    fn buckets_are_the_same_everywhere_and_spread() {
        let buckets: Vec<u32> =
            ["a", "b", "机器"].iter().map(|machine| rollout(0, 0).bucket(machine)).collect();
        assert_eq!(buckets, [4550, 2472, 6825]);
        let half = (0..2_000).filter(|at| rollout(0, 0).bucket(&at.to_string()) < 5_000).count();
        assert!((900..1_100).contains(&half), "{half} of 2,000");
    }
}
