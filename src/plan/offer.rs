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
/// below its minimum. A release behind a barrier is reached in steps: the newest that may be gone to at once comes
/// first. An install without a release has nothing a barrier could guard.
#[must_use]
pub fn choose<'a>(releases: impl Iterator<Item = (&'a Summary, Digest)>, seen: &Seen) -> Choice {
    let now = seen.now.unwrap_or_else(|| Stamp::from_unix(0));
    let all: Vec<(&Summary, Digest)> = releases.collect();
    let newer: Vec<(&Summary, Digest)> =
        all.iter().filter(|(release, _)| is_open(release, &all, seen, now)).copied().collect();
    let fit: Vec<&Summary> = newer
        .iter()
        .filter(|(release, digest)| !seen.quarantined.contains(&(release.number, *digest)))
        .map(|(release, _)| *release)
        .collect();
    let newest_of = |found: &mut dyn Iterator<Item = &'a Summary>| found.max_by_key(|release| release.number);
    let Some(newest) = newest_of(&mut fit.iter().copied()) else {
        let bad = newest_of(&mut newer.iter().map(|(release, _)| *release));
        return bad.map_or(Choice::UpToDate, |release| Choice::Quarantined(release.clone()));
    };
    let is_near =
        |release: &&Summary| seen.installed == ReleaseNumber::NONE || release.barrier <= seen.installed;
    let Some(next) = newest_of(&mut fit.iter().copied().filter(is_near)) else { return Choice::UpToDate };
    let mut between = newer.iter().map(|(release, _)| release).filter(|r| r.number <= newest.number);
    let forced = between.any(|r| r.urgency == Urgency::Forced || seen.installed < r.minimum);
    let is_skipped = [next, newest].iter().any(|release| seen.skipped.as_ref() == Some(&release.version));
    if forced {
        Choice::New(next.clone(), Urgency::Forced)
    } else if is_skipped && !seen.by_hand {
        Choice::Skipped(next.clone())
    } else {
        Choice::New(next.clone(), Urgency::Optional)
    }
}

/// Whether a release is newer than what is installed and is open to this install at all.
fn is_open(release: &Summary, all: &[(&Summary, Digest)], seen: &Seen, now: Stamp) -> bool {
    let installed = all.iter().find(|(one, _)| one.number == seen.installed).map(|(one, _)| *one);
    // Who never left a release, or was led back to it before, is not led there again.
    let led_to = installed.map_or(ReleaseNumber::NONE, |own| own.returns_to);
    let leads_here =
        release.returns_to != ReleaseNumber::NONE && [seen.installed, led_to].contains(&release.returns_to);
    release.number > seen.installed
        && !release.withdrawn
        && !leads_here
        && release.is_for(&seen.machine, now, seen.by_hand)
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
            barrier: ReleaseNumber::NONE,
            returns_to: ReleaseNumber::NONE,
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

    /// A client below a barrier goes to the newest release it may go to first, and is forced if anything on the
    /// whole way is.
    #[test]
    fn a_barrier_is_passed_in_steps() {
        let behind = |number, barrier| Summary {
            barrier: ReleaseNumber(barrier),
            ..release(number, Urgency::Optional, 0)
        };
        let releases = [behind(1, 0), behind(5, 0), behind(9, 5), behind(10, 5)];
        let at = |number| Seen { installed: ReleaseNumber(number), ..Seen::default() };
        assert_eq!(answer(&releases, &at(1)), (5, Some(Urgency::Optional)));
        assert_eq!(answer(&releases, &at(5)), (10, Some(Urgency::Optional)));
        assert_eq!(
            answer(&releases, &at(0)),
            (10, Some(Urgency::Optional)),
            "a new install has no way to go"
        );
        let forced = [behind(5, 0), Summary { urgency: Urgency::Forced, ..behind(9, 5) }];
        assert_eq!(answer(&forced, &at(1)), (5, Some(Urgency::Forced)));
        let barred = [Summary { withdrawn: true, ..behind(5, 0) }, behind(9, 5)];
        assert_eq!(answer(&barred, &at(1)), (0, None));
        let skipped = Seen { skipped: Some("10.0".parse().unwrap()), ..at(1) };
        assert_eq!(
            answer(&releases, &skipped),
            (5, None),
            "who skips the newest is not asked for the step to it"
        );
    }

    /// A release that leads back is for those who went too far, not for those who never left.
    #[test]
    fn who_is_led_back_and_who_is_not() {
        let back = |number| Summary { returns_to: ReleaseNumber(1), ..release(number, Urgency::Forced, 0) };
        let bad = Summary { withdrawn: true, ..release(2, Urgency::Optional, 0) };
        let releases = [release(1, Urgency::Optional, 0), bad, back(3)];
        let at = |number| Seen { installed: ReleaseNumber(number), ..Seen::default() };
        assert_eq!(answer(&releases, &at(2)), (3, Some(Urgency::Forced)));
        assert_eq!(answer(&releases, &at(1)), (0, None));
        assert_eq!(answer(&releases, &at(3)), (0, None));
        assert_eq!(answer(&releases, &at(0)), (3, Some(Urgency::Forced)));
        let again = [releases.to_vec(), vec![back(4)]].concat();
        assert_eq!(answer(&again, &at(3)), (0, None), "what stands is what it would be led to");
        assert_eq!(answer(&again, &at(2)), (4, Some(Urgency::Forced)));
        let on = [releases.to_vec(), vec![release(4, Urgency::Optional, 0)]].concat();
        assert_eq!(
            answer(&on, &at(1)),
            (4, Some(Urgency::Optional)),
            "what leads back forces only those it leads"
        );
    }

    /// A128: halted stops everybody, by hand too; a share does not hold back who asks by hand, nor a release that
    /// must be taken; the same machine always gets the same answer.
    #[test]
    fn a_share_holds_back_and_a_halt_stops() {
        let spread = |start_bp, halted, urgency| {
            let rollout =
                serde_json::json!({"salt": "r7", "start": 0, "start_bp": start_bp, "halted": halted});
            Summary { rollout: Some(rollout), ..release(2, urgency, 0) }
        };
        let seen = |machine: &str, by_hand| Seen {
            installed: ReleaseNumber(1),
            machine: machine.to_owned(),
            now: Some(crate::release::Stamp::from_unix(100)),
            by_hand,
            ..Seen::default()
        };
        // The bucket of "a" is 4550, that of "b" 2472 (`release::rollout`).
        for _ in 0..3 {
            let releases = [spread(3_000, false, Urgency::Optional)];
            assert_eq!(answer(&releases, &seen("a", false)), (0, None));
            assert_eq!(answer(&releases, &seen("b", false)), (2, Some(Urgency::Optional)));
            assert_eq!(answer(&releases, &seen("a", true)), (2, Some(Urgency::Optional)));
            assert_eq!(
                answer(&[spread(0, false, Urgency::Forced)], &seen("a", false)),
                (2, Some(Urgency::Forced))
            );
            for by_hand in [false, true] {
                assert_eq!(answer(&[spread(10_000, true, Urgency::Forced)], &seen("b", by_hand)), (0, None));
            }
        }
    }
}
