//! The promises of the product, end to end. A test names the acceptance ids it proves.

mod support;

mod acceptance;
#[cfg(unix)]
mod bad_input;
#[cfg(unix)]
mod bundle;
#[cfg(unix)]
mod check;
#[cfg(feature = "checkpoints")]
mod crash_model;
mod delta;
mod docs;
#[cfg(unix)]
mod forced;
#[cfg(unix)]
mod health;
#[cfg(target_os = "linux")]
mod holders;
#[cfg(unix)]
mod host;
#[cfg(feature = "checkpoints")]
mod install_crash;
#[cfg(all(unix, feature = "checkpoints"))]
mod install_kill;
mod install_swap;
mod install_tree;
#[cfg(all(unix, feature = "checkpoints"))]
mod interlock;
#[cfg(unix)]
mod lying_mirrors;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(unix)]
mod mirrors;
#[cfg(unix)]
mod network;
#[cfg(unix)]
mod packs;
#[cfg(unix)]
mod policies;
#[cfg(target_os = "linux")]
mod preflight;
#[cfg(unix)]
mod proxies;
#[cfg(unix)]
mod publish;
#[cfg(unix)]
mod publish_kill;
#[cfg(unix)]
mod real_release;
#[cfg(unix)]
mod repair;
#[cfg(unix)]
mod reporters;
mod repository_formats;
#[cfg(unix)]
mod resume;
#[cfg(unix)]
mod self_check;
#[cfg(unix)]
mod serve;
mod settings;
#[cfg(unix)]
mod steer;
#[cfg(unix)]
mod stopping;
#[cfg(unix)]
mod tls;
mod transfer;
mod trust_attacks;
mod trust_keys;
mod trust_manifests;
mod trust_world;
#[cfg(unix)]
mod typed;
#[cfg(unix)]
mod update;
mod vendor;
#[cfg(unix)]
mod vendor_app;
mod verify;
#[cfg(unix)]
mod verify_install;
#[cfg(feature = "gui")]
mod window;
