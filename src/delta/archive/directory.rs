//! The central directory of a zip file tells where each entry lies. One that grows moves all that follow; told as the
//! distance to the entry before, the others stay the same bytes.

use super::find::CENTRAL;

/// The first bytes of an entry.
const MARK: [u8; 4] = *b"PK\x01\x02";
/// Where the lengths of what follows an entry's fields lie: three of two bytes.
const LENGTHS: std::ops::Range<usize> = 28..34;
/// Where the place of the entry lies.
const PLACE: std::ops::Range<usize> = 42..46;

/// Turns places into distances or back, as the bytes come.
#[derive(Debug, Default)]
pub(super) struct Turner {
    back: bool,
    /// Something else than an entry came: nothing is changed any more.
    over: bool,
    /// Bytes of the entry that have come, and how many follow its fields.
    at: usize,
    more: usize,
    /// The place of the entry before and of this one, and what is carried from one of its bytes to the next.
    before: u32,
    place: u32,
    carry: u16,
}

impl Turner {
    /// `back` is the way to the file as it was.
    pub(super) fn new(back: bool) -> Self {
        Self { back, ..Self::default() }
    }

    /// Turns the next bytes.
    pub(super) fn turn(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.over {
                return;
            }
            self.next(byte);
        }
    }

    fn next(&mut self, byte: &mut u8) {
        if let Some(mark) = MARK.get(self.at) {
            self.over = byte != mark;
        } else if LENGTHS.contains(&self.at) {
            self.more += usize::from(*byte) << (8 * (self.at % 2));
        } else if PLACE.contains(&self.at) {
            self.place_byte(byte);
        }
        self.at += 1;
        if self.at == CENTRAL {
            (self.before, self.place, self.carry) = (self.place, 0, 0);
        }
        if self.at >= CENTRAL && self.at == CENTRAL + self.more {
            (self.at, self.more) = (0, 0);
        }
    }

    fn place_byte(&mut self, byte: &mut u8) {
        let shift = 8 * (self.at - PLACE.start);
        let other = (self.before >> shift) as u8;
        let told = u16::from(*byte);
        let turned = if self.back {
            let sum = told + u16::from(other) + self.carry;
            self.carry = sum >> 8;
            sum as u8
        } else {
            let (difference, short) = told.overflowing_sub(u16::from(other) + self.carry);
            self.carry = u16::from(short);
            difference as u8
        };
        self.place |= u32::from(if self.back { turned } else { *byte }) << shift;
        *byte = turned;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(places: &[u32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, place) in places.iter().enumerate() {
            let mut entry = [7; CENTRAL];
            entry[..4].copy_from_slice(&MARK);
            entry[LENGTHS].copy_from_slice(&[(number % 3) as u8, 0, 0, 0, (number % 2) as u8, 0]);
            entry[PLACE].copy_from_slice(&place.to_le_bytes());
            bytes.extend(entry);
            bytes.extend(std::iter::repeat_n(9, number % 3 + number % 2));
        }
        bytes.extend(b"PK\x05\x06 and the end");
        bytes
    }

    fn turned(mut bytes: Vec<u8>, back: bool, piece: usize) -> Vec<u8> {
        let mut turner = Turner::new(back);
        bytes.chunks_mut(piece).for_each(|chunk| turner.turn(chunk));
        bytes
    }

    #[test]
    fn places_become_distances_and_come_back() {
        let plain = directory(&[0, 300, 70_000, 500, u32::MAX, 1 << 30]);
        let apart = turned(plain.clone(), false, 1000);
        assert_eq!(
            apart,
            directory(&[0, 300, 69_700, 0u32.wrapping_sub(69_500), 0u32.wrapping_sub(501), (1 << 30) + 1])
        );
        for piece in [1, 3, 46, 1000] {
            assert_eq!(turned(plain.clone(), false, piece), apart);
            assert_eq!(turned(apart.clone(), true, piece), plain);
        }
    }

    #[test]
    fn what_is_no_directory_stays() {
        let bytes = b"PK\x01\x03 and whatever follows that is long enough for an entry".to_vec();
        assert_eq!(turned(bytes.clone(), false, 5), bytes);
    }
}
