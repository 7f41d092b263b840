//! Whether every file of the installed release is as it was laid down, told from the record alone.

use crate::fsx::FsError;
use crate::plan::Laid;
use crate::release::RelPath;

use super::look::{self, Ground, Thing};
use super::{Install, Record, ScanError};

impl Install {
    /// The files that are not as they were laid down. Those of the user count only if the user left them as they
    /// were.
    ///
    /// # Errors
    /// If a file is there but can't be read.
    pub fn damaged(&self, record: &Record) -> Result<Vec<RelPath>, ScanError> {
        let mut ground = Ground::new(self.disk(), self.root());
        let mut damaged = Vec::new();
        for (path, laid) in &record.receipt.files {
            if !record.receipt.policies.contains_key(path) && !self.is_as_laid(path, laid, &mut ground)? {
                damaged.push(path.clone());
            }
        }
        Ok(damaged)
    }

    fn is_as_laid(&self, path: &RelPath, laid: &Laid, ground: &mut Ground<'_>) -> Result<bool, FsError> {
        let wanted = Thing::from(&laid.as_found());
        Ok(ground.holds(path)? && look::observe(self.disk(), &path.under(self.root()))?.is(&wanted))
    }
}
