//! What the tests share.

pub(crate) mod fault_server;
#[cfg(unix)]
pub(crate) mod nginx;
pub(crate) mod world;
