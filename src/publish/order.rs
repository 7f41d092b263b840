//! What `publish` is asked for and what it answers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::release::{
    App, Channel, Platform, Policy, RelPath, ReleaseNumber, Rollout, Stamp, Urgency, Version,
};
use crate::trust::sign::{Lifetimes, Unlock};

use super::{Changes, Effort, Forecast, Place};

/// Releases before the new one that deltas are made from, unless something else is asked for.
pub const DELTAS: usize = 5;

/// How deltas are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeltaWish {
    /// None at all.
    None,
    /// Quickly.
    Fast,
    /// As small as it gets while it is applied at once.
    #[default]
    Best,
    /// As small as it gets.
    Smallest,
}

/// What `publish` is asked for.
#[derive(Debug, Clone)]
pub struct Order {
    /// The folder with the files of the release.
    pub folder: PathBuf,
    /// The repository.
    pub repository: Place,
    /// The version of the release.
    pub version: Version,
    /// The program; needed only if the repository does not say.
    pub app: Option<App>,
    /// The channel.
    pub channel: Channel,
    /// What the release runs on.
    pub platform: Platform,
    /// Whether it may be declined.
    pub urgency: Urgency,
    /// The version below which an install must update before the program may start.
    pub minimum: Option<Version>,
    /// The version an install must have to go to it at once.
    pub barrier: Barrier,
    /// Who may have it yet; everybody if nothing is said.
    pub rollout: Option<Rollout>,
    /// Files of notes, one for each language.
    pub notes: Vec<PathBuf>,
    /// Notes by language, beside those in files; of a language in both these count.
    pub texts: BTreeMap<String, String>,
    /// The program to start; nothing to keep the one of the release before, or to find it.
    pub start: Option<String>,
    /// Further files that a person or the system starts; empty to keep those of the release before.
    pub entries: Vec<String>,
    /// Whether the program says by itself that it is well; nothing to keep what the release before says.
    pub confirm_health: Option<bool>,
    /// Seconds it has for that; nothing to keep what the release before says.
    pub health_seconds: Option<u32>,
    /// Patterns of files that are left out.
    pub exclude: Vec<String>,
    /// Patterns of files with another policy than in the release before.
    pub policies: Vec<(String, Policy)>,
    /// The folder with the keys; nothing for the usual place.
    pub keys: Option<PathBuf>,
    /// What opens them.
    pub unlock: Unlock,
    /// How hard to compress.
    pub effort: Effort,
    /// Whether each file becomes an object of its own, as updaters before packs need it.
    pub whole: bool,
    /// Deltas are made from so many releases before.
    pub deltas: usize,
    /// And from these versions, however old.
    pub delta_from: Vec<Version>,
    /// How deltas are made.
    pub delta: DeltaWish,
    /// About how many bytes of memory making a delta may take.
    pub memory: u64,
    /// Whether to stop before anything is written.
    pub dry_run: bool,
    /// The time to sign with.
    pub now: Stamp,
    /// How long signatures hold.
    pub lifetimes: Lifetimes,
    /// Threads to use; 0 to choose by the machine.
    pub threads: usize,
}

impl Order {
    /// An order with nothing special about it.
    #[must_use]
    pub fn new(folder: PathBuf, repository: impl Into<Place>, version: Version) -> Self {
        Self {
            folder,
            repository: repository.into(),
            version,
            app: None,
            channel: Channel::stable(),
            platform: Platform::current(),
            urgency: Urgency::Optional,
            minimum: None,
            barrier: Barrier::AsBefore,
            rollout: None,
            notes: Vec::new(),
            texts: BTreeMap::new(),
            start: None,
            entries: Vec::new(),
            confirm_health: None,
            health_seconds: None,
            exclude: Vec::new(),
            policies: Vec::new(),
            keys: None,
            unlock: Unlock::default(),
            effort: Effort::Small,
            whole: false,
            deltas: DELTAS,
            delta_from: Vec::new(),
            delta: DeltaWish::Best,
            memory: 2 << 30,
            dry_run: false,
            now: Stamp::now(),
            lifetimes: Lifetimes::default(),
            threads: 0,
        }
    }
}

/// Which installs can go to a release at once; all others are brought to one of these versions first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Barrier {
    /// Those of the release before.
    #[default]
    AsBefore,
    /// All.
    None,
    /// Those of this published version and later ones.
    From(Version),
}

/// What a publish came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The program.
    pub app: App,
    /// The channel.
    pub channel: Channel,
    /// What the release runs on.
    pub platform: Platform,
    /// The version asked for; if nothing changed, that of the newest release.
    pub version: Version,
    /// The number of the release; if nothing changed, that of the newest.
    pub number: ReleaseNumber,
    /// Whether a release was made.
    pub published: bool,
    /// Whether it was only tried.
    pub dry_run: bool,
    /// Files and links of the release.
    pub files: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// The program that will be started, if there is one.
    pub start: Option<String>,
    /// Files that stay as the user leaves them, with their policy.
    pub policies: BTreeMap<RelPath, Policy>,
    /// What it changes against the release before.
    #[serde(flatten)]
    pub changes: Changes,
    /// Objects made for it.
    pub new_objects: u64,
    /// Bytes of those.
    pub new_bytes: u64,
    /// Bytes that a new install downloads.
    pub full_download: u64,
    /// What the releases before it download, the newest first.
    pub downloads: Vec<Forecast>,
    /// When the timestamp of the repository runs out, as it stands after this.
    pub expires: Stamp,
}

impl Report {
    /// Whether the folder was already the newest release.
    #[must_use]
    pub fn nothing_changed(&self) -> bool {
        self.changes.is_empty()
    }
}

/// What a publish is at work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading and hashing the folder.
    Read,
    /// Cutting what is new into chunks.
    Cut,
    /// Compressing what is new.
    Pack,
    /// Making deltas from older releases.
    Delta,
    /// Sending it to a store.
    Send,
}
