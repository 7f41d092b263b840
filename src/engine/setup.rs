//! What an update needs to know before it begins.

use std::path::PathBuf;
use std::time::Duration;

use crate::host::Handover;
use crate::install::Install;
use crate::release::{App, Channel, Platform, RelPath};
use crate::source::Mirrors;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// To the newest release.
    Update,
    /// Back to the installed release as it was signed.
    Repair,
}

/// Who decides on an optional release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// A person, through [`Control`](crate::report::Control).
    Person,
    /// A person who has agreed to an optional release already, but sees all the rest.
    AgreedPerson,
    /// Nobody: every release is taken.
    Nobody,
}

/// Whether the program is started in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launch {
    /// Yes.
    Always,
    /// If it handed over.
    AfterHandover,
    /// No.
    Never,
}

/// What is done when the program does not close in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InUsePolicy {
    /// The update ends as failed; nothing was changed.
    #[default]
    Fail,
    /// The update is put off: the next start of the updater does it without asking again.
    Defer,
}

/// Everything an update is told.
pub struct Setup {
    /// The install.
    pub install: Install,
    /// The program, whose releases alone are taken.
    pub app: App,
    /// Where bytes come from.
    pub mirrors: Mirrors,
    /// The stream of releases followed.
    pub channel: Channel,
    /// The platforms whose releases fit, best first.
    pub platforms: Vec<Platform>,
    /// The program to start if the release does not say.
    pub start: Option<RelPath>,
    /// The program that handed over.
    pub handover: Handover,
    /// What is to be done.
    pub task: Task,
    /// Who decides.
    pub asking: Asking,
    /// Whether the program is started in the end.
    pub launch: Launch,
    /// Whether a person asked, and so sees what was skipped before.
    pub by_hand: bool,
    /// How long the check may take.
    pub check_timeout: Duration,
    /// How long the program may take to close.
    pub wait_for_program: Duration,
    /// What is done when that time is over.
    pub in_use: InUsePolicy,
    /// Whether whoever started the updater agreed beforehand that the program is asked to close.
    pub close_program: bool,
    /// Most bytes fetched a second.
    pub limit: Option<u64>,
    /// Whether the program may be started when a forced update can't be had.
    pub start_anyway: bool,
    /// The running updater's program file, which guards an open swap.
    pub stub: PathBuf,
    /// The log, for people who want details.
    pub log: Option<PathBuf>,
}
