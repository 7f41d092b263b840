//! A folder as a copy lies on a user's disk.

use std::io;
use std::path::{Path, PathBuf};

use crate::fsx::{self, Context as _};

use super::item::{Item, Kind};
use super::{Layout, PackageError};

/// Writes the folder; it has its name only when it is whole.
pub(super) fn write(layout: &Layout, out: &Path) -> Result<PathBuf, PackageError> {
    let top = layout.top();
    let name = top.split('/').next().unwrap_or(&top);
    let path = out.join(name);
    if fsx::exists(&path)? {
        return Err(PackageError::Exists(path));
    }
    let part = fsx::sibling(&path, ".part");
    fsx::remove_tree(&part)?;
    let root = match top.split_once('/') {
        Some((_, inner)) => part.join(inner),
        None => part.clone(),
    };
    let laid = layout.items.iter().try_for_each(|item| lay(item, &item.path.under(&root)));
    if let Err(error) = laid {
        fsx::remove_tree(&part).ok();
        return Err(error);
    }
    fsx::rename(&part, &path)?;
    Ok(path)
}

/// Lays one item down at `place`.
pub(super) fn lay(item: &Item, place: &Path) -> Result<(), PackageError> {
    if let (Some(above), false) = (place.parent(), matches!(item.kind, Kind::Folder)) {
        fsx::make_dirs(above)?;
    }
    match &item.kind {
        Kind::Folder => fsx::make_dirs(place)?,
        Kind::Link(target) => fsx::symlink(target, place)?,
        Kind::File { from, mode, .. } => {
            let mut file = fsx::create(place)?;
            io::copy(&mut from.open(&item.path)?, &mut file).map_err(PackageError::writing(place))?;
            fsx::flush(&file, place)?;
            fsx::set_mode(place, *mode)?;
        }
    }
    Ok(())
}

/// The bytes of a file, or of all files in a folder.
pub(super) fn size(path: &Path) -> Result<u64, PackageError> {
    let found = fsx::stat(path)?;
    if !found.is_dir() {
        return Ok(found.len());
    }
    let mut bytes = 0;
    for entry in walkdir::WalkDir::new(path) {
        let entry = entry.map_err(io::Error::other).at("read", path)?;
        if entry.file_type().is_file() {
            bytes += entry.metadata().map_err(io::Error::other).at("read", entry.path())?.len();
        }
    }
    Ok(bytes)
}
