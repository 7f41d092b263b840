//! The way of events from the engine's thread into the window.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use eframe::egui::Context;

use crate::report::{Event, Reporter};

use super::guard::Clock;

/// What comes out of a feed.
#[derive(Debug)]
pub(super) enum Note {
    /// An event, and when it came.
    Event(Instant, Box<Event>),
    /// A person wants to see the window.
    Front,
    /// Nothing more will come.
    Over,
}

/// Progress does not wake the window more often than this.
const FRAME: Duration = Duration::from_millis(100);

/// Puts events into the window and wakes it. Clones feed the same window, which ends when the last one is gone.
#[derive(Debug, Clone)]
pub struct Feed {
    inner: Arc<Inner>,
    clock: Clock,
}

#[derive(Debug)]
struct Inner {
    notes: Sender<Note>,
    ctx: Context,
}

impl Feed {
    pub(super) fn new(ctx: Context, clock: Clock) -> (Self, Receiver<Note>) {
        let (notes, inbox) = channel();
        (Self { inner: Arc::new(Inner { notes, ctx }), clock }, inbox)
    }

    /// The way to bring the window to the front from elsewhere; it does not keep the window alive.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller(Arc::downgrade(&self.inner))
    }

    /// Ends the window.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        // Without a window there is nothing to end.
        self.notes.send(Note::Over).ok();
        self.ctx.request_repaint();
    }
}

/// Brings a window to the front for a person who started the updater a second time.
#[derive(Debug, Clone)]
pub struct Caller(Weak<Inner>);

impl Caller {
    /// Brings the window to the front. Returns whether there is still one.
    pub fn call(&self) -> bool {
        self.0.upgrade().is_some_and(|inner| {
            let heard = inner.notes.send(Note::Front).is_ok();
            inner.ctx.request_repaint();
            heard
        })
    }
}

impl Drop for Inner {
    /// An engine that panicked must not leave a dead window behind.
    fn drop(&mut self) {
        self.close();
    }
}

impl Reporter for Feed {
    fn report(&mut self, event: &Event) {
        let note = Note::Event(self.clock.now(), Box::new(event.clone()));
        // A window that is gone can't show anything; the update goes on.
        self.inner.notes.send(note).ok();
        match event {
            Event::Step(_) => self.inner.ctx.request_repaint(),
            Event::Progress(_) => self.inner.ctx.request_repaint_after(FRAME),
        }
    }
}
