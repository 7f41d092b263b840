//! Windows.

pub mod file;
mod holders;
pub mod process;
pub mod signal;
#[cfg(feature = "gui")]
pub mod window;
