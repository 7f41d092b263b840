//! Unix: Linux and macOS.

#[cfg(all(target_os = "linux", feature = "gui"))]
mod compose;
pub mod file;
pub mod process;
pub mod signal;
pub mod socket;
#[cfg(feature = "gui")]
pub mod window;
