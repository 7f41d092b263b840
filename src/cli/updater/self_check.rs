//! `updater self-check`: what a new updater has to pass before it becomes the one of an install.

use std::path::Path;

use serde_json::json;

use crate::engine::{self, FIT};
use crate::report::Failure;
use crate::settings::{Fragment, Settings};

use super::args::Args;
use super::session::{Session, fail};

/// Looks and says; opens no window, no connection and no file for writing.
pub(super) fn self_check(args: &Args, new_config: Option<&Path>) -> Result<u8, Failure> {
    let session = Session::open(&args.common)?;
    if let Some(config) = new_config {
        Settings::load(config, Fragment::default()).map_err(|error| fail(&error))?;
    }
    let record = engine::self_check(&session.install).map_err(|error| fail(&error))?;
    let (updater, installed) = (env!("CARGO_PKG_VERSION"), record.receipt.release());
    if args.common.json {
        let app = &session.settings.app;
        println!("{}", json!({"status": FIT, "updater": updater, "app": app, "installed": installed}));
    } else {
        println!("This updater ({updater}) can work in {}.", session.install.root().display());
    }
    Ok(0)
}
