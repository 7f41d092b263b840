//! What lies at a path: the one way this room looks at files, by content and never by name or date.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::fsx::{self, Absent as _, Context as _, Disk, FsError};
use crate::plan::Found;
use crate::platform::ChangeMark;
use crate::platform::file::HAS_MODES;
use crate::release::{Digest, Entry, Hasher, RelPath};

use super::tools;

/// What lies at a path, or should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Thing {
    /// Nothing.
    Absent,
    /// A regular file.
    File { sha256: Digest, size: u64, mode: u32 },
    /// A symbolic link and what it says.
    Link(String),
    /// A folder.
    Folder,
    /// A device, a socket, a link that is no text.
    Other,
}

impl Thing {
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Content that can be laid down again: a file or a link.
    pub(super) fn is_content(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Link(_))
    }

    pub(super) fn digest(&self) -> Option<Digest> {
        if let Self::File { sha256, .. } = self { Some(*sha256) } else { None }
    }

    /// The same content and, where there are modes, the same mode.
    pub(super) fn is(&self, other: &Self) -> bool {
        if HAS_MODES { self == other } else { self.has_content_of(other) }
    }

    /// The same content, whatever the mode.
    pub(super) fn has_content_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { sha256: a, .. }, Self::File { sha256: b, .. }) => a == b,
            _ => self == other,
        }
    }
}

impl From<&Found> for Thing {
    fn from(found: &Found) -> Self {
        match found {
            Found::File { digest, size, mode } => Self::File { sha256: *digest, size: *size, mode: *mode },
            Found::Link(target) => Self::Link(target.clone()),
            Found::Folder => Self::Folder,
            Found::Other => Self::Other,
        }
    }
}

impl From<&Entry> for Thing {
    fn from(entry: &Entry) -> Self {
        match entry {
            Entry::File(file) => Self::File { sha256: file.sha256, size: file.size, mode: file.mode },
            Entry::Link(link) => Self::Link(link.target.clone()),
        }
    }
}

/// Looks at `path` and reads all of it.
pub(super) fn observe(disk: &dyn Disk, path: &Path) -> fsx::Result<Thing> {
    let Some(metadata) = disk.stat(path).if_present()? else { return Ok(Thing::Absent) };
    Ok(if metadata.is_file() {
        let mode = metadata.mode;
        match hash(disk, path).if_present()? {
            Some((sha256, size)) => Thing::File { sha256, size, mode },
            None => Thing::Absent,
        }
    } else if metadata.is_symlink() {
        disk.read_link(path)?.to_str().map_or(Thing::Other, |text| Thing::Link(text.replace('\\', "/")))
    } else if metadata.is_dir() {
        Thing::Folder
    } else {
        Thing::Other
    })
}

/// The digest and size of a file.
pub(super) fn hash(disk: &dyn Disk, path: &Path) -> fsx::Result<(Digest, u64)> {
    let stopped = || FsError::new("read", path, std::io::ErrorKind::Interrupted.into());
    hash_while(disk, path, &mut |_| true)?.ok_or_else(stopped)
}

/// As [`observe`], but tells how much of a file is read and ends when it is no longer wanted, with nothing.
pub(super) fn observe_while(
    disk: &dyn Disk,
    path: &Path,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> fsx::Result<Option<Thing>> {
    match disk.stat(path).if_present()? {
        Some(found) if found.is_file() => Ok(match hash_while(disk, path, go_on).if_present()? {
            Some(Some((sha256, size))) => Some(Thing::File { sha256, size, mode: found.mode }),
            Some(None) => None,
            None => Some(Thing::Absent),
        }),
        _ => observe(disk, path).map(Some),
    }
}

/// As [`hash`]; nothing if `go_on` said no.
pub(super) fn hash_while(
    disk: &dyn Disk,
    path: &Path,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> fsx::Result<Option<(Digest, u64)>> {
    let mut file = tools::open_patiently(disk, path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer).at("read", path)?;
        if count == 0 {
            return Ok(Some((hasher.finish(), size)));
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
        if !go_on(size) {
            return Ok(None);
        }
    }
}

/// The mark of a regular file; nothing for everything else.
pub(super) fn mark(disk: &dyn Disk, path: &Path) -> fsx::Result<Option<ChangeMark>> {
    let metadata = disk.stat(path).if_present()?;
    Ok(metadata.filter(fsx::Stat::is_file).map(|metadata| metadata.mark))
}

/// Whether two marks are of the same file with the same content. A rename or a second name changes the third
/// field of a mark and nothing else.
pub(super) fn is_same_file(a: &ChangeMark, b: &ChangeMark) -> bool {
    (a.size, a.written, a.id) == (b.size, b.written, b.id)
}

/// Tells whether the folders above a path are real ones. What lies behind a link is not part of the install:
/// it is never looked at as if it were, and nothing is ever written through it.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    disk: &'a dyn Disk,
    root: &'a Path,
    known: HashMap<RelPath, bool>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(disk: &'a dyn Disk, root: &'a Path) -> Self {
        Self { disk, root, known: HashMap::new() }
    }

    /// Whether everything above `path` is a folder.
    pub(super) fn holds(&mut self, path: &RelPath) -> fsx::Result<bool> {
        let Some(parent) = path.parent() else { return Ok(true) };
        if let Some(known) = self.known.get(&parent) {
            return Ok(*known);
        }
        let is_folder =
            self.disk.stat(&parent.under(self.root)).if_present()?.is_some_and(|found| found.is_dir());
        let holds = is_folder && self.holds(&parent)?;
        self.known.insert(parent, holds);
        Ok(holds)
    }
}
