//! After the swap: the program starts, shows that it lives, or the old version comes back.

use std::path::PathBuf;
use std::time::Duration;

use crate::host::{Leaving, Program, Verdict, wait_until_gone, watch};
use crate::install::{HostGone, Record};
use crate::platform::ProcessId;
use crate::report::{Answer, Installed as Done, ReleaseRef, Step, Totals};

use super::run::{Context, Outcome};
use super::state::{Desk, Installed, Restarted, State};
use super::{Asking, EngineError, Launch, Setup, Task};

impl Setup {
    /// The program's file, if anyone says which it is.
    #[must_use]
    pub fn start_file(&self) -> Option<PathBuf> {
        let record = self.install.read_record().ok()?.record;
        program(self, &record).map(|program| program.path)
    }

    pub(super) fn confirm_mark(&self) -> PathBuf {
        self.install.state_dir().join("confirmed")
    }
}

fn program(setup: &Setup, record: &Record) -> Option<Program> {
    let said = record.receipt.start.as_ref();
    let path = said.map(|start| &start.path).or(setup.start.as_ref())?.under(setup.install.root());
    let args = said.map(|start| start.args.clone()).unwrap_or_default();
    Some(Program::new(path, &args, &setup.handover))
}

fn is_wanted(setup: &Setup) -> bool {
    match setup.launch {
        Launch::Always => true,
        Launch::AfterHandover => setup.handover.process.is_some(),
        Launch::Never => false,
    }
}

/// Starts the program as it is now, unless nobody wants that. One that handed over is first waited for.
///
/// # Errors
/// If it can't be started, or nobody says which program it is although it handed over.
pub(super) async fn start_current(
    cx: &Context<'_>,
    record: &Record,
    agreed: bool,
) -> Result<(), EngineError> {
    if !agreed || !is_wanted(cx.setup) {
        return Ok(());
    }
    let Some(program) = program(cx.setup, record) else {
        let handed_over = cx.setup.handover.process.is_some();
        return if handed_over { Err(EngineError::NothingToStart) } else { Ok(()) };
    };
    if !has_left(cx).await {
        return Ok(());
    }
    let spawned = program.start(None)?;
    cx.step(Step::Started { program: program.path, pid: spawned.process.pid });
    Ok(())
}

/// A program that still runs, because it takes its time or only asked, is not started a second time.
async fn has_left(cx: &Context<'_>) -> bool {
    let Some(process) = cx.setup.handover.process else { return true };
    match wait_until_gone(process, cx.setup.wait_for_program, cx.control).await {
        Leaving::Gone(_) => true,
        Leaving::Cancelled => false,
        Leaving::StillRuns(process) => {
            cx.step(Step::Message { text: format!("The program still runs (process {}).", process.pid) });
            false
        }
    }
}

/// Starts a release that stands but never showed that it lives, because the updater ended too early, and
/// watches it as after the update itself.
///
/// # Errors
/// If it can't be started.
pub(super) fn start_unconfirmed(
    cx: &Context<'_>,
    desk: Desk,
    installed: ReleaseRef,
) -> Result<State, EngineError> {
    let before = desk.record.previous.as_ref();
    let from = before.map_or_else(
        || installed.clone(),
        |old| ReleaseRef { number: old.number, version: old.version.clone() },
    );
    let done = Done { from, to: installed.clone(), totals: Totals::default() };
    match program(cx.setup, &desk.record) {
        Some(program) if is_wanted(cx.setup) => start_watched(cx, desk, done, &program),
        _ => Ok(State::Ended(Outcome::UpToDate(installed))),
    }
}

fn start_watched(cx: &Context<'_>, desk: Desk, done: Done, program: &Program) -> Result<State, EngineError> {
    let spawned = program.start(Some(&cx.setup.confirm_mark()))?;
    cx.step(Step::Started { program: program.path.clone(), pid: spawned.process.pid });
    Ok(State::Restarted(Box::new(Restarted { desk, done, program: spawned })))
}

impl Installed {
    pub(super) async fn restart(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Self { desk, done } = self;
        cx.step(Step::Installed(done.clone()));
        let start = is_wanted(cx.setup) && cx.wait_before_start().await;
        if !start {
            return Ok(State::Ended(Outcome::Installed(done)));
        }
        match program(cx.setup, &desk.record) {
            Some(program) => start_watched(cx, desk, done, &program),
            None if cx.setup.handover.process.is_some() => Err(EngineError::NothingToStart),
            None => Ok(State::Ended(Outcome::Installed(done))),
        }
    }
}

impl Restarted {
    pub(super) async fn watch(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Self { desk: Desk { guard, mut record }, done, program } = self;
        let health = record.receipt.health;
        let reason = match watch(&program, &cx.setup.confirm_mark(), health).await {
            Verdict::Well => {
                cx.step(Step::Confirmed);
                record.unconfirmed = None;
                guard.save(&mut record)?;
                return Ok(State::Ended(Outcome::Installed(done)));
            }
            Verdict::Ended => "it ended too early",
            Verdict::Silent => "it did not say in time that it is well",
        };
        if cx.setup.task == Task::Repair {
            // There is nothing better to go back to: this is the release as it was signed.
            return Err(EngineError::DoesNotLive(done.to));
        }
        let gone = end_of(cx, program.process).await?;
        let record = cx.setup.install.rollback(&guard, gone, &cx.setup.stub, true, &|_, _, _| {})?.record;
        cx.control.rearm();
        cx.control.clear_answers().await;
        cx.step(Step::RolledBack {
            from: done.to.clone(),
            to: record.receipt.release(),
            reason: reason.to_owned(),
        });
        let start = cx.setup.asking == Asking::Nobody || cx.answer_or_cancel().await != Answer::Quit;
        start_current(cx, &record, start).await?;
        Ok(State::Ended(Outcome::RolledBack { from: done.to, to: record.receipt.release() }))
    }
}

/// A program that hangs is asked to close, and waited for, visibly; its files are switched only when it is gone.
async fn end_of(cx: &Context<'_>, process: ProcessId) -> Result<HostGone, EngineError> {
    if let Some(gone) = HostGone::wait(process, Duration::ZERO) {
        return Ok(gone);
    }
    if let Err(error) = crate::platform::process::ask_to_close(process) {
        tracing::warn!("process {} can't be asked to close: {error}", process.pid);
    }
    cx.step(Step::WaitingForHost { pid: process.pid, holders: Vec::new() });
    match wait_until_gone(process, cx.setup.wait_for_program, cx.control).await {
        Leaving::Gone(gone) => Ok(gone),
        Leaving::StillRuns(process) => Err(EngineError::HostRuns(process)),
        Leaving::Cancelled => Err(EngineError::Cancelled),
    }
}
