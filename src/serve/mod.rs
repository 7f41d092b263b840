//! A static web server for repositories: GET and HEAD, ranges, entity tags. It has no route that writes.
//!
//! What it hands out lies in `metadata`, `targets` and `objects` of a project below its root, and nowhere else:
//! a path is taken apart and put together again by the grammar of release paths before a file is looked for.

mod answer;
mod cache;
#[cfg(feature = "vendor")]
mod census;
#[cfg(feature = "vendor")]
mod config;
#[cfg(feature = "vendor")]
mod console;
mod error;
mod listen;
mod log;
#[cfg(feature = "vendor")]
mod metrics;
#[cfg(feature = "vendor")]
mod operate;
mod path;
#[cfg(feature = "vendor")]
mod plan;
mod range;
mod server;
mod site;
mod socket;
#[cfg(feature = "vendor")]
mod tls;
mod traffic;

#[cfg(feature = "vendor")]
pub use census::{Census, Running};
pub use error::ServeError;
pub use listen::Limits;
pub use log::{AccessLog, LogTo};
#[cfg(feature = "vendor")]
pub use operate::{Event, Reread, Tell, operate};
#[cfg(feature = "vendor")]
pub use plan::{Admin, Desk, Plan, Projects};
pub use server::{Public, Server};
pub use site::Site;
#[cfg(feature = "vendor")]
pub use tls::TlsFiles;
pub use traffic::Traffic;
