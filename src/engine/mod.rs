//! One update from check to confirm, as a state machine by value.
//!
//! Each state is a struct with exactly that state's data; `State` in `state.rs` names them all and
//! `docs/architecture.md` draws them. [`Control`](crate::report::Control) goes in, events come out; nothing is
//! printed, drawn or exited here.

mod apply;
mod check;
mod confirm;
mod error;
mod fetch;
mod for_all;
mod manifest;
mod prepare;
mod qualify;
mod restart;
mod run;
mod setup;
mod state;
mod supply;
mod verify;
mod wait;

pub use check::{CheckResult, check, preview, refresh, releases};
pub use confirm::{Confirmed, Duty, confirm, count_start};
pub use error::EngineError;
pub use qualify::{FIT, self_check};
pub use run::{Outcome, recover, rollback, run, start_program};
pub use setup::{Asking, InUsePolicy, Launch, Setup, Task};
pub use verify::{Standing, verify};
