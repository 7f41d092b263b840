//! A repository, or part of one, in one file: made of a repository, looked at, and merged into another one.

mod export;
mod import;
mod look;
mod scratch;
mod shelf;

pub use export::{Export, Exported, export};
pub use import::{Import, Imported, import};
pub use look::{Listed, Looked, look};

/// Told while a bundle is written or read: bytes done, bytes in all.
pub type BundleProgress<'a> = &'a dyn Fn(u64, u64);
