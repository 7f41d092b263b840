//! What lies in a package: a file of the vendor, a file we make, a link, an empty folder.

use std::fmt;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;

use crate::fsx;
use crate::release::{Digest, Hasher, RelPath};

/// One path of a package.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Where it lies, from the program's folder.
    pub(super) path: RelPath,
    /// What it is.
    pub(super) kind: Kind,
    /// Whether a copy that is there already is the user's and stays.
    pub(super) keep: bool,
}

/// What an item is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A regular file.
    File {
        /// Where its bytes are.
        from: Bytes,
        /// How many.
        size: u64,
        /// Unix permission bits.
        mode: u32,
    },
    /// A symbolic link and what it says.
    Link(String),
    /// An empty folder.
    Folder,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
pub(super) enum Bytes {
    /// In a file, which must still have this content when it is packed.
    Disk(PathBuf, Digest),
    /// Here.
    Made(Vec<u8>),
}

impl Item {
    /// A file that we make.
    pub(super) fn made(path: RelPath, bytes: Vec<u8>) -> Self {
        let size = bytes.len() as u64;
        Self::new(path, Kind::File { from: Bytes::Made(bytes), size, mode: 0o644 })
    }

    /// An item that is the release's.
    pub(super) fn new(path: RelPath, kind: Kind) -> Self {
        Self { path, kind, keep: false }
    }

    /// Whether it is a regular file.
    pub(super) fn is_file(&self) -> bool {
        matches!(self.kind, Kind::File { .. })
    }
}

impl Bytes {
    /// Reads them. The last read fails with [`Changed`] if they are not what they were.
    pub(super) fn open(&self, path: &RelPath) -> fsx::Result<Box<dyn Read>> {
        Ok(match self {
            Self::Made(bytes) => Box::new(Cursor::new(bytes.clone())),
            Self::Disk(file, digest) => Box::new(Checked {
                file: fsx::open(file)?,
                hasher: Some(Hasher::new()),
                digest: *digest,
                path: path.clone(),
            }),
        })
    }
}

/// A file was not what it was when the package was planned.
#[derive(Debug)]
pub(super) struct Changed(pub(super) RelPath);

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} changed while it was packed", self.0)
    }
}

impl std::error::Error for Changed {}

/// A reader that compares the whole with a digest at its end.
struct Checked {
    file: std::fs::File,
    hasher: Option<Hasher>,
    digest: Digest,
    path: RelPath,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if let (0, false, Some(hasher)) = (count, buffer.is_empty(), self.hasher.take_if(|_| count == 0)) {
            if hasher.finish() != self.digest {
                return Err(io::Error::other(Changed(self.path.clone())));
            }
        } else if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        Ok(count)
    }
}
