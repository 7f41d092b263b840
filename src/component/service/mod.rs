//! A running pipeline: who is in it, what runs, and every change of that, one at a time.

mod apply;
mod notices;
mod start;
mod status;
mod swap;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::builtin::Builtins;
use super::carrier::{Artifact, CallError, Carrier, LoadError};
use super::config::{ComponentConfig, Kind, Pipeline};
use super::line::{Notice, Order, Orders, Stats};
use super::message::Level;
use super::process::Process;
use super::queue::Queue;
use super::shelf::Shelf;
use super::wasm::{Cache, Wasm};
use crate::fsx::FsError;
use crate::report::{ErrorCode, Fault};

pub use apply::ApplyError;
pub use status::{ComponentStatus, LastSwap, RunState, Status, Verdict};
pub use swap::{SwapError, Swapped};

/// Something that happened, for a log.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Happening {
    /// How much it matters: `info`, `warn` or `error`.
    pub level: &'static str,
    /// What it is; these names stay.
    pub event: &'static str,
    /// The component or artifact it is about.
    pub subject: String,
    /// The same for people.
    pub text: String,
}

impl Happening {
    pub(super) fn new(level: Level, event: &'static str, subject: &str, text: String) -> Self {
        let level = match level {
            Level::Debug | Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        Self { level, event, subject: subject.to_owned(), text }
    }
}

/// Where a service says what happens.
pub type Events = Arc<dyn Fn(&Happening) + Send + Sync>;

/// What a service is given beside its config.
pub struct Options {
    /// What is built in.
    pub builtins: Builtins,
    /// Where it says what happens.
    pub events: Events,
}

impl Default for Options {
    fn default() -> Self {
        Self { builtins: Builtins::default(), events: Arc::new(|_| {}) }
    }
}

/// Why a service can't start at all. A component that can't start does not keep the others from it.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Its folders can't be used.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// There can be no sandbox on this machine.
    #[error("components can't be run here: {0}")]
    Sandbox(#[from] LoadError),
    /// The system gives no thread.
    #[error("a thread can't be started: {0}")]
    Thread(#[from] std::io::Error),
}

impl Fault for ServiceError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::Sandbox(_) | Self::Thread(_) => ErrorCode::Start,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Fs(error) => error.hint(),
            Self::Sandbox(_) | Self::Thread(_) => None,
        }
    }
}

/// A running pipeline. Dropping it stops it at once; [`stop`](Self::stop) lets messages flow out first.
pub struct Service {
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

/// What all threads of a service know.
struct Shared {
    wasm: Wasm,
    process: Process,
    builtins: Builtins,
    board: Mutex<Board>,
    /// Held while something is changed.
    change: Mutex<()>,
    /// Held while a file of the folder and what runs from it are changed; never taken while `change` is held.
    folder: Mutex<()>,
    shelf: Mutex<Shelf>,
    events: Events,
    notices: Sender<Notice>,
    started: Instant,
}

/// Who is in the pipeline.
struct Board {
    pipeline: Pipeline,
    members: BTreeMap<String, Member>,
}

/// A component and its lines.
struct Member {
    config: ComponentConfig,
    handles: Vec<Handle>,
    /// The content that runs, or would.
    artifact: Option<Artifact>,
    /// The content before, while the new one has yet to show itself.
    previous: Option<Artifact>,
    trouble: Option<String>,
    swaps: u64,
    last: Option<LastSwap>,
}

/// One line as its service sees it.
struct Handle {
    queue: Arc<Queue>,
    orders: Arc<Orders>,
    stats: Arc<Stats>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    fn order(&self, order: Order) {
        self.orders.put(order);
        self.queue.ring();
    }

    /// Whether everything that came in is done with.
    fn is_drained(&self) -> bool {
        self.stats.finished.load(Ordering::Acquire) == self.queue.entered()
    }

    fn stop(&mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
        self.queue.close();
    }
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn one_change(&self) -> MutexGuard<'_, ()> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carrier(&self, kind: Kind) -> &dyn Carrier {
        match kind {
            Kind::Wasm => &self.wasm,
            Kind::Process => &self.process,
            Kind::Builtin => &self.builtins,
        }
    }

    fn say(&self, level: Level, event: &'static str, subject: &str, text: String) {
        (self.events)(&Happening::new(level, event, subject, text));
    }
}

impl Service {
    /// Starts every component that can be started.
    ///
    /// # Errors
    /// If the service as a whole can't run. What keeps a single component from running is in the status.
    pub fn start(pipeline: Pipeline, options: Options) -> Result<Self, ServiceError> {
        let (notices, heard) = channel();
        let shared = Arc::new(Shared {
            wasm: Wasm::new(Cache::at(pipeline.state.join("compiled"))?)?,
            process: Process::new(pipeline.state.join("programs")),
            builtins: options.builtins,
            shelf: Mutex::new(Shelf::open(pipeline.state.join("versions"))?),
            board: Mutex::new(Board {
                pipeline: Pipeline { components: Vec::new(), ..pipeline.clone() },
                members: BTreeMap::new(),
            }),
            change: Mutex::new(()),
            folder: Mutex::new(()),
            events: options.events,
            notices,
            started: Instant::now(),
        });
        // The listener must not keep the service alive: it ends when the service is gone.
        let weak = Arc::downgrade(&shared);
        let listen = move || {
            while let Ok(notice) = heard.recv() {
                let Some(shared) = weak.upgrade() else { return };
                shared.hear(notice);
            }
        };
        let listener = std::thread::Builder::new().name("component-events".to_owned()).spawn(listen)?;
        shared.start_all(pipeline)?;
        Ok(Self { shared, listener: Some(listener) })
    }

    /// The service at this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// The config that counts now.
    #[must_use]
    pub fn pipeline(&self) -> Pipeline {
        self.shared.board().pipeline.clone()
    }

    /// Keeps others from the folder of artifacts: a file of it and what runs from it are changed one after the other,
    /// and who saw only the first would take the second back.
    pub(in crate::component) fn one_at_the_folder(&self) -> MutexGuard<'_, ()> {
        self.shared.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts other content in the place of an artifact, in every component that runs it, or in none.
    ///
    /// # Errors
    /// Why nothing was switched; everything runs on as before.
    pub fn replace(&self, artifact: &str, bytes: Vec<u8>) -> Result<Swapped, SwapError> {
        self.shared.replace(artifact, bytes)
    }

    /// Makes `pipeline` of the one that runs.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub fn apply(&self, pipeline: Pipeline) -> Result<Vec<super::Change>, ApplyError> {
        self.shared.apply(pipeline)
    }

    /// Forgets and stops every component that runs this artifact: its publisher has withdrawn it.
    pub fn withdraw(&self, artifact: &str) {
        self.shared.withdraw(artifact);
    }

    /// Stops the sources, waits until all messages have flowed out, `patience` at most, and ends. Gives how many
    /// messages were left lying.
    #[must_use]
    pub fn stop(mut self, patience: Duration) -> u64 {
        self.end(patience)
    }

    fn end(&mut self, patience: Duration) -> u64 {
        let _one = self.shared.one_change();
        let mut members = std::mem::take(&mut self.shared.board().members);
        let mut handles: Vec<&mut Handle> =
            members.values_mut().flat_map(|member| &mut member.handles).collect();
        for handle in handles.iter_mut().filter(|handle| handle.stats.is_source()) {
            handle.stop();
        }
        let end = Instant::now() + patience;
        // All at once, and once more: what was sent on between two looks is seen by the second.
        let drained = |handles: &[&mut Handle]| handles.iter().all(|handle| handle.is_drained());
        while Instant::now() < end && !(drained(&handles) && drained(&handles)) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let left = handles.iter().map(|handle| {
            handle.queue.entered().saturating_sub(handle.stats.finished.load(Ordering::Acquire))
        });
        let left = left.sum();
        for handle in &handles {
            // Nobody waits for room any more.
            handle.queue.close();
        }
        handles.iter_mut().for_each(|handle| handle.stop());
        left
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
        // The listener ends by itself once nobody can tell it anything; it may be in the middle of something
        // that holds the last reference to us.
        drop(self.listener.take());
    }
}

/// Why a component can't be started.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("{} can't be read: {}", .0.path.display(), .0.source)]
    File(FsError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("it refuses its config: {0}")]
    Config(String),
    #[error("it is not well: {0}")]
    Probe(CallError),
    #[error("it is a {is}, but {but}")]
    Place { is: &'static str, but: &'static str },
    #[error("it broke before: {0}")]
    Quarantined(String),
}
