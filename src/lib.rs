//! Updraft: signed, resumable, crash-safe updates for desktop programs, servers, plugins and components.
//!
//! A program asks [`has_new_version`], hands over to the updater beside it with
//! [`hand_over_to_updater`], exits, and after its restart says that it is well
//! with [`confirm_healthy`]. Everything else is done by the programs `updater`
//! (beside every installed copy) and `updraft` (the vendor's side), which are thin shells over this library.
//!
//! The modules are listed in import order: each may use only those above it. `docs/architecture.md` tells
//! what lives where; `tests/architecture.rs` holds the order.

pub mod release;
pub mod report;

pub mod platform;

pub mod fsx;

pub mod trust;

pub mod source;

pub mod delta;

pub mod plan;

pub mod transfer;

pub mod install;

pub mod host;

pub mod engine;

#[cfg(feature = "gui")]
pub mod gui;

pub mod publish;

pub mod serve;

#[cfg(feature = "vendor")]
pub mod fleet;

#[cfg(feature = "components")]
pub mod component;

pub mod settings;

#[cfg(feature = "vendor")]
pub mod package;

pub mod api;

pub mod cli;

pub use api::{
    Begin, can_update, confirm_healthy, hand_over_to_updater, has_new_version, startup, updated_from,
};
pub use host::serve_ready;
