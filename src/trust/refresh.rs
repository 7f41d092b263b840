//! The detailed client workflow (TUF 1.0.34, section 5) as a machine that is fed: it says what it wants, takes
//! the answer, and stores what it has verified. It reads no clock and opens no connection.
//!
//! Each file goes through the same order: length, signatures, version, the rest, and only then to the disk. A
//! refused file leaves the store as it was.

use super::limits::{MAX_ROOT, MAX_ROTATIONS, MAX_SNAPSHOT, MAX_TARGETS, MAX_TIMESTAMP};
use super::metadata::{Head, Kind, MetaFile, Role, Root, Snapshot, Targets, Timestamp, Unverified};
use super::store::rotated;
use super::{Store, TrustError, TrustedRepository, Versions};
use crate::release::Stamp;

/// A file that is wanted from the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// Its path in the repository.
    pub path: String,
    /// The most bytes to read of it. Reading one byte more is enough to know that it is too long.
    pub limit: u64,
}

/// What came for a [`Want`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The file.
    Found(Vec<u8>),
    /// The repository says that it has no such file (HTTP 403, 404 or 410).
    Missing,
}

/// One refresh of the trusted metadata.
#[derive(Debug)]
pub struct Refresh {
    store: Store,
    now: Stamp,
    /// The highest versions seen before; zero where the keys have changed since.
    floor: Versions,
    root: Root,
    rotations: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Root,
    /// With the timestamp that was trusted before, if any.
    Timestamp(Option<Timestamp>),
    /// With the snapshot that was trusted before, if any.
    Snapshot(Timestamp, Option<Snapshot>),
    Targets(Timestamp, Snapshot),
    Done(Box<(Timestamp, Snapshot, Targets)>),
    /// Something was refused: nothing more is wanted or taken.
    Broken,
}

impl Refresh {
    /// Begins at the root in the store. `floor` is the second copy of the highest versions seen.
    ///
    /// # Errors
    /// If the store has no root, or a damaged one.
    pub fn begin(store: Store, now: Stamp, mut floor: Versions) -> Result<Self, TrustError> {
        let root = store.root()?;
        if store.reset_at()? > floor.root {
            floor = Versions { root: floor.root, ..Versions::default() };
        }
        Ok(Self { store, now, floor, root, rotations: 0, stage: Stage::Root })
    }

    /// What is to be fetched next; nothing if the refresh is complete.
    #[must_use]
    pub fn wants(&self) -> Option<Want> {
        let numbered = |version: u64, name: &str| {
            if self.root.consistent_snapshot {
                format!("metadata/{version}.{name}.json")
            } else {
                format!("metadata/{name}.json")
            }
        };
        let (path, limit) = match &self.stage {
            Stage::Root => {
                (format!("metadata/{}.root.json", self.root.head.version.saturating_add(1)), MAX_ROOT)
            }
            Stage::Timestamp(_) => ("metadata/timestamp.json".to_owned(), MAX_TIMESTAMP),
            Stage::Snapshot(timestamp, _) => {
                let meta = &timestamp.meta.snapshot;
                (numbered(meta.version, "snapshot"), most(meta, MAX_SNAPSHOT))
            }
            Stage::Targets(_, snapshot) => {
                let meta = snapshot.meta.get("targets.json")?;
                (numbered(meta.version, "targets"), most(meta, MAX_TARGETS))
            }
            Stage::Done(_) | Stage::Broken => return None,
        };
        Some(Want { path, limit })
    }

    /// Takes the answer to [`wants`](Self::wants). After an error the refresh is over.
    ///
    /// # Errors
    /// Why the answer is refused. What was verified before it stays.
    pub fn supply(&mut self, answer: Answer) -> Result<(), TrustError> {
        let want = self.wants().ok_or(TrustError::OutOfTurn)?;
        let stage = std::mem::replace(&mut self.stage, Stage::Broken);
        let bytes = match (answer, &stage) {
            (Answer::Found(bytes), _) => bytes,
            (Answer::Missing, Stage::Root) => return self.end_roots(),
            (Answer::Missing, _) => return Err(TrustError::Missing { file: want.path }),
        };
        if bytes.len() as u64 > want.limit {
            return Err(TrustError::TooLong { file: want.path, limit: want.limit });
        }
        match stage {
            Stage::Root => self.next_root(&want.path, &bytes),
            Stage::Timestamp(old) => self.timestamp(&want.path, &bytes, old),
            Stage::Snapshot(timestamp, old) => self.snapshot(&want.path, &bytes, timestamp, old),
            Stage::Targets(timestamp, snapshot) => self.targets(&want.path, &bytes, timestamp, snapshot),
            Stage::Done(_) | Stage::Broken => Err(TrustError::OutOfTurn),
        }
    }

    /// What may be believed from now on.
    ///
    /// # Errors
    /// If something is still wanted.
    pub fn finish(self) -> Result<TrustedRepository, TrustError> {
        match self.stage {
            Stage::Done(parts) => {
                let (timestamp, snapshot, targets) = *parts;
                Ok(TrustedRepository::new(self.root, Some(&timestamp), Some(snapshot), targets))
            }
            _ => Err(TrustError::OutOfTurn),
        }
    }

    /// Section 5.3.4 to 5.3.8: signed by the old root and by itself, and exactly one version on.
    fn next_root(&mut self, file: &str, bytes: &[u8]) -> Result<(), TrustError> {
        let unverified = Unverified::read(file, bytes)?;
        unverified.check(&self.root.keys, &self.root.roles.root)?;
        let new: Root = unverified.content()?;
        unverified.check(&new.keys, &new.roles.root)?;
        exactly(file, &new.head, self.root.head.version.saturating_add(1))?;
        self.store.replace_root(&self.root, &new, bytes)?;
        if rotated(&self.root, &new) && new.head.version > self.floor.root {
            self.floor = Versions { root: self.floor.root, ..Versions::default() };
        }
        self.root = new;
        self.rotations += 1;
        if self.rotations >= MAX_ROTATIONS {
            return self.end_roots();
        }
        self.stage = Stage::Root;
        Ok(())
    }

    /// Section 5.3.10: only the last root has to be in time.
    fn end_roots(&mut self) -> Result<(), TrustError> {
        not_below("root.json", self.root.head.version, self.floor.root)?;
        in_time("root.json", &self.root.head, self.now)?;
        let role = &self.root.roles.timestamp;
        let old = self.store.signed("timestamp", MAX_TIMESTAMP, &self.root, role)?;
        self.stage = Stage::Timestamp(old.map(|(old, _)| old));
        Ok(())
    }

    /// Section 5.4. One of the same version is not looked at further: the one we have is kept.
    fn timestamp(&mut self, file: &str, bytes: &[u8], old: Option<Timestamp>) -> Result<(), TrustError> {
        let role = &self.root.roles.timestamp;
        let new: Timestamp = Unverified::read(file, bytes)?.verified(&self.root.keys, role)?;
        not_below(file, new.head.version, self.floor.timestamp)?;
        not_below("snapshot.json", new.meta.snapshot.version, self.floor.snapshot)?;
        if let Some(old) = old {
            not_below(file, new.head.version, old.head.version)?;
            if new.head.version == old.head.version {
                in_time(file, &old.head, self.now)?;
                return self.begin_snapshot(old);
            }
            not_below("snapshot.json", new.meta.snapshot.version, old.meta.snapshot.version)?;
        }
        // Counts when the old timestamp is damaged and the old snapshot is not.
        let role = &self.root.roles.snapshot;
        if let Some((kept, _)) = self.store.signed::<Snapshot>("snapshot", MAX_SNAPSHOT, &self.root, role)? {
            not_below("snapshot.json", new.meta.snapshot.version, kept.head.version)?;
        }
        in_time(file, &new.head, self.now)?;
        self.store.put("timestamp", bytes)?;
        self.begin_snapshot(new)
    }

    /// The snapshot in the store is as good as one from the network if it is the one named.
    fn begin_snapshot(&mut self, timestamp: Timestamp) -> Result<(), TrustError> {
        let role = &self.root.roles.snapshot;
        let old = self.store.signed::<Snapshot>("snapshot", MAX_SNAPSHOT, &self.root, role)?;
        let meta = &timestamp.meta.snapshot;
        match old {
            Some((old, bytes)) if is_named(&old.head, &bytes, meta) => {
                in_time("snapshot.json", &old.head, self.now)?;
                self.begin_targets(timestamp, old)
            }
            old => {
                self.stage = Stage::Snapshot(timestamp, old.map(|(old, _)| old));
                Ok(())
            }
        }
    }

    /// Section 5.5.
    fn snapshot(
        &mut self,
        file: &str,
        bytes: &[u8],
        timestamp: Timestamp,
        old: Option<Snapshot>,
    ) -> Result<(), TrustError> {
        let role = &self.root.roles.snapshot;
        timestamp.meta.snapshot.check(file, bytes)?;
        let new: Snapshot = Unverified::read(file, bytes)?.verified(&self.root.keys, role)?;
        exactly(file, &new.head, timestamp.meta.snapshot.version)?;
        for (name, before) in old.iter().flat_map(|old| &old.meta) {
            let Some(after) = new.meta.get(name) else {
                return Err(TrustError::Dropped { file: file.to_owned(), gone: name.clone() });
            };
            not_below(name, after.version, before.version)?;
        }
        in_time(file, &new.head, self.now)?;
        self.check_lists_targets(file, &new)?;
        self.store.put("snapshot", bytes)?;
        self.begin_targets(timestamp, new)
    }

    fn check_lists_targets(&self, file: &str, snapshot: &Snapshot) -> Result<(), TrustError> {
        let gone = "targets.json".to_owned();
        let meta = snapshot.meta.get(&gone);
        let meta = meta.ok_or(TrustError::Dropped { file: file.to_owned(), gone })?;
        not_below("targets.json", meta.version, self.floor.targets)
    }

    fn begin_targets(&mut self, timestamp: Timestamp, snapshot: Snapshot) -> Result<(), TrustError> {
        self.check_lists_targets("snapshot.json", &snapshot)?;
        let role = &self.root.roles.targets;
        let old = self.store.signed::<Targets>("targets", MAX_TARGETS, &self.root, role)?;
        let named = snapshot.meta.get("targets.json").zip(old);
        if let Some((meta, (old, bytes))) = named
            && is_named(&old.head, &bytes, meta)
        {
            in_time("targets.json", &old.head, self.now)?;
            self.stage = Stage::Done(Box::new((timestamp, snapshot, old)));
            return Ok(());
        }
        self.stage = Stage::Targets(timestamp, snapshot);
        Ok(())
    }

    /// Section 5.6.
    fn targets(
        &mut self,
        file: &str,
        bytes: &[u8],
        timestamp: Timestamp,
        snapshot: Snapshot,
    ) -> Result<(), TrustError> {
        let meta = snapshot.meta.get("targets.json").ok_or(TrustError::OutOfTurn)?;
        let new: Targets = named(file, bytes, meta, &self.root, &self.root.roles.targets)?;
        in_time(file, &new.head, self.now)?;
        self.store.put("targets", bytes)?;
        self.stage = Stage::Done(Box::new((timestamp, snapshot, new)));
        Ok(())
    }
}

/// The content that `meta` names and `role` signed.
fn named<K: Kind>(
    file: &str,
    bytes: &[u8],
    meta: &MetaFile,
    root: &Root,
    role: &Role,
) -> Result<K, TrustError> {
    meta.check(file, bytes)?;
    let new: K = Unverified::read(file, bytes)?.verified(&root.keys, role)?;
    exactly(file, new.head(), meta.version)?;
    Ok(new)
}

/// Whether bytes in the store are the very ones that `meta` names.
pub(super) fn is_named(head: &Head, bytes: &[u8], meta: &MetaFile) -> bool {
    head.version == meta.version && meta.check("", bytes).is_ok()
}

/// The length that is stated, but never more than the limit.
pub(super) fn most(meta: &MetaFile, limit: u64) -> u64 {
    meta.length.unwrap_or(limit).min(limit)
}

pub(super) fn exactly(file: &str, head: &Head, wanted: u64) -> Result<(), TrustError> {
    if head.version == wanted {
        return Ok(());
    }
    Err(TrustError::Version { file: file.to_owned(), found: head.version, wanted })
}

fn not_below(file: &str, offered: u64, seen: u64) -> Result<(), TrustError> {
    if offered >= seen {
        return Ok(());
    }
    Err(TrustError::Rollback { file: file.to_owned(), offered, seen })
}

pub(super) fn in_time(file: &str, head: &Head, now: Stamp) -> Result<(), TrustError> {
    if now < head.expires {
        return Ok(());
    }
    Err(TrustError::Expired { file: file.to_owned(), expired: head.expires, now })
}
