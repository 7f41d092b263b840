//! The promises of the product, end to end. A test names the acceptance ids it proves.

mod support;

mod acceptance;
mod bad_input;
#[cfg(all(target_os = "linux", feature = "vendor"))]
mod browser;
#[cfg(unix)]
mod bundle;
mod c_interface;
mod check;
#[cfg(feature = "components")]
mod component;
#[cfg(all(unix, feature = "vendor"))]
mod console;
#[cfg(feature = "checkpoints")]
mod crash_model;
#[cfg(feature = "vendor")]
mod delta;
mod docs;
#[cfg(all(target_os = "linux", feature = "vendor"))]
mod fleet;
mod forced;
mod glyphs;
#[cfg(unix)]
mod health;
#[cfg(target_os = "linux")]
mod holders;
mod host;
#[cfg(unix)]
mod hosts;
#[cfg(unix)]
mod inspect;
#[cfg(feature = "checkpoints")]
mod install_crash;
#[cfg(feature = "checkpoints")]
mod install_kill;
mod install_swap;
mod install_tree;
#[cfg(all(unix, feature = "checkpoints"))]
mod interlock;
#[cfg(all(unix, feature = "vendor"))]
mod keys;
mod lying_mirrors;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(unix)]
mod mirrors;
#[cfg(unix)]
mod network;
#[cfg(all(unix, feature = "vendor"))]
mod operate;
#[cfg(all(target_os = "linux", feature = "vendor"))]
mod package;
#[cfg(unix)]
mod packs;
mod policies;
#[cfg(target_os = "linux")]
mod preflight;
#[cfg(unix)]
mod proxies;
#[cfg(unix)]
mod prune;
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
#[cfg(all(target_os = "linux", feature = "vendor"))]
mod single_file;
#[cfg(unix)]
mod steer;
#[cfg(unix)]
mod stopping;
#[cfg(all(unix, feature = "vendor"))]
mod stores;
#[cfg(unix)]
mod tls;
mod transfer;
mod trust_attacks;
mod trust_keys;
mod trust_manifests;
mod trust_world;
#[cfg(unix)]
mod typed;
mod update;
mod vendor;
mod vendor_app;
mod verify;
#[cfg(unix)]
mod verify_install;
#[cfg(all(unix, feature = "vendor"))]
mod watch;
#[cfg(feature = "gui")]
mod window;
#[cfg(all(windows, feature = "checkpoints"))]
mod windows;
