//! The journal: everything recovery needs, in one file that is there whole or not at all.
//!
//! First line: name, format, length and sha256 of the rest. The rest: operations with what was and what will
//! be at each path, folders, the records before and after, the program to start. All paths are relative, so an
//! install moved or copied in the middle of a swap is still recovered. Content lies beside the journal by the
//! number of its operation: `new/<i>` staged, `old/<i>` backup.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fsx::{Disk, FsError};
use crate::release::{Digest, RelPath, Stamp};
use crate::report::{ErrorCode, Fault};

use super::look::Thing;
use super::record::{Record, StartAs};

const NAME: &str = "updraft-journal";
const FORMAT: u32 = 1;
const MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// One path of a swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Operation {
    /// Where.
    pub(super) path: RelPath,
    /// What was there.
    pub(super) old: Thing,
    /// What will be there.
    pub(super) new: Thing,
    /// Whether it is started by people or the system: switched last, and guarded by the stub until then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) entry: bool,
}

/// A swap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Journal {
    /// When it was staged.
    pub(super) made: Stamp,
    /// The binary that writes and recovers this journal; it guards the entries.
    pub(super) stub: Digest,
    /// What happens to files and links.
    pub(super) operations: Vec<Operation>,
    /// Folders that were not there, outermost first.
    pub(super) make_folders: Vec<RelPath>,
    /// Folders that were there and go if they are empty, innermost first.
    pub(super) drop_folders: Vec<RelPath>,
    /// The program to start afterwards, whichever version stands.
    pub(super) start: Option<StartAs>,
    /// The record if the swap is undone.
    pub(super) before: Record,
    /// The record if it is done.
    pub(super) after: Record,
}

/// Why a journal can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It can't be read or written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// It is not one of ours.
    #[error("{} is not a journal of an update", .0.display())]
    Foreign(PathBuf),
    /// A later updater wrote it.
    #[error("{} has format {format}, this updater knows format {FORMAT}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// Its bytes are not those that were written.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl Fault for JournalError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::Newer { .. } => ErrorCode::NewerFormat,
            Self::Foreign(_) | Self::Damaged { .. } => ErrorCode::Journal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Fs(error) => error.hint(),
            Self::Newer { .. } => Some("Start the newer updater that began this update.".to_owned()),
            Self::Foreign(_) | Self::Damaged { .. } => {
                Some("Nothing was deleted. Repair the program with the updater.".to_owned())
            }
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    name: String,
    format: u32,
    #[serde(default)]
    length: u64,
    sha256: Option<Digest>,
}

impl Journal {
    /// Whether nothing changes but the record.
    pub(super) fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.make_folders.is_empty() && self.drop_folders.is_empty()
    }

    /// The bytes of the file.
    pub(super) fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, JournalError> {
        let wrong = |why: serde_json::Error| FsError::new("write", path, io::Error::other(why));
        let body = serde_json::to_vec(self).map_err(wrong)?;
        let head = Head {
            name: NAME.to_owned(),
            format: FORMAT,
            length: body.len() as u64,
            sha256: Some(Digest::of(&body)),
        };
        let mut bytes = serde_json::to_vec(&head).map_err(wrong)?;
        bytes.push(b'\n');
        bytes.extend(body);
        Ok(bytes)
    }

    /// Reads a journal and checks all of it.
    pub(super) fn read(disk: &dyn Disk, path: &Path) -> Result<Self, JournalError> {
        let bytes = disk.read(path, MAX_BYTES)?;
        let foreign = || JournalError::Foreign(path.to_path_buf());
        let damaged = |why: &str| JournalError::Damaged { path: path.to_path_buf(), why: why.to_owned() };
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(foreign)?;
        let (head, body) = (&bytes[..end], &bytes[end + 1..]);
        let head: Head = serde_json::from_slice(head).map_err(|_why| foreign())?;
        if head.name != NAME {
            return Err(foreign());
        }
        if head.format > FORMAT {
            return Err(JournalError::Newer { path: path.to_path_buf(), format: head.format });
        }
        if head.length != body.len() as u64 || head.sha256 != Some(Digest::of(body)) {
            return Err(damaged("its checksum is wrong"));
        }
        serde_json::from_slice(body).map_err(|why| damaged(&why.to_string()))
    }
}
