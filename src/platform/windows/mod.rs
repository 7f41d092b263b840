//! Windows.

pub mod file;
pub mod process;
