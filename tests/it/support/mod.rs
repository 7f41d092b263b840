//! What the tests share.

pub(crate) mod fault_server;
pub(crate) mod world;
