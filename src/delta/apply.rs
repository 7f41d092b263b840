//! From the old files and a delta to the new files, as a stream.
//!
//! Beside the old files, which are best mapped, a decoder takes what `docs/delta.md` says at most. Nothing in
//! a delta is believed: a wrong one ends in an error or in wrong bytes, which their digest gives away.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use crate::platform::Mapped;
use crate::release::Digest;

use super::archive::{self, Expanded};
use super::beside::beside;
use super::code::{Image, Refs};
use super::head::{Action, Delta, Group, Unit};
use super::known;
use super::making::{Making, is_large};
use super::ops::Control;
use super::streams::Streams;
use super::wire::Short;

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

    /// An empty file to write to and to map: for an old archive that is too large to be unpacked in memory. It is needed no
    /// more when the delta was applied; at most one is in use at a time.
    ///
    /// # Errors
    /// If there is none, as it is if nobody says otherwise: such archives can't be made then.
    fn scratch(&self) -> io::Result<File> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "there is no room to unpack it"))
    }
}

/// Where new files go. The files of a unit come one after the other, each between `begin` and `end`.
pub trait NewFiles {
    /// Whether this new file is wanted at all; a group of which nothing is wanted is not unpacked.
    fn wants(&self, _index: usize) -> bool {
        true
    }

    /// What the manifest says of this new file: its path, size and digest. Nothing if that is not known: a delta that
    /// was made for those who know it can't be applied then.
    fn told(&self, _index: usize) -> Option<(&str, u64, Digest)> {
        None
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

    /// The same for bytes that are given away: those from a place on are the next ones.
    ///
    /// # Errors
    /// If they can't be written.
    fn give(&mut self, bytes: Vec<u8>, from: usize) -> io::Result<()> {
        self.write(&bytes[from..])
    }

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
    let mut new = Stoppable { new, stop, stopped: false };
    for group in delta.groups() {
        let wanted =
            group.units.iter().flat_map(|unit| &unit.news).any(|file| new.new.wants(file.0 as usize));
        if wanted {
            let applied = apply_group(delta, group, old, &mut new);
            if new.stopped {
                return Err(ApplyError::Stopped);
            }
            applied?;
        }
    }
    Ok(())
}

/// Refuses the next bytes when someone asked to stop.
struct Stoppable<'a> {
    new: &'a mut dyn NewFiles,
    stop: &'a dyn Fn() -> bool,
    stopped: bool,
}

impl NewFiles for Stoppable<'_> {
    fn told(&self, index: usize) -> Option<(&str, u64, Digest)> {
        self.new.told(index)
    }

    fn begin(&mut self, index: usize, size: u64) -> io::Result<()> {
        self.new.begin(index, size)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stopped |= (self.stop)();
        if self.stopped { Err(io::ErrorKind::Interrupted.into()) } else { self.new.write(bytes) }
    }

    fn end(&mut self, index: usize) -> io::Result<()> {
        self.new.end(index)
    }
}

fn apply_group(
    delta: &Delta<'_>,
    group: &Group,
    old: &dyn OldFiles,
    new: &mut dyn NewFiles,
) -> Result<(), ApplyError> {
    let streams = Streams::parse(&delta.bytes[group.body.clone()])?;
    if streams.needs_old() && group.units.len() != 1 {
        return Err(Short.into());
    }
    // The old bytes of the only unit, or of a large one, are needed before its turn comes.
    let large = group.units.iter().position(is_large);
    let early = large.or((group.units.len() == 1).then_some(0));
    let opened = early.map(|at| Joined::open(&group.units[at], old)).transpose()?;
    let bytes = opened.as_ref().map_or(&[][..], Joined::bytes);
    let known = if streams.needs_known() { told(delta, new)? } else { Vec::new() };
    std::thread::scope(|scope| {
        let mut refs = large.and_then(|_| ahead(bytes, scope));
        let control = Control::unpack(&streams)?;
        let extra = streams.extra_ahead(bytes, &known, scope)?;
        let extra = (extra, streams.fields()?);
        let mut making = Making::new(&control, streams.literals_ahead(scope)?, extra)?;
        for (at, unit) in group.units.iter().enumerate() {
            let next;
            let joined = match opened.as_ref().filter(|_| Some(at) == early) {
                Some(joined) => joined,
                None => {
                    next = Joined::open(unit, old)?;
                    &next
                }
            };
            match joined {
                Joined::Archive(old) => archive::make(&mut making, unit, old, new)?,
                _ if is_large(unit) => {
                    let bytes = joined.bytes();
                    beside(new, |new| making.unit((unit, bytes), refs.take(), new))?;
                }
                _ => making.unit((unit, joined.bytes()), None, new)?,
            }
        }
        if making.is_empty() {
            Ok(())
        } else {
            Err(ApplyError::Damaged("something is left of it at the end"))
        }
    })
}

/// Begins to look for the references of a large program, while streams are unpacked.
fn ahead<'s>(old: &'s [u8], scope: &'s Scope<'s, '_>) -> Option<ScopedJoinHandle<'s, Option<Refs>>> {
    let find = || Image::read(old).map(|image| Refs::find(&image));
    Builder::new().name("references".to_owned()).spawn_scoped(scope, find).ok()
}

/// What the manifest says of the files that are made.
fn told(delta: &Delta<'_>, new: &dyn NewFiles) -> Result<Vec<u8>, ApplyError> {
    let made = delta.actions().iter().enumerate();
    let made = made.filter(|(_, action)| matches!(action, Action::Made { .. }));
    let told: Option<Vec<_>> = made.map(|(index, _)| new.told(index)).collect();
    let told = told.ok_or(ApplyError::Damaged("it needs the manifest of the new files"))?;
    Ok(known::text(told.into_iter()))
}

/// The old files of a unit as one sequence of bytes.
enum Joined {
    One(OldBytes),
    Many(Vec<u8>),
    Archive(Expanded),
}

impl Joined {
    fn open(unit: &Unit, old: &dyn OldFiles) -> Result<Self, ApplyError> {
        let open = |&(index, expected): &(u32, u64)| {
            let index = index as usize;
            let bytes = old.open(index).map_err(|source| ApplyError::Old { index, source })?;
            let found = bytes.len() as u64;
            if found == expected { Ok(bytes) } else { Err(ApplyError::OldSize { index, found, expected }) }
        };
        if let (true, [base]) = (unit.archive, unit.bases.as_slice()) {
            let index = base.0 as usize;
            let expanded = archive::expand(&open(base)?, MAX_JOINT, &|| old.scratch())
                .map_err(|source| ApplyError::Old { index, source })?;
            let wrong = ApplyError::Damaged("an old file is not the archive it was made from");
            return expanded.map(Self::Archive).ok_or(wrong);
        }
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
            Self::Archive(archive) => &archive.bytes,
        }
    }
}
