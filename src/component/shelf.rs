//! What outlives a service: the last good content of every artifact, and the contents that must not run again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::carrier::Artifact;
use crate::fsx::{self, Absent as _, FsError};
use crate::release::Digest;

/// Most bytes of an artifact.
pub(super) const MAX_ARTIFACT: u64 = 1 << 30;
/// Contents remembered as bad.
const MAX_BAD: usize = 1000;

#[derive(Default, Serialize, Deserialize)]
struct Record {
    /// The last good content of each artifact.
    good: BTreeMap<String, Digest>,
    /// Contents that broke, and why.
    quarantine: Vec<(Digest, String)>,
}

/// The folder of good contents and of the quarantine.
pub(super) struct Shelf {
    folder: PathBuf,
    record: Record,
}

impl Shelf {
    /// Opens the folder. A damaged record is put aside: it can only make the service try more.
    pub(super) fn open(folder: PathBuf) -> Result<Self, FsError> {
        fsx::make_dirs(&folder)?;
        let path = folder.join("components.json");
        let record = match fsx::read(&path, 1 << 20).if_present()? {
            None => Record::default(),
            Some(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, file = %path.display(), "damaged, and begun anew");
                Record::default()
            }),
        };
        Ok(Self { folder, record })
    }

    /// Why this content must not run.
    pub(super) fn is_bad(&self, digest: Digest) -> Option<&str> {
        self.record.quarantine.iter().find(|(bad, _)| *bad == digest).map(|(_, why)| why.as_str())
    }

    /// This content must not run again.
    pub(super) fn quarantine(&mut self, digest: Digest, why: &str) {
        if self.is_bad(digest).is_some() {
            return;
        }
        if self.record.quarantine.len() >= MAX_BAD {
            self.record.quarantine.remove(0);
        }
        self.record.quarantine.push((digest, why.to_owned()));
        self.save();
    }

    /// This content has shown that it works.
    pub(super) fn keep(&mut self, artifact: &Artifact) {
        if self.record.good.get(&artifact.name) == Some(&artifact.digest) {
            return;
        }
        if let Err(error) = fsx::write_durable(&self.place(artifact.digest), &artifact.bytes) {
            tracing::warn!(%error, "the good version can't be kept for the next start");
            return;
        }
        let before = self.record.good.insert(artifact.name.clone(), artifact.digest);
        self.save();
        if let Some(before) = before.filter(|before| !self.record.good.values().any(|good| good == before)) {
            fsx::remove_file(&self.place(before)).ok();
        }
    }

    /// The last good content of an artifact.
    pub(super) fn good(&self, name: &str) -> Option<Artifact> {
        let digest = *self.record.good.get(name)?;
        let bytes = fsx::read(&self.place(digest), MAX_ARTIFACT).ok()?;
        let artifact = Artifact::of(name, bytes);
        (artifact.digest == digest).then_some(artifact)
    }

    /// An artifact that was withdrawn is not put back.
    pub(super) fn forget(&mut self, name: &str) {
        if let Some(digest) = self.record.good.remove(name) {
            self.save();
            fsx::remove_file(&self.place(digest)).ok();
        }
    }

    fn place(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{digest}.good"))
    }

    fn save(&self) {
        let written =
            serde_json::to_vec_pretty(&self.record).map_err(|error| error.to_string()).and_then(|bytes| {
                fsx::write_durable(&self.folder.join("components.json"), &bytes)
                    .map_err(|error| error.to_string())
            });
        if let Err(error) = written {
            tracing::warn!(%error, "what must not run again can't be written down");
        }
    }
}
