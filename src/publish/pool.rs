//! Work on many files at once, on a few threads and within a memory budget.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// Threads to use when nobody says otherwise.
pub(super) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8)
}

/// Applies `work` to every job, in any order; the results come in the order of the jobs. The first error ends
/// it and is returned.
pub(super) fn map<J, T, E>(
    jobs: &[J],
    threads: usize,
    work: &(dyn Fn(&J) -> Result<T, E> + Sync),
) -> Result<Vec<T>, E>
where
    J: Sync,
    T: Send,
    E: Send,
{
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let results: Mutex<Vec<Option<T>>> = Mutex::new(jobs.iter().map(|_| None).collect());
    let failed: Mutex<Option<E>> = Mutex::new(None);
    let worker = || {
        while !stop.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(at) else { return };
            match work(job) {
                Ok(value) => lock(&results)[at] = Some(value),
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    lock(&failed).get_or_insert(error);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(jobs.len()) {
            // A thread that can't be had is no loss: the others, this one among them, do its work.
            std::thread::Builder::new().name("publish".to_owned()).spawn_scoped(scope, worker).ok();
        }
        worker();
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => {
            Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect())
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An amount of memory that threads share. Who wants more than there is waits; who wants more than there ever
/// will be gets all of it, alone.
#[derive(Debug)]
pub(super) struct Budget {
    whole: u64,
    free: Mutex<u64>,
    returned: Condvar,
}

impl Budget {
    pub(super) fn new(whole: u64) -> Self {
        Self { whole, free: Mutex::new(whole), returned: Condvar::new() }
    }

    /// Takes `bytes` until the share is dropped.
    pub(super) fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.whole);
        let mut free = self.returned.wait_while(lock(&self.free), |free| *free < bytes);
        let free = match &mut free {
            Ok(free) => free,
            Err(poisoned) => poisoned.get_mut(),
        };
        **free -= bytes;
        Share { budget: self, bytes }
    }
}

/// Part of a [`Budget`].
#[derive(Debug)]
pub(super) struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *lock(&self.budget.free) += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let jobs: Vec<usize> = (0..100).collect();
        let doubled: Result<Vec<usize>, ()> = map(&jobs, 4, &|job| Ok(job * 2));
        assert_eq!(doubled, Ok((0..100).map(|job| job * 2).collect()));
    }

    #[test]
    fn the_first_error_ends_it() {
        let jobs: Vec<usize> = (0..100).collect();
        let result: Result<Vec<()>, usize> = map(&jobs, 2, &|job| if *job == 3 { Err(*job) } else { Ok(()) });
        assert_eq!(result, Err(3));
    }

    #[test]
    fn a_share_larger_than_the_budget_is_given_alone() {
        let budget = Budget::new(10);
        drop(budget.take(1000));
        let part = budget.take(4);
        drop(budget.take(6));
        drop(part);
        drop(budget.take(10));
    }
}
