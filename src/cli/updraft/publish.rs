//! `updraft init`, `publish`, `verify` and `renew`.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::publish::{self, Barrier, Changes, DeltaWish, Effort, Forecast, Order, Report, Stage};
use crate::release::{Platform, Policy, RelPath, Stamp, Urgency};
use crate::report::{ErrorCode, Failure};
use crate::trust::sign::Lifetimes;

use super::{Outcome, args, bytes, fail, say};

pub(super) fn init(args: args::Init) -> Outcome {
    let mut unlock = args.keys.unlock()?;
    #[cfg(feature = "vendor")]
    let taken = super::import::look(&args)?;
    let order = publish::Init {
        repository: args.repo.place(),
        app: args.app,
        keys: args.keys.keys.clone(),
        now: args.time.unwrap_or_else(Stamp::now),
        lifetimes: Lifetimes::default(),
    };
    if !publish::has_keys(&order).map_err(fail)? {
        unlock.passphrase = args.new.passphrase(&args.keys)?;
    }
    let made = publish::init_with(&order, &unlock).map_err(fail)?;
    say(&format!("The repository of {} is ready: {}", made.app, made.repository.display()));
    let how = match (made.keys_were_there, unlock.passphrase.is_some()) {
        (true, _) => "The keys found there were used",
        (false, true) => "New private keys, under the passphrase",
        (false, false) => "New private keys, without a passphrase",
    };
    say(&format!("{how}: {}", made.keys.display()));
    say("  root-1.key   keep offline: it replaces the other keys");
    say("  root-2.key   move to another place, a drawer say: it replaces root-1.key when that is lost");
    say("  release.key  signs releases; needed wherever you publish");
    say("  online.key   signs timestamps; needed wherever you publish or renew");
    say("Whoever has these keys can update every install. Never put that folder on a web server.");
    say(&format!("Ship {} beside the updater of every install.", made.root.display()));
    #[cfg(feature = "vendor")]
    if let Some(taken) = taken {
        return super::import::publish(taken, made.repository, made.keys, order.now);
    }
    Ok(0)
}

pub(super) fn publish(args: args::Publish) -> Outcome {
    let (json, dry_run, to) = (args.json, args.dry_run, args.to.to_string());
    let keys = args.keys.keys.as_ref().map(|keys| format!(" --keys {}", keys.display())).unwrap_or_default();
    let has_wishes = args.forced || args.minimum.is_some() || !args.notes.is_empty();
    let order = order(args)?;
    let now = order.now;
    let bar = Bar::new();
    let report = publish::publish(&order, &|stage, done, total| {
        let text = match stage {
            Stage::Read => "Reading",
            Stage::Cut => "Comparing",
            Stage::Pack => "Compressing",
            Stage::Delta => "Deltas",
            Stage::Send => "Sending",
        };
        bar.show(text, done, total);
    });
    bar.close();
    let report = report.map_err(fail)?;
    if json {
        say(&to_json(&report)?);
    } else {
        if dry_run {
            list(&report.changes);
        }
        say(&told(&report));
        if report.nothing_changed() && has_wishes {
            say(
                "--forced, --minimum and --notes belong to a release, so they had no effect. Change a file as well.",
            );
        }
        if !dry_run && (report.published || publish::is_soon(report.expires, now)) {
            say(&format!("Signed until {}; before that: updraft renew {to}{keys}", report.expires));
        }
    }
    Ok(0)
}

fn order(args: args::Publish) -> Result<Order, Failure> {
    let now = args.time.unwrap_or_else(Stamp::now);
    let rollout = args.spread.rollout(now)?;
    let barrier = match args.barrier {
        Some(version) => Barrier::From(version),
        None if args.no_barrier => Barrier::None,
        None => Barrier::AsBefore,
    };
    let unlock = args.keys.unlock()?;
    let delta = match args.delta {
        Some(args::DeltaHow::Fast) => DeltaWish::Fast,
        Some(args::DeltaHow::Best) => DeltaWish::Best,
        Some(args::DeltaHow::Smallest) => DeltaWish::Smallest,
        Some(args::DeltaHow::None) => DeltaWish::None,
        None if args.fast => DeltaWish::Fast,
        None => DeltaWish::Best,
    };
    let policies = [
        (args.keep_if_modified, Policy::KeepIfModified),
        (args.once, Policy::Once),
        (args.replace, Policy::Replace),
    ];
    let policies =
        policies.into_iter().flat_map(|(globs, policy)| globs.into_iter().map(move |g| (g, policy)));
    Ok(Order {
        rollout,
        barrier,
        unlock,
        policies: policies.collect(),
        app: args.app,
        channel: args.channel,
        platform: args.platform.unwrap_or_else(Platform::current),
        urgency: if args.forced { Urgency::Forced } else { Urgency::Optional },
        minimum: args.minimum,
        notes: args.notes,
        start: args.start,
        entries: args.entries,
        confirm_health: args.confirm_health,
        health_seconds: args.health_seconds,
        exclude: args.exclude,
        keys: args.keys.keys,
        effort: if args.fast { Effort::Fast } else { Effort::Small },
        whole: args.whole,
        deltas: args.deltas,
        delta_from: args.delta_from,
        delta,
        memory: args.memory,
        dry_run: args.dry_run,
        now,
        lifetimes: Lifetimes::of_days(args.days),
        ..Order::new(args.folder, args.endpoint.at(args.to), args.version)
    })
}

fn list(changes: &Changes) {
    let lines = |mark: &str, paths: &[RelPath]| paths.iter().for_each(|path| say(&format!("{mark} {path}")));
    lines("changed", &changes.changed);
    lines("added  ", &changes.added);
    lines("removed", &changes.removed);
}

pub(super) fn told(report: &Report) -> String {
    let Report { app, version, number, channel, platform, changes, .. } = report;
    let release = format!("{app} {version} ({number}, {channel}, {platform})");
    if report.nothing_changed() {
        return format!("Nothing changed: the folder is {release} already. No release was made.");
    }
    let mut text = format!(
        "changed {}, added {}, removed {}",
        changes.changed.len(),
        changes.added.len(),
        changes.removed.len()
    );
    if changes.settings {
        text.push_str(", settings changed");
    }
    let done = if report.dry_run { "Would publish" } else { "Published" };
    let (files, size, new) = (report.files, bytes(report.bytes), bytes(report.new_bytes));
    text.push_str(&format!("\n{done} {release}: {files} files, {size}; {new} new in the repository."));
    match &report.start {
        Some(start) => text.push_str(&format!("\nStarts {start}.")),
        None => text.push_str("\nStarts nothing after an update; name a program with --start if it should."),
    }
    let count = |policy| report.policies.values().filter(|set| **set == policy).count();
    let (kept, once) = (count(Policy::KeepIfModified), count(Policy::Once));
    if kept + once > 0 {
        text.push_str(&format!("\nThe user's: {kept} kept if modified, {once} written once."));
    }
    for old in &report.downloads {
        text.push_str(&format!("\n{}", foretold(old)));
    }
    text.push_str(&format!("\na new install downloads {}", bytes(report.full_download)));
    text
}

/// What an older release downloads, and what the other ways would have cost.
fn foretold(old: &Forecast) -> String {
    let ways = match old.by_delta {
        Some(delta) => format!("delta {}, packs {}", bytes(delta), bytes(old.by_packs)),
        None => format!("packs {}, no delta", bytes(old.by_packs)),
    };
    let (number, version, whole) = (old.number, &old.version, bytes(old.whole));
    format!("{number} ({version}) downloads {}: {ways}, changed files anew {whole}", bytes(old.bytes))
}

pub(super) fn verify(args: &args::Verify) -> Outcome {
    let bar = Bar::new();
    let found =
        publish::verify(args.repo.place(), Stamp::now(), 0, &|done, total| bar.show("Checking", done, total));
    bar.close();
    let found = found.map_err(fail)?;
    if args.json {
        say(&to_json(&found)?);
    } else {
        for flaw in &found.flaws {
            say(&format!("{}: {} [{}]", flaw.file, flaw.what, flaw.code));
        }
        for warning in &found.warnings {
            say(&format!("warning: {warning}"));
        }
        let (releases, objects, size) = (found.releases, found.objects, bytes(found.bytes));
        say(&format!("{releases} releases, {objects} objects, {size}; {} objects unused.", found.unused));
        say(&match found.flaws.len() {
            0 => "All is as it was signed.".to_owned(),
            1 => "1 flaw.".to_owned(),
            flaws => format!("{flaws} flaws."),
        });
    }
    Ok(found.code().map_or(0, ErrorCode::exit))
}

pub(super) fn renew(args: &args::Renew) -> Outcome {
    let now = Stamp::now();
    let lifetimes = args.days.lifetimes();
    publish::renew(&args.keys.signing(args.repo.place())?, now, lifetimes).map_err(fail)?;
    say(&format!("Renewed: the timestamp is valid until {}.", now.after(lifetimes.timestamp)));
    Ok(0)
}

pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure {
        code: ErrorCode::Internal,
        message: format!("the result can't be written as JSON: {error}"),
        hint: None,
    })
}

/// A bar on standard error, if that is a terminal.
pub(super) struct Bar {
    bar: ProgressBar,
    stage: Mutex<&'static str>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg:12} [{bar:40}] {percent:>3} % {eta}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, stage: Mutex::new("") }
    }

    pub(super) fn show(&self, text: &'static str, done: u64, total: u64) {
        if let Ok(mut stage) = self.stage.lock()
            && *stage != text
        {
            *stage = text;
            self.bar.set_message(text);
        }
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    pub(super) fn close(&self) {
        self.bar.finish_and_clear();
    }
}
