//! Sequences that were seen before: what followed them then may follow them now.

use super::mixer::{Guess, hash};

/// Places that are remembered by the hash of the bytes before them, as a power of two.
const PLACES: u32 = 16;
/// Most bytes compared to see how alike two places are.
const LOOK: usize = 32;
/// Bytes that are hashed.
const HASHED: usize = 5;

/// Bytes so far, and where they were like the last ones.
pub(super) struct Like {
    seen: Vec<u8>,
    /// With the rest of the hash.
    places: Vec<(u32, u32)>,
    /// The place that goes on like the last bytes, and how many of those it follows; none if that is 0.
    place: usize,
    length: usize,
}

impl Like {
    pub(super) fn new() -> Self {
        // Written at once, as in the mixer.
        let mut places = Vec::with_capacity(1 << PLACES);
        places.resize(1 << PLACES, (0, 0));
        Self { seen: Vec::new(), places, place: 0, length: 0 }
    }

    /// What followed the last bytes when they were seen before.
    pub(super) fn guess(&self) -> Guess {
        let length = self.length;
        let trust = if length < 16 { length } else { 16 + (length / 8).min(16) };
        Guess::of(self.seen.get(self.place).copied().filter(|_| length > 0), trust)
    }

    /// Goes on by a byte.
    pub(super) fn learn(&mut self, byte: u8) {
        if self.length > 0 && self.seen[self.place] == byte {
            (self.place, self.length) = (self.place + 1, self.length + 1);
        } else {
            self.length = 0;
        }
        self.seen.push(byte);
        let Some(&[a, b, c, d, e]) = self.seen.last_chunk::<HASHED>() else { return };
        let hash = hash(&[u32::from_le_bytes([a, b, c, d]), u32::from(e)]);
        let slot = &mut self.places[(hash >> (32 - PLACES)) as usize];
        // The other bits of the hash tell most places that are not alike without a look at what lies there.
        let (check, here) = (hash << PLACES >> PLACES, self.seen.len() as u32);
        let (place, alike) = (slot.0 as usize, slot.1 == check);
        *slot = (here, check);
        if self.length == 0 && alike {
            let (now, then) = (self.seen.iter().rev(), self.seen[..place].iter().rev());
            let length = now.zip(then).take(LOOK).take_while(|(now, then)| now == then).count();
            if length >= HASHED {
                (self.place, self.length) = (place, length);
            }
        }
    }
}
