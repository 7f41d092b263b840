//! The keys of a repository: which count, where they are, and how one takes the place of another.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::fsx::{self, Absent as _};
use crate::release::Stamp;
use crate::trust::PublicKey;
use crate::trust::sign::{
    self, Kept, KeyPair, KeyRole, Keys, Lifetimes, Passphrase, RepoState, RootChange, SignError,
};

use super::init::keys_of;
use super::repository::Repository;
use super::{PublishError, Signing};

/// A key, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyStanding {
    /// What it signs.
    pub role: KeyRole,
    /// Its name in the metadata.
    pub id: String,
    /// Whether the repository counts its signatures.
    pub counts: bool,
    /// Its file, if that is in the folder of the keys.
    pub file: Option<PathBuf>,
    /// Where its private half is, if there is a file.
    pub kept: Option<Kept>,
}

/// All keys of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyList {
    /// The folder that was looked into.
    pub folder: PathBuf,
    /// How many root keys must sign a change of keys.
    pub threshold: u64,
    /// The keys.
    pub keys: Vec<KeyStanding>,
}

/// A change of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChange {
    /// A new release or online key takes the place of the old one, which counts no more.
    Rotate(KeyRole),
    /// A new root key takes the place of one, by the beginning of its name; of the only one that is not at hand if
    /// nothing is said.
    ReplaceRoot(Option<String>),
    /// One more root key.
    AddRoot,
    /// One root key less.
    RevokeRoot(String),
}

/// What a change of keys is told.
#[derive(Debug, Clone)]
pub struct KeyOrder {
    /// The repository and its keys; root keys must be at hand.
    pub signing: Signing,
    /// The change.
    pub change: KeyChange,
    /// A key made elsewhere, by its public half, with the command that signs with it.
    pub outside: Option<([u8; 32], Vec<String>)>,
    /// What a new key is put under.
    pub passphrase: Option<Passphrase>,
    /// How many root keys must sign from now on; nothing to leave it.
    pub threshold: Option<u64>,
    /// The time to sign with.
    pub now: Stamp,
    /// How long signatures hold.
    pub lifetimes: Lifetimes,
}

/// What a change of keys came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyChanged {
    /// The name of the new key, if there is one.
    pub new: Option<String>,
    /// Its file.
    pub file: Option<PathBuf>,
    /// The key that counts no more.
    pub revoked: Option<String>,
    /// Where its file was moved, if it was here.
    pub retired: Option<PathBuf>,
    /// The version of root from now on.
    pub root: u64,
}

/// Lists the keys of a repository, those that count and those in the folder. No key is opened.
///
/// # Errors
/// If it is no repository, or a file can't be read.
pub fn keys(signing: &Signing) -> Result<KeyList, PublishError> {
    let repository = Repository::open(&signing.repository)?;
    let state = repository.state()?.ok_or_else(|| repository.none())?;
    let folder = keys_of(&repository, signing.keys.as_deref(), None)?;
    let files = files(&folder)?;
    let mut keys = Vec::new();
    for role in [KeyRole::Root, KeyRole::Release, KeyRole::Online] {
        for id in state.keys_of(role) {
            let found = files.iter().find(|file| file.id == id);
            let (file, kept) = (found.map(|file| file.path.clone()), found.map(|file| file.kept));
            keys.push(KeyStanding { role, id, counts: true, file, kept });
        }
    }
    for File { role, id, path, kept } in files {
        if !keys.iter().any(|key| key.id == id) {
            keys.push(KeyStanding { role, id, counts: false, file: Some(path), kept: Some(kept) });
        }
    }
    Ok(KeyList { folder, threshold: state.root_threshold(), keys })
}

/// Changes keys and signs everything with those that count from now on.
///
/// # Errors
/// If too few root keys are at hand, a key is locked, or something can't be written. The repository and the files of
/// the keys are then as before.
pub fn change_keys(order: &KeyOrder) -> Result<KeyChanged, PublishError> {
    let (repository, state, _lock) = Repository::open_to_sign(&order.signing.repository)?;
    let folder = keys_of(&repository, order.signing.keys.as_deref(), None)?;
    let unlock = &order.signing.unlock;
    settle(&folder, &state)?;
    let mut draft = Draft {
        roots: state.keys_of(KeyRole::Root),
        release: None,
        online: None,
        signers: Keys::open_roots(&folder, unlock)?,
    };
    let (role, revoked) = match &order.change {
        KeyChange::Rotate(role) => (Some(*role), state.keys_of(*role).first().cloned()),
        KeyChange::AddRoot => (Some(KeyRole::Root), None),
        KeyChange::ReplaceRoot(named) => (Some(KeyRole::Root), Some(draft.root_named(named.as_deref())?)),
        KeyChange::RevokeRoot(named) => (None, Some(draft.root_named(Some(named))?)),
    };
    draft.roots.retain(|id| revoked.as_ref() != Some(id));
    let new = role.map(|role| order.new_key(role)).transpose()?;
    let fresh = match (&new, role) {
        (Some(pair), Some(role)) => Some(save(&folder, role, pair, order.passphrase.as_ref())?),
        _ => None,
    };
    let signed = draft.sign(&folder, &state, order, new);
    let files = match (signed, &fresh) {
        (Ok(files), _) => files,
        (Err(error), Some(fresh)) => {
            fsx::remove_file(&fresh.path)?;
            return Err(error);
        }
        (Err(error), None) => return Err(error),
    };
    repository.write_signed(&files)?;
    let retired = match &revoked {
        Some(id) => retire(&folder, id)?,
        None => None,
    };
    let file = fresh.as_ref().map(Fresh::settle).transpose()?;
    let new = fresh.map(|fresh| fresh.id);
    Ok(KeyChanged { new, file, revoked, retired, root: state.versions().root.saturating_add(1) })
}

impl KeyOrder {
    fn new_key(&self, role: KeyRole) -> Result<KeyPair, PublishError> {
        match &self.outside {
            Some((public, argv)) => Ok(KeyPair::external(role, *public, argv.clone())),
            None => Ok(KeyPair::generate(role)?),
        }
    }
}

/// The keys as they are to count.
struct Draft {
    roots: Vec<String>,
    release: Option<PublicKey>,
    online: Option<PublicKey>,
    signers: Vec<KeyPair>,
}

impl Draft {
    /// The root key whose name begins so, or the only one that is not at hand.
    fn root_named(&self, named: Option<&str>) -> Result<String, PublishError> {
        let is_meant = |id: &&String| match named {
            Some(begin) => id.starts_with(begin) && !begin.is_empty(),
            None => !self.signers.iter().any(|pair| pair.id() == **id),
        };
        let mut found = self.roots.iter().filter(is_meant);
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id.clone()),
            _ => Err(PublishError::WhichRoot(named.map(str::to_owned))),
        }
    }

    fn sign(
        mut self,
        folder: &Path,
        state: &RepoState,
        order: &KeyOrder,
        new: Option<KeyPair>,
    ) -> Result<Vec<sign::SignedFile>, PublishError> {
        let unlock = &order.signing.unlock;
        let (mut release, mut online) = (None, None);
        let mut root: Vec<PublicKey> = self.roots.iter().filter_map(|id| state.public_key(id)).collect();
        match new {
            Some(pair) if pair.role() == KeyRole::Release => release = Some(pair),
            Some(pair) if pair.role() == KeyRole::Online => online = Some(pair),
            Some(pair) => {
                root.push(pair.public());
                self.signers.push(pair);
            }
            None => {}
        }
        let other = |role| sign::open_role(folder, role, Some(state), unlock);
        let keys = Keys {
            release: release.map_or_else(|| other(KeyRole::Release), Ok)?,
            online: online.map_or_else(|| other(KeyRole::Online), Ok)?,
            root: self.signers,
        };
        self.release = Some(keys.release.public());
        self.online = Some(keys.online.public());
        let threshold = order.threshold.unwrap_or(state.root_threshold());
        if threshold == 0 || threshold > root.len() as u64 {
            return Err(PublishError::Threshold { threshold, keys: root.len() as u64 });
        }
        let change =
            RootChange { root, threshold, release: keys.release.public(), online: keys.online.public() };
        Ok(sign::rotate(state, &keys, &[], &change, order.now, order.lifetimes)?)
    }
}

/// A new key file, under the name that it has until the key counts.
struct Fresh {
    id: String,
    path: PathBuf,
    name: PathBuf,
}

impl Fresh {
    fn settle(&self) -> Result<PathBuf, PublishError> {
        if self.path != self.name {
            fsx::rename(&self.path, &self.name)?;
        }
        Ok(self.name.clone())
    }
}

/// Writes the file of a new key before anything is signed: a key that counts is never only in memory.
fn save(
    folder: &Path,
    role: KeyRole,
    pair: &KeyPair,
    passphrase: Option<&Passphrase>,
) -> Result<Fresh, PublishError> {
    fsx::make_dirs(folder)?;
    let name = match role {
        KeyRole::Root => {
            let mut number = 1;
            while fsx::exists(&folder.join(format!("root-{number}.key")))? {
                number += 1;
            }
            folder.join(format!("root-{number}.key"))
        }
        role => Keys::file(folder, role),
    };
    let path = if role == KeyRole::Root { name.clone() } else { fsx::sibling(&name, ".new") };
    if fsx::exists(&path)? {
        // Of a change that was cut off before it was signed, or `settle` had taken it.
        fsx::remove_file(&path)?;
    }
    pair.save_under(&path, passphrase)?;
    Ok(Fresh { id: pair.id(), path, name })
}

/// Ends a change that was cut off after it was signed: the new key gets its name.
fn settle(folder: &Path, state: &RepoState) -> Result<(), PublishError> {
    for role in [KeyRole::Release, KeyRole::Online] {
        let name = Keys::file(folder, role);
        let fresh = fsx::sibling(&name, ".new");
        if !fsx::exists(&fresh)? {
            continue;
        }
        let id = KeyPair::peek(&fresh)?.1.map(|public| public.id());
        if id.is_some_and(|id| state.is_key_of(role, &id)) {
            if let Some(old) = KeyPair::peek(&name).ok().and_then(|(_, public, _)| public) {
                retire(folder, &old.id())?;
            }
            fsx::rename(&fresh, &name)?;
        }
    }
    Ok(())
}

/// Moves the file of a key that counts no more aside.
fn retire(folder: &Path, id: &str) -> Result<Option<PathBuf>, PublishError> {
    let Some(file) = files(folder)?.into_iter().find(|file| file.id == id && !is_aside(&file.path)) else {
        return Ok(None);
    };
    let short: String = id.chars().take(8).collect();
    let aside = fsx::sibling(&file.path, &format!(".retired-{short}"));
    fsx::rename(&file.path, &aside)?;
    Ok(Some(aside))
}

fn is_aside(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.to_string_lossy().starts_with("retired-"))
}

/// A key file.
struct File {
    role: KeyRole,
    id: String,
    path: PathBuf,
    kept: Kept,
}

/// The key files in a folder. What is no key file is passed over.
fn files(folder: &Path) -> Result<Vec<File>, PublishError> {
    let mut found = Vec::new();
    for name in fsx::list(folder).if_present()?.unwrap_or_default() {
        let path = folder.join(name);
        if !fsx::stat_follow(&path)?.is_file() || is_aside(&path) {
            continue;
        }
        match KeyPair::peek(&path) {
            Ok((Some(role), Some(public), kept)) => found.push(File { role, id: public.id(), path, kept }),
            Ok(_) | Err(SignError::Key { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}
