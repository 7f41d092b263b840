//! Laying ready: all content of a swap in `txn/new`, read back and flushed, while the program still runs.
//!
//! Nothing outside the updater's state is touched. What is laid is hashed from its place in `new`, or is the very
//! file whose bytes were hashed as they were written and which nobody has touched since, so that a [`Stage`] exists
//! only when every byte that will be switched in has been seen.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::fsx::{Absent as _, FsError};
use crate::platform::ChangeMark;
use crate::release::{Digest, RelPath};
use crate::report::{ErrorCode, Fault, ReleaseRef};

use super::checkpoint::checkpoint;
use super::journal::{Journal, JournalError, Operation};
use super::look::{self, Thing};
use super::record::{Record, RecordError};
use super::{Install, Watch, barriers, tools};

/// More files than this are flushed as a volume, where the system can.
const FEW: usize = 64;

/// A complete, verified, flushed preparation of a swap. Only [`Install::stage`] and
/// [`Install::stage_rollback`] make one.
#[derive(Debug)]
pub struct Stage {
    pub(super) journal: Journal,
    pub(super) marks: Marks,
}

impl Stage {
    /// Whether no file or folder changes; a swap then only saves the record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.journal.is_empty()
    }

    /// What will be installed.
    #[must_use]
    pub fn to(&self) -> ReleaseRef {
        self.journal.after.release()
    }

    /// What the record will say afterwards.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.journal.after
    }
}

/// Marks of files as they were when their content was known, by number of operation.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) old: Vec<Option<ChangeMark>>,
    pub(super) new: Vec<Option<ChangeMark>>,
    pub(super) stub: Option<ChangeMark>,
}

/// Where the content of an operation comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// There is none, or the operation says all of it: a removal, a link, an empty file.
    Nothing,
    /// A file that was fetched.
    Fetched(Digest),
    /// A copy of another file of the install.
    Copy(RelPath),
    /// A second name of a file that must stay as it is.
    Link(PathBuf),
}

/// Why a swap can't be prepared. The install has not changed.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// An interrupted swap has to be recovered first.
    #[error("an update of {} was interrupted and has to be recovered first", .0.display())]
    SwapOpen(PathBuf),
    /// The content was not fetched.
    #[error("the content of \u{ab}{path}\u{bb} ({digest}) was not fetched")]
    NotFetched {
        /// The file.
        path: RelPath,
        /// Its content.
        digest: Digest,
    },
    /// A file is not what it was when the plan was made.
    #[error("\u{ab}{0}\u{bb} was changed while the update was prepared")]
    Changed(RelPath),
    /// What was laid ready is not what the release says.
    #[error("the new content of \u{ab}{0}\u{bb} is wrong on the disk")]
    Content(RelPath),
    /// Something of the user stands where a file or folder must go.
    #[error("something that the release does not have is in the place of \u{ab}{0}\u{bb}")]
    Blocked(RelPath),
    /// The release has a file in the updater's own memory.
    #[error("the release has \u{ab}{0}\u{bb}, which belongs to the updater's own state")]
    OwnState(RelPath),
    /// Whoever wanted it does so no more. The next stage clears what was laid.
    #[error("cancelled, nothing was changed")]
    Stopped,
    /// No earlier release is kept here.
    #[error("there is no earlier release to go back to in {}", .0.display())]
    NoPrevious(PathBuf),
    /// The journal of the earlier release can't be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The record can't be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Fault for StageError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::SwapOpen(_) | Self::NoPrevious(_) => ErrorCode::Journal,
            Self::NotFetched { .. } => ErrorCode::Internal,
            Self::Stopped => ErrorCode::Cancelled,
            Self::Changed(_) => ErrorCode::InUse,
            Self::Content(_) => ErrorCode::Disk,
            Self::Blocked(_) => ErrorCode::InTheWay,
            Self::OwnState(_) => ErrorCode::Malformed,
            Self::Journal(error) => error.code(),
            Self::Record(error) => error.code(),
            Self::Fs(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::SwapOpen(_) => Some("Start the updater again.".to_owned()),
            Self::Changed(_) | Self::NotFetched { .. } => Some("Try again.".to_owned()),
            Self::Content(_) => Some("Check the disk and try again.".to_owned()),
            Self::Blocked(path) => Some(format!("Move \u{ab}{path}\u{bb} away and try again.")),
            Self::OwnState(_) => Some("Tell the vendor of the program.".to_owned()),
            Self::NoPrevious(_) | Self::Stopped => None,
            Self::Journal(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Fs(error) => error.hint(),
        }
    }
}

/// What a swap is to be, before anything of it is on the disk.
pub(super) struct Draft {
    pub(super) journal: Journal,
    /// One for each operation.
    pub(super) sources: Vec<Source>,
}

impl Draft {
    pub(super) fn push(&mut self, operation: Operation, source: Source) {
        self.journal.operations.push(operation);
        self.sources.push(source);
    }
}

/// Tells where the content with a digest lies, and its mark when it was proven, if that is known.
pub type Fetched<'a> = dyn Fn(&Digest) -> Option<(PathBuf, Option<ChangeMark>)> + 'a;

/// Lays a draft ready.
pub(super) fn lay(
    install: &Install,
    draft: Draft,
    stub: &Path,
    fetched: &Fetched<'_>,
    watch: Watch<'_>,
    stop: &dyn Fn() -> bool,
) -> Result<Stage, StageError> {
    let Draft { mut journal, sources } = draft;
    let disk = install.disk();
    let txn = install.txn_dir();
    checkpoint("stage.clear", &txn)?;
    tools::remove_or_trash(disk, &txn, &install.trash_dir())?;
    let (new, old) = (txn.join("new"), txn.join("old"));
    disk.make_dirs(&new)?;
    disk.make_dirs(&old)?;
    if journal.is_empty() {
        return Ok(Stage { journal, marks: Marks::default() });
    }
    let layer = Layer { install, new: &new, fetched, stop };
    let mut used = HashSet::new();
    let total = journal.operations.len() as u64;
    for (i, (operation, source)) in journal.operations.iter().zip(&sources).enumerate() {
        watch(i as u64, total, &operation.path);
        checkpoint("stage.file", &operation.path.under(install.root()))?;
        layer.one(i, operation, source, &mut used)?;
    }
    checkpoint("stage.stub", stub)?;
    tools::link_or_copy(disk, stub, &txn.join("stub"))?;
    journal.stub = look::hash(disk, &txn.join("stub"))?.0;
    // Made now, so that deciding later is a rename, which works on a full disk.
    for name in ["commit.ready", "rollback.ready"] {
        disk.write(&txn.join(name), b"", None)?;
    }
    checkpoint("stage.flush", &new)?;
    flush(install, &journal, &txn)?;
    let marks = marks(install, &journal, &txn)?;
    checkpoint("stage.done", &txn)?;
    Ok(Stage { journal, marks })
}

struct Layer<'a> {
    install: &'a Install,
    new: &'a Path,
    fetched: &'a Fetched<'a>,
    stop: &'a dyn Fn() -> bool,
}

impl Layer<'_> {
    fn one(
        &self,
        i: usize,
        operation: &Operation,
        source: &Source,
        used: &mut HashSet<Digest>,
    ) -> Result<(), StageError> {
        if (self.stop)() {
            return Err(StageError::Stopped);
        }
        let disk = self.install.disk();
        let place = self.new.join(i.to_string());
        let (sha256, size, mode) = match &operation.new {
            Thing::File { sha256, size, mode } => (*sha256, *size, *mode),
            Thing::Link(target) => return Ok(disk.symlink(target, &place)?),
            Thing::Absent | Thing::Folder | Thing::Other => return Ok(()),
        };
        let mut proven = None;
        match source {
            Source::Nothing => disk.write(&place, b"", None)?,
            Source::Link(from) => tools::link_or_copy(disk, from, &place)?,
            Source::Copy(from) => disk.copy(&from.under(self.install.root()), &place)?,
            Source::Fetched(digest) => {
                let path = &operation.path;
                let missing = || StageError::NotFetched { path: path.clone(), digest: *digest };
                let (from, known) = (self.fetched)(digest).ok_or_else(missing)?;
                // A link changes the mark a little, so it is compared before and after.
                let is_known = known.is_some() && look::mark(disk, &from)? == known;
                // Two files of the install never share their bytes: editing one must not change the other.
                if !used.insert(*digest) || !tools::try_link(disk, &from, &place)? {
                    disk.copy(&from, &place)?;
                } else if is_known {
                    proven = known;
                }
            }
        }
        if !matches!(source, Source::Link(_)) {
            disk.set_mode(&place, mode)?;
            // Its bytes are those that were signed; with the mark the system would ask the person about each program.
            disk.unmark(&place)?;
        }
        // What was proven as it was written and not touched since is not read once more.
        let is_same = |now: ChangeMark| proven.is_some_and(|known| look::is_same_file(&known, &now));
        if look::mark(disk, &place)?.is_some_and(is_same) && proven.is_some_and(|known| known.size == size) {
            return Ok(());
        }
        match look::hash_while(disk, &place, &mut |_| !(self.stop)())? {
            Some(found) if found == (sha256, size) => Ok(()),
            Some(_) => Err(StageError::Content(operation.path.clone())),
            None => Err(StageError::Stopped),
        }
    }
}

/// Brings all of it to the disk, with the names that lead to it.
fn flush(install: &Install, journal: &Journal, txn: &Path) -> Result<(), StageError> {
    let disk = install.disk();
    let files: Vec<PathBuf> = (0..journal.operations.len())
        .filter(|i| matches!(journal.operations[*i].new, Thing::File { .. }))
        .map(|i| txn.join("new").join(i.to_string()))
        .chain(["stub", "commit.ready", "rollback.ready"].map(|name| txn.join(name)))
        .collect();
    let at_once = files.len() > FEW && disk.sync_volume(txn, barriers::STAGE_FILES)?;
    if !at_once {
        for path in &files {
            disk.flush(path, barriers::STAGE_FILES)?;
        }
    }
    disk.sync_dir(&txn.join("new"), barriers::STAGE_NEW)?;
    let above = txn.ancestors().take_while(|folder| folder.starts_with(install.root()));
    above.into_iter().try_for_each(|folder| disk.sync_dir(folder, barriers::STAGE_ABOVE))?;
    Ok(())
}

fn marks(install: &Install, journal: &Journal, txn: &Path) -> Result<Marks, StageError> {
    let disk = install.disk();
    let mut marks = Marks { stub: look::mark(disk, &txn.join("stub"))?, ..Marks::default() };
    for (i, operation) in journal.operations.iter().enumerate() {
        let is_file = |thing: &Thing| matches!(thing, Thing::File { .. });
        let old = is_file(&operation.old).then(|| look::mark(disk, &operation.path.under(install.root())));
        let new = is_file(&operation.new).then(|| look::mark(disk, &txn.join("new").join(i.to_string())));
        marks.old.push(old.transpose()?.flatten());
        marks.new.push(new.transpose()?.flatten());
    }
    Ok(marks)
}

/// A free name beside a file of the user: `name.user-<date>`, with a number if there is one already.
pub(super) fn name_beside(
    install: &Install,
    path: &RelPath,
    date: &str,
    taken: &mut HashSet<String>,
) -> Result<RelPath, StageError> {
    for number in 1_u32..10_000 {
        let suffix = if number == 1 { format!(".user-{date}") } else { format!(".user-{date}-{number}") };
        // A name near the limit is cut rather than lost.
        let mut name = path.name();
        while name.len() + suffix.len() > 255 {
            name = &name[..name.len() - name.chars().next_back().map_or(1, char::len_utf8)];
        }
        let name = format!("{name}{suffix}");
        let beside = path.parent().map_or_else(|| name.parse(), |folder| folder.join(&name));
        let beside = beside.map_err(|_why| StageError::Blocked(path.clone()))?;
        let is_free = install.disk().stat(&beside.under(install.root())).if_present()?.is_none();
        if is_free && taken.insert(beside.fold()) {
            return Ok(beside);
        }
    }
    Err(StageError::Blocked(path.clone()))
}
