//! What a package is made from: a folder as it would be published, and a release as it was signed.

use std::path::{Path, PathBuf};

use crate::fsx;
use crate::release::{App, Channel, Digest, Manifest, Platform, Version};
use crate::trust::MAX_ROOT;

use super::PublishError;
use super::repository::{Repository, resolve};
use super::walk::{self, Tree};

/// A release as it stands in a repository.
#[derive(Debug, Clone)]
pub struct Published {
    /// The release.
    pub manifest: Manifest,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The newest `root.json` of the repository.
    pub root: Vec<u8>,
}

/// Every file, link and empty folder below `folder`, as `publish` would take them.
pub(crate) fn tree(folder: &Path) -> Result<Tree, PublishError> {
    let folder = resolve(folder)?;
    if !fsx::stat(&folder)?.is_dir() {
        return Err(PublishError::NotAFolder(folder));
    }
    let tree = walk::walk(&folder, &[])?;
    if tree == Tree::default() { Err(PublishError::Nothing(folder)) } else { Ok(tree) }
}

/// The release of `repository` with this version, or the newest that was not withdrawn; of the first of `platforms`
/// that has one.
///
/// # Errors
/// If it is no repository, its metadata or the manifest is damaged, or there is no such release.
pub fn published(
    repository: &Path,
    channel: &Channel,
    platforms: &[Platform],
    version: Option<&Version>,
) -> Result<Published, PublishError> {
    let root: PathBuf = resolve(repository)?;
    let repository = Repository::at(&root);
    let state = repository.state()?.ok_or_else(|| PublishError::NotARepository(root.clone()))?;
    let fits = |platform: &Platform| {
        let own = state.releases().iter().filter(|release| {
            let summary = &release.summary;
            release.channel == *channel
                && release.platform == *platform
                && version.map_or(!summary.withdrawn, |version| summary.version == *version)
        });
        own.max_by_key(|release| release.summary.number)
    };
    let release = platforms.iter().find_map(fits).ok_or_else(|| match version {
        None => PublishError::NoSuchRelease(root.clone()),
        Some(version) => PublishError::NoSuchVersion {
            version: version.clone(),
            channel: channel.clone(),
            platform: platforms.first().cloned().unwrap_or_else(Platform::any),
        },
    })?;
    let trusted = fsx::read(&root.join("metadata/root.json"), MAX_ROOT)?;
    Ok(Published { manifest: repository.manifest(release)?, digest: release.digest, root: trusted })
}

/// The program a repository is of, if that is written down.
///
/// # Errors
/// If it is written down in a form that can't be read.
pub fn app_of(repository: &Path) -> Result<Option<App>, PublishError> {
    Repository::at(&resolve(repository)?).project()
}
