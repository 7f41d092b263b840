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
    /// How the share grows between the two.
    #[serde(default, skip_serializing_if = "Curve::is_linear")]
    pub curve: Curve,
    /// Stopped: nobody gets it any more, not even by hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub halted: bool,
}

/// How the share grows from its beginning to everybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Curve {
    /// By the same number of machines each minute.
    #[default]
    Linear,
    /// Slowly at first: it doubles again and again, each time in the same number of minutes.
    Doubling,
}

impl Curve {
    fn is_linear(&self) -> bool {
        *self == Self::Linear
    }
}

impl Rollout {
    /// For everybody at once; what a halt is written into where there was no rollout.
    #[must_use]
    pub fn everybody(salt: String, start: Stamp) -> Self {
        let (start, curve) = (start.unix(), Curve::Linear);
        Self { salt, start, start_bp: ALL, duration_minutes: 0, curve, halted: false }
    }

    /// The share of machines that may have it at `now`, in basis points; 0 while it is halted.
    #[must_use]
    pub fn share(&self, now: Stamp) -> u32 {
        if self.halted { 0 } else { self.share_reached(now) }
    }

    /// The share as if it were not halted.
    #[must_use]
    pub fn share_reached(&self, now: Stamp) -> u32 {
        let since = now.unix().saturating_sub(self.start);
        let begin = self.start_bp.min(ALL);
        if since < 0 {
            return 0;
        }
        let (since, span) = (i128::from(since), i128::from(self.duration_minutes) * 60);
        if span == 0 {
            return begin;
        }
        if since >= span {
            return ALL;
        }
        let share = match self.curve {
            Curve::Linear => i128::from(begin) + i128::from(ALL - begin) * since / span,
            Curve::Doubling => doubled(begin.max(1), since, span),
        };
        u32::try_from(share).unwrap_or(ALL).min(ALL)
    }

    /// The same rollout as it stands at `now`: the share it has reached, and the time that was left. So a rollout
    /// that was halted goes on where it was.
    #[must_use]
    pub fn rebased(&self, now: Stamp) -> Self {
        let since = now.unix().saturating_sub(self.start);
        if since < 0 {
            return self.clone();
        }
        let gone = u64::try_from(since / 60).unwrap_or(0);
        let left = self.duration_minutes.saturating_sub(gone);
        Self { start: now.unix(), start_bp: self.share_reached(now), duration_minutes: left, ..self.clone() }
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

/// `begin` doubled in as many equal parts of `span` as it takes to reach all, evenly within each part.
fn doubled(begin: u32, since: i128, span: i128) -> i128 {
    let begin = i128::from(begin);
    let mut steps = 0;
    while begin << steps < i128::from(ALL) {
        steps += 1;
    }
    if steps == 0 {
        return i128::from(ALL);
    }
    let step = since * steps / span;
    let low = (begin << step).min(i128::from(ALL));
    let high = (low * 2).min(i128::from(ALL));
    low + (high - low) * (since * steps - step * span) / span
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(start_bp: u32, duration_minutes: u64) -> Rollout {
        let (salt, curve) = ("r7".to_owned(), Curve::Linear);
        Rollout { salt, start: 1_000, start_bp, duration_minutes, curve, halted: false }
    }

    /// A128: fixed values of the doubling curve, and that it never falls.
    #[test]
    fn a_doubling_share_begins_slowly_and_ends_with_everybody() {
        let slow = Rollout { curve: Curve::Doubling, ..rollout(100, 700) };
        let share = |minute: i64| slow.share(Stamp::from_unix(1_000 + minute * 60));
        let shares = [share(-1), share(0), share(50), share(100), share(300), share(650), share(700)];
        assert_eq!(shares, [0, 100, 150, 200, 800, 8_200, 10_000]);
        let all: Vec<u32> = (0..800).map(share).collect();
        assert!(all.is_sorted());
        let from_nothing = Rollout { curve: Curve::Doubling, ..rollout(0, 60) };
        assert_eq!(from_nothing.share(Stamp::from_unix(1_000 + 3_600)), 10_000);
        let whole = Rollout { curve: Curve::Doubling, ..rollout(10_000, 60) };
        assert_eq!(whole.share(Stamp::from_unix(1_000)), 10_000);
    }

    /// A128: a rollout that stood still for a while goes on where it was, for the same machines.
    #[test]
    fn a_rebased_rollout_has_the_same_share_and_the_same_end() {
        let grows = rollout(100, 100);
        let at = |minute: i64| Stamp::from_unix(1_000 + minute * 60);
        let later = grows.rebased(at(50));
        assert_eq!((later.share(at(50)), later.duration_minutes), (grows.share(at(50)), 50));
        assert_eq!(later.share(at(75)), grows.share(at(75)));
        assert_eq!(later.bucket("a"), grows.bucket("a"));
        assert_eq!(grows.rebased(at(-5)), grows);
        assert_eq!(grows.rebased(at(500)).share(at(500)), 10_000);
    }

    /// A128: the share is a function of time alone, never falls, and `halted` wins over all.
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

    /// A128: fixed values: every system must put a machine into the same bucket.
    #[test]
    fn buckets_are_the_same_everywhere_and_spread() {
        let buckets: Vec<u32> =
            ["a", "b", "机器"].iter().map(|machine| rollout(0, 0).bucket(machine)).collect();
        assert_eq!(buckets, [4550, 2472, 6825]);
        let half = (0..2_000).filter(|at| rollout(0, 0).bucket(&at.to_string()) < 5_000).count();
        assert!((900..1_100).contains(&half), "{half} of 2,000");
    }
}
