//! `updraft prune`

use std::time::Duration;

use clap::Args;

use crate::publish::{self, Prune, Pruned};
use crate::release::Stamp;

use super::publish::{Bar, to_json};
use super::signing::{DaysArg, KeyArgs, RepoArg};
use super::{Outcome, bytes, fail, say};

/// `updraft prune`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  updraft prune ./repo --keep 5 --dry-run\n\n\
    Kept is what the kept releases need: the way through a barrier, the release that installs outside a rollout get.\n\
    An install of a release that went can still update; it can't be repaired to that release.")]
pub(super) struct PruneArgs {
    #[command(flatten)]
    repo: RepoArg,
    /// How many releases of each channel and platform stay.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,
    /// Hours for which a file that no release names is left alone.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    grace_hours: u32,
    /// Say what would go; remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    days: DaysArg,
}

pub(super) fn prune(args: &PruneArgs) -> Outcome {
    let order = Prune {
        signing: args.keys.signing(args.repo.place())?,
        keep: usize::try_from(args.keep).unwrap_or(usize::MAX),
        grace: Duration::from_secs(u64::from(args.grace_hours) * 60 * 60),
        dry_run: args.dry_run,
        now: Stamp::now(),
        lifetimes: args.days.lifetimes(),
    };
    let bar = Bar::new();
    let pruned = publish::prune(&order, &|done, total| bar.show("Removing", done, total));
    bar.close();
    let pruned = pruned.map_err(fail)?;
    if args.json {
        say(&to_json(&pruned)?)
    } else {
        say(&told(&pruned))
    }
    Ok(0)
}

fn told(pruned: &Pruned) -> String {
    let mut lines: Vec<String> = pruned.releases.iter().map(|path| format!("gone    {path}")).collect();
    lines.extend(pruned.needed.iter().map(|path| format!("needed  {path}")));
    let Pruned { releases, kept, files, .. } = pruned;
    let (count, size) = (releases.len(), bytes(pruned.bytes));
    lines.push(match (pruned.dry_run, files) {
        (_, 0) if count == 0 => format!("Nothing to remove; {kept} releases."),
        (true, _) => {
            format!("Would remove {count} releases and {files} files, {size}; {kept} releases stay.")
        }
        (false, _) => format!("Removed {count} releases and {files} files, {size}; {kept} releases stay."),
    });
    lines.join("\n")
}
