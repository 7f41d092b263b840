//! Drives the states, and what happens when one of them fails.

use std::time::{Duration, Instant};

use crate::host::expect_confirmation;
use crate::install::{Guard, HostGone, Install, LockError, Owner, Recovered, is_unwritable};
use crate::report::{
    Answer, Control, ErrorCode, Failure, Fault as _, Installed as Done, ReleaseRef, Remedy, Step,
};

use super::check::{CheckResult, Events};
use super::state::{Desk, State};
use super::{Asking, EngineError, Setup, Task};

/// How an update ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// There was nothing newer.
    UpToDate(ReleaseRef),
    /// The new version stands.
    Installed(Done),
    /// The person declined.
    Declined,
    /// The person or the host cancelled; nothing was changed.
    Cancelled,
    /// Files are in use, and the release is installed at the next start.
    Deferred(ReleaseRef),
    /// The new version did not live; the old one is back.
    RolledBack {
        /// The release that did not live.
        from: ReleaseRef,
        /// The release that stands.
        to: ReleaseRef,
    },
    /// It could not be done.
    Failed(Failure),
}

/// What every state works with.
pub(super) struct Context<'a> {
    pub setup: &'a Setup,
    pub control: &'a Control,
    pub events: Events<'a>,
}

/// Does one update, from check to confirm. With a person before the screen, a failure can be tried again.
pub async fn run(setup: &Setup, control: &Control, events: Events<'_>) -> Outcome {
    let cx = Context { setup, control, events };
    let mut result = drive(&cx).await;
    loop {
        let error = match result {
            Ok(outcome) => return outcome,
            Err(error) => error,
        };
        if error.code() == ErrorCode::Cancelled {
            return cancelled(&cx).await;
        }
        let failure = Failure::of(&error);
        tracing::error!("{failure}");
        let (installed, may_start) = standing(setup);
        let remedy = error.remedy().or_else(|| start_anyway(setup, &error));
        let log = setup.log.clone();
        cx.control.clear_answers().await;
        cx.step(Step::Failed { failure: failure.clone(), installed, log, may_start, remedy });
        if setup.asking == Asking::Nobody {
            start_after_failure(&cx, &error, may_start).await;
            return Outcome::Failed(failure);
        }
        match cx.answer_or_cancel().await {
            Answer::Update => {
                control.rearm();
                result = drive(&cx).await;
            }
            Answer::GoBack => {
                control.rearm();
                result = rollback(setup, control, events).await;
            }
            Answer::ForAll => {
                control.rearm();
                result = match super::for_all::update(&cx).await {
                    Ok(Some(outcome)) => Ok(outcome),
                    Ok(None) => drive(&cx).await,
                    Err(error) => Err(error),
                };
            }
            Answer::Start => {
                start_after_failure(&cx, &error, may_start).await;
                return Outcome::Failed(failure);
            }
            Answer::Later
            | Answer::Skip
            | Answer::Quit
            | Answer::CloseHost
            | Answer::Defer
            | Answer::Hold => {
                return Outcome::Failed(failure);
            }
        }
    }
}

async fn drive(cx: &Context<'_>) -> Result<Outcome, EngineError> {
    let mut state = match open(cx).await {
        Err(error @ EngineError::Preflight(_)) if cx.setup.task == Task::Update => {
            return look_only(cx, error).await;
        }
        opened => opened?,
    };
    loop {
        // Lets whoever shares this thread, such as the handler of Ctrl-C, have its turn.
        tokio::task::yield_now().await;
        if cx.control.is_cancelled() && may_cancel(&state) {
            return Err(EngineError::Cancelled);
        }
        state = match state {
            State::Opened(state) => state.check(cx).await?,
            State::Checked(state) => state.choose(cx).await?,
            State::Offered(state) => state.ask(cx).await?,
            State::Accepted(state) => state.plan(cx).await?,
            State::Planned(state) => state.fetch(cx).await?,
            State::Fetched(state) => state.stage(cx)?,
            State::Staged(state) => state.await_host(cx).await?,
            State::HostClosed(state) => state.swap(cx)?,
            State::Installed(state) => state.restart(cx).await?,
            State::Restarted(state) => state.watch(cx).await?,
            State::Ended(outcome) => return Ok(outcome),
        };
    }
}

/// Locks the install. A check holds the lock for as long as its server takes to answer and is waited for; an
/// updater at work is not.
async fn lock(cx: &Context<'_>, purpose: &str) -> Result<Guard, EngineError> {
    let end = Instant::now() + cx.setup.check_timeout + Duration::from_secs(2);
    loop {
        match cx.setup.install.lock(purpose) {
            Err(LockError::Held { owner, .. })
                if owner.as_ref().is_none_or(Owner::is_brief) && Instant::now() < end =>
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(LockError::Fs(error)) if is_unwritable(error.code()) => {
                return Err(cx.setup.install.barred(error).into());
            }
            other => return Ok(other?),
        }
    }
}

/// An install that can't be written here: a user of it learns whether there is anything to install at all.
async fn look_only(cx: &Context<'_>, barred: EngineError) -> Result<Outcome, EngineError> {
    cx.step(Step::Checking { source: cx.setup.mirrors.describe() });
    if let CheckResult::Available(_) = super::check::check(cx.setup, cx.control, cx.events).await? {
        return Err(barred);
    }
    let record = cx.setup.install.read_record()?.record;
    let installed = record.receipt.release();
    cx.control.clear_answers().await;
    cx.step(Step::UpToDate { installed: installed.clone() });
    let start = cx.wait_before_start().await;
    super::restart::start_current(cx, &record, start).await?;
    Ok(Outcome::UpToDate(installed))
}

/// Ends an interrupted swap. One that can't be ended is put aside, whole, when a repair is asked for: it
/// brings every file back from the signed release.
fn end_open_swap(cx: &Context<'_>, guard: &Guard) -> Result<(), EngineError> {
    forget_word(&cx.setup.install);
    match cx.setup.install.recover(guard) {
        Ok(None) => {}
        Ok(Some(Recovered { forward, .. })) => cx.step(Step::Recovered { forward }),
        Err(error) if cx.setup.task == Task::Repair && error.code() == ErrorCode::Journal => {
            let aside = cx.setup.install.set_aside(guard)?;
            let aside = aside.map(|path| path.display().to_string()).unwrap_or_default();
            let text = format!("{error}. It is kept in {aside}, and every file is brought back as signed.");
            cx.step(Step::Message { text });
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn may_cancel(state: &State) -> bool {
    !matches!(state, State::Installed(_) | State::Restarted(_) | State::Ended(_))
}

async fn open(cx: &Context<'_>) -> Result<State, EngineError> {
    let guard = lock(cx, "update").await?;
    end_open_swap(cx, &guard)?;
    let loaded = guard.record()?;
    if let Some(damage) = loaded.damage {
        let text = format!("The record of this install was damaged and is made anew: {damage}");
        cx.step(Step::Message { text });
    }
    super::restart::settle(cx, Desk { guard, record: loaded.record }).await
}

async fn cancelled(cx: &Context<'_>) -> Outcome {
    cx.step(Step::Cancelled);
    let (_, may_start) = standing(cx.setup);
    start_after(cx, may_start).await;
    Outcome::Cancelled
}

async fn start_after_failure(cx: &Context<'_>, error: &EngineError, agreed: bool) {
    // Starting failed already, the program was never ended, or another updater is about to switch its files.
    let is_in_vain = matches!(
        error,
        EngineError::Restart(_)
            | EngineError::NothingToStart
            | EngineError::HostRuns(_)
            | EngineError::InUse(_)
            | EngineError::Rollback(_)
            | EngineError::Lock(_)
    );
    if !is_in_vain {
        start_after(cx, agreed).await;
    }
}

async fn start_after(cx: &Context<'_>, agreed: bool) {
    let record = match cx.setup.install.read_record() {
        Ok(loaded) => loaded.record,
        Err(error) => return tracing::warn!("{error}"),
    };
    // A new try to start it must not end at once because of the cancel that led here.
    cx.control.rearm();
    if let Err(error) = super::restart::start_current(cx, &record, agreed).await {
        let text = Failure::of(&error).to_string();
        tracing::error!("{text}");
        cx.step(Step::Message { text });
    }
}

/// The version that works, and whether it may be started: not when it was below a forced release when last
/// seen, unless the policy allows it.
pub(super) fn standing(setup: &Setup) -> (ReleaseRef, bool) {
    let Ok(loaded) = setup.install.read_record() else {
        return (ReleaseRef { number: crate::release::ReleaseNumber::NONE, version: None }, false);
    };
    let record = loaded.record;
    let may_start = setup.start_anyway || !super::check::is_forced_offline(setup, &record);
    (record.receipt.release(), may_start)
}

/// The program may be started only because the settings allow it.
fn start_anyway(setup: &Setup, error: &EngineError) -> Option<Remedy> {
    let is_network = error.code().exit() == ErrorCode::Unreachable.exit();
    let record = setup.install.read_record().ok()?.record;
    let forced = is_network && setup.start_anyway && super::check::is_forced_offline(setup, &record);
    forced.then_some(Remedy::StartAnyway)
}

/// The word of the version before must not count for what a recovery brings, and a loss of power may have brought
/// it back.
fn forget_word(install: &Install) {
    if install.is_swap_open() {
        expect_confirmation(&super::restart::confirm_mark(install));
    }
}

/// Ends an interrupted swap, if there is one.
///
/// # Errors
/// If another updater is at work, or the state can't be understood.
pub fn recover(install: &Install) -> Result<Option<Recovered>, EngineError> {
    let guard = install.lock("recovery")?;
    forget_word(install);
    Ok(install.recover(&guard)?)
}

/// Brings back the release before; needs no network.
///
/// # Errors
/// If there is none, the program runs, or files can't be switched.
pub async fn rollback(setup: &Setup, control: &Control, events: Events<'_>) -> Result<Outcome, EngineError> {
    let cx = Context { setup, control, events };
    let guard = lock(&cx, "rollback").await?;
    end_open_swap(&cx, &guard)?;
    go_back(&cx, guard).await
}

/// Back to the release before because a person wants that.
pub(super) async fn go_back(cx: &Context<'_>, guard: Guard) -> Result<Outcome, EngineError> {
    let setup = cx.setup;
    let from = guard.record()?.record.receipt.release();
    let gone: HostGone = super::apply::host_gone(cx).await?;
    let mut record = setup.install.rollback(&guard, gone, &setup.stub, false, &|_, _, _| {})?.record;
    // Who goes back does not want to be asked for the same version again at the next start, nor to get without
    // being asked what was agreed to before.
    record.skip = from.version.clone();
    guard.save(&mut record)?;
    guard.forget_deferred()?;
    drop(guard);
    let to = record.receipt.release();
    let reason = String::new();
    cx.control.rearm();
    cx.control.clear_answers().await;
    cx.step(Step::RolledBack { from: from.clone(), to: to.clone(), reason });
    let start = setup.asking == Asking::Nobody || cx.answer_or_cancel().await != Answer::Quit;
    super::restart::start_current(cx, &record, start).await?;
    Ok(Outcome::RolledBack { from, to })
}

/// Starts the program as it is, as the setup says.
///
/// # Errors
/// If it is not known or can't be started.
pub async fn start_program(setup: &Setup, control: &Control) -> Result<(), EngineError> {
    let cx = Context { setup, control, events: &|_event| {} };
    super::restart::start_current(&cx, &setup.install.read_record()?.record, true).await
}
