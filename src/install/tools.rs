//! Renames and links that know about files in use and volumes without hard links.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fsx::{self, Absent as _, Barrier, Context as _, Disk, FsError};
use crate::platform;

use super::barriers;
use super::checkpoint::links_are_barred;

/// Waits between tries on a file in use: three seconds in all. Virus scanners let go within one.
const PATIENCE_MS: [u64; 8] = [10, 20, 50, 100, 200, 400, 800, 1400];

/// Whether another process holds the file in a way that forbids this. Windows answers "access denied" for a
/// program that runs; where there are modes that answer is meant.
pub(super) fn is_held(error: &FsError) -> bool {
    platform::file::is_sharing_violation(&error.source)
        || error.source.kind() == io::ErrorKind::ExecutableFileBusy
        || (!platform::file::HAS_MODES && error.source.kind() == io::ErrorKind::PermissionDenied)
}

/// Tries until the file is let go or patience ends.
pub(super) fn patiently<T>(mut action: impl FnMut() -> fsx::Result<T>) -> fsx::Result<T> {
    for wait in PATIENCE_MS {
        match action() {
            Err(error) if is_held(&error) => std::thread::sleep(Duration::from_millis(wait)),
            other => return other,
        }
    }
    action()
}

/// Opens a file for reading, when nobody keeps it for himself any more.
pub(super) fn open_patiently(disk: &dyn Disk, path: &Path) -> fsx::Result<Box<dyn Read>> {
    for wait in PATIENCE_MS {
        match disk.open(path) {
            Err(error) if platform::file::is_sharing_violation(&error.source) => {
                std::thread::sleep(Duration::from_millis(wait));
            }
            other => return other,
        }
    }
    disk.open(path)
}

/// Renames over `to`. A `to` that stays in use is renamed into the folder `aside` first, and back if that does not
/// help.
pub(super) fn rename_over(disk: &dyn Disk, from: &Path, to: &Path, aside: &Path) -> fsx::Result<()> {
    match patiently(|| disk.rename(from, to)) {
        Err(error) if is_held(&error) => {
            // Windows answers "access denied" to the first, and says what it means to the second.
            let told = |why: FsError| {
                let is_told = platform::file::is_sharing_violation(&why.source);
                if is_told { FsError::new("replace", to, why.source) } else { error }
            };
            let place = move_aside(disk, to, aside).map_err(told)?;
            disk.rename(from, to).inspect_err(|_why| {
                // If even this fails, recovery finds the content in its backup.
                disk.rename(&place, to).ok();
            })
        }
        other => other,
    }
}

/// Removes a file; one that stays in use is renamed into the folder `aside`. One that is not there is removed already.
pub(super) fn remove_from(disk: &dyn Disk, path: &Path, aside: &Path) -> fsx::Result<()> {
    match patiently(|| disk.remove_file(path)).if_present() {
        Err(error) if is_held(&error) => move_aside(disk, path, aside).map(drop),
        other => other.map(|_removed| ()),
    }
}

/// Renames a file in use to a free name in the folder `aside`, which is itself never renamed: Windows renames no
/// folder with a file in it that somebody has open.
fn move_aside(disk: &dyn Disk, path: &Path, aside: &Path) -> fsx::Result<PathBuf> {
    disk.make_dirs(aside)?;
    let place = free_name(disk, aside)?;
    disk.rename(path, &place).map(|()| place)
}

fn free_name(disk: &dyn Disk, folder: &Path) -> fsx::Result<PathBuf> {
    for number in 0_u64.. {
        let place = folder.join(number.to_string());
        if !disk.exists(&place)? {
            return Ok(place);
        }
    }
    Err(io::Error::other("it is full")).at("use", folder)
}

/// Removes a folder that nobody needs any more. What of it is in use is moved out of the way and deleted later: a file
/// there may be a second name of a program that runs, even of this one.
pub(super) fn remove_or_trash(disk: &dyn Disk, folder: &Path, trash: &Path) -> fsx::Result<()> {
    match disk.remove_tree(folder) {
        Err(error) if is_held(&error) => to_trash(disk, folder, trash),
        other => other,
    }
}

/// Gives a file a second name; false if the volume can't, or the file is held.
pub(super) fn try_link(disk: &dyn Disk, from: &Path, to: &Path) -> fsx::Result<bool> {
    if links_are_barred() {
        return Ok(false);
    }
    match disk.hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(error) => match error.source.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::StorageFull
            | io::ErrorKind::ReadOnlyFilesystem => Err(error),
            _ => Ok(false),
        },
    }
}

/// A second name for `from`, or a flushed copy where there can't be one. Appears whole or not at all.
/// A symbolic link is made anew.
pub(super) fn link_or_copy(disk: &dyn Disk, from: &Path, to: &Path) -> fsx::Result<()> {
    if disk.stat(from)?.is_symlink() {
        let target = disk.read_link(from)?;
        return disk.symlink(&target.to_string_lossy(), to);
    }
    if try_link(disk, from, to)? {
        return Ok(());
    }
    let temp = fsx::sibling(to, ".copy");
    copy_flushed(disk, from, &temp)?;
    disk.rename(&temp, to)
}

/// The same, but false if the file is held.
pub(super) fn try_second(disk: &dyn Disk, from: &Path, to: &Path) -> fsx::Result<bool> {
    match link_or_copy(disk, from, to) {
        Err(error) if is_held(&error) => {
            disk.remove_file(&fsx::sibling(to, ".copy")).if_present()?;
            Ok(false)
        }
        other => other.map(|()| true),
    }
}

/// Copies a file and brings the copy to the disk.
pub(super) fn copy_flushed(disk: &dyn Disk, from: &Path, to: &Path) -> fsx::Result<()> {
    // A leftover may be a second name of something dear: it is never written through.
    disk.remove_file(to).if_present()?;
    disk.copy(from, to)?;
    disk.flush(to, barriers::COPY)
}

/// Flushes a folder if it is still there.
pub(super) fn sync_if_there(disk: &dyn Disk, folder: &Path, barrier: Barrier) -> fsx::Result<()> {
    disk.sync_dir(folder, barrier).if_present().map(|_done| ())
}

/// Moves a folder out of sight at once; it is deleted later. Does nothing if it is not there.
pub(super) fn to_trash(disk: &dyn Disk, folder: &Path, trash: &Path) -> fsx::Result<()> {
    if !disk.exists(folder)? {
        return Ok(());
    }
    disk.make_dirs(trash)?;
    let place = free_name(disk, trash)?;
    patiently(|| disk.rename(folder, &place))
}
