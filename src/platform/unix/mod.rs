//! Unix: Linux and macOS.

pub mod file;
pub mod process;
pub mod signal;
pub mod socket;
#[cfg(feature = "gui")]
pub mod window;
