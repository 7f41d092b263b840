//! One component at work, on a thread of its own: it takes batches, calls the running version, sends on what came
//! out, and is the only place where one version follows another.
//!
//! Everything that could go wrong between two batches is here: `work` does batches, `journal` remembers them,
//! `swap` changes versions, `fall` gets out of a version that broke.

mod fall;
mod journal;
mod orders;
mod swap;
mod work;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::release::Digest;

use super::carrier::{CallError, Instance, Limits, Log, Program, Values};
use super::config::{ComponentConfig, SwapRules};
use super::message::State;
use super::queue::Queue;

pub(super) use journal::{Job, replay};
pub(super) use orders::{Early, MAX_TAIL, Order, Orders, SwapOrder};
pub(super) use work::{Route, Stats};

use journal::Journal;

/// From so many bytes on a state is handed over, and what held it freed, while the line works.
pub(super) const LARGE_STATE: usize = 256 << 10;

/// A version of a component: a program, and what it is called.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) digest: Digest,
    pub(super) label: String,
    pub(super) program: Arc<dyn Program>,
}

/// A version with an instance that runs.
pub(super) struct Seat {
    pub(super) instance: Box<dyn Instance>,
    pub(super) version: Version,
}

impl Seat {
    /// Takes over what another version knew.
    ///
    /// # Errors
    /// If it does not take such a state, or refuses this one.
    pub(super) fn take_over(&mut self, state: &Arc<State>, values: Values) -> Result<(), CallError> {
        if !self.instance.info().takes(state.schema) {
            return Err(CallError::Refused(format!("it does not take a state of schema {}", state.schema)));
        }
        self.instance.set_values(values);
        if state.schema != 0 {
            self.instance.restore(state)?;
        }
        Ok(())
    }
}

/// The version before, kept until the new one has shown itself.
struct Warm {
    seat: Seat,
    /// The first job of the journal that it has not done again.
    from: usize,
    /// The messages of the jobs it has not done again, at most.
    behind: usize,
    /// It could not do again what the new one did; a fresh instance has to take its place.
    lost: bool,
    until: Instant,
    /// Messages until the new one counts as good.
    left: usize,
}

/// Rules that can be changed while a line runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuning {
    pub(super) batch: usize,
    pub(super) limits: Limits,
    pub(super) rules: SwapRules,
}

impl Tuning {
    pub(super) fn of(config: &ComponentConfig) -> Self {
        Self { batch: config.batch, limits: config.limits, rules: config.swap }
    }
}

/// What a line tells its service.
#[derive(Debug)]
pub(super) enum Notice {
    /// A version broke. `back` is the version that serves again after `took`.
    Fell {
        component: String,
        digest: Digest,
        why: String,
        probation: bool,
        back: Option<String>,
        took: Duration,
    },
    /// A version broke that had shown itself before and has none before it; it was started again.
    Restarted { component: String, why: String, took: Duration },
    /// A sibling broke, and this line went back with it.
    WentBack { component: String, to: String },
    /// A version has shown itself.
    Kept { component: String, digest: Digest },
    /// Nothing runs here any more.
    Down { component: String, why: String },
    /// A message was set aside.
    Rejected { component: String, id: u64, why: String },
    /// To be freed by who hears of it.
    Spent(Spent),
}

/// What a line has no use for any more. Giving back a memory of some megabytes takes milliseconds, in which the line
/// works on.
pub(super) struct Spent(Box<dyn Send>);

impl std::fmt::Debug for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spent")
    }
}

impl Spent {
    pub(super) fn free(self) {
        drop(self.0);
    }
}

/// What a line is made of.
pub(super) struct Parts {
    pub(super) name: String,
    pub(super) queue: Arc<Queue>,
    pub(super) orders: Arc<Orders>,
    pub(super) stats: Arc<Stats>,
    pub(super) routes: Vec<Route>,
    pub(super) tuning: Tuning,
    pub(super) config: String,
    pub(super) log: Log,
    pub(super) notices: Sender<Notice>,
    pub(super) seat: Option<Seat>,
}

/// One component at work.
pub(super) struct Line {
    name: String,
    queue: Arc<Queue>,
    orders: Arc<Orders>,
    stats: Arc<Stats>,
    routes: Vec<Route>,
    tuning: Tuning,
    config: String,
    log: Log,
    notices: Sender<Notice>,
    seat: Option<Seat>,
    warm: Option<Warm>,
    /// Until when, or for how many messages, the first version has to show itself.
    trial: Option<(Instant, usize)>,
    /// The good version before the one that runs.
    before: Option<Version>,
    journal: Journal,
    swap: Option<SwapOrder>,
    /// The journal is being followed by a new version off the line, and must not be cut.
    followed: bool,
    /// Jobs that come before anything from the queue.
    todo: VecDeque<Job>,
    /// How long to wait before the next job.
    rest: Duration,
    /// Falls since the last batch that went well.
    falls: u32,
}

impl Line {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { name, queue, orders, stats, routes, tuning, config, log, notices, seat } = parts;
        let trial = Some((Instant::now() + tuning.rules.time, tuning.rules.messages));
        Self {
            name,
            queue,
            orders,
            stats,
            routes,
            tuning,
            config,
            log,
            notices,
            seat,
            warm: None,
            trial,
            before: None,
            journal: Journal::default(),
            swap: None,
            followed: false,
            todo: VecDeque::new(),
            rest: Duration::ZERO,
            falls: 0,
        }
    }

    /// Works until it is told to stop.
    pub(super) fn run(mut self) {
        self.show();
        self.mark();
        while self.obey() {
            self.try_swap();
            if self.seat.is_none() {
                self.queue.rest(Duration::from_millis(50));
                continue;
            }
            if let Some(job) = self.next_job() {
                self.work(job);
            }
            self.tend();
        }
    }

    fn tell(&self, notice: Notice) {
        // Without a service nobody has to know.
        self.notices.send(notice).ok();
    }

    /// Has something freed off the line if its state is large. What is small is freed at once, so that nothing piles up
    /// when versions come faster than another thread is given time.
    fn spend(&self, spent: impl Send + 'static) {
        if self.stats.state_bytes.load(Ordering::Relaxed) >= LARGE_STATE {
            self.tell(Notice::Spent(Spent(Box::new(spent))));
        }
    }

    /// Lets go of the version before, if there is one; says whether there was.
    fn spend_warm(&mut self) -> bool {
        self.warm.take().map(|warm| self.spend(warm.seat)).is_some()
    }

    /// Begins the journal anew.
    fn begin(&mut self, journal: Journal) {
        let before = std::mem::replace(&mut self.journal, journal);
        self.spend(before);
    }

    /// Shows to others what runs here now.
    fn show(&self) {
        let version = self.seat.as_ref().map(|seat| (seat.version.label.clone(), seat.version.digest));
        self.stats.show(version, self.seat.as_ref().map(|seat| seat.instance.role()));
    }
}
