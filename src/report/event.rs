//! The one type by which an update speaks.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::release::{NoteVersions, Notes, RelPath, ReleaseNumber, Urgency, Version};

use super::{Failure, Holder, Remedy};

/// Something an update says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// Essential: a reporter gets every one, in order.
    Step(Step),
    /// Droppable: only the newest counts.
    Progress(Progress),
}

/// A release by number and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRef {
    /// Its number; 0 when nothing is installed.
    pub number: ReleaseNumber,
    /// Its version; nothing when nothing is installed.
    pub version: Option<Version>,
}

/// A newer release, as it is put to the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What is installed.
    pub installed: ReleaseRef,
    /// What is offered.
    pub release: ReleaseRef,
    /// Whether the program may be started without it.
    pub urgency: Urgency,
    /// Bytes to fetch, as far as known before the plan.
    pub download_bytes: u64,
    /// Notes of the releases between, by release and language.
    #[serde(default, skip_serializing_if = "Notes::is_empty")]
    pub notes: Notes,
    /// The versions whose notes they are.
    #[serde(default, skip_serializing_if = "NoteVersions::is_empty")]
    pub versions: NoteVersions,
}

/// What a plan comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Files added.
    pub add: u64,
    /// Files replaced.
    pub update: u64,
    /// Files removed.
    pub remove: u64,
    /// Files left as they are.
    pub keep: u64,
    /// Files to fetch.
    pub fetch_files: u64,
    /// Bytes to fetch.
    pub fetch_bytes: u64,
}

/// What an update has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// What was installed before.
    pub from: ReleaseRef,
    /// What is installed now.
    pub to: ReleaseRef,
    /// What was done.
    pub totals: Totals,
}

/// An essential event: a fact reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Step {
    /// An interrupted swap was found and ended.
    Recovered {
        /// Whether the new version stands now; otherwise the old one does.
        forward: bool,
    },
    /// The repository is being asked.
    Checking {
        /// The first source asked.
        source: String,
    },
    /// The first bytes came from a source.
    SourceUsed {
        /// The source.
        source: String,
    },
    /// Nothing new.
    UpToDate {
        /// What is installed.
        installed: ReleaseRef,
    },
    /// A newer release was found.
    Offered(Offer),
    /// The person has answered; the update goes on.
    Accepted,
    /// The plan is made.
    Planned(Totals),
    /// Content is being fetched.
    Downloading,
    /// The connection broke.
    Interrupted {
        /// Tries since the last byte.
        attempt: u32,
        /// Seconds to the next try.
        retry_in: u64,
        /// What happened.
        reason: String,
    },
    /// A source was given up for now in favour of the next.
    MirrorLeft {
        /// The source left.
        source: String,
        /// Why.
        reason: String,
    },
    /// Bytes flow again.
    Continued,
    /// The person paused the update.
    Paused,
    /// The person let it go on.
    Unpaused,
    /// All content is here and verified, nothing of the install is changed.
    Staged,
    /// The program must end first.
    WaitingForHost {
        /// The first process that must end.
        pid: u32,
        /// All that use files of the program; told again when they change.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        holders: Vec<Holder>,
    },
    /// The update was put off to the next start of the updater, which then asks no more.
    Deferred {
        /// The release.
        release: ReleaseRef,
    },
    /// Files are being switched; there is no cancel any more.
    Installing,
    /// The new version stands.
    Installed(Installed),
    /// The program was started.
    Started {
        /// The program.
        program: PathBuf,
        /// Its process.
        pid: u32,
    },
    /// The new version said, or showed, that it lives.
    Confirmed,
    /// The update went back.
    RolledBack {
        /// The release that did not live.
        from: ReleaseRef,
        /// The release that stands.
        to: ReleaseRef,
        /// Why; empty if a person asked for it.
        reason: String,
    },
    /// The person declined.
    Declined {
        /// Whether this version is not to be offered again.
        skip: bool,
    },
    /// The person or the host cancelled; nothing is changed.
    Cancelled,
    /// The update could not be done.
    Failed {
        /// Why.
        #[serde(flatten)]
        failure: Failure,
        /// The version that works.
        installed: ReleaseRef,
        /// Where the log is.
        log: Option<PathBuf>,
        /// Whether the program may be started as it is.
        may_start: bool,
        /// What would help, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remedy: Option<Remedy>,
    },
    /// A remark for the log and for people who want details.
    Message {
        /// The text.
        text: String,
    },
}

/// What a progress value counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgressPhase {
    /// Bytes of the install read to see what is there.
    Scan,
    /// Bytes fetched.
    #[default]
    Download,
    /// Bytes unpacked and laid ready.
    Stage,
    /// Files switched.
    Install,
}

/// How far an update is. Bytes never go back within one phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What is measured.
    pub phase: ProgressPhase,
    /// Bytes or files done.
    pub done: u64,
    /// Bytes or files in all.
    pub total: u64,
    /// The file at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<RelPath>,
    /// The place of that file, from 1.
    pub file_index: u64,
    /// Files in all.
    pub file_count: u64,
    /// Bytes done of that file.
    pub file_done: u64,
    /// Bytes of that file.
    pub file_total: u64,
    /// Bytes a second over the last seconds.
    pub speed: u64,
    /// Seconds left at that speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
}
