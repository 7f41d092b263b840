//! Short ways to a new manifest: as a frame by itself, and as one against the manifest of the release before.

use std::collections::HashMap;

use crate::delta::make_patch;
use crate::fsx::FsError;
use crate::release::{Channel, Digest, ManifestPatch, Platform, ReleaseNumber};
use crate::trust::ReleaseTarget;

use super::PublishError;
use super::repository::Repository;

/// Older releases whose way to the new manifest is followed at most.
const MOST_STEPS: usize = 16;

/// Makes the patches that lead to the manifest `bytes`: those that are shorter than it and than each other.
pub(super) fn make(
    repository: &Repository,
    before: Option<&ReleaseTarget>,
    bytes: &[u8],
) -> Result<Vec<(ManifestPatch, Vec<u8>)>, PublishError> {
    let failed = |error| FsError::new("compress a manifest in", repository.root(), error);
    let alone = make_patch(b"", bytes).map_err(failed)?;
    let mut ways = vec![(ReleaseNumber::NONE, alone)];
    if let Some(before) = before {
        let (_, base) = repository.manifest_with_bytes(before)?;
        ways.push((before.summary.number, make_patch(&base, bytes).map_err(failed)?));
    }
    let mut least = bytes.len();
    let mut patches = Vec::new();
    for (from, patch) in ways {
        if patch.len() < least {
            least = patch.len();
            let (sha256, size) = (Digest::of(&patch), patch.len() as u64);
            patches.push((ManifestPatch { from, sha256, size }, patch));
        }
    }
    Ok(patches)
}

/// Writes patches to where clients look for them.
pub(super) fn write(
    repository: &Repository,
    (channel, platform): (&Channel, &Platform),
    patches: &[(ManifestPatch, Vec<u8>)],
) -> Result<(), PublishError> {
    for (patch, bytes) in patches {
        repository.write(&patch.path(channel, platform), bytes)?;
    }
    Ok(())
}

/// What an install of release `from` fetches to get the newest manifest, of `length` bytes and with these patches.
pub(super) fn cost(
    releases: &[ReleaseTarget],
    patches: &[ManifestPatch],
    length: u64,
    from: ReleaseNumber,
) -> u64 {
    let known: HashMap<ReleaseNumber, &[ManifestPatch]> =
        releases.iter().map(|release| (release.summary.number, release.summary.patches.as_slice())).collect();
    let alone = patches.iter().find(|patch| patch.from == ReleaseNumber::NONE);
    let best = alone.map_or(length, |patch| patch.size);
    let (mut sum, mut patches) = (0u64, Some(patches));
    for _ in 0..MOST_STEPS {
        let step = patches.and_then(|all| all.iter().find(|patch| patch.from != ReleaseNumber::NONE));
        let Some(step) = step else { break };
        sum = sum.saturating_add(step.size);
        if step.from == from {
            return sum.min(best);
        }
        patches = known.get(&step.from).copied();
    }
    best
}
