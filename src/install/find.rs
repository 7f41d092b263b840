//! From a running program to the install it belongs to, knowing nothing but where the program lies.

use std::path::Path;

use crate::fsx;
use crate::platform;
use crate::release::RelPath;

use super::{Install, LockError, Owner};

impl Install {
    /// The install around the program `exe` whose swap is open, if there is one.
    ///
    /// This is how an updater that lies under the name of the program (see `steps`) finds its work: it walks
    /// up from the folder of `exe` and looks into each folder's children for an open journal. Folders above may
    /// be open to everybody, so a journal of a stranger is none; and an updater in its own folder is looked for
    /// nowhere else.
    #[must_use]
    pub fn find_open(exe: &Path) -> Option<Self> {
        if is_updater(exe) {
            return None;
        }
        find(exe, |child| is_trusted(&child.join(JOURNAL), exe))
    }

    /// The install around the program `exe`: the nearest folder above it with a child that has an
    /// `updater.json`, or an open swap.
    #[must_use]
    pub fn find(exe: &Path) -> Option<Self> {
        find(exe, |child| is_there(&child.join("updater.json")) || is_there(&child.join(JOURNAL)))
    }

    /// Who is at work in this install; nothing if nobody is, or it can't be seen.
    #[must_use]
    pub fn lock_holder(&self) -> Option<Owner> {
        match self.lock("look") {
            Err(LockError::Held { owner, .. }) => owner,
            Ok(_) | Err(LockError::Fs(_)) => None,
        }
    }
}

const JOURNAL: &str = "state/txn/journal";

/// Whether `exe` lies in a folder of an updater, and not in that of a program which has a file of that name.
fn is_updater(exe: &Path) -> bool {
    let Some(folder) = exe.parent().filter(|folder| is_there(&folder.join("updater.json"))) else {
        return false;
    };
    let is_own = |name: &std::ffi::OsString| {
        is_there(&folder.join(name).join("updater.json")) || is_there(&folder.join(name).join(JOURNAL))
    };
    !fsx::list(folder).unwrap_or_default().iter().any(is_own)
}

/// Whether there is a journal that may say what is done to files here: one of ours, of whoever `exe` is of, or of
/// the system.
fn is_trusted(journal: &Path, exe: &Path) -> bool {
    let found = fsx::stat(journal).ok().filter(|journal| journal.is_file());
    let exe = fsx::stat(exe).ok();
    found.is_some_and(|journal| platform::file::is_of_known(&journal, exe.as_ref()))
}

fn is_there(path: &Path) -> bool {
    fsx::exists(path).unwrap_or(false)
}

fn find(exe: &Path, is_updater: impl Fn(&Path) -> bool) -> Option<Install> {
    exe.ancestors().skip(1).find_map(|root| {
        // A folder that can't be listed is not an install we could work in.
        let mut names = fsx::list(root).ok()?;
        // Programs that are one file each may share a folder; the updater named after this one is its own.
        let own = exe.file_stem().map(|stem| [stem.as_encoded_bytes(), b".updater"].concat());
        names.sort_by_key(|name| own.as_deref() != Some(name.as_encoded_bytes()));
        let updater = names.into_iter().find(|name| is_updater(&root.join(name)))?;
        let updater: RelPath = updater.to_str()?.parse().ok()?;
        Some(Install::at(root.to_path_buf(), updater))
    })
}
