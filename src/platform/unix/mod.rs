//! Unix: Linux and macOS.

pub mod file;
pub mod process;
pub mod signal;
#[cfg(feature = "gui")]
pub mod window;
