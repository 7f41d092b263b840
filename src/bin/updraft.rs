//! The vendor's and operator's program. The demonstration also runs copies of it as the updater and as the
//! program that is updated, told apart by the name of the file.

use std::process::ExitCode;

fn main() -> ExitCode {
    updraft::platform::process::harden();
    updraft::platform::process::free_memory_early();
    updraft::cli::demo::as_another_program().unwrap_or_else(updraft::cli::updraft::main)
}
