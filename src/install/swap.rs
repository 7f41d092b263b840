//! The swap of a staged release: the one call after which the new version stands, or the old one still does.

use crate::fsx::FsError;
use crate::release::RelPath;
use crate::report::{ErrorCode, Fault, ReleaseRef};

use super::checkpoint::checkpoint;
use super::journal::{Journal, JournalError};
use super::lay::{Stage, StageError};
use super::look::{self, Thing};
use super::record::{Record, RecordError, StartAs};
use super::steps::{StepError, Txn};
use super::{Guard, HostGone, Install, Watch, barriers, tools};

/// How often the end of a decided swap is tried before it is left to recovery.
const TRIES: u32 = 3;

/// What a swap has done.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    /// What was installed before.
    pub from: ReleaseRef,
    /// What is installed now.
    pub to: ReleaseRef,
    /// The record as it was saved.
    pub record: Record,
    /// The program to start.
    pub start: Option<StartAs>,
}

/// Why a swap was not done.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// A file changed since the stage was made. Nothing was changed by us.
    #[error("\u{ab}{0}\u{bb} was changed while the update waited")]
    Changed(RelPath),
    /// It failed before anything was changed.
    #[error(transparent)]
    Before(#[from] JournalError),
    /// The record alone could not be saved; no file was to change.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It failed and was undone: the old version stands whole.
    #[error("the update was undone: {0}")]
    Undone(#[source] StepError),
    /// It failed and could not be ended. The next start of the updater or the program ends it.
    #[error("the update stopped half-way: {cause}")]
    Unfinished {
        /// What failed first.
        #[source]
        cause: StepError,
        /// Whether the new version is decided for; otherwise the old one.
        forward: bool,
    },
}

impl Fault for SwapError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Changed(_) => ErrorCode::InUse,
            Self::Before(error) => error.code(),
            Self::Record(error) => error.code(),
            Self::Undone(error) | Self::Unfinished { cause: error, .. } => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Changed(_) => Some("Close what uses the program's files and try again.".to_owned()),
            Self::Before(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Undone(error) => error.hint(),
            Self::Unfinished { .. } => Some("Start the updater again; it will finish.".to_owned()),
        }
    }
}

impl SwapError {
    /// Whether the old version stands whole and may be started.
    #[must_use]
    pub fn is_old_whole(&self) -> bool {
        !matches!(self, Self::Unfinished { .. })
    }
}

impl Install {
    /// Switches to the staged release. There is no cancel: it ends as wholly new, or undone.
    ///
    /// # Errors
    /// Says whether the old version stands ([`SwapError::is_old_whole`]) or recovery has to run.
    pub fn swap(
        &self,
        guard: &Guard,
        stage: Stage,
        _gone: HostGone,
        watch: Watch<'_>,
    ) -> Result<Installed, SwapError> {
        let Stage { journal, marks } = &stage;
        let installed = |record: Record| Installed {
            from: journal.before.release(),
            to: record.release(),
            start: record.start.clone(),
            record,
        };
        if stage.is_empty() {
            let mut record = journal.after.clone();
            checkpoint("record.only", &self.record_file()).map_err(RecordError::Fs)?;
            guard.save(&mut record)?;
            self.discard();
            return Ok(installed(record));
        }
        let txn = Txn::new(self, journal, Some(marks), watch);
        self.prepare(&stage).inspect_err(|_why| self.discard())?;
        let begun = match self.open_journal() {
            // Without its name the journal is nothing: there is nothing to undo.
            Err(error) if !self.is_swap_open() => {
                self.discard();
                return Err(SwapError::Before(error.into()));
            }
            opened => opened.map_err(StepError::Fs).and_then(|()| txn.forward()),
        };
        match begun {
            // Once `commit` has its name there is no way back, whatever was reported after that.
            Err(cause) if !txn.is_decided("commit").unwrap_or(true) => Err(undo(&txn, cause)),
            Err(_) => end(|| txn.finish_decided(guard)).map(installed).map_err(forward_left),
            Ok(()) => end(|| txn.finish(guard)).map(installed).map_err(forward_left),
        }
    }

    /// Looks at every target once more and writes the journal under its temporary name.
    fn prepare(&self, stage: &Stage) -> Result<(), SwapError> {
        let Stage { journal, marks } = stage;
        for (i, operation) in journal.operations.iter().enumerate() {
            let target = operation.path.under(self.root());
            let known = marks.old.get(i).copied().flatten();
            let now = look::mark(self.disk(), &target).map_err(JournalError::Fs)?;
            if known.is_some() && known == now {
                continue;
            }
            let seen = look::observe(self.disk(), &target).map_err(JournalError::Fs)?;
            // Behind a link or file that this swap takes away there is nothing of ours yet.
            let is_hidden = operation.old == Thing::Absent && self.is_hidden(journal, &operation.path);
            if !seen.has_content_of(&operation.old) && !is_hidden {
                return Err(SwapError::Changed(operation.path.clone()));
            }
        }
        let temp = self.txn_dir().join("j.tmp");
        checkpoint("journal.write", &temp).map_err(JournalError::Fs)?;
        let bytes = journal.to_bytes(&temp)?;
        let written = self.disk().write(&temp, &bytes, Some(barriers::JOURNAL_FILE));
        Ok(written.map_err(JournalError::Fs)?)
    }

    fn is_hidden(&self, journal: &Journal, path: &RelPath) -> bool {
        let leaves = |folder: &RelPath| {
            journal.operations.iter().any(|operation| {
                operation.path == *folder && operation.old.is_content() && operation.new.is_absent()
            })
        };
        path.ancestors().any(|folder| leaves(&folder))
    }

    /// Step 5's last half. From the rename on, recovery decides.
    fn open_journal(&self) -> Result<(), FsError> {
        let txn = self.txn_dir();
        checkpoint("journal.rename", &self.journal_file())?;
        self.disk().rename(&txn.join("j.tmp"), &self.journal_file())?;
        checkpoint("journal.flush", &txn)?;
        self.disk().sync_dir(&txn, barriers::JOURNAL_NAME)
    }

    /// Drops a stage that will not be used. The install is not touched; what can't be deleted is deleted
    /// before the next stage.
    pub(super) fn discard(&self) {
        tools::remove_or_trash(self.disk(), &self.txn_dir(), &self.trash_dir()).ok();
    }
}

/// Tries the end of a decided swap a few times: what failed once may be a scanner or a full disk that was
/// emptied since.
pub(super) fn end<T>(mut action: impl FnMut() -> Result<T, StepError>) -> Result<T, StepError> {
    let mut result = action();
    for _ in 1..TRIES {
        if result.is_ok() {
            break;
        }
        result = action();
    }
    result
}

fn undo(txn: &Txn<'_>, cause: StepError) -> SwapError {
    match end(|| txn.undo()) {
        Ok(()) => SwapError::Undone(cause),
        Err(_left_to_recovery) => SwapError::Unfinished { cause, forward: false },
    }
}

fn forward_left(cause: StepError) -> SwapError {
    SwapError::Unfinished { cause, forward: true }
}

impl Install {
    /// Gives up a stage whose swap was put off for good.
    ///
    /// # Errors
    /// If a swap is open, or the files can't be deleted.
    pub fn drop_stage(&self, _guard: &Guard, stage: Stage) -> Result<(), StageError> {
        drop(stage);
        if self.is_swap_open() {
            return Err(StageError::SwapOpen(self.root().to_path_buf()));
        }
        Ok(tools::remove_or_trash(self.disk(), &self.txn_dir(), &self.trash_dir())?)
    }

    /// The volume's free bytes where the install lies.
    ///
    /// # Errors
    /// What the system says.
    pub fn free_space(&self) -> Result<u64, FsError> {
        self.disk().free_space(self.root())
    }
}
