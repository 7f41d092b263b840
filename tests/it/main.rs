//! The promises of the product, end to end.
#[cfg(unix)]
mod publish;
mod publish_kill;
mod repository_formats;
#[cfg(unix)]
mod serve;
mod support;
mod vendor;
mod verify;
