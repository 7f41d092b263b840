//! Where old bytes have gone: the stretches of a unit, seen from the old side.

use std::collections::BinaryHeap;

/// Old bytes per entry of the index, as a power of two.
const BLOCK: u32 = 9;

/// A stretch of old bytes and where it is in the new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delta) struct Span {
    pub(in crate::delta) old: u32,
    pub(in crate::delta) new: u32,
    pub(in crate::delta) length: u32,
}

impl Span {
    fn end(&self) -> u32 {
        self.old + self.length
    }
}

/// The new place of every old byte, or the best guess.
#[derive(Debug)]
pub(in crate::delta) struct Map {
    /// Apart from each other, in the order of old bytes.
    spans: Vec<Span>,
    /// For each block of old bytes, the first span that ends after its beginning.
    index: Vec<u32>,
}

impl Map {
    /// Makes a map of stretches, which may overlap on the old side: the longest counts.
    pub(in crate::delta) fn new(mut stretches: Vec<Span>, old_length: usize) -> Self {
        stretches.sort_unstable_by_key(|span| (span.old, std::cmp::Reverse(span.length), span.new));
        let spans = flatten(&stretches);
        let blocks = (old_length >> BLOCK) + 1;
        let mut index = Vec::with_capacity(blocks);
        let mut at = 0;
        for block in 0..blocks {
            while spans.get(at).is_some_and(|span| span.end() as usize <= block << BLOCK) {
                at += 1;
            }
            index.push(at as u32);
        }
        Self { spans, index }
    }

    /// Where an old byte has gone, and whether that is sure: between two stretches it is a guess from the nearer.
    #[inline]
    pub(in crate::delta) fn get(&self, old: usize) -> Option<(usize, bool)> {
        let mut at = *self.index.get(old >> BLOCK)? as usize;
        while self.spans.get(at).is_some_and(|span| span.end() as usize <= old) {
            at += 1;
        }
        if let Some(span) = self.spans.get(at).filter(|span| span.old as usize <= old) {
            return Some((span.new as usize + (old - span.old as usize), true));
        }
        let before = at.checked_sub(1).map(|at| self.spans[at]);
        let behind = before.map_or(usize::MAX, |span| old - span.end() as usize);
        if let Some(after) = self.spans.get(at) {
            let ahead = after.old as usize - old;
            if ahead < behind && after.new as usize >= ahead {
                return Some((after.new as usize - ahead, false));
            }
        }
        before.map(|span| (span.new as usize + (old - span.old as usize), false))
    }
}

/// Makes overlapping stretches, sorted by their beginning, into spans apart from each other.
fn flatten(stretches: &[Span]) -> Vec<Span> {
    // Longest first; of equals the one that comes first in the new file.
    let mut open: BinaryHeap<(u32, std::cmp::Reverse<u32>, usize)> = BinaryHeap::new();
    let mut spans: Vec<Span> = Vec::with_capacity(stretches.len());
    let (mut next, mut at) = (0, 0);
    loop {
        while let Some(span) = stretches.get(next).filter(|span| span.old <= at) {
            open.push((span.length, std::cmp::Reverse(span.new), next));
            next += 1;
        }
        let Some(&(_, _, top)) = open.peek() else {
            let Some(span) = stretches.get(next) else { return spans };
            at = span.old;
            continue;
        };
        let span = stretches[top];
        if span.end() <= at {
            open.pop();
            continue;
        }
        let end = stretches.get(next).map_or(span.end(), |after| after.old.min(span.end()));
        let new = span.new + (at - span.old);
        match spans.last_mut() {
            Some(last) if last.end() == at && last.new + last.length == new => last.length += end - at,
            _ => spans.push(Span { old: at, new, length: end - at }),
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_stretch_counts_and_gaps_lean_on_the_nearer_side() {
        let span = |old, new, length| Span { old, new, length };
        let map = Map::new(vec![span(10, 110, 10), span(15, 500, 20), span(60, 200, 5)], 100);
        assert_eq!(map.get(10), Some((110, true)));
        assert_eq!(map.get(14), Some((114, true)));
        assert_eq!(map.get(15), Some((500, true)));
        assert_eq!(map.get(34), Some((519, true)));
        assert_eq!(map.get(36), Some((521, false)));
        assert_eq!(map.get(58), Some((198, false)));
        assert_eq!(map.get(5), Some((105, false)));
        assert_eq!(Map::new(Vec::new(), 0).get(0), None);
    }
}
