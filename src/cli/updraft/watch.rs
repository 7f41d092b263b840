//! `updraft watch`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::platform::signal::Ends;
use crate::publish::{self, Bell, Effort, Notice, Order, VersionRule, Watch};
use crate::release::{App, Channel, Platform, Policy, Stamp, Urgency, Version};
use crate::report::{ErrorCode, Failure};
use crate::trust::sign::Lifetimes;

use super::publish::{to_json, told};
use super::{Outcome, args, fail, say};

/// `updraft watch`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    updraft watch ./build --to ./repo\n  \
    updraft watch //server/share/build --to ./repo --poll 10 --settle 30\n  \
    updraft watch ./build --to ./repo --version file:VERSION --exclude '*.log'\n\n\
    What differs from the newest release is published at the start as well. Ctrl-C ends it.")]
pub(super) struct WatchArgs {
    /// The folder with the files of the program, all of them.
    pub(super) folder: PathBuf,
    /// The repository.
    #[arg(long = "to", value_name = "REPO")]
    pub(super) to: PathBuf,
    #[command(flatten)]
    pub(super) how: How,
    /// The private keys [default: REPO.keys beside REPO].
    #[arg(long, value_name = "DIR", env = "UPDRAFT_KEYS")]
    pub(super) keys: Option<PathBuf>,
    /// Print what happens as JSON, one object a line.
    #[arg(long)]
    pub(super) json: bool,
}

/// How a watched folder is published.
#[derive(Debug, Clone, Args)]
pub(super) struct How {
    /// Where versions come from: patch (the last number grows), date (2026.11.21), or file:PATH (the first line of a
    /// file in FOLDER).
    #[arg(long = "version", value_name = "RULE", default_value = "patch")]
    pub(super) version: VersionRule,
    /// Seconds without any change after which FOLDER is published.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pub(super) settle: f64,
    /// Look at FOLDER so often, in seconds, as for a share whose changes the system does not tell of.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) poll: Option<f64>,
    /// The name of the program, if the repository does not say it.
    #[arg(long, value_name = "NAME")]
    pub(super) app: Option<App>,
    /// The channel.
    #[arg(long, value_name = "NAME", default_value = "stable")]
    pub(super) channel: Channel,
    /// What it runs on [default: this machine's].
    #[arg(long, value_name = "NAME")]
    pub(super) platform: Option<Platform>,
    /// The program may not be started without these updates.
    #[arg(long)]
    pub(super) forced: bool,
    /// The program to start after the update [default: as before, or the only program at the top of FOLDER].
    #[arg(long, value_name = "PATH")]
    pub(super) start: Option<String>,
    /// Leave out what matches, such as "*.pdb" or "logs/**".
    #[arg(long, value_name = "GLOB")]
    pub(super) exclude: Vec<String>,
    /// Files that stay when the user changed them [default: as before].
    #[arg(long, value_name = "GLOB")]
    pub(super) keep_if_modified: Vec<String>,
    /// Files that are written where there is none, and then belong to the user [default: as before].
    #[arg(long, value_name = "GLOB")]
    pub(super) once: Vec<String>,
    /// Compress quickly instead of well.
    #[arg(long)]
    pub(super) fast: bool,
    /// Days until the timestamp runs out.
    #[arg(long, value_name = "N", default_value_t = args::TIMESTAMP_DAYS, value_parser = args::days())]
    pub(super) days: u32,
}

impl How {
    /// The watch of `folder` that these wishes make.
    pub(super) fn watch(self, folder: PathBuf, to: PathBuf, keys: Option<PathBuf>) -> Result<Watch, Failure> {
        let any: Version = "0".parse().map_err(|_why| Failure {
            code: ErrorCode::Internal,
            message: "a version can't be made".to_owned(),
            hint: None,
        })?;
        let kept = self.keep_if_modified.into_iter().map(|glob| (glob, Policy::KeepIfModified));
        let once = self.once.into_iter().map(|glob| (glob, Policy::Once));
        let order = Order {
            app: self.app,
            channel: self.channel,
            platform: self.platform.unwrap_or_else(Platform::current),
            urgency: if self.forced { Urgency::Forced } else { Urgency::Optional },
            start: self.start,
            exclude: self.exclude,
            policies: kept.chain(once).collect(),
            keys,
            effort: if self.fast { Effort::Fast } else { Effort::Small },
            lifetimes: Lifetimes::of_days(self.days),
            ..Order::new(folder, to, any)
        };
        Ok(Watch {
            order,
            version: self.version,
            settle: Duration::from_secs_f64(self.settle),
            poll: self.poll.map(Duration::from_secs_f64),
        })
    }
}

/// Reads a number of seconds from a tenth to a day.
fn seconds(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_why| "write a number of seconds".to_owned())?;
    let is_good = (0.1..=86_400.0).contains(&number);
    if is_good { Ok(number) } else { Err("write a number of seconds from 0.1 to 86400".to_owned()) }
}

pub(super) fn watch(args: WatchArgs) -> Outcome {
    let json = args.json;
    let (folder, to) = (args.folder.display().to_string(), args.to.display().to_string());
    let watch = args.how.watch(args.folder, args.to, args.keys)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| cannot_start(&error))?;
    let (bell, stopper) = Bell::new();
    let _inside = runtime.enter();
    let mut ends = Ends::listen().map_err(|error| cannot_start(&error))?;
    if !json {
        let Watch { order, settle, .. } = &watch;
        say(&format!(
            "Watching {folder} for {to} ({}, {}): publishes when nothing has changed for {} s. Ctrl-C ends it.",
            order.channel,
            order.platform,
            settle.as_secs_f64()
        ));
    }
    let watching = std::thread::Builder::new()
        .name("watch".to_owned())
        .spawn(move || publish::watch(&watch, &bell, &|_, _, _| {}, &mut |notice| tell(&notice, None, json)));
    let watching = watching.map_err(|error| cannot_start(&error))?;
    runtime.block_on(async {
        let over = async {
            while !watching.is_finished() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            () = over => return,
            () = ends.next() => stopper.stop(),
        }
        let over = async {
            while !watching.is_finished() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // Asked twice, it does not wait: a publish that is cut off leaves the repository as it was.
        tokio::select! {
            () = over => {}
            () = ends.next() => {}
        }
    });
    if watching.is_finished() {
        match watching.join() {
            Ok(result) => result.map_err(fail)?,
            Err(_panic) => return Err(cannot_start(&std::io::Error::other("the watch broke off"))),
        }
    }
    if !json {
        say("Stopped.");
    }
    Ok(0)
}

fn cannot_start(error: &std::io::Error) -> Failure {
    Failure {
        code: ErrorCode::Internal,
        message: format!("the folder can't be watched: {error}"),
        hint: None,
    }
}

/// Prints what a watch tells; of which project, if there are several.
pub(super) fn tell(notice: &Notice, project: Option<&str>, json: bool) {
    if json {
        let line = match notice {
            Notice::Began { polling, why } => serde_json::json!({
                "event": "watching", "poll_seconds": polling.map(|often| often.as_secs_f64()), "why": why,
            }),
            Notice::BeingWritten(path) => serde_json::json!({"event": "being-written", "file": path}),
            Notice::Published(report) => match serde_json::to_value(report) {
                Ok(mut value) => {
                    value["event"] = "published".into();
                    value
                }
                Err(error) => serde_json::json!({"event": "published", "error": error.to_string()}),
            },
            Notice::Failed(failure) => serde_json::json!({
                "event": "failed", "code": failure.code, "message": failure.message, "hint": failure.hint,
            }),
            Notice::Mended => serde_json::json!({"event": "mended"}),
        };
        return say(&to_json(&line).unwrap_or_default());
    }
    let now = match project {
        Some(name) => format!("{} {name}:", Stamp::now()),
        None => Stamp::now().to_string(),
    };
    match notice {
        Notice::Began { polling: Some(often), why: Some(why) } => say(&format!(
            "{now} The system does not tell of changes ({why}); looking every {} s.",
            often.as_secs_f64()
        )),
        Notice::Began { .. } => {}
        Notice::BeingWritten(path) => {
            say(&format!("{now} Waiting: another program is writing to {}.", path.display()));
        }
        Notice::Published(report) => say(&format!("{now} {}", told(report))),
        Notice::Failed(failure) => say(&format!("{now} error: {failure}\nIt is tried again until it works.")),
        Notice::Mended => say(&format!("{now} It works again.")),
    }
}
