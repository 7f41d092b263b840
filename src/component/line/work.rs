//! Batches: where they come from, what is done with them, where their outcome goes.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::journal::{Job, perform};
use super::{Line, Notice};
use crate::component::carrier::CallError;
use crate::component::message::{Fault, Message, Role};
use crate::component::queue::Queue;
use crate::release::Digest;

/// The longest wait before a batch is tried again.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// The way to one downstream component.
#[derive(Clone)]
pub(in crate::component) struct Route {
    /// One queue for each shard.
    pub(in crate::component) queues: Vec<Arc<Queue>>,
    /// Whether messages pass by while the component does not run.
    pub(in crate::component) skip_when_down: bool,
    /// The figures of its first shard.
    pub(in crate::component) stats: Arc<Stats>,
}

impl Route {
    /// Sends all of `messages`; gives how many were not taken.
    fn send(&self, mut messages: Vec<Message>, hurry: &dyn Fn() -> bool) -> usize {
        if self.skip_when_down && self.stats.is_down() {
            return messages.len();
        }
        if let [queue] = self.queues.as_slice() {
            return queue.push(&mut messages, hurry);
        }
        let mut parts: Vec<Vec<Message>> = vec![Vec::new(); self.queues.len()];
        for message in messages {
            parts[shard(message.key, self.queues.len())].push(message);
        }
        self.queues.iter().zip(&mut parts).map(|(queue, part)| queue.push(part, hurry)).sum()
    }
}

/// Which of `count` shards has this key; evenly, also where keys are counted up.
fn shard(key: u64, count: usize) -> usize {
    let mixed = (key ^ (key >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    usize::try_from(mixed).unwrap_or(0) % count
}

/// The figures of a line, for others to read.
#[derive(Default)]
pub(in crate::component) struct Stats {
    pub(in crate::component) received: AtomicU64,
    pub(in crate::component) sent: AtomicU64,
    pub(in crate::component) rejected: AtomicU64,
    pub(in crate::component) skipped: AtomicU64,
    pub(in crate::component) restarts: AtomicU64,
    /// Messages of the queue that are done with, one way or another.
    pub(in crate::component) finished: AtomicU64,
    pub(in crate::component) state_bytes: AtomicUsize,
    pub(in crate::component) probation: AtomicBool,
    down: AtomicBool,
    source: AtomicBool,
    version: Mutex<Option<(String, Digest)>>,
}

impl Stats {
    pub(in crate::component) fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    pub(in crate::component) fn version(&self) -> Option<(String, Digest)> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it brings messages.
    pub(in crate::component) fn is_source(&self) -> bool {
        self.source.load(Ordering::Relaxed)
    }

    pub(super) fn show(&self, version: Option<(String, Digest)>, role: Option<Role>) {
        if let Some(role) = role {
            self.source.store(role == Role::Source, Ordering::Relaxed);
        }
        self.down.store(version.is_none(), Ordering::Relaxed);
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = version;
    }

    pub(super) fn state(&self, bytes: usize) {
        self.state_bytes.store(bytes, Ordering::Relaxed);
    }

    fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Line {
    /// The next thing to do, if there is any soon.
    pub(super) fn next_job(&mut self) -> Option<Job> {
        if !self.rest.is_zero() && !self.orders.has_some() {
            self.queue.rest(self.rest);
            if self.orders.has_some() {
                return None;
            }
        }
        if let Some(job) = self.todo.pop_front() {
            return Some(job);
        }
        let role = self.seat.as_ref()?.instance.role();
        if role == Role::Source {
            let max = u32::try_from(self.tuning.batch).unwrap_or(u32::MAX);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            return Some(Job::Poll { max, now: u64::try_from(now).unwrap_or(u64::MAX) });
        }
        let messages = self.queue.take(self.tuning.batch, self.patience());
        if messages.is_empty() {
            return None;
        }
        Some(Job::Batch(messages.into()))
    }

    /// How long to wait for messages: not beyond the next thing that has a time of its own.
    fn patience(&self) -> Duration {
        let usual = Duration::from_millis(100);
        if self.swap.is_some() {
            return Duration::from_millis(2);
        }
        self.warm
            .as_ref()
            .map_or(usual, |warm| warm.until.saturating_duration_since(Instant::now()).min(usual))
    }

    /// Does one job, or puts it back if it can't be done now.
    pub(super) fn work(&mut self, job: Job) {
        loop {
            let Some(seat) = &mut self.seat else {
                self.todo.push_front(job);
                return;
            };
            match perform(&mut *seat.instance, &job, false) {
                Ok(outputs) => return self.done(job, outputs),
                Err(CallError::Fault(Fault::Retry(why))) => {
                    tracing::debug!(component = %self.name, %why, "tried again later");
                    self.rest = (self.rest * 2).clamp(Duration::from_millis(10), LONGEST_REST);
                    self.todo.push_front(job);
                    return;
                }
                Err(CallError::Fault(Fault::Reject(why))) => return self.reject(&job, &why),
                Err(error) => self.fall(&error),
            }
        }
    }

    fn done(&mut self, job: Job, outputs: Vec<Message>) {
        self.falls = 0;
        self.rest = match &job {
            // A source without news is asked again a little later each time.
            Job::Poll { .. } if outputs.is_empty() => {
                (self.rest * 2).clamp(Duration::from_millis(1), Duration::from_millis(20))
            }
            _ => Duration::ZERO,
        };
        let handled = match &job {
            Job::Batch(batch) => batch.len(),
            Job::Poll { .. } => outputs.len(),
        };
        if let Some((_, left)) = &mut self.trial {
            *left = left.saturating_sub(handled.max(1));
        }
        if let Some(warm) = &mut self.warm {
            warm.left = warm.left.saturating_sub(handled.max(1));
            warm.behind = warm.behind.saturating_add(job.effort());
        }
        let is_batch = matches!(job, Job::Batch(_));
        self.journal.push(job);
        Stats::add(&self.stats.received, handled);
        self.send(outputs);
        if is_batch {
            self.release(handled);
        }
    }

    /// Gives every receiver all of it.
    fn send(&self, outputs: Vec<Message>) {
        let Some((last, others)) = self.routes.split_last() else { return };
        if outputs.is_empty() {
            return;
        }
        Stats::add(&self.stats.sent, outputs.len());
        // Who has orders to obey, such as coming to a gate where a receiver waits already, can't wait for room.
        let hurry = || self.orders.has_some();
        let lost: usize = others.iter().map(|route| route.send(outputs.clone(), &hurry)).sum();
        Stats::add(&self.stats.skipped, lost + last.send(outputs, &hurry));
    }

    /// A batch that is not taken: message by message, so that only those are set aside that are to blame.
    fn reject(&mut self, job: &Job, why: &str) {
        let Job::Batch(batch) = job else {
            self.rest = LONGEST_REST;
            tracing::warn!(component = %self.name, %why, "the source has rejected to be asked");
            return;
        };
        if let [message] = &**batch {
            Stats::add(&self.stats.rejected, 1);
            let (component, id, why) = (self.name.clone(), message.id, why.to_owned());
            self.tell(Notice::Rejected { component, id, why });
            self.release(1);
            return;
        }
        for message in batch.iter().rev() {
            self.todo.push_front(Job::Batch([message.clone()].into()));
        }
    }

    /// So many messages of the queue are done with; what came of them has been sent on.
    fn release(&self, count: usize) {
        self.stats.finished.fetch_add(count as u64, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_over_shards_and_always_to_the_same() {
        let mut counts = [0; 4];
        for key in 0..4000 {
            assert_eq!(shard(key, 4), shard(key, 4));
            counts[shard(key, 4)] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }
}
