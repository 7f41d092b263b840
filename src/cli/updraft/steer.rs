//! `updraft rollout`, `withdraw`, `promote` and `downgrade`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::publish::steer::{self, Promotion, Request, Return, Spread, Standing, Steered, Which};
use crate::release::{Channel, Curve, Platform, ReleaseNumber, Rollout, Stamp, Urgency};
use crate::report::Failure;

use super::args::basis_points;
use super::publish::to_json;
use super::signing::{DaysArg, KeyArgs, RepoArg};
use super::{Outcome, fail, say};

/// `updraft rollout`
#[derive(Debug, Subcommand)]
pub(super) enum RolloutCommand {
    /// Lets a release spread in another way from now on.
    Set(SetArgs),
    /// Stops a release: nobody gets it any more, also not by hand.
    Halt(SteerArgs),
    /// Lets a halted release go on where it was.
    Resume(SteerArgs),
    /// Shows every release and who may have it.
    Show(ShowArgs),
}

/// What a change is about.
#[derive(Debug, Args)]
pub(super) struct SteerArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// The release: its version, or r7, or newest.
    #[arg(value_name = "RELEASE", default_value = "newest")]
    release: Which,
    #[command(flatten)]
    how: How,
}

/// Where and how a release is steered.
#[derive(Debug, Args)]
struct How {
    /// The channel.
    #[arg(long, value_name = "NAME", default_value = "stable")]
    channel: Channel,
    /// Only this platform [default: every platform that has the release].
    #[arg(long, value_name = "NAME")]
    platform: Option<Platform>,
    #[command(flatten)]
    sign: SignHow,
}

/// How a change is signed and told.
#[derive(Debug, Args)]
struct SignHow {
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    days: DaysArg,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
    /// Sign with this time instead of now (YYYY-MM-DDTHH:MM:SSZ).
    #[arg(long, value_name = "TIME")]
    time: Option<Stamp>,
}

/// `updraft rollout set`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    updraft rollout set ./repo 2.1.0 --percent 5% --hours 48\n  \
    updraft rollout set ./repo 2.1.0 --percent 100%\n  \
    updraft rollout set ./repo 2.1.0 --percent 1% --hours 72 --curve doubling --start 2026-12-01T08:00:00Z")]
pub(super) struct SetArgs {
    #[command(flatten)]
    steer: SteerArgs,
    #[command(flatten)]
    spread: SpreadArgs,
}

/// Who may have a release, and from when on.
#[derive(Debug, Args)]
struct SpreadArgs {
    /// The share of the installs that may have it by themselves: `5%`, `0.5%`.
    #[arg(long, value_name = "PERCENT", value_parser = basis_points)]
    percent: u32,
    /// Hours in which the share grows to everybody; without it the share stays.
    #[arg(long, value_name = "HOURS", default_value_t = 0)]
    hours: u32,
    /// How it grows: by the same number of installs each hour, or doubling again and again.
    #[arg(long, value_name = "CURVE", value_enum, default_value = "linear")]
    curve: CurveArg,
    /// When it begins [default: now].
    #[arg(long, value_name = "TIME")]
    start: Option<Stamp>,
}

/// How a share grows.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum CurveArg {
    /// Evenly.
    Linear,
    /// Slowly at first.
    Doubling,
}

impl From<CurveArg> for Curve {
    fn from(curve: CurveArg) -> Self {
        match curve {
            CurveArg::Linear => Self::Linear,
            CurveArg::Doubling => Self::Doubling,
        }
    }
}

/// `updraft rollout show`
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// Print the result as one JSON array.
    #[arg(long)]
    json: bool,
}

/// `updraft withdraw`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  updraft withdraw ./repo 2.1.0\n\n\
    Nobody installs the release any more. Who has it keeps it until there is a newer one; to lead those installs\n\
    back as well, use updraft downgrade.")]
pub(super) struct WithdrawArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// The release: its version, or r7, or newest.
    #[arg(value_name = "RELEASE")]
    release: Which,
    /// Give it out again.
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    how: How,
}

/// `updraft promote`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  updraft promote ./repo 2.1.0 --from beta --to stable --rollout 5% --rollout-hours 48"
)]
pub(super) struct PromoteArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// The release: its version, or r7, or newest.
    #[arg(value_name = "RELEASE")]
    release: Which,
    /// The channel it is on.
    #[arg(long, value_name = "NAME")]
    from: Channel,
    /// The channel it comes to.
    #[arg(long, value_name = "NAME")]
    to: Channel,
    /// Only this platform [default: every platform that has the release].
    #[arg(long, value_name = "NAME")]
    platform: Option<Platform>,
    /// The program may not be started there without this update.
    #[arg(long)]
    forced: bool,
    #[command(flatten)]
    spread: NewSpread,
    /// Release notes in Markdown instead of its own.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    notes: Vec<PathBuf>,
    #[command(flatten)]
    sign: SignHow,
}

/// Who may have a new release yet.
#[derive(Debug, Args)]
pub(super) struct NewSpread {
    /// Let only this share of the installs have it by themselves: `5%`, `0.5%`. Asked by hand, and for a
    /// required release, the share does not count.
    #[arg(long, value_name = "PERCENT", value_parser = basis_points)]
    rollout: Option<u32>,
    /// Hours in which the share grows to everybody; without it the share stays.
    #[arg(long, value_name = "HOURS", requires = "rollout")]
    rollout_hours: Option<u32>,
    /// How it grows: by the same number of installs each hour, or doubling again and again.
    #[arg(
        long,
        value_name = "CURVE",
        value_enum,
        requires = "rollout",
        default_value_if("rollout", clap::builder::ArgPredicate::IsPresent, "linear")
    )]
    rollout_curve: Option<CurveArg>,
    /// When it begins [default: now].
    #[arg(long, value_name = "TIME", requires = "rollout")]
    rollout_start: Option<Stamp>,
}

impl NewSpread {
    /// The rollout asked for, with a salt of its own.
    pub(super) fn rollout(&self, now: Stamp) -> Result<Option<Rollout>, Failure> {
        let Some(start_bp) = self.rollout else { return Ok(None) };
        let duration_minutes = u64::from(self.rollout_hours.unwrap_or(0)) * 60;
        let curve = self.rollout_curve.unwrap_or(CurveArg::Linear).into();
        let spread = Spread { start_bp, duration_minutes, curve, start: self.rollout_start };
        spread.rollout(now).map(Some).map_err(fail)
    }
}

/// `updraft downgrade`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  updraft downgrade ./repo --to 2.0.3 --forced --notes why.en.md\n\n\
    The files of that release are published again as the newest release, and all releases between are withdrawn,\n\
    signed in one step. Installs that never left it have nothing to do.")]
pub(super) struct DowngradeArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// The release to go back to: its version, or r7.
    #[arg(long, value_name = "RELEASE")]
    to: Which,
    /// The program may not be started on a later release.
    #[arg(long)]
    forced: bool,
    #[command(flatten)]
    spread: NewSpread,
    /// Notes in Markdown that say why; the language is read from the name: why.en.md, why.zh-CN.md.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    notes: Vec<PathBuf>,
    #[command(flatten)]
    how: How,
}

impl How {
    fn request(&self, repo: &RepoArg, release: &Which) -> Result<Request, Failure> {
        let (channel, platform) = (self.channel.clone(), self.platform.clone());
        self.sign.request(repo, release, channel, platform)
    }
}

impl SignHow {
    fn now(&self) -> Stamp {
        self.time.unwrap_or_else(Stamp::now)
    }

    fn request(
        &self,
        repo: &RepoArg,
        release: &Which,
        channel: Channel,
        platform: Option<Platform>,
    ) -> Result<Request, Failure> {
        Ok(Request {
            signing: self.keys.signing(repo.place())?,
            channel,
            platform,
            release: release.clone(),
            now: self.now(),
            lifetimes: self.days.lifetimes(),
        })
    }

    fn tell(&self, steered: &Steered, what: &str) -> Outcome {
        if self.json {
            say(&to_json(steered)?);
            return Ok(0);
        }
        for warning in &steered.warnings {
            say(&format!("warning: {warning}"));
        }
        for release in &steered.releases {
            say(&line(release));
        }
        say(if steered.changed { what } else { "Nothing changed: it was so already." });
        Ok(0)
    }
}

pub(super) fn rollout(command: RolloutCommand) -> Outcome {
    match command {
        RolloutCommand::Set(args) => {
            let request = args.steer.how.request(&args.steer.repo, &args.steer.release)?;
            let SpreadArgs { percent, hours, curve, start } = args.spread;
            let duration_minutes = u64::from(hours) * 60;
            let spread = Spread { start_bp: percent, duration_minutes, curve: curve.into(), start };
            let steered = steer::set_rollout(&request, &spread).map_err(fail)?;
            args.steer.how.sign.tell(&steered, "Set.")
        }
        RolloutCommand::Halt(args) => {
            let steered = steer::halt(&args.how.request(&args.repo, &args.release)?).map_err(fail)?;
            args.how.sign.tell(&steered, "Halted: nobody gets it until updraft rollout resume.")
        }
        RolloutCommand::Resume(args) => {
            let steered = steer::resume(&args.how.request(&args.repo, &args.release)?).map_err(fail)?;
            args.how.sign.tell(&steered, "It goes on.")
        }
        RolloutCommand::Show(args) => show(&args),
    }
}

fn show(args: &ShowArgs) -> Outcome {
    let standings = steer::standings(&args.repo.place(), Stamp::now()).map_err(fail)?;
    if args.json {
        say(&to_json(&standings)?);
    } else if standings.is_empty() {
        say("There is no release yet.");
    } else {
        standings.iter().for_each(|release| say(&line(release)));
    }
    Ok(0)
}

pub(super) fn withdraw(args: &WithdrawArgs) -> Outcome {
    let request = args.how.request(&args.repo, &args.release)?;
    if args.undo {
        let steered = steer::restore(&request).map_err(fail)?;
        return args.how.sign.tell(&steered, "It is given out again.");
    }
    let steered = steer::withdraw(&request).map_err(fail)?;
    args.how.sign.tell(
        &steered,
        "Withdrawn: it is not installed any more. Who has it keeps it until there is a newer one.",
    )
}

pub(super) fn promote(args: &PromoteArgs) -> Outcome {
    let request = args.sign.request(&args.repo, &args.release, args.from.clone(), args.platform.clone())?;
    let promotion = Promotion {
        to: args.to.clone(),
        urgency: args.forced.then_some(Urgency::Forced),
        rollout: args.spread.rollout(request.now)?,
        notes: args.notes.clone(),
    };
    let steered = steer::promote(&request, &promotion).map_err(fail)?;
    args.sign.tell(&steered, &format!("Promoted to {}.", args.to))
}

pub(super) fn downgrade(args: &DowngradeArgs) -> Outcome {
    let request = args.how.request(&args.repo, &args.to)?;
    let rollout = args.spread.rollout(request.now)?;
    let back = Return { forced: args.forced, rollout, notes: args.notes.clone() };
    let steered = steer::downgrade(&request, &back).map_err(fail)?;
    args.how.sign.tell(&steered, "Installs of later releases are led back to it.")
}

/// One release as a line.
pub(super) fn line(release: &Standing) -> String {
    let Standing { channel, platform, summary, share_bp } = release;
    let mut text = format!("{} {} ({channel}, {platform})", summary.number, summary.version);
    if summary.returns_to != ReleaseNumber::NONE {
        text.push_str(&format!(", leads back to {}", summary.returns_to));
    }
    if summary.urgency == Urgency::Forced {
        text.push_str(", required");
    }
    if summary.barrier != ReleaseNumber::NONE {
        text.push_str(&format!(", from {} on", summary.barrier));
    }
    let halted = summary.rollout().is_some_and(|rollout| rollout.halted);
    match (summary.withdrawn, halted, share_bp) {
        (true, _, _) => text.push_str(": withdrawn"),
        (_, true, _) => text.push_str(": halted"),
        (_, _, None) => text.push_str(": a rollout of a later kind"),
        (_, _, Some(10_000)) => text.push_str(": everybody"),
        (_, _, Some(share)) => {
            text.push_str(&format!(": {}.{:02} % of the installs", share / 100, share % 100));
        }
    }
    text
}
