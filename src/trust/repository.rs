//! What has been verified: the repository's releases, and a release with its manifest.

use super::limits::{MAX_SNAPSHOT, MAX_TARGETS, MAX_TIMESTAMP};
use super::metadata::{Root, Snapshot, Targets, Timestamp, hashes_match};
use super::target::{self, ReleaseTarget};
use super::{Store, TrustError, Versions};
use crate::release::{Channel, Digest, Manifest, Platform, Stamp};

/// A repository whose metadata was verified.
#[derive(Debug, Clone)]
pub struct TrustedRepository {
    #[cfg(feature = "conformance")]
    root: Root,
    #[cfg(feature = "conformance")]
    snapshot: Snapshot,
    targets: Targets,
    versions: Versions,
    expires: Stamp,
    releases: Vec<ReleaseTarget>,
}

/// A release whose manifest was verified. Nothing outside this room can build one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedRelease {
    manifest: Manifest,
    digest: Digest,
}

impl TrustedRepository {
    pub(super) fn new(root: Root, timestamp: &Timestamp, snapshot: Snapshot, targets: Targets) -> Self {
        let heads = [&root.head, &timestamp.head, &snapshot.head, &targets.head];
        let expires = heads.map(|head| head.expires).into_iter().min().unwrap_or(timestamp.head.expires);
        let versions = Versions {
            root: root.head.version,
            timestamp: timestamp.head.version,
            snapshot: snapshot.head.version,
            targets: targets.head.version,
        };
        let releases = target::releases(&targets);
        Self {
            #[cfg(feature = "conformance")]
            root,
            #[cfg(feature = "conformance")]
            snapshot,
            targets,
            versions,
            expires,
            releases,
        }
    }

    /// What was verified last, without asking the repository. Signatures and hashes are checked, times are not.
    ///
    /// # Errors
    /// If a part is missing, damaged, or does not belong to the rest.
    pub fn load(store: &Store) -> Result<Self, TrustError> {
        let root = store.root()?;
        let missing = |name: &str| TrustError::Missing { file: format!("{name}.json") };
        let (timestamp, _) = store
            .signed::<Timestamp>("timestamp", MAX_TIMESTAMP, &root, &root.roles.timestamp)?
            .ok_or_else(|| missing("timestamp"))?;
        let (snapshot, bytes) = store
            .signed::<Snapshot>("snapshot", MAX_SNAPSHOT, &root, &root.roles.snapshot)?
            .ok_or_else(|| missing("snapshot"))?;
        let meta = &timestamp.meta.snapshot;
        belongs("snapshot.json", snapshot.head.version, meta.version)?;
        meta.check("snapshot.json", &bytes)?;
        let (targets, bytes) = store
            .signed::<Targets>("targets", MAX_TARGETS, &root, &root.roles.targets)?
            .ok_or_else(|| missing("targets"))?;
        let meta = snapshot.meta.get("targets.json").ok_or_else(|| missing("targets"))?;
        belongs("targets.json", targets.head.version, meta.version)?;
        meta.check("targets.json", &bytes)?;
        Ok(Self::new(root, &timestamp, snapshot, targets))
    }

    /// The versions of its parts, to be kept as the floor of the next refresh.
    #[must_use]
    pub fn versions(&self) -> Versions {
        self.versions
    }

    /// When the first of its parts runs out.
    #[must_use]
    pub fn expires(&self) -> Stamp {
        self.expires
    }

    /// The releases of a channel for any of `platforms`, by number within each platform.
    #[must_use]
    pub fn releases(&self, channel: &Channel, platforms: &[Platform]) -> Vec<ReleaseTarget> {
        let fits =
            |release: &&ReleaseTarget| release.channel == *channel && platforms.contains(&release.platform);
        self.releases.iter().filter(fits).cloned().collect()
    }

    /// Takes the manifest of a release, if these are the bytes that were signed for it.
    ///
    /// # Errors
    /// If the release is not one of this repository, the bytes are others, or they are no manifest, or the
    /// manifest of another release.
    pub fn open_release(&self, release: &ReleaseTarget, bytes: &[u8]) -> Result<TrustedRelease, TrustError> {
        let path = release.path.clone();
        // What is believed is what was signed, not what the caller passes.
        let Some(release) = self.releases.iter().find(|known| **known == *release) else {
            return Err(TrustError::Unknown { path });
        };
        let Some(file) = self.targets.targets.get(&path) else { return Err(TrustError::Unknown { path }) };
        if file.length != bytes.len() as u64 {
            return Err(TrustError::Content { path, what: "length" });
        }
        if !hashes_match(&file.hashes, bytes) || Digest::of(bytes) != release.digest {
            return Err(TrustError::Content { path, what: "hash" });
        }
        let manifest = match Manifest::parse(bytes) {
            Ok(manifest) => manifest,
            Err(source) => return Err(TrustError::Manifest { path, source }),
        };
        let pairs = [
            ("channel", manifest.channel == release.channel),
            ("platform", manifest.platform == release.platform),
            ("number", manifest.number == release.summary.number),
            ("version", manifest.version == release.summary.version),
        ];
        if let Some((field, _)) = pairs.iter().find(|(_, same)| !same) {
            return Err(TrustError::OtherRelease { path, field });
        }
        Ok(TrustedRelease { manifest, digest: release.digest })
    }

    #[cfg(feature = "conformance")]
    pub(super) fn parts(&self) -> (&Root, &Snapshot, &Targets) {
        (&self.root, &self.snapshot, &self.targets)
    }
}

impl TrustedRelease {
    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The digest of the manifest's bytes: the name of the release.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

fn belongs(file: &str, found: u64, wanted: u64) -> Result<(), TrustError> {
    if found == wanted { Ok(()) } else { Err(TrustError::Version { file: file.to_owned(), found, wanted }) }
}
