//! The states of an update, each named after what has been reached and holding what that state knows.

use crate::install::{Guard, HostGone, Record, Stage};
use crate::plan::{Choice, Inventory, Plan};
use crate::platform::Spawned;
use crate::report::{Installed as Done, Offer};
use crate::transfer::Fetched as Content;
use crate::trust::{TrustedRelease, TrustedRepository};

use super::run::Outcome;
use super::supply::Road;

/// What every state but the last carries: the lock on the install and its record.
pub(super) struct Desk {
    pub guard: Guard,
    pub record: Record,
}

/// The install is ours and no interrupted swap is left.
pub(super) struct Opened {
    pub desk: Desk,
}

/// The repository was asked and its answer verified.
pub(super) struct Checked {
    pub desk: Desk,
    pub repository: TrustedRepository,
    pub choice: Choice,
}

/// A release is put to the person.
pub(super) struct Offered {
    pub desk: Desk,
    pub release: TrustedRelease,
    pub offer: Offer,
}

/// A release will be installed.
pub(super) struct Accepted {
    pub desk: Desk,
    pub release: TrustedRelease,
}

/// It is known what happens to each file, and that it can be done here.
pub(super) struct Planned {
    pub desk: Desk,
    pub release: TrustedRelease,
    pub plan: Plan,
    pub inventory: Inventory,
    pub road: Road,
}

/// All content is on the disk, verified.
pub(super) struct Fetched {
    pub desk: Desk,
    pub release: TrustedRelease,
    pub plan: Plan,
    pub content: Content,
    /// Bytes put together so far, which the progress of staging begins with.
    pub assembled: u64,
}

/// All new files lie ready on the install's volume.
pub(super) struct Staged {
    pub desk: Desk,
    pub stage: Stage,
    pub done: Done,
}

/// The program has ended.
pub(super) struct HostClosed {
    pub desk: Desk,
    pub stage: Stage,
    pub gone: HostGone,
    pub done: Done,
}

/// The new version stands.
pub(super) struct Installed {
    pub desk: Desk,
    pub done: Done,
}

/// The new version was started.
pub(super) struct Restarted {
    pub desk: Desk,
    pub done: Done,
    pub program: Spawned,
}

/// An update at one of its states.
pub(super) enum State {
    Opened(Box<Opened>),
    Checked(Box<Checked>),
    Offered(Box<Offered>),
    Accepted(Box<Accepted>),
    Planned(Box<Planned>),
    Fetched(Box<Fetched>),
    Staged(Box<Staged>),
    HostClosed(Box<HostClosed>),
    Installed(Box<Installed>),
    Restarted(Box<Restarted>),
    Ended(Outcome),
}
