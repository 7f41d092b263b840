//! A bare updater for the crash tests: swaps, recovers and rolls back, and is killed while it does.
//!
//! `apply INSTALL FOLDER NUMBER STUB`, `recover INSTALL`, `rollback INSTALL STUB`. Started under any other
//! name and with anything else, it is the stub of an open swap: it recovers and starts what is there then.
#![expect(clippy::print_stdout, reason = "a program for tests")]

#[path = "../tests/it/install_tree.rs"]
mod install_tree;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use updraft::install::{HostGone, Install};
use updraft::report::Failure;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["apply", root, from, number, stub] => apply(root, from, number, stub),
        ["recover", root] => recover(&install_tree::install(Path::new(root))),
        ["rollback", root, stub] => rollback(root, stub),
        rest => as_stub(rest),
    };
    match done {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn apply(root: &str, from: &str, number: &str, stub: &str) -> Result<String, Failure> {
    let number = number.parse().unwrap_or(2);
    let installed = install_tree::update(Path::new(root), Path::new(from), number, Path::new(stub))?;
    Ok(format!("installed {}", installed.to.number.0))
}

fn recover(install: &Install) -> Result<String, Failure> {
    let guard =
        install.lock_within("recover", Duration::from_secs(20)).map_err(|error| Failure::of(&error))?;
    let recovered = install.recover(&guard).map_err(|error| Failure::of(&error))?;
    Ok(match recovered {
        None => "nothing to recover".to_owned(),
        Some(recovered) if recovered.forward => "recovered forward".to_owned(),
        Some(_) => "recovered back".to_owned(),
    })
}

fn rollback(root: &str, stub: &str) -> Result<String, Failure> {
    let install = install_tree::install(Path::new(root));
    let guard = install.lock("rollback").map_err(|error| Failure::of(&error))?;
    install.recover(&guard).map_err(|error| Failure::of(&error))?;
    let back = install.rollback(&guard, HostGone::nobody(), Path::new(stub), true, &|_, _, _| {});
    Ok(format!("rolled back to {}", back.map_err(|error| Failure::of(&error))?.to.number.0))
}

fn as_stub(args: &[&str]) -> Result<String, Failure> {
    let exe = std::env::current_exe().unwrap_or_default();
    let exe: PathBuf = exe.to_string_lossy().trim_end_matches(" (deleted)").into();
    let mut said = "no open swap".to_owned();
    if let Some(install) = Install::find_open(&exe) {
        said = recover(&install)?;
        // What lies there now is the program again.
        let output = Command::new(&exe).args(args).output();
        let output = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        said = format!("{said}; {}", output.unwrap_or_else(|error| error.to_string()));
    }
    Ok(said)
}
