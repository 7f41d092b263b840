//! Signing: the metadata of a new repository, of one with one more release, and of one that is renewed.
//!
//! Every function gives the files to write, in the order to write them: what is named comes before what names
//! it, `timestamp.json` last. Nothing is handed out that the client would refuse: each file is checked against
//! the keys in root first.

mod keyfile;
mod keys;
mod release;
mod rotate;
mod state;
#[cfg(test)]
mod tests;
mod unlock;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

pub use keyfile::{is_private_key, read_public};
pub(crate) use keys::open_role;
pub use keys::{Kept, KeyPair, KeyRole, Keys};
pub use release::{Batch, add_release, amend_release, set_mirrors};
pub use rotate::{RootChange, first, first_with_threshold, rotate};
pub use state::{Expiries, Reader, RepoState};
pub use unlock::{Ask, Passphrase, Unlock};

use super::metadata::{Head, MetaFile, Role, Root, Signature, Snapshot, Targets, Timestamp, TimestampMeta};
use super::{TrustError, Versions, canonical, metadata};
use crate::fsx::FsError;
use crate::release::{Digest, ManifestError, Stamp};
use crate::report::{ErrorCode, Fault};

/// A file of the repository: its path and its bytes.
pub type SignedFile = (String, Vec<u8>);

/// How long signatures are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// The list of keys.
    pub root: Duration,
    /// The list of releases.
    pub targets: Duration,
    /// What binds them together.
    pub snapshot: Duration,
    /// What says that this is the newest state.
    pub timestamp: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Lifetimes {
    /// For a repository on static hosting, where the timestamp is renewed by hand or by a job.
    fn default() -> Self {
        Self {
            root: DAY.saturating_mul(3653),
            targets: DAY.saturating_mul(365),
            snapshot: DAY.saturating_mul(365),
            timestamp: DAY.saturating_mul(60),
        }
    }
}

impl Lifetimes {
    /// With a timestamp that is good for so many days; what it leads to is good for as long at least.
    #[must_use]
    pub fn of_days(days: u32) -> Self {
        let (timestamp, usual) = (DAY.saturating_mul(days), Self::default());
        let (targets, snapshot) = (usual.targets.max(timestamp), usual.snapshot.max(timestamp));
        Self { targets, snapshot, timestamp, ..usual }
    }

    /// For a repository whose server renews the timestamp by itself.
    #[must_use]
    pub fn served() -> Self {
        Self { timestamp: DAY.saturating_mul(7), ..Self::default() }
    }
}

/// Why something can't be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A file can't be read or written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The metadata of the repository is damaged.
    #[error("the repository is damaged: {0}")]
    Repository(#[from] TrustError),
    /// A key file is damaged.
    #[error("the key {} can't be used: {why}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A key file is of another role.
    #[error("the key {} is a {found} key, not a {wanted} key", path.display())]
    KeyRole {
        /// The file.
        path: PathBuf,
        /// Its role.
        found: &'static str,
        /// The role needed.
        wanted: &'static str,
    },
    /// A key is under a passphrase that nobody told.
    #[error("the key {} is under a passphrase", .0.display())]
    Locked(PathBuf),
    /// A passphrase is not that of the key.
    #[error("that is not the passphrase of the key {}", .0.display())]
    Passphrase(PathBuf),
    /// A command did not sign.
    #[error("the signer \u{ab}{command}\u{bb} did not sign: {why}")]
    Signer {
        /// The command.
        command: String,
        /// What went wrong.
        why: String,
    },
    /// There is a key already.
    #[error("the key {} exists already, it is not overwritten", .0.display())]
    KeyExists(PathBuf),
    /// The keys at hand are not those that count.
    #[error("{file} needs {need} signatures by keys the repository knows, {have} are at hand")]
    Keys {
        /// What is to be signed.
        file: String,
        /// How many of the keys at hand count.
        have: u64,
        /// How many are needed.
        need: u64,
    },
    /// The system has no randomness to give.
    #[error("no key can be made: {0}")]
    Random(String),
    /// A release is not newer than the newest.
    #[error("the release {path} is not newer than the newest of its channel and platform, number {newest}")]
    NotNewer {
        /// Its target path.
        path: String,
        /// The newest number there is.
        newest: u64,
    },
    /// There is no such release.
    #[error("there is no release {0}")]
    NoRelease(String),
    /// The newest release of its kind can't be taken off the list.
    #[error("the release {0} is the newest of its channel and platform")]
    Newest(String),
    /// A manifest is not one that a client would take.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A manifest and what is signed of it differ.
    #[error("the manifest and the summary of {path} differ in the {field}")]
    Differs {
        /// Its target path.
        path: String,
        /// What differs.
        field: &'static str,
    },
    /// Something can't be written as canonical JSON.
    #[error("{0} can't be written as JSON without floats")]
    Float(&'static str),
}

impl Fault for SignError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::Repository(_) => ErrorCode::Repository,
            Self::Key { .. }
            | Self::KeyRole { .. }
            | Self::KeyExists(_)
            | Self::Keys { .. }
            | Self::Locked(_)
            | Self::Passphrase(_)
            | Self::Signer { .. } => ErrorCode::Key,
            Self::Random(_) => ErrorCode::Internal,
            Self::NotNewer { .. } | Self::NoRelease(_) | Self::Newest(_) => ErrorCode::Usage,
            Self::Manifest(_) | Self::Differs { .. } | Self::Float(_) => ErrorCode::Malformed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Fs(error) => return error.hint(),
            Self::Repository(error) => return error.hint(),
            Self::Key { .. } => "Restore the key file from its backup.",
            Self::KeyRole { .. } => "Check that the key files have their own names.",
            Self::Locked(_) => {
                "Name it with --passphrase-file or in UPDRAFT_PASSPHRASE, or run this in a terminal."
            }
            Self::Passphrase(_) => "Try again. If it is lost, replace the key: docs/keys.md.",
            Self::Signer { .. } => {
                "It gets the bytes to sign on its input and must print the signature in base64."
            }
            Self::KeyExists(_) => "Use another folder, or move the old keys away.",
            Self::Keys { .. } => "Check that these are the keys of this repository.",
            Self::NotNewer { .. } => "Use a higher number.",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Signs everything but root anew, so that it is good from `now` on.
///
/// # Errors
/// If the keys are not those of the repository.
pub fn renew(
    state: &RepoState,
    keys: &Keys,
    now: Stamp,
    lifetimes: Lifetimes,
) -> Result<Vec<SignedFile>, SignError> {
    follow_up(&state.root, state.targets.clone(), state.taken(), keys, now, lifetimes)
}

/// Signs the timestamp anew; it takes nothing but the online key.
///
/// # Errors
/// If the key is not the one of the repository.
pub fn renew_timestamp(
    state: &RepoState,
    online: &KeyPair,
    now: Stamp,
    lifetimes: Lifetimes,
) -> Result<Vec<SignedFile>, SignError> {
    let version = state.timestamp.head.version.saturating_add(1);
    let snapshot = state.snapshot.head.version;
    Ok(vec![timestamp(&state.root, version, snapshot, online, now.after(lifetimes.timestamp))?])
}

/// The targets given, and the snapshot and timestamp that lead to them, each one version on.
fn follow_up(
    root: &Root,
    mut targets: Targets,
    versions: Versions,
    keys: &Keys,
    now: Stamp,
    lifetimes: Lifetimes,
) -> Result<Vec<SignedFile>, SignError> {
    let next = |version: u64| version.saturating_add(1);
    targets.head = Head::new("targets", next(versions.targets), now.after(lifetimes.targets));
    let path = format!("metadata/{}.targets.json", targets.head.version);
    let targets_file = signed(&path, &targets, &[&keys.release], root, &root.roles.targets)?;

    let hashes = [("sha256".to_owned(), Digest::of(&targets_file.1).hex())].into();
    let length = Some(targets_file.1.len() as u64);
    let meta = MetaFile { version: targets.head.version, length, hashes: Some(hashes) };
    let head = Head::new("snapshot", next(versions.snapshot), now.after(lifetimes.snapshot));
    let snapshot = Snapshot { head, meta: [("targets.json".to_owned(), meta)].into() };
    let path = format!("metadata/{}.snapshot.json", snapshot.head.version);
    let snapshot_file = signed(&path, &snapshot, &[&keys.release], root, &root.roles.snapshot)?;

    let expires = now.after(lifetimes.timestamp);
    let version = next(versions.timestamp);
    let timestamp_file = timestamp(root, version, snapshot.head.version, &keys.online, expires)?;
    Ok(vec![targets_file, snapshot_file, timestamp_file])
}

/// The timestamp names the snapshot by its version alone: that keeps it under 400 bytes, and both are signed.
fn timestamp(
    root: &Root,
    version: u64,
    snapshot: u64,
    online: &KeyPair,
    expires: Stamp,
) -> Result<SignedFile, SignError> {
    let meta = TimestampMeta { snapshot: MetaFile { version: snapshot, length: None, hashes: None } };
    let content = Timestamp { head: Head::new("timestamp", version, expires), meta };
    signed("metadata/timestamp.json", &content, &[online], root, &root.roles.timestamp)
}

#[derive(Serialize)]
struct Envelope {
    signatures: Vec<Signature>,
    signed: serde_json::Value,
}

/// Signs `content` with those of `keys` that `role` lists, and checks that they suffice.
fn signed(
    path: &str,
    content: &impl Serialize,
    keys: &[&KeyPair],
    root: &Root,
    role: &Role,
) -> Result<SignedFile, SignError> {
    let count = |pair: &&&KeyPair| role.keyids.contains(&pair.id());
    let bytes = seal(content, &keys.iter().filter(count).copied().collect::<Vec<_>>())?;
    enough(path, &bytes, root, role)?;
    Ok((path.to_owned(), bytes))
}

fn enough(path: &str, bytes: &[u8], root: &Root, role: &Role) -> Result<(), SignError> {
    match metadata::Unverified::read(path, bytes)?.check(&root.keys, role) {
        Err(TrustError::Signature { file, have, need }) => Err(SignError::Keys { file, have, need }),
        other => Ok(other?),
    }
}

/// The bytes of a metadata file, signed with all of `keys`.
fn seal(content: &impl Serialize, keys: &[&KeyPair]) -> Result<Vec<u8>, SignError> {
    let float = SignError::Float("metadata");
    let signed = serde_json::to_value(content).map_err(|_why| SignError::Float("metadata"))?;
    let message = canonical::encode(&signed).ok_or(float)?;
    let signed_by = |pair: &&KeyPair| Ok(Signature { keyid: pair.id(), sig: pair.sign(&message)? });
    let signatures = keys.iter().map(signed_by).collect::<Result<_, SignError>>()?;
    serde_json::to_vec(&Envelope { signatures, signed }).map_err(|_why| SignError::Float("metadata"))
}
