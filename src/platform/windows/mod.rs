//! Windows.

pub mod file;
mod holders;
pub mod process;
pub mod signal;
pub mod socket;
#[cfg(feature = "gui")]
pub mod window;
