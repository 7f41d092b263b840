//! Units whose code is predicted: alignment over references instead of addresses, and what the prediction misses.

use std::collections::HashMap;
use std::iter::Peekable;
use std::ops::Range;

use super::MakeError;
use super::align::{Stretch, align_within, offers_within};
use super::choose::{Prices, choose};
use super::draft::Draft;
use super::{Effort, MakeOptions};
use crate::delta::code::{
    Answer, Corrects, Following, Functions, Grounds, Image, Kind, Layout, Map, Mends, PIECE, Predictor, Refs,
    Seal, Seen, Span, nearer, offset, put_offset, turn,
};
use crate::delta::ops::MAX_SPANS;
use crate::delta::streams::Kind as Stream;
use crate::delta::wire::{Short, put, put_signed};

/// Bytes predicted at once.
const CHUNK: usize = 64 * 1024;

/// Bytes by which matches must beat going on as before, in each pass. In the last one, more and less let one choose.
const GAINS: [&[usize]; 3] = [&[6], &[12, 5], &[20, 9, 5]];
/// The same for large programs: each gain is a search through all of it.
const GAINS_LARGE: [&[usize]; 2] = [&[6], &[9]];
/// From so many new bytes on a program is large.
const LARGE: usize = 64 << 20;

/// An executable with its references.
pub(super) struct Program<'a> {
    image: Image<'a>,
    refs: Refs,
}

impl<'a> Program<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let image = Image::read(bytes)?;
        let refs = Refs::find(&image);
        Some(Self { image, refs })
    }

    /// The same with hashes that are computed when it is made.
    pub(super) fn sealed(mut self, seal: Option<Seal>) -> Self {
        self.image.seal(seal);
        self
    }

    /// Whether the other can be predicted from this one.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.image.is_like(&other.image)
    }

    /// The bytes with every reference replaced by what stands for its target, and every offset in a frame by what stands for
    /// it.
    fn tokens(
        &self,
        bytes: &[u8],
        token: impl Fn(Kind, u64) -> Option<u32>,
        frame: impl Fn(usize, i32) -> i32,
    ) -> Vec<u8> {
        let mut out = bytes.to_vec();
        let mut functions = Functions::default();
        for of in self.refs.from(0) {
            if of.kind.is_in_frame() {
                let here = &mut out[of.place..of.end()];
                put_offset(of.kind, frame(functions.frame(&self.refs, of), offset(of.kind, here)), here);
                continue;
            }
            let Some(target) = self.refs.target(&self.image, of) else { continue };
            let Some(token) = token(of.kind, target) else { continue };
            let here = &mut out[of.place..of.end()];
            let mut word = [0; 8];
            word[..here.len()].copy_from_slice(here);
            let bits = of.kind.bits().unwrap_or(u64::MAX);
            let word = u64::from_le_bytes(word) & !bits | u64::from(token) & bits;
            here.copy_from_slice(&word.to_le_bytes()[..here.len()]);
        }
        out
    }
}

/// What stands for a target.
fn token(target: u64) -> u32 {
    (target as u32 ^ (target >> 32) as u32).wrapping_mul(0x9e37_79b1).rotate_left(7)
}

/// What stands for lengths and ends, which follow from other references.
const MADE_UP: u32 = 0x7777_7777;
/// What stands for a target of which nobody knows where it went.
const LOST: u32 = 0xeeee_eeee;

/// Spans of the stretches, as the decoder will see them; nothing if there are more than it takes.
pub(super) fn map(stretches: &[Stretch], old_length: usize) -> Option<Map> {
    let span = |stretch: &Stretch| Span {
        old: stretch.old as u32,
        new: stretch.new as u32,
        length: stretch.length as u32,
    };
    (stretches.len() as u64 <= MAX_SPANS).then(|| Map::new(stretches.iter().map(span).collect(), old_length))
}

/// Aligns two programs.
pub(super) fn align_programs(
    (old, old_bytes): (&Program<'_>, &[u8]),
    (new, new_bytes): (&Program<'_>, &[u8]),
    options: &MakeOptions,
    (threads, memory): (usize, u64),
) -> Result<Vec<Stretch>, MakeError> {
    // Both programs are held once more while they are aligned.
    let left = memory.saturating_sub((old_bytes.len() + new_bytes.len()) as u64);
    let quick = options.effort == Effort::Fast;
    // First without addresses in code: what has the same form lies side by side.
    let mask = |kind: Kind, _target: u64| (kind != Kind::Pointer).then_some(MADE_UP);
    let mut stretches = {
        let blank = |_: usize, _: i32| 0;
        let (from, to) = (old.tokens(old_bytes, mask, blank), new.tokens(new_bytes, mask, blank));
        align_within(&from, &to, threads, left, quick)?
    };
    let label = |kind: Kind, target: u64| Some(if kind.is_label() { token(target) } else { MADE_UP });
    let to = new.tokens(new_bytes, label, |_, offset| offset);
    let prices = Prices::new(options.effort == Effort::Smallest);
    let passes: &[&[usize]] = match (quick, new_bytes.len() >= LARGE) {
        (true, _) => &[&[]],
        (false, false) => &GAINS,
        (false, true) => &GAINS_LARGE,
    };
    for gains in passes {
        let Some(map) = map(&stretches, old_bytes.len()) else { return Ok(stretches) };
        let gone = votes(old, new, &stretches);
        let grounds = Grounds { image: &old.image, refs: &old.refs, new: new.image.layout(), map: &map };
        let follow = |kind: Kind, target: u64| {
            if !kind.is_label() {
                return Some(MADE_UP);
            }
            let went = gone.get(&target).copied().or_else(|| grounds.guess(target).map(|guess| guess.0));
            Some(went.map_or(LOST, token))
        };
        let moved = moved(old, (old_bytes, new_bytes), &stretches);
        let from = old.tokens(old_bytes, follow, |frame, offset| moved.now(frame, offset));
        let offers = offers_within((&from, &to), (threads, left, quick), gains, &prices)?;
        stretches = choose(&from, &to, &offers, &prices, threads);
    }
    Ok(stretches)
}

/// Where most references of the aligned code say that a target has gone.
fn votes(old: &Program<'_>, new: &Program<'_>, stretches: &[Stretch]) -> HashMap<u64, u64> {
    let mut pairs: Vec<(u64, u64)> = Vec::new();
    for stretch in stretches {
        let mut lefts = old.refs.from(stretch.old).peekable();
        let mut rights = new.refs.from(stretch.new).peekable();
        let end = stretch.old + stretch.length;
        while let (Some(&left), Some(&right)) = (lefts.peek(), rights.peek()) {
            let from = left.place - stretch.old.min(left.place);
            let to = right.place - stretch.new.min(right.place);
            if left.end() > end {
                break;
            }
            if from == to && left.kind == right.kind && left.kind.is_label() {
                let targets = (old.refs.target(&old.image, left), new.refs.target(&new.image, right));
                if let (Some(from), Some(to)) = targets {
                    pairs.push((from, to));
                }
            }
            lefts.next_if(|_| from <= to);
            rights.next_if(|_| to <= from);
        }
    }
    pairs.sort_unstable();
    let mut gone = HashMap::new();
    for of_one in pairs.chunk_by(|left, right| left.0 == right.0) {
        let runs = of_one.chunk_by(|left, right| left == right);
        let most = runs.max_by_key(|run| run.len()).filter(|run| run.len() > 1);
        gone.extend(most.map(|run| run[0]));
    }
    gone
}

/// Where old offsets in frames have gone: frames by their number, offsets in order.
struct Moved(Vec<(usize, i32, i32)>);

impl Moved {
    /// The new one of an offset: its own or that of the nearest one in its frame.
    fn now(&self, frame: usize, offset: i32) -> i32 {
        let at = self.0.partition_point(|known| (known.0, known.1) < (frame, offset));
        let known = |at: Option<usize>| at.and_then(|at| self.0.get(at)).filter(|known| known.0 == frame);
        let nearest = nearer(offset, known(at.checked_sub(1)), known(Some(at)), |known| known.1);
        nearest.map_or(offset, |known| offset.wrapping_add(known.2.wrapping_sub(known.1)))
    }
}

/// What most instructions of the aligned code say of offsets in frames.
fn moved(old: &Program<'_>, (old_bytes, new_bytes): (&[u8], &[u8]), stretches: &[Stretch]) -> Moved {
    let mut seen: Vec<(usize, i32, i32)> = Vec::new();
    let mut functions = Functions::default();
    for stretch in stretches {
        let end = stretch.old + stretch.length;
        for of in old.refs.within(stretch.old..end).filter(|of| of.kind.is_in_frame()) {
            let new = stretch.new + (of.place - stretch.old);
            let said = |bytes: &[u8], at: usize| offset(of.kind, &bytes[at..at + of.kind.width()]);
            seen.push((functions.frame(&old.refs, of), said(old_bytes, of.place), said(new_bytes, new)));
        }
    }
    seen.sort_unstable();
    let most = |of_one: &[(usize, i32, i32)]| {
        of_one.chunk_by(|left, right| left == right).max_by_key(|run| run.len()).map(|run| run[0])
    };
    Moved(seen.chunk_by(|left, right| (left.0, left.1) == (right.0, right.1)).filter_map(most).collect())
}

/// Writes a unit whose code is predicted.
pub(super) fn write(
    draft: &mut Draft,
    old: &Program<'_>,
    (new, new_bytes): (&Program<'_>, &[u8]),
    stretches: &[Stretch],
    map: &Map,
) {
    new.image.layout().write(draft.stream(Stream::Layout));
    let layout: &Layout = new.image.layout();
    let before = draft.stream(Stream::Extra).len();
    draft.ops(new_bytes, stretches);
    let mut predictor = Predictor::new(Grounds { image: &old.image, refs: &old.refs, new: layout, map });
    turn_extra(draft, before, layout, (stretches, new_bytes.len()));
    let mut telling = Telling { draft, program: new, next: new.refs.from(0).peekable(), new: new_bytes };
    let mut chunk = vec![0; CHUNK];
    for stretch in stretches {
        let mut done = 0;
        while done < stretch.length {
            let span = (stretch.old + done, stretch.new + done, stretch.length - done);
            // The new file can't be wrong about itself.
            let Ok(count) = predictor.make(span, (&mut chunk, 0), &mut telling) else { return };
            done += count;
        }
    }
}

/// Turns the extra bytes just written, those between the stretches, piece by piece as the decoder takes them, and tells
/// them in parts as well.
fn turn_extra(draft: &mut Draft, mut at: usize, layout: &Layout, (stretches, length): (&[Stretch], usize)) {
    let Draft { streams, apart, .. } = draft;
    let extra = &mut streams[Stream::Extra as usize];
    let mut new = 0;
    for stretch in stretches.iter().copied().chain([Stretch { old: 0, new: length, length: 0 }]) {
        while new < stretch.new {
            let count = (stretch.new - new).min(PIECE);
            let piece = &mut extra[at..at + count];
            let taken = apart.take(layout, new as u64, piece);
            turn(layout, new as u64, piece, false);
            if !taken {
                apart.left.extend_from_slice(piece);
            }
            (at, new) = (at + count, new + count);
        }
        new += stretch.length;
    }
}

/// Tells what the new program really says.
struct Telling<'a> {
    draft: &'a mut Draft,
    program: &'a Program<'a>,
    next: Peekable<Following<'a>>,
    new: &'a [u8],
}

impl Telling<'_> {
    /// What the new program has at the place of a reference, if it is one of the same kind.
    fn points(&mut self, seen: &Seen<'_>, real: &[u8]) -> Option<u64> {
        let refs = &self.program.refs;
        while self.next.next_if(|of| of.place < seen.new).is_some() {}
        let of = self.next.peek().copied().filter(|of| of.place == seen.new && of.kind == seen.kind)?;
        if !of.kind.has_partner() && seen.stays(real) {
            // A branch whose surroundings moved with it: the old bytes are right, which says so in fewest bytes.
            return None;
        }
        if of.kind.has_partner() { refs.target(&self.program.image, of) } else { Some(seen.points(real)) }
    }
}

impl Corrects for Telling<'_> {
    fn reference(&mut self, seen: &Seen<'_>, target: u64) -> Result<Answer, Short> {
        let width = seen.kind.width();
        let real = &self.new[seen.new..seen.new + width];
        if seen.says(target, real) {
            self.draft.right += 1;
            return Ok(Answer::Right);
        }
        let right = std::mem::take(&mut self.draft.right);
        put(right, self.draft.stream(Stream::Right));
        let other = self.points(seen, real).filter(|&other| other != target);
        let wrong = self.draft.stream(Stream::Wrong);
        put_signed(other.map_or(0, |other| other.wrapping_sub(target).cast_signed()), wrong);
        Ok(other.map_or(Answer::None, Answer::Points))
    }
}

impl Mends for Telling<'_> {
    fn bytes(
        &mut self,
        (_, new): (usize, usize),
        bytes: &mut [u8],
        range: Range<usize>,
    ) -> Result<(), Short> {
        let (bytes, real) = (&mut bytes[range.clone()], &self.new[new..new + range.len()]);
        self.draft.differ(bytes, real);
        bytes.copy_from_slice(real);
        Ok(())
    }
}
