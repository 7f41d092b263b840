//! What lies in a folder that is to be published: every file, link and empty folder, nothing followed.

use std::path::{Path, PathBuf};

use crate::fsx;
use crate::platform::{ChangeMark, file};
use crate::release::{LinkEntry, RelPath};

use super::PublishError;
use super::exclude::Pattern;

/// A folder as it was found. Two walks that are equal saw the same tree, as far as names, sizes and times say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// Regular files, sorted by path.
    pub(crate) files: Vec<TreeFile>,
    /// Symbolic links, sorted by path.
    pub(crate) links: Vec<LinkEntry>,
    /// Folders with nothing to publish in them, sorted.
    pub(crate) folders: Vec<RelPath>,
}

/// A regular file of a [`Tree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeFile {
    /// Where it lies in the release.
    pub(crate) path: RelPath,
    /// Where it lies on this machine.
    pub(crate) native: PathBuf,
    /// Its permission bits.
    pub(crate) mode: u32,
    /// Size and times; for telling whether it is being written, never for telling whether it is new.
    pub(crate) mark: ChangeMark,
}

/// The file beside which an updater keeps its `state` folder.
const UPDATER_MARK: &str = "updater.json";
/// That folder. It belongs to an install, never to a release.
const UPDATER_STATE: &str = "state";

/// Reads the tree below `root`.
pub(super) fn walk(root: &Path, exclude: &[Pattern]) -> Result<Tree, PublishError> {
    let mut tree = Tree::default();
    let mut open: Vec<Option<RelPath>> = vec![None];
    while let Some(folder) = open.pop() {
        let native = folder.as_ref().map_or_else(|| root.to_path_buf(), |folder| folder.under(root));
        let names = fsx::list(&native)?;
        let holds_updater = names.iter().any(|name| name == UPDATER_MARK);
        let mut is_empty = true;
        for name in names {
            let below = native.join(&name);
            if holds_updater && name == UPDATER_STATE {
                continue;
            }
            let path = folder.as_ref().map_or_else(PathBuf::new, |folder| folder.as_str().into()).join(&name);
            // Held against the patterns first, so that a name which is not allowed can be left out.
            let text = path.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
            if exclude.iter().any(|pattern| pattern.matches(&text)) {
                continue;
            }
            let path = RelPath::from_native(&path)?;
            is_empty = false;
            if let Some(folder) = take(&mut tree, path, below)? {
                open.push(Some(folder));
            }
        }
        if let (true, Some(folder)) = (is_empty, folder) {
            tree.folders.push(folder);
        }
    }
    tree.files.sort_by(|a, b| a.path.cmp(&b.path));
    tree.links.sort_by(|a, b| a.path.cmp(&b.path));
    tree.folders.sort();
    Ok(tree)
}

/// Takes one entry into the tree; a folder is returned, to be read later.
fn take(tree: &mut Tree, path: RelPath, native: PathBuf) -> Result<Option<RelPath>, PublishError> {
    let metadata = fsx::stat(&native)?;
    let kind = metadata.file_type();
    if kind.is_symlink() {
        let target = fsx::read_link(&native)?;
        let target = target.to_str().ok_or_else(|| PublishError::LinkText(path.clone()))?;
        let target = target.replace(std::path::MAIN_SEPARATOR, "/");
        tree.links.push(LinkEntry { path, target });
    } else if kind.is_dir() {
        return Ok(Some(path));
    } else if kind.is_file() {
        let (mode, mark) = (file::mode(&metadata), file::change_mark(&metadata));
        tree.files.push(TreeFile { path, native, mode, mark });
    } else {
        return Err(PublishError::Special(path));
    }
    Ok(None)
}
