//! The trusted metadata of an install, as it was received: `root.json`, `timestamp.json`, `snapshot.json` and
//! `targets.json` in one folder.
//!
//! What lies here is read again with full suspicion: signatures are checked each time it is opened, so a
//! damaged or foreign file counts as none. Only root is believed by itself, and the updater ships one.

use std::path::{Path, PathBuf};

use super::metadata::{Kind, Role, Root, Unverified};
use super::{MAX_ROOT, TrustError};
use crate::fsx::{self, Absent as _};

/// The folder of trusted metadata.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

/// Holds the version of the root that last changed the keys of timestamp or snapshot: versions seen under the
/// root before it count no more.
const RESET: &str = "reset";

impl Store {
    /// The store in `dir`, which is made if need be.
    ///
    /// # Errors
    /// If the folder can't be made.
    pub fn open(dir: &Path) -> Result<Self, TrustError> {
        fsx::make_dirs(dir)?;
        Ok(Self { dir: dir.to_path_buf() })
    }

    /// The store in `dir`, to be read only: nothing is made.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf() }
    }

    /// Checks a root that came with the updater.
    ///
    /// # Errors
    /// If it is damaged or not signed by its own keys.
    pub fn check_root(shipped: &[u8]) -> Result<(), TrustError> {
        Root::read_self_signed("root.json", shipped).map(drop)
    }

    /// Puts the root that came with the updater here, if there is none, a damaged one, or an older one.
    ///
    /// # Errors
    /// If the root is not signed by its own keys, or can't be written.
    pub fn plant_root(&self, shipped: &[u8]) -> Result<(), TrustError> {
        let new = Root::read_self_signed("root.json", shipped)?;
        let old = match self.root() {
            Ok(old) => Some(old),
            Err(TrustError::Fs(error)) => return Err(error.into()),
            Err(_none_or_damaged) => None,
        };
        match old {
            Some(old) if old.head.version >= new.head.version => Ok(()),
            Some(old) => self.replace_root(&old, &new, shipped),
            None => self.put("root", shipped),
        }
    }

    /// The root, signed by itself.
    pub(super) fn root(&self) -> Result<Root, TrustError> {
        let none = || TrustError::NoRoot { folder: self.dir.clone() };
        let bytes = self.get("root", MAX_ROOT)?.ok_or_else(none)?;
        Root::read_self_signed("root.json", &bytes)
    }

    /// Stores the next root. If it changes the keys of timestamp or snapshot, what those keys signed is
    /// removed first: a stolen key could have counted versions up to the end.
    pub(super) fn replace_root(&self, old: &Root, new: &Root, bytes: &[u8]) -> Result<(), TrustError> {
        if rotated(old, new) {
            fsx::write_durable(&self.dir.join(RESET), new.head.version.to_string().as_bytes())?;
            for role in ["timestamp", "snapshot"] {
                fsx::remove_file(&self.path(role)).if_present()?;
            }
            fsx::sync_dir(&self.dir)?;
        }
        self.put("root", bytes)
    }

    /// The version of the root that last changed the keys of timestamp or snapshot; 0 if none did.
    pub(super) fn reset_at(&self) -> Result<u64, TrustError> {
        let text = fsx::read(&self.dir.join(RESET), 32).if_present()?.unwrap_or_default();
        Ok(std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// A file that `role` still signs, with its bytes; none if it is absent, damaged or signed by others.
    pub(super) fn signed<K: Kind>(
        &self,
        name: &str,
        limit: u64,
        root: &Root,
        role: &Role,
    ) -> Result<Option<(K, Vec<u8>)>, TrustError> {
        let Some(bytes) = self.get(name, limit)? else { return Ok(None) };
        let file = format!("{name}.json");
        let content = Unverified::read(&file, &bytes).and_then(|file| file.verified(&root.keys, role));
        Ok(content.ok().map(|content| (content, bytes)))
    }

    /// A delegated file that `role` still signs with `keys`, with its bytes.
    #[cfg(feature = "conformance")]
    pub(super) fn delegated(
        &self,
        name: &str,
        keys: &std::collections::BTreeMap<String, serde_json::Value>,
        role: &Role,
    ) -> Result<Option<(super::metadata::Targets, Vec<u8>)>, TrustError> {
        let Some(bytes) = self.get(name, super::MAX_TARGETS)? else { return Ok(None) };
        let content = Unverified::read(name, &bytes).and_then(|file| file.verified(keys, role));
        Ok(content.ok().map(|content| (content, bytes)))
    }

    /// Stores the bytes of a role as they came.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), TrustError> {
        Ok(fsx::write_durable(&self.path(name), bytes)?)
    }

    /// The stored bytes of a role; a file that is too long counts as none.
    pub(super) fn get(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, TrustError> {
        match fsx::read(&self.path(name), limit).if_present() {
            Err(error) if error.source.kind() == std::io::ErrorKind::FileTooLarge => Ok(None),
            other => Ok(other?),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.json"))
    }
}

/// Whether the keys of timestamp or snapshot are others than before.
pub(super) fn rotated(old: &Root, new: &Root) -> bool {
    let keys = |root: &Root| (root.materials(&root.roles.timestamp), root.materials(&root.roles.snapshot));
    keys(old) != keys(new)
}
