//! Makes the new files of a unit: predicted bytes, mended, and extra bytes between them.

use std::mem::take;
use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, ScopedJoinHandle};

use super::apply::{ApplyError, NewFiles};
use super::code::{
    Answer, Corrects, Grounds, Image, Layout, Map, Mender, Mends, PIECE, Predictor, Refs, Resolver, Sealing,
    Seen, Span, together, turn,
};
use super::head::Unit;
use super::laid::{Laid, lay};
use super::mixed::{Around, Extra, Literals, PAST};
use super::ops::{Control, Corrections, MAX_SPANS, Mending, Op, Ops};
use super::streams::{Fields, InParts, Kind, Source};
use super::wire::{Numbers, Short};

/// Bytes made at once.
const CHUNK: usize = PIECE;

/// How many pieces are laid out ahead.
const AHEAD: usize = 16;

/// A place beyond all old bytes.
const NOWHERE: u64 = 1 << 62;

/// Programs of so many new bytes are worth threads of their own.
const LONG: u64 = 1 << 20;

/// Whether a unit is a program that is worth them.
pub(super) fn is_large(unit: &Unit) -> bool {
    unit.code && unit.new_bytes() >= LONG
}

/// What goes on from unit to unit of a group.
pub(super) struct Making<'a, 'f> {
    ops: Ops<'a>,
    layouts: Numbers<'a>,
    corrections: Corrections<'a>,
    mending: Mending<'a, 'f>,
    extra: Source<'f, Extra<'f>>,
    /// What is told apart of extra bytes.
    fields: Option<Fields<'f>>,
    /// The last bytes made, [`PAST`] of them, and those being made.
    window: Vec<u8>,
}

impl<'a, 'f> Making<'a, 'f> {
    pub(super) fn new(
        control: &'a Control,
        literals: Source<'f, Literals<'f>>,
        (extra, fields): (Source<'f, Extra<'f>>, Option<Fields<'f>>),
    ) -> Result<Self, Short> {
        Ok(Self {
            ops: Ops::new(control),
            layouts: control.numbers(Kind::Layout),
            corrections: Corrections::new(control)?,
            mending: Mending::new(control, literals),
            extra,
            fields,
            window: vec![0; PAST + CHUNK],
        })
    }

    /// Whether everything that was said was used.
    pub(super) fn is_empty(&self) -> bool {
        let all = self.ops.is_empty() && self.mending.is_empty() && self.extra.is_empty();
        let all = all && self.fields.as_ref().is_none_or(Fields::is_empty);
        all && self.layouts.is_empty() && self.corrections.is_empty()
    }

    /// Where literals and extra bytes came from.
    #[cfg(feature = "vendor")]
    pub(super) fn into_sources(self) -> (Source<'f, Literals<'f>>, Source<'f, Extra<'f>>) {
        (self.mending.into_literals(), self.extra)
    }

    /// Where layouts are read from.
    pub(super) fn layouts(&mut self) -> &mut Numbers<'a> {
        &mut self.layouts
    }

    /// Makes the new files of a unit from its old bytes. Who has begun to look for the references of its program says so.
    pub(super) fn unit(
        &mut self,
        (unit, old): (&Unit, &[u8]),
        refs: Option<ScopedJoinHandle<'_, Option<Refs>>>,
        new: &mut dyn NewFiles,
    ) -> Result<(), ApplyError> {
        let mut out = Output { unit, next: 0, left: 0, sealing: None, new };
        self.ops.begin(old.len() as u64, unit.new_bytes());
        self.window[..PAST].fill(0);
        if unit.code {
            return self.code(old, refs, &mut out);
        }
        let mut next = self.ops.next()?;
        while let Some(op) = next {
            next = self.ops.next()?;
            let mut rest = if op.add > 0 { &old[op.old as usize..][..op.add as usize] } else { &[] };
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(CHUNK));
                let range = PAST..PAST + now.len();
                self.window[range.clone()].copy_from_slice(now);
                self.mending.mend(&mut self.window, range, &|_| None)?;
                self.put(now.len(), &mut out)?;
                rest = later;
            }
            self.copy(op, next, old, None, &mut out)?;
        }
        out.close()
    }

    /// A unit whose code is predicted.
    fn code(
        &mut self,
        old: &[u8],
        refs: Option<ScopedJoinHandle<'_, Option<Refs>>>,
        out: &mut Output<'_>,
    ) -> Result<(), ApplyError> {
        let image =
            Image::read(old).ok_or(ApplyError::Damaged("an old file is not the program it was made from"))?;
        let layout = image.layout().parse(&mut self.layouts)?;
        let map = Map::new(self.spans()?, old.len());
        let refs = refs.and_then(|ahead| ahead.join().ok().flatten()).unwrap_or_else(|| Refs::find(&image));
        let on = Grounds { image: &image, refs: &refs, new: &layout, map: &map };
        out.sealing = layout.seal.map(Sealing::new);
        if !is_large(out.unit) {
            return self.predicted(on, Predictor::new(on), out);
        }
        // What references will say depends on no new bytes: a thread of its own predicts it.
        let (ops, mut corrections) = (self.ops.clone(), take(&mut self.corrections));
        let made = std::thread::scope(|scope| {
            let (to, pieces) = sync_channel(AHEAD);
            let (resolver, corrections) = (Resolver::new(on), &mut corrections);
            let lay = move || lay(resolver, ops, corrections, &to);
            Builder::new().name("resolver".to_owned()).spawn_scoped(scope, lay).ok()?;
            Some(self.laid(on, pieces, out))
        });
        self.corrections = corrections;
        made.unwrap_or_else(|| self.predicted(on, Predictor::new(on), out))
    }

    /// Makes the new bytes of a unit in pieces that are laid out elsewhere.
    fn laid(
        &mut self,
        on: Grounds<'_>,
        pieces: Receiver<Result<Laid, Short>>,
        out: &mut Output<'_>,
    ) -> Result<(), ApplyError> {
        let Grounds { refs, new: layout, image, .. } = on;
        let (mut mender, mut piece) = (Mender::default(), Laid::empty());
        let (mut new, mut next) = (0, self.ops.next()?);
        while let Some(op) = next {
            next = self.ops.next()?;
            let mut done = 0;
            while done < op.add + op.copy {
                if piece.is_done() {
                    let laid = pieces.recv().map_err(|_gone| Short)??;
                    piece.turn(laid, |bytes, from| out.give(bytes, from))?;
                }
                let old = (op.old + done) as usize;
                let count = if let Some(left) = op.add.checked_sub(done).filter(|left| *left > 0) {
                    let (bytes, range, marks, marked) = piece.take(left as usize);
                    let (corrections, mending) = (&mut self.corrections, &mut self.mending);
                    let count = range.len();
                    let mut told = Told { corrections, mending, layout, refs };
                    *marked += mender.mend((old, new), (bytes, range), marks, &mut told)?;
                    count
                } else {
                    let extra = done - op.add;
                    let (bytes, range, ..) = piece.take(CHUNK.min((op.copy - extra) as usize));
                    let (at, program) = (range.start, Some((layout, new as u64)));
                    self.fill((&mut bytes[..range.end], at), (op, next, extra), image.bytes(), program)?;
                    range.len()
                };
                (done, new) = (done + count as u64, new + count);
            }
        }
        piece.turn(Laid::empty(), |bytes, from| out.give(bytes, from))?;
        out.close()
    }

    /// Makes the new bytes of a unit whose code is predicted.
    fn predicted(
        &mut self,
        on: Grounds<'_>,
        mut predictor: Predictor<'_>,
        out: &mut Output<'_>,
    ) -> Result<(), ApplyError> {
        let Grounds { refs, new: layout, .. } = on;
        let (mut at, mut next) = (0, self.ops.next()?);
        while let Some(op) = next {
            next = self.ops.next()?;
            let mut done = 0;
            while done < op.add as usize {
                let span = (op.old as usize + done, at + done, op.add as usize - done);
                let (corrections, mending) = (&mut self.corrections, &mut self.mending);
                let mut told = Told { corrections, mending, layout, refs };
                let count = predictor.make(span, (&mut self.window, PAST), &mut told)?;
                self.put(count, out)?;
                done += count;
            }
            at += op.add as usize;
            self.copy(op, next, on.image.bytes(), Some((layout, at as u64)), out)?;
            at += op.copy as usize;
        }
        out.close()
    }

    /// The stretches of the unit that comes next, read ahead.
    fn spans(&self) -> Result<Vec<Span>, ApplyError> {
        let most = usize::try_from(MAX_SPANS).unwrap_or(usize::MAX);
        let all: Vec<Span> = spans(self.ops.clone()).take(most + 1).collect::<Result<_, Short>>()?;
        if all.len() > most { Err(Short.into()) } else { Ok(all) }
    }

    /// Makes the extra bytes of an instruction. Those of a program are turned, by their place, or put together.
    fn copy(
        &mut self,
        op: Op,
        next: Option<Op>,
        old: &[u8],
        mut program: Option<(&Layout, u64)>,
        out: &mut Output<'_>,
    ) -> Result<(), ApplyError> {
        let mut done = 0;
        while done < op.copy {
            let count = (op.copy - done).min(CHUNK as u64) as usize;
            let mut window = take(&mut self.window);
            let filled = self.fill((&mut window[..PAST + count], PAST), (op, next, done), old, program);
            self.window = window;
            filled?;
            if let Some((_, new)) = &mut program {
                *new += count as u64;
            }
            self.put(count, out)?;
            done += count as u64;
        }
        Ok(())
    }

    /// Makes the next extra bytes of an instruction after those that are done: what `bytes` holds from `at` on, [`CHUNK`] of
    /// them unless they are the last ones.
    fn fill(
        &mut self,
        (bytes, at): (&mut [u8], usize),
        (op, next, done): (Op, Option<Op>, u64),
        old: &[u8],
        program: Option<(&Layout, u64)>,
    ) -> Result<(), Short> {
        let mut turned = true;
        match &mut self.extra {
            Source::Flow(flow) => {
                let piece = &mut bytes[at..];
                if let (Some((layout, new)), Some(fields)) = (program, &mut self.fields) {
                    turned = !together(layout, new, piece, &mut InParts { left: flow, fields })?;
                }
                if turned {
                    flow.fill(piece)?;
                }
            }
            Source::Mixed(left, model) => {
                *left = left.checked_sub((bytes.len() - at) as u64).ok_or(Short)?;
                let after = op.old.wrapping_add(op.add).wrapping_add(done);
                let ahead = next.map_or(NOWHERE, |next| next.old.wrapping_sub(op.copy - done));
                let code = program.is_some_and(|(layout, new)| layout.has_steps(new));
                model.fill(bytes, at, &Around { old, after, ahead }, code);
            }
        }
        if let Some((layout, new)) = program.filter(|_| turned) {
            turn(layout, new, &mut bytes[at..], true);
        }
        Ok(())
    }

    /// Writes bytes that were made.
    fn put(&mut self, count: usize, out: &mut Output<'_>) -> Result<(), ApplyError> {
        out.write(&self.window[PAST..PAST + count])?;
        self.window.copy_within(count..count + PAST, 0);
        Ok(())
    }
}

/// The stretches that instructions make from old bytes.
fn spans(mut ops: Ops<'_>) -> impl Iterator<Item = Result<Span, Short>> {
    let mut new = 0;
    let op = std::iter::from_fn(move || ops.next().transpose());
    let spans = op.map(move |op| {
        let Op { old, add, copy } = op?;
        let span = Span { old: old as u32, new, length: add as u32 };
        new = u32::try_from(u64::from(new) + add + copy).map_err(|_long| Short)?;
        Ok(span)
    });
    spans.filter(|span| span.as_ref().is_ok_and(|span| span.length > 0) || span.is_err())
}

/// The delta tells what the prediction got wrong.
struct Told<'m, 'a, 'f> {
    corrections: &'m mut Corrections<'a>,
    mending: &'m mut Mending<'a, 'f>,
    layout: &'m Layout,
    refs: &'m Refs,
}

impl Corrects for Corrections<'_> {
    #[inline]
    fn reference(&mut self, _seen: &Seen<'_>, target: u64) -> Result<Answer, Short> {
        self.next(target)
    }
}

impl Corrects for Told<'_, '_, '_> {
    fn reference(&mut self, seen: &Seen<'_>, target: u64) -> Result<Answer, Short> {
        self.corrections.reference(seen, target)
    }
}

impl Mends for Told<'_, '_, '_> {
    #[inline]
    fn bytes(
        &mut self,
        (old, new): (usize, usize),
        bytes: &mut [u8],
        range: Range<usize>,
    ) -> Result<(), Short> {
        let inside = |at: usize| self.layout.has_steps((new + at) as u64).then(|| self.refs.inside(old + at));
        self.mending.mend(bytes, range, &inside)
    }
}

/// Cuts the bytes of a unit into its files.
struct Output<'a> {
    unit: &'a Unit,
    next: usize,
    left: u64,
    /// Writes the hashes of a signature.
    sealing: Option<Sealing>,
    new: &'a mut dyn NewFiles,
}

impl Output<'_> {
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), ApplyError> {
        let Some(mut sealing) = self.sealing.take() else { return self.pass(bytes) };
        while !bytes.is_empty() {
            let written = sealing.next(bytes);
            bytes = &bytes[written.len()..];
            self.pass(written)?;
        }
        self.sealing = Some(sealing);
        Ok(())
    }

    /// The same for bytes that are given away: those from a place on.
    fn give(&mut self, bytes: Vec<u8>, from: usize) -> Result<(), ApplyError> {
        let count = (bytes.len() - from) as u64;
        let fits = count <= self.left && self.sealing.as_mut().is_none_or(|seal| seal.pass(&bytes[from..]));
        if !fits {
            return self.write(&bytes[from..]);
        }
        let index = self.unit.news[self.next - 1].0 as usize;
        self.left -= count;
        self.new.give(bytes, from).map_err(|source| ApplyError::New { index, source })
    }

    fn pass(&mut self, mut bytes: &[u8]) -> Result<(), ApplyError> {
        while !bytes.is_empty() {
            if self.left == 0 {
                self.turn()?;
                continue;
            }
            let (now, later) = bytes.split_at(self.left.min(bytes.len() as u64) as usize);
            let index = self.unit.news[self.next - 1].0 as usize;
            self.new.write(now).map_err(|source| ApplyError::New { index, source })?;
            self.left -= now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// Ends the file that is full and begins the next one.
    fn turn(&mut self) -> Result<(), ApplyError> {
        if self.next > 0 {
            let index = self.unit.news[self.next - 1].0 as usize;
            self.new.end(index).map_err(|source| ApplyError::New { index, source })?;
        }
        if let Some(&(index, size)) = self.unit.news.get(self.next) {
            let index = index as usize;
            self.new.begin(index, size).map_err(|source| ApplyError::New { index, source })?;
            self.left = size;
        }
        self.next += 1;
        Ok(())
    }

    /// Ends the last file; those that are empty and come last are made here.
    fn close(&mut self) -> Result<(), ApplyError> {
        while self.next <= self.unit.news.len() {
            self.turn()?;
        }
        Ok(())
    }
}
