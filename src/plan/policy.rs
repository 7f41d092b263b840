//! Files the user may change: what their policy says at each update, and where the new default lies beside.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::release::{Entry, FileEntry, Manifest, Policy, RelPath};

use super::action::{Action, Found, Inventory, Item, Laid, Receipt, Way};
use super::decide::Mode;

/// What is put behind the name of a file that stays, for the new default; the first that is free.
const BESIDE: [&str; 3] = [".new", ".new-2", ".new-3"];

/// A file stays as the user made it although the release has another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Where the new default lies; nothing if all names for it are taken.
    pub new_default: Option<RelPath>,
}

/// Whose copy counts at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// That of the release.
    Release,
    /// What the user left there, be it nothing.
    User,
    /// What the user made of it; the release's is laid beside if it is news.
    Modified,
}

/// What the policy of `file` says where `laid` was laid down and `current` is found.
///
/// A file that was laid down and deleted by the user stays away; a repair brings it back.
pub(super) fn verdict(file: &FileEntry, current: Option<&Found>, laid: Option<&Laid>, mode: Mode) -> Verdict {
    let is_default = |found: &Found| {
        matches!(found, Found::File { digest, .. } if *digest == file.sha256)
            || laid.is_some_and(|laid| laid.is_content_of(found))
    };
    match (file.policy, current) {
        (Policy::Replace, _) => Verdict::Release,
        (_, None) if laid.is_some() && mode == Mode::Update => Verdict::User,
        (_, None) => Verdict::Release,
        (Policy::Once, Some(_)) => Verdict::User,
        (Policy::KeepIfModified, Some(found)) if is_default(found) => Verdict::Release,
        (Policy::KeepIfModified, Some(_)) => Verdict::Modified,
    }
}

/// Paths beside those of receipt and release that a plan may be about.
#[must_use]
pub fn paths_beside(receipt: &Receipt, manifest: &Manifest) -> BTreeSet<RelPath> {
    let kept = manifest.regular().filter(|file| file.policy == Policy::KeepIfModified);
    kept.flat_map(|file| names(&file.path)).chain(receipt.beside.keys().cloned()).collect()
}

fn names(path: &RelPath) -> impl Iterator<Item = RelPath> {
    // A name that gets too long is none.
    let name = |suffix: &&str| format!("{path}{suffix}").parse().ok();
    BESIDE.iter().filter_map(name).collect::<Vec<_>>().into_iter()
}

/// The new defaults laid beside files that stay.
pub(super) struct Beside<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) receipt: &'a Receipt,
    /// Every path of the release, folded: none of them is ever used for something else.
    pub(super) taken: BTreeSet<String>,
    /// What to do with them.
    pub(super) items: Vec<Item>,
    /// What the record will say of them.
    pub(super) laid: std::collections::BTreeMap<RelPath, Laid>,
}

impl Beside<'_> {
    /// Decides what lies beside `file`, which stays as the user made it.
    pub(super) fn add(&mut self, file: &FileEntry, way: Way) -> Option<Conflict> {
        let base = self.receipt.files.get(&file.path);
        let is_news = !matches!(base, Some(Laid::File { sha256, .. }) if *sha256 == file.sha256);
        let free: Vec<RelPath> =
            names(&file.path).filter(|path| !self.taken.contains(&path.fold())).collect();
        let known = free.iter().find(|path| self.receipt.beside.contains_key(*path)).cloned();
        if let Some(path) = known
            && let Some(found) = self.inventory.get(&path)
        {
            let laid = &self.receipt.beside[&path];
            if laid.is_content_of(found) {
                return Some(self.lay(path, file, way));
            }
            if !is_news {
                // The user works on it.
                self.laid.insert(path.clone(), laid.clone());
                return Some(Conflict { new_default: Some(path) });
            }
        }
        // Nothing lies beside, or the user took it over: only what was never shown is laid.
        if !is_news {
            return None;
        }
        let place = free.into_iter().find(|path| match self.inventory.get(path) {
            None => true,
            Some(found) => laid_as(file).is_content_of(found),
        });
        Some(place.map_or(Conflict { new_default: None }, |path| self.lay(path, file, way)))
    }

    fn lay(&mut self, path: RelPath, file: &FileEntry, way: Way) -> Conflict {
        let current = self.inventory.get(&path).cloned();
        let laid = laid_as(file);
        let action = match &current {
            None => Action::Add,
            Some(found) if laid.is_content_of(found) => Action::Keep,
            Some(_) => Action::Update,
        };
        let want = FileEntry { path: path.clone(), policy: Policy::Replace, ..file.clone() };
        self.laid.insert(path.clone(), laid);
        self.items.push(Item {
            path: path.clone(),
            action,
            want: Some(Entry::File(want)),
            current,
            keep_beside: false,
            way: if action == Action::Keep { Way::Nothing } else { way },
            conflict: None,
        });
        Conflict { new_default: Some(path) }
    }

    /// Takes away what lies beside a file that is no longer kept, unless the user works on it.
    pub(super) fn drop_stale(&mut self) {
        let stale = self
            .receipt
            .beside
            .iter()
            .filter(|(path, _)| !self.laid.contains_key(*path) && !self.taken.contains(&path.fold()));
        for (path, laid) in stale {
            let current = self.inventory.get(path).filter(|found| laid.is_content_of(found)).cloned();
            self.items.extend(current.map(|current| Item {
                path: path.clone(),
                action: Action::Remove,
                want: None,
                current: Some(current),
                keep_beside: false,
                way: Way::Nothing,
                conflict: None,
            }));
        }
    }
}

fn laid_as(file: &FileEntry) -> Laid {
    Laid::File { sha256: file.sha256, size: file.size, mode: file.mode }
}
