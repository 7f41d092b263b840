//! Instructions of aarch64, as far as they hold addresses (Arm Architecture Reference Manual, chapter C4), and the
//! pairs that make one address together: `adrp` says its page, a later instruction its place in the page.

use super::kind::Kind;

/// Instructions between the two of a pair, at most.
pub(super) const REACH: usize = 127;

/// How an instruction says an address, if it may.
#[inline]
pub(super) fn kind(word: u32) -> Option<Kind> {
    let kind = of(word);
    match kind {
        Some(Kind::Low) if word >> 5 & 31 == STACK => Some(Kind::StackLow),
        // Pairs, without writing the sum back.
        None if word & 0x3b80_0000 == 0x2900_0000 && word >> 5 & 31 == STACK => Some(Kind::StackPair),
        _ => kind,
    }
}

/// The stack pointer.
const STACK: u32 = 31;

#[inline]
fn of(word: u32) -> Option<Kind> {
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

/// Which registers hold the page that an `adrp` said, while code is read one instruction after the other.
pub(super) struct Pages {
    /// For each register, the number of the `adrp`'s instruction plus one; 0 if there is none.
    by: [usize; 32],
}

impl Pages {
    pub(super) fn new() -> Self {
        Self { by: [0; 32] }
    }

    /// Takes the next instruction. If it says the rest of an address, this is how many instructions before the page
    /// was said.
    #[inline]
    pub(super) fn take(&mut self, index: usize, word: u32, kind: Option<Kind>) -> Option<u8> {
        let mut back = None;
        if kind == Some(Kind::Low) {
            let by = self.by[(word >> 5 & 31) as usize];
            back = (by > 0 && index + 1 - by <= REACH).then(|| (index + 1 - by) as u8);
        }
        if kind == Some(Kind::Page) {
            self.by[(word & 31) as usize] = index + 1;
        } else {
            self.spoil(word);
        }
        back
    }

    /// Forgets the registers that an instruction writes.
    #[inline]
    fn spoil(&mut self, word: u32) {
        let mut forget = |register: u32| self.by[(register & 31) as usize] = 0;
        let floating = word & 1 << 26 != 0;
        match word >> 25 & 15 {
            8 | 9 | 5 | 13 => forget(word),
            10 | 11 => {
                let calls = word >> 26 == 0x25 || word & 0xfe60_0000 == 0xd620_0000;
                if calls {
                    (0..=18).chain([30]).for_each(forget);
                } else if word >> 20 == 0xd53 {
                    forget(word);
                }
            }
            // Pairs.
            4 | 6 | 12 | 14 if word & 0x3a00_0000 == 0x2800_0000 => {
                if word & 1 << 22 != 0 && !floating {
                    forget(word);
                    forget(word >> 10);
                }
                if word & 1 << 23 != 0 {
                    forget(word >> 5);
                }
            }
            // One register.
            4 | 6 | 12 | 14 if word & 0x3800_0000 == 0x3800_0000 => {
                if word & 0x00c0_0000 != 0 && !floating {
                    forget(word);
                }
                if word & 0x0120_0400 == 0x0000_0400 {
                    forget(word >> 5);
                }
            }
            4 | 6 | 12 | 14 if !floating => {
                forget(word);
                forget(word >> 16);
            }
            // Floating-point numbers made into whole ones.
            15 if word & 0x7f20_fc00 == 0x1e20_0000 => forget(word),
            _ => {}
        }
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
            let mut pages = Pages::new();
            let taken = words.iter().enumerate().map(|(index, &word)| pages.take(index, word, kind(word)));
            taken.collect::<Vec<_>>()
        };
        let (adrp, nop, add, load, store) = (0x9000_0008, 0xd503_201f, 0x9100_8108, 0xf940_3d09, 0xf900_0501);
        assert_eq!(take(&[adrp, nop, load, store, add, add]), [None, None, Some(2), Some(3), Some(4), None]);
        // A call leaves the register to others; a load of it ends the page.
        assert_eq!(take(&[adrp, 0x9400_0001, load])[2], None);
        assert_eq!(take(&[adrp, 0xf940_0108, load]), [None, Some(1), None]);
        assert_eq!(take(&[adrp, 0xa940_2027, load])[2], None);
        assert_eq!(take(&[load])[0], None);
        let far = [&[adrp][..], &[nop; REACH], &[load]].concat();
        assert_eq!(take(&far)[REACH + 1], None);
        assert_eq!(take(&far[1..]).len(), REACH + 1);
    }
}
