//! A folder for the time of one command, under a name nobody can guess; gone with its value.

use std::path::{Path, PathBuf};

use crate::fsx;
use crate::trust::sign::SignError;

use super::PublishError;

/// The folder.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new folder among the temporary files of the system.
    pub(super) fn new(purpose: &str) -> Result<Self, PublishError> {
        let mut serial = [0; 8];
        getrandom::fill(&mut serial).map_err(|error| SignError::Random(error.to_string()))?;
        let name = format!("updraft-{purpose}-{}-{:016x}", std::process::id(), u64::from_le_bytes(serial));
        let folder = Self(std::env::temp_dir().join(name));
        fsx::make_dirs(&folder.0)?;
        fsx::set_mode(&folder.0, 0o700)?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is in the system's folder for such things.
        fsx::remove_tree(&self.0).ok();
    }
}
