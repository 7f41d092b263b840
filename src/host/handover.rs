//! What a program tells the updater when it hands over: who it is and how it was started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::platform::{self, ProcessId, Spawned};
use crate::report::{ErrorCode, Fault};

/// The program that handed over. The environment needs no telling: the updater inherits it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handover {
    /// Its process, which must end before files are switched.
    pub process: Option<ProcessId>,
    /// The folder it worked in.
    pub folder: Option<PathBuf>,
    /// The arguments it was started with.
    pub args: Vec<OsString>,
}

/// Why a program could not hand over.
#[derive(Debug, thiserror::Error)]
#[error("can't start the updater {}: {source}", updater.display())]
pub struct HandoverError {
    /// The updater's program file.
    pub updater: PathBuf,
    /// What the system said.
    #[source]
    pub source: std::io::Error,
}

impl Fault for HandoverError {
    fn code(&self) -> ErrorCode {
        ErrorCode::Start
    }

    fn hint(&self) -> Option<String> {
        Some("Check that the updater lies in its folder beside the program and may be run.".to_owned())
    }
}

impl Handover {
    /// The handover of the running program, with all its arguments.
    #[must_use]
    pub fn of_this_program() -> Self {
        Self {
            process: Some(platform::process::current()),
            folder: std::env::current_dir().ok(),
            args: std::env::args_os().skip(1).collect(),
        }
    }

    /// This handover as arguments of the updater.
    #[must_use]
    pub fn to_args(&self) -> Vec<OsString> {
        let mut out: Vec<OsString> = Vec::new();
        if let Some(process) = self.process {
            out.extend(["--wait-pid".into(), process.pid.to_string().into()]);
            out.extend(["--wait-started".into(), process.started.to_string().into()]);
        }
        if let Some(folder) = &self.folder {
            out.extend(["--cwd".into(), folder.clone().into_os_string()]);
        }
        out.push("--".into());
        out.extend(self.args.iter().cloned());
        out
    }

    /// Starts `updater` with `first` arguments and this handover; the caller exits then.
    ///
    /// # Errors
    /// If the updater can't be started.
    pub fn start(&self, updater: &Path, first: &[OsString]) -> Result<Spawned, HandoverError> {
        let mut args = first.to_vec();
        args.extend(self.to_args());
        platform::process::spawn_detached(updater, &args, updater.parent(), &[])
            .map_err(|source| HandoverError { updater: updater.to_path_buf(), source })
    }
}
