//! The first step: keys, and a repository that holds nothing but its own signed metadata.

use std::path::{Path, PathBuf};

use crate::fsx::{self, Absent as _};
use crate::release::{App, Stamp};
use crate::trust::sign::{self, Keys, Lifetimes};

use super::PublishError;
use super::repository::{Repository, resolve};

/// What `init` is asked for.
#[derive(Debug, Clone)]
pub struct Init {
    /// The repository folder to make.
    pub repository: PathBuf,
    /// The program it is of.
    pub app: App,
    /// Where the keys go, or lie already; nothing for the usual place.
    pub keys: Option<PathBuf>,
    /// The time to sign with.
    pub now: Stamp,
    /// How long signatures hold.
    pub lifetimes: Lifetimes,
}

/// What `init` has made.
#[derive(Debug, Clone)]
pub struct Initialised {
    /// The repository.
    pub repository: PathBuf,
    /// The program it is of.
    pub app: App,
    /// The folder with the keys.
    pub keys: PathBuf,
    /// Whether the keys were there before.
    pub keys_were_there: bool,
    /// What every install needs: the trusted root.
    pub root: PathBuf,
}

/// Where the keys of a repository lie unless said otherwise: beside it, in `<name>.keys`.
///
/// # Errors
/// If the repository's path can't be made absolute.
pub fn default_keys(repository: &Path) -> Result<PathBuf, PublishError> {
    Ok(fsx::sibling(&resolve(repository)?, ".keys"))
}

/// Makes keys and the first metadata.
///
/// # Errors
/// If there is a repository already, the keys would lie in it, or something can't be written.
pub fn init(order: &Init) -> Result<Initialised, PublishError> {
    let root = resolve(&order.repository)?;
    let repository = Repository::at(&root);
    let keys = keys_of(&repository, order.keys.as_deref())?;
    if repository.is_complete()? {
        return Err(PublishError::AlreadyARepository(root));
    }
    match repository.project()? {
        Some(found) if found != order.app => {
            return Err(PublishError::OtherApp { repository: root, found, asked: order.app.clone() });
        }
        None if fsx::list(&root).if_present()?.is_some_and(|names| !names.is_empty()) => {
            return Err(PublishError::NotEmpty(root));
        }
        _ => {}
    }
    let keys_were_there = fsx::exists(&keys.join(Keys::RELEASE))?;
    let loaded = if keys_were_there { Keys::load(&keys)? } else { make_keys(&keys)? };
    fsx::make_dirs(&root)?;
    repository.set_project(&order.app)?;
    let _lock = repository.lock()?;
    for (path, bytes) in sign::first(&loaded, order.now, order.lifetimes)? {
        repository.write(&path, &bytes)?;
    }
    let trusted = root.join("metadata").join("root.json");
    Ok(Initialised { repository: root, app: order.app.clone(), keys, keys_were_there, root: trusted })
}

fn make_keys(folder: &Path) -> Result<Keys, PublishError> {
    if !fsx::exists(folder)? {
        fsx::make_dirs(folder)?;
        fsx::set_mode(folder, 0o700)?;
    }
    Ok(Keys::generate_into(folder)?)
}

/// Where the keys of a repository are: in `keys`, or in the usual place. Private keys never lie in a
/// repository: it is there to be given away.
pub(super) fn keys_of(repository: &Repository, keys: Option<&Path>) -> Result<PathBuf, PublishError> {
    let root = repository.root();
    let keys = keys.map_or_else(|| default_keys(root), |keys| Ok(resolve(keys)?))?;
    if keys.starts_with(root) {
        let (inner, outer) = (keys, root.to_path_buf());
        return Err(PublishError::Inside { what: "the keys in", inner, outer });
    }
    Ok(keys)
}
