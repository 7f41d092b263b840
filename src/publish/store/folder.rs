//! A repository in a folder: every write is whole after a crash, and objects are laid where they stay.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::fsx::{self, Absent as _, FsError};

use super::{Listed, Store, Write};

/// A folder.
#[derive(Debug)]
pub(in crate::publish) struct FolderStore {
    root: PathBuf,
}

impl FolderStore {
    pub(in crate::publish) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    fn full(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

impl Store for FolderStore {
    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn read(&self, path: &str, limit: u64) -> fsx::Result<Option<Vec<u8>>> {
        fsx::read(&self.full(path), limit).if_present()
    }

    fn top(&self) -> fsx::Result<Vec<String>> {
        let names = fsx::list(&self.root).if_present()?.unwrap_or_default();
        Ok(names.into_iter().map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn list(&self, folder: &str) -> fsx::Result<Vec<Listed>> {
        let mut found = Vec::new();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            for name in fsx::list(&self.full(&folder)).if_present()?.unwrap_or_default() {
                let path = format!("{folder}/{}", name.to_string_lossy());
                let Some(metadata) = fsx::stat(&self.full(&folder).join(&name)).if_present()? else {
                    continue;
                };
                if metadata.is_dir() {
                    open.push(path);
                } else {
                    let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    found.push(Listed { path, size: metadata.len(), written });
                }
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// The lock of the repository keeps others away, so nothing has changed since it was read.
    fn write(&self, path: &str, bytes: &[u8], _how: Write) -> fsx::Result<()> {
        let full = self.full(path);
        let Some(folder) = full.parent() else { return Ok(()) };
        let is_new = !fsx::exists(folder)?;
        if is_new {
            fsx::make_dirs(folder)?;
        }
        fsx::write_durable(&full, bytes)?;
        if is_new {
            let above = folder.ancestors().skip(1).take_while(|above| above.starts_with(&self.root));
            above.into_iter().try_for_each(fsx::sync_dir)?;
        }
        Ok(())
    }

    fn send(&self, _path: &str, _file: &Path) -> fsx::Result<()> {
        Ok(())
    }

    fn bring(&self, path: &str, _scratch: &Path) -> fsx::Result<Option<PathBuf>> {
        let full = self.full(path);
        Ok(fsx::stat(&full).if_present()?.filter(std::fs::Metadata::is_file).map(|_| full))
    }

    fn remove(&self, paths: &[String]) -> fsx::Result<()> {
        for path in paths {
            let full = self.full(path);
            fsx::remove_file(&full).if_present()?;
            // A folder that others are left in stays.
            if let Some(folder) = full.parent().filter(|folder| *folder != self.root) {
                remove_empty(folder)?;
            }
        }
        Ok(())
    }
}

fn remove_empty(folder: &Path) -> fsx::Result<()> {
    match fsx::remove_dir(folder) {
        Err(FsError { source, .. }) if source.kind() == std::io::ErrorKind::DirectoryNotEmpty => Ok(()),
        other => other.if_present().map(drop),
    }
}
