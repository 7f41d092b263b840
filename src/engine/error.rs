//! Any failure of an update: the failure of one of its steps.

use crate::fsx::FsError;
use crate::host::RestartError;
use crate::install::{
    LockError, PreflightError, RecordError, RecoverError, RollbackError, ScanError, StageError, SwapError,
};
use crate::plan::{AssemblyError, PlanError};
use crate::platform::ProcessId;
use crate::release::App;
use crate::report::{ErrorCode, Fault, Remedy};
use crate::transfer::TransferError;
use crate::trust::TrustError;

/// Why an update ended before its goal. Each variant is the error of one step.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is named after the step it comes from")]
pub enum EngineError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Recover(#[from] RecoverError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("{origin}: {error}")]
    Repository {
        /// Where the metadata came from.
        origin: String,
        /// What is wrong with it.
        #[source]
        error: TrustError,
    },
    /// What is stored beside the updater can't be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The release is of another program.
    #[error("{origin} has releases of \u{ab}{found}\u{bb}, but this is \u{ab}{wanted}\u{bb}")]
    OtherProgram {
        /// Where it came from.
        origin: String,
        /// The program of the release.
        found: App,
        /// The program of the install.
        wanted: App,
    },
    #[error(transparent)]
    Transfer(#[from] TransferError),
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    #[error(transparent)]
    Preflight(#[from] PreflightError),
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Swap(#[from] SwapError),
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    #[error(transparent)]
    Restart(#[from] RestartError),
    #[error(transparent)]
    File(#[from] FsError),
    /// The program did not close in time.
    #[error("the program still runs (process {}); nothing was changed", .0.pid)]
    HostRuns(ProcessId),
    /// Processes use files of the program and did not end in time.
    #[error("still in use by {}; nothing was changed", crate::report::name_all(.0))]
    InUse(Vec<crate::report::Holder>),
    /// There is no program to start.
    #[error("neither the release nor the settings say which program to start")]
    NothingToStart,
    /// The release ends or stays silent, and there is none to go back to.
    #[error("{} does not live, and there is no version to go back to", .0.version.as_ref().map_or_else(|| .0.number.to_string(), ToString::to_string))]
    DoesNotLive(crate::report::ReleaseRef),
    /// The release brings an updater that does not work here.
    #[error("the new updater of {} does not work here, so the whole release was refused: {why}", release.version.as_ref().map_or_else(|| release.number.to_string(), ToString::to_string))]
    UnfitUpdater {
        /// The release.
        release: crate::report::ReleaseRef,
        /// What came of its dry run.
        why: String,
    },
    /// The release to repair to is no longer offered.
    #[error(
        "the installed release {0} is not in the repository any more, so there is nothing to repair from"
    )]
    NothingToRepair(crate::release::ReleaseNumber),
    /// The manifest of a signed release is on no source.
    #[error("the manifest {0} is on none of the sources")]
    NoManifest(String),
    /// The step for all users failed, or the system did not let it begin.
    #[error("{}", .0.failure.message)]
    ForAll(Box<crate::report::Obstacle>),
    /// The person cancelled.
    #[error("cancelled, nothing was changed")]
    Cancelled,
}

impl EngineError {
    fn inner(&self) -> Option<&dyn Fault> {
        Some(match self {
            Self::Lock(error) => error,
            Self::Recover(error) => error,
            Self::Record(error) => error,
            Self::Repository { error, .. } | Self::Trust(error) => error,
            Self::Transfer(error) => error,
            Self::Scan(error) => error,
            Self::Plan(error) => error,
            Self::Assembly(error) => error,
            Self::Preflight(error) => error,
            Self::Stage(error) => error,
            Self::Swap(error) => error,
            Self::Rollback(error) => error,
            Self::Restart(error) => error,
            Self::File(error) => error,
            Self::HostRuns(_)
            | Self::InUse(_)
            | Self::OtherProgram { .. }
            | Self::NothingToStart
            | Self::DoesNotLive(_)
            | Self::UnfitUpdater { .. }
            | Self::NothingToRepair(_)
            | Self::NoManifest(_)
            | Self::ForAll(_)
            | Self::Cancelled => return None,
        })
    }
}

impl Fault for EngineError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::HostRuns(_) | Self::InUse(_) => ErrorCode::HostRuns,
            Self::NothingToStart | Self::DoesNotLive(_) => ErrorCode::Start,
            Self::NothingToRepair(_) | Self::NoManifest(_) => ErrorCode::Missing,
            Self::UnfitUpdater { .. } => ErrorCode::Updater,
            Self::Cancelled => ErrorCode::Cancelled,
            Self::ForAll(told) => told.failure.code,
            Self::OtherProgram { .. } => ErrorCode::Mismatch,
            _ => self.inner().map_or(ErrorCode::Internal, Fault::code),
        }
    }

    fn hint(&self) -> Option<String> {
        let own = match self {
            Self::HostRuns(_) | Self::InUse(_) => {
                "Close the program and try again; what was downloaded is kept."
            }
            Self::OtherProgram { .. } => "Correct `sources` or `app` in updater.json.",
            Self::Repository { error: TrustError::Missing { .. }, .. } => {
                "Check that the address is that of the repository folder; if it is, its copy is not complete."
            }
            Self::DoesNotLive(_) => {
                "Start the updater with `repair`; if that does not help, tell the vendor of the program."
            }
            Self::UnfitUpdater { .. } => {
                "Nothing was changed. Tell the vendor; the release is not taken again until it is published anew."
            }
            Self::ForAll(told) => return told.failure.hint.clone(),
            Self::NothingToStart => "Set `start` in updater.json, or publish with --start.",
            Self::NoManifest(_) => "Tell the vendor; the repository was not copied in full.",
            Self::NothingToRepair(_) => "Update to the newest release instead.",
            _ => return self.inner().and_then(Fault::hint),
        };
        Some(own.to_owned())
    }

    fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::HostRuns(_) | Self::InUse(_) => Some(Remedy::ClosePrograms),
            Self::ForAll(told) => told.remedy.clone(),
            _ => self.inner().and_then(Fault::remedy),
        }
    }
}
