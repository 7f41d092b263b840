//! Whether an install is the system's alone, so that a step with the rights of the system can stand on it: nobody else
//! could have chosen what is done to it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::fsx::{Context as _, FsError};
use crate::plan::Plan;
use crate::platform::{file, process};

use super::{Install, PreflightError};

/// The command that takes nothing from its caller.
pub(super) const COMMAND: &str = "update-for-all";

impl Install {
    /// The same install, worked on with the rights of the system for all users: every folder that an update writes to
    /// must be the system's alone.
    #[must_use]
    pub fn for_all(self) -> Self {
        Self { for_all: true, ..self }
    }

    /// The program of the updater in this install.
    #[must_use]
    pub fn updater_program(&self) -> PathBuf {
        self.updater_folder().join(process::exe_name("updater".as_ref()))
    }

    /// Refuses an install that others than the system may change. `exe` is the updater that works on it, `config` its
    /// settings.
    ///
    /// # Errors
    /// The first thing that others may change.
    pub fn check_alone(&self, exe: &Path, config: &Path) -> Result<(), PreflightError> {
        let updater = self.updater_folder();
        let inner = updater.ancestors().take_while(|folder| folder.starts_with(self.root()));
        let own = [exe.to_path_buf(), config.to_path_buf(), updater.join("root.json"), self.state_dir()];
        for path in own.into_iter().chain(inner.map(Path::to_path_buf)) {
            demand(&path, file::is_systems_alone)?;
        }
        let above = self.root().ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        above.into_iter().try_for_each(|folder| demand(folder, file::is_way_safe))
    }

    /// What an administrator types to have it updated, and whether it can be asked for with a button; nothing if it is
    /// not the system's.
    pub(super) fn way_for_all(&self) -> Option<(String, bool)> {
        let updater = self.updater_program();
        let config = self.updater_folder().join("updater.json");
        self.disk().stat(&updater).ok()?;
        self.check_alone(&updater, &config).ok()?;
        Some((process::as_typed(&updater, COMMAND), process::can_ask_for_rights()))
    }

    /// Every folder that `plan` writes to must be the system's alone, if it is worked on for all users: in another one
    /// somebody could lay a link while files are switched.
    pub(super) fn check_folders_for_all(&self, plan: &Plan) -> Result<(), PreflightError> {
        if !self.for_all {
            return Ok(());
        }
        let written = plan.changes().map(|item| &item.path).chain(&plan.make_folders);
        let folders: BTreeSet<PathBuf> =
            written.flat_map(|path| path.ancestors()).map(|folder| folder.under(self.root())).collect();
        folders.iter().try_for_each(|folder| demand(folder, file::is_systems_alone))
    }
}

/// What is not there yet is made by us.
fn demand(path: &Path, holds: fn(&Path) -> io::Result<bool>) -> Result<(), PreflightError> {
    match holds(path).at("look at the rights of", path) {
        Ok(true) => Ok(()),
        Ok(false) => Err(PreflightError::NotTheSystems(path.to_path_buf())),
        Err(error) if FsError::is_absent(&error) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
