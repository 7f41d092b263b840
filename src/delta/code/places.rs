//! Places of references, by place and in two bytes each: large programs have millions.

use std::ops::Range;

use super::kind::Kind;
use super::refs::Told;

/// Bytes of the file in a block, as a power of two.
const BLOCK: u32 = 8;

/// Places and kinds, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// The first block that is told.
    from: usize,
    /// For each block from there on, the first in it or after it; of those after the last one nothing is told.
    blocks: Vec<u32>,
    /// Where in its block each lies.
    all: Vec<(u8, Kind)>,
    /// The lowest place that may come next.
    next: usize,
}

impl Places {
    /// None yet; those to come lie at `place` or after it.
    pub(super) fn from(place: usize) -> Self {
        Self { from: place >> BLOCK, ..Self::default() }
    }

    /// Makes room for so many more.
    pub(super) fn reserve(&mut self, count: usize) {
        self.all.reserve(count);
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The lowest place that may come next.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// Adds one, unless it does not lie after the end of those that are there.
    #[inline]
    pub(super) fn put(&mut self, place: usize, kind: Kind) -> bool {
        if place < self.next {
            return false;
        }
        let block = (place >> BLOCK) - self.from;
        if self.blocks.len() <= block {
            self.blocks.resize(block + 1, self.all.len() as u32);
        }
        self.all.push((place as u8, kind));
        self.next = place + kind.width();
        true
    }

    /// Those at `place` or after it.
    #[inline]
    pub(super) fn after(&self, place: usize) -> After<'_> {
        let block = (place >> BLOCK).saturating_sub(self.from);
        let (mut index, end) = (self.first(block), self.first(block + 1));
        if place >> BLOCK >= self.from {
            index += self.all[index..end].partition_point(|of| of.0 < place as u8);
        }
        // Otherwise there may be none for long.
        if index < end { After { places: self, block, index, end } } else { self.after_index(index) }
    }

    /// The index of the first one in a block or after it.
    #[inline]
    fn first(&self, block: usize) -> usize {
        self.blocks.get(block).map_or(self.all.len(), |&index| index as usize)
    }

    /// The index of the first one at `place` or after it.
    pub(super) fn index(&self, place: usize) -> usize {
        self.after(place).index
    }

    /// Adds those of the others with these indexes, unless they do not lie after the end of those that are there.
    pub(super) fn append(&mut self, others: &Self, range: Range<usize>) -> bool {
        let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else { return true };
        let (first, last) = (others.at(range.start), others.at(last));
        if first < self.next {
            return false;
        }
        let known = self.all.len();
        for block in first >> BLOCK..=last >> BLOCK {
            let index = others.blocks[block - others.from] as usize;
            if self.blocks.len() <= block - self.from {
                let now = index.saturating_sub(range.start) + known;
                self.blocks.resize(block - self.from + 1, now as u32);
            }
        }
        self.next = last + others.all[range.end - 1].1.width();
        self.all.extend_from_slice(&others.all[range]);
        true
    }

    /// Where the one with this index lies, which is there.
    pub(super) fn at(&self, index: usize) -> usize {
        self.after_index(index).peek().map_or(0, |(_, place, _)| place)
    }

    /// Those from the one with this index on.
    pub(super) fn after_index(&self, index: usize) -> After<'_> {
        let block = self.blocks.partition_point(|&first| first as usize <= index).saturating_sub(1);
        After { places: self, block, index, end: self.first(block + 1) }
    }
}

/// Whether a reference tells an address: a page of which nobody says a place does not.
#[inline]
pub(super) fn is_told(kind: Kind, reach: u8) -> bool {
    kind != Kind::Page || reach > 0
}

/// References that come in order, and do not overlap.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) places: Places,
    /// How far away the partner of each is; of the last ones, or of all, nothing is told if they have none.
    pub(super) reaches: Vec<u8>,
    /// The index of the first that counts, and that of the first that may tell no address.
    pub(super) first: usize,
    pub(super) tidied: usize,
}

impl Run {
    pub(super) const EMPTY: Self = Self {
        places: Places { from: 0, blocks: Vec::new(), all: Vec::new(), next: 0 },
        reaches: Vec::new(),
        first: 0,
        tidied: 0,
    };

    /// How many count.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.first
    }

    /// Where the first lies.
    pub(super) fn begin(&self) -> usize {
        self.after(0).next().map_or(usize::MAX, |(_, place, _)| place)
    }

    /// Those at a place or after it.
    #[inline]
    pub(super) fn after(&self, place: usize) -> After<'_> {
        let after = self.places.after(place);
        if after.index < self.first { self.places.after_index(self.first) } else { after }
    }

    /// All of them.
    pub(super) fn told(&self) -> impl Iterator<Item = Told> {
        self.after(0).map(|(index, place, kind)| (place as u32, kind, self.reach(index)))
    }

    /// How far away the partner of the one with this index is.
    pub(super) fn reach(&self, index: usize) -> u8 {
        self.reaches.get(index).copied().unwrap_or(0)
    }

    /// Adds one, unless it does not lie after those that are there.
    #[inline]
    pub(super) fn put(&mut self, place: usize, kind: Kind, reach: u8) {
        if self.places.put(place, kind) && reach > 0 {
            self.reaches.resize(self.places.len() - 1, 0);
            self.reaches.push(reach);
        }
    }

    /// Adds those of another with these indexes, which lie after those that are there.
    pub(super) fn append(&mut self, other: &Self, range: Range<usize>) {
        if !other.reaches.is_empty() {
            self.reaches.resize(self.places.len(), 0);
            self.reaches.extend(range.clone().map(|index| other.reach(index)));
        }
        self.places.append(&other.places, range);
    }

    /// Of those with these indexes, drops those that tell no address.
    pub(super) fn tidy(&mut self, range: Range<usize>) {
        if self.reaches.is_empty() {
            return;
        }
        self.reaches.resize(self.places.len(), 0);
        let places = &mut self.places;
        let first = places.after_index(range.start).block;
        let (mut kept, mut at) = (range.start, range.start);
        for block in first..places.blocks.len() {
            let end = places.first(block + 1);
            if block > first {
                places.blocks[block] = kept as u32;
            }
            for index in at..end {
                let (of, reach) = (places.all[index], self.reaches[index]);
                (places.all[kept], self.reaches[kept]) = (of, reach);
                kept += usize::from(index >= range.end || is_told(of.1, reach));
            }
            at = end;
        }
        places.all.truncate(kept);
        self.reaches.truncate(kept);
        self.tidied = kept - (at - range.end);
    }
}

/// Goes through places.
#[derive(Debug, Clone)]
pub(super) struct After<'a> {
    places: &'a Places,
    block: usize,
    index: usize,
    /// The index after the last one in the block.
    end: usize,
}

impl After<'_> {
    /// The next one: its index, place and kind.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<(usize, usize, Kind)> {
        let (offset, kind) = *self.places.all.get(self.index)?;
        while self.index >= self.end {
            self.block += 1;
            self.end = self.places.first(self.block + 1);
        }
        Some((self.index, (self.places.from + self.block) << BLOCK | usize::from(offset), kind))
    }
}

impl Iterator for After<'_> {
    type Item = (usize, usize, Kind);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let next = self.peek()?;
        self.index += 1;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_from_anywhere() {
        let of = |at: usize| if at.is_multiple_of(3) { Kind::Near } else { Kind::Stack1 };
        let all: Vec<usize> = (0..400).map(|at| 1000 + at * at * 7 % 90 + at * 100).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let mut places = Places::from(1000);
        assert!(sorted.iter().all(|&place| places.put(place, of(place))));
        assert!(!places.put(sorted[399], Kind::Near), "it is there already");
        for from in [0, 999, 1000, 1001, 5000, 20_479, 20_480, 40_000, 50_000] {
            let found: Vec<(usize, Kind)> = places.after(from).map(|of| (of.1, of.2)).collect();
            let right = sorted.iter().filter(|&&place| place >= from).map(|&place| (place, of(place)));
            assert_eq!(found, right.collect::<Vec<_>>(), "{from}");
        }
        for index in [0, 1, 57, 200, 399, 400] {
            let mut both = Places::from(700);
            assert!(sorted[..index].iter().all(|&place| both.put(place, of(place))));
            assert!(both.append(&places, index..400));
            assert!(index == 400 || !both.append(&places, index..400), "they are there already");
            assert!(both.after(0).map(|of| of.1).eq(sorted.iter().copied()), "{index}");
            assert!(both.after(20_480).eq(places.after(20_480)), "{index}");
        }
    }
}
