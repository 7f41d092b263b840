//! The update itself, on a thread of its own: the engine of the desktop, which waits while the program runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::engine::{self, Asking, InUsePolicy, Launch, Outcome, Setup, Task};
use crate::host::Handover;
use crate::platform::ProcessId;
use crate::report::{Control, ErrorCode, Event, Failure, Fault, ReleaseRef, Step};

use super::state::Target;

/// Makes what an update is told, from the settings as they are then.
pub type MakeSetup = Arc<dyn Fn() -> Result<Setup, Failure> + Send + Sync>;

/// An update waits for the program for as long as the agent lets it.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(365 * 24 * 3600);
/// Another updater in the install is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the update says.
#[derive(Debug)]
pub(super) enum Told {
    /// A release is being fetched.
    Found(Target),
    /// All lies ready.
    Staged,
    /// Something worth a line.
    Line(String),
    /// It has ended.
    Ended(Result<Outcome, Failure>),
}

/// An update under way. Dropping it cancels it, unless files are being switched.
#[derive(Debug)]
pub(super) struct Update {
    control: Control,
    told: mpsc::UnboundedReceiver<Told>,
    is_over: bool,
}

impl Drop for Update {
    fn drop(&mut self) {
        self.control.cancel();
    }
}

impl Update {
    /// Begins an update of a program that runs as `process`. With `fetch_only` it ends when all lies ready.
    ///
    /// # Errors
    /// If the settings can't be used or the system gives no thread.
    pub(super) fn begin(
        make: &MakeSetup,
        process: Option<ProcessId>,
        fetch_only: bool,
    ) -> Result<Self, Failure> {
        let told = make()?;
        let setup = Setup {
            handover: Handover { process, ..Handover::default() },
            task: Task::Update,
            asking: Asking::Nobody,
            launch: Launch::Never,
            by_hand: false,
            wait_for_program: AS_LONG_AS_IT_TAKES,
            in_use: InUsePolicy::Fail,
            close_program: false,
            ..told
        };
        let (tell, told) = mpsc::unbounded_channel();
        let control = Control::new();
        let ours = control.clone();
        let work = move || {
            let result = drive(&setup, &ours, &tell, fetch_only);
            // Nobody listens any more only if the agent has ended.
            tell.send(Told::Ended(result)).ok();
        };
        let spawned = std::thread::Builder::new().name("update".to_owned()).spawn(work);
        spawned.map_err(|source| internal(&format!("the system gives no thread: {source}")))?;
        Ok(Self { control, told, is_over: false })
    }

    /// What it says next.
    pub(super) async fn next(&mut self) -> Told {
        let told = self.told.recv().await;
        let told = told.unwrap_or_else(|| Told::Ended(Err(internal("the update ended without a word"))));
        self.is_over |= matches!(told, Told::Ended(_));
        told
    }

    /// Cancels it, and waits until it has let go of the install. What it came to, if that was too late.
    pub(super) async fn leave(mut self) -> Option<Outcome> {
        self.control.cancel();
        while !self.is_over {
            if let Told::Ended(result) = self.next().await {
                return result.ok();
            }
        }
        None
    }
}

fn internal(message: &str) -> Failure {
    Failure { code: ErrorCode::Internal, message: message.to_owned(), hint: None }
}

fn drive(
    setup: &Setup,
    control: &Control,
    tell: &mpsc::UnboundedSender<Told>,
    fetch_only: bool,
) -> Result<Outcome, Failure> {
    let queue = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let queue = queue.map_err(|source| internal(&format!("the system gives no event queue: {source}")))?;
    let was_staged = AtomicBool::new(false);
    let events = |event: Event| {
        let Event::Step(step) = event else { return };
        let told = match step {
            Step::Offered(offer) => Some(Told::Found(Target { from: offer.installed, to: offer.release })),
            Step::Staged => {
                was_staged.store(true, Ordering::SeqCst);
                if fetch_only {
                    control.cancel();
                }
                Some(Told::Staged)
            }
            Step::Message { text } => Some(Told::Line(text)),
            Step::Interrupted { reason, retry_in, .. } => {
                Some(Told::Line(format!("the transfer broke, next try in {retry_in} s: {reason}")))
            }
            _ => None,
        };
        told.into_iter().for_each(|told| drop(tell.send(told)));
    };
    let outcome = queue.block_on(engine::run(setup, control, &events));
    // A share that hangs must not keep the agent.
    queue.shutdown_background();
    match outcome {
        Outcome::Failed(failure) => Err(failure),
        other => Ok(other),
    }
}

async fn off_line<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|broken| Err(internal(&broken.to_string())))
}

fn fail(fault: impl Fault) -> Failure {
    Failure::of(&fault)
}

/// What stands, after an interrupted swap was ended if there is one.
///
/// # Errors
/// If it can't be ended or read.
pub(super) async fn recover(make: &MakeSetup) -> Result<(ReleaseRef, bool), Failure> {
    let make = Arc::clone(make);
    off_line(move || {
        let install = make()?.install;
        let guard = install.lock_within("recovery", PATIENCE).map_err(fail)?;
        let recovered = install.recover(&guard).map_err(fail)?;
        Ok((guard.record().map_err(fail)?.record.release(), recovered.is_some()))
    })
    .await
}

/// Writes down that the release that stands works.
///
/// # Errors
/// If that can't be written.
pub(super) async fn confirm(make: &MakeSetup) -> Result<(), Failure> {
    let make = Arc::clone(make);
    off_line(move || engine::confirm(&make()?.install).map(drop).map_err(fail)).await
}

/// Brings the release before back, by the same transaction as an update, and does not take the one that is left
/// again. The release that stands then; nothing is done if it is not `bad` that stands.
///
/// # Errors
/// If the program still runs, there is nothing to go back to, or files can't be switched.
pub(super) async fn go_back(make: &MakeSetup, bad: &ReleaseRef) -> Result<ReleaseRef, Failure> {
    let (make, bad) = (Arc::clone(make), bad.number);
    off_line(move || {
        let setup = make()?;
        let install = &setup.install;
        let guard = install.lock_within("rollback", PATIENCE).map_err(fail)?;
        install.recover(&guard).map_err(fail)?;
        let record = guard.record().map_err(fail)?.record;
        if record.receipt.number != bad {
            return Ok(record.release());
        }
        let start = record.start.as_ref().map(|start| start.path.under(install.root()));
        let gone = install.host_gone(&record, start.as_deref(), None).map_err(|users| {
            let names: Vec<String> = users.iter().map(|user| user.shown.to_string()).collect();
            Failure {
                code: ErrorCode::HostRuns,
                message: format!("still in use by {}", names.join(", ")),
                hint: None,
            }
        })?;
        let done = install.rollback(&guard, gone, &setup.stub, true, &|_, _, _| {}).map_err(fail)?;
        Ok(done.record.release())
    })
    .await
}
