//! A release the person has agreed to and put off: the next start of the updater installs it without asking.

use serde::{Deserialize, Serialize};

use crate::fsx::{self, Absent as _};
use crate::release::{Digest, ReleaseNumber};

use super::{Guard, Install, RecordError};

/// Which release was put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferred {
    /// Its number.
    pub number: ReleaseNumber,
    /// The digest of its manifest.
    pub manifest: Digest,
}

impl Install {
    fn deferred_file(&self) -> std::path::PathBuf {
        self.state_dir().join("deferred.json")
    }

    /// The release that was put off. One that can't be read counts as none: the person is asked again.
    #[must_use]
    pub fn deferred(&self) -> Option<Deferred> {
        serde_json::from_slice(&fsx::read(&self.deferred_file(), 4096).ok()?).ok()
    }
}

impl Guard {
    /// Remembers that a release was put off.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn defer(&self, deferred: Deferred) -> Result<(), RecordError> {
        let bytes = serde_json::to_vec(&deferred).map_err(|why| RecordError::Make(why.to_string()))?;
        Ok(fsx::write_durable(&self.install().deferred_file(), &bytes)?)
    }

    /// Forgets what was put off.
    ///
    /// # Errors
    /// If it is there and can't be removed.
    pub fn forget_deferred(&self) -> Result<(), RecordError> {
        fsx::remove_file(&self.install().deferred_file()).if_present()?;
        Ok(())
    }
}
