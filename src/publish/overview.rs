//! A repository as a person looks at it: whose it is, which releases it has, how long its signatures hold.

use std::path::Path;

use crate::release::{App, Manifest};
use crate::trust::ReleaseTarget;
use crate::trust::sign::Expiries;

use super::packs::{Known, Outlook};
use super::repository::{Repository, resolve};
use super::{Forecast, PublishError};

/// What a repository holds.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The program it is of, if that is written down.
    pub app: Option<App>,
    /// Every release, by channel, platform and number.
    pub releases: Vec<ReleaseTarget>,
    /// When each part of the metadata runs out.
    pub expiries: Expiries,
}

/// Looks at a repository folder.
///
/// # Errors
/// If it is no repository, or its metadata is damaged.
pub fn overview(repository: &Path) -> Result<Overview, PublishError> {
    let root = resolve(repository)?;
    let repository = Repository::at(&root);
    let state = repository.state()?.ok_or_else(|| repository.none())?;
    let releases = state.releases().to_vec();
    Ok(Overview { app: repository.project()?, releases, expiries: state.expiries() })
}

/// The manifest of a release, if its bytes are those that were signed.
///
/// # Errors
/// If it is missing or damaged.
pub fn manifest(repository: &Path, release: &ReleaseTarget) -> Result<Manifest, PublishError> {
    Repository::at(&resolve(repository)?).manifest(release)
}

/// What an unchanged install of `old` downloads for `new`, of whose manifest `length` bytes are fetched.
///
/// # Errors
/// If an index of the release is missing or damaged.
pub fn forecast(
    repository: &Path,
    old: &Manifest,
    new: &Manifest,
    length: u64,
) -> Result<Forecast, PublishError> {
    let repository = Repository::at(&resolve(repository)?);
    let mut known = Known::of(&[new, old]);
    let mut forecast = Outlook::new(&repository, &mut known).of(old, new)?;
    forecast.bytes += length;
    Ok(forecast)
}

/// What a new install of `new` downloads.
///
/// # Errors
/// If an index of the release is missing or damaged.
pub fn full_download(repository: &Path, new: &Manifest, length: u64) -> Result<u64, PublishError> {
    let repository = Repository::at(&resolve(repository)?);
    let mut known = Known::of(&[new]);
    Ok(Outlook::new(&repository, &mut known).full(new)? + length)
}
