//! Reporters, and the fan-out that keeps a slow or broken one from harming an update.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::{Event, Progress};

/// Takes what an update says. It returns nothing: a reporter can't fail an update.
pub trait Reporter: Send {
    /// Called with every step in order, and with the newest progress when there was time for it.
    fn report(&mut self, event: &Event);
}

impl<F: FnMut(&Event) + Send> Reporter for F {
    fn report(&mut self, event: &Event) {
        self(event);
    }
}

/// A reporter that says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&mut self, _event: &Event) {}
}

/// Hands events to any number of reporters, each on a thread of its own: one that sleeps gets less progress,
/// one that panics gets nothing more, and neither the update nor the others notice.
#[derive(Default)]
pub struct Fanout {
    lanes: Vec<Lane>,
}

struct Lane {
    events: Option<Sender<Wake>>,
    newest: Arc<Mutex<Option<Progress>>>,
    thread: Option<JoinHandle<()>>,
}

enum Wake {
    Step(Box<Event>),
    Progress,
}

impl Fanout {
    /// A fan-out without reporters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a reporter.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn add(&mut self, reporter: impl Reporter + 'static) -> std::io::Result<()> {
        let (events, inbox) = channel();
        let newest = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&newest);
        let thread = std::thread::Builder::new()
            .name("reporter".to_owned())
            .spawn(move || serve(reporter, &inbox, &shared))?;
        self.lanes.push(Lane { events: Some(events), newest, thread: Some(thread) });
        Ok(())
    }

    /// Hands `event` to every reporter and returns at once.
    pub fn report(&self, event: Event) {
        for lane in &self.lanes {
            lane.put(&event);
        }
    }

    /// Waits until every reporter has seen every step, but no longer than `limit` in all.
    pub fn finish(mut self, limit: std::time::Duration) {
        let end = std::time::Instant::now() + limit;
        for lane in &mut self.lanes {
            drop(lane.events.take());
            let Some(thread) = lane.thread.take() else { continue };
            while !thread.is_finished() && std::time::Instant::now() < end {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }
}

impl Lane {
    fn put(&self, event: &Event) {
        let Some(events) = &self.events else { return };
        let wake = match event {
            Event::Step(_) => Wake::Step(Box::new(event.clone())),
            Event::Progress(progress) => {
                let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
                let waiting = newest.replace(progress.clone()).is_some();
                if waiting {
                    return;
                }
                Wake::Progress
            }
        };
        // A lane whose reporter panicked has nobody listening; that is the point.
        events.send(wake).ok();
    }
}

fn serve(mut reporter: impl Reporter, inbox: &Receiver<Wake>, newest: &Mutex<Option<Progress>>) {
    while let Ok(wake) = inbox.recv() {
        let event = match wake {
            Wake::Step(event) => *event,
            Wake::Progress => match newest.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(progress) => Event::Progress(progress),
                None => continue,
            },
        };
        if catch_unwind(AssertUnwindSafe(|| reporter.report(&event))).is_err() {
            tracing::error!("a reporter panicked and is left out from here on");
            return;
        }
    }
}
