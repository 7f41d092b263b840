//! From the old files and a delta to the new files, as a stream.
//!
//! Beside the old files, which are best mapped, a decoder takes at most 64 MiB whatever the delta says. Nothing in
//! a delta is believed: a wrong one ends in an error or in wrong bytes, which their digest gives away.

use std::io;
use std::ops::Deref;

use crate::platform::Mapped;

use super::code::{Answer, Image, Layout, Map, PIECE, Predictor, Refs, Sealing, Seen, Span, Teller, turn};
use super::head::{Delta, Group, Unit};
use super::ops::{Control, Corrections, MAX_SPANS, Mending, Ops};
use super::streams::{Flow, Kind, Streams};
use super::wire::{Numbers, Short};

/// Bytes made at once.
const CHUNK: usize = PIECE;
/// Most bytes of several old files that are put one after the other in memory.
pub(super) const MAX_JOINT: u64 = 24 << 20;

/// The bytes of an old file.
#[derive(Debug)]
pub enum OldBytes {
    /// As the system shows them.
    Mapped(Mapped),
    /// Read into memory.
    Held(Vec<u8>),
}

impl Deref for OldBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Held(bytes) => bytes,
        }
    }
}

/// Where old files come from.
pub trait OldFiles {
    /// Opens the old file of this index in the old release's list of files.
    ///
    /// # Errors
    /// If it is not there or can't be read.
    fn open(&self, index: usize) -> io::Result<OldBytes>;
}

/// Where new files go. The files of a unit come one after the other, each between `begin` and `end`.
pub trait NewFiles {
    /// Whether this new file is wanted at all; a group of which nothing is wanted is not unpacked.
    fn wants(&self, _index: usize) -> bool {
        true
    }

    /// The bytes of this new file follow: `size` of them.
    ///
    /// # Errors
    /// If it can't be made.
    fn begin(&mut self, index: usize, size: u64) -> io::Result<()>;

    /// The next bytes of the file that was begun last.
    ///
    /// # Errors
    /// If they can't be written.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// All bytes of the file have come. Whether they are the right ones is for the receiver to see.
    ///
    /// # Errors
    /// If it can't be finished, or is not what it should be.
    fn end(&mut self, index: usize) -> io::Result<()>;
}

/// Why a delta can't be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The delta is not what it should be.
    #[error("the delta is damaged: {0}")]
    Damaged(&'static str),
    /// An old file can't be opened.
    #[error("old file {index} of the delta can't be opened: {source}")]
    Old {
        /// Its index.
        index: usize,
        /// Why.
        source: io::Error,
    },
    /// An old file is not the one the delta was made from.
    #[error("old file {index} has {found} bytes, the delta was made from one of {expected}")]
    OldSize {
        /// Its index.
        index: usize,
        /// Bytes it has.
        found: u64,
        /// Bytes it should have.
        expected: u64,
    },
    /// A new file can't be written.
    #[error("new file {index} can't be written: {source}")]
    New {
        /// Its index.
        index: usize,
        /// Why.
        source: io::Error,
    },
    /// Someone asked to stop.
    #[error("stopped")]
    Stopped,
}

impl From<Short> for ApplyError {
    fn from(_: Short) -> Self {
        Self::Damaged("its instructions are wrong or cut off")
    }
}

/// Makes every new file that is made (see [`super::Action::Made`]) and wanted. Files that have an old file's
/// content are left to the caller, who can rename or link them. `stop` is asked between pieces of work.
///
/// # Errors
/// If the delta is damaged, an old file is missing or another one, or a new file can't be written.
pub fn apply(
    delta: &Delta<'_>,
    old: &dyn OldFiles,
    new: &mut dyn NewFiles,
    stop: &dyn Fn() -> bool,
) -> Result<(), ApplyError> {
    for group in delta.groups() {
        let wanted = group.units.iter().flat_map(|unit| &unit.news).any(|file| new.wants(file.0 as usize));
        if wanted {
            apply_group(delta, group, old, new, stop)?;
        }
    }
    Ok(())
}

fn apply_group(
    delta: &Delta<'_>,
    group: &Group,
    old: &dyn OldFiles,
    new: &mut dyn NewFiles,
    stop: &dyn Fn() -> bool,
) -> Result<(), ApplyError> {
    let streams = Streams::parse(&delta.bytes[group.body.clone()])?;
    let control = Control::unpack(&streams)?;
    let mut first = None;
    if let [unit] = group.units.as_slice() {
        first = Some(Joined::open(unit, old)?);
    } else if streams.needs_old() {
        return Err(Short.into());
    }
    let bytes = first.as_ref().map_or(&[][..], Joined::bytes);
    let mut making = Making {
        ops: Ops::new(&control),
        layouts: control.numbers(Kind::Layout),
        corrections: Corrections::new(&control)?,
        mending: Mending::new(&control, streams.flow(Kind::Literals, bytes)?),
        extra: streams.flow(Kind::Extra, bytes)?,
        chunk: vec![0; CHUNK],
        stop,
    };
    for unit in &group.units {
        let joined = match first.take() {
            Some(joined) => joined,
            None => Joined::open(unit, old)?,
        };
        making.unit(unit, joined.bytes(), &mut Output::new(unit, new))?;
    }
    let all = making.ops.is_empty() && making.mending.is_empty() && making.extra.is_empty();
    if all && making.layouts.is_empty() && making.corrections.is_empty() {
        Ok(())
    } else {
        Err(ApplyError::Damaged("something is left of it at the end"))
    }
}

/// The old files of a unit as one sequence of bytes.
enum Joined {
    One(OldBytes),
    Many(Vec<u8>),
}

impl Joined {
    fn open(unit: &Unit, old: &dyn OldFiles) -> Result<Self, ApplyError> {
        let open = |&(index, expected): &(u32, u64)| {
            let index = index as usize;
            let bytes = old.open(index).map_err(|source| ApplyError::Old { index, source })?;
            let found = bytes.len() as u64;
            if found == expected { Ok(bytes) } else { Err(ApplyError::OldSize { index, found, expected }) }
        };
        if let [base] = unit.bases.as_slice() {
            return Ok(Self::One(open(base)?));
        }
        if unit.old_bytes() > MAX_JOINT {
            return Err(ApplyError::Damaged("it joins too many old bytes"));
        }
        let mut joint = Vec::new();
        for base in &unit.bases {
            joint.extend_from_slice(&open(base)?);
        }
        Ok(Self::Many(joint))
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes,
        }
    }
}

/// What goes on from unit to unit of a group.
struct Making<'a, 'f> {
    ops: Ops<'a>,
    layouts: Numbers<'a>,
    corrections: Corrections<'a>,
    mending: Mending<'a, 'f>,
    extra: Flow<'f>,
    chunk: Vec<u8>,
    stop: &'a dyn Fn() -> bool,
}

impl Making<'_, '_> {
    fn unit(&mut self, unit: &Unit, old: &[u8], out: &mut Output<'_>) -> Result<(), ApplyError> {
        self.ops.begin(old.len() as u64, unit.new_bytes());
        if unit.code {
            return self.code(old, out);
        }
        while let Some(op) = self.ops.next()? {
            let mut rest = if op.add > 0 { &old[op.old as usize..][..op.add as usize] } else { &[] };
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(CHUNK));
                let chunk = &mut self.chunk[..now.len()];
                chunk.copy_from_slice(now);
                self.mending.mend(chunk)?;
                check(self.stop)?;
                out.write(chunk)?;
                rest = later;
            }
            self.copy(op.copy, None, out)?;
        }
        out.close()
    }

    /// A unit whose code is predicted.
    fn code(&mut self, old: &[u8], out: &mut Output<'_>) -> Result<(), ApplyError> {
        let image =
            Image::read(old).ok_or(ApplyError::Damaged("an old file is not the program it was made from"))?;
        let layout = image.layout().parse(&mut self.layouts)?;
        let map = Map::new(self.spans()?, old.len());
        let refs = Refs::find(&image);
        let mut predictor = Predictor::new(&image, &refs, &layout, &map);
        out.sealing = layout.seal.map(Sealing::new);
        let mut at = 0;
        while let Some(op) = self.ops.next()? {
            let mut done = 0;
            while done < op.add as usize {
                let span = (op.old as usize + done, at + done, op.add as usize - done);
                let mut told = Told { corrections: &mut self.corrections, mending: &mut self.mending };
                let count = predictor.make(span, &mut self.chunk, &mut told)?;
                check(self.stop)?;
                out.write(&self.chunk[..count])?;
                done += count;
            }
            at += op.add as usize;
            self.copy(op.copy, Some((&layout, at as u64)), out)?;
            at += op.copy as usize;
        }
        out.close()
    }

    /// The stretches of the unit that comes next, read ahead.
    fn spans(&self) -> Result<Vec<Span>, ApplyError> {
        let (mut ops, mut spans, mut new) = (self.ops.clone(), Vec::new(), 0u64);
        while let Some(op) = ops.next()? {
            let end = u32::try_from(new + op.add + op.copy).map_err(|_long| Short)?;
            if spans.len() as u64 == MAX_SPANS {
                return Err(Short.into());
            }
            if op.add > 0 {
                spans.push(Span { old: op.old as u32, new: new as u32, length: op.add as u32 });
            }
            new = u64::from(end);
        }
        Ok(spans)
    }

    /// Takes extra bytes. Those of a program are turned, by their place.
    fn copy(
        &mut self,
        mut left: u64,
        mut code: Option<(&Layout, u64)>,
        out: &mut Output<'_>,
    ) -> Result<(), ApplyError> {
        while left > 0 {
            let count = left.min(CHUNK as u64) as usize;
            let chunk = &mut self.chunk[..count];
            self.extra.fill(chunk)?;
            if let Some((layout, new)) = &mut code {
                turn(layout, *new, chunk, true);
                *new += count as u64;
            }
            check(self.stop)?;
            out.write(chunk)?;
            left -= count as u64;
        }
        Ok(())
    }
}

/// The delta tells what the prediction got wrong.
struct Told<'m, 'a, 'f> {
    corrections: &'m mut Corrections<'a>,
    mending: &'m mut Mending<'a, 'f>,
}

impl Teller for Told<'_, '_, '_> {
    #[inline]
    fn reference(&mut self, _seen: &Seen<'_>, target: u64) -> Result<Answer, Short> {
        self.corrections.next(target)
    }

    #[inline]
    fn bytes(&mut self, _new: usize, predicted: &mut [u8]) -> Result<(), Short> {
        self.mending.mend(predicted)
    }
}

fn check(stop: &dyn Fn() -> bool) -> Result<(), ApplyError> {
    if stop() { Err(ApplyError::Stopped) } else { Ok(()) }
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

impl<'a> Output<'a> {
    fn new(unit: &'a Unit, new: &'a mut dyn NewFiles) -> Self {
        Self { unit, next: 0, left: 0, sealing: None, new }
    }

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
