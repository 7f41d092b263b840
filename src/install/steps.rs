//! The steps of a swap. This is the code that must never leave an install half old and half new.
//!
//! The order, and what each flush is for (`T` is `<updater>/state/txn`):
//!
//! 5. The journal is written, flushed and renamed to `T/journal`; `T` is flushed. From here recovery decides.
//! 6. *backup*: every present target gets a second name in `T/old`, which is flushed. From here the old
//!    content can't be lost.
//! 7. *interlock*: the stub, a second name of this very binary, is renamed over each entry file. Whoever
//!    starts the program now starts recovery.
//! 8. *switch*: removals, folders in the way, new folders, then each staged file is renamed to its target.
//! 9. *settle*: every folder touched is flushed; every target is looked at again.
//! 10. *commit*: `T/commit.ready` is renamed to `T/commit`, `T` is flushed. From here there is no way back.
//! 11. *entries*: the new entry files are put into place and flushed; emptied folders go; the record is saved.
//! 12. *retire*: `T` is renamed to `prev`, the state folder is flushed. The swap is over.
//!
//! Every step can be done again after a crash: it looks at what is at a path and does only what is missing.
//! What is at a path is old, new, the stub, or gone (moved aside); anything else belongs to somebody else, and
//! then nothing more is touched. Files not in the journal are never opened for writing, renamed or deleted.
//!
//! Whatever must survive until the swap is over keeps its name in `T`: entries and restored files are put into
//! place through one more link. A rename out of `T` could reach the disk by halves, gone here and not there.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::fsx::{self, Absent as _, Barrier, Disk, FsError};
use crate::release::RelPath;
use crate::report::{ErrorCode, Fault};

use super::checkpoint::checkpoint;
use super::journal::{Journal, Operation};
use super::lay::Marks;
use super::look::{self, Ground, Thing};
use super::record::{Marked, Record, RecordError};
use super::{Guard, Install, Watch, barriers, scan, tools};

/// Why a step could not be done.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The disk, with the file.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A file is neither old nor new: somebody else changed it during the swap.
    #[error("\u{ab}{0}\u{bb} is neither of the old nor of the new version")]
    Foreign(RelPath),
    /// What was laid ready is missing or damaged.
    #[error("the new content of \u{ab}{0}\u{bb} is missing or damaged")]
    Staged(RelPath),
    /// The backup is missing.
    #[error("the old content of \u{ab}{0}\u{bb} is missing")]
    Backup(RelPath),
    /// The record could not be saved.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Fault for StepError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::Foreign(_) | Self::Staged(_) | Self::Backup(_) => ErrorCode::Journal,
            Self::Record(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Fs(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Foreign(_) | Self::Backup(_) => {
                Some("Nothing was deleted. Repair the program with the updater.".to_owned())
            }
            Self::Staged(_) => Some("Start the update again.".to_owned()),
        }
    }
}

/// What is at the path of an operation. Nothing of it: foreign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) old: bool,
    pub(super) new: bool,
    pub(super) stub: bool,
    /// Nothing is there though both versions have something: moved aside, or lost.
    pub(super) gone: bool,
}

impl State {
    pub(super) fn is_foreign(self) -> bool {
        self == Self::default()
    }
}

/// A swap whose journal is written, or about to be.
pub(super) struct Txn<'a> {
    pub(super) install: &'a Install,
    pub(super) journal: &'a Journal,
    /// Marks of the process that staged; recovery has none and reads every file.
    pub(super) marks: Option<&'a Marks>,
    pub(super) watch: Watch<'a>,
    dir: PathBuf,
}

impl<'a> Txn<'a> {
    pub(super) fn new(
        install: &'a Install,
        journal: &'a Journal,
        marks: Option<&'a Marks>,
        watch: Watch<'a>,
    ) -> Self {
        Self { install, journal, marks, watch, dir: install.txn_dir() }
    }

    pub(super) fn disk(&self) -> &'a dyn Disk {
        self.install.disk()
    }

    pub(super) fn operations(&self) -> impl DoubleEndedIterator<Item = (usize, &'a Operation)> {
        self.journal.operations.iter().enumerate()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(super) fn target(&self, operation: &Operation) -> PathBuf {
        operation.path.under(self.install.root())
    }

    pub(super) fn staged(&self, i: usize) -> PathBuf {
        self.dir.join("new").join(i.to_string())
    }

    pub(super) fn backup(&self, i: usize) -> PathBuf {
        self.dir.join("old").join(i.to_string())
    }

    /// The folder that files in use are moved to, so that their names are free; what they hold is in the backup too.
    pub(super) fn aside(&self) -> PathBuf {
        self.install.aside_dir()
    }

    /// Whether this has been decided: `commit` or `rollback`.
    pub(super) fn is_decided(&self, name: &str) -> fsx::Result<bool> {
        self.disk().exists(&self.file(name))
    }

    /// Decides for good, by a rename that needs no room on the disk.
    pub(super) fn decide(&self, name: &str, barrier: Barrier) -> fsx::Result<()> {
        let decided = self.file(name);
        if !self.disk().exists(&decided)? {
            let ready = self.file(&format!("{name}.ready"));
            if !self.disk().exists(&ready)? {
                self.disk().write(&ready, b"", None)?;
            }
            self.disk().rename(&ready, &decided)?;
        }
        checkpoint("decide.renamed", &decided)?;
        self.disk().sync_dir(&self.dir, barrier)
    }

    /// What is at the path of operation `i` now.
    pub(super) fn state(&self, i: usize) -> fsx::Result<State> {
        let operation = &self.journal.operations[i];
        let target = self.target(operation);
        if !Ground::new(self.disk(), self.install.root()).holds(&operation.path)? {
            // Missing, or behind a link that this swap takes away: nothing of ours is there yet.
            return Ok(self.judge(operation, &Thing::Absent));
        }
        if let Some(marks) = self.marks
            && let Some(mark) = look::mark(self.disk(), &target)?
        {
            let is = |known: Option<&Option<_>>| {
                known.and_then(Option::as_ref).is_some_and(|known| look::is_same_file(known, &mark))
            };
            let state = State {
                old: is(marks.old.get(i)),
                new: is(marks.new.get(i)),
                stub: operation.entry && is(Some(&marks.stub)),
                gone: false,
            };
            let is_doubtful = state.old && state.new && !operation.old.has_content_of(&operation.new);
            if !state.is_foreign() && !is_doubtful {
                return Ok(state);
            }
        }
        Ok(self.judge(operation, &look::observe(self.disk(), &target)?))
    }

    fn judge(&self, operation: &Operation, seen: &Thing) -> State {
        let Operation { path, old, new, entry } = operation;
        let stub = *entry && seen.digest() == Some(self.journal.stub);
        let exact = State { old: seen.is(old), new: seen.is(new), stub, gone: false };
        if exact.old || exact.new {
            return exact;
        }
        // A mode that this file system does not keep, or that someone changed, is no other content.
        let alike = State { old: seen.has_content_of(old), new: seen.has_content_of(new), ..exact };
        match seen {
            _ if alike.old && alike.new => State { new: false, ..alike },
            _ if !alike.is_foreign() => alike,
            Thing::Absent => State { gone: true, ..alike },
            Thing::Folder if new.is_absent() && self.journal.make_folders.contains(path) => {
                State { new: true, ..alike }
            }
            _ => alike,
        }
    }

    /// R8: looked at before anything is done. A foreign file where the old version has nothing is in the way
    /// of going forward only.
    pub(super) fn check_foreign(&self, forward: bool) -> Result<(), StepError> {
        for (i, operation) in self.operations() {
            let matters = forward || operation.old.is_content();
            if matters && self.state(i)?.is_foreign() {
                return Err(StepError::Foreign(operation.path.clone()));
            }
        }
        Ok(())
    }

    fn tell(&self, i: usize, operation: &Operation) {
        (self.watch)(i as u64, self.journal.operations.len() as u64, &operation.path);
    }

    /// Steps 6 to 10.
    pub(super) fn forward(&self) -> Result<(), StepError> {
        self.back_up()?;
        self.interlock()?;
        self.switch()?;
        self.settle()?;
        checkpoint("commit", &self.dir)?;
        Ok(self.decide("commit", barriers::COMMIT)?)
    }

    /// Step 6. Where there are no second names a file is copied: a rename into `T` could reach the disk by
    /// halves. Only a file that is held so that it can't be copied is moved aside in step 8; never an entry,
    /// whose name must not be empty.
    fn back_up(&self) -> Result<(), StepError> {
        for (i, operation) in self.operations().filter(|(_, operation)| operation.old.is_content()) {
            let (target, backup) = (self.target(operation), self.backup(i));
            if self.disk().exists(&backup)? {
                continue;
            }
            checkpoint("backup.file", &target)?;
            let state = self.state(i)?;
            if state.is_foreign() {
                return Err(StepError::Foreign(operation.path.clone()));
            }
            if !state.old {
                // Already switched, or already guarded: its backup was flushed before that.
                continue;
            }
            if operation.entry || matches!(operation.old, Thing::Link(_)) {
                tools::link_or_copy(self.disk(), &target, &backup)?;
            } else {
                tools::try_second(self.disk(), &target, &backup)?;
            }
        }
        let folder = self.file("old");
        checkpoint("backup.flush", &folder)?;
        Ok(self.disk().sync_dir(&folder, barriers::BACKUP)?)
    }

    /// Step 7, also the first step of an undo.
    pub(super) fn interlock(&self) -> Result<(), StepError> {
        let mut folders = BTreeSet::new();
        let guarded = |operation: &Operation| operation.entry && operation.old.is_content();
        for (i, operation) in self.operations().filter(|(_, operation)| guarded(operation)) {
            let target = self.target(operation);
            checkpoint("interlock.file", &target)?;
            let state = self.state(i)?;
            if state.is_foreign() {
                return Err(StepError::Foreign(operation.path.clone()));
            }
            if !state.stub {
                // Nothing is ever replaced that could not be brought back.
                if !self.disk().exists(&self.backup(i))? {
                    return Err(StepError::Backup(operation.path.clone()));
                }
                self.put(&self.file("stub"), &target, &self.aside())?;
            }
            folders.extend(target.parent().map(Path::to_path_buf));
        }
        for folder in folders {
            checkpoint("interlock.flush", &folder)?;
            self.disk().sync_dir(&folder, barriers::INTERLOCK)?;
        }
        Ok(())
    }

    /// Puts content to a target while it keeps its name in the transaction.
    pub(super) fn put(&self, from: &Path, target: &Path, aside: &Path) -> fsx::Result<()> {
        let link = self.file("put");
        self.disk().remove_file(&link).if_present()?;
        tools::link_or_copy(self.disk(), from, &link)?;
        checkpoint("put.rename", target)?;
        tools::rename_over(self.disk(), &link, target, aside)
    }

    /// Step 8.
    fn switch(&self) -> Result<(), StepError> {
        let plain = || self.operations().filter(|(_, operation)| !operation.entry);
        for (i, operation) in plain().filter(|(_, operation)| operation.new.is_absent()) {
            self.tell(i, operation);
            checkpoint("switch.remove", &self.target(operation))?;
            self.take_away(i, operation)?;
        }
        self.clear_folders()?;
        for folder in &self.journal.make_folders {
            let place = folder.under(self.install.root());
            checkpoint("switch.folder", &place)?;
            self.disk().make_dirs(&place)?;
        }
        for (i, operation) in plain().filter(|(_, operation)| operation.new.is_content()) {
            self.tell(i, operation);
            checkpoint("switch.file", &self.target(operation))?;
            self.bring(i, operation)?;
        }
        Ok(())
    }

    fn take_away(&self, i: usize, operation: &Operation) -> Result<(), StepError> {
        let state = self.state(i)?;
        let (target, backup) = (self.target(operation), self.backup(i));
        if state.new {
            Ok(())
        } else if !state.old {
            Err(StepError::Foreign(operation.path.clone()))
        } else if self.disk().exists(&backup)? {
            Ok(tools::remove_from(self.disk(), &target, &self.aside())?)
        } else {
            Ok(tools::patiently(|| self.disk().rename(&target, &backup))?)
        }
    }

    fn bring(&self, i: usize, operation: &Operation) -> Result<(), StepError> {
        let state = self.state(i)?;
        let (target, backup) = (self.target(operation), self.backup(i));
        if state.new {
            return Ok(());
        }
        if state.is_foreign() {
            return Err(StepError::Foreign(operation.path.clone()));
        }
        if state.old && operation.old.is_content() && !self.disk().exists(&backup)? {
            tools::patiently(|| self.disk().rename(&target, &backup))?;
            checkpoint("switch.moved", &target)?;
        }
        Ok(tools::rename_over(self.disk(), &self.staged(i), &target, &self.aside())?)
    }

    /// Folders of the old version where the new one has a file.
    fn clear_folders(&self) -> Result<(), StepError> {
        for (_, operation) in self.operations().filter(|(_, operation)| operation.old == Thing::Folder) {
            for folder in self.journal.drop_folders.iter().filter(|path| path.is_within(&operation.path)) {
                let place = folder.under(self.install.root());
                checkpoint("switch.clear", &place)?;
                if self.disk().stat(&place).if_present()?.is_some_and(|found| found.is_dir()) {
                    self.disk().remove_dir(&place)?;
                }
            }
        }
        Ok(())
    }

    /// Step 9.
    fn settle(&self) -> Result<(), StepError> {
        self.flush_touched(barriers::SETTLE)?;
        for (i, operation) in self.operations() {
            let target = self.target(operation);
            checkpoint("verify.file", &target)?;
            if operation.entry {
                self.check_staged(i, operation)?;
            } else if !self.state(i)?.new {
                return Err(StepError::Foreign(operation.path.clone()));
            }
        }
        Ok(())
    }

    pub(super) fn flush_touched(&self, barrier: Barrier) -> fsx::Result<()> {
        let root = self.install.root();
        let above =
            |path: &RelPath| path.parent().map_or_else(|| root.to_path_buf(), |path| path.under(root));
        let plain = self.operations().filter(|(_, operation)| !operation.entry);
        let mut folders: BTreeSet<PathBuf> = plain.map(|(_, operation)| above(&operation.path)).collect();
        for folder in self.journal.make_folders.iter().chain(&self.journal.drop_folders) {
            folders.extend([folder.under(root), above(folder)]);
        }
        for folder in folders {
            checkpoint("flush.folder", &folder)?;
            tools::sync_if_there(self.disk(), &folder, barrier)?;
        }
        Ok(())
    }

    /// Whether the staged content of an operation is whole.
    pub(super) fn check_staged(&self, i: usize, operation: &Operation) -> Result<(), StepError> {
        let staged = self.staged(i);
        let known = self.marks.and_then(|marks| marks.new.get(i)).and_then(Option::as_ref);
        let is_whole = match (known, look::mark(self.disk(), &staged)?) {
            _ if !operation.new.is_content() => true,
            (Some(known), Some(mark)) if look::is_same_file(known, &mark) => true,
            _ => look::observe(self.disk(), &staged)?.has_content_of(&operation.new),
        };
        if is_whole { Ok(()) } else { Err(StepError::Staged(operation.path.clone())) }
    }

    /// The same where somebody else decided, or the flush of the decision failed: it may not be on the disk yet.
    pub(super) fn finish_decided(&self, guard: &Guard) -> Result<Record, StepError> {
        self.decide("commit", barriers::COMMIT)?;
        self.finish(guard)
    }

    /// Steps 11 and 12; may be done any number of times.
    pub(super) fn finish(&self, guard: &Guard) -> Result<Record, StepError> {
        self.place_entries()?;
        self.drop_folders()?;
        let mut record = self.journal.after.clone();
        self.mark_record(&mut record)?;
        checkpoint("record", &self.install.record_file())?;
        guard.save(&mut record)?;
        self.retire()?;
        Ok(record)
    }

    fn place_entries(&self) -> Result<(), StepError> {
        let mut folders = BTreeSet::new();
        for (i, operation) in self.operations().filter(|(_, operation)| operation.entry) {
            let target = self.target(operation);
            checkpoint("entry.file", &target)?;
            let state = self.state(i)?;
            if state.is_foreign() {
                return Err(StepError::Foreign(operation.path.clone()));
            }
            if !state.new && operation.new.is_content() {
                self.put(&self.staged(i), &target, &self.aside())?;
            } else if !state.new {
                tools::remove_from(self.disk(), &target, &self.aside())?;
            }
            folders.extend(target.parent().map(Path::to_path_buf));
        }
        for folder in folders {
            checkpoint("entry.flush", &folder)?;
            tools::sync_if_there(self.disk(), &folder, barriers::ENTRIES)?;
        }
        Ok(())
    }

    /// A folder with something in it stays: what is in it is the user's. What is gone already is flushed again:
    /// whoever removed it may have got no further.
    fn drop_folders(&self) -> Result<(), StepError> {
        let mut above = BTreeSet::new();
        for folder in &self.journal.drop_folders {
            let place = folder.under(self.install.root());
            checkpoint("drop.folder", &place)?;
            let is_folder = self.disk().stat(&place).if_present()?.is_some_and(|found| found.is_dir());
            if is_folder && self.disk().list(&place)?.is_empty() {
                self.disk().remove_dir(&place)?;
            }
            above.extend(place.parent().map(Path::to_path_buf));
        }
        above.iter().try_for_each(|folder| Ok(tools::sync_if_there(self.disk(), folder, barriers::DROP)?))
    }

    fn mark_record(&self, record: &mut Record) -> fsx::Result<()> {
        for (_, operation) in self.operations() {
            let target = self.target(operation);
            record.marks.remove(&operation.path);
            if let (Some(sha256), Some(metadata)) =
                (operation.new.digest(), self.disk().stat(&target).if_present()?)
                && scan::is_settled(&metadata)
                && let Some(mark) = look::mark(self.disk(), &target)?
            {
                record.marks.insert(operation.path.clone(), Marked { mark, sha256 });
            }
        }
        Ok(())
    }

    /// Step 12.
    fn retire(&self) -> Result<(), StepError> {
        let (state, prev) = (self.install.state_dir(), self.install.prev_dir());
        if self.disk().exists(&self.dir)? {
            checkpoint("retire.trash", &prev)?;
            tools::to_trash(self.disk(), &prev, &self.install.trash_dir())?;
            checkpoint("retire.rename", &self.dir)?;
            tools::patiently(|| self.disk().rename(&self.dir, &prev))?;
        } else if !self.disk().exists(&prev)? {
            let lost = io::Error::new(io::ErrorKind::NotFound, "it was deleted during the update");
            return Err(FsError::new("use", &self.dir, lost).into());
        }
        checkpoint("retire.flush", &state)?;
        Ok(self.disk().sync_dir(&state, barriers::RETIRE)?)
    }
}
