//! Whether an install can be updated where it lies, asked without a plan, without a lock and without network.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use crate::fsx::{self, Context as _, FsError};
use crate::platform;
use crate::report::ErrorCode;

use super::preflight::{PreflightError, RESERVE};
use super::{Install, Record};

impl Install {
    /// What would keep every update from being installed here, one of each kind; nothing if there is nothing.
    /// Nothing is changed, so the program may ask this at its first start.
    #[must_use]
    pub fn obstacles(&self, record: &Record) -> Vec<PreflightError> {
        let mut found = Vec::new();
        if is_passing(self.root()) {
            found.push(PreflightError::PassingPlace(self.root().to_path_buf()));
        }
        for path in record.receipt.files.keys() {
            found.extend(self.check_length(path).err());
        }
        let folders = self.folders_of(record);
        for folder in &folders {
            found.extend(self.may_change(folder).err());
        }
        found.extend(self.volumes(&folders));
        found.extend(self.least_room().err());
        let mut kinds = HashSet::new();
        found.retain(|reason| kinds.insert(std::mem::discriminant(reason)));
        found
    }

    /// Why the updater's own state can't be written, as a reason a person understands.
    #[must_use]
    pub fn barred(&self, source: FsError) -> PreflightError {
        let first = self.obstacles(&Record::default()).into_iter().next();
        first.unwrap_or_else(|| self.refuse(&self.state_dir(), source))
    }

    /// The folders an update writes to: the updater's, and those of every file of the release.
    fn folders_of(&self, record: &Record) -> BTreeSet<PathBuf> {
        let above = |path: &crate::release::RelPath| {
            path.parent().map_or_else(|| self.root().to_path_buf(), |folder| folder.under(self.root()))
        };
        let own = [self.root().to_path_buf(), self.updater_folder(), self.state_dir()];
        let folders = record.receipt.files.keys().map(above).chain(own);
        folders.filter(|folder| fsx::stat(folder).is_ok_and(|found| found.is_dir())).collect()
    }

    fn may_change(&self, folder: &Path) -> Result<(), PreflightError> {
        let tried = platform::file::may_write_in(folder).at("write in", folder);
        tried.map_err(|error| self.refuse(folder, error))
    }

    /// A folder on another volume than the updater's state.
    fn volumes(&self, folders: &BTreeSet<PathBuf>) -> Option<PreflightError> {
        let volume = |folder: &Path| fsx::stat(folder).ok().map(|found| platform::file::volume(&found));
        let own = volume(&self.state_dir()).or_else(|| volume(&self.updater_folder()))?;
        let other = folders.iter().find(|folder| volume(folder).is_some_and(|volume| volume != own));
        other.map(|folder| PreflightError::OtherVolume(folder.clone()))
    }

    /// Room for the smallest update.
    fn least_room(&self) -> Result<(), PreflightError> {
        let folder = self.updater_folder();
        let free = platform::file::free_space(&folder).at("look at the free space of", &folder)?;
        if free < RESERVE {
            return Err(PreflightError::Space { root: self.root().to_path_buf(), needed: RESERVE, free });
        }
        Ok(())
    }
}

/// Whether an error means that this user, or anybody, can't write there.
#[must_use]
pub fn is_unwritable(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Permission | ErrorCode::ReadOnly)
}

/// Whether a program lies where its system only lends it a place: macOS runs a program that was not moved after
/// its download from a copy of its own, an archive viewer of Windows unpacks into a folder it deletes again, and an
/// AppImage is mounted while it runs.
pub(super) fn is_passing(root: &Path) -> bool {
    let parts: Vec<String> = root.iter().map(|part| part.to_string_lossy().to_lowercase()).collect();
    let is_zip_view = |pair: &[String]| {
        let number = pair[1].strip_prefix("temp").unwrap_or_default();
        let is_numbered = number.split_once('_').is_some_and(|(number, name)| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && name.ends_with(".zip")
        });
        pair[0] == "temp" && is_numbered
    };
    parts.iter().any(|part| part == "apptranslocation" || part.starts_with(".mount_"))
        || parts.windows(2).any(is_zip_view)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A84: places that are only lent.
    #[test]
    fn lent_places_are_known_and_others_are_not() {
        for (path, passing) in [
            ("/private/var/folders/x/AppTranslocation/1-2-3/d/My.app/Contents/MacOS", true),
            ("/tmp/.mount_MyAppXyz/usr/bin", true),
            ("C:/Users/a/AppData/Local/Temp/Temp1_MyApp.zip/MyApp", true),
            ("/Applications/My.app/Contents/MacOS", false),
            ("/tmp/tests/App", false),
            ("C:/Temp/Temple_zip/App", false),
            ("/home/a/temp/temp1_notes/App", false),
        ] {
            assert_eq!(is_passing(Path::new(path)), passing, "{path}");
        }
    }
}
