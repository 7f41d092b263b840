//! One more release, and changes to what is signed of one: withdrawn, halted, rolled out further.

use super::{Keys, Lifetimes, RepoState, SignError, SignedFile, follow_up};
use crate::release::{Channel, Digest, Manifest, Platform, ReleaseNumber, Stamp, Summary, target_path};
use crate::trust::metadata::TargetFile;

/// A release to add.
struct New<'a> {
    path: String,
    channel: &'a Channel,
    platform: &'a Platform,
    manifest: &'a [u8],
    summary: &'a Summary,
}

/// Signs one more release: its manifest, then the metadata that leads to it.
///
/// # Errors
/// If its number is not above all of its channel and platform, if a client would refuse the manifest or find
/// it different from the summary, or if the keys are not those of the repository.
#[expect(clippy::too_many_arguments, reason = "each of them is signed")]
pub fn add_release(
    state: &RepoState,
    keys: &Keys,
    now: Stamp,
    lifetimes: Lifetimes,
    channel: &Channel,
    platform: &Platform,
    manifest: &[u8],
    summary: &Summary,
) -> Result<Vec<SignedFile>, SignError> {
    let path = target_path(channel, platform, summary.number);
    let newest = state.newest(channel, platform);
    if summary.number <= newest {
        return Err(SignError::NotNewer { path, newest: newest.0 });
    }
    let new = New { path, channel, platform, manifest, summary };
    new.check()?;
    let digest = Digest::of(manifest);
    let target = TargetFile {
        length: manifest.len() as u64,
        hashes: [("sha256".to_owned(), digest.hex())].into(),
        custom: Some(custom(summary)?),
    };
    let mut targets = state.targets.clone();
    targets.targets.insert(new.path, target);
    let path = format!("targets/{channel}/{platform}/{digest}.{}.json", summary.number.0);
    let mut files = vec![(path, manifest.to_vec())];
    files.extend(follow_up(&state.root, targets, state.versions(), keys, now, lifetimes)?);
    Ok(files)
}

/// Signs a change to what is said of a release: withdrawn, rolled out further, urgent. Its manifest, number and
/// version stay as they are.
///
/// # Errors
/// If there is no such release, the change touches number or version, or the keys are not those of the
/// repository.
#[expect(clippy::too_many_arguments, reason = "each of them is signed")]
pub fn amend_release(
    state: &RepoState,
    keys: &Keys,
    now: Stamp,
    lifetimes: Lifetimes,
    channel: &Channel,
    platform: &Platform,
    number: ReleaseNumber,
    change: impl FnOnce(&mut Summary),
) -> Result<Vec<SignedFile>, SignError> {
    let path = target_path(channel, platform, number);
    let found = state.releases().iter().find(|release| release.path == path);
    let Some(found) = found else { return Err(SignError::NoRelease(path)) };
    let mut summary = found.summary.clone();
    change(&mut summary);
    if (summary.number, &summary.version) != (number, &found.summary.version) {
        return Err(SignError::Differs { path, field: "number or version" });
    }
    let mut targets = state.targets.clone();
    if let Some(target) = targets.targets.get_mut(&path) {
        target.custom = Some(custom(&summary)?);
    }
    follow_up(&state.root, targets, state.versions(), keys, now, lifetimes)
}

/// Signs another list of further places of the repository.
///
/// # Errors
/// If the keys are not those of the repository.
pub fn set_mirrors(
    state: &RepoState,
    keys: &Keys,
    now: Stamp,
    lifetimes: Lifetimes,
    mirrors: &[String],
) -> Result<Vec<SignedFile>, SignError> {
    let mut targets = state.targets.clone();
    targets.mirrors = (!mirrors.is_empty()).then(|| mirrors.into());
    follow_up(&state.root, targets, state.versions(), keys, now, lifetimes)
}

fn custom(summary: &Summary) -> Result<serde_json::Value, SignError> {
    serde_json::to_value(summary).map_err(|_why| SignError::Float("the summary of a release"))
}

impl New<'_> {
    fn check(&self) -> Result<(), SignError> {
        let manifest = Manifest::parse(self.manifest)?;
        let summary = self.summary;
        let pairs = [
            ("channel", manifest.channel == *self.channel),
            ("platform", manifest.platform == *self.platform),
            ("number", manifest.number == summary.number),
            ("version", manifest.version == summary.version),
        ];
        match pairs.iter().find(|(_, same)| !same) {
            Some((field, _)) => Err(SignError::Differs { path: self.path.clone(), field }),
            None => Ok(()),
        }
    }
}
