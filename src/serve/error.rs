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
    /// A project's name can't stand in an address, or two have the same.
    #[error("\u{ab}{0}\u{bb} can't be the name of one more project")]
    ProjectName(String),
    /// Nothing is to be served.
    #[error("no project to serve is named")]
    NoProjects,
    /// A certificate or its key can't be used.
    #[error("{} can't be used for TLS: {why}", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// The configuration can't be read.
    #[error("the configuration {} can't be used: {why}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and where.
        why: String,
    },
    /// The console would be reached from other machines without TLS.
    #[error("the console at {0} would be reached over the network without TLS")]
    OpenConsole(SocketAddr),
    /// Others can read the console's token.
    #[error("the console's token {} can be read by others", .0.display())]
    TokenOpen(PathBuf),
    /// The console's token is none.
    #[error("the console's token {} is not one: it needs 20 characters or more on one line", .0.display())]
    Token(PathBuf),
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
            Self::ProjectName(_) | Self::NoProjects | Self::OpenConsole(_) => ErrorCode::Usage,
            Self::Certificate { .. } | Self::TokenOpen(_) | Self::Token(_) => ErrorCode::Key,
            Self::Config { .. } => ErrorCode::Config,
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
            Self::ProjectName(_) => Some("Use a name without / \\ : that no other project has.".to_owned()),
            Self::NoProjects => Some("Name a repository, or --project NAME=FOLDER.".to_owned()),
            Self::Certificate { .. } => {
                Some("Give the certificate with its chain, and its key, both as PEM.".to_owned())
            }
            Self::Config { .. } => Some("docs/serving.md describes the file.".to_owned()),
            Self::OpenConsole(_) => Some(
                "Use an address of this machine, such as 127.0.0.1:4531, or --tls-cert and --tls-key."
                    .to_owned(),
            ),
            Self::TokenOpen(_) => {
                Some("Let only its owner read it (chmod 600), or remove it: a new one is made.".to_owned())
            }
            Self::Token(_) => Some("Remove it: a new one is made.".to_owned()),
            Self::Listen { .. } => {
                Some("Name another address and port with --listen, for example 0.0.0.0:8080.".to_owned())
            }
            Self::Run(_) => None,
        }
    }
}
