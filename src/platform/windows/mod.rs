//! Windows.

pub mod file;
pub mod process;
#[cfg(feature = "gui")]
pub mod window;
