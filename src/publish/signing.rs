//! A repository to be signed anew: where it is, where its keys are, and the right to change it.

use std::path::{Path, PathBuf};

use crate::release::Stamp;
use crate::trust::sign::{self, Keys, Lifetimes, RepoState, SignedFile, Unlock};

use super::init::keys_of;
use super::repository::{Lock, Repository};
use super::{Place, PublishError};

/// A repository and what signs for it.
#[derive(Debug, Clone)]
pub struct Signing {
    /// The repository.
    pub repository: Place,
    /// The folder with the keys; nothing for the usual place.
    pub keys: Option<PathBuf>,
    /// What opens the keys.
    pub unlock: Unlock,
}

impl Signing {
    /// A repository with its keys in the usual place, or in `keys`, none of them locked.
    #[must_use]
    pub fn new(repository: impl Into<Place>, keys: Option<&Path>) -> Self {
        let keys = keys.map(Path::to_path_buf);
        Self { repository: repository.into(), keys, unlock: Unlock::default() }
    }

    /// Opens the repository for one change.
    pub(super) fn open(&self) -> Result<Opened, PublishError> {
        let (repository, state, lock) = Repository::open_to_sign(&self.repository)?;
        let folder = keys_of(&repository, self.keys.as_deref(), None)?;
        let keys = Keys::open(&folder, Some(&state), &self.unlock)?;
        Ok(Opened { repository, state, keys, _lock: lock })
    }
}

/// The folder with the keys of a repository: `keys`, or the usual place.
///
/// # Errors
/// If the keys would lie in the repository, or it is not said where a repository in a store has its keys.
pub fn keys_folder(repository: &Place, keys: Option<&Path>) -> Result<PathBuf, PublishError> {
    keys_of(&Repository::open(repository)?, keys, None)
}

/// A repository that nobody else changes meanwhile, with the keys that sign for it.
pub(super) struct Opened {
    pub(super) repository: Repository,
    pub(super) state: RepoState,
    pub(super) keys: Keys,
    _lock: Lock,
}

impl Opened {
    /// Writes signed files, in their order.
    pub(super) fn write(&self, files: &[SignedFile]) -> Result<(), PublishError> {
        self.repository.write_signed(files)
    }
}

/// Signs the metadata of a repository again, so that it holds for another while.
///
/// # Errors
/// If it is no repository, a key is missing, or something can't be written.
pub fn renew(signing: &Signing, now: Stamp, lifetimes: Lifetimes) -> Result<(), PublishError> {
    let opened = signing.open()?;
    opened.write(&sign::renew(&opened.state, &opened.keys, now, lifetimes)?)
}
