//! The first step: keys, and a repository that holds nothing but its own signed metadata.

use std::path::{Path, PathBuf};

use crate::fsx;
use crate::platform;
use crate::release::{App, Stamp};
use crate::trust::sign::{self, Keys, Lifetimes, Passphrase, Unlock};

use super::repository::{Repository, resolve};
use super::{Place, PublishError};

/// What `init` is asked for.
#[derive(Debug, Clone)]
pub struct Init {
    /// The repository folder to make.
    pub repository: Place,
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

/// Where the keys of a program lie unless said otherwise: in the user's own settings. Nothing if the system has no
/// such place.
#[must_use]
pub fn default_keys(app: &App) -> Option<PathBuf> {
    let plain = |c: char| if c.is_alphanumeric() || " ._-".contains(c) { c } else { '_' };
    let name: String = app.as_str().chars().map(plain).collect();
    let name = name.trim_end_matches(['.', ' ']);
    Some(platform::dirs::config()?.join("updraft").join("keys").join(if name.is_empty() {
        "_"
    } else {
        name
    }))
}

/// Makes keys and the first metadata.
///
/// # Errors
/// If there is a repository already, the keys would lie in it, or something can't be written.
pub fn init(order: &Init) -> Result<Initialised, PublishError> {
    init_with(order, &Unlock::default())
}

/// The same, with new keys under the passphrase of `unlock`, or keys that are there opened with it.
///
/// # Errors
/// As for [`init`].
pub fn init_with(order: &Init, unlock: &Unlock) -> Result<Initialised, PublishError> {
    let repository = Repository::open(&order.repository)?;
    let keys = keys_of(&repository, order.keys.as_deref(), Some(&order.app))?;
    if repository.is_complete()? {
        return Err(PublishError::AlreadyARepository(repository.name()));
    }
    match repository.project()? {
        Some(found) if found != order.app => {
            return Err(PublishError::OtherApp {
                repository: repository.name(),
                found,
                asked: order.app.clone(),
            });
        }
        None if !repository.store().top()?.is_empty() => {
            return Err(PublishError::NotEmpty(repository.name()));
        }
        _ => {}
    }
    let keys_were_there = fsx::exists(&keys.join(Keys::RELEASE))?;
    let loaded = if keys_were_there {
        let unlock = Unlock { wants_root: true, ..unlock.clone() };
        Keys::open(&keys, None, &unlock)?
    } else {
        make_keys(&keys, unlock.passphrase.as_ref())?
    };
    fsx::make_dirs(repository.root())?;
    repository.set_project(&order.app)?;
    let _lock = repository.lock()?;
    let files = sign::first(&loaded, order.now, order.lifetimes)?;
    repository.write_signed(&files)?;
    let trusted = repository.name().join("metadata").join("root.json");
    Ok(Initialised {
        repository: repository.name(),
        app: order.app.clone(),
        keys,
        keys_were_there,
        root: trusted,
    })
}

/// Whether the keys that an order would use are there already.
///
/// # Errors
/// If that can't be seen.
pub fn has_keys(order: &Init) -> Result<bool, PublishError> {
    let repository = Repository::open(&order.repository)?;
    let keys = keys_of(&repository, order.keys.as_deref(), Some(&order.app))?;
    Ok(fsx::exists(&keys.join(Keys::RELEASE))?)
}

fn make_keys(folder: &Path, passphrase: Option<&Passphrase>) -> Result<Keys, PublishError> {
    if !fsx::exists(folder)? {
        fsx::make_dirs(folder)?;
        fsx::set_mode(folder, 0o700)?;
    }
    Ok(Keys::generate_under(folder, passphrase)?)
}

/// Where the keys of a repository are: in `keys`; in `<name>.keys` beside a folder, where they once lay; or in the
/// usual place of its program. Private keys never lie in a repository: it is there to be given away.
pub(super) fn keys_of(
    repository: &Repository,
    keys: Option<&Path>,
    app: Option<&App>,
) -> Result<PathBuf, PublishError> {
    let root = repository.root();
    let keys = match keys {
        Some(keys) => resolve(keys)?,
        None => usual_keys(repository, app)?,
    };
    if repository.is_folder() && keys.starts_with(root) {
        let (inner, outer) = (keys, root.to_path_buf());
        return Err(PublishError::Inside { what: "the keys in", inner, outer });
    }
    Ok(keys)
}

fn usual_keys(repository: &Repository, app: Option<&App>) -> Result<PathBuf, PublishError> {
    let beside = fsx::sibling(repository.root(), ".keys");
    if repository.is_folder() && fsx::exists(&beside)? {
        return Ok(beside);
    }
    let app = match app {
        Some(app) => Some(app.clone()),
        None => repository.project()?,
    };
    match app.as_ref().and_then(default_keys) {
        Some(usual) => Ok(resolve(&usual)?),
        None if repository.is_folder() => Ok(beside),
        None => Err(PublishError::AppUnknown(repository.name())),
    }
}
