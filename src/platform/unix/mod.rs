//! Unix: Linux and macOS.

pub mod file;
pub mod process;
#[cfg(feature = "gui")]
pub mod window;
