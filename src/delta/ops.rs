//! The instructions of a unit: stretches made from old bytes with their differences mended, and extra bytes.

use std::ops::Range;
use std::thread::Builder;

use super::code::Answer;
use super::mixed::Literals;
use super::streams::{Kind, Source, Streams};
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
        let both = std::thread::scope(|scope| {
            let aside = Builder::new().name("control".to_owned()).spawn_scoped(scope, || unpack(others));
            let here = unpack(some);
            let there = aside.ok().and_then(|aside| aside.join().ok());
            [here, there.unwrap_or_else(|| unpack(others))]
        });
        for (kind, bytes) in some.into_iter().chain(others).zip(both.into_iter().flatten()) {
            held[kind as usize] = bytes?;
        }
        Ok(Self { held })
    }

    pub(super) fn numbers(&self, kind: Kind) -> Numbers<'_> {
        Numbers::new(&self.held[kind as usize])
    }
}

/// Reads the instructions of one unit after the other.
#[derive(Clone)]
pub(super) struct Ops<'a> {
    add: Numbers<'a>,
    copy: Numbers<'a>,
    seek: Numbers<'a>,
    old: i64,
    old_length: u64,
    left: u64,
}

impl<'a> Ops<'a> {
    pub(super) fn new(control: &'a Control) -> Self {
        let (add, copy) = (control.numbers(Kind::Add), control.numbers(Kind::Copy));
        Self { add, copy, seek: control.numbers(Kind::Seek), old: 0, old_length: 0, left: 0 }
    }

    /// Goes on to a unit with so many old and new bytes.
    pub(super) fn begin(&mut self, old_length: u64, new_length: u64) {
        (self.old, self.old_length, self.left) = (0, old_length, new_length);
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
        let old = self.old.checked_add(self.seek.i64()?).ok_or(Short)?;
        let (old_start, old_end) = (old.cast_unsigned(), old.checked_add_unsigned(add).ok_or(Short)?);
        if add > 0 && (old < 0 || old_end.cast_unsigned() > self.old_length) {
            return Err(Short);
        }
        self.old = old_end.checked_add_unsigned(copy).ok_or(Short)?;
        self.left -= length;
        Ok(Some(Op { old: old_start, add, copy }))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.add.is_empty() && self.copy.is_empty() && self.seek.is_empty()
    }
}

/// Tells the references of a group: runs that are right, and what the others point to.
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

    /// Mends a range of bytes, the first of which lies at `new` in the new file. What lies before the range was made
    /// before; `is_code` tells which places are code.
    #[inline]
    pub(super) fn mend(
        &mut self,
        bytes: &mut [u8],
        range: Range<usize>,
        new: u64,
        is_code: &impl Fn(u64) -> bool,
    ) -> Result<(), Short> {
        if range.len() as u64 <= self.right {
            self.right -= range.len() as u64;
            return Ok(());
        }
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
                self.mend_run(bytes, wrong, new + (at - range.start) as u64, is_code)?;
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

    /// Mends bytes that are all wrong, at most 256.
    fn mend_run(
        &mut self,
        bytes: &mut [u8],
        range: Range<usize>,
        new: u64,
        is_code: &impl Fn(u64) -> bool,
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
                for (at, place) in range.zip(new..) {
                    model.mend(bytes, at, self.mended + (place - new), is_code(place).then_some(place));
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
