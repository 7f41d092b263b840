//! What takes long: reading a folder, publishing it. One at a time for each project, on a thread of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::publish::{Order, PublishError, Report, Stage, publish};
use crate::release::Stamp;
use crate::report::Failure;

/// A folder being read or published.
#[derive(Debug)]
pub(super) struct Job {
    /// Whether it only looks.
    pub(super) is_scan: bool,
    packs: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    /// What it came to, and when.
    outcome: Mutex<Option<(Result<Report, Failure>, Stamp)>>,
}

impl Job {
    /// Whether it compresses by now, bytes done, bytes in all.
    pub(super) fn progress(&self) -> (bool, u64, u64) {
        let number = |of: &AtomicU64| of.load(Ordering::Relaxed);
        (self.packs.load(Ordering::Relaxed), number(&self.done), number(&self.total))
    }

    pub(super) fn outcome(&self) -> Option<(Result<Report, Failure>, Stamp)> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The last job of each project.
#[derive(Debug, Default)]
pub(super) struct Jobs(Mutex<HashMap<String, Arc<Job>>>);

impl Jobs {
    pub(super) fn last(&self, project: &str) -> Option<Arc<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(project).cloned()
    }

    /// Forgets what the last job found: it counts no more.
    pub(super) fn forget(&self, project: &str) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.get(project).is_some_and(|job| job.outcome().is_some()) {
            jobs.remove(project);
        }
    }

    /// Begins a job; nothing if another one of the project is not done yet.
    pub(super) fn begin(&self, project: &str, order: Order) -> Result<Option<Arc<Job>>, Failure> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.get(project).is_some_and(|job| job.outcome().is_none()) {
            return Ok(None);
        }
        let job = Arc::new(Job {
            is_scan: order.dry_run,
            packs: AtomicBool::new(false),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            outcome: Mutex::new(None),
        });
        let working = Arc::clone(&job);
        let work = move || {
            let progress = |stage, done, total| {
                working.packs.store(stage == Stage::Pack, Ordering::Relaxed);
                working.done.store(done, Ordering::Relaxed);
                working.total.store(total, Ordering::Relaxed);
            };
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| publish(&order, &progress)));
            let outcome = match ended {
                Ok(result) => result.map_err(|error: PublishError| Failure::of(&error)),
                Err(_panic) => Err(Failure {
                    code: crate::report::ErrorCode::Internal,
                    message: "publishing broke off by a defect of the program".to_owned(),
                    hint: None,
                }),
            };
            *working.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some((outcome, Stamp::now()));
        };
        let started = std::thread::Builder::new().name("publish".to_owned()).spawn(work);
        started.map_err(|error| Failure::of(&crate::serve::ServeError::Run(error)))?;
        jobs.insert(project.to_owned(), Arc::clone(&job));
        Ok(Some(job))
    }
}
