//! All or none: where the lines of one artifact meet to be switched together.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The meeting of `parties` lines.
pub(super) struct Gate {
    inner: Mutex<Inner>,
    changed: Condvar,
    /// Until when it may wait for lines to be idle.
    pub(super) deadline: Instant,
}

#[derive(Debug)]
struct Inner {
    idle: Vec<bool>,
    /// Once all were idle, or the deadline is over, all come in.
    open: bool,
    votes: Vec<Option<bool>>,
    decided: Option<bool>,
}

impl Gate {
    pub(super) fn new(parties: usize, deadline: Instant) -> Self {
        let inner =
            Inner { idle: vec![false; parties], open: false, votes: vec![None; parties], decided: None };
        Self { inner: Mutex::new(inner), changed: Condvar::new(), deadline }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line says whether it is idle and learns whether it has to come in now.
    pub(super) fn may_enter(&self, party: usize, idle: bool) -> bool {
        let mut inner = self.lock();
        inner.idle[party] = idle;
        inner.open |= inner.idle.iter().all(|idle| *idle) || Instant::now() >= self.deadline;
        inner.open
    }

    /// A line can't or will not be switched: nobody is.
    pub(super) fn veto(&self) {
        let mut inner = self.lock();
        inner.open = true;
        inner.decided.get_or_insert(false);
        drop(inner);
        self.changed.notify_all();
    }

    /// A line says whether it is ready, and waits for all others, `patience` at most. Says whether all switch.
    pub(super) fn vote(&self, party: usize, ready: bool, patience: Duration) -> bool {
        let mut inner = self.lock();
        inner.votes[party] = Some(ready);
        if !ready {
            inner.decided.get_or_insert(false);
        } else if inner.votes.iter().all(|vote| *vote == Some(true)) {
            inner.decided.get_or_insert(true);
        }
        self.changed.notify_all();
        let end = Instant::now() + patience;
        loop {
            if let Some(decided) = inner.decided {
                return decided;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                inner.decided = Some(false);
                self.changed.notify_all();
                return false;
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
