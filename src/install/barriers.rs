//! The names of all flushes of a swap, in the order in which they come.
//!
//! `tests/it/crash_model.rs` leaves out one after another and shows what breaks then; a flush for which
//! nothing can be shown has its reason there.

use crate::fsx::Barrier;

/// Step 3: the bytes of everything laid ready, of the stub and of the marks for deciding.
pub const STAGE_FILES: Barrier = Barrier::new("stage.files");
/// Step 3: the names in `T/new`.
pub const STAGE_NEW: Barrier = Barrier::new("stage.new");
/// Step 3: the names that lead from the install to `T`.
pub const STAGE_ABOVE: Barrier = Barrier::new("stage.above");
/// Step 5: the bytes of the journal.
pub const JOURNAL_FILE: Barrier = Barrier::new("journal.file");
/// Step 5: the name of the journal, and all other names in `T`.
pub const JOURNAL_NAME: Barrier = Barrier::new("journal.name");
/// Step 6, and putting into place without hard links: the bytes of a copy.
pub const COPY: Barrier = Barrier::new("copy");
/// Step 6: the names in `T/old`.
pub const BACKUP: Barrier = Barrier::new("backup");
/// Step 7: the stubs under the names of the entries.
pub const INTERLOCK: Barrier = Barrier::new("interlock");
/// Step 9: the folders that were touched.
pub const SETTLE: Barrier = Barrier::new("settle");
/// Step 10: the decision for the new version.
pub const COMMIT: Barrier = Barrier::new("commit");
/// Step 11: the new entries under their names.
pub const ENTRIES: Barrier = Barrier::new("entries");
/// Step 11: folders that are gone.
pub const DROP: Barrier = Barrier::new("drop");
/// Step 11: the bytes of the record.
pub const RECORD_FILE: Barrier = Barrier::new("record.file");
/// Step 11: the name of the record.
pub const RECORD_NAME: Barrier = Barrier::new("record.name");
/// Step 12: `T` under its name as `prev`.
pub const RETIRE: Barrier = Barrier::new("retire");
/// Recovery: how often going forward was begun.
pub const ATTEMPT: Barrier = Barrier::new("attempt");
/// Undo: the decision for the old version.
pub const ROLLBACK: Barrier = Barrier::new("rollback");
/// Undo: the folders that were touched.
pub const UNDO_SETTLE: Barrier = Barrier::new("undo.settle");
/// Undo: the old entries under their names.
pub const UNDO_ENTRIES: Barrier = Barrier::new("undo.entries");
/// Undo: `T` in the trash.
pub const UNDO_DROP: Barrier = Barrier::new("undo.drop");
/// A swap that can't be ended, under its name aside.
pub const SET_ASIDE: Barrier = Barrier::new("set-aside");
/// Preflight: the list of the files by which folders are tried.
pub const PROBES: Barrier = Barrier::new("probes");

/// All of them but `PROBES`, which guards empty files alone.
pub const ALL: &[Barrier] = &[
    STAGE_FILES,
    STAGE_NEW,
    STAGE_ABOVE,
    JOURNAL_FILE,
    JOURNAL_NAME,
    COPY,
    BACKUP,
    INTERLOCK,
    SETTLE,
    COMMIT,
    ENTRIES,
    DROP,
    RECORD_FILE,
    RECORD_NAME,
    RETIRE,
    ATTEMPT,
    ROLLBACK,
    UNDO_SETTLE,
    UNDO_ENTRIES,
    UNDO_DROP,
    SET_ASIDE,
];
