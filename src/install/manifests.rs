//! Manifests as they were received: the installed one is what the next one is fetched as a patch against, and what
//! a delta's old files are counted by. Nothing here is trusted on sight: a file counts by the digest it is named by.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::fsx::{self, Absent as _, FsError};
use crate::release::{Digest, MAX_MANIFEST_BYTES};

use super::Install;

impl Install {
    fn manifest_file(&self, digest: &Digest) -> PathBuf {
        self.state_dir().join("manifests").join(format!("{digest}.json"))
    }

    /// The manifest with this digest, if it was kept.
    #[must_use]
    pub fn kept_manifest(&self, digest: &Digest) -> Option<Vec<u8>> {
        let bytes = fsx::read(&self.manifest_file(digest), MAX_MANIFEST_BYTES).ok()?;
        (Digest::of(&bytes) == *digest).then_some(bytes)
    }

    /// Keeps a manifest. It saves bytes and nothing depends on it, so it is not flushed.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn keep_manifest(&self, digest: &Digest, bytes: &[u8]) -> Result<(), FsError> {
        let path = self.manifest_file(digest);
        path.parent().map_or(Ok(()), fsx::make_dirs)?;
        let temp = fsx::sibling(&path, ".tmp");
        let mut file = fsx::create(&temp)?;
        std::io::Write::write_all(&mut file, bytes).map_err(|error| FsError::new("write", &temp, error))?;
        drop(file);
        fsx::rename(&temp, &path)
    }

    /// Removes every kept manifest but those of `digests`.
    ///
    /// # Errors
    /// If one can't be removed.
    pub fn forget_manifests_but(&self, digests: &[Digest]) -> Result<(), FsError> {
        let folder = self.state_dir().join("manifests");
        let kept: HashSet<String> = digests.iter().map(|digest| format!("{digest}.json")).collect();
        for name in fsx::list(&folder).if_present()?.unwrap_or_default() {
            if !name.to_str().is_some_and(|name| kept.contains(name)) {
                fsx::remove_file(&folder.join(name)).if_present()?;
            }
        }
        Ok(())
    }
}
