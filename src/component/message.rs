//! What components and their host exchange: the types of `assets/wit/updraft.wit`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Message {
    /// What tells it from others; given by the source.
    pub id: u64,
    /// Messages of one key keep their order, whatever the number of shards.
    pub key: u64,
    /// What it is, in the words of the pipeline.
    pub kind: u32,
    /// Its content.
    pub payload: Vec<u8>,
}

/// Messages that are handled by one call.
pub type Batch = Arc<[Message]>;

/// Why a component did not take a batch. It has changed nothing of its state.
#[derive(
    Debug, Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize, thiserror::Error,
)]
#[component(variant)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The same batch may go well later.
    #[component(name = "retry")]
    #[error("not now: {0}")]
    Retry(String),
    /// It never will.
    #[component(name = "reject")]
    #[error("rejected: {0}")]
    Reject(String),
    /// The component can't go on.
    #[component(name = "fatal")]
    #[error("it gave up: {0}")]
    Fatal(String),
}

/// What a component says that it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
pub struct Info {
    /// Its name.
    pub name: String,
    /// Its version as people read it.
    pub version: String,
    /// The schema of the state it gives; 0 if it has none.
    #[component(name = "state-schema")]
    #[serde(default)]
    pub state_schema: u32,
    /// Further schemas of state it can take over.
    #[serde(default)]
    pub accepts: Vec<u32>,
}

impl Info {
    /// Whether it can take over a state of this schema. No state at all suits everybody.
    #[must_use]
    pub fn takes(&self, schema: u32) -> bool {
        schema == 0 || schema == self.state_schema || self.accepts.contains(&schema)
    }
}

/// What a component knows, for the version that follows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct State {
    /// How `bytes` are to be read; 0 if there is no state.
    pub schema: u32,
    /// The state.
    pub bytes: Vec<u8>,
}

/// How much a line of a component's log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum Level {
    /// For its author.
    #[component(name = "debug")]
    Debug,
    /// For everybody.
    #[component(name = "info")]
    Info,
    /// Something to look at.
    #[component(name = "warn")]
    Warn,
    /// Something failed.
    #[component(name = "error")]
    Error,
}

/// What a component does in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It brings messages.
    Source,
    /// It makes messages of messages.
    Processor,
    /// It takes messages away.
    Sink,
}

impl Role {
    /// The role as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Processor => "processor",
            Self::Sink => "sink",
        }
    }
}
