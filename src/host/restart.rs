//! Starting the program: with the arguments, folder and environment it had, or as the release says.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::fsx;
use crate::platform::{self, Spawned};
use crate::release::{Stamp, Version};
use crate::report::{ErrorCode, Fault};

use super::Handover;
use super::health::{ASKED_VARIABLE, CONFIRM_VARIABLE, UPDATED_FROM_VARIABLE, expect_confirmation};

/// A program that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its file.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The folder it works in.
    pub folder: PathBuf,
}

/// Why the program was not started.
#[derive(Debug, thiserror::Error)]
pub enum RestartError {
    /// Its file is not there.
    #[error("the program {} is not there", .0.display())]
    Gone(PathBuf),
    /// The system would not start it.
    #[error("can't start {}: {source}", path.display())]
    Spawn {
        /// The program.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Fault for RestartError {
    fn code(&self) -> ErrorCode {
        ErrorCode::Start
    }

    fn hint(&self) -> Option<String> {
        Some("Run the updater with `repair`, or install the program again; your own files stay.".to_owned())
    }
}

impl Program {
    /// The program at `path`, started as it was before the handover; without one with `default_args`, in its
    /// own folder.
    #[must_use]
    pub fn new(path: PathBuf, default_args: &[String], handover: &Handover) -> Self {
        let own_folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let handed_over = handover.process.is_some() || !handover.args.is_empty();
        let args = if handed_over {
            handover.args.clone()
        } else {
            default_args.iter().map(OsString::from).collect()
        };
        let folder = handover.folder.clone().filter(|folder| folder.is_dir()).unwrap_or(own_folder);
        Self { path, args, folder }
    }

    /// Starts it. With `mark`, it finds there where to say that it is well; with `updated_from`, which version it
    /// was before.
    ///
    /// # Errors
    /// If it is not there or the system would not start it.
    pub fn start(
        &self,
        mark: Option<&Path>,
        updated_from: Option<&Version>,
    ) -> Result<Spawned, RestartError> {
        if fsx::stat_follow(&self.path).is_err() {
            return Err(RestartError::Gone(self.path.clone()));
        }
        let said = mark.map(|mark| {
            expect_confirmation(mark);
            mark.as_os_str().to_owned()
        });
        let variables = [
            (OsString::from(CONFIRM_VARIABLE), said),
            (OsString::from(UPDATED_FROM_VARIABLE), updated_from.map(|version| version.as_str().into())),
            (OsString::from(ASKED_VARIABLE), Some(OsString::from(Stamp::now().unix().to_string()))),
        ];
        platform::process::spawn_detached(&self.path, &self.args, Some(&self.folder), &variables)
            .map_err(|source| RestartError::Spawn { path: self.path.clone(), source })
    }
}
