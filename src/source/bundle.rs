//! A repository, or part of one, in one file: read with suspicion, because it came from somewhere.

use std::io::{Read as _, Seek as _, SeekFrom, Take};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use crate::fsx::{self, Context as _, FsError};
use crate::platform::{ChangeMark, file::change_mark};
use crate::release::{BUNDLE_HEAD, BundleError, BundleHead, BundleIndex, BundlePart};
use crate::report::{ErrorCode, Fault};

use super::region::{self, Region};
use super::{Answer, RangeFrom, Source, SourceError};

/// A bundle whose index was read and fits the file.
#[derive(Debug)]
pub struct BundleFile {
    path: PathBuf,
    index: BundleIndex,
}

/// Why a bundle can't be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleFileError {
    /// The file can't be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// It is not a bundle, or not a whole one.
    #[error("{} can't be read as a bundle: {why}", path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        why: BundleError,
    },
}

impl Fault for BundleFileError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::Bad { why: BundleError::Newer(_), .. } => ErrorCode::NewerFormat,
            Self::Bad { .. } => ErrorCode::Repository,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Fs(error) => return error.hint(),
            Self::Bad { why: BundleError::Newer(_), .. } => "Use a later Updraft.",
            Self::Bad { why: BundleError::NotABundle, .. } => "Name a file made by updraft bundle export.",
            Self::Bad { why: BundleError::CutOff { .. }, .. } => {
                "Wait until it is copied, or copy it again; a volume with FAT32 holds no file of 4 GiB."
            }
            Self::Bad { .. } => "Copy it again, or export it anew.",
        };
        Some(hint.to_owned())
    }
}

impl BundleFile {
    /// Reads head and index of the bundle at `path`.
    ///
    /// # Errors
    /// If the file can't be read or is no whole bundle.
    pub fn open(path: &Path) -> Result<Self, BundleFileError> {
        // Opening a pipe would wait for its other end.
        let is_file = fsx::stat_follow(path)?.is_file();
        let bad = |why| BundleFileError::Bad { path: path.to_path_buf(), why };
        if !is_file {
            return Err(bad(BundleError::NotABundle));
        }
        let mut file = fsx::open(path)?;
        let index = read_index(&mut file, path)?.map_err(bad)?;
        Ok(Self { path: path.to_path_buf(), index })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What lies in it.
    #[must_use]
    pub fn index(&self) -> &BundleIndex {
        &self.index
    }

    /// The bytes of the file at `path` in it, if there is one. Of one with more than `limit` bytes one byte more
    /// is read, so that it is known to be too long.
    ///
    /// # Errors
    /// If the bundle can't be read.
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FsError> {
        let Some(part) = self.index.find(path) else { return Ok(None) };
        let mut bytes = Vec::new();
        self.reader(&part)?.take(limit.saturating_add(1)).read_to_end(&mut bytes).at("read", &self.path)?;
        Ok(Some(bytes))
    }

    /// Reads the bytes of a part; they are believed no more than any others.
    ///
    /// # Errors
    /// If the bundle can't be opened.
    pub fn reader(&self, part: &BundlePart) -> Result<Take<std::fs::File>, FsError> {
        let mut file = fsx::open(&self.path)?;
        file.seek(SeekFrom::Start(part.offset)).at("read", &self.path)?;
        Ok(file.take(part.length))
    }
}

type Checked = Result<BundleIndex, BundleError>;

/// The index of an open bundle. Nothing is read before its length is known to be sensible.
fn read_index(file: &mut std::fs::File, path: &Path) -> Result<Checked, FsError> {
    let has = file.metadata().at("read", path)?.len();
    let mut head = [0; BUNDLE_HEAD];
    match file.read_exact(&mut head) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Ok(Err(BundleError::NotABundle));
        }
        other => other.at("read", path)?,
    }
    let head = match BundleHead::parse(&head).and_then(|head| head.check_length(has).map(|()| head)) {
        Ok(head) => head,
        Err(error) => return Ok(Err(error)),
    };
    let mut bytes = Vec::new();
    file.take(head.index_length()).read_to_end(&mut bytes).at("read", path)?;
    Ok(head.index(&bytes))
}

/// A bundle as a source.
#[derive(Debug)]
pub struct Bundle {
    path: PathBuf,
    known: Known,
}

/// The index read last, and the mark of the file it was read from.
type Known = Arc<Mutex<Option<(ChangeMark, Arc<BundleIndex>)>>>;

impl Bundle {
    /// The bundle at `path`, be it there or not.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, known: Known::default() }
    }
}

impl Source for Bundle {
    fn get<'a>(
        &'a self,
        path: &'a str,
        range: Option<RangeFrom>,
    ) -> BoxFuture<'a, Result<Answer, SourceError>> {
        let (bundle, known, path) = (self.path.clone(), Arc::clone(&self.known), path.to_owned());
        Box::pin(region::answer(move || find(&bundle, &known, &path), range))
    }

    fn describe(&self) -> String {
        self.path.display().to_string()
    }
}

/// The part of the bundle that stands for `path`; the status 404 if there is none. The index is read again when
/// the file is another one than before.
fn find(bundle: &Path, known: &Known, path: &str) -> Result<Result<Region, u16>, SourceError> {
    let gone = |error: FsError| SourceError::transient(error.to_string());
    let mut file = fsx::open(bundle).map_err(gone)?;
    let mark = change_mark(&file.metadata().at("read", bundle).map_err(gone)?);
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let index = match &*known {
        Some((before, index)) if *before == mark => Arc::clone(index),
        _ => {
            let read = read_index(&mut file, bundle).map_err(gone)?;
            let index = Arc::new(read.map_err(|why| unusable(&why))?);
            Arc::clone(&known.insert((mark, index)).1)
        }
    };
    drop(known);
    Ok(index.find(path).map_or(Err(404), |part| Ok(Region { file, start: part.offset, length: part.length })))
}

/// A bundle that is cut off may still be on its way here.
fn unusable(why: &BundleError) -> SourceError {
    let reason = format!("it can't be read as a bundle: {why}");
    match why {
        BundleError::CutOff { .. } => SourceError::transient(reason),
        _ => SourceError::unusable(reason),
    }
}
