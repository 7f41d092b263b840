//! One more release, and changes to what is signed of one: withdrawn, halted, rolled out further.

use super::{Keys, Lifetimes, RepoState, SignError, SignedFile, follow_up};
use crate::release::{Channel, Digest, Manifest, Platform, ReleaseNumber, Stamp, Summary, target_path};
use crate::trust::metadata::{TargetFile, Targets};

/// A release to add.
struct New<'a> {
    path: String,
    channel: &'a Channel,
    platform: &'a Platform,
    manifest: &'a [u8],
    summary: &'a Summary,
}

/// Several changes of the list of releases that are signed together: readers see all of them or none.
#[derive(Debug)]
pub struct Batch<'a> {
    state: &'a RepoState,
    targets: Targets,
    files: Vec<SignedFile>,
}

impl<'a> Batch<'a> {
    /// No change yet.
    #[must_use]
    pub fn new(state: &'a RepoState) -> Self {
        Self { state, targets: state.targets.clone(), files: Vec::new() }
    }

    /// One more release, with its manifest.
    ///
    /// # Errors
    /// If its number is not above all of its channel and platform, or if a client would refuse the manifest or find
    /// it different from the summary.
    pub fn add(
        &mut self,
        channel: &Channel,
        platform: &Platform,
        manifest: &[u8],
        summary: &Summary,
    ) -> Result<(), SignError> {
        let path = target_path(channel, platform, summary.number);
        let newest = self.state.newest(channel, platform);
        if summary.number <= newest || self.targets.targets.contains_key(&path) {
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
        self.targets.targets.insert(new.path, target);
        let path = format!("targets/{channel}/{platform}/{digest}.{}.json", summary.number.0);
        self.files.push((path, manifest.to_vec()));
        Ok(())
    }

    /// What is said of a release: withdrawn, rolled out further, urgent. Its manifest, number and version stay as
    /// they are.
    ///
    /// # Errors
    /// If there is no such release, or the change touches number or version.
    pub fn amend(
        &mut self,
        channel: &Channel,
        platform: &Platform,
        number: ReleaseNumber,
        change: impl FnOnce(&mut Summary),
    ) -> Result<(), SignError> {
        let path = target_path(channel, platform, number);
        let Some(found) = self.state.releases().iter().find(|release| release.path == path) else {
            return Err(SignError::NoRelease(path));
        };
        let mut summary = found.summary.clone();
        change(&mut summary);
        if (summary.number, &summary.version) != (number, &found.summary.version) {
            return Err(SignError::Differs { path, field: "number or version" });
        }
        if let Some(target) = self.targets.targets.get_mut(&path) {
            target.custom = Some(custom(&summary)?);
        }
        Ok(())
    }

    /// A release is listed no more.
    ///
    /// # Errors
    /// If it is the newest of its channel and platform: a number is never given twice.
    pub fn remove(
        &mut self,
        channel: &Channel,
        platform: &Platform,
        number: ReleaseNumber,
    ) -> Result<(), SignError> {
        let path = target_path(channel, platform, number);
        if number >= self.state.newest(channel, platform) {
            return Err(SignError::Newest(path));
        }
        self.targets.targets.remove(&path);
        Ok(())
    }

    /// The files to write: new manifests, then the metadata that leads to them.
    ///
    /// # Errors
    /// If the keys are not those of the repository.
    pub fn sign(self, keys: &Keys, now: Stamp, lifetimes: Lifetimes) -> Result<Vec<SignedFile>, SignError> {
        let mut files = self.files;
        let versions = self.state.taken();
        files.extend(follow_up(&self.state.root, self.targets, versions, keys, now, lifetimes)?);
        Ok(files)
    }
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
    let mut batch = Batch::new(state);
    batch.add(channel, platform, manifest, summary)?;
    batch.sign(keys, now, lifetimes)
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
    let mut batch = Batch::new(state);
    batch.amend(channel, platform, number, change)?;
    batch.sign(keys, now, lifetimes)
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
    follow_up(&state.root, targets, state.taken(), keys, now, lifetimes)
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
