//! Why a transfer ended without its content.

use crate::fsx::FsError;
use crate::release::{Digest, RelPath};
use crate::report::{ErrorCode, Fault};

/// A transfer that ended without its content. A network that is down is no such end: it is waited for.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// Someone cancelled; what is on disk stays for the next time.
    #[error("cancelled")]
    Cancelled,
    /// No mirror has an object of the release.
    #[error("the content of \u{ab}{file}\u{bb} is on no mirror (object {object}, last asked: {source_name})")]
    Missing {
        /// The object.
        object: Digest,
        /// The file it is for.
        file: RelPath,
        /// The source asked last.
        source_name: String,
    },
    /// No mirror gives an object with the digest that was signed.
    #[error("the content of \u{ab}{file}\u{bb} is damaged on every mirror (object {object}): {why}")]
    Corrupt {
        /// The object.
        object: Digest,
        /// The file it is for.
        file: RelPath,
        /// What was wrong, and where.
        why: String,
    },
    /// A source answers, but not with what was asked for.
    #[error("{source_name} gives no usable answer for {path}: {why}")]
    BadAnswer {
        /// The source.
        source_name: String,
        /// What was asked for.
        path: String,
        /// What came.
        why: String,
    },
    /// A source is not who it says.
    #[error("{source_name} is not trusted: {why}")]
    Insecure {
        /// The source.
        source_name: String,
        /// What is wrong.
        why: String,
    },
    /// No source answered in time; only where a time was set.
    #[error("{source_name} can't be reached: {why}")]
    Unreachable {
        /// The source asked last.
        source_name: String,
        /// What happened last.
        why: String,
    },
    /// The disk.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Work in the background ended without a result; a defect.
    #[error("the transfer has a defect: {0}")]
    Defect(String),
}

impl Fault for TransferError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Cancelled => ErrorCode::Cancelled,
            Self::Missing { .. } => ErrorCode::Missing,
            Self::Corrupt { .. } => ErrorCode::Corrupt,
            Self::BadAnswer { .. } => ErrorCode::BadAnswer,
            Self::Insecure { .. } => ErrorCode::Insecure,
            Self::Unreachable { .. } => ErrorCode::Unreachable,
            Self::Fs(error) => error.code(),
            Self::Defect(_) => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Cancelled | Self::Defect(_) => return None,
            Self::Fs(error) => return error.hint(),
            Self::Missing { .. } => "Try again later; if it stays so, tell the publisher.",
            Self::Corrupt { .. } => {
                "Try another network; if it stays so, tell the publisher. Nothing was changed."
            }
            Self::BadAnswer { .. } => "Check the address of the source, and the proxy if there is one.",
            Self::Insecure { .. } => {
                "Check the clock and the address of the source; a private CA is named with the setting \u{ab}ca\u{bb}."
            }
            Self::Unreachable { .. } => "Check the network and the address of the source, then try again.",
        };
        Some(hint.to_owned())
    }
}
