//! Which old bytes a stretch of new bytes is most like: longest matches through a suffix array, grown over
//! differences as long as half of the bytes agree (the way of bsdiff).

use libsais::SuffixArrayConstruction;

use super::MakeError;
use super::choose::Prices;
use super::settle::settle;

/// A stretch of new bytes and the old bytes it is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) old: usize,
    pub(super) new: usize,
    pub(super) length: usize,
}

impl Stretch {
    /// How much further its old bytes are than the new ones.
    pub(super) fn way(&self) -> i64 {
        self.old as i64 - self.new as i64
    }
}

/// Joins stretches in the order of new bytes that go on where the one before ends.
pub(super) fn join(stretches: impl IntoIterator<Item = Stretch>) -> Vec<Stretch> {
    let mut joined: Vec<Stretch> = Vec::new();
    for stretch in stretches {
        match joined.last_mut() {
            Some(last) if last.new + last.length == stretch.new && last.way() == stretch.way() => {
                last.length += stretch.length;
            }
            _ => joined.push(stretch),
        }
    }
    joined
}

/// Bytes by which a match must beat going on as before: less does not pay for saying where it is.
const GAIN: usize = 12;
/// Bytes compared at most in one look.
const LOOK: usize = 1 << 15;
/// New bytes that one thread takes at least.
const PIECE: usize = 2 << 20;

/// Finds old bytes that begin like given ones.
pub(super) trait Find: Sync {
    /// The old bytes.
    fn text(&self) -> &[u8];
    /// A long match of the beginning of `wanted`: where it is and how long, as far as one looks. Of several, the
    /// one nearest to `near`.
    fn longest(&self, wanted: &[u8], near: usize) -> (usize, usize);
    /// All places that begin with `wanted`, as far as they are known.
    fn places(&self, wanted: &[u8]) -> &[i32];
}

/// Aligns within a limit of memory: by sorted suffixes, or by hashes if that would take more or time counts.
pub(super) fn align_within(
    old: &[u8],
    new: &[u8],
    threads: usize,
    memory: u64,
    quick: bool,
) -> Result<Vec<Stretch>, MakeError> {
    if quick || Suffixes::memory(old.len()) > memory {
        return Ok(align(&Hashes::new(old, memory), new, threads));
    }
    Ok(align(&Suffixes::new(old)?, new, threads))
}

/// Stretches among which one may choose, as [`super::choose`] does: with more than one gain, each finds its own, and
/// they may overlap.
pub(super) fn offers_within(
    (old, new): (&[u8], &[u8]),
    (threads, memory, quick): (usize, u64, bool),
    gains: &[usize],
    prices: &Prices,
) -> Result<Vec<Stretch>, MakeError> {
    if quick || Suffixes::memory(old.len()) > memory {
        return Ok(align_by(&Hashes::new(old, memory), new, threads, GAIN));
    }
    let suffixes = Suffixes::new(old)?;
    let mut offers = Vec::new();
    for &gain in gains {
        let found = align_by(&suffixes, new, threads, gain);
        offers.extend(settle(&suffixes, new, &found, prices, threads));
    }
    offers.sort_unstable_by_key(|stretch| (stretch.new, stretch.old, stretch.length));
    offers.dedup();
    Ok(offers)
}

/// Bytes that must agree for hashes to find them.
const WINDOW: usize = 24;

/// Places of old bytes by the hash of the bytes that begin there: the first and the last place of each.
pub(super) struct Hashes<'a> {
    text: &'a [u8],
    slots: Vec<(u32, u32)>,
    shift: u32,
}

impl<'a> Hashes<'a> {
    pub(super) fn new(text: &'a [u8], memory: u64) -> Self {
        // One place in four is enough: matches are looked for at every new byte. In little memory, fewer.
        let mut step = 4;
        while (text.len() / step).next_power_of_two() as u64 * 8 > memory && step < 1 << 12 {
            step *= 2;
        }
        let count = (text.len() / step).max(2).next_power_of_two();
        let shift = 64 - count.trailing_zeros();
        let mut slots = vec![(u32::MAX, u32::MAX); count];
        let places = text.len().min(u32::MAX as usize).saturating_sub(WINDOW);
        for place in (0..places).step_by(step) {
            let slot = &mut slots[(window(&text[place..]) >> shift) as usize];
            if slot.0 == u32::MAX {
                slot.0 = place as u32;
            }
            slot.1 = place as u32;
        }
        Self { text, slots, shift }
    }
}

/// The hash of the first [`WINDOW`] bytes.
fn window(bytes: &[u8]) -> u64 {
    bytes[..WINDOW]
        .chunks_exact(8)
        .fold(0, |state: u64, chunk| {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            let state = (state ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            state ^ (state >> 29)
        })
        .wrapping_mul(0xff51_afd7_ed55_8ccd)
}

impl Find for Hashes<'_> {
    fn text(&self) -> &[u8] {
        self.text
    }

    fn longest(&self, wanted: &[u8], near: usize) -> (usize, usize) {
        if wanted.len() < WINDOW {
            return (0, 0);
        }
        let wanted = &wanted[..wanted.len().min(LOOK)];
        let look = |place: usize| self.text.get(place..).map_or((0, 0), |text| (place, common(text, wanted)));
        // Going on as before comes first.
        let before = look(near);
        if before.1 >= WINDOW {
            return before;
        }
        let (first, last) = self.slots[(window(wanted) >> self.shift) as usize];
        let (first, last) = (look(first as usize), look(last as usize));
        let best = if last.1 > first.1 { last } else { nearer(first, last, near) };
        if best.1 > before.1 { best } else { before }
    }

    fn places(&self, _wanted: &[u8]) -> &[i32] {
        &[]
    }
}

/// The sorted suffixes of some bytes.
pub(super) struct Suffixes<'a> {
    text: &'a [u8],
    order: Vec<i32>,
    /// For each pair of first bytes, where its suffixes begin.
    firsts: Vec<u32>,
    prefix: usize,
}

impl<'a> Suffixes<'a> {
    /// Bytes of memory that sorting so many takes.
    fn memory(length: usize) -> u64 {
        length as u64 * 4 + (64 << 20)
    }

    pub(super) fn new(text: &'a [u8]) -> Result<Self, MakeError> {
        if i32::try_from(text.len()).is_err() {
            return Err(MakeError::TooMuch("an old file of 2 GiB or more can't be sorted"));
        }
        let sorted = SuffixArrayConstruction::for_text(text).in_owned_buffer32().single_threaded().run();
        let order = sorted.map_err(|error| MakeError::Thread(format!("{error:?}")))?.into_vec();
        let prefix = if text.len() > 1 << 20 { 3 } else { 2 };
        let mut firsts = vec![0u32; (1 << (8 * prefix)) + 1];
        for at in 0..text.len() {
            firsts[key(&text[at..], prefix) + 1] += 1;
        }
        for at in 1..firsts.len() {
            firsts[at] += firsts[at - 1];
        }
        Ok(Self { text, order, firsts, prefix })
    }
}

impl Find for Suffixes<'_> {
    fn text(&self) -> &[u8] {
        self.text
    }

    fn longest(&self, wanted: &[u8], near: usize) -> (usize, usize) {
        let wanted = &wanted[..wanted.len().min(LOOK)];
        let first = key(wanted, self.prefix);
        let (mut low, mut high) = (self.firsts[first] as usize, self.firsts[first + 1] as usize);
        if low == high || wanted.len() < self.prefix {
            return (0, 0);
        }
        let bounds = (low, high);
        while low < high {
            let middle = low + (high - low) / 2;
            let suffix = &self.text[self.order[middle] as usize..];
            let suffix = &suffix[..suffix.len().min(LOOK)];
            if suffix < wanted { low = middle + 1 } else { high = middle }
        }
        let look = |at: usize| {
            let place = self.order[at] as usize;
            (place, common(&self.text[place..], wanted))
        };
        let above = if low < bounds.1 { look(low) } else { (0, 0) };
        let below = if low > bounds.0 { look(low - 1) } else { (0, 0) };
        let mut best = if above.1 >= below.1 { above } else { below };
        // Equals lie side by side; a few are enough.
        let (mut up, mut down) = (low, low);
        for _ in 0..12 {
            if best.0 == near || best.1 == 0 {
                break;
            }
            if up < bounds.1 {
                best = nearer(best, look(up), near);
                up += 1;
            }
            if down > bounds.0 {
                down -= 1;
                best = nearer(best, look(down), near);
            }
        }
        best
    }

    fn places(&self, wanted: &[u8]) -> &[i32] {
        if wanted.len() < self.prefix {
            return &[];
        }
        let first = key(wanted, self.prefix);
        let order = &self.order[self.firsts[first] as usize..self.firsts[first + 1] as usize];
        let begins = |place: &i32| {
            let suffix = &self.text[*place as usize..];
            &suffix[..suffix.len().min(wanted.len())]
        };
        let low = order.partition_point(|place| begins(place) < wanted);
        let count = order[low..].partition_point(|place| begins(place) == wanted);
        &order[low..low + count]
    }
}

fn nearer(best: (usize, usize), other: (usize, usize), near: usize) -> (usize, usize) {
    if other.1 >= best.1 && other.0.abs_diff(near) < best.0.abs_diff(near) { other } else { best }
}

fn key(bytes: &[u8], prefix: usize) -> usize {
    let byte = |at: usize| bytes.get(at).copied().map_or(0, usize::from);
    let two = byte(0) << 8 | byte(1);
    if prefix == 2 { two } else { two << 8 | byte(2) }
}

/// How many bytes two sequences have in common at their beginning.
pub(super) fn common(left: &[u8], right: &[u8]) -> usize {
    let most = left.len().min(right.len());
    let mut at = 0;
    for (l, r) in left[..most].chunks_exact(8).zip(right[..most].chunks_exact(8)) {
        let mut words = ([0; 8], [0; 8]);
        words.0.copy_from_slice(l);
        words.1.copy_from_slice(r);
        let difference = u64::from_le_bytes(words.0) ^ u64::from_le_bytes(words.1);
        if difference != 0 {
            return at + (difference.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + left[at..most].iter().zip(&right[at..most]).take_while(|(l, r)| l == r).count()
}

/// Aligns `new` with the old bytes that were indexed. The stretches come in the order of `new` and don't overlap
/// there.
pub(super) fn align<F: Find>(old: &F, new: &[u8], threads: usize) -> Vec<Stretch> {
    align_by(old, new, threads, GAIN)
}

/// The same, where a match must beat going on as before by `gain` bytes.
fn align_by<F: Find>(old: &F, new: &[u8], threads: usize, gain: usize) -> Vec<Stretch> {
    let pieces = (new.len() / PIECE).clamp(1, 64);
    let size = new.len().div_ceil(pieces).max(1);
    let ranges: Vec<(usize, usize)> =
        (0..pieces).map(|piece| (piece * size, ((piece + 1) * size).min(new.len()))).collect();
    let ranges: Vec<(usize, usize)> = ranges.into_iter().filter(|(start, end)| start < end).collect();
    let found =
        super::work::each(&ranges, threads, |&(start, end)| Scan::new(old, new, start, end, gain).run());
    join(found.into_iter().flatten())
}

/// One pass over a range of the new bytes.
struct Scan<'s, F> {
    index: &'s F,
    old: &'s [u8],
    new: &'s [u8],
    end: usize,
    gain: usize,
    /// Where the last accepted match lies in new and old bytes.
    last: (usize, usize),
    found: Vec<Stretch>,
}

impl<'s, F: Find> Scan<'s, F> {
    fn new(index: &'s F, new: &'s [u8], start: usize, end: usize, gain: usize) -> Self {
        let old = index.text();
        let last = (start, start.min(old.len()));
        Self { index, old, new, end, gain, last, found: Vec::new() }
    }

    /// Whether going on as before gives the right byte.
    fn agrees(&self, at: usize) -> bool {
        let place = (at + self.last.1).wrapping_sub(self.last.0);
        self.old.get(place) == self.new.get(at)
    }

    fn run(mut self) -> Vec<Stretch> {
        let (mut at, mut length) = (self.last.0, 0);
        loop {
            at += length;
            let (mut score, mut scored, mut place) = (0usize, at, 0);
            length = 0;
            while at < self.end {
                let near = (at + self.last.1).saturating_sub(self.last.0);
                (place, length) = self.index.longest(&self.new[at..self.end], near);
                while scored < at + length {
                    score += usize::from(self.agrees(scored));
                    scored += 1;
                }
                if (length == score && length != 0) || length > score + self.gain {
                    break;
                }
                // Where a long match is hardly better than going on, looking at every byte gains nothing.
                let step = 1 + length / 64;
                for passed in at..(at + step).min(scored) {
                    score -= usize::from(self.agrees(passed));
                }
                at += step;
                scored = scored.max(at);
            }
            let over = at >= self.end;
            at = at.min(self.end);
            if over || length != score {
                self.accept(at, place, over);
            }
            if over {
                return self.found;
            }
        }
    }

    /// Ends the last stretch somewhere before `at`, and begins the next one there, backwards from `place`.
    fn accept(&mut self, at: usize, place: usize, over: bool) {
        let (start, from) = self.last;
        let mut forward =
            grow((at - start).min(self.old.len() - from), |i| self.old[from + i] == self.new[start + i]);
        let mut backward = 0;
        if !over {
            backward = grow((at - start).min(place), |i| self.old[place - 1 - i] == self.new[at - 1 - i]);
            let overlap = (forward + backward).saturating_sub(at - start);
            if overlap > 0 {
                // Both want these bytes: cut where most agree.
                let (left, right) = (forward - overlap, backward - overlap);
                let (mut best, mut best_at, mut sum) = (0i64, 0, 0i64);
                for i in 0..overlap {
                    let new = self.new[start + left + i];
                    sum += i64::from(new == self.old[from + left + i]);
                    sum -= i64::from(new == self.old[place - backward + i]);
                    if sum > best {
                        (best, best_at) = (sum, i + 1);
                    }
                }
                forward = left + best_at;
                backward = right + overlap - best_at;
            }
        }
        if forward > 0 {
            self.found.push(Stretch { old: from, new: start, length: forward });
        }
        self.last = (at - backward, place.saturating_sub(backward));
    }
}

/// How far a stretch may grow so that more than half of what it takes in agrees.
fn grow(most: usize, agrees: impl Fn(usize) -> bool) -> usize {
    let (mut sum, mut best, mut length) = (0i64, 0, 0);
    for i in 0..most {
        sum += if agrees(i) { 1 } else { -1 };
        if sum > best {
            (best, length) = (sum, i + 1);
        }
    }
    length
}
