//! Makes new files out of installed ones and a delta that was fetched. Nothing is believed: a file gets its name only
//! with the digest that was signed for it; one that comes out wrong is left to another way.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::delta::{ApplyError, Delta, DeltaError, FileList, NewFiles, OldBytes, OldFiles, apply};
use crate::fsx::{self, Absent as _, FsError, Scratch};
use crate::platform::Mapped;
use crate::release::{Digest, FileEntry, Hasher, Manifest, RelPath};

use super::assemble::Watch;
use super::large::mark;
use super::{Assembled, Depot, Fetched, TransferError};

/// A delta, and what it is to be used for.
pub struct Graft<'a> {
    /// The delta, whole and verified.
    pub delta: &'a Path,
    /// The release it was made from.
    pub old: &'a Manifest,
    /// The release it leads to.
    pub new: &'a Manifest,
    /// The contents wanted of it.
    pub wanted: &'a HashSet<Digest>,
    /// Where a file with this content lies now.
    pub find: &'a dyn Fn(&Digest) -> Option<PathBuf>,
}

/// Why a delta was not of use. None of these is the end of an update.
#[derive(Debug, thiserror::Error)]
pub enum GraftError {
    /// It can't be read as a delta.
    #[error(transparent)]
    Delta(#[from] DeltaError),
    /// It is of other releases.
    #[error("it was made for other releases")]
    Other,
    /// It could not be applied.
    #[error(transparent)]
    Apply(ApplyError),
    /// The disk, or someone stopped it: the end of the update.
    #[error(transparent)]
    Ended(#[from] TransferError),
}

impl From<FsError> for GraftError {
    fn from(error: FsError) -> Self {
        Self::Ended(error.into())
    }
}

fn list(files: &[&FileEntry]) -> FileList {
    let mut list = FileList::new();
    files.iter().for_each(|file| list.add(file.path.as_str(), file.size, &file.sha256));
    list
}

impl Graft<'_> {
    /// The contents of old files that the delta needs for what is wanted.
    ///
    /// # Errors
    /// If it is no delta of these releases.
    pub fn bases(&self) -> Result<HashSet<Digest>, GraftError> {
        let (old, new) = self.files();
        let map = map(self.delta)?;
        let delta = self.open(&map, &old, &new)?;
        let is_wanted = |file: &(u32, u64)| {
            new.get(file.0 as usize).is_some_and(|file| self.wanted.contains(&file.sha256))
        };
        let groups = delta
            .groups()
            .iter()
            .filter(|group| group.units.iter().flat_map(|unit| &unit.news).any(is_wanted));
        let bases = groups.flat_map(|group| group.units.iter().flat_map(|unit| &unit.bases));
        Ok(bases.filter_map(|base| old.get(base.0 as usize)).map(|file| file.sha256).collect())
    }

    /// Makes every file that is wanted; what comes out wrong is told as failed.
    ///
    /// # Errors
    /// If the delta is of no use, the disk fails, or someone stops it. Files that are whole stay in the depot.
    pub fn run(
        &self,
        depot: &Depot,
        watch: Watch<'_>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Assembled, GraftError> {
        let (old, new) = self.files();
        let map = map(self.delta)?;
        let delta = self.open(&map, &old, &new)?;
        let scratch = Scratch::new(depot.scratch());
        let sources = Sources { old: &old, find: self.find, scratch };
        let mut bench = Bench {
            depot,
            new: &new,
            wanted: self.wanted,
            made: Vec::new(),
            failed: Vec::new(),
            seen: HashSet::new(),
            open: None,
            watch,
            bytes: 0,
            ended: None,
        };
        let applied = apply(&delta, &sources, &mut bench, stop);
        let open = bench.open.take();
        if let Some(Open { file, temp, .. }) = open {
            drop(file);
            fsx::remove_file(&temp).if_present()?;
        }
        if let Some(error) = bench.ended {
            return Err(TransferError::from(error).into());
        }
        match applied {
            Ok(()) => {}
            Err(ApplyError::Stopped) => return Err(TransferError::Cancelled.into()),
            Err(error) if bench.made.is_empty() => return Err(GraftError::Apply(error)),
            // What came right is of use all the same.
            Err(error) => tracing::warn!(%error, "a delta could be applied only in part"),
        }
        let made: HashSet<Digest> = bench.made.iter().map(|(digest, _)| *digest).collect();
        let failed = self.wanted.iter().filter(|digest| !made.contains(*digest)).copied().collect();
        Ok(Assembled { files: Fetched::of(depot, bench.made.into_iter()), failed })
    }

    fn files(&self) -> (Vec<&FileEntry>, Vec<&FileEntry>) {
        (self.old.regular().collect(), self.new.regular().collect())
    }

    fn open<'m>(
        &self,
        map: &'m Mapped,
        old: &[&FileEntry],
        new: &[&FileEntry],
    ) -> Result<Delta<'m>, GraftError> {
        let delta = Delta::parse(map)?;
        let fits = delta.is_from(list(old))
            && delta.is_to(list(new))
            && delta.old_count() == old.len()
            && delta.actions().len() == new.len();
        if fits { Ok(delta) } else { Err(GraftError::Other) }
    }
}

fn map(path: &Path) -> Result<Mapped, GraftError> {
    Mapped::new(&fsx::open(path)?).map_err(|error| FsError::new("map", path, error).into())
}

/// Old files by their place in the old release's list.
struct Sources<'a> {
    old: &'a [&'a FileEntry],
    find: &'a dyn Fn(&Digest) -> Option<PathBuf>,
    /// For old archives that are unpacked, on the volume of the install.
    scratch: Scratch,
}

impl OldFiles for Sources<'_> {
    fn open(&self, index: usize) -> io::Result<OldBytes> {
        let gone = || io::Error::new(io::ErrorKind::NotFound, "it is not installed as it was");
        let file = self.old.get(index).ok_or_else(gone)?;
        let path = (self.find)(&file.sha256).ok_or_else(gone)?;
        let open = fsx::open(&path).map_err(|error| error.source)?;
        if file.size == 0 {
            Ok(OldBytes::Held(Vec::new()))
        } else {
            Ok(OldBytes::Mapped(Mapped::new(&open)?))
        }
    }

    fn scratch(&self) -> io::Result<File> {
        self.scratch.file().map_err(|error| error.source)
    }
}

/// A new file being written.
struct Open {
    digest: Digest,
    file: File,
    temp: PathBuf,
    hasher: Hasher,
}

/// Where new files go.
struct Bench<'a> {
    depot: &'a Depot,
    new: &'a [&'a FileEntry],
    wanted: &'a HashSet<Digest>,
    made: Vec<(Digest, Option<crate::platform::ChangeMark>)>,
    failed: Vec<Digest>,
    seen: HashSet<Digest>,
    open: Option<Open>,
    watch: Watch<'a>,
    bytes: u64,
    /// The disk failed.
    ended: Option<FsError>,
}

impl Bench<'_> {
    /// Remembers that the disk failed; what the caller is told ends the work.
    fn end_with(&mut self, error: FsError) -> io::Error {
        let told = io::Error::other(error.to_string());
        self.ended = Some(error);
        told
    }

    fn told(&mut self, size: u64, path: &RelPath) {
        self.bytes += size;
        (self.watch)(self.bytes, path);
    }
}

impl NewFiles for Bench<'_> {
    fn wants(&self, index: usize) -> bool {
        self.new.get(index).is_some_and(|file| self.wanted.contains(&file.sha256))
    }

    fn told(&self, index: usize) -> Option<(&str, u64, Digest)> {
        self.new.get(index).map(|file| (file.path.as_str(), file.size, file.sha256))
    }

    fn begin(&mut self, index: usize, _size: u64) -> io::Result<()> {
        let Some(file) = self.new.get(index) else { return Err(io::ErrorKind::InvalidData.into()) };
        if !self.wanted.contains(&file.sha256) || !self.seen.insert(file.sha256) {
            return Ok(());
        }
        let temp = fsx::sibling(&self.depot.file(&file.sha256), ".tmp");
        match fsx::create(&temp) {
            Ok(open) => {
                let digest = file.sha256;
                self.open = Some(Open { digest, file: open, temp, hasher: Hasher::new() });
                Ok(())
            }
            Err(error) => Err(self.end_with(error)),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.hasher.update(bytes);
        match open.file.write_all(bytes) {
            Ok(()) => Ok(()),
            Err(error) => {
                let error = FsError::new("write", &open.temp, error);
                Err(self.end_with(error))
            }
        }
    }

    fn end(&mut self, index: usize) -> io::Result<()> {
        let Some(Open { digest, file, temp, hasher }) = self.open.take() else { return Ok(()) };
        drop(file);
        if hasher.finish() != digest {
            self.failed.push(digest);
            return fsx::remove_file(&temp).map_err(|error| self.end_with(error));
        }
        let path = self.depot.file(&digest);
        let named = fsx::rename(&temp, &path).and_then(|()| mark(&path));
        match named {
            Ok(mark) => {
                self.made.push((digest, mark));
                if let Some(file) = self.new.get(index) {
                    self.told(file.size, &file.path);
                }
                Ok(())
            }
            Err(error) => Err(self.end_with(error)),
        }
    }
}
