//! The arguments of `updater`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::host::Handover;
use crate::platform::ProcessId;
use crate::settings::Fragment;

/// Keeps the program it lies beside up to date.
///
/// Without a command it looks for a newer version, asks, updates and starts the program: what a double-click
/// does. Exit codes: 0 done or nothing to do, 10 an update is available (check), 11 it is required, 20
/// cancelled, 30 network, 40 trust, 50 disk or permission, 60 the program or another updater is busy, 64 usage,
/// 70 rolled back.
#[derive(Debug, Clone, Parser)]
#[command(name = "updater", version, max_term_width = 100, args_conflicts_with_subcommands = false)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where and how.
    #[command(flatten)]
    pub common: Common,
    /// Who handed over.
    #[command(flatten)]
    pub handover: HandoverArgs,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Say whether there is a newer version, and end.
    Check,
    /// Update to the newest version.
    Update {
        /// The arguments to start the program with.
        #[arg(last = true, value_name = "ARGUMENT")]
        args: Vec<OsString>,
    },
    /// Update an install that belongs to the system, for all its users; an administrator runs this, through pkexec
    /// or sudo. Takes nothing from its caller: no other option but --json, no variable, and it starts no program.
    UpdateForAll,
    /// Show what an update would do to each file.
    Plan,
    /// Say whether updates can be installed here: rights, volumes, room. No network, changes nothing.
    CanUpdate,
    /// Compare every file with what the installed version laid down. No network, changes nothing.
    Verify,
    /// Bring back the files of the installed version as they were signed.
    Repair,
    /// Bring back the version before; works without network.
    Rollback,
    /// Say what is installed.
    Status,
    /// Say that the program is well after an update.
    Confirm,
    /// Show the settings and where each comes from.
    Config,
    /// Remove the files of the installed version and what the updater remembers, for uninstallers. Files that are
    /// yours stay; the updater's own program, settings and keys are left to who laid them there.
    Uninstall {
        /// Really do it.
        #[arg(long)]
        yes: bool,
    },
    /// Look whether this updater can work in this install: settings, record, keys and metadata. Changes nothing.
    SelfCheck {
        /// Settings that are to take the place of those there.
        #[arg(long, value_name = "FILE")]
        new_config: Option<PathBuf>,
    },
}

/// Where and how.
#[derive(Debug, Clone, Default, PartialEq, ClapArgs)]
pub struct Common {
    /// The folder of the program; the one above the updater's if not given.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub install: Option<PathBuf>,
    /// The settings file; updater.json beside the updater if not given.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// No window, text on the terminal.
    #[arg(long, global = true)]
    pub headless: bool,
    /// No window, one JSON object a line on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// A person asks: offer also a version that was skipped, or was offered a moment ago.
    #[arg(long, global = true)]
    pub by_hand: bool,
    /// In the window: take an optional version without asking. Without a window every version is taken.
    #[arg(long, global = true)]
    pub accept: bool,
    /// Nobody asked for the window: it does not take the focus, only calls for attention.
    #[arg(long, global = true)]
    pub background: bool,
    /// Ask the program to close, if it is yours, instead of waiting until you close it. It is never killed.
    #[arg(long, global = true)]
    pub close_program: bool,
    /// Do not start the program afterwards.
    #[arg(long, global = true)]
    pub no_start: bool,
    /// Where releases come from: an address, a folder, or the file of a bundle; may be given several times.
    #[arg(long = "source", global = true, value_name = "URL|FILE")]
    pub sources: Vec<String>,
    /// The stream of releases to follow.
    #[arg(long, global = true)]
    pub channel: Option<String>,
    /// The platform, if it is not that of this machine.
    #[arg(long, global = true)]
    pub platform: Option<String>,
    /// The language of the window: de, en, es, fr, ja, ru, zh-CN, zh-TW.
    #[arg(long, global = true, value_name = "TAG")]
    pub language: Option<String>,
    /// Who paints the window: gl (the graphics card), software (the processor), headless (no window), auto.
    #[arg(long, global = true, value_name = "WHO")]
    pub renderer: Option<String>,
    /// A proxy for http and https: http://user:password@host:port, or "direct" for none.
    #[arg(long, global = true, value_name = "URL")]
    pub proxy: Option<String>,
    /// Hosts reached without proxy: names, addresses, networks, `<local>` for the local network.
    #[arg(long, global = true, value_name = "HOSTS")]
    pub no_proxy: Option<String>,
    /// A file of certificates (PEM) to trust beside the system's.
    #[arg(long, global = true, value_name = "FILE")]
    pub ca: Option<String>,
    /// Most bytes to fetch a second.
    #[arg(long, global = true, value_name = "BYTES")]
    pub limit: Option<u64>,
    /// Seconds a check may take.
    #[arg(long, global = true, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// Who handed over; set by the program through the library.
#[derive(Debug, Clone, Default, PartialEq, ClapArgs)]
pub struct HandoverArgs {
    /// The process to wait for.
    #[arg(long, global = true, value_name = "PID")]
    pub wait_pid: Option<u32>,
    /// When that process started, in the system's own unit.
    #[arg(long, global = true, hide = true, requires = "wait_pid")]
    pub wait_started: Option<u64>,
    /// The folder to start the program in.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub cwd: Option<PathBuf>,
    /// The arguments to start the program with.
    #[arg(last = true, value_name = "ARGUMENT")]
    pub args: Vec<OsString>,
}

impl Args {
    /// Who handed over.
    #[must_use]
    pub fn handover(&self) -> Handover {
        let mut handover = self.handover.handover();
        if let Some(Command::Update { args }) = &self.command {
            handover.args.extend(args.iter().cloned());
        }
        handover
    }

    /// Whether a person asks: by the flag, or by starting the updater itself.
    #[must_use]
    pub fn is_by_hand(&self) -> bool {
        let by_itself = matches!(self.command, Some(Command::Check)) || self.handover.wait_pid.is_some();
        self.common.by_hand || !by_itself
    }
}

impl HandoverArgs {
    fn handover(&self) -> Handover {
        let process = self.wait_pid.map(|pid| match self.wait_started {
            Some(started) => ProcessId { pid, started },
            None => crate::platform::process::find(pid).unwrap_or(ProcessId { pid, started: 0 }),
        });
        Handover { process, folder: self.cwd.clone(), args: self.args.clone() }
    }
}

/// A folder or file that is there is named as it is on a command line; everything else is left as it is.
fn whole(source: &str) -> String {
    let path = std::path::Path::new(source);
    let is_here = !path.is_absolute() && !source.contains("://") && crate::fsx::stat_follow(path).is_ok();
    let absolute = if is_here { std::path::absolute(path).ok() } else { None };
    absolute.and_then(|path| path.into_os_string().into_string().ok()).unwrap_or_else(|| source.to_owned())
}

impl Common {
    /// What these arguments say about settings.
    #[must_use]
    pub fn fragment(&self) -> Fragment {
        let mut said = Fragment {
            sources: (!self.sources.is_empty())
                .then(|| self.sources.iter().map(|text| whole(text)).collect()),
            channel: self.channel.clone(),
            platform: self.platform.clone(),
            language: self.language.clone(),
            renderer: self.renderer.clone(),
            proxy: self.proxy.clone(),
            no_proxy: self.no_proxy.clone(),
            ca: self.ca.clone(),
            limit: self.limit,
            ..Fragment::default()
        };
        said.check.timeout = self.timeout;
        said
    }
}
