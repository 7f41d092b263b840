//! The promises of the product, end to end.
#[cfg(feature = "checkpoints")]
mod install_crash;
mod install_swap;
mod install_tree;
mod support;
mod trust_attacks;
mod trust_keys;
mod trust_world;
#[cfg(feature = "gui")]
mod window;
#[cfg(unix)]
mod publish;
mod publish_kill;
mod repository_formats;
#[cfg(unix)]
mod serve;
mod support;
mod vendor;
mod verify;
