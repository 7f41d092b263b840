//! A folder for a moment, and a client in it that follows a bundle as an install would.

use std::path::{Path, PathBuf};

use crate::fsx::{self, FsError};
use crate::release::Stamp;
use crate::source::BundleFile;
use crate::trust::sign::{RepoState, SignError};
use crate::trust::{Answer, Refresh, Store, TrustError, TrustedRepository, Versions};

use super::super::PublishError;
use super::super::verify::MAX_METADATA;

/// A folder that is gone when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, SignError> {
        let mut serial = [0; 8];
        getrandom::fill(&mut serial).map_err(|error| SignError::Random(error.to_string()))?;
        let name = format!("updraft-bundle-{}-{:016x}", std::process::id(), u64::from_le_bytes(serial));
        Ok(Self(std::env::temp_dir().join(name)))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Public metadata left in the system's own folder harms nobody.
        fsx::remove_tree(&self.0).ok();
    }
}

/// What a client with this trusted root and these versions seen would believe of the bundle.
pub(super) fn follow(
    bundle: &BundleFile,
    root: &[u8],
    floor: Versions,
    now: Stamp,
) -> Result<TrustedRepository, PublishError> {
    let scratch = Scratch::new()?;
    refresh(&scratch.0, bundle, root, floor, now).map_err(|error| refused(bundle.path(), error))
}

fn refresh(
    place: &Path,
    bundle: &BundleFile,
    root: &[u8],
    floor: Versions,
    now: Stamp,
) -> Result<TrustedRepository, TrustError> {
    let store = Store::open(place)?;
    store.plant_root(root)?;
    let mut refresh = Refresh::begin(store, now, floor)?;
    while let Some(want) = refresh.wants() {
        refresh.supply(bundle.read(&want.path, want.limit)?.map_or(Answer::Missing, Answer::Found))?;
    }
    refresh.finish()
}

/// The metadata in a bundle under the root given.
pub(super) fn state(bundle: &BundleFile, root: &[u8]) -> Result<RepoState, PublishError> {
    let read = |path: &str| -> Result<Option<Vec<u8>>, FsError> {
        if path == "metadata/root.json" { Ok(Some(root.to_vec())) } else { bundle.read(path, MAX_METADATA) }
    };
    match RepoState::open(&read) {
        Ok(Some(state)) => Ok(state),
        Ok(None) => {
            let file = "metadata/root.json".to_owned();
            Err(refused(bundle.path(), TrustError::Missing { file }))
        }
        Err(SignError::Repository(error)) => Err(refused(bundle.path(), error)),
        Err(error) => Err(error.into()),
    }
}

/// The root of that version in a bundle; of the highest version if none is named.
pub(super) fn root(bundle: &BundleFile, version: Option<u64>) -> Result<Vec<u8>, PublishError> {
    let names = bundle.index().entries().iter().map(|entry| entry.path.as_str());
    let version = version.or_else(|| names.filter_map(root_version).max()).unwrap_or(1);
    let file = format!("metadata/{version}.root.json");
    let bytes = bundle.read(&file, MAX_METADATA)?;
    bytes.ok_or_else(|| refused(bundle.path(), TrustError::Missing { file }))
}

/// The version of a root by its path.
pub(super) fn root_version(path: &str) -> Option<u64> {
    path.strip_prefix("metadata/")?.strip_suffix(".root.json")?.parse().ok()
}

/// The version that a root tells of itself; 0 if it can't be read.
pub(super) fn version_in(root: &[u8]) -> u64 {
    let value: serde_json::Value = serde_json::from_slice(root).unwrap_or_default();
    value["signed"]["version"].as_u64().unwrap_or_default()
}

pub(super) fn refused(bundle: &Path, error: TrustError) -> PublishError {
    match error {
        TrustError::Fs(error) => error.into(),
        error => PublishError::Refused { bundle: bundle.to_path_buf(), error },
    }
}
