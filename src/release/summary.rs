//! What the signed targets say of a release: enough to decide on an update without its manifest.

use serde::{Deserialize, Serialize};

use super::{Channel, Digest, Platform, RelPath, ReleaseNumber, Rollout, Stamp, Urgency, Version};

/// The `custom` data of a release's target (`docs/formats.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Its place in the order of releases.
    pub number: ReleaseNumber,
    /// Its version.
    pub version: Version,
    /// Whether it may be declined.
    #[serde(default)]
    pub urgency: Urgency,
    /// Installs below this must update before the program may start.
    #[serde(default)]
    pub minimum: ReleaseNumber,
    /// Installs below this can't go to it at once: they are brought to a release from here on first. 0: no barrier.
    #[serde(default, skip_serializing_if = "is_none")]
    pub barrier: ReleaseNumber,
    /// The release it brings back, if the publisher leads installs back: whoever has that one has nothing to do.
    #[serde(default, skip_serializing_if = "is_none")]
    pub returns_to: ReleaseNumber,
    /// When it was published.
    pub published: Stamp,
    /// Whether the publisher took it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// Bytes that an install of the release before it downloads at most.
    #[serde(default)]
    pub download_bytes: u64,
    /// Shorter ways to its manifest; each leads to the very bytes that were signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<ManifestPatch>,
    /// Who may have it yet, as a [`Rollout`]; everybody if nothing is said. One that this version can't read
    /// admits nobody by itself, but everybody by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<serde_json::Value>,
}

/// A manifest as one zstd frame against the manifest of an earlier release of the same channel and platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPatch {
    /// The earlier release; 0 for none, and then the frame stands by itself.
    pub from: ReleaseNumber,
    /// The digest of the frame.
    pub sha256: Digest,
    /// Its bytes.
    pub size: u64,
}

impl ManifestPatch {
    /// Where it lies in a repository: beside the manifest it leads to.
    #[must_use]
    pub fn path(&self, channel: &Channel, platform: &Platform) -> String {
        format!("targets/{channel}/{platform}/{}.patch", self.sha256)
    }
}

fn is_none(number: &ReleaseNumber) -> bool {
    *number == ReleaseNumber::NONE
}

impl Summary {
    /// The rollout, as far as this version can read it.
    #[must_use]
    pub fn rollout(&self) -> Option<Rollout> {
        serde_json::from_value(self.rollout.clone()?).ok()
    }

    /// Whether the rollout lets a machine have this release: by hand and for a release that must be taken the
    /// share does not count, but a halt does.
    #[must_use]
    pub fn is_for(&self, machine: &str, now: Stamp, by_hand: bool) -> bool {
        let Some(said) = &self.rollout else { return true };
        let passes = by_hand || self.urgency == Urgency::Forced;
        match serde_json::from_value::<Rollout>(said.clone()) {
            Ok(rollout) => !rollout.halted && (passes || rollout.admits(machine, now)),
            Err(_of_a_later_kind) => passes,
        }
    }
}

/// The path of a release's manifest among the targets: `<channel>/<platform>/<number>.json`.
#[must_use]
pub fn target_path(channel: &Channel, platform: &Platform, number: ReleaseNumber) -> String {
    format!("{channel}/{platform}/{}.json", number.0)
}

/// Channel, platform and number of a target path; nothing if it is not the path of a release.
#[must_use]
pub fn parse_target_path(path: &str) -> Option<(Channel, Platform, ReleaseNumber)> {
    let path: RelPath = path.parse().ok()?;
    let parts: Vec<&str> = path.parts().collect();
    let [channel, platform, file] = parts.as_slice() else { return None };
    let number = file.strip_suffix(".json")?;
    if number.starts_with(['0', '+']) {
        return None;
    }
    Some((channel.parse().ok()?, platform.parse().ok()?, ReleaseNumber(number.parse().ok()?)))
}
