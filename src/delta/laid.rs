//! Pieces of a large new program, laid out in a thread of its own: what is predicted lies in its place, and there is room
//! for the extra bytes between.

use std::mem::replace;
use std::ops::Range;
use std::sync::mpsc::SyncSender;

use super::apply::ApplyError;
use super::code::{Mark, PIECE, Resolver};
use super::mixed::PAST;
use super::ops::{Corrections, Ops};
use super::wire::Short;

/// A piece is handed over when it has so many bytes; what is laid out at once is never cut.
const FULL: usize = 128 << 10;

/// A piece of a new file.
pub(super) struct Laid {
    /// Room for the last bytes of the piece before, and the piece.
    bytes: Vec<u8>,
    /// What is left to be predicted in it.
    marks: Vec<Mark>,
    /// How much of both was taken.
    at: usize,
    marked: usize,
}

impl Laid {
    /// Nothing.
    pub(super) fn empty() -> Self {
        Self::with_room(0)
    }

    /// Nothing yet, and room for so many bytes.
    fn with_room(room: usize) -> Self {
        let mut bytes = Vec::with_capacity(PAST + room);
        bytes.resize(PAST, 0);
        Self { bytes, marks: Vec::new(), at: PAST, marked: 0 }
    }

    /// Whether all of it was taken.
    pub(super) fn is_done(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next bytes, at most `most`: all of the piece, where in it they are, and the marks in them and after them, of which
    /// the taker says how many it used.
    pub(super) fn take(&mut self, most: usize) -> (&mut [u8], Range<usize>, &[Mark], &mut usize) {
        let range = self.at..self.at + most.min(self.bytes.len() - self.at);
        self.at = range.end;
        (&mut self.bytes, range, &self.marks[self.marked..], &mut self.marked)
    }

    /// Goes on to the next piece, and gives this one away: its bytes and where in them it begins.
    pub(super) fn turn(
        &mut self,
        next: Self,
        give: impl FnOnce(Vec<u8>, usize) -> Result<(), ApplyError>,
    ) -> Result<(), ApplyError> {
        let last = replace(self, next).bytes;
        let past = &last[last.len() - PAST..];
        self.bytes[..PAST].copy_from_slice(past);
        if last.len() > PAST { give(last, PAST) } else { Ok(()) }
    }
}

/// Lays out the new bytes of a unit, as long as they are taken.
pub(super) fn lay(
    resolver: Resolver<'_>,
    ops: Ops<'_>,
    corrections: &mut Corrections<'_>,
    to: &SyncSender<Result<Laid, Short>>,
) {
    if let Err(short) = lay_all(resolver, ops, corrections, to) {
        // Whoever has failed meanwhile takes no more.
        to.send(Err(short)).ok();
    }
}

fn lay_all(
    mut resolver: Resolver<'_>,
    mut ops: Ops<'_>,
    corrections: &mut Corrections<'_>,
    to: &SyncSender<Result<Laid, Short>>,
) -> Result<(), Short> {
    let room = || Laid::with_room(FULL + PIECE);
    let (mut piece, mut new) = (room(), 0);
    while let Some(op) = ops.next()? {
        let mut done = 0;
        while done < op.add + op.copy {
            if piece.bytes.len() >= PAST + FULL && to.send(Ok(replace(&mut piece, room()))).is_err() {
                return Ok(());
            }
            let at = piece.bytes.len();
            let count = if let Some(left) = op.add.checked_sub(done).filter(|left| *left > 0) {
                let old = (op.old + done) as usize;
                let count = resolver.piece(old, left as usize, PIECE);
                piece.bytes.extend_from_slice(&resolver.old()[old..old + count]);
                resolver.predict((old, new), &mut piece.bytes[at..], &mut piece.marks, corrections)?;
                count
            } else {
                let count = (op.add + op.copy - done).min(PIECE as u64) as usize;
                piece.bytes.resize(at + count, 0);
                count
            };
            (done, new) = (done + count as u64, new + count);
        }
    }
    to.send(Ok(piece)).ok();
    Ok(())
}
