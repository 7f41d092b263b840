//! Unix: Linux and macOS.

pub mod file;
pub mod process;
