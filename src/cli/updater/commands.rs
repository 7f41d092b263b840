//! The commands that change nothing of the program: check, plan, status, confirm, config.

use serde_json::json;

use crate::api::run_to_end;
use crate::engine::{self, Asking, CheckResult, Confirmed, Task};
use crate::host;
use crate::plan::{self, Action};
use crate::release::Urgency;
use crate::report::{Control, Failure, Holder};

use super::args::Args;
use super::session::{Session, fail};

/// Exit code of a check that found an optional release.
const AVAILABLE: u8 = 10;
/// Exit code of a check that found a forced release.
const FORCED: u8 = 11;

pub(super) fn check(args: &Args) -> Result<u8, Failure> {
    let session = Session::open(&args.common)?;
    session.start_log();
    let installed = || session.install.read_record().map(|loaded| loaded.record.release());
    let result = if session.settings.enabled && !args.is_by_hand() && host::was_just_asked() {
        CheckResult::UpToDate(installed().map_err(|error| fail(&error))?)
    } else if session.settings.enabled {
        let setup = session.setup(args, Task::Update, Asking::Nobody)?;
        let control = Control::new();
        run_to_end(engine::check(&setup, &control, &|_event| {}))?.map_err(|error| fail(&error))?
    } else {
        CheckResult::Disabled
    };
    let code = match &result {
        CheckResult::Disabled | CheckResult::UpToDate(_) | CheckResult::Quarantined { .. } => 0,
        CheckResult::Available(offer) if offer.urgency == Urgency::Forced => FORCED,
        CheckResult::Available(_) => AVAILABLE,
    };
    if args.common.json {
        println!("{}", check_json(&result));
    } else {
        println!("{}", check_text(&result));
    }
    Ok(code)
}

/// A check as JSON: `status` is `disabled`, `up-to-date` or `available`.
pub(crate) fn check_json(result: &CheckResult) -> serde_json::Value {
    match result {
        CheckResult::Disabled => json!({"status": "disabled"}),
        CheckResult::UpToDate(installed) => json!({"status": "up-to-date", "installed": installed}),
        CheckResult::Quarantined { installed, release } => {
            json!({"status": "up-to-date", "installed": installed, "quarantined": release})
        }
        CheckResult::Available(offer) => json!({
            "status": "available", "installed": offer.installed, "release": offer.release,
            "urgency": offer.urgency, "download_bytes": offer.download_bytes, "notes": offer.notes,
        }),
    }
}

fn check_text(result: &CheckResult) -> String {
    let name = |release: &crate::report::ReleaseRef| match &release.version {
        Some(version) => format!("{version} ({})", release.number),
        None => "nothing".to_owned(),
    };
    match result {
        CheckResult::Disabled => "Updates are turned off in the settings.".to_owned(),
        CheckResult::UpToDate(installed) => format!("Up to date: {}.", name(installed)),
        CheckResult::Quarantined { installed, release } => format!(
            "Up to date: {}. {} is newer, but it does not work on this machine; it is offered again when it is \
             published anew.",
            name(installed),
            name(release)
        ),
        CheckResult::Available(offer) => {
            let must = if offer.urgency == Urgency::Forced { "required" } else { "optional" };
            format!(
                "{} is available ({must}); installed is {}.",
                name(&offer.release),
                name(&offer.installed)
            )
        }
    }
}

pub(super) fn plan(args: &Args) -> Result<u8, Failure> {
    let session = Session::open(&args.common)?;
    session.start_log();
    let setup = session.setup(args, Task::Update, Asking::Nobody)?;
    let control = Control::new();
    let plan = run_to_end(engine::preview(&setup, &control, &|_event| {}))?.map_err(|error| fail(&error))?;
    let Some(plan) = plan else {
        println!(
            "{}",
            if args.common.json { "{\"status\":\"up-to-date\"}" } else { "Nothing to do: up to date." }
        );
        return Ok(0);
    };
    if args.common.json {
        let items = plan.items.iter().map(|item| {
            json!({
                "path": item.path, "action": item.action, "bytes": plan.bytes_for(item),
                "keep_beside": item.keep_beside, "conflict": item.conflict,
            })
        });
        println!(
            "{}",
            json!({"from": plan.from, "to": plan.to, "totals": plan.totals(), "brought": plan.brought, "items": items.collect::<Vec<_>>()})
        );
        return Ok(0);
    }
    let is_told = |item: &&plan::Item| item.action != Action::Keep || item.conflict.is_some();
    for item in plan.items.iter().filter(is_told) {
        let verb = match item.action {
            Action::Add => "add   ",
            Action::Update => "update",
            Action::Remove => "remove",
            Action::Keep => "keep  ",
        };
        let beside = if item.keep_beside { "  (your changed copy is kept beside)" } else { "" };
        let conflict = item.conflict.as_ref().map(conflict_text).unwrap_or_default();
        println!("{verb} {:>12} {}{beside}{conflict}", plan.bytes_for(item), item.path);
    }
    let t = plan.totals();
    println!(
        "{} add, {} update, {} remove, {} keep; {} bytes to fetch",
        t.add, t.update, t.remove, t.keep, t.fetch_bytes
    );
    if let Some(way) = told_way(&plan.brought) {
        println!("{way}");
    }
    Ok(0)
}

/// The way of files that do not come one by one.
fn told_way(brought: &plan::Brought) -> Option<String> {
    let plan::Brought { files, bytes, deltas, .. } = brought;
    let from: Vec<String> = deltas.iter().map(ToString::to_string).collect();
    match (files, from.as_slice()) {
        (0, _) => None,
        (_, []) => Some(format!("{files} files from packs: {bytes} bytes, indexes included")),
        (_, from) => Some(format!("{files} files by delta, from {}: {bytes} bytes", from.join(", then "))),
    }
}

fn conflict_text(conflict: &plan::Conflict) -> String {
    match &conflict.new_default {
        Some(path) => format!("  (you changed it; the new default lies beside it as {})", path.name()),
        None => "  (you changed it; the names for the new default beside it are taken)".to_owned(),
    }
}

pub(super) fn status(args: &Args) -> Result<u8, Failure> {
    let session = Session::open(&args.common)?;
    let record = session.install.read_record().map_err(|error| fail(&error))?.record;
    let open = session.install.is_swap_open();
    let start = record.receipt.start.as_ref().map(|start| start.path.under(session.install.root()));
    let users: Vec<Holder> =
        session.install.in_use(&record, start.as_deref(), None).into_iter().map(|user| user.shown).collect();
    if args.common.json {
        println!(
            "{}",
            json!({
                "app": session.settings.app, "folder": session.install.root(), "installed": record.receipt.release(),
                "files": record.receipt.files.len(), "interrupted": open, "skipped": record.skip,
                "unconfirmed_starts": record.unconfirmed.as_ref().map(|unconfirmed| unconfirmed.starts),
                "in_use": users,
                "quarantined": record.quarantine.iter().map(|(number, _)| number).collect::<Vec<_>>(),
            })
        );
        return Ok(0);
    }
    let version =
        record.receipt.version.as_ref().map_or("no recorded version".to_owned(), ToString::to_string);
    println!(
        "{} in {}: {version} ({}), {} files",
        session.settings.app,
        session.install.root().display(),
        record.receipt.number,
        record.receipt.files.len()
    );
    if open {
        println!("An update was interrupted; the next start of the updater or the program ends it.");
    }
    for user in &users {
        let must = if user.must_end { "must close before an update" } else { "may stay" };
        println!("In use by {user}: {must}.");
    }
    if let Some(skipped) = &record.skip {
        println!("Version {skipped} was skipped.");
    }
    if let Some(unconfirmed) = &record.unconfirmed {
        println!("It has not shown yet that it is well; it was started {} times.", unconfirmed.starts);
    }
    for (number, _) in &record.quarantine {
        println!("Release {number} does not work here and is not offered again until it is published anew.");
    }
    Ok(0)
}

/// For programs that do not take the library in. Nothing to confirm is no error: a program may say it each time.
pub(super) fn confirm(args: &Args) -> Result<u8, Failure> {
    let session = Session::open(&args.common)?;
    let confirmed = engine::confirm(&session.install).map_err(|error| fail(&error))?;
    let (status, release) = match &confirmed {
        Confirmed::Now(release) => ("confirmed", release),
        Confirmed::Already(release) => ("nothing-to-confirm", release),
    };
    let version = release.version.as_ref().map_or("the program".to_owned(), ToString::to_string);
    if args.common.json {
        println!("{}", json!({"status": status, "installed": release}));
    } else if matches!(confirmed, Confirmed::Now(_)) {
        println!("Confirmed: {version} is well.");
    } else {
        println!("Nothing to confirm: {version} is known to be well.");
    }
    Ok(0)
}

pub(super) fn config(args: &Args) -> Result<u8, Failure> {
    let session = Session::open(&args.common)?;
    let mut value = serde_json::to_value(session.merged.shown()).unwrap_or_default();
    let used = session.settings.used_sources(&session.install, session.merged.sources.origin);
    if args.common.json {
        value["used_sources"] = json!(used);
        println!("{value}");
        return Ok(0);
    }
    println!("settings file: {}", session.config.display());
    for (key, said) in value.as_object().into_iter().flatten().filter(|(key, _)| *key != "unknown") {
        let shown = if said["value"].is_null() { "(not set)".to_owned() } else { said["value"].to_string() };
        println!("{key:24} {shown:40} {}", said["origin"].as_str().unwrap_or_default());
    }
    for source in &used {
        let by = json!(source.named_by);
        println!("{:24} {:40} {}", "source used", source.source, by.as_str().unwrap_or_default());
    }
    for name in &session.merged.unknown {
        println!("{name:24} means nothing to this version and is ignored");
    }
    Ok(0)
}
