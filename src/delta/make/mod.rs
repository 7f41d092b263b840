//! The encoder: finds out what each new file is best made from, and says it in as few bytes as it can.
//!
//! The same files and options always give the same delta, on every machine and with any number of threads.

mod align;
mod archive;
mod bases;
mod choose;
mod code;
mod draft;
mod mixed;
mod pack;
mod plan;
mod settle;
mod work;

use std::io::{self, Write};
use std::ops::Deref;
use std::path::Path;

use crate::platform::Mapped;
use crate::release::Digest;

use super::head::FileList;
use super::known;

/// Where the bytes of a file are.
#[derive(Debug, Clone, Copy)]
pub enum FileBytes<'a> {
    /// In a file of this machine, which does not change meanwhile.
    At(&'a Path),
    /// In memory.
    Held(&'a [u8]),
}

/// A file of the old release.
#[derive(Debug, Clone, Copy)]
pub struct OldFile<'a> {
    /// Its path in the release.
    pub path: &'a str,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its bytes.
    pub bytes: FileBytes<'a>,
}

/// A file of the new release.
pub type NewFile<'a> = OldFile<'a>;

/// How much time a delta may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Effort {
    /// As little as gives most of the gain.
    Fast,
    /// What gives the fewest bytes that are applied at once.
    #[default]
    Best,
    /// What gives the fewest bytes: for those who pay for each. Applying takes up to a microsecond for a new byte of code.
    Smallest,
}

/// How a delta is made.
#[derive(Debug, Clone, Copy)]
pub struct MakeOptions {
    /// How much time it may take.
    pub effort: Effort,
    /// About how many bytes of memory it may take, beside the files themselves, which are mapped.
    pub memory: u64,
    /// How many threads may work.
    pub threads: usize,
    /// Whoever applies it knows the new release's manifest (see [`NewFiles::told`](super::NewFiles::told)).
    pub manifest: bool,
}

impl Default for MakeOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { effort: Effort::Best, memory: 2 << 30, threads, manifest: false }
    }
}

/// How far the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MakeProgress {
    /// Work done, in bytes of new files, each counted by what its kind costs.
    pub done: u64,
    /// Work in all.
    pub total: u64,
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Made {
    /// Bytes of the delta.
    pub size: u64,
    /// New files that have the content of an old one.
    pub same: usize,
    /// New files that are made from old ones.
    pub patched: usize,
    /// New files that come whole.
    pub whole: usize,
}

/// Why no delta was made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A file can't be read.
    #[error("{path} can't be read: {source}")]
    Read {
        /// Its path in the release.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file is not as long as was said.
    #[error("{path} has {found} bytes, not {expected}: it changed meanwhile")]
    Changed {
        /// Its path in the release.
        path: String,
        /// Bytes it has.
        found: u64,
        /// Bytes it should have.
        expected: u64,
    },
    /// There is more than a delta can hold.
    #[error("{0}")]
    TooMuch(&'static str),
    /// The delta can't be written.
    #[error("the delta can't be written: {0}")]
    Write(#[source] io::Error),
    /// A thread can't be started or ended badly.
    #[error("a thread failed: {0}")]
    Thread(String),
}

/// The bytes of a file while it is worked on.
pub(super) enum Bytes<'a> {
    Mapped(Mapped),
    Held(&'a [u8]),
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Held(bytes) => bytes,
        }
    }
}

impl<'a> OldFile<'a> {
    fn open(&self) -> Result<Bytes<'a>, MakeError> {
        let bytes = match self.bytes {
            FileBytes::Held(bytes) => Bytes::Held(bytes),
            FileBytes::At(path) => {
                let failed = |source| MakeError::Read { path: self.path.to_owned(), source };
                let file = crate::fsx::open(path).map_err(|error| failed(io::Error::other(error)))?;
                Bytes::Mapped(Mapped::new(&file).map_err(failed)?)
            }
        };
        let found = bytes.len() as u64;
        if found == self.size {
            Ok(bytes)
        } else {
            Err(MakeError::Changed { path: self.path.to_owned(), found, expected: self.size })
        }
    }
}

fn list(files: &[OldFile<'_>]) -> FileList {
    let mut list = FileList::new();
    files.iter().for_each(|file| list.add(file.path, file.size, &file.digest));
    list
}

/// Makes the delta that leads from `old` to `new`, two lists of files in the order of their manifests.
///
/// Files with the content of an old file cost nothing, wherever they lie.
///
/// # Errors
/// If a file can't be read or is not what was said, or the delta can't be written.
pub fn make(
    old: &[OldFile<'_>],
    new: &[NewFile<'_>],
    options: &MakeOptions,
    progress: &mut dyn FnMut(MakeProgress),
    out: &mut dyn Write,
) -> Result<Made, MakeError> {
    let plan = plan::plan(old, new)?;
    let made = new.iter().zip(&plan.fates).filter(|(_, fate)| **fate == plan::Fate::Made);
    let told = made.map(|(file, _)| (file.path, file.size, file.digest));
    let known = if options.manifest { known::text(told) } else { Vec::new() };
    let groups = work::run(old, new, &plan, (options, &known), progress)?;
    let head = pack::head(list(old), list(new), old, new, &plan, &groups)?;
    let mut size = head.len() as u64;
    out.write_all(&head).map_err(MakeError::Write)?;
    for group in &groups {
        out.write_all(&group.body).map_err(MakeError::Write)?;
        size += group.body.len() as u64;
    }
    out.flush().map_err(MakeError::Write)?;
    let whole = groups.iter().flat_map(|group| &group.units);
    let (mut patched, mut without) = (0, 0);
    for unit in whole {
        *if unit.bases.is_empty() { &mut without } else { &mut patched } += unit.news.len();
    }
    Ok(Made { size, same: new.len() - patched - without, patched, whole: without })
}
