//! The commands that look at an install and need no right to write there: can-update and verify.

use std::time::Duration;

use serde_json::json;

use crate::engine::{self, Asking, Standing, Task};
use crate::install::{Flaw, Verified};
use crate::report::{Control, ErrorCode, Failure, Fanout, Obstacle, Silent, Text};

use super::args::Args;
use super::session::{Session, fail};

pub(super) fn can_update(args: &Args) -> Result<u8, Failure> {
    let session = Session::open(&args.common)?;
    let record = session.install.read_record().map_err(|error| fail(&error))?.record;
    let reasons: Vec<Obstacle> =
        session.install.obstacles(&record).iter().map(|reason| Obstacle::of(reason)).collect();
    if args.common.json {
        println!("{}", json!({"can_update": reasons.is_empty(), "reasons": reasons}));
    } else if reasons.is_empty() {
        println!("This copy can be updated.");
    }
    match reasons.split_first() {
        None => Ok(0),
        Some((first, _)) if args.common.json => Ok(first.failure.code.exit()),
        Some((first, others)) => {
            for other in others {
                println!("{}", other.failure);
            }
            Err(first.failure.clone())
        }
    }
}

pub(super) fn verify(args: &Args) -> Result<u8, Failure> {
    let session = Session::open(&args.common)?;
    let record = session.install.read_record().map_err(|error| fail(&error))?.record;
    if session.install.is_swap_open() {
        return Err(Failure {
            code: ErrorCode::Journal,
            message: "an update was interrupted, so there is no whole version to compare with".to_owned(),
            hint: Some("Start the updater; it ends the update first.".to_owned()),
        });
    }
    if record.receipt.manifest.is_none() {
        return Err(Failure {
            code: ErrorCode::Damaged,
            message: format!("nothing is recorded as installed in {}", session.install.root().display()),
            hint: Some("Run the updater; it compares every file with the newest release.".to_owned()),
        });
    }
    let setup = session.setup(args, Task::Update, Asking::Nobody)?;
    let mut fanout = Fanout::new();
    let lane =
        if args.common.json { fanout.add(Silent) } else { fanout.add(Text::with_bar(std::io::stdout())) };
    lane.map_err(super::work::no_thread)?;
    let looked = engine::verify(&setup, &record, &Control::new(), &|event| fanout.report(event));
    fanout.finish(Duration::from_secs(2));
    let (verified, standing) = looked.map_err(|error| fail(&error))?;
    let is_whole = verified.findings.is_empty() && standing != Standing::Other;
    let installed = record.receipt.release();
    if args.common.json {
        let status = if is_whole { "ok" } else { "damaged" };
        let line = json!({
            "status": status, "installed": installed, "record": standing, "files": verified.files,
            "bytes": verified.bytes, "findings": verified.findings, "yours": verified.yours, "extra": verified.extra,
        });
        println!("{line}");
        return Ok(if is_whole { 0 } else { ErrorCode::Damaged.exit() });
    }
    show(&verified);
    let version = installed.version.map(|version| version.to_string()).unwrap_or_default();
    if is_whole {
        println!("All {} files of {version} are as they were installed.", verified.files);
        return Ok(0);
    }
    let count = verified.findings.len();
    let message = if count == 0 {
        format!("the record of {version} is not of the release that was signed under its number")
    } else {
        format!("{count} of {} files of {version} are not as they were installed", verified.files)
    };
    let hint = Some("Run the updater with `repair` to bring them back.".to_owned());
    Err(Failure { code: ErrorCode::Damaged, message, hint })
}

fn show(verified: &Verified) {
    for finding in &verified.findings {
        let flaw = match finding.flaw {
            Flaw::Missing => "missing",
            Flaw::Changed => "changed",
            Flaw::Mode => "mode   ",
            Flaw::Kind => "kind   ",
        };
        println!("{flaw} {}", finding.path);
    }
    for path in &verified.yours {
        println!("yours   {path}  (changed by you, and left to you)");
    }
    for path in &verified.extra {
        println!("extra   {path}  (not of the release; left alone)");
    }
}
