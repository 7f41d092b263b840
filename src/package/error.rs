//! Why there is no package.

use std::io;
use std::path::{Path, PathBuf};

use crate::fsx::FsError;
use crate::publish::PublishError;
use crate::release::{InvalidPath, RelPath};
use crate::report::{ErrorCode, Fault};
use crate::settings::SettingsError;

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The folder or the repository can't be read.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The settings of copies would not work.
    #[error("the settings of the copies would not work: {0}")]
    Settings(#[from] SettingsError),
    /// A name can't be a path.
    #[error(transparent)]
    Path(#[from] InvalidPath),
    /// The folder is not the release.
    #[error("{} is not the release {release}: {}", folder.display(), what.join(", "))]
    NotTheRelease {
        /// The folder.
        folder: PathBuf,
        /// The release, by version and number.
        release: String,
        /// The first differences.
        what: Vec<String>,
    },
    /// Something has to be said.
    #[error("{what} is not known")]
    Missing {
        /// What.
        what: &'static str,
        /// The option that says it.
        option: &'static str,
    },
    /// Something said can't be used.
    #[error("\u{ab}{text}\u{bb} can't be {what}: {rule}")]
    Value {
        /// What it was to be.
        what: &'static str,
        /// What was said.
        text: String,
        /// Why not.
        rule: &'static str,
    },
    /// There is no updater to put beside the program.
    #[error("there is no updater {}", .0.display())]
    NoUpdater(PathBuf),
    /// The updater does not run where the program does.
    #[error("the updater {} is a program for {is}, the package is for {wanted}", file.display())]
    OtherMachine {
        /// The updater.
        file: PathBuf,
        /// What it runs on.
        is: String,
        /// What it should run on.
        wanted: String,
    },
    /// The root keys are not those of the repository.
    #[error("{} is not a root.json of {}", file.display(), repository.display())]
    OtherRoot {
        /// The file.
        file: PathBuf,
        /// The repository.
        repository: PathBuf,
    },
    /// Settings are given twice.
    #[error("the release has its own {0}, so the settings of copies are in it already")]
    OwnSettings(RelPath),
    /// The form can't have what the release has.
    #[error("{format} can't have \u{ab}{path}\u{bb}: {why}")]
    Form {
        /// The form.
        format: &'static str,
        /// The path.
        path: RelPath,
        /// Why not.
        why: &'static str,
    },
    /// The form is not for that platform.
    #[error("{format} is not for {platform}")]
    Platform {
        /// The form.
        format: &'static str,
        /// The platform.
        platform: String,
    },
    /// There is something already where a folder should go.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// A file changed while it was packed.
    #[error("\u{ab}{0}\u{bb} changed while it was packed")]
    Changed(RelPath),
}

impl PackageError {
    /// What went wrong while an archive was written.
    pub(super) fn writing(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| match source.get_ref().and_then(|inner| inner.downcast_ref::<super::item::Changed>()) {
            Some(changed) => Self::Changed(changed.0.clone()),
            None => FsError::new("write", path, source).into(),
        }
    }
}

impl Fault for PackageError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::Publish(error) => error.code(),
            Self::Settings(error) => error.code(),
            Self::NotTheRelease { .. } => ErrorCode::Repository,
            Self::OtherRoot { .. } => ErrorCode::NoRoot,
            Self::Changed(_) => ErrorCode::InUse,
            _ => ErrorCode::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Fs(error) => return error.hint(),
            Self::Publish(error) => return error.hint(),
            Self::Settings(error) => return error.hint(),
            Self::NotTheRelease { .. } => {
                "Publish the folder first, or name the release it is with --version. A package holds a release as it \
                 was signed, so that its first update fetches nothing that is there."
            }
            Self::Missing { option, .. } => return Some(format!("Say it with {option}.")),
            Self::Value { .. } | Self::Path(_) => "Choose another one.",
            Self::NoUpdater(_) => "Name the updater built for that platform with --updater.",
            Self::OtherMachine { .. } => "Name the updater built for that platform with --updater.",
            Self::OtherRoot { .. } => "Take metadata/root.json of the repository that copies ask.",
            Self::OwnSettings(_) => {
                "Leave --source and --settings away, or take the file out of the release."
            }
            Self::Form { .. } => "Make another form, or publish a release without it.",
            Self::Platform { .. } => "Name the platform with --platform.",
            Self::Exists(_) => "Remove it, or name another folder with --out.",
            Self::Changed(_) => "Nothing was made. Wait until the build has ended and do it again.",
        };
        Some(hint.to_owned())
    }
}
