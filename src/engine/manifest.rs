//! Short ways to the manifest of a release: it is here already, or comes as patches against one that is.
//!
//! A patch is a file named in the signed targets; what it leads to counts only with the digest that was signed
//! for the manifest. Whatever goes wrong on a short way, the whole manifest is fetched instead.

use crate::delta::apply_patch;
use crate::release::{Digest, ManifestPatch, ReleaseNumber};
use crate::report::Control;
use crate::transfer::{Patience, Reader};
use crate::trust::ReleaseTarget;

use super::Setup;
use super::check::Events;

/// Patches that are followed one after the other at most.
const MOST_STEPS: usize = 16;

/// Patches in the order they are applied, each with the release it leads to, and what the first begins with.
struct Route<'a> {
    base: Vec<u8>,
    steps: Vec<(&'a ManifestPatch, &'a ReleaseTarget)>,
}

/// The bytes of the manifest of `target`, if there is a short way to them. `releases` are all of its channel and
/// platform.
pub(super) async fn short_way(
    setup: &Setup,
    target: &ReleaseTarget,
    releases: &[ReleaseTarget],
    patience: Patience,
    control: &Control,
    events: Events<'_>,
) -> Option<Vec<u8>> {
    if let Some(bytes) = setup.install.kept_manifest(&target.digest) {
        return Some(bytes);
    }
    let route = choose(target, releases, &|digest| setup.install.kept_manifest(digest))?;
    let mut bytes = route.base;
    for (patch, to) in route.steps {
        let mut reader = Reader::new(&setup.mirrors, patience, control, events);
        let path = patch.path(&to.channel, &to.platform);
        let found = reader.any(&path, patch.size).await.ok()??;
        if Digest::of(&found) != patch.sha256 {
            tracing::warn!(%path, "a manifest patch is not the one that was signed");
            return None;
        }
        bytes = apply_patch(&bytes, &found, to.length).ok()?;
        if Digest::of(&bytes) != to.digest {
            tracing::warn!(%path, "a manifest patch leads to another manifest than was signed");
            return None;
        }
    }
    Some(bytes)
}

/// The way that costs least: back from `target` to a manifest that is kept, or the frame that stands by itself.
fn choose<'a>(
    target: &'a ReleaseTarget,
    releases: &'a [ReleaseTarget],
    kept: &dyn Fn(&Digest) -> Option<Vec<u8>>,
) -> Option<Route<'a>> {
    let alone = |of: &'a ReleaseTarget| of.summary.patches.iter().find(|p| p.from == ReleaseNumber::NONE);
    let most = alone(target).map_or(target.length, |patch| patch.size);
    let (mut steps, mut cost, mut at) = (Vec::new(), 0u64, target);
    while steps.len() < MOST_STEPS {
        let before = at.summary.patches.iter().find_map(|patch| {
            let release = releases.iter().find(|one| one.summary.number == patch.from)?;
            (patch.from < at.summary.number).then_some((patch, release))
        });
        let Some((patch, release)) = before else { break };
        steps.push((patch, at));
        cost = cost.saturating_add(patch.size);
        if cost >= most {
            break;
        }
        if let Some(base) = kept(&release.digest) {
            steps.reverse();
            return Some(Route { base, steps });
        }
        at = release;
    }
    let patch = alone(target).filter(|patch| patch.size < target.length)?;
    Some(Route { base: Vec::new(), steps: vec![(patch, target)] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{Stamp, Summary, Urgency};

    fn release(number: u64, patches: &[(u64, u64)]) -> ReleaseTarget {
        let patch = |(from, size): &(u64, u64)| ManifestPatch {
            from: ReleaseNumber(*from),
            sha256: Digest::of(&[*from as u8]),
            size: *size,
        };
        let summary = Summary {
            number: ReleaseNumber(number),
            version: "1".parse().unwrap(),
            urgency: Urgency::Optional,
            minimum: ReleaseNumber::NONE,
            barrier: ReleaseNumber::NONE,
            returns_to: ReleaseNumber::NONE,
            published: Stamp::from_unix(0),
            withdrawn: false,
            download_bytes: 0,
            patches: patches.iter().map(patch).collect(),
            rollout: None,
        };
        let digest = Digest::of(&number.to_le_bytes());
        let (channel, platform) = ("stable".parse().unwrap(), "any".parse().unwrap());
        let (path, fetch_path) = (number.to_string(), number.to_string());
        ReleaseTarget { summary, channel, platform, path, fetch_path, digest, length: 10_000 }
    }

    fn route(releases: &[ReleaseTarget], installed: u64) -> Option<Vec<u64>> {
        let base = Digest::of(&installed.to_le_bytes());
        let kept = |digest: &Digest| (*digest == base).then(Vec::new);
        let route = choose(releases.last().unwrap(), releases, &kept)?;
        Some(route.steps.iter().map(|(patch, _)| patch.from.0).collect())
    }

    #[test]
    fn the_cheapest_way_to_a_manifest_is_taken() {
        let releases = [
            release(1, &[(0, 3000)]),
            release(2, &[(0, 3000), (1, 200)]),
            release(3, &[(0, 3000), (2, 300)]),
            release(4, &[(0, 3000), (3, 2500)]),
        ];
        assert_eq!(route(&releases[..3], 2), Some(vec![2]));
        assert_eq!(route(&releases[..3], 1), Some(vec![1, 2]));
        assert_eq!(route(&releases[..3], 9), Some(vec![0]), "an unknown install");
        assert_eq!(route(&releases, 3), Some(vec![3]));
        assert_eq!(route(&releases, 1), Some(vec![0]), "the patches cost more");
        assert_eq!(route(&[release(5, &[])], 1), None);
        // A release that names itself or a later one leads nowhere.
        assert_eq!(route(&[release(5, &[(5, 10), (6, 10)])], 1), None);
    }
}
