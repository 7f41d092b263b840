//! `updraft demo`: a vendor, a server and an installed program in one folder, so that an update can be seen.

mod face;
#[cfg(feature = "vendor")]
mod fleet;
mod folder;
pub mod host;
#[cfg(feature = "vendor")]
pub mod node;
#[cfg(feature = "components")]
mod pipeline;
mod scene;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::report::Failure;

/// The arguments of the demonstration.
#[derive(Debug, Clone, Args)]
#[cfg_attr(feature = "vendor", command(args_conflicts_with_subcommands = true))]
pub struct DemoArgs {
    /// What is shown; a desktop program if nothing is said.
    #[cfg(feature = "vendor")]
    #[command(subcommand)]
    pub what: Option<What>,
    /// No window: the update runs in this terminal. Chosen by itself where there is no display.
    #[arg(long)]
    pub headless: bool,
    /// Where to build the demonstration; a new temporary folder if not given.
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// The language of the window: en, zh-CN.
    #[arg(long, value_name = "TAG")]
    pub language: Option<String>,
    /// Publish the second release as one that must be taken.
    #[arg(long)]
    pub forced: bool,
}

/// What else can be shown.
#[cfg(feature = "vendor")]
#[derive(Debug, Clone, clap::Subcommand)]
pub enum What {
    /// Three nodes of a web server behind a forwarder under load: a good release and a bad one roll over them.
    Fleet {
        /// Where to build the demonstration; a new temporary folder if not given.
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
    /// Numbered objects flow through three components; the one in the middle is replaced meanwhile, and back.
    #[cfg(feature = "components")]
    Pipeline {
        /// Where to build it; a new temporary folder if not given.
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
        /// How long each version runs.
        #[arg(long, value_name = "SECONDS", default_value_t = 3)]
        seconds: u64,
    },
}

/// Runs the demonstration.
///
/// # Errors
/// The first step that failed.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    #[cfg(feature = "vendor")]
    if let Some(What::Fleet { folder }) = &args.what {
        return fleet::play(folder.as_deref());
    }
    #[cfg(feature = "components")]
    if let Some(What::Pipeline { folder, seconds }) = &args.what {
        return pipeline::play(folder.clone(), std::time::Duration::from_secs(*seconds));
    }
    scene::play(args)
}

/// If this process is a copy made by the demonstration, acts as what the name of its file says: the updater,
/// or the program that is updated.
#[must_use]
pub fn as_another_program() -> Option<ExitCode> {
    let exe = std::env::current_exe().ok()?;
    let name = exe.file_stem()?.to_str()?;
    match name {
        "updater" => Some(super::updater::main()),
        "demo_host" => Some(host::main()),
        #[cfg(feature = "vendor")]
        "fleet_node" => Some(node::main()),
        _ => None,
    }
}
