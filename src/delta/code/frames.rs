//! Where variables lie in the frames of functions. If one variable of a frame moved, those beside it did too, and
//! each of the many instructions that name them says so again.

use super::arm;
use super::kind::Kind;

/// The offset that these bytes say.
pub(in crate::delta) fn offset(kind: Kind, bytes: &[u8]) -> i32 {
    match (kind, bytes) {
        (Kind::StackLow | Kind::StackPair, &[a, b, c, d]) => {
            arm::number(kind, u32::from_le_bytes([a, b, c, d])) as i32
        }
        (_, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]),
        (_, bytes) => bytes.first().map_or(0, |byte| i32::from(byte.cast_signed())),
    }
}

/// Makes these bytes say another offset, if they can.
pub(in crate::delta) fn put_offset(kind: Kind, wanted: i32, bytes: &mut [u8]) {
    let number = i64::from(wanted).cast_unsigned();
    match (kind, &mut *bytes) {
        (Kind::StackLow | Kind::StackPair, [a, b, c, d]) => {
            let word = u32::from_le_bytes([*a, *b, *c, *d]);
            let told = kind.bits().unwrap_or(0) as u32;
            let other = word & !told | arm::bits(kind, number, word);
            if arm::number(kind, other) == number {
                bytes.copy_from_slice(&other.to_le_bytes());
            }
        }
        (_, [byte]) => {
            if let Ok(wanted) = i8::try_from(wanted) {
                *byte = wanted.cast_unsigned();
            }
        }
        (_, bytes) => bytes.copy_from_slice(&wanted.to_le_bytes()),
    }
}

/// Of what is known below an offset and above it, what lies nearer; the lower one if both are as near.
pub(in crate::delta) fn nearer<T>(
    offset: i32,
    below: Option<T>,
    above: Option<T>,
    place: impl Fn(&T) -> i32,
) -> Option<T> {
    let far = |known: &Option<T>| known.as_ref().map_or(u32::MAX, |known| place(known).abs_diff(offset));
    if far(&above) < far(&below) { above } else { below }
}

/// Frames that are known at a time, one for each remainder of a function's number.
const FRAMES: usize = 256;
/// A frame that was not seen in so many new bytes is another one: the same old code can stand for several functions.
const REACH: usize = 8192;
/// Most offsets that are known of a frame.
const MOST: usize = 1024;
/// So many offsets of a frame are kept as they came, as long as none has moved.
const STILL: usize = 512;

/// What is known of frames.
pub(super) struct Frames {
    frames: Vec<Frame>,
    /// Where the offset lies that was predicted last.
    at: At,
}

/// Where an offset lies among those that are known of its frame.
enum At {
    /// It did not move, as no other of its frame did.
    Still,
    /// It is at hand, and moved so far.
    Hand(i32),
    /// There, or there it would lie.
    Table(Result<usize, usize>),
}

/// Offsets of a frame that are at hand: most instructions name one of a few.
const AT_HAND: usize = 32;

#[derive(Default, Clone)]
struct Frame {
    function: usize,
    /// The new place where it was seen last.
    seen: usize,
    /// Offsets as they came, until one has moved: in most frames, none does.
    still: Vec<i32>,
    /// Old offsets in order, each with how far it moved; none as long as all are still.
    moved: Vec<(i32, i32)>,
    /// Some of them, one for each remainder, and which of these are there.
    at_hand: [(i32, i32); AT_HAND],
    has: u32,
}

impl Frame {
    /// Goes on to another function.
    fn begin(&mut self, function: usize) {
        (self.function, self.has) = (function, 0);
        self.still.clear();
        self.moved.clear();
    }

    /// Tells of all offsets that came that they did not move.
    fn settle(&mut self) {
        for offset in self.still.drain(..) {
            let at = self.moved.binary_search_by_key(&offset, |known| known.0);
            if let Some(at) = at.err().filter(|_| self.moved.len() < MOST) {
                self.moved.insert(at, (offset, 0));
            }
        }
    }

    /// The remainder of an offset.
    fn hand(offset: i32) -> usize {
        (offset >> 3).cast_unsigned() as usize % AT_HAND
    }

    /// How far an offset that is at hand moved.
    #[inline]
    fn at_hand(&self, offset: i32) -> Option<i32> {
        let hand = Self::hand(offset);
        let (known, by) = self.at_hand[hand];
        (self.has >> hand & 1 == 1 && known == offset).then_some(by)
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self { frames: vec![Frame::default(); FRAMES], at: At::Table(Err(0)) }
    }
}

impl Frames {
    /// Where the old `offset` in the frame of a function has gone, for an instruction at `new`: as far as it went last
    /// time, or the one nearest to it; of two as near, the lower one.
    #[inline]
    pub(super) fn predict(&mut self, function: usize, new: usize, offset: i32) -> i32 {
        let frame = &mut self.frames[function % FRAMES];
        if frame.function != function || new - frame.seen > REACH {
            frame.begin(function);
        }
        frame.seen = new;
        if frame.moved.is_empty() {
            if frame.still.len() < STILL {
                frame.still.push(offset);
                self.at = At::Still;
                return offset;
            }
            frame.settle();
        }
        if let Some(by) = frame.at_hand(offset) {
            self.at = At::Hand(by);
            return offset.wrapping_add(by);
        }
        let moved = &frame.moved;
        let at = moved.binary_search_by_key(&offset, |known| known.0);
        self.at = At::Table(at);
        let known = match at {
            Ok(at) => moved.get(at),
            Err(at) => {
                let below = at.checked_sub(1).and_then(|at| moved.get(at));
                nearer(offset, below, moved.get(at), |known| known.0)
            }
        };
        known.map_or(offset, |known| offset.wrapping_add(known.1))
    }

    /// The offset that was predicted last is `now` in truth.
    #[inline]
    pub(super) fn learn(&mut self, function: usize, offset: i32, now: i32) {
        match self.at {
            At::Still if now == offset => {}
            At::Hand(known) if known == now.wrapping_sub(offset) => {}
            _ => self.learn_more(function, offset, now.wrapping_sub(offset)),
        }
    }

    fn learn_more(&mut self, function: usize, offset: i32, by: i32) {
        let frame = &mut self.frames[function % FRAMES];
        let at = match self.at {
            At::Still => {
                frame.still.pop();
                frame.settle();
                frame.moved.binary_search_by_key(&offset, |known| known.0)
            }
            At::Hand(_) => frame.moved.binary_search_by_key(&offset, |known| known.0),
            At::Table(at) => at,
        };
        match at {
            Ok(at) => frame.moved[at].1 = by,
            Err(at) if frame.moved.len() < MOST => frame.moved.insert(at, (offset, by)),
            Err(_) => return,
        }
        let hand = Frame::hand(offset);
        frame.at_hand[hand] = (offset, by);
        frame.has |= 1 << hand;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_what_moved_has_moved_too() {
        let mut frames = Frames::default();
        assert_eq!(frames.predict(5, 100, 0x20), 0x20, "nothing is known");
        frames.learn(5, 0x20, 0x30);
        assert_eq!(frames.predict(5, 110, 0x28), 0x38);
        frames.learn(5, 0x28, 0x38);
        assert_eq!(frames.predict(5, 120, 0x100), 0x110);
        frames.learn(5, 0x100, 0x100);
        assert_eq!(frames.predict(5, 130, 0xf0), 0xf0, "the nearest counts");
        frames.learn(5, 0xf0, 0xf8);
        assert_eq!(frames.predict(5, 140, 0xf0), 0xf8, "the last time counts");
        assert_eq!(frames.predict(6, 150, 0x20), 0x20, "another function");
        assert_eq!(frames.predict(5, 140 + REACH + 1, 0x20), 0x20, "long ago");
        frames.predict(5 + FRAMES, 9000, 0x20);
        frames.learn(5 + FRAMES, 0x20, 0x40);
        assert_eq!(frames.predict(5, 9001, 0x20), 0x20, "its place was taken");
    }

    /// What is known of one frame, without a short cut.
    #[derive(Default)]
    struct Plain {
        function: usize,
        seen: usize,
        moved: std::collections::BTreeMap<i32, i32>,
    }

    impl Plain {
        fn predict(&mut self, function: usize, new: usize, offset: i32) -> i32 {
            if self.function != function || new - self.seen > REACH {
                (self.function, self.moved) = (function, Default::default());
            }
            self.seen = new;
            let known = self.moved.get_key_value(&offset).or_else(|| {
                let (below, above) = (self.moved.range(..offset).last(), self.moved.range(offset..).next());
                nearer(offset, below, above, |known| *known.0)
            });
            known.map_or(offset, |known| offset + known.1)
        }

        fn learn(&mut self, offset: i32, now: i32) {
            if self.moved.len() < MOST || self.moved.contains_key(&offset) {
                self.moved.insert(offset, now - offset);
            }
        }
    }

    #[test]
    fn all_offsets_are_known_whether_one_moves_soon_late_or_never() {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize
        };
        for (rare, offsets) in [(1, 40), (7, 300), (200, 40), (1500, 3000), (1 << 30, 90)] {
            let (mut frames, mut plain, mut new) = (Frames::default(), Plain::default(), 0);
            for at in 0..20_000 {
                let (function, offset) = (at / 3000, (next() % offsets) as i32 * 4 - 60);
                new += if next().is_multiple_of(3000) { REACH + 1 } else { 5 };
                let predicted = frames.predict(function, new, offset);
                assert_eq!(predicted, plain.predict(function, new, offset), "{rare} {at}");
                let now =
                    if next().is_multiple_of(rare) { offset + (next() % 3) as i32 * 8 } else { predicted };
                frames.learn(function, offset, now);
                plain.learn(offset, now);
            }
        }
    }

    #[test]
    fn offsets_are_read_and_written_where_there_is_room() {
        let written = |kind, mut bytes: Vec<u8>, wanted| {
            put_offset(kind, wanted, &mut bytes);
            offset(kind, &bytes)
        };
        assert_eq!(written(Kind::Stack1, vec![0xf8], 127), 127);
        assert_eq!(written(Kind::Base1, vec![0xf8], 128), -8, "a byte has no room for it");
        assert_eq!(written(Kind::Stack4, vec![8, 0, 0, 0], -70_000), -70_000);
        // ldr x8, [sp, #0x78]; ldp x29, x30, [sp, #0x30]
        let (load, pair) = (0xf940_3fe8u32.to_le_bytes().to_vec(), 0xa943_7bfdu32.to_le_bytes().to_vec());
        assert_eq!(written(Kind::StackLow, load.clone(), 0x7ff8), 0x7ff8);
        for none in [0x8000, 0x7c, -8] {
            assert_eq!(written(Kind::StackLow, load.clone(), none), 0x78);
        }
        assert_eq!(written(Kind::StackPair, pair.clone(), -512), -512);
        for none in [512, 0x34, -520] {
            assert_eq!(written(Kind::StackPair, pair.clone(), none), 0x30);
        }
    }

    #[test]
    fn any_numbers_and_any_many_of_them_do() {
        let mut frames = Frames::default();
        for at in 0..3000 {
            let offset = if at % 2 == 0 { i32::MAX - at } else { i32::MIN + at };
            frames.predict(1, at as usize, offset);
            frames.learn(1, offset, i32::MIN);
        }
        assert_eq!(frames.frames[1].moved.len(), MOST);
    }
}
