//! What the tests share.

pub(crate) mod fault_server;
#[cfg(unix)]
pub(crate) mod nginx;
#[cfg(target_os = "linux")]
pub(crate) mod rights;
pub(crate) mod world;
