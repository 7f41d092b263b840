//! Why the server does not run.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::fsx::FsError;
use crate::report::{ErrorCode, Fault};

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The root can't be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// There is no repository at the root.
    #[error("{} is no repository and holds none", .0.display())]
    NoRepository(PathBuf),
    /// The address can't be used.
    #[error("can't listen on {addr}: {source}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The server ended by an error.
    #[error("the server failed: {0}")]
    Run(#[source] std::io::Error),
}

impl Fault for ServeError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::NoRepository(_) => ErrorCode::Repository,
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                ErrorCode::Permission
            }
            Self::Listen { .. } => ErrorCode::Usage,
            Self::Run(_) => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Fs(error) => error.hint(),
            Self::NoRepository(_) => Some("Make one first: updraft init REPO --app NAME.".to_owned()),
            Self::Listen { .. } => {
                Some("Name another address and port with --listen, for example 0.0.0.0:8080.".to_owned())
            }
            Self::Run(_) => None,
        }
    }
}
