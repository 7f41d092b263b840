//! The files on one side of a delta.

use std::io;
use std::path::{Path, PathBuf};

use super::Refused;
use crate::delta::{FileBytes, FileList, OldFile};
use crate::fsx::{self, FsError};
use crate::release::{Digest, Hasher, RelPath};

/// A file or the files of a folder, in the order of a manifest.
pub(super) struct Tree {
    pub(super) is_folder: bool,
    pub(super) files: Vec<TreeFile>,
}

pub(super) struct TreeFile {
    pub(super) path: String,
    pub(super) at: PathBuf,
    pub(super) mode: u32,
    pub(super) size: u64,
}

impl Tree {
    pub(super) fn read(root: &Path) -> Result<Self, Refused> {
        let metadata = fsx::stat_follow(root)?;
        if metadata.is_file() {
            // Alone, a file needs no name: both are the one file of their list.
            return Ok(Self { is_folder: false, files: vec![TreeFile::read("file".to_owned(), root)?] });
        }
        if !metadata.is_dir() {
            return Err(Refused::Neither(root.to_path_buf()));
        }
        let mut files = Vec::new();
        for entry in walkdir::WalkDir::new(root) {
            let walk = |why: String| Refused::Walk { folder: root.to_path_buf(), why };
            let entry = entry.map_err(|error| walk(error.to_string()))?;
            if entry.file_type().is_file() {
                let path = entry.path().strip_prefix(root).map_err(|error| walk(error.to_string()))?;
                let path = RelPath::from_native(path).map_err(|error| walk(error.to_string()))?;
                files.push(TreeFile::read(path.as_str().to_owned(), entry.path())?);
            }
        }
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(Self { is_folder: true, files })
    }

    /// Its files with their digests, all of which are read.
    pub(super) fn files(&self) -> Result<Vec<OldFile<'_>>, FsError> {
        fn read(file: &TreeFile) -> Result<OldFile<'_>, FsError> {
            let (bytes, digest) = (FileBytes::At(&file.at), file.digest()?);
            Ok(OldFile { path: &file.path, digest, size: file.size, bytes })
        }
        self.files.iter().map(read).collect()
    }

    /// The same as a list.
    pub(super) fn list(&self) -> Result<FileList, FsError> {
        let mut list = FileList::new();
        self.files()?.iter().for_each(|file| list.add(file.path, file.size, &file.digest));
        Ok(list)
    }

    /// The paths as lines, each after its mode.
    pub(super) fn lines(&self) -> Vec<u8> {
        let line = |file: &TreeFile| format!("{:o} {}\n", file.mode, file.path).into_bytes();
        self.files.iter().flat_map(line).collect()
    }
}

impl TreeFile {
    fn read(path: String, at: &Path) -> Result<Self, FsError> {
        let metadata = fsx::stat_follow(at)?;
        Ok(Self { path, at: at.to_path_buf(), mode: fsx::mode(&metadata), size: metadata.len() })
    }

    pub(super) fn digest(&self) -> Result<Digest, FsError> {
        let mut hasher = Hasher::new();
        io::copy(&mut fsx::open(&self.at)?, &mut hasher)
            .map_err(|error| FsError::new("read", &self.at, error))?;
        Ok(hasher.finish())
    }
}
