//! Taking an install away: every file a release laid down and the updater's memory, and nothing else.
//!
//! The record goes last, so one that was interrupted is done again. The updater's own program, settings and root
//! keys are left to whoever laid them there: a program can't remove itself everywhere.

use std::collections::BTreeSet;
use std::path::Path;

use crate::fsx::{Absent as _, Disk, FsError};
use crate::plan::Laid;
use crate::platform::process::exe_name;
use crate::release::{Policy, RelPath};

use super::look::{self, Ground, Thing};
use super::tools::{is_held, patiently};
use super::{Guard, HostGone, Install, Record};

/// What was taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uninstalled {
    /// Files and links that are gone.
    pub removed: u64,
    /// Files that were laid down but are the user's by now, and so were left.
    pub left: Vec<RelPath>,
}

impl Install {
    /// Removes what `record` says was laid down, folders that are empty then, and the updater's state.
    ///
    /// A file that the user may change by its policy, and did, is left, and so is every file no release listed.
    ///
    /// # Errors
    /// The first file that can't be removed; what is left is removed when this is done again.
    pub fn uninstall(&self, guard: Guard, _gone: HostGone, record: &Record) -> Result<Uninstalled, FsError> {
        let mut done = Uninstalled::default();
        let mut ground = Ground::new(self.disk(), self.root());
        let receipt = &record.receipt;
        let mut paths: Vec<(&RelPath, &Laid)> = receipt.files.iter().chain(&receipt.beside).collect();
        // What people start goes first: nobody starts half a program.
        paths.sort_by_key(|(path, _)| !record.entries.contains(path));
        for (path, laid) in paths {
            if self.is_updaters_own(path) || !ground.holds(path)? {
                continue;
            }
            let place = path.under(self.root());
            let found = look::observe(self.disk(), &place)?;
            if found.is_absent() {
                continue;
            }
            let is_users = receipt.policies.get(path).is_some_and(|policy| *policy != Policy::Replace)
                && !found.has_content_of(&Thing::from(&laid.as_found()));
            if is_users || !found.is_content() {
                done.left.push(path.clone());
                continue;
            }
            // A program that has just ended, or one that looks into every file, may hold it for a moment.
            patiently(|| self.disk().remove_file(&place))?;
            done.removed += 1;
        }
        self.remove_empty_folders(record)?;
        drop(guard);
        self.forget()?;
        Ok(done)
    }

    /// Removes the updater's memory.
    ///
    /// Second names of the program that does this can't be removed while it runs, on Windows. They are in folders of
    /// their own, say nothing without the rest, and go with the updater itself.
    fn forget(&self) -> Result<(), FsError> {
        let (disk, state) = (self.disk(), self.state_dir());
        match disk.remove_tree(&state) {
            Err(error) if is_held(&error) => {}
            other => return other,
        }
        let mut is_empty = true;
        for name in disk.list(&state)? {
            let path = state.join(name);
            if disk.stat(&path)?.is_dir() {
                is_empty &= remove_but_held(disk, &path)?;
            } else {
                patiently(|| disk.remove_file(&path))?;
            }
        }
        if is_empty { disk.remove_dir(&state) } else { Ok(()) }
    }

    /// The deepest first, each only if nothing is left in it.
    fn remove_empty_folders(&self, record: &Record) -> Result<(), FsError> {
        let receipt = &record.receipt;
        let above = receipt.files.keys().chain(receipt.beside.keys()).flat_map(RelPath::ancestors);
        let listed =
            receipt.folders.iter().flat_map(|path| std::iter::once(path.clone()).chain(path.ancestors()));
        let folders: BTreeSet<RelPath> = above.chain(listed).collect();
        for folder in folders.iter().rev().filter(|folder| !self.updater_dir().is_within(folder)) {
            let place = folder.under(self.root());
            let found = self.disk().stat(&place).if_present()?;
            if found.is_some_and(|found| found.is_dir()) && self.disk().list(&place)?.is_empty() {
                self.disk().remove_dir(&place)?;
            }
        }
        Ok(())
    }

    fn is_updaters_own(&self, path: &RelPath) -> bool {
        let program = exe_name("updater".as_ref());
        let names = [program.to_str().unwrap_or("updater"), "updater.json", "root.json"];
        path.parent().as_ref() == Some(self.updater_dir()) && names.contains(&path.name())
    }
}

/// Removes what can be removed of a folder; whether that was all.
fn remove_but_held(disk: &dyn Disk, folder: &Path) -> Result<bool, FsError> {
    let mut is_empty = true;
    for name in disk.list(folder)? {
        let path = folder.join(name);
        if disk.stat(&path)?.is_dir() {
            is_empty &= remove_but_held(disk, &path)?;
            continue;
        }
        match disk.remove_file(&path) {
            Err(error) if is_held(&error) => is_empty = false,
            other => other?,
        }
    }
    if is_empty {
        disk.remove_dir(folder)?;
    }
    Ok(is_empty)
}
