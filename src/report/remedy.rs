//! What would help after a failure, in a form that a window can make a button or a line of.

use serde::{Deserialize, Serialize};

use super::{Failure, Fault};

/// What would help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Remedy {
    /// To try again, as soon as the cause has passed.
    Retry,
    /// To free space on the volume.
    FreeSpace {
        /// Bytes the update needs.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// To close the programs that use the files.
    ClosePrograms,
    /// To start the program although a required update can't be had; the settings allow it.
    StartAnyway,
    /// To run the updater as a user who may write there.
    OtherUser {
        /// The user the folder belongs to, if the system tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// Whether the updater can do it in one step with rights the system asks the person for.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        for_all: bool,
    },
    /// To move the whole program to another folder.
    MoveProgram,
    /// To move away what stands in the place of a file or folder of the release.
    MoveAway {
        /// The path below the program's folder.
        path: String,
    },
}

/// Something that keeps updates from being installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// Its stable code, a sentence, and what to do.
    #[serde(flatten)]
    pub failure: Failure,
    /// What would help, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
}

impl Obstacle {
    /// The obstacle that `fault` is.
    #[must_use]
    pub fn of(fault: &dyn Fault) -> Self {
        Self { failure: Failure::of(fault), remedy: fault.remedy() }
    }
}
