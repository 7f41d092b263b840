//! The record of events that a second updater shows: written by the updater that holds the lock, and by no other.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::fsx;
use crate::report::{Event, JsonLines, Reporter, Step};

/// The file begins anew when it has grown over this.
const MOST_BYTES: u64 = 1024 * 1024;
/// Progress is written no more often than this.
const PULSE: Duration = Duration::from_millis(500);

/// Writes events to a file, which is made when the update has begun: an updater that finds another at work says
/// nothing but its failure, and must leave the other's file alone.
pub(super) struct EventLog {
    path: PathBuf,
    out: Option<JsonLines<File>>,
    last_progress: Option<Instant>,
}

impl EventLog {
    /// Will write to `path`.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, out: None, last_progress: None }
    }

    fn is_due(&mut self, event: &Event) -> bool {
        if matches!(event, Event::Step(_)) {
            return true;
        }
        let due = self.last_progress.is_none_or(|last| last.elapsed() >= PULSE);
        if due {
            self.last_progress = Some(Instant::now());
        }
        due
    }
}

impl Reporter for EventLog {
    fn report(&mut self, event: &Event) {
        let begun = !matches!(event, Event::Step(Step::Failed { .. } | Step::Cancelled));
        let is_long = fsx::stat(&self.path).is_ok_and(|metadata| metadata.len() > MOST_BYTES);
        if (self.out.is_none() && begun) || (self.out.is_some() && is_long) {
            // Without the file nothing is lost but what a second updater would show.
            self.out = fsx::create(&self.path).ok().map(JsonLines::new);
        }
        if self.is_due(event)
            && let Some(out) = &mut self.out
        {
            out.report(event);
        }
    }
}
