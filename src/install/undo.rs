//! The way back before the commit: every target as it was, new files gone, entries last.
//!
//! Durably decided first, so that a crash in the middle goes on going back. Old content is put through one
//! more link and so keeps its name in `old` until the whole transaction is dropped, by one rename.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use crate::fsx::Absent as _;

use super::barriers;
use super::checkpoint::checkpoint;
use super::journal::Operation;
use super::look::Thing;
use super::steps::{StepError, Txn};
use super::tools;

impl Txn<'_> {
    /// Makes the install wholly old again and closes the swap. May be done any number of times.
    pub(super) fn undo(&self) -> Result<(), StepError> {
        checkpoint("undo.decide", &self.file("rollback"))?;
        self.decide("rollback", barriers::ROLLBACK)?;
        if self.has_switched()? {
            self.interlock()?;
            self.undo_switch()?;
        }
        self.restore_entries()?;
        checkpoint("undo.drop", &self.file(""))?;
        tools::to_trash(self.disk(), &self.install.txn_dir(), &self.install.trash_dir())?;
        checkpoint("undo.flush", &self.install.state_dir())?;
        Ok(self.disk().sync_dir(&self.install.state_dir(), barriers::UNDO_DROP)?)
    }

    fn plain(&self) -> impl Iterator<Item = (usize, &Operation)> {
        self.operations().filter(|(_, operation)| !operation.entry)
    }

    /// Whether anything but entries was touched.
    fn has_switched(&self) -> Result<bool, StepError> {
        for (i, _) in self.plain() {
            if !self.state(i)?.old {
                return Ok(true);
            }
        }
        for folder in &self.journal.make_folders {
            let found = self.disk().stat(&folder.under(self.install.root())).if_present()?;
            if found.is_some_and(|found| found.is_dir()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn undo_switch(&self) -> Result<(), StepError> {
        for (i, operation) in self.plain().filter(|(_, operation)| !operation.old.is_content()) {
            let target = self.target(operation);
            checkpoint("undo.remove", &target)?;
            let state = self.state(i)?;
            // A foreign file where ours was to be added is somebody's and stays.
            if state.new && !state.old {
                tools::remove_from(self.disk(), &target, &self.aside())?;
            }
        }
        for folder in self.journal.make_folders.iter().rev() {
            let place = folder.under(self.install.root());
            checkpoint("undo.folder", &place)?;
            match self.disk().remove_dir(&place).if_present() {
                Err(error) if error.source.kind() != io::ErrorKind::DirectoryNotEmpty => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        for folder in self.journal.drop_folders.iter().rev() {
            let place = folder.under(self.install.root());
            checkpoint("undo.refolder", &place)?;
            self.disk().make_dirs(&place)?;
        }
        for (i, operation) in self.plain().filter(|(_, operation)| operation.old.is_content()) {
            self.restore(i, operation)?;
        }
        self.flush_touched(barriers::UNDO_SETTLE)?;
        for (i, operation) in self.plain() {
            let state = self.state(i)?;
            let is_theirs = state.is_foreign() && operation.old == Thing::Absent;
            if !state.old && !is_theirs {
                return Err(StepError::Foreign(operation.path.clone()));
            }
        }
        Ok(())
    }

    /// The old content back to its target; if that is there already, nothing.
    fn restore(&self, i: usize, operation: &Operation) -> Result<(), StepError> {
        let (target, backup) = (self.target(operation), self.backup(i));
        checkpoint("undo.restore", &target)?;
        let state = self.state(i)?;
        if state.old {
            return Ok(());
        }
        if state.is_foreign() {
            return Err(StepError::Foreign(operation.path.clone()));
        }
        if !self.disk().exists(&backup)? {
            return Err(StepError::Backup(operation.path.clone()));
        }
        match self.put(&backup, &target, &self.aside()) {
            // No links and no room for a copy: the backup itself goes back.
            Err(error) if error.source.kind() == io::ErrorKind::StorageFull => {
                Ok(tools::rename_over(self.disk(), &backup, &target, &self.aside())?)
            }
            other => Ok(other?),
        }
    }

    fn restore_entries(&self) -> Result<(), StepError> {
        let mut folders = BTreeSet::new();
        for (i, operation) in self.operations().filter(|(_, operation)| operation.entry) {
            let target = self.target(operation);
            if operation.old.is_content() {
                self.restore(i, operation)?;
            } else {
                // An entry that was not there is put in place only after the commit, so this is for a
                // journal whose commit was lost with the power.
                let state = self.state(i)?;
                checkpoint("undo.entry", &target)?;
                if state.new && !state.old {
                    tools::remove_from(self.disk(), &target, &self.aside())?;
                }
            }
            folders.extend(target.parent().map(Path::to_path_buf));
        }
        for folder in folders {
            checkpoint("undo.entry-flush", &folder)?;
            tools::sync_if_there(self.disk(), &folder, barriers::UNDO_ENTRIES)?;
        }
        Ok(())
    }
}
