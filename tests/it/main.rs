//! The promises of the product, end to end. A test names the acceptance ids it proves.

mod support;

mod acceptance;
mod bad_input;
#[cfg(unix)]
mod bundle;
mod check;
#[cfg(feature = "checkpoints")]
mod crash_model;
mod docs;
mod forced;
#[cfg(unix)]
mod health;
#[cfg(target_os = "linux")]
mod holders;
mod host;
#[cfg(feature = "checkpoints")]
mod install_crash;
#[cfg(feature = "checkpoints")]
mod install_kill;
mod install_swap;
mod install_tree;
#[cfg(all(unix, feature = "checkpoints"))]
mod interlock;
mod lying_mirrors;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(unix)]
mod mirrors;
#[cfg(unix)]
mod network;
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
mod stopping;
#[cfg(unix)]
mod tls;
mod transfer;
mod trust_attacks;
mod trust_keys;
mod trust_manifests;
mod trust_world;
mod update;
mod vendor;
mod vendor_app;
mod verify;
#[cfg(unix)]
mod verify_install;
#[cfg(feature = "gui")]
mod window;
#[cfg(all(windows, feature = "checkpoints"))]
mod windows;
