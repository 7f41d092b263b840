//! A small real server that can be replaced without losing a connection: it updates at its start, takes the sockets
//! it is passed, says that it is ready, and lets its connections end. `docs/fleet.md` tells the contract.

use std::process::ExitCode;

fn main() -> ExitCode {
    updraft::cli::demo::node::main()
}
