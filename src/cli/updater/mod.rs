//! `updater`: the program beside every installed copy.

mod args;
mod commands;
mod events;
mod for_all;
#[cfg(feature = "gui")]
mod front;
mod inspect;
mod self_check;
mod session;
mod stub;
mod uninstall;
#[cfg(feature = "gui")]
mod window;
mod work;

use std::process::ExitCode;

use clap::Parser as _;

use crate::report::{ErrorCode, Failure};

pub(in crate::cli) use stub::stand_in;

pub use args::{Args, Command, Common, HandoverArgs};

/// Runs the updater with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    crate::platform::process::attach_console();
    if let Some(code) = stand_in() {
        return code;
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return super::usage(&error),
    };
    let json = args.common.json;
    match run(&args) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => super::complain(&failure, json),
    }
}

fn run(args: &Args) -> Result<u8, Failure> {
    match &args.command {
        Some(Command::Check) => commands::check(args),
        Some(Command::Plan) => commands::plan(args),
        Some(Command::Status) => commands::status(args),
        Some(Command::Confirm) => commands::confirm(args),
        Some(Command::CanUpdate) => inspect::can_update(args),
        Some(Command::Verify) => inspect::verify(args),
        Some(Command::Config) => commands::config(args),
        Some(Command::SelfCheck { new_config }) => self_check::self_check(args, new_config.as_deref()),
        Some(Command::UpdateForAll) => for_all::update(args),
        Some(Command::Uninstall { yes }) => uninstall::uninstall(args, *yes),
        Some(Command::Rollback) => work::rollback(args),
        Some(Command::Repair) => work::update(args, crate::engine::Task::Repair),
        Some(Command::Update { .. }) | None => work::update(args, crate::engine::Task::Update),
    }
}

/// The exit code of an update that ended with `code`.
fn exit_code(code: ErrorCode) -> u8 {
    code.exit()
}
