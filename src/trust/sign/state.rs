//! The metadata of a repository as it stands: read, verified against its own root, and ready to be followed up.

use crate::fsx::FsError;
use crate::release::{Channel, Platform, ReleaseNumber, Stamp};
use crate::trust::limits::{MAX_ROOT, MAX_SNAPSHOT, MAX_TARGETS, MAX_TIMESTAMP};
use crate::trust::metadata::{Kind, MetaFile, Role, Root, Snapshot, Targets, Timestamp, Unverified};
use crate::trust::target::{self, ReleaseTarget};
use crate::trust::{TrustError, Versions};

use super::SignError;

/// The current metadata of a repository. Expired metadata is read too: it can be renewed.
#[derive(Debug, Clone)]
pub struct RepoState {
    pub(super) root: Root,
    pub(super) timestamp: Timestamp,
    pub(super) snapshot: Snapshot,
    pub(super) targets: Targets,
    releases: Vec<ReleaseTarget>,
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
        let root = Root::read_self_signed(path, &bytes)?;

        let timestamp: Timestamp =
            fetch(reader, "metadata/timestamp.json", MAX_TIMESTAMP, &root, &root.roles.timestamp, None)?;
        let meta = &timestamp.meta.snapshot;
        let path = format!("metadata/{}.snapshot.json", meta.version);
        let snapshot: Snapshot = fetch(reader, &path, MAX_SNAPSHOT, &root, &root.roles.snapshot, Some(meta))?;
        let gone = || TrustError::Dropped { file: path.clone(), gone: "targets.json".to_owned() };
        let meta = snapshot.meta.get("targets.json").ok_or_else(gone)?;
        let path = format!("metadata/{}.targets.json", meta.version);
        let targets: Targets = fetch(reader, &path, MAX_TARGETS, &root, &root.roles.targets, Some(meta))?;
        Ok(Some(Self::new(root, timestamp, snapshot, targets)))
    }

    pub(super) fn new(root: Root, timestamp: Timestamp, snapshot: Snapshot, targets: Targets) -> Self {
        let releases = target::releases(&targets);
        Self { root, timestamp, snapshot, targets, releases }
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
