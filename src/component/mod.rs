//! Components that are replaced while the service runs: nothing lost, nothing doubled, and back by themselves when
//! the new version is bad. `docs/components.md` tells the rules.
//!
//! A [`Pipeline`] is read and checked, a [`Service`] runs it: one `line` for each component, which alone decides
//! when one version follows another. What runs a component is a [`carrier`].

mod admin;
pub mod builtin;
pub mod carrier;
mod catalog;
mod change;
mod config;
mod gate;
mod line;
pub mod message;
pub mod plugins;
mod process;
mod queue;
pub mod sample;
mod service;
mod shelf;
mod wasm;
mod watch;
pub mod world;

pub use admin::{Admin, AdminError, Look};
pub use catalog::{CatalogStartError, CatalogWatch};
pub use change::{Change, Fixed, diff};
pub use config::{
    CatalogConfig, ComponentConfig, ConfigError, Kind, Pipeline, SwapRules, WhenBusy, WhenDown,
};
pub use process::Process;
pub use service::{
    ApplyError, ComponentStatus, Events, Happening, LastSwap, Options, RunState, Service, ServiceError,
    Status, SwapError, Swapped, Verdict,
};
pub use wasm::{Cache, Wasm, WasmProgram};
pub use watch::Watch;
