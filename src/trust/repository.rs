//! What has been verified: the repository's releases, and a release with its manifest.

use super::limits::{MAX_SNAPSHOT, MAX_TARGETS, MAX_TIMESTAMP};
use super::metadata::{Head, Root, Snapshot, Targets, Timestamp, hashes_match};
use super::target::{self, ReleaseTarget};
use super::{Store, TrustError, Versions};
use crate::release::{Channel, Digest, Manifest, Platform, Stamp};

/// A repository whose metadata was verified.
#[derive(Debug, Clone)]
pub struct TrustedRepository {
    #[cfg(feature = "conformance")]
    root: Root,
    #[cfg(feature = "conformance")]
    snapshot: Option<Snapshot>,
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
    pub(super) fn new(
        root: Root,
        timestamp: Option<&Timestamp>,
        snapshot: Option<Snapshot>,
        targets: Targets,
    ) -> Self {
        let version = |head: Option<&Head>| head.map_or(0, |head| head.version);
        let (stamped, bound) = (timestamp.map(|t| &t.head), snapshot.as_ref().map(|s| &s.head));
        let versions = Versions {
            root: root.head.version,
            timestamp: version(stamped),
            snapshot: version(bound),
            targets: targets.head.version,
        };
        let others = [Some(&root.head), stamped, bound].into_iter().flatten().map(|head| head.expires);
        let expires = others.fold(targets.head.expires, Stamp::min);
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

    /// What was verified last, without asking the repository. Signatures are checked, times are not.
    ///
    /// A refresh that was cut off leaves a timestamp or snapshot newer than the targets; these targets went
    /// through the whole chain once, so they still count.
    ///
    /// # Errors
    /// If root or targets are missing, damaged, or signed by keys that count no more.
    pub fn load(store: &Store) -> Result<Self, TrustError> {
        let root = store.root()?;
        let timestamp =
            store.signed::<Timestamp>("timestamp", MAX_TIMESTAMP, &root, &root.roles.timestamp)?;
        let snapshot = store.signed::<Snapshot>("snapshot", MAX_SNAPSHOT, &root, &root.roles.snapshot)?;
        let targets = store.signed::<Targets>("targets", MAX_TARGETS, &root, &root.roles.targets)?;
        let missing = || TrustError::Missing { file: "targets.json".to_owned() };
        let (targets, bytes) = targets.ok_or_else(missing)?;
        let (timestamp, snapshot) = (timestamp.map(|(t, _)| t), snapshot.map(|(s, _)| s));
        let meta = snapshot.as_ref().and_then(|snapshot| snapshot.meta.get("targets.json"));
        if let Some(meta) = meta.filter(|meta| meta.version == targets.head.version) {
            meta.check("targets.json", &bytes)?;
        }
        Ok(Self::new(root, timestamp.as_ref(), snapshot, targets))
    }

    /// The versions of its parts. After a refresh they replace the floor in the install's record, also where
    /// they are lower: the keys have changed then. What [`load`](Self::load) gives is no floor.
    #[must_use]
    pub fn versions(&self) -> Versions {
        self.versions
    }

    /// When the first of its parts runs out.
    #[must_use]
    pub fn expires(&self) -> Stamp {
        self.expires
    }

    /// Further places of the repository, as the publisher signed them: texts that nobody has read yet.
    #[must_use]
    pub fn mirrors(&self) -> Vec<String> {
        self.targets.mirrors()
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
    pub(super) fn parts(&self) -> (&Root, Option<&Snapshot>, &Targets) {
        (&self.root, self.snapshot.as_ref(), &self.targets)
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
