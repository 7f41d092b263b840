//! Windows.

pub mod file;
mod holders;
pub mod process;
#[cfg(feature = "gui")]
pub mod window;
