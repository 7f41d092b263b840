//! Stable names of everything that can go wrong, and the failure as a person reads it.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal => $exit:literal,)*) => {
        /// A stable error code; scripts and support pages may rely on its text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as text.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The exit code of a program that ends with it.
            #[must_use]
            pub fn exit(self) -> u8 {
                match self { $(Self::$name => $exit,)* }
            }
        }
    };
}

codes! {
    /// The command line can't be understood.
    Usage = "usage" => 64,
    /// A configuration file is missing or damaged.
    Config = "config" => 64,
    /// The person or the host cancelled.
    Cancelled = "cancelled" => 20,
    /// The server can't be reached in time.
    Unreachable = "network.unreachable" => 30,
    /// The server answered, but not with what was asked for.
    BadAnswer = "network.answer" => 30,
    /// An object the release needs is on no mirror.
    Missing = "network.missing" => 30,
    /// The connection is refused because of its certificate or its redirects.
    Insecure = "network.insecure" => 30,
    /// A signature is missing or wrong.
    Signature = "trust.signature" => 40,
    /// The metadata is out of date.
    Expired = "trust.expired" => 40,
    /// The metadata is older than what was seen before.
    Replay = "trust.rollback" => 40,
    /// The parts of the metadata do not belong together.
    Mismatch = "trust.mismatch" => 40,
    /// The metadata or the manifest can't be read.
    Malformed = "trust.malformed" => 40,
    /// The manifest is of a later format.
    NewerFormat = "trust.newer-format" => 40,
    /// Content does not have the digest that was signed.
    Corrupt = "trust.content" => 40,
    /// There is no trusted root key beside the updater.
    NoRoot = "trust.no-root" => 40,
    /// A signing key is missing, damaged or of the wrong role.
    Key = "key" => 40,
    /// There is not enough room on the volume.
    NoSpace = "disk.space" => 50,
    /// A file or folder may not be written or read.
    Permission = "disk.permission" => 50,
    /// The volume can only be read.
    ReadOnly = "disk.read-only" => 50,
    /// A folder of the program is on another volume than the updater.
    OtherVolume = "disk.other-volume" => 50,
    /// Something of the user stands where a file or folder must go.
    InTheWay = "disk.in-the-way" => 50,
    /// The program lies where the system keeps things for a while only.
    PassingPlace = "disk.passing-place" => 50,
    /// Files of the installed release are missing or changed.
    Damaged = "install.damaged" => 50,
    /// The disk reported an error.
    Disk = "disk.io" => 50,
    /// A path of the release can't exist on this machine.
    PathTooLong = "disk.path" => 50,
    /// The repository folder or bundle is damaged, incomplete, or none at all.
    Repository = "repository" => 50,
    /// The state of an interrupted update can't be understood.
    Journal = "state.journal" => 50,
    /// The program still runs.
    HostRuns = "busy.program" => 60,
    /// Another updater is at work in the same install.
    Locked = "busy.updater" => 60,
    /// Another publisher is at work in the same repository, or was faster.
    Overtaken = "busy.publisher" => 60,
    /// A file is held open by another process.
    InUse = "busy.file" => 60,
    /// The new version did not live; the old one is back.
    RolledBack = "rolled-back" => 70,
    /// The release brings an updater that does not work here.
    Updater = "release.updater" => 50,
    /// The program can't be started.
    Start = "start" => 50,
    /// A defect of the updater itself.
    Internal = "internal" => 1,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = Self::ALL.iter().copied().find(|code| code.as_str() == text);
        known.ok_or_else(|| serde::de::Error::custom(format!("unknown error code {text}")))
    }
}

/// An error that knows its code and what a person can do about it.
///
/// Every operation has its own error enum; this is what they have in common.
pub trait Fault: std::error::Error {
    /// The stable code.
    fn code(&self) -> ErrorCode;

    /// What to do about it, as one sentence.
    fn hint(&self) -> Option<String> {
        None
    }

    /// What would help, in a form that a window can make a button of.
    fn remedy(&self) -> Option<super::Remedy> {
        None
    }
}

/// An error as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The stable code.
    pub code: ErrorCode,
    /// What happened and where, one sentence.
    pub message: String,
    /// What to do, one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Failure {
    /// The failure that `fault` is, with its causes.
    #[must_use]
    pub fn of(fault: &dyn Fault) -> Self {
        let mut message = fault.to_string();
        let mut cause = fault.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = inner.source();
        }
        Self { code: fault.code(), message, hint: fault.hint() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)?;
        self.hint.iter().try_for_each(|hint| write!(f, "\n{hint}"))
    }
}
