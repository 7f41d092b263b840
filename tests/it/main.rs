//! The promises of the product, end to end.
#[cfg(unix)]
mod publish;
mod publish_kill;
mod repository_formats;
#[cfg(unix)]
mod serve;
mod support;
mod trust_attacks;
mod trust_keys;
mod trust_world;
mod vendor;
mod verify;
