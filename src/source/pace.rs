//! How fast a mirror gives, and whether that is reason enough to leave it. No clock and no I/O.

use std::time::Duration;

/// A mirror is left when another one is so many times as fast ...
const MUCH_FASTER: f64 = 3.0;
/// ... and comes back when the others are less than so many times as fast.
const ABOUT_EQUAL: f64 = 1.5;
/// The share of the newest measure in the average.
const NEWEST: f64 = 0.4;
/// Time at work that makes one measure.
const ENOUGH: Duration = Duration::from_secs(1);
/// Bytes that make the first measure, however short it took.
const FIRST: u64 = 256 * 1024;

/// Bytes a second of one mirror, over all connections to it. The time before the first byte of an answer counts
/// as well, so latency is part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Pace {
    bytes: u64,
    time: Duration,
    average: Option<f64>,
}

impl Pace {
    /// Takes in bytes.
    pub(super) fn flowed(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Takes in time in which at least one request was open. `rests` says that none is open any more.
    pub(super) fn worked(&mut self, time: Duration, rests: bool) {
        self.time += time;
        let first = rests && self.average.is_none() && self.bytes >= FIRST && !self.time.is_zero();
        if self.time < ENOUGH && !first {
            return;
        }
        let now = self.bytes as f64 / self.time.as_secs_f64();
        self.average = Some(self.average.map_or(now, |before| before + NEWEST * (now - before)));
        (self.bytes, self.time) = (0, Duration::ZERO);
    }

    /// Bytes a second; nothing if not known yet.
    pub(super) fn average(&self) -> Option<f64> {
        self.average
    }
}

/// Which mirrors are left for being slow, from their paces and which are left now. Between "much faster" and
/// "about equal" everything stays as it is, so that nothing flaps.
pub(super) fn slow(mirrors: &[(Option<f64>, bool)]) -> Vec<bool> {
    let best = |except: usize| {
        let others = mirrors.iter().enumerate().filter(|(at, _)| *at != except);
        others.filter_map(|(_, (pace, _))| *pace).fold(0.0, f64::max)
    };
    let judge = |(at, (pace, left)): (usize, &(Option<f64>, bool))| match pace {
        None => false,
        Some(pace) => best(at) > pace * if *left { ABOUT_EQUAL } else { MUCH_FASTER },
    };
    mirrors.iter().enumerate().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A52: a slow mirror is left only for one known to be much faster, and taken again only when it is about
    /// as fast.
    #[test]
    fn a_mirror_is_left_for_a_much_faster_one_and_does_not_flap() {
        let known = |pace: f64, left| (Some(pace), left);
        for (mirrors, expected) in [
            (vec![known(1.0, false)], vec![false]),
            (vec![known(1.0, false), (None, false)], vec![false, false]),
            (vec![known(1.0, false), known(2.9, false)], vec![false, false]),
            (vec![known(1.0, false), known(3.1, false)], vec![true, false]),
            (vec![known(1.5, true), known(3.0, false)], vec![true, false]),
            (vec![known(2.5, true), known(3.0, false)], vec![false, false]),
            (vec![known(9.0, false), known(1.0, false), known(2.0, true)], vec![false, true, true]),
            (vec![(None, false), known(9.0, false)], vec![false, false]),
        ] {
            assert_eq!(slow(&mirrors), expected, "{mirrors:?}");
        }
    }

    #[test]
    fn a_pace_is_an_average_of_work_not_of_rest() {
        let mut pace = Pace::default();
        pace.flowed(100_000);
        pace.worked(Duration::from_millis(10), true);
        assert_eq!(pace.average(), None);
        pace.flowed(200_000);
        pace.worked(Duration::from_millis(290), true);
        assert_eq!(pace.average(), Some(1_000_000.0));
        pace.flowed(2_000_000);
        pace.worked(Duration::from_millis(500), false);
        assert_eq!(pace.average(), Some(1_000_000.0));
        pace.worked(Duration::from_millis(500), false);
        assert_eq!(pace.average(), Some(1_400_000.0));
    }
}
