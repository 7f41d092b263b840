//! Instructions of aarch64, as far as they hold addresses (Arm Architecture Reference Manual, chapter C4), and the
//! pairs that make one address together: `adrp` says its page, a later instruction its place in the page.

use super::kind::Kind;

/// Instructions between the two of a pair, at most.
pub(super) const REACH: usize = 127;

/// How an instruction says an address, if it may.
#[inline]
pub(super) fn kind(word: u32) -> Option<Kind> {
    DEEDS[(word >> 22) as usize].kinds[usize::from(word >> 5 & 31 == STACK)]
}

/// The stack pointer.
const STACK: u32 = 31;

/// Whether it loads or stores a pair, without writing the sum back.
const fn is_pair(word: u32) -> bool {
    word & 0x3b80_0000 == 0x2900_0000
}

const fn of(word: u32) -> Option<Kind> {
    match word >> 24 {
        0x14..=0x17 | 0x94..=0x97 => Some(Kind::Branch26),
        // Conditions, comparisons with zero, and loads relative to the instruction.
        0x54 | 0x34 | 0x35 | 0xb4 | 0xb5 => Some(Kind::Branch19),
        0x18 | 0x1c | 0x58 | 0x5c | 0x98 | 0x9c => Some(Kind::Branch19),
        0x36 | 0x37 | 0xb6 | 0xb7 => Some(Kind::Branch14),
        0x10 | 0x30 | 0x50 | 0x70 => Some(Kind::Adr),
        0x90 | 0xb0 | 0xd0 | 0xf0 => Some(Kind::Page),
        0x91 if word & 0x00c0_0000 == 0 => Some(Kind::Low),
        0x39 | 0x79 | 0xb9 | 0xf9 | 0x3d | 0x7d | 0xbd | 0xfd => Some(Kind::Low),
        _ => None,
    }
}

/// Whether it loads what it points to, rather than going there.
pub(super) fn loads(word: u32) -> bool {
    word & 0x3b00_0000 == 0x1800_0000
}

/// Whether it adds to an address, rather than loading or storing there.
pub(super) fn adds(word: u32) -> bool {
    word >> 24 == 0x91
}

/// By how many bits the place in a page is shifted: what is loaded lies at a multiple of its size.
#[inline]
fn scale(word: u32) -> u32 {
    match word >> 24 {
        0x91 => 0,
        // Sixteen bytes.
        0x3d if word & 0x0080_0000 != 0 => 4,
        _ => word >> 30,
    }
}

/// The same for pairs.
#[inline]
fn pair_scale(word: u32) -> u32 {
    let floating = word & 1 << 26 != 0;
    2 + if floating { word >> 30 } else { word >> 31 }
}

/// The number that an instruction of this kind says: a distance, a distance of pages, or a place in a page or a frame.
#[inline]
pub(super) fn number(kind: Kind, word: u32) -> u64 {
    let signed = |value: u32, bits: u32| {
        let shift = u32::BITS - bits;
        i64::from((value << shift).cast_signed() >> shift).cast_unsigned()
    };
    match kind {
        Kind::Branch26 => signed(word, 26) << 2,
        Kind::Branch19 => signed(word >> 5, 19) << 2,
        Kind::Branch14 => signed(word >> 5, 14) << 2,
        Kind::Adr => signed((word >> 5) << 2 | (word >> 29 & 3), 21),
        Kind::Page => signed((word >> 5) << 2 | (word >> 29 & 3), 21) << 12,
        Kind::StackPair => signed(word >> 15, 7) << pair_scale(word),
        _ => u64::from(word >> 10 & 0xfff) << scale(word),
    }
}

/// The bits of an instruction of this kind that say a number; `word` tells how a place in a page is shifted.
#[inline]
pub(super) fn bits(kind: Kind, number: u64, word: u32) -> u32 {
    let split = |value: u32| (value & 3) << 29 | (value >> 2 & 0x7_ffff) << 5;
    match kind {
        Kind::Branch26 => (number >> 2) as u32 & 0x03ff_ffff,
        Kind::Branch19 => ((number >> 2) as u32 & 0x7_ffff) << 5,
        Kind::Branch14 => ((number >> 2) as u32 & 0x3fff) << 5,
        Kind::Adr => split(number as u32),
        Kind::Page => split((number >> 12) as u32),
        Kind::StackLow => ((number >> scale(word)) as u32 & 0xfff) << 10,
        Kind::StackPair => ((number >> pair_scale(word)) as u32 & 0x7f) << 15,
        _ => ((number & 0xfff) as u32 >> scale(word)) << 10,
    }
}

/// The beginning of an address's page.
#[inline]
pub(super) fn page(address: u64) -> u64 {
    address & !0xfff
}

/// What an instruction does, as far as its ten highest bits tell.
#[derive(Clone, Copy)]
struct Deed {
    /// How it says an address, if it may, and how if the stack pointer is its base.
    kinds: [Option<Kind>; 2],
    /// Whether that counts, for both, as [`Finds`] tells it.
    classes: [u8; 2],
    /// Which of its fields name registers that it writes.
    written: u8,
}

static DEEDS: [Deed; 1024] = {
    let mut deeds = [Deed::of(0); 1024];
    let mut highest = 1;
    while highest < 1024 {
        deeds[highest] = Deed::of((highest as u32) << 22);
        highest += 1;
    }
    deeds
};

/// An instruction that says an address or a place in a frame; that says the rest of an address, if a page was said; that
/// says no page.
const COUNTS: u8 = 1;
const RESTS: u8 = 2;
const NO_PAGE: u8 = 32;

/// The fields at bits 0, 5, 10 and 16.
const FIRST: u8 = 1;
const BASE: u8 = 2;
const SECOND: u8 = 4;
const THIRD: u8 = 8;
/// The field at bit 5, if the sum is written back there.
const INDEXED: u8 = 16;
/// All that functions need not keep.
const CALL: u8 = 32;
/// What the other bits tell.
const RARE: u8 = 64;

/// The registers that functions need not keep.
const LOST: u32 = 0x4007_ffff;

impl Deed {
    const fn of(word: u32) -> Self {
        let kinds = match of(word) {
            Some(Kind::Low) => [Some(Kind::Low), Some(Kind::StackLow)],
            None if is_pair(word) => [None, Some(Kind::StackPair)],
            kind => [kind; 2],
        };
        let classes = [Self::class(kinds[0]), Self::class(kinds[1])];
        Self { kinds, classes, written: Self::written(word) }
    }

    const fn class(kind: Option<Kind>) -> u8 {
        match kind {
            Some(Kind::Page) => COUNTS,
            Some(Kind::Low) => RESTS | NO_PAGE,
            Some(_) => COUNTS | NO_PAGE,
            None => NO_PAGE,
        }
    }

    const fn written(word: u32) -> u8 {
        let floating = word & 1 << 26 != 0;
        match word >> 25 & 15 {
            8 | 9 | 5 | 13 => FIRST,
            10 | 11 if word >> 26 == 0x25 => CALL,
            // Calls by a register, and what reads registers of the system.
            10 | 11 if word & 0xfe40_0000 == 0xd600_0000 || word >> 22 == 0x354 => RARE,
            // Pairs.
            4 | 6 | 12 | 14 if word & 0x3a00_0000 == 0x2800_0000 => {
                let loaded = if word & 1 << 22 != 0 && !floating { FIRST | SECOND } else { 0 };
                loaded | if word & 1 << 23 != 0 { BASE } else { 0 }
            }
            // One register.
            4 | 6 | 12 | 14 if word & 0x3800_0000 == 0x3800_0000 => {
                let loaded = if word & 0x00c0_0000 != 0 && !floating { FIRST } else { 0 };
                loaded | if word & 1 << 24 == 0 { INDEXED } else { 0 }
            }
            4 | 6 | 12 | 14 if !floating => FIRST | THIRD,
            // Floating-point numbers made into whole ones are among these.
            15 if word & 0x7f00_0000 == 0x1e00_0000 => RARE,
            _ => 0,
        }
    }
}

/// Whether an instruction writes a register, or calls a function that may.
#[inline]
fn writes(word: u32, register: u32) -> bool {
    let written = DEEDS[(word >> 22) as usize].written;
    let field = |field: u8, at: u32| (written & field != 0) & (word >> at & 31 == register);
    let fields = field(FIRST, 0) | field(BASE, 5) | field(SECOND, 10) | field(THIRD, 16);
    let is_indexed = word >> 10 & !(word >> 21) & 1 == 1;
    let is_lost = (written & CALL != 0) & (LOST >> register & 1 == 1);
    fields | field(INDEXED, 5) & is_indexed | is_lost || written & RARE != 0 && writes_rarely(word, register)
}

/// The same for those of which the ten highest bits don't tell.
fn writes_rarely(word: u32, register: u32) -> bool {
    if word & 0xfe60_0000 == 0xd620_0000 {
        return LOST >> register & 1 == 1;
    }
    let first = word >> 20 == 0xd53 || word & 0x7f20_fc00 == 0x1e20_0000;
    first && word & 31 == register
}

/// Finds what says addresses, while instructions are looked at one after the other. There is no branch, as what comes next
/// can't be foretold: of what says the rest of an address, more is found than counts.
pub(super) struct Finds {
    /// For each register, after the number of the last instruction that said a page there; then what is nowhere asked for.
    by: [u32; 64],
}

impl Finds {
    pub(super) fn new() -> Self {
        Self { by: [0; 64] }
    }

    /// Whether the next instruction says an address that may count.
    #[inline]
    pub(super) fn take(&mut self, index: u32, word: u32) -> bool {
        let base = word >> 5 & 31;
        let class = DEEDS[(word >> 22) as usize].classes[usize::from(base == STACK)];
        let is_near = index.wrapping_sub(self.by[base as usize]) < REACH as u32;
        // Whatever says no page is put where nobody asks.
        self.by[(word & 31 | u32::from(class & NO_PAGE)) as usize] = index + 1;
        let (counts, rests) = (class & COUNTS != 0, class & RESTS != 0);
        counts | (rests & is_near)
    }
}

/// A page that an `adrp` said.
#[derive(Clone, Copy, Default)]
struct Said {
    /// The number of the instruction plus one; 0 if there is none.
    by: usize,
    /// The first after it that may have written the register since.
    from: usize,
    /// What it was told to be.
    what: usize,
}

/// Which registers hold a page, as far as that is asked.
#[derive(Default)]
pub(super) struct Pages([Said; 32]);

impl Pages {
    /// An instruction says a page, which is `what`.
    #[inline]
    pub(super) fn say(&mut self, index: usize, word: u32, what: usize) {
        self.0[(word & 31) as usize] = Said { by: index + 1, from: index + 1, what };
    }

    /// If the instruction with this number says the rest of an address: how many before it the page was said, and which.
    #[inline]
    pub(super) fn rest(&mut self, words: &[[u8; 4]], index: usize) -> Option<(u8, usize)> {
        let register = u32::from_le_bytes(words[index]) >> 5 & 31;
        let said = &mut self.0[register as usize];
        if said.by == 0 || index + 1 - said.by > REACH {
            return None;
        }
        let mut between = words[said.from..index].iter();
        if between.any(|word| writes(u32::from_le_bytes(*word), register)) {
            said.by = 0;
            return None;
        }
        said.from = index;
        Some(((index + 1 - said.by) as u8, said.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Instructions as the manual has them, with what they say.
    const SAMPLES: [(u32, Kind, u64); 17] = [
        (0x9434_3809, Kind::Branch26, 0x0d0_e024),
        (0x17ff_ffcc, Kind::Branch26, 0xff30_u64.wrapping_sub(0x1_0000)),
        (0x5400_6d01, Kind::Branch19, 0xda0),
        (0xb400_9128, Kind::Branch19, 0x1224),
        (0x5800_0041, Kind::Branch19, 8),
        (0x3700_0136, Kind::Branch14, 0x24),
        (0x1000_0028, Kind::Adr, 4),
        (0xb000_9ba8, Kind::Page, 0x137_5000),
        (0x9100_8108, Kind::Low, 0x20),
        (0xf940_3d08, Kind::Low, 0x78),
        (0x3dc0_0400, Kind::Low, 0x10),
        (0x3940_0400, Kind::Low, 1),
        (0xf940_3fe8, Kind::StackLow, 0x78),
        (0x9100_03e0, Kind::StackLow, 0),
        (0xa943_7bfd, Kind::StackPair, 0x30),
        (0x297f_0be1, Kind::StackPair, (-8_i64).cast_unsigned()),
        (0xad42_07e0, Kind::StackPair, 0x40),
    ];

    #[test]
    fn numbers_are_read_and_written() {
        for (word, expected, said) in SAMPLES {
            assert_eq!(kind(word), Some(expected), "{word:08x}");
            assert_eq!(number(expected, word), said, "{word:08x}");
            let told = expected.bits().unwrap() as u32;
            assert_eq!(bits(expected, said, word), word & told, "{word:08x}");
            assert_eq!(bits(expected, u64::MAX, word) & !told, 0, "{word:08x}");
        }
        // Numbers, stores of pairs, and sums shifted to the left.
        for word in [0x5280_0020, 0xa900_7abd, 0xa9bf_7bfd, 0x9140_0400, 0xd65f_03c0] {
            assert_eq!(kind(word), None, "{word:08x}");
        }
    }

    #[test]
    fn pairs_are_found_until_the_register_is_written() {
        let take = |words: &[u32]| {
            let (mut finds, mut pages) = (Finds::new(), Pages::default());
            let bytes: Vec<[u8; 4]> = words.iter().map(|word| word.to_le_bytes()).collect();
            let taken = words.iter().enumerate().map(|(index, &word)| {
                match kind(word).filter(|_| finds.take(index as u32, word)) {
                    Some(Kind::Low) => return pages.rest(&bytes, index).map_or(0, |rest| rest.0),
                    Some(Kind::Page) => pages.say(index, word, 0),
                    _ => {}
                }
                0
            });
            taken.collect::<Vec<_>>()
        };
        let (adrp, nop, add, load, store) = (0x9000_0008, 0xd503_201f, 0x9100_8108, 0xf940_3d09, 0xf900_0501);
        assert_eq!(take(&[adrp, nop, load, store, add, add]), [0, 0, 2, 3, 4, 0]);
        assert_eq!(take(&[load])[0], 0);
        // It is written: by a call, a load, one of two, one of a pair, before and after it is the base; by what reads a
        // register of the system, by what makes a floating-point number whole, and by an exclusive store.
        let writes =
            [0x9400_0001, 0xd63f_0020, 0xf940_0108, 0xa940_2027, 0xa9c0_0107, 0xf840_8d07, 0xf840_8507];
        for writes in writes.into_iter().chain([0xd53b_d048, 0x1e38_0008, 0xc808_7c20]) {
            assert_eq!(take(&[adrp, writes, load])[2], 0, "{writes:08x}");
        }
        // It is read; a branch that comes back, a floating-point register with its number, a hint.
        let reads = [0xf900_0028, 0xd61f_0100, 0xfd40_0028, 0x1e60_4028, 0xf840_8107, 0xf868_6907, nop];
        for reads in reads {
            assert_eq!(take(&[adrp, reads, load])[2], 2, "{reads:08x}");
        }
        // What a function keeps is there after a call.
        assert_eq!(take(&[0x9000_0013, 0x9400_0001, 0xf940_0260]), [0, 0, 2]);
        let far = [&[adrp][..], &[nop; REACH], &[load]].concat();
        assert_eq!(take(&far)[REACH + 1], 0);
        let near = [&[adrp][..], &[nop; REACH - 1], &[load]].concat();
        assert_eq!(usize::from(take(&near)[REACH]), REACH);
    }

    #[test]
    fn what_counts_is_what_says_an_address() {
        for (word, expected, _) in SAMPLES {
            let counts = Finds::new().take(REACH as u32, word);
            assert_eq!((kind(word), counts), (Some(expected), expected != Kind::Low), "{word:08x}");
        }
        for word in (0..u32::MAX).step_by(0x1_0403) {
            let counts = Finds::new().take(REACH as u32, word);
            assert_eq!(counts, kind(word).is_some_and(|kind| kind != Kind::Low), "{word:08x}");
        }
    }
}
