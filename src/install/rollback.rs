//! Back to the release before: a new transaction whose staged files are links from `prev/old`.
//!
//! It goes the same way as an update, so it is as safe, and needs no network. Afterwards there is nothing to
//! go back to: what it leaves behind is the release that was left.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::fsx::Disk;
use crate::release::{Digest, RelPath, Stamp};

use super::journal::{Journal, Operation};
use super::lay::{self, Draft, Source, Stage, StageError};
use super::look::{self, Ground, Thing};
use super::record::Record;
use super::{Guard, HostGone, Install, Installed, SwapError, Watch, stage};

/// Why there was no rollback.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// It could not be prepared.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// It could not be done.
    #[error(transparent)]
    Swap(#[from] SwapError),
}

impl crate::report::Fault for RollbackError {
    fn code(&self) -> crate::report::ErrorCode {
        match self {
            Self::Stage(error) => error.code(),
            Self::Swap(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Stage(error) => error.hint(),
            Self::Swap(error) => error.hint(),
        }
    }
}

impl Install {
    /// Whether `rollback` has something to go back to.
    #[must_use]
    pub fn can_roll_back(&self, record: &Record) -> bool {
        let prev = self.prev_dir();
        let is_there = |name: &str| self.disk().exists(&prev.join(name)).unwrap_or(false);
        record.previous.is_some() && is_there("journal") && is_there("commit")
    }

    /// Brings back the release before. With `quarantine` the one that is left is not offered again until its
    /// content changes.
    ///
    /// # Errors
    /// If there is none, or as [`stage`](Self::stage) and [`swap`](Self::swap).
    pub fn rollback(
        &self,
        guard: &Guard,
        gone: HostGone,
        stub: &Path,
        quarantine: bool,
        watch: Watch<'_>,
    ) -> Result<Installed, RollbackError> {
        let record = guard.record().map_err(StageError::from)?.record;
        let staged = self.stage_rollback(guard, &record, stub, quarantine, watch)?;
        Ok(self.swap(guard, staged, gone, watch)?)
    }

    /// Lays the release before ready.
    ///
    /// # Errors
    /// If there is none, its files are damaged, or something of the user is in their place.
    pub fn stage_rollback(
        &self,
        _guard: &Guard,
        record: &Record,
        stub: &Path,
        quarantine: bool,
        watch: Watch<'_>,
    ) -> Result<Stage, StageError> {
        if self.is_swap_open() {
            return Err(StageError::SwapOpen(self.root().to_path_buf()));
        }
        if !self.can_roll_back(record) {
            return Err(StageError::NoPrevious(self.root().to_path_buf()));
        }
        let last = Journal::read(self.disk(), &self.prev_dir().join("journal"))?;
        // Power lost at the very end of a swap may leave the swap before it in `prev`.
        if last.after.receipt.files != record.receipt.files {
            return Err(StageError::NoPrevious(self.root().to_path_buf()));
        }
        let draft = self.draft_back(&last, record, quarantine)?;
        self.check_ground(&draft.journal)?;
        lay::lay(self, draft, stub, &|_: &Digest| None, watch, &|| false)
    }

    fn draft_back(&self, last: &Journal, record: &Record, quarantine: bool) -> Result<Draft, StageError> {
        let root = self.root();
        let is_folder =
            |path: &RelPath| self.disk().stat(&path.under(root)).is_ok_and(|found| found.is_dir());
        let again = last.drop_folders.iter().rev().filter(|path| !is_folder(path)).cloned();
        let gone = last.make_folders.iter().rev().filter(|path| is_folder(path)).cloned();
        let after = record_back(last, record, quarantine);
        let journal = Journal {
            made: Stamp::now(),
            stub: last.stub,
            operations: Vec::new(),
            make_folders: again.collect(),
            drop_folders: gone.collect(),
            start: after.start.clone(),
            before: record.clone(),
            after,
        };
        let mut draft = Draft { journal, sources: Vec::new() };
        let mut ground = Ground::new(self.disk(), root);
        let date = stage::today();
        let mut taken: HashSet<String> = last.operations.iter().map(|op| op.path.fold()).collect();
        for (i, done) in last.operations.iter().enumerate() {
            let place = done.path.under(root);
            let seen =
                if ground.holds(&done.path)? { look::observe(self.disk(), &place)? } else { Thing::Absent };
            if is_kept_copy(done, last) && seen.is_content() && !seen.has_content_of(&done.new) {
                // The user has worked on it: it is a file of theirs like any other.
                continue;
            }
            let backup = self.prev_dir().join("old").join(i.to_string());
            let Some((operation, source)) = back(self.disk(), done, seen, place.clone(), backup, last)?
            else {
                continue;
            };
            let is_theirs = operation.old.is_content() && !operation.old.has_content_of(&done.new);
            if is_theirs && !operation.old.is(&operation.new) {
                let path = lay::name_beside(self, &done.path, &date, &mut taken)?;
                let new = operation.old.clone();
                let kept = Operation { path, old: Thing::Absent, new, entry: false };
                draft.push(kept, Source::Link(place));
            }
            draft.push(operation, source);
        }
        Ok(draft)
    }
}

/// Whether an operation of the last swap kept a file of the user aside: it is an addition no release lists.
fn is_kept_copy(done: &Operation, last: &Journal) -> bool {
    let receipt = &last.after.receipt;
    let is_listed = receipt.files.contains_key(&done.path) || receipt.beside.contains_key(&done.path);
    done.old.is_absent() && !is_listed
}

/// The operation that takes one operation of the last swap back; none if there is nothing to do.
fn back(
    disk: &dyn Disk,
    done: &Operation,
    seen: Thing,
    place: PathBuf,
    backup: PathBuf,
    last: &Journal,
) -> Result<Option<(Operation, Source)>, StageError> {
    // A folder that was in the way of a file is made again as a folder, not as an operation.
    let new = match &done.old {
        Thing::Folder => Thing::Absent,
        // The update left it as it was: what the user has made of it since stays, too.
        old if old.is(&done.new) && seen.is_content() => seen.clone(),
        old => old.clone(),
    };
    let is_ours = seen == Thing::Folder && last.make_folders.contains(&done.path);
    if matches!(seen, Thing::Folder | Thing::Other) && !is_ours {
        return if new.is_absent() { Ok(None) } else { Err(StageError::Blocked(done.path.clone())) };
    }
    let stays = seen.is(&new);
    if stays && (!done.entry || new.is_absent()) {
        return Ok(None);
    }
    let source = match &new {
        Thing::File { .. } if stays => Source::Link(place),
        Thing::File { .. } if disk.exists(&backup)? => Source::Link(backup),
        Thing::File { .. } => return Err(StageError::Content(done.path.clone())),
        _ => Source::Nothing,
    };
    Ok(Some((Operation { path: done.path.clone(), old: seen, new, entry: done.entry }, source)))
}

/// The record of the release before; what the install has learned since stays.
fn record_back(last: &Journal, record: &Record, quarantine: bool) -> Record {
    let before = &last.before;
    let mut after = Record {
        receipt: before.receipt.clone(),
        entries: before.entries.clone(),
        start: before.start.clone(),
        previous: None,
        unconfirmed: None,
        ..record.clone()
    };
    let left = (record.receipt.number, record.receipt.manifest);
    if let (true, (number, Some(digest))) = (quarantine, left)
        && !after.quarantine.contains(&(number, digest))
    {
        after.quarantine.push((number, digest));
    }
    after
}
