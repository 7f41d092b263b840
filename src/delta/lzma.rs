//! Unpacks raw LZMA without an end mark (LZMA specification by I. Pavlov, 2015). Whoever applies a delta spends more of the
//! time here than anywhere else: bits that can't be foretold are told without branches.

use std::hint::select_unpredictable;

use super::wire::Short;

/// Bits of a chance, and how slowly it learns.
const CHANCE: u32 = 11;
const PACE: u32 = 5;
/// A chance at first: one of two.
const EVEN: u16 = 1 << (CHANCE - 1);
/// A range that is narrower takes another byte.
const NARROW: u32 = 1 << 24;
/// States, and the first of those in which the last thing was no literal.
const STATES: usize = 12;
const MATCHED: usize = 7;
/// The state after a literal.
const AFTER_LITERAL: [usize; STATES] = [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5];
/// Bytes of the shortest match.
const LEAST: usize = 2;
/// The first slot of distances whose middle bits are told as they are, and how many bits at the end are not.
const DIRECT: u32 = 14;
const ALIGNED: u32 = 4;

/// Chances of the bits of a literal: after another one, and after a match by each bit of the byte that it is unlike. The last
/// quarter is never asked for.
type Literal = [u16; 1024];
/// Most bits that tell literals apart, as in LZMA2.
const MOST_SHAPE: u32 = 4;

/// Bytes of which those before the window go when more are made.
fn most_kept(window: usize) -> usize {
    window + window / 4
}

/// Unpacks a stream bit by bit.
pub(super) struct Lzma<'a> {
    bits: Bits<'a>,
    model: Box<Model>,
    literals: Vec<Literal>,
    /// How many bits of the byte before and of its place tell literals apart.
    shape: [u32; 2],
    /// What tells places apart.
    places: usize,
    state: usize,
    /// The last distances, the latest first, each less by one.
    distances: [u32; 4],
    /// Bytes of the last match that were not made yet.
    pending: usize,
    /// The last bytes that were made, as many as are in the window and maybe more.
    made: Vec<u8>,
    window: usize,
    /// How many are still to be made.
    left: u64,
}

impl<'a> Lzma<'a> {
    /// Unpacks `raw` bytes; `packed` begins with the byte of properties. Distances go back as far as the window, and into
    /// what comes `before`.
    pub(super) fn new(packed: &'a [u8], raw: u64, window: usize, before: &[u8]) -> Result<Self, Short> {
        let (&properties, packed) = packed.split_first().ok_or(Short)?;
        let properties = u32::from(properties);
        let shape = [properties % 9, properties / 9 % 5];
        let places = properties / 45;
        if places > 4 || shape[0] + shape[1] > MOST_SHAPE {
            return Err(Short);
        }
        let before = &before[before.len().saturating_sub(window)..];
        let room = (before.len() as u64).saturating_add(raw).min(most_kept(window) as u64);
        let mut made = Vec::with_capacity(room as usize);
        made.extend_from_slice(before);
        Ok(Self {
            bits: Bits::new(packed)?,
            model: Box::default(),
            literals: vec![[EVEN; 1024]; 1 << (shape[0] + shape[1])],
            shape,
            places: (1 << places) - 1,
            state: 0,
            distances: [0; 4],
            pending: 0,
            made,
            window,
            left: raw,
        })
    }

    /// All bytes of a stream.
    pub(super) fn unpack(packed: &'a [u8], raw: usize, window: usize) -> Result<Vec<u8>, Short> {
        let mut lzma = Self::new(packed, raw as u64, window, &[])?;
        lzma.made.reserve_exact(raw);
        lzma.make(raw)?;
        Ok(lzma.made)
    }

    /// The next bytes: so many, of which there must be as many left.
    pub(super) fn read(&mut self, count: usize) -> Result<&[u8], Short> {
        if self.made.len() + count > most_kept(self.window) {
            // Sixteen places are the most that are told apart.
            let gone = self.made.len().saturating_sub(self.window) & !15;
            self.made.drain(..gone);
        }
        let from = self.made.len();
        self.make(count)?;
        Ok(&self.made[from..])
    }

    fn make(&mut self, count: usize) -> Result<(), Short> {
        self.left = self.left.checked_sub(count as u64).ok_or(Short)?;
        let from = self.made.len();
        self.made.resize(from + count, 0);
        self.decode(from)?;
        // Beyond the end there are zeros; nothing is left at the end.
        let is_whole = self.bits.at <= self.bits.packed.len() && (self.left > 0 || self.pending == 0);
        if is_whole { Ok(()) } else { Err(Short) }
    }

    /// Makes the bytes from a place on.
    fn decode(&mut self, from: usize) -> Result<(), Short> {
        let (mut at, mut bits) = (from, self.bits);
        let (mut state, mut distances, mut length) = (self.state, self.distances, self.pending);
        let Self { model, literals, made, window, shape: [past, place], places, .. } = self;
        loop {
            if length > 0 {
                let distance = (distances[0] as usize).saturating_add(1);
                if distance > at.min(*window) {
                    return Err(Short);
                }
                let count = length.min(made.len() - at);
                copy(made, at, distance, count);
                (at, length) = (at + count, length - count);
            }
            if at == made.len() {
                break;
            }
            let here = at & *places & 15;
            if !bits.is_one(&mut model.is_match[state][here]) {
                let before = at.checked_sub(1).map_or(0, |last| made[last]);
                let of = (at & ((1 << *place) - 1)) << *past | usize::from(before) >> (8 - *past);
                let literal = literals.get_mut(of).ok_or(Short)?;
                made[at] = if state < MATCHED {
                    bits.literal(literal)
                } else {
                    let last = at.checked_sub(1).and_then(|last| last.checked_sub(distances[0] as usize));
                    bits.literal_unlike(literal, made[last.ok_or(Short)?])
                };
                (at, state) = (at + 1, AFTER_LITERAL[state]);
            } else if bits.is_one(&mut model.is_repeat[state]) {
                length = model.repeat(&mut bits, (&mut state, here), &mut distances);
            } else {
                length = model.lengths[0].read(&mut bits, here);
                let distance = model.distance(&mut bits, length);
                distances = [distance, distances[0], distances[1], distances[2]];
                state = if state < MATCHED { 7 } else { 10 };
            }
        }
        (self.bits, self.state, self.distances, self.pending) = (bits, state, distances, length);
        Ok(())
    }
}

/// Repeats bytes that lie so far back.
#[inline]
fn copy(made: &mut [u8], at: usize, distance: usize, count: usize) {
    if count <= distance {
        made.copy_within(at - distance..at - distance + count, at);
    } else {
        (at..at + count).for_each(|to| made[to] = made[to - distance]);
    }
}

/// What is told of matches.
struct Model {
    is_match: [[u16; 16]; STATES],
    is_repeat: [u16; STATES],
    /// Whether it is another distance than the last one, than the one before, and than the one before that.
    is_other: [[u16; STATES]; 3],
    is_long: [[u16; 16]; STATES],
    slots: [[u16; 64]; 4],
    special: [u16; 128],
    aligned: [u16; 16],
    /// Of matches at new distances, and at the last ones.
    lengths: [Lengths; 2],
}

impl Default for Model {
    fn default() -> Self {
        Self {
            is_match: [[EVEN; 16]; STATES],
            is_repeat: [EVEN; STATES],
            is_other: [[EVEN; STATES]; 3],
            is_long: [[EVEN; 16]; STATES],
            slots: [[EVEN; 64]; 4],
            special: [EVEN; 128],
            aligned: [EVEN; 16],
            lengths: [const { Lengths::NEW }; 2],
        }
    }
}

impl Model {
    /// A match at one of the last distances, which becomes the last one: its length.
    #[inline]
    fn repeat(
        &mut self,
        bits: &mut Bits<'_>,
        (state, here): (&mut usize, usize),
        distances: &mut [u32; 4],
    ) -> usize {
        let [second, third, fourth] = &mut self.is_other;
        let [a, b, c, d] = *distances;
        if !bits.is_one(&mut second[*state]) {
            if !bits.is_one(&mut self.is_long[*state][here]) {
                *state = if *state < MATCHED { 9 } else { 11 };
                return 1;
            }
        } else if !bits.is_one(&mut third[*state]) {
            *distances = [b, a, c, d];
        } else if !bits.is_one(&mut fourth[*state]) {
            *distances = [c, a, b, d];
        } else {
            *distances = [d, a, b, c];
        }
        *state = if *state < MATCHED { 8 } else { 11 };
        self.lengths[1].read(bits, here)
    }

    /// The distance of a match of this length, less by one.
    #[inline]
    fn distance(&mut self, bits: &mut Bits<'_>, length: usize) -> u32 {
        let slot = bits.tree(&mut self.slots[(length - LEAST).min(3)]);
        if slot < 4 {
            return slot;
        }
        let count = slot / 2 - 1;
        let first = (2 | slot & 1) << count;
        if slot < DIRECT {
            return first + bits.back_to_front(&mut self.special, (first - slot) as usize, count);
        }
        let middle = bits.direct(count - ALIGNED) << ALIGNED;
        first + middle + bits.back_to_front(&mut self.aligned, 0, ALIGNED)
    }
}

/// Lengths of matches.
struct Lengths {
    is_more: [u16; 2],
    short: [[u16; 8]; 16],
    middle: [[u16; 8]; 16],
    long: [u16; 256],
}

impl Lengths {
    const NEW: Self =
        Self { is_more: [EVEN; 2], short: [[EVEN; 8]; 16], middle: [[EVEN; 8]; 16], long: [EVEN; 256] };

    #[inline]
    fn read(&mut self, bits: &mut Bits<'_>, here: usize) -> usize {
        let more = if !bits.is_one(&mut self.is_more[0]) {
            bits.tree(&mut self.short[here])
        } else if !bits.is_one(&mut self.is_more[1]) {
            8 + bits.tree(&mut self.middle[here])
        } else {
            16 + bits.tree(&mut self.long)
        };
        LEAST + more as usize
    }
}

/// Reads bits, each by its chance to be zero.
#[derive(Clone, Copy)]
struct Bits<'a> {
    range: u32,
    code: u32,
    packed: &'a [u8],
    at: usize,
}

#[expect(clippy::inline_always, reason = "range and code stay in registers")]
impl<'a> Bits<'a> {
    fn new(packed: &'a [u8]) -> Result<Self, Short> {
        match packed {
            [0, a, b, c, d, ..] => {
                Ok(Self { range: u32::MAX, code: u32::from_be_bytes([*a, *b, *c, *d]), packed, at: 5 })
            }
            _ => Err(Short),
        }
    }

    #[inline(always)]
    fn widen(&mut self) {
        if self.range < NARROW {
            self.range <<= 8;
            self.code = self.code << 8 | u32::from(self.packed.get(self.at).copied().unwrap_or(0));
            self.at += 1;
        }
    }

    /// A bit on which it depends what comes next.
    #[inline(always)]
    fn is_one(&mut self, chance: &mut u16) -> bool {
        self.widen();
        let bound = (self.range >> CHANCE) * u32::from(*chance);
        let is_one = self.code >= bound;
        if is_one {
            (self.range, self.code) = (self.range - bound, self.code - bound);
            *chance -= *chance >> PACE;
        } else {
            self.range = bound;
            *chance += ((1 << CHANCE) - *chance) >> PACE;
        }
        is_one
    }

    /// A bit on which nothing else depends, and what becomes of its chance.
    #[inline(always)]
    fn bit(&mut self, chance: u16) -> (bool, u16) {
        self.widen();
        let bound = (self.range >> CHANCE) * u32::from(chance);
        let is_one = self.code >= bound;
        self.range = select_unpredictable(is_one, self.range.wrapping_sub(bound), bound);
        self.code = select_unpredictable(is_one, self.code.wrapping_sub(bound), self.code);
        let (less, more) = (chance - (chance >> PACE), chance + (((1 << CHANCE) - chance) >> PACE));
        (is_one, select_unpredictable(is_one, less, more))
    }

    /// A number, its highest bit first: the chances of a bit are told by those before it. Both that may be the next one are
    /// fetched before it is known which.
    #[inline(always)]
    fn tree<const ALL: usize>(&mut self, chances: &mut [u16; ALL]) -> u32 {
        let (mut node, mut chance) = (1, chances[1]);
        for _ in 0..ALL.trailing_zeros() {
            let next = [chances[2 * node % ALL], chances[(2 * node + 1) % ALL]];
            let (is_one, learned) = self.bit(chance);
            chances[node % ALL] = learned;
            chance = select_unpredictable(is_one, next[1], next[0]);
            node = 2 * node + usize::from(is_one);
        }
        (node - ALL) as u32
    }

    /// A literal after another one.
    #[inline(always)]
    fn literal(&mut self, chances: &mut Literal) -> u8 {
        chances.first_chunk_mut::<256>().map_or(0, |chances| self.tree(chances) as u8)
    }

    /// A literal after a match, which is not the byte that comes after that: as long as their bits are the same, what that
    /// one's next bit is tells chances apart.
    #[inline(always)]
    fn literal_unlike(&mut self, chances: &mut Literal, like: u8) -> u8 {
        let (mut node, mut same, mut like) = (1, 0x100, usize::from(like) << 1);
        let mut at = same + (like & same) + 1;
        let mut chance = chances[at % 1024];
        for _ in 0..8 {
            let one = like & same;
            like <<= 1;
            let sames = [same & !one, one];
            let next = [sames[0] + (like & sames[0]) + 2 * node, sames[1] + (like & sames[1]) + 2 * node + 1];
            let nexts = next.map(|at| chances[at % 1024]);
            let (is_one, learned) = self.bit(chance);
            chances[at % 1024] = learned;
            at = select_unpredictable(is_one, next[1], next[0]);
            chance = select_unpredictable(is_one, nexts[1], nexts[0]);
            same = select_unpredictable(is_one, sames[1], sames[0]);
            node = 2 * node + usize::from(is_one);
        }
        node as u8
    }

    /// A number of so many bits, its lowest bit first.
    #[inline(always)]
    fn back_to_front<const ALL: usize>(&mut self, chances: &mut [u16; ALL], first: usize, count: u32) -> u32 {
        let (mut node, mut number) = (1, 0);
        for place in 0..count {
            let at = (first + node) % ALL;
            let (is_one, learned) = self.bit(chances[at]);
            chances[at] = learned;
            number |= u32::from(is_one) << place;
            node = 2 * node + usize::from(is_one);
        }
        number
    }

    /// A number of so many bits that are as often one as zero.
    #[inline(always)]
    fn direct(&mut self, count: u32) -> u32 {
        let one = |_| {
            self.widen();
            self.range >>= 1;
            let is_one = self.code >= self.range;
            self.code = select_unpredictable(is_one, self.code.wrapping_sub(self.range), self.code);
            u32::from(is_one)
        };
        (0..count).map(one).fold(0, |number, bit| number << 1 | bit)
    }
}

#[cfg(all(test, feature = "vendor"))]
mod tests {
    use std::io::{Read as _, Write as _};

    use lzma_rust2::{LzmaOptions, LzmaReader, LzmaWriter};

    use super::*;

    const WINDOW: usize = 4096;

    /// Bytes of some kind: words of a text, numbers that grow, noise, one byte.
    fn bytes(kind: usize, length: usize) -> Vec<u8> {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize
        };
        let words = ["swap ", "the ", "files ", "or ", "none ", "of ", "them\n"];
        let mut piece = |at: usize| match kind {
            0 => words[next() % 7].as_bytes().to_vec(),
            1 => (at as u32 * 3 + (next() % 5) as u32).to_le_bytes().to_vec(),
            2 => vec![next() as u8],
            _ => vec![9; 1 + next() % 3],
        };
        let mut all: Vec<u8> = (0..length).flat_map(&mut piece).take(length).collect();
        // And something from far back.
        all.extend_from_within(..length / 3);
        all
    }

    fn packed(raw: &[u8], (lc, lp, pb): (u32, u32, u32), before: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut options = LzmaOptions::with_preset(6);
        options.dict_size = WINDOW as u32;
        (options.lc, options.lp, options.pb) = (lc, lp, pb);
        options.preset_dict = Some(before.to_vec()).filter(|before| !before.is_empty());
        let mut writer = LzmaWriter::new_no_header(vec![options.get_props()], &options, false)?;
        writer.write_all(raw)?;
        writer.finish()
    }

    /// What it unpacks to in pieces of so many bytes.
    fn unpacked(packed: &[u8], raw: usize, before: &[u8], piece: usize) -> Result<Vec<u8>, Short> {
        let (mut lzma, mut all) = (Lzma::new(packed, raw as u64, WINDOW, before)?, Vec::new());
        while all.len() < raw {
            let next = lzma.read(piece.min(raw - all.len()))?.to_vec();
            all.extend_from_slice(&next);
            assert!(lzma.made.len() <= WINDOW + WINDOW / 4 + piece, "there is no more than is needed");
        }
        Ok(all)
    }

    /// The same by another decoder.
    fn peer(packed: &[u8], raw: usize) -> Option<Vec<u8>> {
        let (&properties, packed) = packed.split_first()?;
        let mut all = vec![0; raw];
        let mut reader =
            LzmaReader::new_with_props(packed, raw as u64, properties, WINDOW as u32, None).ok()?;
        reader.read_exact(&mut all).ok()?;
        Some(all)
    }

    #[test]
    fn what_was_packed_comes_out_in_pieces_of_any_size() {
        for kind in 0..4 {
            for length in [1, 2, 300, 40_000] {
                let raw = bytes(kind, length);
                for shape in [(3, 0, 0), (4, 0, 0), (0, 2, 2), (1, 0, 4), (0, 4, 0)] {
                    for before in [&[][..], &raw[raw.len() / 2..], &bytes(kind, 9000)] {
                        let packed = packed(&raw, shape, before).unwrap();
                        for piece in [1, 77, 5000, 65_536].into_iter().filter(|piece| length / piece < 1000) {
                            let out = unpacked(&packed, raw.len(), before, piece);
                            assert!(out == Ok(raw.clone()), "{kind} {length} {shape:?} {piece}");
                        }
                    }
                    let whole = Lzma::unpack(&packed(&raw, shape, &[]).unwrap(), raw.len(), WINDOW);
                    assert!(whole == Ok(raw.clone()), "{kind} {length} {shape:?}");
                }
            }
        }
    }

    #[test]
    fn damaged_streams_are_refused_where_others_refuse_them() {
        let (mut refused, mut all) = (0, 0);
        let mut check = |packed: &[u8], raw: usize| {
            let (out, other) = (unpacked(packed, raw, &[], 1000).ok(), peer(packed, raw));
            // Some read zeros after the end, without a word.
            assert!(out.is_none() || out == other, "{raw} from {}", packed.len());
            (refused, all) = (refused + usize::from(out.is_none()), all + 1);
        };
        for kind in 0..4 {
            let raw = bytes(kind, 3000);
            let packed = packed(&raw, (3, 0, 2), &[]).unwrap();
            for at in (0..packed.len()).step_by(1 + packed.len() / 200) {
                for bad in [1, 0x80, 0xff] {
                    let mut damaged = packed.clone();
                    damaged[at] ^= bad;
                    check(&damaged, raw.len());
                }
                check(&packed[..at], raw.len());
                check(&packed, raw.len() + 1 + at);
                check(&packed, raw.len() - 1 - at % 300);
            }
        }
        assert!(refused > all / 3 && refused < all, "{refused} of {all}");
    }

    #[test]
    fn properties_that_make_no_sense_are_refused() {
        // (pb * 5 + lp) * 9 + lc
        assert!(Lzma::new(&[4 * 45 + 3 * 9 + 1, 0, 0, 0, 0, 0], 1, WINDOW, &[]).is_ok());
        for wrong in [
            &[5 * 45, 0, 0, 0, 0, 0][..],
            &[9 + 4, 0, 0, 0, 0, 0],
            &[5, 0, 0, 0, 0, 0],
            &[0, 1, 0, 0, 0, 0],
            &[0, 0, 0, 0, 0],
            &[0],
            &[],
        ] {
            assert!(Lzma::new(wrong, 1, WINDOW, &[]).is_err(), "{wrong:?}");
        }
        assert_eq!(Lzma::unpack(&[0, 0, 0, 0, 0, 0], 0, WINDOW), Ok(Vec::new()));
    }
}
