//! The metadata of a repository as it stands: read, verified against its own root, and ready to be followed up.

use serde::Deserialize as _;

use crate::fsx::FsError;
use crate::release::{Channel, Platform, ReleaseNumber, Stamp};
use crate::trust::limits::{MAX_ROOT, MAX_SNAPSHOT, MAX_TARGETS, MAX_TIMESTAMP};
use crate::trust::metadata::{Kind, MetaFile, Role, Root, Snapshot, Targets, Timestamp, Unverified};
use crate::trust::target::{self, ReleaseTarget};
use crate::trust::{PublicKey, TrustError, Versions};

use super::{KeyRole, SignError};

/// The current metadata of a repository. Expired metadata is read too: it can be renewed.
#[derive(Debug, Clone)]
pub struct RepoState {
    pub(super) root: Root,
    pub(super) timestamp: Timestamp,
    pub(super) snapshot: Snapshot,
    pub(super) targets: Targets,
    releases: Vec<ReleaseTarget>,
    /// The highest numbers of targets and snapshot that files have, be they part of it or not.
    taken: (u64, u64),
}

/// When each part of the metadata runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiries {
    /// The list of keys.
    pub root: Stamp,
    /// The list of releases.
    pub targets: Stamp,
    /// What binds them together.
    pub snapshot: Stamp,
    /// What says that this is the newest state.
    pub timestamp: Stamp,
}

/// Reads a file of the repository by its path; `None` if it is not there.
pub type Reader<'a> = &'a dyn Fn(&str) -> Result<Option<Vec<u8>>, FsError>;

impl Expiries {
    /// When the first part runs out: from then on clients refuse the whole.
    #[must_use]
    pub fn first(&self) -> Stamp {
        self.root.min(self.targets).min(self.snapshot).min(self.timestamp)
    }
}

impl RepoState {
    /// Reads the metadata of a repository through `reader`; `None` if it has no `metadata/root.json`.
    ///
    /// # Errors
    /// If a part can't be read, is missing, is not signed by the keys in root, or does not belong to the rest.
    pub fn open(reader: Reader<'_>) -> Result<Option<Self>, SignError> {
        let path = "metadata/root.json";
        let Some(bytes) = reader(path)? else { return Ok(None) };
        limit(path, &bytes, MAX_ROOT)?;
        let mut root = Root::read_self_signed(path, &bytes)?;
        let mut before = None;
        // A change of keys that was cut off may have left the next root without its copy: clients follow it.
        while let Some(next) = next_root(reader, &root)? {
            before = Some(std::mem::replace(&mut root, next));
        }
        let parts = match (Self::below(reader, &root), &before) {
            // Cut off earlier still, all else is signed by the keys before; whoever signs next mends that.
            (Err(SignError::Repository(TrustError::Signature { .. })), Some(before)) => {
                Self::below(reader, before)
            }
            (parts, _) => parts,
        };
        let (timestamp, snapshot, targets) = parts?;
        Ok(Some(Self::new(root, timestamp, snapshot, targets)))
    }

    /// What is signed by the keys in `root`.
    fn below(reader: Reader<'_>, root: &Root) -> Result<(Timestamp, Snapshot, Targets), SignError> {
        let timestamp: Timestamp =
            fetch(reader, "metadata/timestamp.json", MAX_TIMESTAMP, root, &root.roles.timestamp, None)?;
        let meta = &timestamp.meta.snapshot;
        let path = format!("metadata/{}.snapshot.json", meta.version);
        let snapshot: Snapshot = fetch(reader, &path, MAX_SNAPSHOT, root, &root.roles.snapshot, Some(meta))?;
        let gone = || TrustError::Dropped { file: path.clone(), gone: "targets.json".to_owned() };
        let meta = snapshot.meta.get("targets.json").ok_or_else(gone)?;
        let path = format!("metadata/{}.targets.json", meta.version);
        let targets: Targets = fetch(reader, &path, MAX_TARGETS, root, &root.roles.targets, Some(meta))?;
        Ok((timestamp, snapshot, targets))
    }

    pub(super) fn new(root: Root, timestamp: Timestamp, snapshot: Snapshot, targets: Targets) -> Self {
        let releases = target::releases(&targets);
        let taken = (targets.head.version, snapshot.head.version);
        Self { root, timestamp, snapshot, targets, releases, taken }
    }

    /// Takes note of a file there is: the next targets and snapshot get numbers that no file has.
    pub fn pass_over(&mut self, path: &str) {
        let number = |end: &str| path.strip_prefix("metadata/")?.strip_suffix(end)?.parse::<u64>().ok();
        self.taken.0 = self.taken.0.max(number(".targets.json").unwrap_or(0));
        self.taken.1 = self.taken.1.max(number(".snapshot.json").unwrap_or(0));
    }

    /// The versions that what comes next must be above.
    pub(super) fn taken(&self) -> Versions {
        Versions { targets: self.taken.0, snapshot: self.taken.1, ..self.versions() }
    }

    /// Every release, by channel, platform and number.
    #[must_use]
    pub fn releases(&self) -> &[ReleaseTarget] {
        &self.releases
    }

    /// The newest number of a channel and platform, withdrawn or not; `NONE` if there is none.
    #[must_use]
    pub fn newest(&self, channel: &Channel, platform: &Platform) -> ReleaseNumber {
        let own = self.releases.iter().filter(|r| r.channel == *channel && r.platform == *platform);
        own.map(|release| release.summary.number).max().unwrap_or_default()
    }

    /// Further places of the repository.
    #[must_use]
    pub fn mirrors(&self) -> Vec<String> {
        self.targets.mirrors()
    }

    /// The names of the keys that may change all others.
    #[must_use]
    pub fn root_keys(&self) -> Vec<String> {
        self.root.roles.root.keyids.clone()
    }

    /// The names of the keys of a role.
    #[must_use]
    pub fn keys_of(&self, role: KeyRole) -> Vec<String> {
        self.role(role).keyids.clone()
    }

    /// Whether a key counts for a role.
    #[must_use]
    pub fn is_key_of(&self, role: KeyRole, id: &str) -> bool {
        self.role(role).keyids.iter().any(|known| known == id)
    }

    /// How many root keys a new root needs.
    #[must_use]
    pub fn root_threshold(&self) -> u64 {
        self.root.roles.root.threshold
    }

    /// A key of the repository by its name.
    #[must_use]
    pub fn public_key(&self, id: &str) -> Option<PublicKey> {
        PublicKey::deserialize(self.root.keys.get(id)?).ok()
    }

    /// The public half of the only key of a role.
    pub(super) fn public_of(&self, role: KeyRole) -> Option<[u8; 32]> {
        match self.role(role).keyids.as_slice() {
            [id] => self.public_key(id)?.material()?.try_into().ok(),
            _ => None,
        }
    }

    fn role(&self, role: KeyRole) -> &Role {
        match role {
            KeyRole::Root => &self.root.roles.root,
            KeyRole::Release => &self.root.roles.targets,
            KeyRole::Online => &self.root.roles.timestamp,
        }
    }

    /// When each part runs out.
    #[must_use]
    pub fn expiries(&self) -> Expiries {
        Expiries {
            root: self.root.head.expires,
            targets: self.targets.head.expires,
            snapshot: self.snapshot.head.expires,
            timestamp: self.timestamp.head.expires,
        }
    }

    /// The versions of each part.
    #[must_use]
    pub fn versions(&self) -> Versions {
        Versions {
            root: self.root.head.version,
            timestamp: self.timestamp.head.version,
            snapshot: self.snapshot.head.version,
            targets: self.targets.head.version,
        }
    }
}

/// The root that follows `root`, if there is one and both have signed it.
fn next_root(reader: Reader<'_>, root: &Root) -> Result<Option<Root>, SignError> {
    let path = format!("metadata/{}.root.json", root.head.version.saturating_add(1));
    let Some(bytes) = reader(&path)? else { return Ok(None) };
    limit(&path, &bytes, MAX_ROOT)?;
    let next = Root::read_self_signed(&path, &bytes)?;
    Unverified::read(&path, &bytes)?.check(&root.keys, &root.roles.root)?;
    let (found, wanted) = (next.head.version, root.head.version.saturating_add(1));
    if found != wanted {
        return Err(TrustError::Version { file: path, found, wanted }.into());
    }
    Ok(Some(next))
}

fn limit(path: &str, bytes: &[u8], limit: u64) -> Result<(), TrustError> {
    if bytes.len() as u64 > limit {
        return Err(TrustError::TooLong { file: path.to_owned(), limit });
    }
    Ok(())
}

fn fetch<K: Kind>(
    reader: Reader<'_>,
    path: &str,
    most: u64,
    root: &Root,
    role: &Role,
    meta: Option<&MetaFile>,
) -> Result<K, SignError> {
    let bytes = reader(path)?.ok_or_else(|| TrustError::Missing { file: path.to_owned() })?;
    limit(path, &bytes, most)?;
    let content: K = Unverified::read(path, &bytes)?.verified(&root.keys, role)?;
    if let Some(meta) = meta {
        meta.check(path, &bytes)?;
        let found = content.head().version;
        if found != meta.version {
            let (file, wanted) = (path.to_owned(), meta.version);
            return Err(TrustError::Version { file, found, wanted }.into());
        }
    }
    Ok(content)
}
