//! Predicts new bytes from old ones: references are made to point where their targets have gone.

use std::ops::Range;

use super::super::wire::Short;
use super::arm;
use super::frames::{Frames, offset, put_offset};
use super::image::{Image, Layout};
use super::kind::{IN_FILE, Kind};
use super::map::Map;
use super::refs::{Functions, Ref, Refs};

/// Most targets that are remembered.
const MOST_LEARNED: usize = 1 << 19;

/// What is said about the prediction of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delta) enum Answer {
    /// It is right.
    Right,
    /// It points here instead.
    Points(u64),
    /// There is no reference: the old bytes are the prediction.
    None,
}

/// Who knows the new references: the delta when it is applied, the new file when it is made.
pub(in crate::delta) trait Corrects {
    /// What the reference at `new`, predicted to point to `target`, really says.
    fn reference(&mut self, seen: &Seen<'_>, target: u64) -> Result<Answer, Short>;
}

/// Who knows the new bytes.
pub(in crate::delta) trait Mends {
    /// Makes predicted bytes right, a range of these that begins at such places of the old and the new file. Those before
    /// the range were made before.
    fn bytes(&mut self, places: (usize, usize), bytes: &mut [u8], range: Range<usize>) -> Result<(), Short>;
}

/// A reference on its way to the new file.
pub(in crate::delta) struct Seen<'p> {
    pub(in crate::delta) kind: Kind,
    /// Its place in the new file.
    #[cfg_attr(not(feature = "vendor"), expect(dead_code, reason = "only making a delta asks for it"))]
    pub(in crate::delta) new: usize,
    /// The address of its place in the new file.
    here: u64,
    /// What relative ones are relative to.
    origin: u64,
    /// The old bytes, as far as they may not all say the target.
    word: u64,
    layout: &'p Layout,
}

impl Seen<'_> {
    /// The bytes that say `target` here.
    #[inline]
    fn value(&self, target: u64) -> u64 {
        let after = |bytes: u64| target.wrapping_sub(self.here.wrapping_add(bytes));
        match self.kind {
            Kind::Near | Kind::Near1 | Kind::Near2 | Kind::Near4 | Kind::Here => after(self.kind.after()),
            Kind::Pointer => target.wrapping_add(self.layout.base),
            Kind::Short | Kind::Relative | Kind::Start | Kind::End => target,
            Kind::FrameTable | Kind::Table | Kind::Length => target.wrapping_sub(self.origin),
            Kind::Back => self.here.wrapping_sub(target),
            Kind::Name => (target & !IN_FILE).wrapping_sub(self.layout.names[0]),
            Kind::DynamicName => (target & !IN_FILE).wrapping_sub(self.layout.names[1]),
            Kind::Branch26 | Kind::Branch19 | Kind::Branch14 | Kind::Adr => self.instruction(after(0)),
            Kind::Page => self.instruction(arm::page(target).wrapping_sub(arm::page(self.here))),
            Kind::Low => self.instruction(target),
            Kind::FarHere => after(0),
            Kind::FarLength => target.wrapping_sub(self.origin),
            Kind::Frame | Kind::Entry => self.keep(target.wrapping_sub(self.origin)),
            Kind::Fixup => self.keep(target),
            Kind::FixupAt => self.keep(target.wrapping_add(self.layout.base)),
            // These say no target.
            Kind::Stack1 | Kind::Stack4 | Kind::Base1 | Kind::Base4 | Kind::StackLow | Kind::StackPair => {
                self.word
            }
        }
    }

    /// The old instruction with another number.
    fn instruction(&self, number: u64) -> u64 {
        self.keep(u64::from(arm::bits(self.kind, number, self.word as u32)))
    }

    /// The old bytes with other bits where the target is said.
    fn keep(&self, bits: u64) -> u64 {
        let told = self.kind.bits().unwrap_or(u64::MAX);
        self.word & !told | bits & told
    }

    /// Whether these bytes say `target` here.
    #[cfg(feature = "vendor")]
    pub(in crate::delta) fn says(&self, target: u64, bytes: &[u8]) -> bool {
        let all = u64::MAX >> (64 - 8 * bytes.len());
        (self.value(target) ^ number(bytes)) & self.kind.bits().unwrap_or(all) == 0
    }

    /// Whether the bytes here say the same as the old ones did, where both have other bits beside or may be no reference.
    #[cfg(feature = "vendor")]
    pub(in crate::delta) fn stays(&self, bytes: &[u8]) -> bool {
        let bits = self.kind.bits().or(self.kind.is_number().then_some(u64::MAX));
        bits.is_some_and(|bits| (number(bytes) ^ self.word) & bits == 0)
    }

    /// What the bytes here point to, the other way round.
    #[cfg(feature = "vendor")]
    pub(in crate::delta) fn points(&self, bytes: &[u8]) -> u64 {
        let value = number(bytes);
        let near = i64::from((value as u32).cast_signed()).cast_unsigned();
        match self.kind {
            Kind::Pointer => value.wrapping_sub(self.layout.base),
            Kind::Short | Kind::Relative | Kind::Start | Kind::End => value,
            Kind::Back => self.here.wrapping_sub(value),
            Kind::Name => IN_FILE | value.wrapping_add(self.layout.names[0]),
            Kind::DynamicName => IN_FILE | value.wrapping_add(self.layout.names[1]),
            Kind::Length => self.origin.wrapping_add(value),
            Kind::FrameTable | Kind::Table => self.origin.wrapping_add(near),
            Kind::Near | Kind::Near1 | Kind::Near2 | Kind::Near4 | Kind::Here => {
                self.here.wrapping_add(self.kind.after()).wrapping_add(near)
            }
            Kind::Branch26 | Kind::Branch19 | Kind::Branch14 | Kind::Adr => {
                self.here.wrapping_add(arm::number(self.kind, value as u32))
            }
            Kind::Page | Kind::Low => value,
            Kind::FarHere => self.here.wrapping_add(value),
            Kind::FarLength => self.origin.wrapping_add(value),
            Kind::Frame | Kind::Entry => self.origin.wrapping_add(value & 0x00ff_ffff),
            Kind::Fixup => value & 0x000f_ffff_ffff,
            Kind::FixupAt => (value & 0x000f_ffff_ffff).wrapping_sub(self.layout.base),
            // These say no target.
            Kind::Stack1 | Kind::Stack4 | Kind::Base1 | Kind::Base4 | Kind::StackLow | Kind::StackPair => {
                value
            }
        }
    }
}

/// A number of up to eight bytes.
#[cfg(feature = "vendor")]
fn number(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// What the old file, the layout of the new one and the map say; it does not change.
#[derive(Clone, Copy)]
pub(in crate::delta) struct Grounds<'a> {
    pub(in crate::delta) image: &'a Image<'a>,
    pub(in crate::delta) refs: &'a Refs,
    pub(in crate::delta) new: &'a Layout,
    pub(in crate::delta) map: &'a Map,
}

impl Grounds<'_> {
    /// Where a target has gone, by the map alone.
    pub(in crate::delta) fn guess(&self, target: u64) -> Option<(u64, bool)> {
        if target & IN_FILE != 0 {
            let (new, sure) = self.map.get((target & !IN_FILE) as usize)?;
            return Some((IN_FILE | new as u64, sure));
        }
        if let Some(old) = self.image.layout.offset(target) {
            let (new, sure) = self.map.get(old as usize)?;
            return Some((self.new.address(new as u64)?, sure));
        }
        let blanks = &self.image.layout.blanks;
        let from = blanks.iter().find(|blank| target.wrapping_sub(blank.address) <= blank.length)?;
        let to = self.new.blanks.iter().find(|blank| blank.name == from.name)?;
        Some((to.address.wrapping_add(target.wrapping_sub(from.address)), true))
    }

    /// Where the end of something has gone: after the place where its last byte went.
    fn end(&self, end: u64) -> Option<(u64, bool)> {
        let (last, sure) = self.guess(end.wrapping_sub(1))?;
        Some((last.wrapping_add(1), sure))
    }

    /// What a reference counts from in the old file, if it counts from something.
    #[inline]
    fn origin(&self, place: usize, kind: Kind) -> Option<Option<u64>> {
        let old = match kind {
            Kind::FrameTable | Kind::Frame => self.refs.frame_table,
            Kind::Table | Kind::Entry => self.refs.origin(place)?,
            Kind::Length => self.refs.function(self.image, place)?,
            Kind::FarLength => self.refs.far_function(self.image, place)?,
            _ => return Some(None),
        };
        Some(Some(old))
    }
}

/// A reference that was predicted and is not mended with the bytes around it, or a place in a frame.
#[derive(Debug, Clone, Copy)]
pub(in crate::delta) struct Mark {
    /// Its place in the new file.
    new: u32,
    /// Of a place in a frame the number of that.
    frame: u32,
    kind: Kind,
}

/// Predicts all that depends on no new bytes: what references will say.
pub(in crate::delta) struct Resolver<'a> {
    on: Grounds<'a>,
    learned: Learned,
    functions: Functions,
}

impl<'a> Resolver<'a> {
    pub(in crate::delta) fn new(on: Grounds<'a>) -> Self {
        Self { on, learned: Learned::default(), functions: Functions::default() }
    }

    /// How many bytes of a stretch, of which `left` are left, are predicted at once: at most `room`, cut before a reference.
    pub(in crate::delta) fn piece(&self, old: usize, left: usize, room: usize) -> usize {
        if left <= room {
            return left;
        }
        let cut = self.on.refs.across(old + room).filter(|of| of.place > old && of.end() > old + room);
        cut.map_or(room, |of| of.place - old)
    }

    /// The old bytes.
    pub(in crate::delta) fn old(&self) -> &'a [u8] {
        self.on.image.data
    }

    /// Makes new bytes, which go to `new`, from the old ones at `old`, which `out` holds; of what is seen to later it adds
    /// marks.
    pub(in crate::delta) fn predict(
        &mut self,
        (old, new): (usize, usize),
        out: &mut [u8],
        marks: &mut Vec<Mark>,
        teller: &mut impl Corrects,
    ) -> Result<(), Short> {
        let on = self.on;
        for of in on.refs.within(old..old + out.len()) {
            let (at, kind) = (of.place - old, of.kind);
            let (place, mut frame) = (new + at, 0);
            if kind.is_in_frame() {
                frame = self.functions.frame(on.refs, of) as u32;
            } else {
                let Some(value) = self.resolve(of, place, teller)? else { continue };
                put(value, &mut out[at..at + kind.width()]);
                // What else these bytes say is mended with all others.
                if kind.bits().is_some() {
                    continue;
                }
            }
            marks.push(Mark { new: place as u32, frame, kind });
        }
        Ok(())
    }

    /// What a reference will say at `new`; nothing if the old bytes are its prediction.
    #[inline]
    fn resolve(&mut self, of: Ref, new: usize, teller: &mut impl Corrects) -> Result<Option<u64>, Short> {
        let kind = of.kind;
        // Most are of these kinds.
        if kind <= Kind::Near4 {
            let Some((here, old, gone)) = self.predict_near(of, new) else { return Ok(None) };
            let seen = Seen { kind, new, here, origin: 0, word: 0, layout: self.on.new };
            self.correct(&seen, Some(old), gone, teller)
        } else if kind.is_address() {
            let old = u64::from(self.on.image.u32(of.place));
            let Some(gone) = self.gone(old) else { return Ok(None) };
            let seen = Seen { kind, new, here: 0, origin: 0, word: old, layout: self.on.new };
            self.correct(&seen, Some(old), gone, teller)
        } else {
            let Some((seen, label, gone)) = self.predict_far(of, new) else { return Ok(None) };
            self.correct(&seen, label, gone, teller)
        }
    }

    /// What a reference predicted to point to `target` says in truth; nothing if that is none.
    #[expect(clippy::inline_always, reason = "what it is told stays where it is")]
    #[inline(always)]
    fn correct(
        &mut self,
        seen: &Seen<'_>,
        label: Option<u64>,
        (target, sure): (u64, bool),
        teller: &mut impl Corrects,
    ) -> Result<Option<u64>, Short> {
        let target = match teller.reference(seen, target)? {
            Answer::Right => target,
            Answer::Points(other) => {
                if let Some(label) = label {
                    self.learned.put(label, other, sure);
                }
                other
            }
            Answer::None => {
                // A number that only looks like an address is the same wherever it stands.
                if let Some(label) = label.filter(|_| seen.kind.is_number()) {
                    self.learned.put(label, label, false);
                }
                return Ok(None);
            }
        };
        Ok(Some(seen.value(target)))
    }

    /// Where a reference will point to, and whether the map is sure of it; and what it points to in the old file, if what
    /// becomes of that is remembered.
    #[expect(clippy::inline_always, reason = "what it tells stays where it is")]
    #[inline(always)]
    fn predict_far(&self, of: Ref, new: usize) -> Option<(Seen<'a>, Option<u64>, (u64, bool))> {
        let Ref { place, kind, .. } = of;
        let on = self.on;
        let old = on.refs.target(on.image, of)?;
        let here = match kind {
            Kind::Pointer | Kind::Short | Kind::Relative | Kind::Start | Kind::End => 0,
            Kind::Name | Kind::DynamicName => 0,
            Kind::Low | Kind::Frame | Kind::Entry | Kind::Fixup | Kind::FixupAt => 0,
            _ => on.new.address(new as u64)?,
        };
        let origin = match on.origin(place, kind)? {
            Some(old) => self.gone(old)?.0,
            None => 0,
        };
        let label = kind.is_label().then_some(old);
        let gone = if label.is_some() { self.gone(old) } else { on.end(old) };
        let word = if kind.width() == 8 { on.image.u64(place) } else { on.image.u32(place).into() };
        let seen = Seen { kind, new, here, origin, word, layout: on.new };
        gone.map(|gone| (seen, label, gone))
    }

    /// The same for those that say how far their target lies from the end of their instruction: the address where it will
    /// lie, its old target, and where that has gone.
    #[expect(clippy::inline_always, reason = "what it tells stays where it is")]
    #[inline(always)]
    fn predict_near(&self, of: Ref, new: usize) -> Option<(u64, u64, (u64, bool))> {
        let old = self.on.refs.target(self.on.image, of)?;
        Some((self.on.new.address(new as u64)?, old, self.gone(old)?))
    }

    /// Where a target has gone, by what was learned or by the map, and whether that is sure.
    #[inline]
    fn gone(&self, target: u64) -> Option<(u64, bool)> {
        match self.learned.get(target) {
            Some(learned) => Some((learned, false)),
            None => self.on.guess(target),
        }
    }
}

/// Predicts what depends on the new bytes before it, and has all bytes mended.
#[derive(Default)]
pub(in crate::delta) struct Mender {
    frames: Frames,
}

impl Mender {
    /// Makes predicted bytes right, a range of `out` that comes from `old` and goes to `new`; `marks` are those in it, and
    /// maybe after it. Tells how many were in it.
    pub(in crate::delta) fn mend(
        &mut self,
        (old, new): (usize, usize),
        (out, range): (&mut [u8], Range<usize>),
        marks: &[Mark],
        teller: &mut impl Mends,
    ) -> Result<usize, Short> {
        let (start, new_end) = (range.start, new + range.len());
        let (mut done, places) = (start, |at: usize| (old + (at - start), new + (at - start)));
        let mut used = 0;
        for mark in marks.iter().take_while(|mark| (mark.new as usize) < new_end) {
            used += 1;
            let at = start + (mark.new as usize - new);
            let end = at + mark.kind.width();
            if mark.kind.is_in_frame() {
                self.frame(*mark, places(done), (out, done..end), teller)?;
            } else {
                teller.bytes(places(done), out, done..at)?;
            }
            done = end;
        }
        teller.bytes(places(done), out, done..range.end)?;
        Ok(used)
    }

    /// Predicts a place in a frame, which lies at the end of `range`, and makes the range right.
    fn frame(
        &mut self,
        Mark { new, frame, kind }: Mark,
        places: (usize, usize),
        (out, range): (&mut [u8], Range<usize>),
        teller: &mut impl Mends,
    ) -> Result<(), Short> {
        let (at, frame) = (range.end - kind.width()..range.end, frame as usize);
        let old = offset(kind, &out[at.clone()]);
        let predicted = self.frames.predict(frame, new as usize, old);
        if predicted != old {
            put_offset(kind, predicted, &mut out[at.clone()]);
        }
        teller.bytes(places, out, range)?;
        self.frames.learn(frame, old, offset(kind, &out[at]));
        Ok(())
    }
}

/// Predicts one file from another.
pub(in crate::delta) struct Predictor<'a> {
    resolver: Resolver<'a>,
    mender: Mender,
    marks: Vec<Mark>,
}

impl<'a> Predictor<'a> {
    pub(in crate::delta) fn new(on: Grounds<'a>) -> Self {
        Self { resolver: Resolver::new(on), mender: Mender::default(), marks: Vec::new() }
    }

    /// Makes the next bytes of a stretch, from `old` on, at `new`: at most as many as `out` holds from `start` on and
    /// `left` are left in the stretch. Before `start` is what was made before. Returns how many.
    pub(in crate::delta) fn make(
        &mut self,
        (old, new, left): (usize, usize, usize),
        (out, start): (&mut [u8], usize),
        teller: &mut (impl Corrects + Mends),
    ) -> Result<usize, Short> {
        let count = self.resolver.piece(old, left, out.len() - start);
        let range = start..start + count;
        self.marks.clear();
        let bytes = &mut out[range.clone()];
        bytes.copy_from_slice(&self.resolver.old()[old..old + count]);
        self.resolver.predict((old, new), bytes, &mut self.marks, teller)?;
        self.mender.mend((old, new), (out, range), &self.marks, teller)?;
        Ok(count)
    }
}

/// Writes a number of as many bytes.
#[inline]
fn put(value: u64, bytes: &mut [u8]) {
    if let Ok(bytes) = <&mut [u8; 4]>::try_from(&mut *bytes) {
        *bytes = (value as u32).to_le_bytes();
    } else {
        bytes.copy_from_slice(&value.to_le_bytes()[..bytes.len()]);
    }
}

/// Targets that turned out to have gone elsewhere than the map says.
#[derive(Debug, Default)]
struct Learned {
    /// Target and where it went; a power of two of them, open addressing.
    slots: Vec<(u64, u64)>,
    count: usize,
    /// A bit for each hash of those in it: most are asked for in vain, and these stay at hand.
    marks: Vec<u64>,
}

/// Bits of `marks`, as a power of two.
const MARKS: u32 = 18;

const EMPTY: u64 = u64::MAX;
/// Set where a target was seen elsewhere once.
const DOUBTED: u64 = 1 << 62;

impl Learned {
    /// Where the mark of a target is.
    #[inline]
    fn mark(target: u64) -> (usize, u64) {
        let hash = target.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - MARKS);
        ((hash >> 6) as usize, 1 << (hash & 63))
    }

    #[inline]
    fn slot(&self, target: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (target.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.slots[at].0 != target && self.slots[at].0 != EMPTY {
            at = (at + 1) & mask;
        }
        at
    }

    #[inline]
    fn get(&self, target: u64) -> Option<u64> {
        let (word, bit) = Self::mark(target);
        if self.marks.get(word).is_none_or(|marks| marks & bit == 0) {
            return None;
        }
        let (key, value) = self.slots[self.slot(target)];
        (key == target && key != EMPTY && value & DOUBTED == 0).then_some(value)
    }

    fn put(&mut self, target: u64, mut value: u64, sure: bool) {
        if target == EMPTY {
            return;
        }
        if (self.count + 1) * 2 > self.slots.len() {
            if self.count >= MOST_LEARNED {
                return;
            }
            self.marks.resize(1 << (MARKS - 6), 0);
            let larger = vec![(EMPTY, 0); (self.slots.len() * 2).max(1024)];
            for (key, value) in std::mem::replace(&mut self.slots, larger) {
                if key != EMPTY {
                    let at = self.slot(key);
                    self.slots[at] = (key, value);
                }
            }
        }
        let at = self.slot(target);
        // Where the map is sure, one reference that goes elsewhere is an exception; two to the same place are not.
        if sure && self.slots[at] != (target, value | DOUBTED) {
            value |= DOUBTED;
        }
        let (word, bit) = Self::mark(target);
        self.marks[word] |= bit;
        self.count += usize::from(self.slots[at].0 == EMPTY);
        self.slots[at] = (target, value);
    }
}
