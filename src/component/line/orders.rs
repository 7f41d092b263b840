//! What a line is told, between two batches.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::journal::Job;
use super::{Line, Notice, Route, Seat, Tuning};
use crate::component::carrier::{CallError, Values};
use crate::component::gate::Gate;
use crate::component::message::State;
use crate::release::Digest;

/// So many jobs are told at once, so that the line does not stand still to copy a long journal.
pub(in crate::component) const MAX_TAIL: usize = 1024;

/// A version that is ready to take over.
pub(in crate::component) struct SwapOrder {
    pub(in crate::component) candidate: Seat,
    /// Set if the candidate has the state already and every job of the journal before this one.
    pub(in crate::component) caught_up: Option<usize>,
    pub(in crate::component) gate: Arc<Gate>,
    pub(in crate::component) party: usize,
    /// Gets how long the line stood still, or why nothing was switched.
    pub(in crate::component) report: Sender<Result<Duration, String>>,
}

/// The state the journal begins with, to be restored while the line works on.
pub(in crate::component) struct Early {
    pub(in crate::component) state: Arc<State>,
    pub(in crate::component) values: Values,
    pub(in crate::component) pause: Duration,
}

/// What a line is told.
pub(in crate::component) enum Order {
    /// Another version takes over.
    Swap(Box<SwapOrder>),
    /// A sibling with this content broke: go back as well.
    GoBack(Digest),
    /// Another config for the component.
    Reconfigure { config: String, reply: Sender<Result<(), CallError>> },
    /// Other rules.
    Retune(Tuning),
    /// Other receivers.
    Route(Vec<Route>),
    /// The state the journal begins with is wanted; the journal is not cut from here on.
    Early(Sender<Result<Early, CallError>>),
    /// The journal from a place on, up to [`MAX_TAIL`] jobs.
    Tail { from: usize, reply: Sender<Vec<Job>> },
    /// The journal is not needed any more by others.
    Unfollow,
    /// Nothing is to run here any more; messages wait for what may come.
    Empty,
    /// The end.
    Stop,
}

/// The letter box of a line.
#[derive(Default)]
pub(in crate::component) struct Orders {
    waiting: Mutex<VecDeque<Order>>,
    count: AtomicUsize,
}

impl Orders {
    pub(in crate::component) fn put(&self, order: Order) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(order);
        self.count.store(waiting.len(), Ordering::Release);
    }

    pub(super) fn take(&self) -> Option<Order> {
        if !self.has_some() {
            return None;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let order = waiting.pop_front();
        self.count.store(waiting.len(), Ordering::Release);
        order
    }

    pub(super) fn has_some(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }
}

impl Line {
    /// Does what it was told; says whether to go on.
    pub(super) fn obey(&mut self) -> bool {
        while let Some(order) = self.orders.take() {
            match order {
                Order::Swap(order) => {
                    if let Some(other) = self.swap.replace(*order) {
                        other.gate.veto();
                        other.report.send(Err("a newer version came meanwhile".to_owned())).ok();
                    }
                }
                Order::GoBack(digest) => self.go_back(digest),
                Order::Reconfigure { config, reply } => {
                    let result = self.reconfigure(config);
                    reply.send(result).ok();
                }
                Order::Retune(tuning) => self.tuning = tuning,
                Order::Route(routes) => self.routes = routes,
                Order::Early(reply) => {
                    let early = self.early();
                    reply.send(early).ok();
                }
                Order::Tail { from, reply } => {
                    let tail = self.journal.jobs.get(from..).unwrap_or_default();
                    reply.send(tail.iter().take(MAX_TAIL).cloned().collect()).ok();
                }
                Order::Unfollow => self.followed = false,
                Order::Empty => self.empty(),
                Order::Stop => {
                    if let Some(order) = self.swap.take() {
                        order.gate.veto();
                        order.report.send(Err("the component was stopped".to_owned())).ok();
                    }
                    return false;
                }
            }
        }
        true
    }

    fn reconfigure(&mut self, config: String) -> Result<(), CallError> {
        // A version that comes back would do its jobs under another config than they were done: none comes back.
        if self.warm.is_some() {
            self.keep();
        }
        if let Some(seat) = &mut self.seat {
            match seat.instance.reconfigure(&config) {
                Err(error) if error.is_fatal() => {
                    self.fall(&error);
                    return Err(error);
                }
                other => other?,
            }
            // Jobs before and after a change of config must not be done again under one config.
            self.mark();
            self.followed = false;
        }
        self.config = config;
        Ok(())
    }

    /// Ends the running version; its state stays for another one.
    fn empty(&mut self) {
        self.settle();
        self.mark();
        (self.seat, self.before) = (None, None);
        self.show();
    }

    /// Gives the state the journal begins with, and keeps every job since. Nothing is asked of the component: the line
    /// stands still for the copying of a pointer.
    fn early(&mut self) -> Result<Early, CallError> {
        let began = Instant::now();
        if self.seat.is_none() {
            return Err(CallError::Gone("nothing runs here".to_owned()));
        }
        self.settle();
        self.followed = true;
        let (state, values) = (Arc::clone(&self.journal.state), self.journal.values.clone());
        Ok(Early { state, values, pause: began.elapsed() })
    }

    /// Ends a probation, because something else begins.
    pub(super) fn settle(&mut self) {
        if self.spend_warm()
            && let Some(seat) = &self.seat
        {
            let (component, digest) = (self.name.clone(), seat.version.digest);
            self.tell(Notice::Kept { component, digest });
        }
    }
}
