//! Which release an install should have, and whether it must.

use crate::release::{Digest, ReleaseNumber, Stamp, Summary, Urgency, Version};

/// What the install knows about itself when it asks.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The installed release; 0 if there is none.
    pub installed: ReleaseNumber,
    /// The version the person does not want to be offered again.
    pub skipped: Option<Version>,
    /// Releases that did not live here, by number and manifest digest.
    pub quarantined: Vec<(ReleaseNumber, Digest)>,
    /// The random name of this install, by which rollouts count.
    pub machine: String,
    /// The time.
    pub now: Option<Stamp>,
    /// Whether a person asks, and so wants to see what was skipped.
    pub by_hand: bool,
}

/// The answer to "is there something new?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Nothing newer.
    UpToDate,
    /// Nothing newer but one that did not live here.
    Quarantined(Summary),
    /// A newer one that was skipped.
    Skipped(Summary),
    /// A newer one.
    New(Summary, Urgency),
}

/// Chooses among the releases of one channel and platform, each with the digest of its manifest.
///
/// An update is forced if any release above the installed one is, or if the newest says the installed one is
/// below its minimum.
#[must_use]
pub fn choose<'a>(releases: impl Iterator<Item = (&'a Summary, Digest)>, seen: &Seen) -> Choice {
    let now = seen.now.unwrap_or_else(|| Stamp::from_unix(0));
    let is_newer = |release: &Summary| release.number > seen.installed && !release.withdrawn;
    let newer: Vec<(&Summary, Digest)> = releases
        .filter(|(release, _)| is_newer(release) && release.is_for(&seen.machine, now, seen.by_hand))
        .collect();
    let fit = newer.iter().filter(|(release, digest)| !seen.quarantined.contains(&(release.number, *digest)));
    let Some((newest, _)) = fit.max_by_key(|(release, _)| release.number) else {
        let bad = newer.iter().max_by_key(|(release, _)| release.number);
        return bad.map_or(Choice::UpToDate, |(release, _)| Choice::Quarantined((*release).clone()));
    };
    let between = newer.iter().filter(|(release, _)| release.number <= newest.number);
    let forced = between.clone().any(|(release, _)| release.urgency == Urgency::Forced)
        || between.into_iter().any(|(release, _)| seen.installed < release.minimum);
    let newest = (*newest).clone();
    if forced {
        Choice::New(newest, Urgency::Forced)
    } else if seen.skipped.as_ref() == Some(&newest.version) && !seen.by_hand {
        Choice::Skipped(newest)
    } else {
        Choice::New(newest, Urgency::Optional)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(number: u64, urgency: Urgency, minimum: u64) -> Summary {
        Summary {
            number: ReleaseNumber(number),
            version: format!("{number}.0").parse().unwrap(),
            urgency,
            minimum: ReleaseNumber(minimum),
            published: crate::release::Stamp::from_unix(0),
            withdrawn: false,
            download_bytes: 0,
            patches: Vec::new(),
            rollout: None,
        }
    }

    fn answer(releases: &[Summary], seen: &Seen) -> (u64, Option<Urgency>) {
        match choose(releases.iter().map(|release| (release, Digest::of(b""))), seen) {
            Choice::UpToDate | Choice::Quarantined(_) => (0, None),
            Choice::Skipped(release) => (release.number.0, None),
            Choice::New(release, urgency) => (release.number.0, Some(urgency)),
        }
    }

    /// A27: newest optional release behind an older forced one: a client below the forced one is forced.
    #[test]
    fn a_forced_release_in_between_forces() {
        let releases = [release(2, Urgency::Forced, 0), release(3, Urgency::Optional, 0)];
        let at = |number| Seen { installed: ReleaseNumber(number), ..Seen::default() };
        assert_eq!(answer(&releases, &at(1)), (3, Some(Urgency::Forced)));
        assert_eq!(answer(&releases, &at(2)), (3, Some(Urgency::Optional)));
        assert_eq!(answer(&releases, &at(3)), (0, None));
        assert_eq!(answer(&[release(3, Urgency::Optional, 2)], &at(1)), (3, Some(Urgency::Forced)));
        assert_eq!(answer(&[release(3, Urgency::Optional, 2)], &at(2)), (3, Some(Urgency::Optional)));
    }

    #[test]
    fn skipped_withdrawn_and_quarantined_releases_are_not_pressed() {
        let releases = [release(2, Urgency::Optional, 0)];
        let skipped = Some("2.0".parse().unwrap());
        let seen = Seen { installed: ReleaseNumber(1), skipped, ..Seen::default() };
        assert_eq!(answer(&releases, &seen), (2, None));
        let by_hand = Seen { by_hand: true, ..seen.clone() };
        assert_eq!(answer(&releases, &by_hand), (2, Some(Urgency::Optional)));
        let bad = Seen { quarantined: vec![(ReleaseNumber(2), Digest::of(b""))], ..by_hand };
        assert_eq!(answer(&releases, &bad), (0, None));
        let chosen = choose(releases.iter().map(|release| (release, Digest::of(b""))), &bad);
        assert_eq!(chosen, Choice::Quarantined(releases[0].clone()));
        // The same number with other content is another release.
        let again = choose(releases.iter().map(|release| (release, Digest::of(b"mended"))), &bad);
        assert_eq!(again, Choice::New(releases[0].clone(), Urgency::Optional));
        let withdrawn = [Summary { withdrawn: true, ..releases[0].clone() }];
        assert_eq!(answer(&withdrawn, &Seen::default()), (0, None));
    }
}
