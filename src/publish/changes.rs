//! What a new release changes against an older one, and what an install of the older one downloads for it.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Serialize;

use crate::plan::{Found, Inventory};
use crate::release::{Content, Entry, Manifest, RelPath, ReleaseNumber, Version};

/// The paths that differ between two releases: files, links and empty folders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// In both, with other content, permission bits or link text.
    pub changed: Vec<RelPath>,
    /// Only in the new one.
    pub added: Vec<RelPath>,
    /// Only in the old one.
    pub removed: Vec<RelPath>,
    /// Whether the program to start, the entries or the health rule differ.
    pub settings: bool,
}

impl Changes {
    /// What `new` changes against `old`; everything is new if there is no old one.
    #[must_use]
    pub fn between(old: Option<&Manifest>, new: &Manifest) -> Self {
        let Some(old) = old else {
            let added = new.files.iter().map(Entry::path).chain(&new.folders).cloned().collect();
            return Self { added, ..Self::default() };
        };
        let before: HashMap<&RelPath, &Entry> = old.files.iter().map(|entry| (entry.path(), entry)).collect();
        let after: HashSet<&RelPath> = new.files.iter().map(Entry::path).collect();
        let mut changes = Self {
            settings: (&old.start, &old.entries, old.health) != (&new.start, &new.entries, new.health),
            ..Self::default()
        };
        for entry in &new.files {
            match before.get(entry.path()) {
                None => changes.added.push(entry.path().clone()),
                Some(old) if !is_same(old, entry) => changes.changed.push(entry.path().clone()),
                Some(_) => {}
            }
        }
        let gone = old.files.iter().map(Entry::path).filter(|path| !after.contains(path));
        changes.removed.extend(gone.cloned());
        // An empty folder that gets files, or loses them, is told by its files.
        let (old_folders, new_folders) = (all_folders(old), all_folders(new));
        changes.added.extend(new.folders.iter().filter(|folder| !old_folders.contains(folder)).cloned());
        changes.removed.extend(old.folders.iter().filter(|folder| !new_folders.contains(folder)).cloned());
        changes.added.sort();
        changes.removed.sort();
        changes
    }

    /// Whether the releases are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.added.is_empty() && self.removed.is_empty() && !self.settings
    }
}

fn is_same(old: &Entry, new: &Entry) -> bool {
    match (old, new) {
        (Entry::File(old), Entry::File(new)) => {
            (old.sha256, old.mode, old.policy) == (new.sha256, new.mode, new.policy)
        }
        (Entry::Link(old), Entry::Link(new)) => old.target == new.target,
        _ => false,
    }
}

fn all_folders(manifest: &Manifest) -> BTreeSet<RelPath> {
    let inner = manifest.files.iter().flat_map(|entry| entry.path().ancestors());
    let listed =
        manifest.folders.iter().flat_map(|path| std::iter::once(path.clone()).chain(path.ancestors()));
    inner.chain(listed).collect()
}

/// What an install of an older release downloads to come to the new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// The older release.
    pub number: ReleaseNumber,
    /// Its version.
    pub version: Version,
    /// Objects it fetches.
    pub objects: u64,
    /// Bytes it fetches the cheapest way: content, indexes, piece lists and the manifest.
    pub bytes: u64,
    /// Bytes of the delta from it, if there is one; the manifest is not counted in this and the next two.
    pub by_delta: Option<u64>,
    /// Bytes from packs and whole objects, with what it has installed.
    pub by_packs: u64,
    /// Bytes if changed files were fetched anew.
    pub whole: u64,
}

/// The inventory of an install that is exactly `manifest`.
pub(super) fn laid_down(manifest: &Manifest) -> Inventory {
    let files = manifest.files.iter().map(|entry| match entry {
        Entry::File(file) => {
            (file.path.clone(), Found::File { digest: file.sha256, size: file.size, mode: file.mode })
        }
        Entry::Link(link) => (link.path.clone(), Found::Link(link.target.clone())),
    });
    let folders = all_folders(manifest).into_iter().map(|folder| (folder, Found::Folder));
    files.chain(folders).collect()
}

/// Each object once, with its piece list.
pub(super) fn contents_bytes<'a>(contents: impl Iterator<Item = &'a Content>) -> (u64, u64) {
    let mut seen = HashSet::new();
    let mut bytes = 0u64;
    for content in contents {
        if seen.insert(content.object) {
            bytes = bytes.saturating_add(content.size).saturating_add(content.list_bytes());
        }
    }
    (seen.len() as u64, bytes)
}
