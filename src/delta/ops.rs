//! The instructions of a unit: stretches made from old bytes with their differences mended, and extra bytes.

use std::ops::Range;

use super::code::Answer;
use super::mixed::Literals;
use super::streams::{Kind, Source, Streams};
use super::threads::both;
use super::wire::{Numbers, Short};

/// Most stretches of a unit whose code is predicted.
pub(super) const MAX_SPANS: u64 = 1 << 20;

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Op {
    /// Where its old bytes begin.
    pub(super) old: u64,
    /// How many bytes are made from them.
    pub(super) add: u64,
    /// How many extra bytes follow.
    pub(super) copy: u64,
}

/// The control streams of a group, in memory.
pub(super) struct Control {
    held: [Vec<u8>; Kind::Literals as usize],
}

impl Control {
    /// Unpacks them, half of them in a thread of its own.
    pub(super) fn unpack(streams: &Streams<'_>) -> Result<Self, Short> {
        use Kind::{Add, Copy, Layout, Right, Runs, Seek, Wrong, Zeros};
        let mut held = [const { Vec::new() }; Kind::Literals as usize];
        let unpack = |kinds: [Kind; 4]| kinds.map(|kind| streams.held(kind));
        let (some, others) = ([Layout, Add, Copy, Seek], [Zeros, Runs, Right, Wrong]);
        let (there, here) = both("control", || unpack(others), || unpack(some));
        for (kind, bytes) in some.into_iter().chain(others).zip(here.into_iter().chain(there)) {
            held[kind as usize] = bytes?;
        }
        Ok(Self { held })
    }

    pub(super) fn numbers(&self, kind: Kind) -> Numbers<'_> {
        Numbers::new(&self.held[kind as usize])
    }
}

/// How many lines are known at a time.
const LINES: usize = 4;
/// So far from a line one goes on with it.
const NEAR: u64 = 64;

/// How far old bytes lay after the new ones that they made, in the stretches before, the last one first: most stretches go
/// on with one of these lines, since what was put in between has ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lines([i64; LINES]);

impl Lines {
    /// Goes on `far` from a line: where that is. Both are as told; too far comes out somewhere.
    fn go(&mut self, line: usize, far: i64) -> i64 {
        let way = self.0[line].wrapping_add(far);
        let last = if far.unsigned_abs() < NEAR { line } else { LINES - 1 };
        self.0.copy_within(..last, 1);
        self.0[0] = way;
        way
    }

    /// Reads where the next stretch goes on: the lowest bit is a sign, the next two are the line.
    fn read(&mut self, told: u64) -> i64 {
        let far = (told >> 3).cast_signed();
        self.go((told >> 1) as usize % LINES, if told & 1 == 1 { far.wrapping_neg() } else { far })
    }

    /// Tells that the next stretch goes on so far from its new bytes, from the line that says so in the fewest bits.
    #[cfg(feature = "vendor")]
    pub(super) fn tell(&mut self, way: i64) -> u64 {
        let cost = |&line: &usize| {
            let bits = u64::BITS - way.abs_diff(self.0[line]).leading_zeros();
            bits + line as u32 + u32::from(line > 0)
        };
        let line = (0..LINES).min_by_key(cost).unwrap_or(0);
        let far = way - self.0[line];
        self.go(line, far);
        far.unsigned_abs() << 3 | (line as u64) << 1 | u64::from(far < 0)
    }
}

/// Reads the instructions of one unit after the other.
#[derive(Clone)]
pub(super) struct Ops<'a> {
    add: Numbers<'a>,
    copy: Numbers<'a>,
    seek: Numbers<'a>,
    lines: Lines,
    old_length: u64,
    /// New bytes of the unit that were made, and that are left.
    made: u64,
    left: u64,
}

impl<'a> Ops<'a> {
    pub(super) fn new(control: &'a Control) -> Self {
        let (add, copy) = (control.numbers(Kind::Add), control.numbers(Kind::Copy));
        let (seek, lines) = (control.numbers(Kind::Seek), Lines::default());
        Self { add, copy, seek, lines, old_length: 0, made: 0, left: 0 }
    }

    /// Goes on to a unit with so many old and new bytes.
    pub(super) fn begin(&mut self, old_length: u64, new_length: u64) {
        (self.lines, self.old_length) = (Lines::default(), old_length);
        (self.made, self.left) = (0, new_length);
    }

    /// The next instruction, or nothing at the end of the unit. What it names is there.
    pub(super) fn next(&mut self) -> Result<Option<Op>, Short> {
        if self.left == 0 {
            return Ok(None);
        }
        let (add, copy) = (self.add.u64()?, self.copy.u64()?);
        let length = add.checked_add(copy).ok_or(Short)?;
        if length == 0 || length > self.left {
            return Err(Short);
        }
        // There are less than 2^63 new bytes, and what comes out before the old ones ends behind them.
        let old = self.lines.read(self.seek.u64()?).wrapping_add(self.made.cast_signed()).cast_unsigned();
        if add > 0 && old.checked_add(add).is_none_or(|end| end > self.old_length) {
            return Err(Short);
        }
        (self.made, self.left) = (self.made + length, self.left - length);
        Ok(Some(Op { old, add, copy }))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.add.is_empty() && self.copy.is_empty() && self.seek.is_empty()
    }
}

/// Tells the references of a group: runs that are right, and what the others point to.
#[derive(Default)]
pub(super) struct Corrections<'a> {
    right: Numbers<'a>,
    wrong: Numbers<'a>,
    run: u64,
}

impl<'a> Corrections<'a> {
    pub(super) fn new(control: &'a Control) -> Result<Self, Short> {
        let (right, wrong) = (control.numbers(Kind::Right), control.numbers(Kind::Wrong));
        let mut corrections = Self { right, wrong, run: 0 };
        corrections.next_run()?;
        Ok(corrections)
    }

    fn next_run(&mut self) -> Result<(), Short> {
        // The last run goes without saying.
        self.run = if self.right.is_empty() { u64::MAX } else { self.right.u64()? };
        Ok(())
    }

    /// What is said about a reference predicted to point to `target`.
    #[inline]
    pub(super) fn next(&mut self, target: u64) -> Result<Answer, Short> {
        if self.run > 0 {
            self.run -= 1;
            return Ok(Answer::Right);
        }
        let wrong = self.wrong.i64()?;
        self.next_run()?;
        Ok(if wrong == 0 { Answer::None } else { Answer::Points(target.wrapping_add_signed(wrong)) })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.right.is_empty() && self.wrong.is_empty()
    }
}

/// Mends predicted bytes: runs that are right, runs to which a difference is added.
pub(super) struct Mending<'a, 'f> {
    zeros: Numbers<'a>,
    runs: Numbers<'a>,
    literals: Source<'f, Literals<'f>>,
    right: u64,
    wrong: u64,
    /// Bytes of the run of wrong ones that were mended.
    mended: u64,
}

impl<'a, 'f> Mending<'a, 'f> {
    pub(super) fn new(control: &'a Control, literals: Source<'f, Literals<'f>>) -> Self {
        let (zeros, runs) = (control.numbers(Kind::Zeros), control.numbers(Kind::Runs));
        Self { zeros, runs, literals, right: 0, wrong: 0, mended: 0 }
    }

    /// Mends a range of bytes. What lies before the range was made before; `inside` tells of each byte of it, if it lies in
    /// code, how many bytes of the old instruction come before.
    #[inline]
    pub(super) fn mend(
        &mut self,
        bytes: &mut [u8],
        range: Range<usize>,
        inside: &impl Fn(usize) -> Option<u32>,
    ) -> Result<(), Short> {
        // Mostly so.
        if range.len() as u64 <= self.right {
            self.right -= range.len() as u64;
            return Ok(());
        }
        self.mend_some(bytes, range, inside)
    }

    /// The same where some of the bytes may be wrong.
    #[inline(never)]
    fn mend_some(
        &mut self,
        bytes: &mut [u8],
        range: Range<usize>,
        inside: &impl Fn(usize) -> Option<u32>,
    ) -> Result<(), Short> {
        let Range { start: mut at, end } = range;
        while at < end {
            let left = (end - at) as u64;
            if self.right > 0 {
                let count = self.right.min(left);
                self.right -= count;
                at += count as usize;
            } else if self.wrong > 0 {
                let count = self.wrong.min(left).min(256);
                let wrong = at..at + count as usize;
                self.mend_run(bytes, (wrong, range.start), inside)?;
                (self.wrong, self.mended) = (self.wrong - count, self.mended + count);
                at += count as usize;
            } else if self.zeros.is_empty() {
                // The last run goes without saying.
                self.right = u64::MAX;
            } else {
                (self.right, self.wrong, self.mended) = (self.zeros.u64()?, self.runs.u64()?, 0);
            }
        }
        Ok(())
    }

    /// Mends bytes that are all wrong, at most 256, of the range that begins at `start`.
    fn mend_run(
        &mut self,
        bytes: &mut [u8],
        (range, start): (Range<usize>, usize),
        inside: &impl Fn(usize) -> Option<u32>,
    ) -> Result<(), Short> {
        match &mut self.literals {
            Source::Flow(flow) => {
                let mut differences = [0; 256];
                let differences = &mut differences[..range.len()];
                flow.fill(differences)?;
                for (byte, difference) in bytes[range].iter_mut().zip(differences) {
                    *byte = byte.wrapping_add(*difference);
                }
            }
            Source::Mixed(left, model) => {
                *left = left.checked_sub(range.len() as u64).ok_or(Short)?;
                for (at, mended) in range.zip(self.mended..) {
                    model.mend(bytes, at, mended, inside(at - start));
                }
            }
        }
        Ok(())
    }

    /// Whether everything it had to say was used.
    pub(super) fn is_empty(&self) -> bool {
        self.zeros.is_empty() && self.runs.is_empty() && self.literals.is_empty() && self.wrong == 0
    }

    /// Where the literals came from.
    #[cfg(feature = "vendor")]
    pub(super) fn into_literals(self) -> Source<'f, Literals<'f>> {
        self.literals
    }
}
