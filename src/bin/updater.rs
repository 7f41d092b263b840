//! The updater beside an installed program.
// A window program: Windows opens no console beside it. Elsewhere this says nothing.
#![windows_subsystem = "windows"]

use std::process::ExitCode;

fn main() -> ExitCode {
    updraft::platform::process::harden();
    updraft::platform::process::free_memory_early();
    updraft::cli::updater::main()
}
