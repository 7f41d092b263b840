//! The folder being updated: the only room that writes to an install.
//!
//! The way of an update through this room: [`Install::lock`], [`Install::recover`], [`Install::scan`],
//! (a plan is made), [`Install::preflight`], [`Install::stage`], the host ends ([`HostGone`]),
//! [`Install::swap`]. Up to the swap nothing of the install has changed; from its journal on, `recover` ends
//! what was begun, as wholly old or wholly new. `docs/recovery.md` tells the order of steps and its proofs.

pub mod barriers;
mod checkpoint;
mod chunks;
mod deferred;
mod find;
mod gone;
mod ground;
mod in_use;
mod journal;
mod lay;
mod lock;
mod look;
mod manifests;
mod place;
mod preflight;
mod qualify;
mod record;
mod recover;
mod rollback;
mod scan;
mod stage;
mod steps;
mod swap;
mod tools;
mod undo;
mod uninstall;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fsx::{Disk, RealDisk};
use crate::release::RelPath;

pub use chunks::Chunked;
pub use deferred::Deferred;
pub use gone::HostGone;
pub use in_use::InUse;
pub use journal::JournalError;
pub use lay::{Fetched, Stage, StageError};
pub use lock::{Guard, LockError, Owner};
pub use place::is_unwritable;
pub use preflight::PreflightError;
pub use record::{
    HealthWanted, Loaded, Marked, Previous, Record, RecordError, StartAs, Unconfirmed, random_name,
};
pub use recover::{RecoverError, Recovered};
pub use rollback::RollbackError;
pub use scan::{Scan, ScanError};
pub use stage::Job;
pub use steps::StepError;
pub use swap::{Installed, SwapError};
pub use uninstall::Uninstalled;
pub use verify::{Finding, Flaw, Verified};

/// What is told while files are at work: how many bytes or files are done, of how many, and the file.
pub type Watch<'a> = &'a dyn Fn(u64, u64, &RelPath);

/// An installed copy of a program: its folder, and the folder of the updater in it.
#[derive(Debug, Clone)]
pub struct Install {
    root: PathBuf,
    updater: RelPath,
    disk: Arc<dyn Disk>,
    for_all: bool,
}

impl PartialEq for Install {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root && self.updater == other.updater
    }
}

impl Eq for Install {}

impl Install {
    /// The install in `root` whose updater lies in the folder `updater_dir` of it. Nothing is read yet.
    #[must_use]
    pub fn at(root: PathBuf, updater_dir: RelPath) -> Self {
        Self::on(Arc::new(RealDisk), root, updater_dir)
    }

    /// The same on another disk than that of this machine.
    #[must_use]
    pub fn on(disk: Arc<dyn Disk>, root: PathBuf, updater_dir: RelPath) -> Self {
        Self { root, updater: updater_dir, disk, for_all: false }
    }

    /// Where its files are.
    fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// The folder of the program.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The updater's folder in it.
    #[must_use]
    pub fn updater_dir(&self) -> &RelPath {
        &self.updater
    }

    /// Where the updater's folder is.
    #[must_use]
    pub fn updater_folder(&self) -> PathBuf {
        self.updater.under(&self.root)
    }

    /// What the updater at work says, one JSON line an event, for a second one to show.
    #[must_use]
    pub fn events_file(&self) -> PathBuf {
        self.state_dir().join("events.jsonl")
    }

    /// The updater's own memory: everything in it belongs to the updater and never to a release.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.updater.under(&self.root).join("state")
    }

    /// Trusted metadata as received.
    #[must_use]
    pub fn trusted_dir(&self) -> PathBuf {
        self.state_dir().join("trusted")
    }

    /// Objects being fetched.
    #[must_use]
    pub fn partial_dir(&self) -> PathBuf {
        self.state_dir().join("partial")
    }

    /// Logs.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.state_dir().join("log")
    }

    /// Whether a swap was begun and not ended, so that recovery must run before anything else.
    #[must_use]
    pub fn is_swap_open(&self) -> bool {
        // What can't be seen is treated as open: recovery then says what is wrong.
        self.disk.exists(&self.journal_file()).unwrap_or(true)
    }

    fn txn_dir(&self) -> PathBuf {
        self.state_dir().join("txn")
    }

    fn journal_file(&self) -> PathBuf {
        self.txn_dir().join("journal")
    }

    fn prev_dir(&self) -> PathBuf {
        self.state_dir().join("prev")
    }

    fn trash_dir(&self) -> PathBuf {
        self.state_dir().join("trash")
    }

    fn aside_dir(&self) -> PathBuf {
        self.state_dir().join("aside")
    }

    fn record_file(&self) -> PathBuf {
        self.state_dir().join("installed.json")
    }

    /// Whether a path lies in the updater's state, in whatever spelling a file system takes for the same.
    fn is_own_state(&self, path: &RelPath) -> bool {
        let state = format!("{}/state", self.updater.fold());
        let path = path.fold();
        path.strip_prefix(&state).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
