//! The command lines. Only here is anything printed and an exit code chosen.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this room is the programs' voice")]

pub mod demo;
pub mod updater;
pub mod updraft;

use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::report::{ErrorCode, Failure};

/// Shows why the arguments can't be understood, or the help that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args().any(|arg| arg == "--json");
    if error.use_stderr()
        && (wants_json || error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand)
    {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let (message, hint) = text.split_once("\n").unwrap_or((text, ""));
        let hint = hint.trim();
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        return complain(&Failure { code: ErrorCode::Usage, message: message.to_owned(), hint }, wants_json);
    }
    // A closed terminal leaves nobody to tell.
    error.print().ok();
    if error.use_stderr() { ExitCode::from(ErrorCode::Usage.exit()) } else { ExitCode::SUCCESS }
}

/// Shows a failure: for people on standard error, for programs as one JSON line on standard output.
fn complain(failure: &Failure, json: bool) -> ExitCode {
    if json {
        let line = serde_json::json!({
            "event": "failed", "code": failure.code, "message": failure.message, "hint": failure.hint,
        });
        println!("{line}");
    } else {
        eprintln!("error: {failure}");
    }
    ExitCode::from(failure.code.exit())
}
