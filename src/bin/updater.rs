//! The updater beside an installed program.

use std::process::ExitCode;

fn main() -> ExitCode {
    updraft::cli::updater::main()
}
