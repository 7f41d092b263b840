//! One updater at a time: a kernel lock that ends with its process, however that ends.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::fsx::{FsError, Hold};
use crate::platform::{self, ProcessId};
use crate::release::Stamp;
use crate::report::{ErrorCode, Fault};

use super::Install;

/// Who holds the lock. It lies beside the lock, because Windows lets nobody read a locked file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The process.
    #[serde(flatten)]
    pub process: ProcessId,
    /// Since when.
    pub since: Stamp,
    /// What it does, as one word or two.
    pub purpose: String,
}

impl Owner {
    /// Whether it only asks or looks, and is soon done without changing the program.
    #[must_use]
    pub fn is_brief(&self) -> bool {
        matches!(self.purpose.as_str(), "check" | "plan" | "look")
    }
}

/// The lock of an install; it is free again when this is dropped or the process ends.
#[derive(Debug)]
pub struct Guard {
    install: Install,
    _hold: Hold,
}

/// Why an install can't be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another updater has it.
    #[error("another updater is at work in {}{}", root.display(), describe(owner.as_ref()))]
    Held {
        /// The install.
        root: PathBuf,
        /// Who has it, if that can be read.
        owner: Option<Owner>,
    },
    /// The lock file can't be made or locked.
    #[error(transparent)]
    Fs(#[from] FsError),
}

fn describe(owner: Option<&Owner>) -> String {
    owner.map_or_else(String::new, |owner| {
        format!(" (process {}, {}, since {})", owner.process.pid, owner.purpose, owner.since)
    })
}

impl Fault for LockError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Held { .. } => ErrorCode::Locked,
            Self::Fs(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Held { .. } => Some("Wait until it has finished.".to_owned()),
            Self::Fs(error) => error.hint(),
        }
    }
}

impl Install {
    /// Locks the install for this process; `purpose` is shown to whoever comes second.
    ///
    /// # Errors
    /// If another process has the lock, or the state folder can't be written.
    pub fn lock(&self, purpose: &str) -> Result<Guard, LockError> {
        let state = self.state_dir();
        self.disk().make_dirs(&state)?;
        let path = state.join("lock");
        let owner_file = state.join("lock.json");
        let Some(hold) = self.disk().lock(&path)? else {
            let text = self.disk().read(&owner_file, 4096).ok();
            let owner = text.and_then(|text| serde_json::from_slice(&text).ok());
            return Err(LockError::Held { root: self.root().to_path_buf(), owner });
        };
        let process = platform::process::current();
        let owner = Owner { process, since: Stamp::now(), purpose: purpose.to_owned() };
        // Only told to others: a lock without it is as good.
        if let Ok(text) = serde_json::to_vec(&owner) {
            self.disk().write(&owner_file, &text, None).ok();
        }
        Ok(Guard { install: self.clone(), _hold: hold })
    }
}

impl Install {
    /// Locks as [`lock`](Self::lock), but waits `limit` at most for another updater to finish.
    ///
    /// # Errors
    /// As `lock`, when the time is over.
    pub fn lock_within(&self, purpose: &str, limit: Duration) -> Result<Guard, LockError> {
        let end = Instant::now() + limit;
        loop {
            match self.lock(purpose) {
                Err(LockError::Held { .. }) if Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                other => return other,
            }
        }
    }
}

impl Guard {
    /// The install that is locked.
    #[must_use]
    pub fn install(&self) -> &Install {
        &self.install
    }
}
