//! The way of events from the engine's thread into the window.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use eframe::egui::Context;

use crate::report::{Event, Reporter};

use super::guard::Clock;

/// What comes out of a feed.
#[derive(Debug)]
pub(super) enum Note {
    /// An event, and when it came.
    Event(Instant, Box<Event>),
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
