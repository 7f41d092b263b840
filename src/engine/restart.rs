//! After the swap: the program starts, shows that it lives, or the old version comes back.

use std::path::PathBuf;

use crate::fsx;
use crate::host::{self, Leaving, Next, Program, wait_until_gone, watch};
use crate::install::{Guard, HostGone, Install, Record, RollbackError};
use crate::platform::ProcessId;
use crate::platform::process::{ask_to_close, is_running};
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
        confirm_mark(&self.install)
    }
}

/// Where the program says that it is well.
pub(super) fn confirm_mark(install: &Install) -> PathBuf {
    install.state_dir().join("confirmed")
}

/// Takes in the word of a program that nobody watched when it said that it is well.
pub(super) fn hear(guard: &Guard, record: &mut Record) -> Result<(), EngineError> {
    let said = || fsx::exists(&confirm_mark(guard.install())).unwrap_or(false);
    if record.unconfirmed.is_some() && said() {
        record.unconfirmed = None;
        guard.save(record)?;
    }
    Ok(())
}

/// What became of a release that stands unconfirmed since an earlier run: it may have said that it is well, or
/// have been started in vain too often. Then the version before comes back at once, also offline.
pub(super) async fn settle(cx: &Context<'_>, mut desk: Desk) -> Result<State, EngineError> {
    hear(&desk.guard, &mut desk.record)?;
    let starts = desk.record.unconfirmed.as_ref().map_or(0, |unconfirmed| unconfirmed.starts);
    let may_go_back = cx.setup.task == Task::Update && cx.setup.install.can_roll_back(&desk.record);
    if starts < host::STARTS || !may_go_back {
        return Ok(State::Opened(Box::new(super::state::Opened { desk })));
    }
    let gone = super::apply::host_gone(cx).await?;
    let reason = format!("it was started {starts} times and never showed that it is well");
    match bring_back(cx, &desk.guard, gone) {
        Ok(record) => told_back(cx, desk, record, reason).await,
        // The way to a newer release, which may be the cure, must not end here.
        Err(why) if !cx.setup.install.is_swap_open() => {
            let text = format!("The version before can't be brought back: {why}.");
            cx.step(Step::Message { text });
            Ok(State::Opened(Box::new(super::state::Opened { desk })))
        }
        Err(error) => Err(error.into()),
    }
}

/// Brings the version before back, does not offer the one that is left again, and starts the program.
async fn take_back(
    cx: &Context<'_>,
    desk: Desk,
    gone: HostGone,
    reason: String,
) -> Result<State, EngineError> {
    let record = bring_back(cx, &desk.guard, gone)?;
    told_back(cx, desk, record, reason).await
}

fn bring_back(cx: &Context<'_>, guard: &Guard, gone: HostGone) -> Result<Record, RollbackError> {
    Ok(cx.setup.install.rollback(guard, gone, &cx.setup.stub, true, &|_, _, _| {})?.record)
}

/// Says that the version before is back, and starts it. Whoever reads that keeps no other updater waiting.
async fn told_back(
    cx: &Context<'_>,
    desk: Desk,
    record: Record,
    reason: String,
) -> Result<State, EngineError> {
    let (from, to) = (desk.record.receipt.release(), record.receipt.release());
    drop(desk);
    cx.control.rearm();
    cx.control.clear_answers().await;
    cx.step(Step::RolledBack { from: from.clone(), to: to.clone(), reason });
    let start = cx.setup.asking == Asking::Nobody || cx.answer_or_cancel().await != Answer::Quit;
    start_as_it_is(cx, &record, start).await?;
    Ok(State::Ended(Outcome::RolledBack { from, to }))
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

/// Starts the program as it is now, unless nobody wants that. One that handed over is first waited for. A
/// release that never showed that it lives is watched.
///
/// # Errors
/// If it can't be started, or nobody says which program it is although it handed over.
pub(super) async fn start_current(
    cx: &Context<'_>,
    record: &Record,
    agreed: bool,
) -> Result<(), EngineError> {
    // Without the lock another updater is at work, which counts and watches itself.
    if agreed
        && record.unconfirmed.is_some()
        && is_wanted(cx.setup)
        && let Ok(guard) = cx.setup.install.lock("start")
    {
        if !has_left(cx).await {
            return Ok(());
        }
        let record = guard.record()?.record;
        let installed = record.receipt.release();
        let mut state = start_unconfirmed(cx, Desk { guard, record }, installed).await?;
        while let State::Restarted(restarted) = state {
            state = restarted.watch(cx).await?;
        }
        return Ok(());
    }
    start_as_it_is(cx, record, agreed).await
}

async fn start_as_it_is(cx: &Context<'_>, record: &Record, agreed: bool) -> Result<(), EngineError> {
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
    let spawned = program.start(None, None)?;
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
pub(super) async fn start_unconfirmed(
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
        Some(program) if is_wanted(cx.setup) => start_watched(cx, desk, done, &program).await,
        _ => Ok(State::Ended(Outcome::UpToDate(installed))),
    }
}

/// Writes down that the new version is started, and starts it. If the system will not start the program that the
/// release names, the release does not live.
async fn start_watched(
    cx: &Context<'_>,
    mut desk: Desk,
    done: Done,
    program: &Program,
) -> Result<State, EngineError> {
    if let Some(unconfirmed) = &mut desk.record.unconfirmed {
        unconfirmed.starts = unconfirmed.starts.saturating_add(1);
        desk.guard.save(&mut desk.record)?;
    }
    let before = done.from.version.as_ref().filter(|_| done.from.number != done.to.number);
    match program.start(Some(&cx.setup.confirm_mark()), before) {
        Ok(spawned) => {
            cx.step(Step::Started { program: program.path.clone(), pid: spawned.process.pid });
            Ok(State::Restarted(Box::new(Restarted { desk, done, program: spawned })))
        }
        Err(error) if desk.record.receipt.start.is_some() && may_go_back(cx, &desk.record) => {
            take_back(cx, desk, HostGone::nobody(), error.to_string()).await
        }
        Err(error) => Err(error.into()),
    }
}

/// After a repair there is nothing better to go back to: this is the release as it was signed.
fn may_go_back(cx: &Context<'_>, record: &Record) -> bool {
    cx.setup.task != Task::Repair && cx.setup.install.can_roll_back(record)
}

impl Installed {
    pub(super) async fn restart(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Self { desk, done } = self;
        cx.control.clear_answers().await;
        cx.step(Step::Installed(done.clone()));
        let start = is_wanted(cx.setup) && cx.wait_before_start().await;
        if !start {
            return Ok(State::Ended(Outcome::Installed(done)));
        }
        match program(cx.setup, &desk.record) {
            Some(program) => start_watched(cx, desk, done, &program).await,
            None if cx.setup.handover.process.is_some() => Err(EngineError::NothingToStart),
            None => Ok(State::Ended(Outcome::Installed(done))),
        }
    }
}

impl Restarted {
    pub(super) async fn watch(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Self { mut desk, done, program: started } = self;
        let verdict = watch(&started, &cx.setup.confirm_mark(), desk.record.receipt.health).await;
        let starts = desk.record.unconfirmed.as_ref().map_or(host::STARTS, |unconfirmed| unconfirmed.starts);
        match (host::next(&verdict, starts), program(cx.setup, &desk.record)) {
            (Next::Stay, _) | (Next::StartAgain, None) => {
                cx.step(Step::Confirmed);
                desk.record.unconfirmed = None;
                desk.guard.save(&mut desk.record)?;
                Ok(State::Ended(Outcome::Installed(done)))
            }
            (Next::StartAgain, Some(program)) => {
                let most = host::STARTS;
                let text = format!("It ended too early (start {starts} of {most}) and is started again.");
                cx.step(Step::Message { text });
                start_watched(cx, desk, done, &program).await
            }
            (Next::GoBack(_), _) if !may_go_back(cx, &desk.record) => Err(EngineError::DoesNotLive(done.to)),
            (Next::GoBack(reason), _) => {
                end_of(cx, started.process).await?;
                // A launcher has ended, but what it started may run.
                let gone = super::apply::host_gone(cx).await?;
                take_back(cx, desk, gone, reason.to_owned()).await
            }
        }
    }
}

/// A program that hangs is asked to close, and waited for, visibly; its files are switched only when it is gone.
async fn end_of(cx: &Context<'_>, process: ProcessId) -> Result<(), EngineError> {
    if !is_running(process) {
        return Ok(());
    }
    if let Err(error) = ask_to_close(process) {
        tracing::warn!("process {} can't be asked to close: {error}", process.pid);
    }
    cx.step(Step::WaitingForHost { pid: process.pid, holders: Vec::new() });
    match wait_until_gone(process, cx.setup.wait_for_program, cx.control).await {
        Leaving::Gone(_) => Ok(()),
        Leaving::StillRuns(process) => Err(EngineError::HostRuns(process)),
        Leaving::Cancelled => Err(EngineError::Cancelled),
    }
}
