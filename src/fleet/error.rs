//! Why something in a fleet did not come about.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::engine::EngineError;
use crate::fsx::FsError;
use crate::report::{ErrorCode, Failure, Fault};

/// Why an agent, a lock server or a forwarder could not do something.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A configuration can't be used.
    #[error("{} can't be used: {why}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line where it is known.
        why: String,
    },
    /// The disk.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The update itself, or its way back.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The same, told by another thread.
    #[error("{0}")]
    Update(Failure),
    /// An address can't be listened at.
    #[error("can't listen at {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A program can't be started.
    #[error("can't start {}: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Neither the release nor the configuration says which program to start.
    #[error("neither the release installed in {} nor the configuration says which program to start", .0.display())]
    NoProgram(PathBuf),
    /// A dispatcher, hook or other neighbour did not do as asked.
    #[error("{whom}: {why}")]
    Neighbour {
        /// Who.
        whom: String,
        /// What came of it.
        why: String,
    },
    /// Nobody answers at the agent's address.
    #[error("no agent answers at {0}")]
    NoAgent(String),
    /// Another agent works with the same folder.
    #[error("another agent works with {}", .0.display())]
    Second(PathBuf),
    /// The system gives no thread, no event queue or no signal.
    #[error("the system gives no {what}: {source}")]
    System {
        /// What it does not give.
        what: &'static str,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
}

impl FleetError {
    /// A neighbour that did not do as asked.
    pub(super) fn neighbour(whom: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::Neighbour { whom: whom.into(), why: why.to_string() }
    }
}

impl Fault for FleetError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Config { .. } => ErrorCode::Config,
            Self::Fs(error) => error.code(),
            Self::Engine(error) => error.code(),
            Self::Update(failure) => failure.code,
            Self::Listen { .. } | Self::Neighbour { .. } | Self::NoAgent(_) => ErrorCode::Unreachable,
            Self::Start { .. } | Self::NoProgram(_) => ErrorCode::Start,
            Self::Second(_) => ErrorCode::Locked,
            Self::System { .. } => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        let own = match self {
            Self::Fs(error) => return error.hint(),
            Self::Engine(error) => return error.hint(),
            Self::Update(failure) => return failure.hint.clone(),
            Self::Config { .. } => "See docs/fleet.md and manifests/agent.toml for what may stand there.",
            Self::Listen { .. } => "End the program that listens there, or name another address.",
            Self::Start { .. } => "Check that the file is there and may be run.",
            Self::NoProgram(_) => "Set `program.path`, or publish with --start.",
            Self::Neighbour { .. } => "Check its address in the configuration and that it runs.",
            Self::NoAgent(_) => "Start it with `updraft agent --config FILE`, or correct `panel.listen`.",
            Self::Second(_) => "One agent serves one install; end the other one first.",
            Self::System { .. } => return None,
        };
        Some(own.to_owned())
    }
}
