//! What the tests share.

#[cfg(all(target_os = "linux", feature = "vendor"))]
pub(crate) mod browser;
pub(crate) mod fault_server;
#[cfg(unix)]
pub(crate) mod nginx;
#[cfg(unix)]
pub(crate) mod proxy;
#[cfg(target_os = "linux")]
pub(crate) mod rights;
#[cfg(all(unix, feature = "vendor"))]
pub(crate) mod s3;
#[cfg(unix)]
pub(crate) mod tls;
pub(crate) mod world;
pub(crate) mod zipped;
