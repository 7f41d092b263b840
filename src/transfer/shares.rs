//! Who gave which bytes of a piece, so that a wrong one is blamed on who is to blame. Pure.
//!
//! When a piece is wrong and several sources gave of it, nobody can be blamed yet. What was there after each of
//! them is remembered by its digest. Once the piece has come right, the digests of the same beginnings of the
//! right bytes show who was the first to give a wrong one.

use std::collections::BTreeMap;

use crate::release::{Digest, Hasher};

/// Wrong tries of one piece that are remembered; after so many, sources may go on with each other's bytes again,
/// lest two that always break off early never come to its end.
const TRIES: usize = 8;

/// What one source gave of a piece: all from the end of the share before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    /// Who gave it; nothing for what an earlier run left.
    source: Option<usize>,
    /// Bytes of the piece that were there then.
    end: u64,
    /// Their digest.
    digest: Digest,
}

/// A piece of which some bytes are there.
#[derive(Clone, Default)]
pub(super) struct Begun {
    hasher: Hasher,
    have: u64,
    shares: Vec<Share>,
    /// The digests of its beginnings, where they are wanted.
    known: BTreeMap<u64, Option<Digest>>,
}

impl Begun {
    /// A piece an earlier run has left.
    pub(super) fn left(hasher: Hasher, have: u64) -> Self {
        let mut begun = Self { hasher, have, ..Self::default() };
        begun.break_off(None);
        begun
    }

    /// Bytes that are there.
    pub(super) fn have(&self) -> u64 {
        self.have
    }

    /// Whether its bytes come from more than the connection at work, so that a wrong digest proves nothing about
    /// that.
    pub(super) fn is_mixed(&self) -> bool {
        !self.shares.is_empty()
    }

    /// Takes in the next bytes.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let stop = self.known.range(self.have + 1..).next().map(|(end, _)| end - self.have);
            let most = stop.and_then(|stop| usize::try_from(stop).ok()).unwrap_or(bytes.len());
            let (now, later) = bytes.split_at(most.min(bytes.len()));
            self.hasher.update(now);
            (self.have, bytes) = (self.have + now.len() as u64, later);
            if let Some(known) = self.known.get_mut(&self.have) {
                *known = Some(self.hasher.clone().finish());
            }
        }
    }

    /// The connection to `source` has ended here.
    pub(super) fn break_off(&mut self, source: Option<usize>) {
        let share = Share { source, end: self.have, digest: self.hasher.clone().finish() };
        match self.shares.last_mut() {
            Some(last) if last.source == source => *last = share,
            _ => self.shares.push(share),
        }
    }

    /// Who gave all of it, if it was one.
    pub(super) fn only_source(&self) -> Option<usize> {
        let first = self.shares.first()?.source?;
        self.shares.iter().all(|share| share.source == Some(first)).then_some(first)
    }

    /// The digest of what is there.
    pub(super) fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }
}

/// What is remembered of a piece that came out wrong.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    tries: Vec<Vec<Share>>,
}

impl Suspicion {
    /// Remembers a try that is given up.
    pub(super) fn add(&mut self, begun: Begun) {
        if self.tries.len() < TRIES {
            self.tries.push(begun.shares);
        }
    }

    /// Whether `source` is to begin the piece anew instead of going on with what others gave.
    pub(super) fn sets_aside(&self, begun: &Begun, source: usize) -> bool {
        self.tries.len() < TRIES && begun.shares.iter().any(|share| share.source != Some(source))
    }

    /// Who is to go on with what has begun, if it can: one source alone gave it, and a piece that comes from one
    /// source can be blamed on it.
    pub(super) fn owner(&self, begun: &Begun) -> Option<usize> {
        begun.only_source().filter(|_| self.tries.len() < TRIES)
    }

    /// A new beginning of the piece, in which those bytes are watched that this needs.
    pub(super) fn begin(&self) -> Begun {
        let ends = self.tries.iter().flatten().map(|share| (share.end, None));
        Begun { known: ends.collect(), ..Begun::default() }
    }

    /// Who is to blame, now that the piece has come right: of each try the first whose bytes were wrong.
    pub(super) fn liars(&self, right: &Begun) -> Vec<usize> {
        let is_wrong = |share: &&Share| {
            right.known.get(&share.end).is_some_and(|known| known.is_some_and(|known| known != share.digest))
        };
        let all_known = |shares: &&Vec<Share>| {
            shares.iter().all(|share| right.known.get(&share.end).is_some_and(Option::is_some))
        };
        let tries = self.tries.iter().filter(all_known);
        tries.filter_map(|shares| shares.iter().find(is_wrong)?.source).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A piece of a hundred bytes out of shares: source, bytes, value of each byte.
    fn piece(mut begun: Begun, shares: &[(Option<usize>, usize, u8)]) -> Begun {
        for (source, size, value) in shares {
            begun.take(&vec![*value; *size]);
            begun.break_off(*source);
        }
        begun
    }

    fn liars(tries: &[&[(Option<usize>, usize, u8)]]) -> Vec<usize> {
        let mut suspicion = Suspicion::default();
        for shares in tries {
            suspicion.add(piece(Begun::default(), shares));
        }
        let right = piece(suspicion.begin(), &[(Some(9), 33, 1), (Some(9), 67, 1)]);
        assert_eq!(right.digest(), Digest::of(&[1; 100]));
        suspicion.liars(&right)
    }

    /// A48, A52: only who gave the first wrong byte of a try is blamed, wherever that was; what an earlier run left
    /// is nobody's fault.
    #[test]
    fn the_first_wrong_share_is_blamed() {
        assert_eq!(liars(&[&[(Some(0), 40, 7), (Some(1), 60, 1)]]), [0]);
        assert_eq!(liars(&[&[(Some(1), 40, 1), (Some(0), 60, 7)]]), [0]);
        assert_eq!(liars(&[&[(Some(1), 40, 1), (Some(0), 10, 7), (Some(1), 50, 1)]]), [0]);
        assert_eq!(liars(&[&[(None, 40, 7), (Some(1), 60, 1)]]), [0; 0]);
        assert_eq!(liars(&[&[(None, 40, 1), (Some(1), 60, 2)]]), [1]);
        assert_eq!(liars(&[&[(Some(0), 20, 1), (Some(0), 20, 7), (Some(1), 60, 1)]]), [0]);
        // A try that was set aside early and was right.
        assert_eq!(liars(&[&[(Some(0), 40, 7), (Some(1), 60, 1)], &[(Some(2), 33, 1)]]), [0]);
        assert_eq!(liars(&[&[(Some(0), 40, 7), (Some(1), 60, 1)], &[(Some(0), 5, 7)]]), [0, 0]);
    }

    /// Two sources that both break off early still come to an end together.
    #[test]
    fn bytes_are_set_aside_so_many_times_only() {
        let mut suspicion = Suspicion::default();
        let others = piece(Begun::default(), &[(Some(0), 40, 1)]);
        for _ in 0..TRIES {
            assert!(suspicion.sets_aside(&others, 1) && !suspicion.sets_aside(&others, 0));
            assert_eq!(suspicion.owner(&others), Some(0));
            suspicion.add(others.clone());
        }
        assert!(!suspicion.sets_aside(&others, 1));
        assert_eq!(suspicion.owner(&others), None);
    }
}
