//! Programs without a window on many machines: the agent of a node, drain, health, the lock, the forwarder.
//!
//! `state.rs` decides what follows from what, as a pure function; `agent.rs` does it. `docs/fleet.md` draws the
//! states and tells the contract with programs, dispatchers and locks.

mod agent;
mod config;
mod dispatcher;
mod error;
mod etcd;
mod journal;
mod load;
mod lock;
mod lock_server;
mod panel;
mod probe;
mod program;
mod standby;
mod state;
mod steps;
mod switch;
mod update;
mod web;
mod window;

pub use agent::Agent;
pub use config::{
    AgentConfig, CheckConfig, DrainConfig, DrainVia, LockConfig, Overtime, PanelConfig, ProbeConfig,
    ProbeWay, ProgramConfig, Readiness, Span, StandbyConfig, WaitFor, WindowConfig,
};
pub use dispatcher::Dispatcher;
pub use error::FleetError;
pub use etcd::{Etcd, EtcdError, Held};
pub use journal::{Entry, Journal, Memory};
pub use load::{Load, Report, Running as RunningLoad};
pub use lock::{FleetLock, LockAnswer};
pub use lock_server::{LockServer, Slots};
pub use panel::{Numbers, Order, Status, ask_panel};
pub use probe::{Prober, Verdict};
pub use program::keep_sockets;
pub use state::{Fact, Phase, Target, next, resume};
pub use switch::{Backend, Forwarder, Mode};
pub use update::MakeSetup;
pub use window::{WindowError, Windows};
