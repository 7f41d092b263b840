//! Where instructions of x86-64 begin: a bit for each byte of code. Several readers write what they find, each to its own
//! stretch of them.

use std::ops::Range;

/// Most bytes of an instruction.
const MOST_BYTES: u32 = 15;

/// Where instructions begin in some bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Starts {
    /// The number of the first word, which is that of its first byte by 64.
    from: usize,
    words: Vec<u64>,
}

impl Starts {
    /// None yet in these bytes.
    pub(super) fn of(bytes: Range<usize>) -> Self {
        let from = bytes.start / 64;
        Self { from, words: vec![0; bytes.end.div_ceil(64) - from] }
    }

    /// All of them, to be split among readers.
    pub(super) fn begins(&mut self) -> Begins<'_> {
        Begins { head: 0, from: self.from, words: &mut self.words }
    }

    /// Adds those of others.
    pub(super) fn add(&mut self, others: &Self) {
        let mut begins = self.begins();
        others.words.iter().enumerate().for_each(|(index, word)| begins.add(others.from + index, *word));
    }

    /// How many bytes of the instruction that a byte lies in come before it; 0 as well if none begins nearby.
    pub(super) fn inside(&self, at: usize) -> u32 {
        let word = |back: usize| {
            let index = (at / 64).checked_sub(self.from + back);
            index.and_then(|index| self.words.get(index)).copied().unwrap_or(0)
        };
        let near = u128::from(word(0)) << 64 | u128::from(word(1));
        let back = (near << (63 - at % 64)).leading_zeros();
        if back < MOST_BYTES { back } else { 0 }
    }
}

/// Where instructions begin in a stretch, as its reader finds them.
#[derive(Debug)]
pub(super) struct Begins<'s> {
    /// The word before the first one, which another stretch has.
    head: u64,
    /// The number of the first word.
    from: usize,
    words: &'s mut [u64],
}

impl<'s> Begins<'s> {
    /// Splits off those of the next bytes: stretches come in order, and may end and begin in one word.
    pub(super) fn split_off(&mut self, bytes: &Range<usize>) -> Self {
        let words = std::mem::take(&mut self.words);
        let skipped = (bytes.start / 64).saturating_sub(self.from).min(words.len());
        let from = self.from + skipped;
        let count = bytes.end.div_ceil(64).saturating_sub(from).min(words.len() - skipped);
        let (mine, rest) = words[skipped..].split_at_mut(count);
        (self.from, self.words) = (from + count, rest);
        Self { head: 0, from, words: mine }
    }

    /// What another stretch has to take over: the number of a word, and what it is.
    pub(super) fn left_over(&self) -> (usize, u64) {
        (self.from.saturating_sub(1), self.head)
    }

    /// The word with this number, if it is of this stretch.
    #[inline]
    fn of_number(&mut self, word: usize) -> Option<&mut u64> {
        match word.checked_sub(self.from) {
            Some(index) => self.words.get_mut(index),
            None => (word + 1 == self.from).then_some(&mut self.head),
        }
    }

    /// Instructions begin where there is a one in a word.
    #[inline]
    pub(super) fn add(&mut self, word: usize, ones: u64) {
        if let Some(known) = self.of_number(word) {
            *known |= ones;
        }
    }

    /// An instruction begins here.
    #[inline]
    pub(super) fn put(&mut self, at: usize) {
        self.add(at / 64, 1 << (at % 64));
    }

    /// Instructions begin where there is a one in these bytes; the ones are taken away. The first byte is at `at`, a multiple
    /// of 64, as their number is.
    pub(super) fn put_all(&mut self, at: usize, bytes: &mut [u8]) {
        for (index, eights) in bytes.as_chunks::<8>().0.chunks(8).enumerate() {
            // The lowest bit of each byte comes to stand in the highest one.
            let ones = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            let word = eights.iter().rev().fold(0, |word, eight| word << 8 | ones(eight));
            self.add(at / 64 + index, word);
        }
        bytes.fill(0);
    }

    /// Whether an instruction begins here.
    pub(super) fn has(&self, at: usize) -> bool {
        self.word(at / 64) >> (at % 64) & 1 == 1
    }

    fn word(&self, word: usize) -> u64 {
        match word.checked_sub(self.from) {
            Some(index) => self.words.get(index).copied().unwrap_or(0),
            None if word + 1 == self.from => self.head,
            None => 0,
        }
    }

    /// In these bytes, those of another reader count.
    pub(super) fn replace(&mut self, bytes: Range<usize>, other: &Begins<'_>) {
        for word in bytes.start / 64..bytes.end.div_ceil(64) {
            let before = u64::MAX.checked_shl(bytes.start.saturating_sub(word * 64) as u32).unwrap_or(0);
            let after = u64::MAX.checked_shl(bytes.end.saturating_sub(word * 64) as u32).unwrap_or(0);
            if let Some(known) = self.of_number(word) {
                *known ^= (*known ^ other.word(word)) & before & !after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where instructions begin in some bytes.
    fn told(starts: &Starts, bytes: Range<usize>) -> Vec<usize> {
        bytes.filter(|at| starts.words[at / 64 - starts.from] >> (at % 64) & 1 == 1).collect()
    }

    #[test]
    fn stretches_that_share_a_word_keep_what_is_theirs() {
        let mut starts = Starts::of(100..1000);
        let stretches = [100..130, 130..131, 140..150, 400..512, 520..1000];
        let mut all = starts.begins();
        let mut begins: Vec<Begins<'_>> = stretches.iter().map(|bytes| all.split_off(bytes)).collect();
        for (begins, bytes) in begins.iter_mut().zip(&stretches) {
            bytes.clone().step_by(3).for_each(|at| begins.put(at));
            assert!(bytes.clone().all(|at| begins.has(at) == (at - bytes.start).is_multiple_of(3)));
        }
        let left_over: Vec<(usize, u64)> = begins.iter().map(Begins::left_over).collect();
        left_over.iter().for_each(|&(word, ones)| starts.begins().add(word, ones));
        let right: Vec<usize> = stretches.into_iter().flat_map(|bytes| bytes.step_by(3)).collect();
        assert_eq!(told(&starts, 100..1000), right);
    }

    #[test]
    fn those_of_another_reader_count_where_they_should() {
        for (from, to) in [(70, 75), (70, 128), (128, 192), (100, 300), (64, 65), (90, 90), (64, 448)] {
            let (mut starts, mut others) = (Starts::of(64..448), Starts::of(from..448));
            (64..448).step_by(2).for_each(|at| starts.begins().put(at));
            (from..448).filter(|at| at % 2 == 1).for_each(|at| others.begins().put(at));
            starts.begins().replace(from..to, &others.begins());
            let is_one = |at: &usize| at % 2 == usize::from((from..to).contains(at));
            assert_eq!(told(&starts, 64..448), (64..448).filter(is_one).collect::<Vec<_>>(), "{from} {to}");
        }
    }
}
