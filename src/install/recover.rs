//! What a start does first: ends a swap that was interrupted, as wholly old or wholly new.
//!
//! The same code runs in the updater, in the stub that lies under the name of an entry, and in the library of
//! the host. It needs the lock, the journal and nothing else. Rules R1 to R8 are in `docs/recovery.md`.

use std::path::{Path, PathBuf};

use crate::fsx::{Absent as _, FsError};
use crate::report::{ErrorCode, Failure, Fault, ReleaseRef};

use super::checkpoint::checkpoint;
use super::journal::{Journal, JournalError};
use super::record::StartAs;
use super::steps::{StepError, Txn};
use super::{Guard, Install, barriers, swap, tools};

/// How often going forward is begun before the way back is taken.
const ATTEMPTS: usize = 3;

/// How an interrupted swap was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Whether the new version stands; otherwise the old one does.
    pub forward: bool,
    /// What was installed before.
    pub from: ReleaseRef,
    /// What was to be installed.
    pub to: ReleaseRef,
    /// The program to start now.
    pub start: Option<StartAs>,
    /// Why the old version stands, if something failed.
    pub failure: Option<Failure>,
}

/// Why an interrupted swap can't be ended now. Everything is kept.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The journal can't be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A step failed; the next start tries again.
    #[error("an interrupted update can't be ended: {0}")]
    Step(#[from] StepError),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Fault for RecoverError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Journal(error) => error.code(),
            Self::Step(error) => error.code(),
            Self::Fs(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Journal(error) => error.hint(),
            Self::Step(error) => error.hint(),
            Self::Fs(error) => error.hint(),
        }
    }
}

impl Install {
    /// Ends an interrupted swap, if there is one, and deletes what earlier ones left behind.
    ///
    /// # Errors
    /// If it can't be ended; nothing is lost by that.
    pub fn recover(&self, guard: &Guard) -> Result<Option<Recovered>, RecoverError> {
        // R1. Trash is only room: what can't be deleted today is deleted another day.
        self.purge(guard).ok();
        self.clear_probes()?;
        if !self.is_swap_open() {
            // R2. Nothing had changed.
            tools::remove_or_trash(self.disk(), &self.txn_dir(), &self.trash_dir())?;
            return Ok(None);
        }
        checkpoint("recover.read", &self.journal_file())?;
        let journal = Journal::read(self.disk(), &self.journal_file())?;
        let txn = Txn::new(self, &journal, None, &|_, _, _| {});
        let recovered = |forward: bool, failure: Option<Failure>| Recovered {
            forward,
            from: journal.before.release(),
            to: journal.after.release(),
            start: if forward { journal.start.clone() } else { journal.before.start.clone() },
            failure,
        };
        if txn.is_decided("commit")? {
            // R3.
            swap::end(|| txn.finish_decided(guard))?;
            return Ok(Some(recovered(true, None)));
        }
        let failure = if txn.is_decided("rollback")? {
            // R4.
            txn.check_foreign(false)?;
            None
        } else {
            // R5.
            match self.try_forward(&txn) {
                Ok(()) => {
                    swap::end(|| txn.finish(guard))?;
                    return Ok(Some(recovered(true, None)));
                }
                // R8. Somebody else changed a file: neither way is ours to take.
                Err(error @ StepError::Foreign(_)) => return Err(error.into()),
                Err(_) if txn.is_decided("commit")? => {
                    swap::end(|| txn.finish_decided(guard))?;
                    return Ok(Some(recovered(true, None)));
                }
                Err(error) => Some(Failure::of(&error)),
            }
        };
        swap::end(|| txn.undo())?;
        self.purge(guard).ok();
        Ok(Some(recovered(false, failure)))
    }

    fn try_forward(&self, txn: &Txn<'_>) -> Result<(), StepError> {
        // Counted by names, one each: there is no half-written number.
        let tries = (1..=ATTEMPTS).map(|number| self.txn_dir().join(format!("try-{number}")));
        let mut next = None;
        for name in tries {
            if !self.disk().exists(&name)? {
                next = Some(name);
                break;
            }
        }
        let Some(name) = next else {
            let tired = std::io::Error::other(format!("it was tried {ATTEMPTS} times"));
            return Err(FsError::new("finish the update in", self.root(), tired).into());
        };
        txn.check_foreign(true)?;
        checkpoint("recover.try", &name)?;
        self.disk().write(&name, b"", None)?;
        self.disk().sync_dir(&self.txn_dir(), barriers::ATTEMPT)?;
        for (i, operation) in txn.operations() {
            if !txn.state(i)?.new || operation.entry {
                txn.check_staged(i, operation)?;
            }
        }
        txn.forward()
    }

    /// Deletes what earlier swaps left behind. For after the program was started again: it can take a while.
    ///
    /// # Errors
    /// If it can't be deleted; then the next call tries again.
    pub fn purge(&self, _guard: &Guard) -> Result<(), FsError> {
        for folder in [self.trash_dir(), self.aside_dir()] {
            self.purge_folder(&folder)?;
        }
        Ok(())
    }

    /// Deletes what it can of each thing in a folder: one that is still in use keeps nothing else.
    fn purge_folder(&self, folder: &Path) -> Result<(), FsError> {
        if !self.disk().exists(folder)? {
            return Ok(());
        }
        let mut left = Ok(());
        for name in self.disk().list(folder)? {
            let place = folder.join(name);
            let is_folder = self.disk().stat(&place)?.is_dir();
            let gone =
                if is_folder { self.disk().remove_tree(&place) } else { self.disk().remove_file(&place) };
            left = left.and(gone);
        }
        left.and_then(|()| self.disk().remove_dir(folder))
    }

    /// Takes an open swap that can't be recovered out of the way, keeping all of it, so that a repair can
    /// bring every file back from the signed release. Returns where it lies; nothing if there is none.
    ///
    /// # Errors
    /// If it can't be renamed.
    pub fn set_aside(&self, _guard: &Guard) -> Result<Option<PathBuf>, FsError> {
        for number in 1_u64.. {
            let place = self.state_dir().join(format!("stuck-{number}"));
            if !self.disk().exists(&place)? {
                let moved = self.disk().rename(&self.txn_dir(), &place).if_present()?;
                self.disk().sync_dir(&self.state_dir(), barriers::SET_ASIDE)?;
                return Ok(moved.map(|()| place));
            }
        }
        Ok(None)
    }
}
