//! The program being updated: its end, its restart, and its word that it is well.

mod handover;
mod health;
mod leave;
mod restart;
pub mod serve_ready;

pub use handover::{Handover, HandoverError};
pub use health::{
    ASKED_VARIABLE, CONFIRM_VARIABLE, Next, STARTS, UPDATED_FROM_VARIABLE, Verdict, confirm,
    expect_confirmation, next, was_just_asked, watch,
};
pub use leave::{Leaving, wait_until_gone};
pub use restart::{Program, RestartError};
