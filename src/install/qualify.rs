//! Which staged file is to become the updater itself, so that it can be tried out before anything is switched.

use std::path::{Path, PathBuf};

use crate::plan::{Action, Plan};
use crate::release::RelPath;

use super::look::Thing;
use super::{Install, Stage};

impl Install {
    /// Where the new content of the file `path` lies ready; nothing if the swap leaves the file as it is.
    #[must_use]
    pub fn staged_file(&self, stage: &Stage, path: &RelPath) -> Option<PathBuf> {
        let changes = |(_, operation): &(usize, &super::journal::Operation)| {
            operation.path == *path
                && matches!(operation.new, Thing::File { .. })
                && !operation.old.is(&operation.new)
        };
        let (number, _) = stage.journal.operations.iter().enumerate().find(changes)?;
        Some(self.txn_dir().join("new").join(number.to_string()))
    }

    /// The path in the install of the running updater `program`; nothing if it runs from elsewhere.
    #[must_use]
    pub fn path_of(&self, program: &Path) -> Option<RelPath> {
        let program = self.disk().canonical(program).ok()?;
        let root = self.disk().canonical(self.root()).ok()?;
        RelPath::from_native(program.strip_prefix(root).ok()?).ok()
    }

    /// Leaves everything in the updater's folder there that `plan` would remove: an updater that a release no
    /// longer lists is still needed by the next one.
    pub fn spare_updater(&self, plan: &mut Plan) {
        let folder = self.updater_dir();
        plan.items.retain(|item| item.action != Action::Remove || !item.path.is_within(folder));
        plan.drop_folders.retain(|path| path != folder && !path.is_within(folder));
    }
}
