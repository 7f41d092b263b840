//! What the ways to run a component have in common: a carrier loads an artifact, a program starts instances.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::release::Digest;

use super::message::{Batch, Fault, Info, Level, Message, Role, State};

/// The values a component keeps with its host.
pub type Values = BTreeMap<String, Vec<u8>>;

/// Where a component's log goes.
pub type Log = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// The content of a component: a file that was read, or the name of something built in.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The name in the config.
    pub name: String,
    /// The digest of `bytes`; what a version is told by.
    pub digest: Digest,
    /// The whole file.
    pub bytes: Arc<[u8]>,
    /// Where it lies, if it lies anywhere.
    pub path: Option<PathBuf>,
}

impl Artifact {
    /// An artifact of these bytes.
    #[must_use]
    pub fn of(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), digest: Digest::of(&bytes), bytes: bytes.into(), path: None }
    }
}

/// What an instance may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of memory.
    pub memory: usize,
    /// How long one call may take.
    pub call_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 64 << 20, call_deadline: Duration::from_secs(1) }
    }
}

/// Why an artifact can't be loaded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    /// It is not what the carrier runs: cut off, damaged, or something else.
    #[error("it is no component: {0}")]
    Damaged(String),
    /// It is a component of another world.
    #[error("it does not fit the world updraft:component: {0}")]
    World(String),
    /// It can't be put where it has to be.
    #[error("it can't be prepared: {0}")]
    Place(String),
}

/// Why a call gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The component says no; it can be called again.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It refuses a config, a state, or that it is well; it can be called again.
    #[error("it refuses: {0}")]
    Refused(String),
    /// It trapped. The instance is lost, as with everything below.
    #[error("it trapped: {0}")]
    Trap(String),
    /// It took longer than one call may take.
    #[error("a call took longer than {} ms", .0.as_millis())]
    Deadline(Duration),
    /// It wanted more memory than it may have.
    #[error("it wanted more than {} MiB of memory", .0 >> 20)]
    Memory(usize),
    /// It is gone.
    #[error("it ended: {0}")]
    Gone(String),
    /// It was asked for what its role does not do.
    #[error("a {} can't do that", .0.as_str())]
    Role(Role),
}

impl CallError {
    /// Whether the instance can't be used any more.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Self::Fault(Fault::Retry(_) | Fault::Reject(_)) | Self::Refused(_))
    }
}

/// A running component. Calls come one at a time.
pub trait Instance: Send {
    /// What it says that it is.
    fn info(&self) -> &Info;

    /// What it does in a line.
    fn role(&self) -> Role;

    /// Takes its config, as JSON; called once, first.
    ///
    /// # Errors
    /// If the config is refused.
    fn init(&mut self, _config: &str) -> Result<(), CallError> {
        Ok(())
    }

    /// Takes another config while at work.
    ///
    /// # Errors
    /// If it is refused; the one before counts on.
    fn reconfigure(&mut self, _config: &str) -> Result<(), CallError> {
        Err(CallError::Refused("its config can't be changed while it runs".to_owned()))
    }

    /// Says whether it can work.
    ///
    /// # Errors
    /// If it can't.
    fn probe(&mut self) -> Result<(), CallError> {
        Ok(())
    }

    /// Pieces of work that must end before it may be replaced.
    ///
    /// # Errors
    /// If it can't tell.
    fn busy(&mut self) -> Result<u32, CallError> {
        Ok(0)
    }

    /// What it knows.
    ///
    /// # Errors
    /// If it can't tell.
    fn snapshot(&mut self) -> Result<State, CallError> {
        Ok(State::default())
    }

    /// Takes over what another version knew.
    ///
    /// # Errors
    /// If it can't.
    fn restore(&mut self, _state: &Arc<State>) -> Result<(), CallError> {
        Ok(())
    }

    /// The values it keeps with the host.
    fn values(&self) -> Values {
        Values::new()
    }

    /// Takes over the values of another version.
    fn set_values(&mut self, _values: Values) {}

    /// Whether what it logs is left out, because it does again what it did before.
    fn set_quiet(&mut self, _quiet: bool) {}

    /// Brings up to `max` messages; `now` in milliseconds since 1970.
    ///
    /// # Errors
    /// If there is an obstacle; then it brought nothing.
    fn poll(&mut self, _max: u32, _now: u64) -> Result<Vec<Message>, CallError> {
        Err(CallError::Role(self.role()))
    }

    /// Makes messages of messages.
    ///
    /// # Errors
    /// If the batch is not taken; then nothing has changed, or the instance is lost.
    fn process(&mut self, _batch: &Batch) -> Result<Vec<Message>, CallError> {
        Err(CallError::Role(self.role()))
    }

    /// Takes messages away; `again`: they were delivered before and are only counted.
    ///
    /// # Errors
    /// If the batch is not taken.
    fn deliver(&mut self, _batch: &Batch, _again: bool) -> Result<(), CallError> {
        Err(CallError::Role(self.role()))
    }
}

/// A loaded artifact, from which instances are started.
pub trait Program: Send + Sync {
    /// Starts an instance.
    ///
    /// # Errors
    /// If it can't be started.
    fn start(&self, limits: &Limits, log: &Log) -> Result<Box<dyn Instance>, CallError>;
}

/// A way to run components.
pub trait Carrier: Send + Sync {
    /// Loads an artifact, as far as that can be done once for all instances.
    ///
    /// # Errors
    /// If it can't be run by this carrier.
    fn load(&self, artifact: &Artifact) -> Result<Arc<dyn Program>, LoadError>;
}
