//! The queue before a component: bounded, in order, and it makes those before it wait.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::message::Message;

/// How often one who waits for room looks whether it is wanted elsewhere.
const LOOK: Duration = Duration::from_millis(5);

/// Messages on their way to one component.
pub(super) struct Queue {
    inner: Mutex<Inner>,
    filled: Condvar,
    drained: Condvar,
    bound: usize,
    depth: AtomicUsize,
    entered: AtomicU64,
}

struct Inner {
    messages: VecDeque<Message>,
    /// Somebody wants the taker to look up.
    rung: bool,
    /// Nobody takes any more.
    closed: bool,
}

impl Queue {
    pub(super) fn new(bound: usize) -> Self {
        let inner = Inner { messages: VecDeque::new(), rung: false, closed: false };
        Self {
            inner: Mutex::new(inner),
            filled: Condvar::new(),
            drained: Condvar::new(),
            bound,
            depth: AtomicUsize::new(0),
            entered: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in all of `messages` as soon as the bound is not reached, or `hurry` says that there is no time to
    /// wait. Says how many were not taken because nobody reads any more.
    pub(super) fn push(&self, messages: &mut Vec<Message>, hurry: &dyn Fn() -> bool) -> usize {
        if messages.is_empty() {
            return 0;
        }
        let mut inner = self.lock();
        while inner.messages.len() >= self.bound && !inner.closed && !hurry() {
            inner = self.drained.wait_timeout(inner, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        if inner.closed {
            let lost = messages.len();
            messages.clear();
            return lost;
        }
        self.entered.fetch_add(messages.len() as u64, Ordering::Release);
        inner.messages.extend(messages.drain(..));
        self.depth.store(inner.messages.len(), Ordering::Relaxed);
        drop(inner);
        self.filled.notify_one();
        0
    }

    /// Takes up to `max` messages; waits `patience` for the first one, or until somebody rings.
    pub(super) fn take(&self, max: usize, patience: Duration) -> Vec<Message> {
        let mut inner = self.lock();
        if inner.messages.is_empty() && !inner.rung && !inner.closed {
            inner = self.filled.wait_timeout(inner, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        inner.rung = false;
        let count = max.min(inner.messages.len());
        let taken: Vec<Message> = inner.messages.drain(..count).collect();
        self.depth.store(inner.messages.len(), Ordering::Relaxed);
        drop(inner);
        if !taken.is_empty() {
            self.drained.notify_all();
        }
        taken
    }

    /// Waits without taking anything.
    pub(super) fn rest(&self, patience: Duration) {
        let mut inner = self.lock();
        if !inner.rung && !inner.closed {
            inner = self.filled.wait_timeout(inner, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        inner.rung = false;
    }

    /// Makes the taker look up.
    pub(super) fn ring(&self) {
        self.lock().rung = true;
        self.filled.notify_all();
    }

    /// Nobody takes any more; says how many messages lie there.
    pub(super) fn close(&self) -> usize {
        let mut inner = self.lock();
        inner.closed = true;
        let left = inner.messages.len();
        drop(inner);
        self.filled.notify_all();
        self.drained.notify_all();
        left
    }

    /// How many messages ever came in.
    pub(super) fn entered(&self) -> u64 {
        self.entered.load(Ordering::Acquire)
    }

    pub(super) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn message(id: u64) -> Message {
        Message { id, key: 0, kind: 0, payload: Vec::new() }
    }

    #[test]
    fn a_full_queue_makes_the_giver_wait_and_loses_nothing() {
        let queue = Arc::new(Queue::new(4));
        let giver = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("giver".to_owned()).spawn(move || {
            for id in 0..100 {
                assert_eq!(giver.push(&mut vec![message(id)], &|| false), 0);
            }
        });
        let mut seen = Vec::new();
        while seen.len() < 100 {
            assert!(queue.depth() <= 4);
            seen.extend(queue.take(3, Duration::from_secs(10)).into_iter().map(|message| message.id));
        }
        thread.unwrap().join().unwrap();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn who_is_in_a_hurry_goes_over_the_bound_and_a_closed_queue_takes_nothing() {
        let queue = Queue::new(1);
        queue.push(&mut vec![message(1)], &|| false);
        queue.push(&mut vec![message(2)], &|| true);
        assert_eq!(queue.depth(), 2);
        assert_eq!(queue.close(), 2);
        assert_eq!(queue.push(&mut vec![message(3)], &|| false), 1);
    }
}
