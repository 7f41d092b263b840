//! Out of a version that broke: back to the one before, or from the last known state on.

use std::time::Instant;

use super::journal::replay;
use super::{Line, Notice, Seat, Version, Warm};
use crate::component::carrier::CallError;
use crate::release::Digest;

/// Falls in a row without one batch in between after which nothing more is tried.
const MAX_FALLS: u32 = 4;

impl Line {
    /// The running version broke. Afterwards another instance runs that is where the broken one was before its
    /// last batch, or none.
    pub(super) fn fall(&mut self, error: &CallError) {
        let found = Instant::now();
        self.falls += 1;
        let Some(broken) = self.seat.take() else { return };
        self.recover(&broken.version, error.to_string(), found);
        // Only now: giving memory back would hold up what serves again.
        self.spend(broken);
    }

    /// Puts another instance in the place of one of `bad`.
    fn recover(&mut self, bad: &Version, why: String, found: Instant) {
        let component = self.name.clone();
        if let Some(warm) = self.warm.take() {
            let back = self.back_to(warm);
            let label = self.sit(back);
            let (digest, took) = (bad.digest, found.elapsed());
            self.tell(Notice::Fell { component, digest, why, probation: true, back: label, took });
            return;
        }
        let before = self.before.take().filter(|_| self.falls < MAX_FALLS);
        if let Some(seat) = before.as_ref().and_then(|before| self.revive(before).ok()) {
            let label = self.sit(Ok(seat));
            let (digest, took) = (bad.digest, found.elapsed());
            self.tell(Notice::Fell { component, digest, why, probation: false, back: label, took });
            return;
        }
        if self.falls >= MAX_FALLS {
            self.sit(Err(CallError::Gone(format!("{} falls in a row, the last one: {why}", self.falls))));
            return;
        }
        let again = self.revive(bad);
        let runs = again.is_ok();
        self.sit(again);
        self.stats.restarts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if runs {
            self.tell(Notice::Restarted { component, why, took: found.elapsed() });
        }
    }

    /// The version before, where the journal ends.
    fn back_to(&mut self, mut warm: Warm) -> Result<Seat, CallError> {
        self.stats.probation.store(false, std::sync::atomic::Ordering::Relaxed);
        self.before = None;
        let jobs = self.journal.jobs.get(warm.from..).unwrap_or_default();
        if !warm.lost && replay(&mut *warm.seat.instance, jobs).is_ok() {
            return Ok(warm.seat);
        }
        self.revive(&warm.seat.version)
    }

    /// A new instance of `version` that is where the journal ends.
    pub(super) fn revive(&self, version: &Version) -> Result<Seat, CallError> {
        let instance = version.program.start(&self.tuning.limits, &self.log)?;
        let mut seat = Seat { instance, version: version.clone() };
        seat.instance.init(&self.config)?;
        self.bring_up(&mut seat)?;
        Ok(seat)
    }

    /// Gives an instance that was started and has its config everything the journal knows.
    pub(super) fn bring_up(&self, seat: &mut Seat) -> Result<(), CallError> {
        seat.take_over(&self.journal.state, self.journal.values.clone())?;
        replay(&mut *seat.instance, &self.journal.jobs)
    }

    /// Puts an instance in place, or shows that there is none. Gives the name of what runs.
    pub(super) fn sit(&mut self, seat: Result<Seat, CallError>) -> Option<String> {
        match seat {
            Ok(seat) => {
                let label = seat.version.label.clone();
                self.seat = Some(seat);
                self.show();
                Some(label)
            }
            Err(error) => {
                self.seat = None;
                self.show();
                self.tell(Notice::Down { component: self.name.clone(), why: error.to_string() });
                None
            }
        }
    }

    /// A sibling of the same artifact broke in its probation: this one goes back too.
    pub(super) fn go_back(&mut self, digest: Digest) {
        let on_it = self.seat.as_ref().is_some_and(|seat| seat.version.digest == digest);
        let Some(warm) = self.warm.take_if(|_| on_it) else { return };
        let back = self.back_to(warm);
        if let Some(broken) = self.seat.take() {
            self.spend(broken);
        }
        if let Some(to) = self.sit(back) {
            self.tell(Notice::WentBack { component: self.name.clone(), to });
        }
    }
}
