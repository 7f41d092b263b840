//! One version follows another, between two batches; and what comes after that.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::journal::{Journal, replay};
use super::orders::SwapOrder;
use super::{Line, Notice, Warm};
use crate::component::carrier::CallError;
use crate::component::config::WhenBusy;
use crate::component::message::Role;

/// How long a line that is ready waits for its siblings.
const PATIENCE: Duration = Duration::from_secs(2);
/// Taking a state may take this part of a line's time.
const SHARE: u32 = 100;
/// A journal of so many bytes is cut whatever that costs.
const MAX_JOURNAL: usize = 64 << 20;

/// The version before is not let further behind than so many messages: some milliseconds of work.
const FAR: usize = 8192;

/// What the candidate was given.
enum Given {
    /// A state that was taken now; the journal begins here.
    State(Journal),
    /// All of the journal.
    Journal,
}

impl Line {
    /// Switches to the version that waits, if the time is right.
    pub(super) fn try_swap(&mut self) {
        let Some(order) = &self.swap else { return };
        let (gate, party) = (Arc::clone(&order.gate), order.party);
        let idle = match self.seat.as_mut().map(|seat| seat.instance.busy()) {
            None => true,
            Some(Ok(count)) => count == 0,
            Some(Err(error)) => {
                self.fall(&error);
                true
            }
        };
        if !gate.may_enter(party, idle) {
            return;
        }
        let Some(order) = self.swap.take() else { return };
        if !idle && self.tuning.rules.when_busy == WhenBusy::GiveUp {
            gate.veto();
            order.report.send(Err("it was still busy at the deadline".to_owned())).ok();
            return;
        }
        self.switch(order);
    }

    fn switch(&mut self, mut order: SwapOrder) {
        let began = Instant::now();
        let given = self.hand_over(&mut order);
        let all = order.gate.vote(order.party, given.is_ok(), PATIENCE);
        let given = match given {
            Ok(given) if all => given,
            Ok(_) => {
                self.followed = false;
                order.report.send(Err("another component of the same artifact is not ready".to_owned())).ok();
                return;
            }
            Err(error) => {
                self.followed = false;
                order.report.send(Err(error.to_string())).ok();
                return;
            }
        };
        let from = match given {
            Given::State(journal) => {
                self.stats.state(journal.state.bytes.len());
                self.begin(journal);
                0
            }
            Given::Journal => self.journal.jobs.len(),
        };
        self.followed = false;
        let old = self.seat.replace(order.candidate);
        let pause = began.elapsed();
        self.falls = 0;
        self.trial = None;
        let rules = self.tuning.rules;
        let settled = self.spend_warm();
        if let Some(seat) = old {
            if settled {
                let (component, digest) = (self.name.clone(), seat.version.digest);
                self.tell(Notice::Kept { component, digest });
            }
            self.before = Some(seat.version.clone());
            self.stats.probation.store(true, Ordering::Relaxed);
            let until = Instant::now() + rules.time;
            self.warm = Some(Warm { seat, from, behind: 0, lost: false, until, left: rules.messages });
            self.show();
        } else {
            self.show();
            self.keep();
        }
        order.report.send(Ok(pause)).ok();
    }

    /// Gives the candidate what the running version knows.
    fn hand_over(&mut self, order: &mut SwapOrder) -> Result<Given, CallError> {
        let candidate = &mut order.candidate;
        if let Some(from) = order.caught_up {
            let tail = self.journal.jobs.get(from..).unwrap_or_default();
            return replay(&mut *candidate.instance, tail).map(|()| Given::Journal);
        }
        let Some(seat) = &mut self.seat else {
            return self.bring_up(candidate).map(|()| Given::Journal);
        };
        let state = match seat.instance.snapshot() {
            Ok(state) => Arc::new(state),
            Err(error) => {
                if error.is_fatal() {
                    self.fall(&error);
                }
                return Err(error);
            }
        };
        let values = seat.instance.values();
        candidate.take_over(&state, values.clone())?;
        Ok(Given::State(Journal::at(state, values)))
    }

    /// What is due after a batch: the end of a probation, and cutting the journal.
    pub(super) fn tend(&mut self) {
        let now = Instant::now();
        if let Some(warm) = &self.warm {
            if warm.left == 0 || now >= warm.until || self.journal.bytes > MAX_JOURNAL {
                self.keep();
            } else {
                self.replay_warm();
            }
            return;
        }
        if self.trial.is_some_and(|(until, left)| left == 0 || now >= until) {
            self.keep();
            return;
        }
        let long = self.journal.messages >= self.tuning.rules.messages;
        let due = self.journal.next_cut.is_none_or(|next| now >= next);
        if !self.followed && (long && due || self.journal.bytes > MAX_JOURNAL) {
            self.mark();
        }
    }

    /// In a probation the version before does again what was done, when there is nothing better to do or it is far
    /// behind; so little is left to do when it has to serve again.
    fn replay_warm(&mut self) {
        let Some(warm) = self.warm.as_mut().filter(|warm| !warm.lost) else { return };
        // Nothing ever waits for a source; it rests when it has nothing to bring.
        let is_source = warm.seat.instance.role() == Role::Source;
        let idle = || if is_source { !self.rest.is_zero() } else { self.queue.depth() == 0 };
        while warm.behind > FAR || warm.behind > 0 && idle() && !self.orders.has_some() {
            let Some(job) = self.journal.jobs.get(warm.from) else { break };
            warm.from += 1;
            warm.behind = warm.behind.saturating_sub(job.effort());
            if replay(&mut *warm.seat.instance, std::slice::from_ref(job)).is_err() {
                warm.lost = true;
                break;
            }
        }
    }

    /// The running version has shown itself.
    pub(super) fn keep(&mut self) {
        self.spend_warm();
        self.trial = None;
        self.stats.probation.store(false, Ordering::Relaxed);
        let Some(seat) = &self.seat else { return };
        let (component, digest) = (self.name.clone(), seat.version.digest);
        self.tell(Notice::Kept { component, digest });
        if !self.followed {
            self.mark();
        }
    }

    /// Takes the state, and begins the journal anew.
    pub(super) fn mark(&mut self) {
        let began = Instant::now();
        let Some(seat) = &mut self.seat else { return };
        match seat.instance.snapshot() {
            Ok(state) => {
                self.stats.state(state.bytes.len());
                let journal = Journal::at(Arc::new(state), seat.instance.values());
                self.begin(journal);
                self.journal.next_cut = Some(Instant::now() + began.elapsed() * SHARE);
            }
            Err(error) if error.is_fatal() => self.fall(&error),
            Err(error) => tracing::warn!(component = %self.name, %error, "the state can't be taken"),
        }
    }
}
