//! A static web server for repositories: GET and HEAD, ranges, entity tags. It has no route that writes.
//!
//! What it hands out lies in `metadata`, `targets` and `objects` of a project below its root, and nowhere else:
//! a path is taken apart and put together again by the grammar of release paths before a file is looked for.

mod answer;
mod error;
mod path;
mod range;
mod server;

pub use error::ServeError;
pub use server::{Server, Site};
