//! What follows from what on a node: a pure function from a phase and a fact to the next phase.

use serde::{Deserialize, Serialize};

use crate::report::ReleaseRef;

/// An update of a node: from where to where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What stood when it was found.
    pub from: ReleaseRef,
    /// What is to stand.
    pub to: ReleaseRef,
}

/// Where a node stands in an update. Written down before anything is done in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing newer is known.
    Idle,
    /// A newer release is fetched; the program still serves, and a window is waited for.
    Staged(Target),
    /// It may be installed now: the slot is asked for.
    Eligible(Target),
    /// The slot is ours.
    Locked(Target),
    /// The dispatcher sends nothing new; requests end.
    Draining(Target),
    /// The program has ended, files are switched.
    Swapping(Target),
    /// The new version runs and has yet to show that it works.
    Soaking(Target),
    /// It did not; the release before is brought back.
    GoingBack {
        /// The update.
        target: Target,
        /// What happened.
        reason: String,
    },
    /// The new version works; the dispatcher and the lock are told.
    Committed(Target),
    /// The release before works again. The slot is kept, so that no other node goes on.
    RolledBack {
        /// The update.
        target: Target,
        /// What happened.
        reason: String,
    },
    /// An operator has cleared that; the slot is given back, the release is not taken again.
    Quarantined {
        /// The update.
        target: Target,
        /// What happened.
        reason: String,
    },
    /// The update was left before anything changed; the dispatcher and the lock are told.
    Leaving(Target),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A newer release was fetched.
    Fetched(Target),
    /// It is not offered any more.
    Withdrawn,
    /// A window is open.
    Opened,
    /// No window is open.
    Closed,
    /// The slot is ours, or none is needed.
    Granted,
    /// All is staged, and the update only waits for the program to end.
    Ready,
    /// It can't be done now; nothing has changed.
    GivenUp,
    /// Nothing is in flight, and the program was asked to end.
    Drained,
    /// The new release stands.
    Swapped,
    /// The new version works.
    Works,
    /// It does not.
    Fails(String),
    /// The release before stands again.
    Back,
    /// The dispatcher and the lock know.
    Told,
    /// An operator has looked at it.
    Cleared,
}

impl Phase {
    /// Its name in the journal, the status and the metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Staged(_) => "staged",
            Self::Eligible(_) => "eligible",
            Self::Locked(_) => "locked",
            Self::Draining(_) => "draining",
            Self::Swapping(_) => "swapping",
            Self::Soaking(_) => "soaking",
            Self::GoingBack { .. } => "going-back",
            Self::Committed(_) => "committed",
            Self::RolledBack { .. } => "rolled-back",
            Self::Quarantined { .. } => "quarantined",
            Self::Leaving(_) => "leaving",
        }
    }

    /// Every name, in the order of an update.
    pub const NAMES: [&'static str; 12] = [
        "idle",
        "staged",
        "eligible",
        "locked",
        "draining",
        "swapping",
        "soaking",
        "going-back",
        "committed",
        "rolled-back",
        "quarantined",
        "leaving",
    ];

    /// The update it is about.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Idle => None,
            Self::Staged(target)
            | Self::Eligible(target)
            | Self::Locked(target)
            | Self::Draining(target)
            | Self::Swapping(target)
            | Self::Soaking(target)
            | Self::Committed(target)
            | Self::Leaving(target)
            | Self::GoingBack { target, .. }
            | Self::RolledBack { target, .. }
            | Self::Quarantined { target, .. } => Some(target),
        }
    }

    /// Whether the slot is, or may be, ours in this phase: it is asked for, used, kept, or yet to be given back.
    #[must_use]
    pub fn may_hold_slot(&self) -> bool {
        !matches!(self, Self::Idle | Self::Staged(_))
    }

    /// Whether the program should run.
    #[must_use]
    pub fn wants_program(&self) -> bool {
        !matches!(self, Self::Swapping(_) | Self::GoingBack { .. })
    }
}

/// The phase after `fact`. A fact that means nothing in a phase changes nothing.
#[must_use]
pub fn next(phase: Phase, fact: Fact) -> Phase {
    use Phase::{
        Committed, Draining, Eligible, GoingBack, Idle, Leaving, Locked, Quarantined, RolledBack, Soaking,
        Staged, Swapping,
    };
    match (phase, fact) {
        (Idle | Staged(_) | Quarantined { .. }, Fact::Fetched(target)) => Staged(target),
        (Staged(_), Fact::Withdrawn) => Idle,
        (Staged(target), Fact::Opened) => Eligible(target),
        (Eligible(target), Fact::Closed)
        | (Eligible(target) | Locked(target) | Draining(target), Fact::GivenUp) => Leaving(target),
        (Eligible(target), Fact::Granted) => Locked(target),
        (Locked(target), Fact::Ready) => Draining(target),
        (Draining(target), Fact::Drained) => Swapping(target),
        // The engine leaves the old version in place, whole; what was drained serves again.
        (Swapping(target), Fact::GivenUp) => Leaving(target),
        (Swapping(target), Fact::Swapped) => Soaking(target),
        (Soaking(target), Fact::Works) => Committed(target),
        (Soaking(target), Fact::Fails(reason)) => GoingBack { target, reason },
        (GoingBack { target, reason }, Fact::Back) => RolledBack { target, reason },
        (RolledBack { target, reason }, Fact::Cleared) => Quarantined { target, reason },
        (Committed(_) | Leaving(_), Fact::Told) => Idle,
        (phase, _) => phase,
    }
}

/// Where an agent goes on that finds `phase` in its journal, when `installed` stands now and no swap is open.
#[must_use]
pub fn resume(phase: Phase, installed: &ReleaseRef) -> Phase {
    let stands = |target: &Target| installed.number == target.to.number;
    match phase {
        // The slot may have been granted while nobody was there to hear it.
        Phase::Eligible(target) => Phase::Leaving(target),
        // Nothing was switched, or all of it: recovery left no third.
        Phase::Locked(target)
        | Phase::Draining(target)
        | Phase::Swapping(target)
        | Phase::Soaking(target) => {
            if stands(&target) {
                Phase::Soaking(target)
            } else {
                Phase::Leaving(target)
            }
        }
        Phase::GoingBack { target, reason } => {
            if stands(&target) {
                Phase::GoingBack { target, reason }
            } else {
                Phase::RolledBack { target, reason }
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::ReleaseNumber;

    fn release(number: u64) -> ReleaseRef {
        ReleaseRef { number: ReleaseNumber(number), version: None }
    }

    fn target() -> Target {
        Target { from: release(1), to: release(2) }
    }

    fn walk(facts: &[Fact]) -> Vec<&'static str> {
        let mut phase = Phase::Idle;
        let mut names = vec![phase.name()];
        for fact in facts {
            phase = next(phase, fact.clone());
            names.push(phase.name());
        }
        names
    }

    #[test]
    fn a_good_release_goes_through_every_state() {
        let facts = [
            Fact::Fetched(target()),
            Fact::Opened,
            Fact::Granted,
            Fact::Ready,
            Fact::Drained,
            Fact::Swapped,
            Fact::Works,
            Fact::Told,
        ];
        let names = walk(&facts);
        let wanted =
            ["idle", "staged", "eligible", "locked", "draining", "swapping", "soaking", "committed", "idle"];
        assert_eq!(names, wanted);
    }

    /// A124: a release that does not work is left, and the slot is kept until an operator clears it.
    #[test]
    fn a_bad_release_keeps_the_slot_until_it_is_cleared() {
        let mut phase = Phase::Soaking(target());
        for fact in [Fact::Fails("probe".to_owned()), Fact::Back, Fact::Told, Fact::Opened, Fact::Granted] {
            phase = next(phase, fact);
        }
        assert_eq!(phase.name(), "rolled-back");
        assert!(phase.may_hold_slot());
        phase = next(phase, Fact::Cleared);
        assert_eq!(phase.name(), "quarantined");
        assert_eq!(next(phase, Fact::Fetched(target())).name(), "staged");
    }

    #[test]
    fn before_the_swap_it_can_be_left_and_the_lock_is_told() {
        for phase in [Phase::Eligible(target()), Phase::Locked(target()), Phase::Draining(target())] {
            let left = next(phase, Fact::GivenUp);
            assert_eq!((left.name(), left.may_hold_slot()), ("leaving", true));
            assert_eq!(next(left, Fact::Told), Phase::Idle);
        }
    }

    /// A127: whatever an agent finds in its journal, it goes on to an end: the lock is told or kept for a reason.
    #[test]
    fn an_agent_that_died_goes_on_from_what_stands() {
        let t = target;
        let reason = String::new;
        let cases = [
            (Phase::Idle, 1, "idle"),
            (Phase::Staged(t()), 1, "staged"),
            (Phase::Eligible(t()), 1, "leaving"),
            (Phase::Locked(t()), 1, "leaving"),
            (Phase::Draining(t()), 1, "leaving"),
            (Phase::Swapping(t()), 1, "leaving"),
            (Phase::Swapping(t()), 2, "soaking"),
            (Phase::Soaking(t()), 2, "soaking"),
            (Phase::Soaking(t()), 1, "leaving"),
            (Phase::GoingBack { target: t(), reason: reason() }, 2, "going-back"),
            (Phase::GoingBack { target: t(), reason: reason() }, 1, "rolled-back"),
            (Phase::Committed(t()), 2, "committed"),
            (Phase::RolledBack { target: t(), reason: reason() }, 1, "rolled-back"),
            (Phase::Quarantined { target: t(), reason: reason() }, 1, "quarantined"),
            (Phase::Leaving(t()), 1, "leaving"),
        ];
        for (phase, installed, wanted) in cases {
            assert_eq!(
                resume(phase.clone(), &release(installed)).name(),
                wanted,
                "{phase:?} with {installed}"
            );
        }
    }

    #[test]
    fn names_are_those_of_the_documents() {
        assert!(Phase::NAMES.contains(&Phase::Leaving(target()).name()));
        let text = serde_json::to_string(&Phase::Staged(target())).unwrap();
        assert!(text.starts_with("{\"state\":\"staged\""), "{text}");
        assert_eq!(serde_json::from_str::<Phase>(&text).unwrap(), Phase::Staged(target()));
    }
}
