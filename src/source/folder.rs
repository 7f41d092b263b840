//! A repository in a folder or on a share.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;

use crate::fsx::{self, FsError};
use crate::release::RelPath;

use super::region::{self, Region};
use super::{Answer, RangeFrom, Source, SourceError};

/// A folder as a source.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The repository in the folder `root`.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }
}

impl Source for Folder {
    fn get<'a>(
        &'a self,
        path: &'a str,
        range: Option<RangeFrom>,
    ) -> BoxFuture<'a, Result<Answer, SourceError>> {
        let (root, path) = (self.root.clone(), path.to_owned());
        Box::pin(region::answer(move || find(&root, &path), range))
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }
}

/// The file at `path`; a status where there is none to read.
///
/// Links that lead out of the folder are not followed, as `serve` does not follow them: a stick from somebody
/// else must not make this machine read its own files. Only a regular file is opened, because opening a pipe
/// waits for its other end.
fn find(root: &Path, path: &str) -> Result<Result<Region, u16>, SourceError> {
    let Ok(path) = path.parse::<RelPath>() else { return Ok(Err(404)) };
    let real = match fsx::canonical(&path.under(root)) {
        Ok(real) => real,
        Err(error) => return refused(root, &error),
    };
    let home = fsx::canonical(root).map_err(|error| SourceError::transient(error.to_string()))?;
    if !real.starts_with(&home) {
        return Ok(Err(403));
    }
    let file = match fsx::stat(&real) {
        Ok(metadata) if !metadata.is_file() => return Ok(Err(404)),
        Ok(_) => fsx::open(&real),
        Err(error) => return refused(root, &error),
    };
    let file = match file {
        Ok(file) => file,
        Err(error) => return refused(root, &error),
    };
    let length = file.metadata().map_err(|error| SourceError::transient(error.to_string()))?.len();
    Ok(Ok(Region { file, start: 0, length }))
}

/// A share that is not there may come back, and so may one of which only the folder it is mounted at is left; a
/// file missing in a repository is missing.
fn refused(root: &Path, error: &FsError) -> Result<Result<Region, u16>, SourceError> {
    if error.source.kind() == ErrorKind::PermissionDenied {
        return Ok(Err(403));
    }
    if !error.is_absent() {
        return Err(SourceError::transient(error.to_string()));
    }
    if let Err(gone) = fsx::stat_follow(root) {
        return Err(SourceError::transient(gone.to_string()));
    }
    if fsx::stat_follow(&root.join("metadata")).is_ok() {
        return Ok(Err(404));
    }
    Err(SourceError::transient(
        "there is no repository in this folder; if it is a share, it is not mounted now",
    ))
}
