//! A small real program that takes in Updraft: it asks for updates when it starts, hands over to the updater
//! beside it, and says after an update that it is well.

use std::process::ExitCode;

fn main() -> ExitCode {
    updraft::cli::demo::host::main()
}
