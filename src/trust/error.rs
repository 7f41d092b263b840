//! Why metadata or a release is not trusted. Each attack has an error of its own.

use crate::fsx::FsError;
use crate::release::{ManifestError, Stamp};
use crate::report::{ErrorCode, Fault};

/// Why metadata or a release is refused.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// There is no root key to begin with.
    #[error("there is no trusted root in {}", folder.display())]
    NoRoot {
        /// Where it should be.
        folder: std::path::PathBuf,
    },
    /// The state folder can't be read or written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// It can't be read.
    #[error("{file} can't be read: {why}")]
    Malformed {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is longer than it may be.
    #[error("{file} has more than {limit} bytes")]
    TooLong {
        /// The file.
        file: String,
        /// The most it may have.
        limit: u64,
    },
    /// Too few of the keys that count have signed it.
    #[error("{file} has {have} valid signatures of the keys that count, it needs {need}")]
    Signature {
        /// The file.
        file: String,
        /// Valid signatures by different keys of the role.
        have: u64,
        /// The threshold.
        need: u64,
    },
    /// Its time is over.
    #[error("{file} was valid until {expired}, this machine's clock says {now}")]
    Expired {
        /// The file.
        file: String,
        /// When its time was over.
        expired: Stamp,
        /// The clock.
        now: Stamp,
    },
    /// It is older than one seen before.
    #[error("{file} has version {offered}, this machine has seen {seen}")]
    Rollback {
        /// The file.
        file: String,
        /// The version offered.
        offered: u64,
        /// The version seen before.
        seen: u64,
    },
    /// Its version is not the one asked for.
    #[error("{file} has version {found}, not {wanted}")]
    Version {
        /// The file.
        file: String,
        /// What it says.
        found: u64,
        /// What was asked for.
        wanted: u64,
    },
    /// A file that was listed before is no longer listed.
    #[error("{file} no longer lists {gone}")]
    Dropped {
        /// The file that lists.
        file: String,
        /// What it listed.
        gone: String,
    },
    /// A metadata file is not the one its parent names.
    #[error("{file} does not have the {what} that was signed for it")]
    Mixed {
        /// The file.
        file: String,
        /// Length or hash.
        what: &'static str,
    },
    /// Something the metadata names is not there.
    #[error("{file} is missing from the repository")]
    Missing {
        /// The file.
        file: String,
    },
    /// A target is not among those signed.
    #[error("{path} is not among the signed releases")]
    Unknown {
        /// The target.
        path: String,
    },
    /// A manifest does not have the bytes that were signed.
    #[error("{path} does not have the {what} that was signed for it")]
    Content {
        /// The manifest.
        path: String,
        /// Length or hash.
        what: &'static str,
    },
    /// A manifest has the signed bytes and is still not one.
    #[error("{path}: {source}")]
    Manifest {
        /// The manifest.
        path: String,
        /// What is wrong with it.
        #[source]
        source: ManifestError,
    },
    /// A manifest describes another release than the one it was signed as.
    #[error("{path} was signed as another release: its {field} differs")]
    OtherRelease {
        /// The manifest.
        path: String,
        /// What differs.
        field: &'static str,
    },
    /// An answer came that nobody asked for.
    #[error("metadata was supplied or taken out of turn")]
    OutOfTurn,
}

/// Past this much over its time, metadata is less likely than the clock to be at fault.
const IMPLAUSIBLE: i64 = 5 * 366 * 24 * 60 * 60;

impl Fault for TrustError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NoRoot { .. } => ErrorCode::NoRoot,
            Self::Fs(error) => error.code(),
            Self::Malformed { .. } | Self::TooLong { .. } => ErrorCode::Malformed,
            Self::Signature { .. } => ErrorCode::Signature,
            Self::Expired { .. } => ErrorCode::Expired,
            Self::Rollback { .. } => ErrorCode::Replay,
            Self::Version { .. }
            | Self::Dropped { .. }
            | Self::Mixed { .. }
            | Self::Unknown { .. }
            | Self::OtherRelease { .. } => ErrorCode::Mismatch,
            Self::Missing { .. } => ErrorCode::Missing,
            Self::Content { .. } => ErrorCode::Corrupt,
            Self::Manifest { source: ManifestError::Newer(_), .. } => ErrorCode::NewerFormat,
            Self::Manifest { .. } => ErrorCode::Malformed,
            Self::OutOfTurn => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Fs(error) => return error.hint(),
            Self::NoRoot { .. } => "Put the root.json of the repository beside the updater.",
            Self::Expired { expired, now, .. } if now.unix() - expired.unix() > IMPLAUSIBLE => {
                "Check your clock: it is years ahead of the repository."
            }
            Self::Expired { .. } => {
                "Check your clock. If it is right, the publisher has to renew the metadata."
            }
            Self::Rollback { .. } => {
                "An old copy of the repository was served. Try again, or try another mirror."
            }
            Self::Missing { .. } => "The mirror is not complete. Try again later, or try another mirror.",
            Self::Manifest { source: ManifestError::Newer(_), .. } => "Update the updater first.",
            Self::OutOfTurn => return None,
            _ => "Nothing was changed. Try another mirror or tell the publisher.",
        };
        Some(hint.to_owned())
    }
}
