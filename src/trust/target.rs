//! Releases among the targets: which there are, and what was signed for each.

use super::metadata::{TargetFile, Targets};
use crate::release::{Channel, Digest, Platform, Summary, parse_target_path};

/// A signed release: enough to decide on an update and to fetch its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseTarget {
    /// What was signed of it beside its bytes.
    pub summary: Summary,
    /// Its channel.
    pub channel: Channel,
    /// Its platform.
    pub platform: Platform,
    /// Its name among the targets: `<channel>/<platform>/<number>.json`.
    pub path: String,
    /// Where its manifest lies in the repository: `targets/<channel>/<platform>/<digest>.<number>.json`.
    pub fetch_path: String,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The bytes of its manifest.
    pub length: u64,
}

/// All releases, by channel, platform and number. What is not the target of a release is left out, so that
/// later kinds of targets do not trouble this program.
pub(super) fn releases(targets: &Targets) -> Vec<ReleaseTarget> {
    let mut all: Vec<_> = targets.targets.iter().filter_map(|(path, file)| release(path, file)).collect();
    all.sort_by(|a, b| {
        (&a.channel, &a.platform, a.summary.number).cmp(&(&b.channel, &b.platform, b.summary.number))
    });
    all
}

fn release(path: &str, file: &TargetFile) -> Option<ReleaseTarget> {
    let (channel, platform, number) = parse_target_path(path)?;
    let summary: Summary = serde_json::from_value(file.custom.clone()?).ok()?;
    if summary.number != number {
        return None;
    }
    let digest: Digest = file.hashes.get("sha256")?.parse().ok()?;
    let fetch_path = format!("targets/{channel}/{platform}/{digest}.{}.json", number.0);
    let (path, length) = (path.to_owned(), file.length);
    Some(ReleaseTarget { summary, channel, platform, path, fetch_path, digest, length })
}
