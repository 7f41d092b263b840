//! The next byte, bit by bit: several contexts each tell how likely the next bit is one, and what they tell is mixed
//! with weights that learn which of them to believe. Integers only, so that every machine gets the same.

use super::coder::Coder;

/// Sets of weights.
pub(super) const SETS: usize = 1024;
/// Bits of what one may know about a guess.
pub(super) const TRUST: u32 = 8;
/// The input that is always the same.
const SAME: i32 = 256;
/// What a weight is at first: both together let an input count with 0.3.
const START: i32 = 1228;
/// A weight of one, as a power of two.
const ONE: u32 = 13;

/// What the next byte may depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<const HASHED: usize, const GUESSES: usize> {
    /// Hashes of what came before.
    pub(super) hashes: [u32; HASHED],
    /// Bytes it may be.
    pub(super) guesses: [Guess; GUESSES],
    /// Which set of weights counts, below [`SETS`].
    pub(super) set: usize,
}

/// A byte that may be the next one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Guess {
    /// The byte and 256, or 0 for none.
    byte: u32,
    /// What one knows about it.
    trust: usize,
}

impl Guess {
    /// Guesses a byte; `trust`, of [`TRUST`] bits, tells guesses of different quality apart.
    pub(super) fn of(byte: Option<u8>, trust: usize) -> Self {
        byte.map_or(Self::default(), |byte| Self {
            byte: 256 | u32::from(byte),
            trust: trust & ((1 << TRUST) - 1),
        })
    }
}

/// The logistic function of -8, -7.5 and so on to 8, in 65,536ths.
const LOGISTIC: [i32; 33] = [
    22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768, 40793,
    47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514,
];

/// From a sum, in 256ths, to a chance in 65,536ths, by straight lines between the values of [`LOGISTIC`].
fn chance(sum: i32) -> i32 {
    let at = sum.clamp(-2048, 2047) + 2048;
    let (step, part) = ((at >> 7) as usize, at & 127);
    (LOGISTIC[step] * (128 - part) + LOGISTIC[step + 1] * part) >> 7
}

/// Chances for sums, and sums for chances.
struct Tables {
    chances: [u16; 4096],
    sums: [i16; 4096],
}

impl Tables {
    fn new() -> Box<Self> {
        let mut tables = Box::new(Self { chances: [0; 4096], sums: [2047; 4096] });
        let mut next = 0;
        for sum in -2048..2048 {
            let chance = chance(sum);
            tables.chances[(sum + 2048) as usize] = chance as u16;
            // The sum of a chance is the first one that gives as much.
            while next <= chance >> 4 && next < 4096 {
                tables.sums[next as usize] = sum as i16;
                next += 1;
            }
        }
        tables
    }
}

/// One number to tell contexts apart, and fifteen that tell how likely a one is. A row never lies in two lines of a
/// processor's cache.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Row([i16; 16]);

/// Learns from the bytes it codes. Its inputs are what hashed contexts and guesses tell, and one that is always the same.
pub(super) struct Mixer<const HASHED: usize, const GUESSES: usize, const INPUTS: usize> {
    tables: Box<Tables>,
    /// The rows of each hashed context.
    rows: Vec<Row>,
    /// Rows of each context, as a power of two.
    bits: u32,
    /// Weights by the context, and by the bits of the byte so far: what counts is their sum.
    weights: Vec<[i32; INPUTS]>,
    by_bits: Vec<[i32; INPUTS]>,
    /// For each guess, by trust and bit: how likely it is right.
    trusted: Vec<u16>,
    rates: [i32; 16],
    /// How fast weights learn.
    pace: i32,
}

impl<const HASHED: usize, const GUESSES: usize, const INPUTS: usize> Mixer<HASHED, GUESSES, INPUTS> {
    /// Arrays can't be as long as a sum yet.
    const COUNT: () = assert!(INPUTS == HASHED + GUESSES + 1, "one input for each, and one");

    pub(super) fn new(bits: u32, pace: i32) -> Self {
        let () = Self::COUNT;
        let mut weights = [START; INPUTS];
        weights[INPUTS - 1] = 0;
        // Written at once: pages of zeros that the system shows first would be shown twice.
        let mut rows = Vec::with_capacity(HASHED << bits);
        rows.resize(HASHED << bits, Row([0; 16]));
        Self {
            tables: Tables::new(),
            rows,
            bits,
            weights: vec![weights; SETS],
            by_bits: vec![weights; 256],
            trusted: vec![0x8000; GUESSES << (TRUST + 3)],
            rates: std::array::from_fn(|count| 131_072 / (2 * count as i32 + 3)),
            pace,
        }
    }

    /// Codes the next byte.
    pub(super) fn byte(&mut self, context: &Context<HASHED, GUESSES>, coder: &mut Coder<'_>) -> u8 {
        // Each has a loop of its own, with all that it needs at hand.
        match coder {
            Coder::Reads(decoder) => self.bits(context, |chance, _left| decoder.bit(chance)),
            #[cfg(feature = "vendor")]
            Coder::Writes(encoder) => {
                let known = u32::from(encoder.known());
                self.bits(context, |chance, left| encoder.bit(chance, known >> left & 1))
            }
        }
    }

    /// Codes the bits of a byte, each by its chance and how many are left after it.
    #[inline]
    fn bits(&mut self, context: &Context<HASHED, GUESSES>, mut code: impl FnMut(u32, u32) -> u32) -> u8 {
        let mut byte = 1;
        for _half in 0..2 {
            let rows = self.find(&context.hashes, byte);
            for node in 0..4 {
                let node = 1 << node | (byte & ((1 << node) - 1)) as usize;
                byte = byte << 1 | self.bit(context, (&rows, node), byte, &mut code);
            }
        }
        byte as u8
    }

    /// Finds the row of each context for the next four bits; one that told something else begins anew.
    #[inline]
    fn find(&mut self, hashes: &[u32; HASHED], byte: u32) -> [usize; HASHED] {
        let hashes = hashes.map(|hash| mix(hash.wrapping_add(byte.wrapping_mul(0x9e37_79b1))));
        let rows: [usize; HASHED] =
            std::array::from_fn(|at| at << self.bits | (hashes[at] >> (32 - self.bits)) as usize);
        // All are fetched before any is looked at: they come from far, and at once.
        let checks = rows.map(|row| self.rows[row].0[0]);
        for ((row, check), hash) in rows.iter().zip(checks).zip(hashes) {
            if check != hash as i16 {
                self.rows[*row] = Row([0; 16]);
                self.rows[*row].0[0] = hash as i16;
            }
        }
        rows
    }

    /// Codes a bit that follows those in `byte`, which begins with a one.
    #[expect(
        clippy::inline_always,
        reason = "once for each bit: what it needs stays at hand from one to the next"
    )]
    #[inline(always)]
    fn bit(
        &mut self,
        context: &Context<HASHED, GUESSES>,
        (rows, node): (&[usize; HASHED], usize),
        byte: u32,
        code: &mut impl FnMut(u32, u32) -> u32,
    ) -> u32 {
        let left = byte.leading_zeros() - 24;
        let sums = &self.tables.sums;
        let mut inputs = [SAME; INPUTS];
        let slots = rows.map(|row| i32::from(self.rows[row].0[node & 15]));
        for (input, slot) in inputs.iter_mut().zip(slots) {
            *input = i32::from(sums[((slot >> 4) + 2048) as usize & 4095]);
        }
        // Guesses count as long as they were right.
        let told: [(usize, bool, u32); GUESSES] = std::array::from_fn(|at| {
            let guess = &context.guesses[at];
            let slot = (at << TRUST | guess.trust) << 3 | left as usize;
            (slot, guess.byte >> (left + 1) == byte, guess.byte >> left & 1)
        });
        for (input, (slot, counts, one)) in inputs[HASHED..].iter_mut().zip(told) {
            let sum = i32::from(sums[usize::from(self.trusted[slot] >> 4)]);
            let sum = if one == 1 { sum } else { -sum };
            *input = if counts { sum } else { 0 };
        }
        let weights = &mut self.weights[context.set % SETS];
        let by_bits = &mut self.by_bits[byte as usize & 255];
        let mut sum = 0i32;
        for ((input, one), other) in inputs.iter().zip(&*weights).zip(&*by_bits) {
            sum = sum.wrapping_add(input.wrapping_mul(one.wrapping_add(*other)));
        }
        let sum = sum >> ONE;
        let chance = self.tables.chances[(sum.clamp(-2048, 2047) + 2048) as usize & 4095];
        let bit = code(u32::from(chance), left);

        let error = (((bit << 16) as i32 - i32::from(chance)) * self.pace) >> 5;
        for ((one, other), input) in weights.iter_mut().zip(by_bits).zip(&inputs) {
            let step = (((input * error) >> 15) + 1) >> 1;
            (*one, *other) = (one.wrapping_add(step), other.wrapping_add(step));
        }
        let goal = bit as i32 * 4095 - 2048;
        for (row, slot) in rows.iter().zip(slots) {
            let (chance, count) = (slot >> 4, slot & 15);
            let chance = chance + (((goal - chance) * self.rates[count as usize] + (1 << 15)) >> 16);
            self.rows[*row].0[node & 15] = (chance << 4 | (count + 1).min(15)) as i16;
        }
        for (slot, counts, one) in told {
            let trust = i32::from(self.trusted[slot]);
            let goal = if one == bit { 65_535 } else { 0 };
            let learned = trust + ((goal - trust) >> 6);
            self.trusted[slot] = if counts { learned } else { trust } as u16;
        }
        bit
    }
}

/// Spreads what differs over all bits.
pub(super) fn mix(value: u32) -> u32 {
    let value = value.wrapping_mul(0x85eb_ca6b);
    let value = (value ^ value >> 15).wrapping_mul(0xc2b2_ae35);
    value ^ value >> 13
}

/// One hash of several values.
pub(super) fn hash(values: &[u32]) -> u32 {
    values.iter().fold(0x7f4a_7c15, |state, value| mix(state.wrapping_add(*value).wrapping_mul(0x9e37_79b1)))
}
