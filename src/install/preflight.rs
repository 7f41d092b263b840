//! What can be known to fail, said before anything is fetched or touched.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use crate::fsx::{self, Absent as _, Context as _, FsError};
use crate::plan::{Plan, Way};
use crate::platform;
use crate::release::{Entry, RelPath};
use crate::report::{ErrorCode, Fault};

use super::Install;

/// Room for journal, folders and what the file system needs itself.
const RESERVE: u64 = 4 * 1024 * 1024;
/// What a small file takes more than its bytes.
const PER_FILE: u64 = 4096;

/// Why an update can't be done here.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// There is too little room.
    #[error("the update needs {needed} bytes on the volume of {}, {free} are free", root.display())]
    Space {
        /// The install.
        root: PathBuf,
        /// Bytes needed for what is fetched, laid ready and kept.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A folder can't be written.
    #[error("the folder {} can't be changed", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What happened.
        source: FsError,
    },
    /// A folder lies on another volume, so that nothing can be renamed into it.
    #[error("the folder {} is on another volume than the updater", .0.display())]
    OtherVolume(PathBuf),
    /// A path is longer than this system takes.
    #[error("the path {} is longer than this system takes", .0.display())]
    TooLong(PathBuf),
    /// The release has a file in the updater's own memory.
    #[error("the release has \u{ab}{0}\u{bb}, which belongs to the updater's own state")]
    OwnState(RelPath),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Fault for PreflightError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Space { .. } => ErrorCode::NoSpace,
            Self::Folder { source, .. } => source.code(),
            Self::OtherVolume(_) => ErrorCode::Permission,
            Self::TooLong(_) => ErrorCode::PathTooLong,
            Self::OwnState(_) => ErrorCode::Malformed,
            Self::Fs(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Space { needed, free, .. } => {
                Some(format!("Free at least {} bytes and try again.", needed.saturating_sub(*free)))
            }
            Self::Folder { source, .. } | Self::Fs(source) => source.hint(),
            Self::OtherVolume(_) => Some("Put the whole program on one volume.".to_owned()),
            Self::TooLong(_) => Some("Move the program to a folder with a shorter path.".to_owned()),
            Self::OwnState(_) => Some("Tell the vendor of the program.".to_owned()),
        }
    }
}

impl Install {
    /// Checks room, rights, volumes and path lengths for `plan`. Leaves nothing behind.
    ///
    /// # Errors
    /// The first thing that would make the update fail.
    pub fn preflight(&self, plan: &Plan) -> Result<(), PreflightError> {
        for path in plan.items.iter().map(|item| &item.path).chain(&plan.make_folders) {
            if self.is_own_state(path) {
                return Err(PreflightError::OwnState(path.clone()));
            }
            self.check_length(path)?;
        }
        let state = self.state_dir();
        let folder_error = |folder: PathBuf, source| PreflightError::Folder { folder, source };
        fsx::make_dirs(&state).map_err(|error| folder_error(state.clone(), error))?;
        let needed = needed(plan);
        let free = platform::file::free_space(&state).at("look at the free space of", &state)?;
        if free < needed {
            return Err(PreflightError::Space { root: self.root().to_path_buf(), needed, free });
        }
        let folders: BTreeSet<PathBuf> = plan.changes().map(|item| self.folder_above(&item.path)).collect();
        folders.into_iter().try_for_each(|folder| self.probe(folder))
    }

    /// The nearest folder above `path` that is there already.
    fn folder_above(&self, path: &RelPath) -> PathBuf {
        let above = path.ancestors().map(|folder| folder.under(self.root()));
        let is_folder = |folder: &PathBuf| fsx::stat(folder).is_ok_and(|found| found.is_dir());
        above.into_iter().find(is_folder).unwrap_or_else(|| self.root().to_path_buf())
    }

    /// Renames an empty file from the updater's state into the folder and removes it: what a swap does.
    fn probe(&self, folder: PathBuf) -> Result<(), PreflightError> {
        let from = self.state_dir().join("probe");
        let to = folder.join(".updraft-probe");
        fsx::remove_file(&to).if_present().map_err(|source| self.refuse(&folder, source))?;
        drop(fsx::create(&from)?);
        let moved = fsx::rename(&from, &to);
        fsx::remove_file(&from).if_present()?;
        match moved.and_then(|()| fsx::remove_file(&to)) {
            Err(error) if error.source.kind() == io::ErrorKind::CrossesDevices => {
                Err(PreflightError::OtherVolume(folder))
            }
            Err(error) => Err(self.refuse(&folder, error)),
            Ok(()) => Ok(()),
        }
    }

    fn refuse(&self, folder: &std::path::Path, source: FsError) -> PreflightError {
        PreflightError::Folder { folder: folder.to_path_buf(), source }
    }

    fn check_length(&self, path: &RelPath) -> Result<(), PreflightError> {
        let place = path.under(self.root());
        let length = place.as_os_str().len();
        let too_long = if platform::file::HAS_MODES {
            length > 4000
        } else {
            // Windows counts UTF-16 units; the classic limit holds unless the root is in its long form.
            let units = place.to_string_lossy().encode_utf16().count();
            units > 32_000 || (units > 259 && !self.root().to_string_lossy().starts_with(r"\\?\"))
        };
        if too_long { Err(PreflightError::TooLong(place)) } else { Ok(()) }
    }
}

/// What is fetched, what is laid ready; backups are second names and take no room.
fn needed(plan: &Plan) -> u64 {
    let each = plan.changes().map(|item| {
        let laid = match &item.want {
            Some(Entry::File(file)) => file.size,
            Some(Entry::Link(_)) | None => 0,
        };
        let fetched = if let Way::Whole(content) = &item.way { content.size } else { 0 };
        laid.saturating_add(fetched).saturating_add(PER_FILE)
    });
    each.fold(RESERVE, u64::saturating_add)
}
