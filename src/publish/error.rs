//! Why something could not be published.

use std::path::PathBuf;

use crate::fsx::FsError;
use crate::install::RecordError;
use crate::plan::{AssemblyError, PlanError};
use crate::release::{
    App, BundleError, Channel, InvalidName, InvalidPath, ManifestError, Platform, RelPath, Version,
};
use crate::report::{ErrorCode, Fault};
use crate::source::BundleFileError;
use crate::trust::TrustError;
use crate::trust::sign::SignError;

use super::store::StoreError;

/// Why `init`, `publish` or `renew` did nothing.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A file operation failed.
    #[error(transparent)]
    Fs(FsError),
    /// A store did not do what was asked.
    #[error(transparent)]
    Store(StoreError),
    /// Keys or the repository's own metadata are not as they must be.
    #[error(transparent)]
    Sign(SignError),
    /// The folder can't be a release.
    #[error("the folder can't be published: {0}")]
    Manifest(#[from] ManifestError),
    /// A name in the folder is not allowed.
    #[error("the folder can't be published: {0}")]
    Path(#[from] InvalidPath),
    /// An argument is no valid name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// No plan leads from an older release to the new one.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The index of a pack does not fit the release.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    /// The folder holds something that is neither file, folder nor link.
    #[error("\u{ab}{0}\u{bb} is neither a file, a folder nor a link and can't be published")]
    Special(RelPath),
    /// A link's target is not text.
    #[error("the link \u{ab}{0}\u{bb} says something that is not valid Unicode")]
    LinkText(RelPath),
    /// A pattern that gives files a policy matches none.
    #[error("no file of the release matches the pattern \u{ab}{0}\u{bb}")]
    NothingMeant(String),
    /// A program may not stay behind when the rest is updated.
    #[error("\u{ab}{0}\u{bb} is started by people or the system and can't stay as the user leaves it")]
    KeptEntry(RelPath),
    /// A file changed while it was read.
    #[error("\u{ab}{0}\u{bb} changed while it was being published")]
    Changing(RelPath),
    /// Files came or went while the folder was read.
    #[error("{} changed while it was being published", .0.display())]
    TreeChanging(PathBuf),
    /// What is to be published is not a folder.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// The folder is empty.
    #[error("{} holds nothing to publish", .0.display())]
    Nothing(PathBuf),
    /// The repository is no repository.
    #[error("{} is not a repository", .0.display())]
    NotARepository(PathBuf),
    /// There is a repository already.
    #[error("{} is a repository already", .0.display())]
    AlreadyARepository(PathBuf),
    /// The repository would be made in a folder with other things.
    #[error("{} is not empty and not a repository", .0.display())]
    NotEmpty(PathBuf),
    /// `project.json` can't be read.
    #[error("{} is damaged: {why}", path.display())]
    Project {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The repository is of another program.
    #[error("{} is the repository of \u{ab}{found}\u{bb}, not of \u{ab}{asked}\u{bb}", repository.display())]
    OtherApp {
        /// The repository.
        repository: PathBuf,
        /// Its program.
        found: App,
        /// The program named on the command line.
        asked: App,
    },
    /// Nobody says which program it is.
    #[error("{} does not say which program it is of", .0.display())]
    AppUnknown(PathBuf),
    /// Two folders that must be apart lie in each other.
    #[error("{what} {} must not lie in {}", inner.display(), outer.display())]
    Inside {
        /// What lies where it must not.
        what: &'static str,
        /// The inner folder.
        inner: PathBuf,
        /// The outer folder.
        outer: PathBuf,
    },
    /// A file to be published is a private key.
    #[error("\u{ab}{0}\u{bb} is one of the private keys")]
    KeyInTree(RelPath),
    /// Another publisher is at work.
    #[error("another publisher is at work in {}", .0.display())]
    Busy(PathBuf),
    /// In a store, somebody removes what nobody needs.
    #[error("updraft prune is at work in {}", .0.display())]
    Pruning(PathBuf),
    /// The version was published before.
    #[error("version {version} was already published to {channel} for {platform}, as {number}")]
    VersionUsed {
        /// The version.
        version: Version,
        /// The channel.
        channel: Channel,
        /// The platform.
        platform: Platform,
        /// The release that has it.
        number: crate::release::ReleaseNumber,
    },
    /// The version named by `--minimum` was never published there.
    #[error("no release on {channel} for {platform} has version {version}")]
    NoSuchVersion {
        /// The version.
        version: Version,
        /// The channel.
        channel: Channel,
        /// The platform.
        platform: Platform,
    },
    /// A file that is to say the version says none.
    #[error("{} says no version: {why}", file.display())]
    VersionFile {
        /// The file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// There is no such release to steer.
    #[error("there is no release {release} on {channel}{}", platform.as_ref().map(|p| format!(" for {p}")).unwrap_or_default())]
    NotFound {
        /// The release as it was named.
        release: String,
        /// The channel.
        channel: Channel,
        /// The platform, if one was named.
        platform: Option<Platform>,
    },
    /// A number means different versions on different platforms.
    #[error("that number means different versions: {}", .0.join(", "))]
    Ambiguous(Vec<String>),
    /// The release is the newest, so there is nothing to go back from.
    #[error("the release {0} is the newest: there is nothing to go back from")]
    NothingAfter(String),
    /// It is no repository, install, bundle, manifest, metadata or key.
    #[error("{} is nothing that Updraft knows", .0.display())]
    NothingOurs(PathBuf),
    /// The record of an install can't be read.
    #[error(transparent)]
    Record(RecordError),
    /// It is not clear which root key is meant.
    #[error("{}", match .0 {
        Some(named) => format!("no root key, or more than one, has a name that begins with {named}"),
        None => "it is not clear which root key is to be replaced".to_owned(),
    })]
    WhichRoot(Option<String>),
    /// More root keys would have to sign than there are.
    #[error("{threshold} of {keys} root keys can't sign")]
    Threshold {
        /// How many must sign.
        threshold: u64,
        /// How many there would be.
        keys: u64,
    },
    /// This program was built without stores.
    #[error("{0} can't be reached: this program was built without stores")]
    NoStores(String),
    /// A notes file is not text.
    #[error("{} is not UTF-8 text", .0.display())]
    NotesText(PathBuf),
    /// Two notes files are of the same language.
    #[error("{} is a second file of notes in the language {language}", file.display())]
    NotesTwice {
        /// The second file.
        file: PathBuf,
        /// The language.
        language: String,
    },
    /// A signed manifest of the repository is missing or altered.
    #[error("the release {file} of the repository is {what}")]
    Damaged {
        /// The manifest's file.
        file: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A bundle can't be read.
    #[error(transparent)]
    Bundle(#[from] BundleFileError),
    /// A bundle can't be made.
    #[error("the bundle can't be made: {0}")]
    BundleIndex(#[from] BundleError),
    /// The repository has no release to put into a bundle.
    #[error("{} has no release of that channel and platform", .0.display())]
    NoSuchRelease(PathBuf),
    /// The metadata in a bundle is not trusted.
    #[error("the bundle {} is refused: {error}", bundle.display())]
    Refused {
        /// The bundle.
        bundle: PathBuf,
        /// Why.
        #[source]
        error: TrustError,
    },
    /// Bundle and repository went on from the same state in different ways.
    #[error("{file} in {} is another one than in the bundle, though both have the same version", repository.display())]
    Forked {
        /// The repository.
        repository: PathBuf,
        /// The file that differs.
        file: String,
    },
    /// A release would lack content.
    #[error(
        "the bundle and the repository together lack {missing} objects of the release {release}, such as {object}"
    )]
    Incomplete {
        /// The release.
        release: String,
        /// How many objects are missing.
        missing: u64,
        /// One of them.
        object: String,
    },
    /// Installs served by the repository would find their newest release named and not there.
    #[error("the bundle leaves out the release {release}, and installs of that kind update from {}", repository.display())]
    LeftOut {
        /// The repository.
        repository: PathBuf,
        /// The release.
        release: String,
    },
    /// A mirror's address can't be used.
    #[error("the mirror \u{ab}{mirror}\u{bb} can't be used: {why}")]
    Mirror {
        /// The address.
        mirror: String,
        /// What is wrong with it.
        why: String,
    },
}

impl From<FsError> for PublishError {
    fn from(error: FsError) -> Self {
        StoreError::take(error).map_or_else(Self::Fs, Self::Store)
    }
}

impl From<SignError> for PublishError {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Fs(error) => error.into(),
            error => Self::Sign(error),
        }
    }
}

impl Fault for PublishError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::Sign(error) => error.code(),
            Self::Plan(error) => error.code(),
            Self::Assembly(error) => error.code(),
            Self::Changing(_) | Self::TreeChanging(_) => ErrorCode::InUse,
            Self::Store(error) => error.code(),
            Self::Record(error) => error.code(),
            Self::Busy(_) | Self::Pruning(_) => ErrorCode::Overtaken,
            Self::NotARepository(_)
            | Self::Project { .. }
            | Self::Damaged { .. }
            | Self::Incomplete { .. }
            | Self::LeftOut { .. } => ErrorCode::Repository,
            Self::Bundle(error) => error.code(),
            Self::Refused { error, .. } => error.code(),
            Self::Forked { .. } => ErrorCode::Mismatch,
            _ => ErrorCode::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Fs(error) => return error.hint(),
            Self::Store(error) => return error.hint(),
            Self::Sign(error) => return error.hint(),
            Self::Plan(error) => return error.hint(),
            Self::Assembly(error) => return error.hint(),
            Self::Manifest(ManifestError::NoSuchEntry(_)) => {
                "Name a file of the folder, with / between the parts, relative to the folder."
            }
            Self::Manifest(_) | Self::Path(_) | Self::Special(_) | Self::LinkText(_) => {
                "Rename or remove it, or leave it out with --exclude."
            }
            Self::NothingMeant(_) => "Correct the pattern: a name such as \"*.ini\", or a path from the top.",
            Self::KeptEntry(_) => "Narrow the pattern, or give the file back to the release with --replace.",
            Self::Changing(_) | Self::TreeChanging(_) => {
                "Nothing was published. Wait until the build has ended and publish again."
            }
            Self::NotAFolder(_) | Self::Nothing(_) => "Name the folder with the files of the program.",
            Self::NotARepository(_) => "Make one first: updraft init REPO --app NAME.",
            Self::AlreadyARepository(_) => "Publish to it, or name another folder.",
            Self::NotEmpty(_) => "Name a new or empty folder.",
            Self::Project { .. } => "Restore it from a backup; it says only {\"format\":1,\"app\":\"NAME\"}.",
            Self::OtherApp { .. } => "Use one repository for each program.",
            Self::AppUnknown(_) => "Name it with --app.",
            Self::Inside { .. } => "Choose folders that lie beside each other.",
            Self::KeyInTree(_) => "Take it out of the folder. If it was ever given away, replace that key.",
            Self::Pruning(_) => {
                "Wait for it to end and do this again. If it was killed, its mark .work/pruning counts for an hour."
            }
            Self::Busy(_) => "Wait for it to end and publish again.",
            Self::VersionUsed { .. } => "Choose another --version.",
            Self::NoSuchVersion { .. } => "Name a published version of that channel and platform.",
            Self::VersionFile { .. } => "Write the version into its first line.",
            Self::NotFound { .. } => "See what there is: updraft rollout show REPO.",
            Self::Ambiguous(_) => "Name the version instead, or one --platform.",
            Self::NothingAfter(_) => "Name an older release, or withdraw this one.",
            Self::NothingOurs(_) => {
                "Name a repository, the folder of a program with its updater, a bundle, a manifest, a metadata file or a key."
            }
            Self::Record(error) => return error.hint(),
            Self::WhichRoot(_) => "Name it with --id; updraft key list shows the names.",
            Self::Threshold { .. } => "Choose another --threshold, or add a root key first.",
            Self::NoStores(_) => "Build it with the feature vendor, or name a folder.",
            Self::NotesText(_) => "Save it as UTF-8.",
            Self::NotesTwice { .. } => "Give one file for each language: notes.en.md, notes.zh-CN.md.",
            Self::Damaged { .. } => "Run updraft verify, and restore the repository from a backup.",
            Self::Name(_) => return None,
            Self::Bundle(error) => return error.hint(),
            Self::BundleIndex(_) => "Put less into one bundle: one channel, one platform.",
            Self::NoSuchRelease(_) => "Publish a release first, or name another channel or platform.",
            Self::Refused { error: TrustError::Expired { .. }, .. } => {
                "Export a new bundle after updraft renew; if this one is new, check this machine's clock."
            }
            Self::Refused { error: TrustError::Rollback { .. }, .. } => {
                "The repository is newer than the bundle. Nothing was changed."
            }
            Self::Refused { error: TrustError::Signature { .. }, .. } => {
                "The bundle is of another vendor, or was altered. Nothing was changed."
            }
            Self::Refused { error, .. } => return error.hint(),
            Self::Forked { .. } => "Publish in one place only, and import into a copy of that.",
            Self::Incomplete { .. } => "Export without --from-release. Nothing was changed.",
            Self::LeftOut { .. } => {
                "Export all channels and platforms the mirror serves. Nothing was changed."
            }
            Self::Mirror { .. } => "Write it as https://host/path or http://host/path.",
        };
        Some(hint.to_owned())
    }
}
