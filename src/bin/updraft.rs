//! The vendor's program: publish, serve, verify.

use std::process::ExitCode;

fn main() -> ExitCode {
    updraft::cli::updraft::main()
}
