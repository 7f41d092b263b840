//! The command line of `updraft`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::publish::DELTAS;
use crate::release::{App, Channel, Platform, Stamp, Version};

use crate::publish::Place;

use super::inspect::InspectArgs;
use super::key::KeyCommand;
use super::prune::PruneArgs;
use super::signing::{DaysArg, EndpointArg, KeyArgs, NewKeyArgs, RepoArg, place};
use super::steer::{DowngradeArgs, NewSpread, PromoteArgs, RolloutCommand, WithdrawArgs};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "updraft",
    version,
    about = "Publishes signed releases of a program and serves them to its installs.",
    after_help = "First steps:\n  \
        updraft init ./repo --app MyApp\n  \
        updraft publish ./build --to ./repo --version 1.0.0\n  \
        updraft serve ./repo\n\n\
        Exit codes: 0 done or nothing to do, 40 keys or signatures, 50 disk or repository,\n\
        60 another publisher is at work, 64 the command can't be understood."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes the keys and an empty repository.
    Init(Box<Init>),
    /// Publishes a folder as a new release, if anything in it changed.
    Publish(Box<Publish>),
    /// Publishes a folder by itself whenever it has changed and settled.
    #[cfg(feature = "vendor")]
    Watch(Box<super::watch::WatchArgs>),
    /// Serves a repository, or a folder of repositories, over HTTP.
    Serve(Box<super::serve::ServeArgs>),
    /// Checks every signature, manifest and object of a repository.
    Verify(Verify),
    /// Signs the metadata of a repository again before it runs out.
    Renew(Renew),
    /// One file for a stick: a repository, or part of one, taken to where there is no network.
    #[command(subcommand)]
    Bundle(Bundle),
    /// Further places of the repository, told to every install in its signed metadata.
    #[command(subcommand)]
    Mirror(Mirror),
    /// Shows what a repository, install, bundle, manifest, metadata file or key is. Believes and changes nothing.
    Inspect(InspectArgs),
    /// Which keys count, and how one takes the place of another.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Removes old releases and everything that nobody needs any more.
    Prune(PruneArgs),
    /// Who may have a release: a share that grows, nobody, everybody.
    #[command(subcommand)]
    Rollout(RolloutCommand),
    /// Takes a release back: it is not installed any more.
    Withdraw(WithdrawArgs),
    /// Brings a release from one channel to another.
    Promote(PromoteArgs),
    /// Leads installs back to an older release.
    Downgrade(DowngradeArgs),
    /// Tries what an update from one file or folder to another costs.
    #[cfg(feature = "vendor")]
    #[command(subcommand)]
    Delta(super::delta::Command),
    /// Puts the updater, its settings and the root keys beside the program: what people install first.
    #[cfg(feature = "vendor")]
    Package(Box<super::package::Package>),
    /// Keeps the program of this node running and takes it from release to release without losing a connection.
    #[cfg(feature = "vendor")]
    Agent(super::fleet::AgentArgs),
    /// Serves the lock of a fleet (FleetLock protocol) with its state in etcd.
    #[cfg(feature = "vendor")]
    Fleetlock(super::fleet::FleetlockArgs),
    /// Forwards connections to a few programs on this machine, with drain, counts and an instant switch.
    #[cfg(feature = "vendor")]
    Switch(super::fleet::SwitchArgs),
    /// Runs a pipeline of components, and replaces them while messages flow.
    #[cfg(feature = "components")]
    Run(super::run::RunArgs),
    /// Components: begin one, or check one.
    #[cfg(feature = "components")]
    #[command(subcommand)]
    Component(super::component::What),
    /// Shows an update on this machine: a vendor, a server and an installed program in one folder.
    Demo(crate::cli::demo::DemoArgs),
}

/// `updraft init`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    updraft init ./repo --app MyApp\n  \
    updraft init s3://bucket/MyApp --app MyApp --keys ~/keys/MyApp\n  \
    updraft init ./repo --app MyApp --import UpdateConfiguration.xml --folder FileFolder")]
pub(super) struct Init {
    #[command(flatten)]
    pub(super) repo: RepoArg,
    /// The name of the program.
    #[arg(long, value_name = "NAME")]
    pub(super) app: App,
    #[command(flatten)]
    pub(super) keys: KeyArgs,
    #[command(flatten)]
    pub(super) new: NewKeyArgs,
    /// Sign with this time instead of now (YYYY-MM-DDTHH:MM:SSZ).
    #[arg(long, value_name = "TIME")]
    pub(super) time: Option<Stamp>,
    /// Take over a program from OAUS: publish what its UpdateConfiguration.xml lists as release 1.
    #[cfg(feature = "vendor")]
    #[arg(long, value_name = "FILE", requires = "folder")]
    pub(super) import: Option<PathBuf>,
    /// Where those files lie, the old server's FileFolder.
    #[cfg(feature = "vendor")]
    #[arg(long, value_name = "DIR", requires = "import")]
    pub(super) folder: Option<PathBuf>,
    /// What release 1 runs on.
    #[cfg(feature = "vendor")]
    #[arg(long, value_name = "NAME", requires = "import", default_value = "any")]
    pub(super) platform: Platform,
}

/// `updraft publish`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    updraft publish ./build --to ./repo --version 2.1.0 --notes notes.en.md notes.zh-CN.md\n  \
    updraft publish ./build --to ./repo --version 2.1.1 --forced --minimum 2.0.0\n  \
    updraft publish ./build --to ./repo --version 2.2.0 --dry-run")]
pub(super) struct Publish {
    /// The folder with the files of the program, all of them.
    pub(super) folder: PathBuf,
    /// The repository: a folder, s3://bucket/prefix, az://container/prefix or gs://bucket/prefix.
    #[arg(long = "to", value_name = "REPO", value_parser = place())]
    pub(super) to: Place,
    #[command(flatten)]
    pub(super) endpoint: EndpointArg,
    /// The version as people read it.
    #[arg(long, value_name = "V")]
    pub(super) version: Version,
    /// The name of the program, if the repository does not say it.
    #[arg(long, value_name = "NAME")]
    pub(super) app: Option<App>,
    /// The channel.
    #[arg(long, value_name = "NAME", default_value = "stable")]
    pub(super) channel: Channel,
    /// What it runs on: windows-x86_64, macos-aarch64, linux-x86_64, ..., or any [default: this machine's].
    #[arg(long, value_name = "NAME")]
    pub(super) platform: Option<Platform>,
    /// The program may not be started without this update.
    #[arg(long)]
    pub(super) forced: bool,
    /// Installs below this published version must update before the program may start.
    #[arg(long, value_name = "V")]
    pub(super) minimum: Option<Version>,
    /// Only installs of this published version or later go to it at once; older ones are brought to one of those
    /// first [default: as before].
    #[arg(long, value_name = "V", conflicts_with = "no_barrier")]
    pub(super) barrier: Option<Version>,
    /// Every install goes to it at once, though the release before had a barrier.
    #[arg(long)]
    pub(super) no_barrier: bool,
    #[command(flatten)]
    pub(super) spread: NewSpread,
    /// Release notes in Markdown; the language is read from the name: notes.en.md, notes.zh-CN.md.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(super) notes: Vec<PathBuf>,
    /// The program to start after the update [default: as before, or the only program at the top of FOLDER].
    #[arg(long, value_name = "PATH")]
    pub(super) start: Option<String>,
    /// More files of FOLDER that a person or the system starts [default: as before].
    #[arg(long = "entry", value_name = "PATH")]
    pub(super) entries: Vec<String>,
    /// The new version says by itself that it is well; without it an update goes back [default: as before].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) confirm_health: Option<bool>,
    /// Seconds it has for that, or must stay alive [default: as before, or 10].
    #[arg(long, value_name = "N")]
    pub(super) health_seconds: Option<u32>,
    /// Leave out what matches, such as "*.pdb" or "logs/**".
    #[arg(long, value_name = "GLOB")]
    pub(super) exclude: Vec<String>,
    /// Files that stay when the user changed them; the new default is laid beside as NAME.new [default: as
    /// before].
    #[arg(long, value_name = "GLOB")]
    pub(super) keep_if_modified: Vec<String>,
    /// Files that are written where there is none, and then belong to the user [default: as before].
    #[arg(long, value_name = "GLOB")]
    pub(super) once: Vec<String>,
    /// Files of which the release's copy counts again; the user's is kept aside.
    #[arg(long, value_name = "GLOB")]
    pub(super) replace: Vec<String>,
    #[command(flatten)]
    pub(super) keys: KeyArgs,
    /// Compress quickly instead of well.
    #[arg(long)]
    pub(super) fast: bool,
    /// Make one object of each file, for installs whose updater knows no packs.
    #[arg(long)]
    pub(super) whole: bool,
    /// Make deltas from so many releases before.
    #[arg(long, value_name = "K", default_value_t = DELTAS)]
    pub(super) deltas: usize,
    /// Make one from this published version too, however old it is.
    #[arg(long, value_name = "V")]
    pub(super) delta_from: Vec<Version>,
    /// How deltas are made [default: best; with --fast: fast].
    #[arg(long, value_name = "HOW")]
    pub(super) delta: Option<DeltaHow>,
    /// About how much memory making a delta may take, such as 500M or 4G.
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = memory)]
    pub(super) memory: u64,
    /// Say what would change and what each older release would download; write nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
    /// Sign with this time instead of now (YYYY-MM-DDTHH:MM:SSZ).
    #[arg(long, value_name = "TIME")]
    pub(super) time: Option<Stamp>,
    /// Days until the timestamp runs out: more for bundles and machines that are seldom reached.
    #[arg(long, value_name = "N", default_value_t = TIMESTAMP_DAYS, value_parser = days())]
    pub(super) days: u32,
}

/// How deltas are made.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum DeltaHow {
    /// Quickly, for up to a third more bytes.
    Fast,
    /// As small as it gets while it is applied at once.
    Best,
    /// As small as it gets: a tenth fewer bytes of programs, which take seconds to apply.
    Smallest,
    /// Not at all.
    None,
}

/// A size with one of the letters K, M or G behind it, each 1,024 times the one before; at least 64M.
fn memory(text: &str) -> Result<u64, String> {
    let wrong = || format!("\u{ab}{text}\u{bb} is no size; write it as 500M or 4G, at least 64M");
    let digits = text.trim_end_matches(['K', 'M', 'G', 'k', 'm', 'g']);
    let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_why| wrong())?;
    let bytes = number.checked_mul(1 << shift).ok_or_else(wrong)?;
    if bytes >= 64 << 20 { Ok(bytes) } else { Err(wrong()) }
}

/// `updraft verify`
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    pub(super) repo: RepoArg,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// `updraft renew`
#[derive(Debug, Args)]
pub(super) struct Renew {
    #[command(flatten)]
    pub(super) repo: RepoArg,
    #[command(flatten)]
    pub(super) keys: KeyArgs,
    #[command(flatten)]
    pub(super) days: DaysArg,
}

/// `updraft bundle`
#[derive(Debug, Subcommand)]
pub(super) enum Bundle {
    /// Writes the newest release of each channel and platform, or more or less than that, into one file.
    Export(BundleExport),
    /// Merges a bundle into a repository folder, or makes a new one of it.
    Import(BundleImport),
    /// Shows what a bundle holds, whose keys signed it, and how long it is good.
    List(BundleLook),
    /// The same, and reads and checks every byte.
    Verify(BundleLook),
}

/// `updraft bundle export`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    updraft bundle export ./repo --out MyApp.updraft\n  \
    updraft bundle export ./repo --out small.updraft --platform windows-x86_64 --from-release 7\n  \
    updraft bundle export ./repo --out mirror.updraft --all\n\n\
    An install takes it as a source: updater --source MyApp.updraft")]
pub(super) struct BundleExport {
    /// The repository.
    pub(super) repo: PathBuf,
    /// The file to write; one of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// Only this channel; may be given several times [default: all].
    #[arg(long = "channel", value_name = "NAME")]
    pub(super) channels: Vec<Channel>,
    /// Only this platform; may be given several times [default: all].
    #[arg(long = "platform", value_name = "NAME")]
    pub(super) platforms: Vec<Platform>,
    /// Every release, for a complete mirror and for installs that repair an older release.
    #[arg(long)]
    pub(super) all: bool,
    /// Leave out what installs of this release and later ones have already.
    #[arg(long, value_name = "NUMBER", conflicts_with = "all")]
    pub(super) from_release: Option<u64>,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// `updraft bundle import`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  updraft bundle import MyApp.updraft ./www/MyApp\n\n\
    A repository takes only what its own keys have signed, and nothing older than it has. A new folder trusts\n\
    the keys in the bundle from then on, and says which; with --root only those that are known already.")]
pub(super) struct BundleImport {
    /// The bundle.
    pub(super) file: PathBuf,
    /// The repository, or a new folder.
    pub(super) repo: PathBuf,
    /// The root.json of an install or a vendor: refuse what it does not lead to.
    #[arg(long, value_name = "FILE")]
    pub(super) root: Option<PathBuf>,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// `updraft bundle list` and `verify`
#[derive(Debug, Args)]
pub(super) struct BundleLook {
    /// The bundle.
    pub(super) file: PathBuf,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// `updraft mirror`
#[derive(Debug, Subcommand)]
pub(super) enum Mirror {
    /// Adds a place; installs ask it after those in their settings.
    Add(MirrorChange),
    /// Removes a place.
    Remove(MirrorChange),
    /// Shows the places, in the order in which they are asked.
    List(MirrorList),
}

/// `updraft mirror add` and `remove`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  updraft mirror add ./repo https://mirror.example/MyApp --keys ~/keys/MyApp"
)]
pub(super) struct MirrorChange {
    #[command(flatten)]
    pub(super) repo: RepoArg,
    /// The address, with http or https.
    pub(super) url: String,
    #[command(flatten)]
    pub(super) keys: KeyArgs,
    #[command(flatten)]
    pub(super) days: DaysArg,
}

/// `updraft mirror list`
#[derive(Debug, Args)]
pub(super) struct MirrorList {
    #[command(flatten)]
    pub(super) repo: RepoArg,
}

/// Days a timestamp is good unless said otherwise.
pub(super) const TIMESTAMP_DAYS: u32 = 60;

/// From a day to ten years, which is what root is good for.
pub(super) fn days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=3650)
}

/// Reads a percentage with at most two decimals as basis points.
pub(super) fn basis_points(text: &str) -> Result<u32, String> {
    let wrong = || "write a percentage from 0 to 100 with at most two decimals, such as 2.5%".to_owned();
    let number = text.strip_suffix('%').unwrap_or(text);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || part.len() > 2 || !digits(whole) || !digits(part) {
        return Err(wrong());
    }
    let points: u32 = format!("{whole}{part:0<2}").parse().map_err(|_why| wrong())?;
    if points <= 10_000 { Ok(points) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_read_exactly() {
        let read: Vec<u32> =
            ["0", "5%", "0.5%", "2.25", "100%"].iter().map(|t| basis_points(t).unwrap()).collect();
        assert_eq!(read, [0, 500, 50, 225, 10_000]);
        for bad in ["", "%", "-1", "101", "1.234", "+5", "1e1", "5 %"] {
            assert!(basis_points(bad).is_err(), "{bad}");
        }
    }
}
