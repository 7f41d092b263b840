//! `updraft`, the vendor's program.

mod args;
mod bundle;
#[cfg(feature = "components")]
mod component;
#[cfg(feature = "vendor")]
mod delta;
#[cfg(feature = "vendor")]
mod fleet;
#[cfg(feature = "vendor")]
mod import;
mod inspect;
mod key;
mod mirror;
#[cfg(feature = "vendor")]
mod package;
mod prune;
mod publish;
#[cfg(feature = "components")]
mod run;
mod serve;
mod signing;
mod steer;
#[cfg(feature = "vendor")]
mod watch;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::report::{Failure, Fault, bytes};

use args::{Cli, Command};

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return super::usage(&error),
    };
    let result = match cli.command {
        Command::Init(args) => publish::init(*args),
        Command::Publish(args) => publish::publish(*args),
        #[cfg(feature = "vendor")]
        Command::Watch(args) => watch::watch(*args),
        Command::Serve(args) => serve::serve(*args),
        Command::Verify(args) => publish::verify(&args),
        Command::Renew(args) => publish::renew(&args),
        Command::Bundle(what) => bundle::bundle(what),
        Command::Mirror(what) => mirror::mirror(&what),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Key(command) => key::key(command),
        Command::Prune(args) => prune::prune(&args),
        Command::Rollout(command) => steer::rollout(command),
        Command::Withdraw(args) => steer::withdraw(&args),
        Command::Promote(args) => steer::promote(&args),
        Command::Downgrade(args) => steer::downgrade(&args),
        #[cfg(feature = "vendor")]
        Command::Delta(what) => delta::delta(&what),
        #[cfg(feature = "vendor")]
        Command::Package(args) => package::package(*args),
        #[cfg(feature = "vendor")]
        Command::Agent(args) => fleet::agent(&args),
        #[cfg(feature = "vendor")]
        Command::Fleetlock(args) => fleet::fleetlock(&args),
        #[cfg(feature = "vendor")]
        Command::Switch(args) => fleet::switch(&args),
        #[cfg(feature = "components")]
        Command::Run(args) => run::run(&args),
        #[cfg(feature = "components")]
        Command::Component(what) => component::component(&what),
        Command::Demo(args) => super::demo::run(&args).map(|()| 0),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => super::complain(&failure, false),
    }
}

/// What a command comes to: an exit code, or the failure to be shown.
type Outcome = Result<u8, Failure>;

fn fail(fault: impl Fault) -> Failure {
    Failure::of(&fault)
}

/// Prints a line, or several. Who reads may be gone; what was done is done.
fn say(text: &str) {
    writeln!(std::io::stdout().lock(), "{text}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
