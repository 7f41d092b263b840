//! What is said to a running update: cancel, pause, try now, and the answers to its questions.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};

/// An answer to what the update has put to the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Do the update; after a failure: try again.
    Update,
    /// Not now.
    Later,
    /// Not this version.
    Skip,
    /// Do not start the program.
    Quit,
    /// Start the program.
    Start,
    /// Ask the program, and whatever else uses its files and is the person's own, to close.
    CloseHost,
    /// Install at the next start, without asking again.
    Defer,
    /// Have it done for all users of the machine, with the rights of its administrator.
    ForAll,
    /// Back to the release before.
    GoBack,
    /// The person thinks about it: nothing starts by itself any more.
    Hold,
}

/// The way to speak to a running update, from any thread. Clones speak to the same update.
#[derive(Debug, Clone)]
pub struct Control(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cancelled: watch::Sender<bool>,
    paused: watch::Sender<bool>,
    retries: watch::Sender<u64>,
    limit: watch::Sender<Option<Option<u64>>>,
    answers: mpsc::UnboundedSender<Answer>,
    inbox: Mutex<mpsc::UnboundedReceiver<Answer>>,
}

impl Control {
    /// A control nothing was said to.
    #[must_use]
    pub fn new() -> Self {
        let (answers, inbox) = mpsc::unbounded_channel();
        Self(Arc::new(Inner {
            cancelled: watch::Sender::new(false),
            paused: watch::Sender::new(false),
            retries: watch::Sender::new(0),
            limit: watch::Sender::new(None),
            answers,
            inbox: Mutex::new(inbox),
        }))
    }

    /// Ends the update before it changes anything; without effect once files are being switched.
    pub fn cancel(&self) {
        self.0.cancelled.send_replace(true);
    }

    /// Takes a cancel back, for another try by the same window.
    pub fn rearm(&self) {
        self.0.cancelled.send_replace(false);
        self.0.paused.send_replace(false);
    }

    /// Holds the transfer, or lets it go on.
    pub fn pause(&self, paused: bool) {
        self.0.paused.send_replace(paused);
    }

    /// Ends the wait before the next try.
    pub fn retry_now(&self) {
        self.0.retries.send_modify(|count| *count += 1);
    }

    /// From now on fetches at most so many bytes a second, whatever the settings say; nothing for no limit.
    pub fn limit(&self, bytes_per_second: Option<u64>) {
        self.0.limit.send_replace(Some(bytes_per_second));
    }

    /// What was last said about a limit; nothing if nobody said anything.
    #[must_use]
    pub fn said_limit(&self) -> Option<Option<u64>> {
        *self.0.limit.borrow()
    }

    /// Returns when another limit is set.
    pub async fn limit_changed(&self) {
        let mut watch = self.0.limit.subscribe();
        // The sender lives in `self`, so waiting can't fail.
        watch.changed().await.ok();
    }

    /// Answers what the update asks.
    pub fn answer(&self, answer: Answer) {
        // The receiver lives as long as this value, so the send can't fail.
        self.0.answers.send(answer).ok();
    }

    /// Whether the update is to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.cancelled.borrow()
    }

    /// Whether the transfer is held.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        *self.0.paused.borrow()
    }

    /// Returns when the update is to end; at once if it is already.
    pub async fn cancelled(&self) {
        let mut watch = self.0.cancelled.subscribe();
        // The sender lives in `self`, so waiting can't fail.
        watch.wait_for(|cancelled| *cancelled).await.ok();
    }

    /// Returns when the transfer is held; at once if it is already.
    pub async fn paused(&self) {
        let mut watch = self.0.paused.subscribe();
        watch.wait_for(|paused| *paused).await.ok();
    }

    /// Returns when the transfer may go on; at once if it is not held.
    pub async fn unpaused(&self) {
        let mut watch = self.0.paused.subscribe();
        watch.wait_for(|paused| !*paused).await.ok();
    }

    /// Waits `delay`, or less if someone says "try now". Cancelling is for the caller to watch.
    pub async fn wait_to_retry(&self, delay: Duration) {
        let mut watch = self.0.retries.subscribe();
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            _ = watch.changed() => {}
        }
    }

    /// The next answer.
    pub async fn next_answer(&self) -> Answer {
        let mut inbox = self.0.inbox.lock().await;
        match inbox.recv().await {
            Some(answer) => answer,
            // Not reachable: the sender lives in `self`.
            None => std::future::pending().await,
        }
    }

    /// Forgets answers given to an earlier question.
    pub async fn clear_answers(&self) {
        let mut inbox = self.0.inbox.lock().await;
        while inbox.try_recv().is_ok() {}
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}
