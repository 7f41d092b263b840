//! The agent of a node: keeps the program running, looks for releases, and takes it from one to the next.

use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use crate::install::Install;
use crate::platform::process::end_by_force;
use crate::platform::socket;
use crate::release::Stamp;
use crate::report::{Failure, ReleaseRef};

use super::FleetError;
use super::config::{AgentConfig, Readiness};
use super::dispatcher::Dispatcher;
use super::journal::{Journal, Running};
use super::lock::{FleetLock, LockAnswer};
use super::panel::{self, Numbers, Order, Shown, Status};
use super::probe::Prober;
use super::program::{self, Launch, Program, Sockets};
use super::standby::Standby;
use super::state::{Fact, Phase, next, resume};
use super::update::{self, MakeSetup, Update};
use super::window::Windows;

/// How often the agent looks around while it waits.
const PULSE: Duration = Duration::from_millis(100);
/// The wait after something failed that is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// What keeps requests away from the program.
#[derive(Debug)]
pub(super) enum Front {
    /// A dispatcher, or nothing.
    Dispatcher(Dispatcher),
    /// A second copy.
    Standby(Box<Standby>),
}

impl Front {
    fn of(config: &AgentConfig, left: Option<&Running>) -> Result<Self, FleetError> {
        match &config.standby {
            Some(standby) => Standby::new(standby, &config.probe, left).map(Box::new).map(Self::Standby),
            None => {
                let (via, count) = (config.drain.via.clone(), config.drain.in_flight.clone());
                Dispatcher::new(via, count).map(Self::Dispatcher)
            }
        }
    }
}

/// The agent of one node.
pub struct Agent {
    pub(super) config: AgentConfig,
    pub(super) make: MakeSetup,
    pub(super) install: Install,
    pub(super) journal: Journal,
    pub(super) sockets: Sockets,
    keeper: Option<Program>,
    pub(super) program: Option<Program>,
    pub(super) front: Front,
    pub(super) prober: Prober,
    pub(super) lock: Option<FleetLock>,
    pub(super) windows: Windows,
    pub(super) shown: Shown,
    pub(super) numbers: Numbers,
    pub(super) installed: ReleaseRef,
    pub(super) update: Option<Update>,
    /// The dispatcher has yet to hear that the node serves.
    pub(super) owes_ready: bool,
    /// The slot has yet to be given back.
    pub(super) owes_slot: bool,
    renewal: Option<Renewal>,
    orders: mpsc::UnboundedReceiver<Order>,
    to_orders: mpsc::UnboundedSender<Order>,
    pub(super) stop: watch::Receiver<bool>,
    stopper: watch::Sender<bool>,
    next_check: Instant,
    started: Instant,
    wait_to_restart: Duration,
    starts: u64,
}

/// Renews a slot until it is told to end.
struct Renewal {
    end: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Agent {
    /// Opens the agent of `config`. `make` says what an update is told, each time anew. A program that an earlier
    /// agent left running is taken over with its sockets.
    ///
    /// # Errors
    /// If the configuration can't be used here, another agent has this node, or an address is taken.
    pub async fn open(config: AgentConfig, make: MakeSetup) -> Result<Self, FleetError> {
        let install = make().map_err(FleetError::Update)?.install;
        let state = config.state.clone().unwrap_or_else(|| install.state_dir().join("agent"));
        let mut journal = Journal::open(&state, &config.node)?;
        let left = journal.memory.program.take();
        let old_keeper = journal.memory.keeper.take();
        let sockets = take_sockets(&config, &journal, old_keeper.as_ref(), left.as_ref()).await?;
        let program = left.map(Program::adopt).filter(Program::lives);
        let keeper = renew_keeper(&sockets, &journal, old_keeper);
        let front = Front::of(&config, journal.memory.standby.as_ref())?;
        let lock = config.lock.as_ref().map(|lock| FleetLock::new(lock, &config.node)).transpose();
        let lock = lock.map_err(|why| FleetError::neighbour("the network", why))?;
        let windows = Windows::of(&config.windows);
        let windows = windows.map_err(|why| FleetError::neighbour("the configuration", why))?;
        let prober = Prober::new(&config.probe)?;
        let (installed, _) = update::recover(&make).await.map_err(FleetError::Update)?;
        let memory = &journal.memory;
        let numbers = Numbers { updates: memory.updates, rollbacks: memory.rollbacks, ..Numbers::default() };
        let shown = Shown::new(Status {
            node: config.node.clone(),
            phase: memory.phase.clone(),
            since: memory.since,
            installed: installed.clone(),
            pid: None,
            serves: false,
            last: String::new(),
            numbers,
        });
        let (to_orders, orders) = mpsc::unbounded_channel();
        let (stopper, stop) = watch::channel(false);
        let now = Instant::now();
        Ok(Self {
            config,
            make,
            install,
            journal,
            sockets,
            keeper,
            program,
            front,
            prober,
            lock,
            windows,
            shown,
            numbers,
            installed,
            update: None,
            owes_ready: true,
            owes_slot: false,
            renewal: None,
            orders,
            to_orders,
            stop,
            stopper,
            next_check: now,
            started: now,
            wait_to_restart: Duration::ZERO,
            starts: 0,
        })
    }

    /// Works until `stop`; then ends the program, or leaves it to the next agent if the configuration says so.
    ///
    /// # Errors
    /// If the panel's address is taken, or the memory can't be written.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), FleetError> {
        let panel = match &self.config.panel {
            Some(panel) => {
                Some(panel::serve(panel.listen, self.shown.clone(), self.to_orders.clone()).await?)
            }
            None => None,
        };
        let stopper = self.stopper.clone();
        let hear = tokio::spawn(async move {
            stop.await;
            stopper.send_replace(true);
        });
        let ended = self.work().await;
        hear.abort();
        panel.inspect(tokio::task::JoinHandle::abort);
        ended
    }

    async fn work(&mut self) -> Result<(), FleetError> {
        self.begin()?;
        while !self.is_stopping() {
            if let Err(error) = self.step().await {
                self.note(&Failure::of(&error).to_string().replace('\n', " "));
                self.pause(AGAIN).await;
            }
        }
        self.end().await
    }

    /// Goes on from what an earlier agent left.
    fn begin(&mut self) -> Result<(), FleetError> {
        let before = self.journal.memory.phase.clone();
        let phase = resume(before.clone(), &self.installed);
        self.owes_slot = matches!(phase, Phase::Quarantined { .. });
        if let Some(program) = &self.program {
            self.note(&format!("took over the program that runs as process {}", program.running.process.pid));
        }
        if phase != before {
            self.journal.enter(phase)?;
            self.note(&format!("goes on from \u{ab}{}\u{bb}", before.name()));
        } else {
            self.note("the agent starts");
        }
        self.remember_program()
    }

    async fn end(&mut self) -> Result<(), FleetError> {
        if let Some(update) = self.update.take() {
            update.leave().await;
        }
        if let Some(renewal) = self.renewal.take() {
            renewal.end().await;
        }
        if !self.config.program.outlives_agent {
            self.end_program().await;
            if let Some(keeper) = self.keeper.take() {
                keeper.wait_end(Duration::ZERO, true).await;
            }
        }
        self.remember_program()?;
        self.note("the agent ends");
        Ok(())
    }

    /// One step: what the phase asks for.
    async fn step(&mut self) -> Result<(), FleetError> {
        self.publish();
        match self.journal.memory.phase.clone() {
            Phase::Idle | Phase::Staged(_) | Phase::RolledBack { .. } | Phase::Quarantined { .. } => {
                self.rest().await
            }
            Phase::Eligible(_) => self.ask_for_slot().await,
            Phase::Locked(target) => self.prepare(target).await,
            Phase::Draining(_) => self.drain().await,
            Phase::Swapping(target) => self.swap(target).await,
            Phase::Soaking(target) => self.soak(target).await,
            Phase::GoingBack { target, reason } => self.go_back(target, &reason).await,
            Phase::Committed(_) | Phase::Leaving(_) => self.tell().await,
        }
    }

    /// Waits for something to do, and keeps the program running.
    async fn rest(&mut self) -> Result<(), FleetError> {
        loop {
            self.supervise()?;
            self.pay_debts().await;
            if self.is_stopping() {
                return Ok(());
            }
            let phase = &self.journal.memory.phase;
            if matches!(phase, Phase::RolledBack { .. }) {
                self.keep_slot();
            } else if matches!(phase, Phase::Staged(_)) && self.windows.is_open(Stamp::now().unix()) {
                return self.happens(Fact::Opened, "it may be installed now");
            } else if Instant::now() >= self.next_check && !self.owes_slot {
                return self.check().await;
            }
            self.pause(PULSE).await;
            match self.orders.try_recv() {
                Ok(Order::Clear) if matches!(self.journal.memory.phase, Phase::RolledBack { .. }) => {
                    self.owes_slot = true;
                    return self.happens(Fact::Cleared, "an operator has cleared it");
                }
                Ok(Order::Check) => self.next_check = Instant::now(),
                Ok(Order::Clear) | Err(_) => {}
            }
        }
    }

    /// What the dispatcher and the lock have yet to hear, where that is no step of an update.
    async fn pay_debts(&mut self) {
        if self.owes_ready && self.serves() {
            match self.front_ready().await {
                Ok(()) => self.owes_ready = false,
                Err(error) => self.note(&error.to_string()),
            }
        }
        if self.owes_slot {
            self.owes_slot = !self.give_back().await;
        }
    }

    /// When the repository is asked next: evenly spread, so that a fleet does not ask at once.
    pub(super) fn plan_check(&mut self) {
        let check = &self.config.check;
        let extra = u64::try_from(check.jitter.0.as_millis()).unwrap_or(u64::MAX);
        let extra = if extra == 0 { 0 } else { random() % extra };
        self.next_check = Instant::now() + check.every.0 + Duration::from_millis(extra);
    }

    /// Starts the program again if it has ended, after a wait that grows.
    pub(super) fn supervise(&mut self) -> Result<(), FleetError> {
        if let Some(program) = &self.program {
            if program.lives() {
                if self.started.elapsed() > Duration::from_secs(60) {
                    self.wait_to_restart = Duration::ZERO;
                }
                self.publish();
                return Ok(());
            }
            let pid = program.running.process.pid;
            self.program = None;
            self.numbers.restarts += 1;
            let next = (self.wait_to_restart * 2).max(Duration::from_secs(1));
            self.note(&format!("the program (process {pid}) ended by itself"));
            self.started = Instant::now() + self.wait_to_restart;
            self.wait_to_restart = next.min(self.config.program.restart_at_most.0);
        }
        if Instant::now() < self.started {
            return Ok(());
        }
        match self.start_program() {
            Ok(()) => Ok(()),
            // The first release has yet to come.
            Err(FleetError::NoProgram(_)) if self.installed.number.0 == 0 => Ok(()),
            Err(error) => {
                self.started = Instant::now() + self.wait_to_restart.max(Duration::from_secs(1));
                let next = (self.wait_to_restart * 2).max(Duration::from_secs(1));
                self.wait_to_restart = next.min(self.config.program.restart_at_most.0);
                Err(error)
            }
        }
    }

    /// How the release that stands is started.
    pub(super) fn launch(&self) -> Result<Launch, FleetError> {
        let record = self.install.read_record().map_err(|error| FleetError::Engine(error.into()))?.record;
        let said = record.start.as_ref();
        let path = self.config.program.path.as_ref().or(said.map(|start| &start.path));
        let root = self.install.root().to_path_buf();
        let path = path.ok_or_else(|| FleetError::NoProgram(root.clone()))?.under(&root);
        let args = self.config.program.args.as_ref().or(said.map(|start| &start.args));
        let args = args.into_iter().flatten().map(std::ffi::OsString::from).collect();
        let env = self.config.program.env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Ok(Launch { path, args, folder: root, env, release: record.receipt.number.0 })
    }

    /// Starts the program with the sockets held for it.
    pub(super) fn start_program(&mut self) -> Result<(), FleetError> {
        let launch = self.launch()?;
        let notify = self.notify_path();
        let program = Program::start(&launch, self.sockets.all(), Some(&notify))?;
        let pid = program.running.process.pid;
        self.program = Some(program);
        self.started = Instant::now();
        // Written down at once: an agent that dies now is followed by one that finds it.
        self.remember_program()?;
        self.note(&format!(
            "started {} of release {} as process {pid}",
            launch.path.display(),
            launch.release
        ));
        Ok(())
    }

    /// A new socket for each start, so that a word of the process before is not taken for one of this.
    pub(super) fn notify_path(&mut self) -> PathBuf {
        self.starts += 1;
        self.journal.folder().join(format!("n{}-{}", std::process::id(), self.starts))
    }

    /// Whether the program runs and is ready.
    pub(super) fn serves(&self) -> bool {
        let by_word = self.config.program.ready == Readiness::Notify;
        self.program.as_ref().is_some_and(|program| program.lives() && (!by_word || program.is_ready()))
    }

    /// Asks the program to end, and waits; force only as configured.
    pub(super) async fn end_program(&mut self) -> bool {
        let Some(program) = self.program.take() else { return true };
        let pid = program.running.process.pid;
        if let Err(error) = program.ask_to_end() {
            self.note(&format!("process {pid} can't be asked to end: {error}"));
        }
        let (limit, kill) = (self.config.program.stop_within.0, self.config.program.kill);
        let (ended, forced) = program.wait_end(limit, kill).await;
        if forced {
            self.note(&format!("process {pid} did not end within {limit:?} and was ended by force"));
        }
        if ended {
            self.forget_notify(&program);
        } else {
            self.program = Some(program);
        }
        ended
    }

    fn forget_notify(&self, program: &Program) {
        if let Some(path) = &program.running.notify {
            // A socket left behind harms nothing.
            crate::fsx::remove_file(path).ok();
        }
    }

    /// Writes down which programs run.
    pub(super) fn remember_program(&mut self) -> Result<(), FleetError> {
        self.journal.memory.program = self.program.as_ref().map(|program| program.running.clone());
        if let Front::Standby(standby) = &self.front {
            self.journal.memory.standby = standby.running();
        }
        self.journal.memory.keeper = self.keeper.as_ref().map(|keeper| keeper.running.clone());
        self.journal.memory.updates = self.numbers.updates;
        self.journal.memory.rollbacks = self.numbers.rollbacks;
        self.journal.keep()
    }

    /// A fact, written down with the phase it leads to before anything is done there.
    pub(super) fn happens(&mut self, fact: Fact, text: &str) -> Result<(), FleetError> {
        let phase = next(self.journal.memory.phase.clone(), fact);
        self.journal.enter(phase)?;
        self.note(text);
        self.publish();
        Ok(())
    }

    pub(super) fn note(&self, text: &str) {
        let is_new = self.shown.now().last != text;
        if is_new {
            self.journal.note(text);
            self.shown.change(|status| text.clone_into(&mut status.last));
        }
    }

    pub(super) fn publish(&self) {
        let pid = self.program.as_ref().filter(|program| program.lives());
        let pid = pid.map(|program| program.running.process.pid);
        let (serves, numbers, installed) = (self.serves(), self.numbers, self.installed.clone());
        let (phase, since) = (self.journal.memory.phase.clone(), self.journal.memory.since);
        self.shown.change(|status| {
            let last = std::mem::take(&mut status.last);
            let node = std::mem::take(&mut status.node);
            *status = Status { node, phase, since, installed, pid, serves, last, numbers };
        });
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits, but not when the agent is asked to end.
    pub(super) async fn pause(&mut self, time: Duration) {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// From now on renews the slot that is held.
    pub(super) fn keep_slot(&mut self) {
        let (Some(lock), Some(config), None) = (&self.lock, &self.config.lock, &self.renewal) else { return };
        let (lock, every) = (lock.clone(), config.renew.0);
        let (end, mut ended) = watch::channel(false);
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(every) => {}
                    _ = ended.wait_for(|ended| *ended) => return,
                }
                match lock.take().await {
                    LockAnswer::Done => {}
                    other => tracing::warn!("the slot can't be renewed: {other:?}"),
                }
            }
        });
        self.renewal = Some(Renewal { end, task });
    }

    /// Gives the slot back; says whether that is done. It is tried until it is: a server may keep it for ever.
    pub(super) async fn give_back(&mut self) -> bool {
        if let Some(renewal) = self.renewal.take() {
            renewal.end().await;
        }
        let Some(lock) = self.lock.clone() else { return true };
        match lock.give_back().await {
            LockAnswer::Done => true,
            LockAnswer::Busy(why) | LockAnswer::Refused(why) => {
                self.note(&format!("the slot can't be given back yet: {why}"));
                false
            }
            LockAnswer::Outage(why) => {
                self.numbers.lock_outages += 1;
                self.note(&format!("the lock does not answer, so the slot can't be given back yet: {why}"));
                false
            }
        }
    }
}

impl Renewal {
    /// Ends it, and waits for a request that is under way: it must not take the slot after it was given back.
    async fn end(self) {
        self.end.send_replace(true);
        self.task.await.ok();
    }
}

/// The sockets of the program: those that are held somewhere already, or new ones.
async fn take_sockets(
    config: &AgentConfig,
    journal: &Journal,
    keeper: Option<&Running>,
    left: Option<&Running>,
) -> Result<Sockets, FleetError> {
    let holders: Vec<&Running> = keeper.into_iter().chain(left).collect();
    let (error, running) = match (Sockets::hold(&config.program.listen, &holders), left) {
        (Ok(sockets), _) => return Ok(sockets),
        (Err(error), None) => return Err(error),
        (Err(error), Some(running)) => (error, running.clone()),
    };
    // The system does not give us the sockets of the program that runs: it has to end first.
    journal.note(&format!("the sockets of process {} can't be taken over: {error}", running.process.pid));
    if let Some(keeper) = keeper {
        Program::adopt(keeper.clone()).wait_end(Duration::ZERO, true).await;
    }
    let old = Program::adopt(running);
    old.ask_to_end().ok();
    old.wait_end(config.program.stop_within.0, config.program.kill).await;
    Sockets::hold(&config.program.listen, &[])
}

/// A process of this agent that holds the sockets, in the place of that of the agent before.
fn renew_keeper(sockets: &Sockets, journal: &Journal, old: Option<Running>) -> Option<Program> {
    let is_needed = !sockets.all().is_empty() && socket::CAN_PASS;
    let keeper =
        is_needed.then(|| program::keeper(sockets, journal.folder())).and_then(|started| match started {
            Ok(keeper) => Some(keeper),
            Err(error) => {
                journal.note(&format!("nobody holds the sockets beside the agent: {error}"));
                None
            }
        });
    if let Some(old) = old
        && let Err(error) = end_by_force(old.process)
    {
        tracing::warn!("process {} can't be ended: {error}", old.process.pid);
    }
    keeper
}

/// A random number, for jitter.
pub(super) fn random() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_none) => u64::from(std::process::id()),
    }
}
