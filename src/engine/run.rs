//! Drives the states, and what happens when one of them fails.

use std::time::Duration;

use crate::install::{HostGone, Recovered};
use crate::report::{Answer, Control, ErrorCode, Failure, Fault as _, Installed as Done, ReleaseRef, Step};

use super::check::Events;
use super::state::{Desk, Opened, State};
use super::{Asking, EngineError, Setup};

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

/// A check holds the lock for a moment; an updater at work holds it longer than this.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

/// What every state works with.
pub(super) struct Context<'a> {
    pub setup: &'a Setup,
    pub control: &'a Control,
    pub events: Events<'a>,
}

/// Does one update, from check to confirm. With a person before the screen, a failure can be tried again.
pub async fn run(setup: &Setup, control: &Control, events: Events<'_>) -> Outcome {
    let cx = Context { setup, control, events };
    loop {
        let error = match drive(&cx).await {
            Ok(outcome) => return outcome,
            Err(error) => error,
        };
        if error.code() == ErrorCode::Cancelled {
            return cancelled(&cx);
        }
        let failure = Failure::of(&error);
        tracing::error!("{failure}");
        let (installed, may_start) = standing(setup);
        let log = setup.log.clone();
        cx.control.clear_answers().await;
        cx.step(Step::Failed { failure: failure.clone(), installed, log, may_start });
        if setup.asking == Asking::Nobody {
            start_after_failure(&cx, &error, may_start);
            return Outcome::Failed(failure);
        }
        match cx.answer_or_cancel().await {
            Answer::Update => control.rearm(),
            Answer::Start => {
                start_after_failure(&cx, &error, true);
                return Outcome::Failed(failure);
            }
            Answer::Later | Answer::Skip | Answer::Quit | Answer::CloseHost => {
                return Outcome::Failed(failure);
            }
        }
    }
}

async fn drive(cx: &Context<'_>) -> Result<Outcome, EngineError> {
    let mut state = open(cx)?;
    loop {
        if cx.control.is_cancelled() && may_cancel(&state) {
            return Err(EngineError::Cancelled);
        }
        state = match state {
            State::Opened(state) => state.check(cx).await?,
            State::Checked(state) => state.choose(cx).await?,
            State::Offered(state) => state.ask(cx).await?,
            State::Accepted(state) => state.plan(cx)?,
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

fn may_cancel(state: &State) -> bool {
    !matches!(state, State::Installed(_) | State::Restarted(_) | State::Ended(_))
}

fn open(cx: &Context<'_>) -> Result<State, EngineError> {
    let guard = cx.setup.install.lock_within("update", LOCK_PATIENCE)?;
    if let Some(Recovered { forward, .. }) = cx.setup.install.recover(&guard)? {
        cx.step(Step::Recovered { forward });
    }
    let loaded = guard.record()?;
    if let Some(damage) = loaded.damage {
        let text = format!("The record of this install was damaged and is made anew: {damage}");
        cx.step(Step::Message { text });
    }
    let record = loaded.record;
    Ok(State::Opened(Box::new(Opened { desk: Desk { guard, record } })))
}

fn cancelled(cx: &Context<'_>) -> Outcome {
    cx.step(Step::Cancelled);
    match cx.setup.install.read_record() {
        Ok(loaded) => start_after(cx, &loaded.record, true),
        Err(error) => tracing::warn!("{error}"),
    }
    Outcome::Cancelled
}

fn start_after_failure(cx: &Context<'_>, error: &EngineError, agreed: bool) {
    // Starting failed already, or the program was never ended.
    if matches!(error, EngineError::Restart(_) | EngineError::NothingToStart | EngineError::HostRuns(_)) {
        return;
    }
    match cx.setup.install.read_record() {
        Ok(loaded) => start_after(cx, &loaded.record, agreed),
        Err(error) => tracing::warn!("{error}"),
    }
}

fn start_after(cx: &Context<'_>, record: &crate::install::Record, agreed: bool) {
    if let Err(error) = super::restart::start_current(cx, record, agreed) {
        let text = Failure::of(&error).to_string();
        tracing::error!("{text}");
        cx.step(Step::Message { text });
    }
}

/// The version that works, and whether it may be started: not when it was below a forced release when last
/// seen, unless the policy allows it.
fn standing(setup: &Setup) -> (ReleaseRef, bool) {
    let Ok(loaded) = setup.install.read_record() else {
        return (ReleaseRef { number: crate::release::ReleaseNumber::NONE, version: None }, false);
    };
    let record = loaded.record;
    let may_start = setup.start_anyway || !super::check::is_forced_offline(setup, &record);
    (record.receipt.release(), may_start)
}

/// Ends an interrupted swap, if there is one.
///
/// # Errors
/// If another updater is at work, or the state can't be understood.
pub fn recover(install: &crate::install::Install) -> Result<Option<Recovered>, EngineError> {
    let guard = install.lock("recovery")?;
    Ok(install.recover(&guard)?)
}

/// Brings back the release before; needs no network.
///
/// # Errors
/// If there is none, the program runs, or files can't be switched.
pub async fn rollback(setup: &Setup, control: &Control, events: Events<'_>) -> Result<Outcome, EngineError> {
    let cx = Context { setup, control, events };
    let guard = setup.install.lock("rollback")?;
    if let Some(Recovered { forward, .. }) = setup.install.recover(&guard)? {
        cx.step(Step::Recovered { forward });
    }
    let from = guard.record()?.record.receipt.release();
    let gone: HostGone = super::apply::host_gone(&cx).await?;
    let record = setup.install.rollback(&guard, gone, &setup.stub, false, &|_, _, _| {})?.record;
    let to = record.receipt.release();
    let reason = "it was asked for".to_owned();
    cx.step(Step::RolledBack { from: from.clone(), to: to.clone(), reason });
    super::restart::start_current(&cx, &record, true)?;
    Ok(Outcome::RolledBack { from, to })
}

/// Starts the program as it is, as the setup says.
///
/// # Errors
/// If it is not known or can't be started.
pub fn start_program(setup: &Setup) -> Result<(), EngineError> {
    let control = Control::new();
    let cx = Context { setup, control: &control, events: &|_event| {} };
    super::restart::start_current(&cx, &setup.install.read_record()?.record, true)
}
