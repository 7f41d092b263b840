//! After the swap: the program starts, shows that it lives, or the old version comes back.

use std::path::PathBuf;

use crate::host::{Program, Verdict, watch};
use crate::install::{HostGone, Record};
use crate::report::{Answer, Step};

use super::run::{Context, Outcome};
use super::state::{Desk, Installed, Restarted, State};
use super::{Asking, EngineError, Launch, Setup};

impl Setup {
    /// The program's file, if anyone says which it is.
    pub(super) fn start_file(&self) -> Option<PathBuf> {
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

/// Starts the program as it is now, unless nobody wants that.
///
/// # Errors
/// If it can't be started, or nobody says which program it is although it handed over.
pub(super) fn start_current(cx: &Context<'_>, record: &Record, agreed: bool) -> Result<(), EngineError> {
    if !agreed || !is_wanted(cx.setup) || has_not_left(cx.setup) {
        return Ok(());
    }
    let program = program(cx.setup, record).ok_or(EngineError::NothingToStart)?;
    let spawned = program.start(None)?;
    cx.step(Step::Started { program: program.path, pid: spawned.process.pid });
    Ok(())
}

/// A program that only asked and did not exit is not started a second time.
fn has_not_left(setup: &Setup) -> bool {
    setup.handover.process.is_some_and(|process| {
        !crate::platform::process::wait_exit(process, std::time::Duration::from_secs(2))
    })
}

impl Installed {
    pub(super) async fn restart(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Self { desk, done } = self;
        cx.step(Step::Installed(done.clone()));
        let start = is_wanted(cx.setup) && cx.wait_before_start().await;
        let Some(program) = program(cx.setup, &desk.record) else {
            return if start {
                Err(EngineError::NothingToStart)
            } else {
                Ok(State::Ended(Outcome::Installed(done)))
            };
        };
        if !start {
            return Ok(State::Ended(Outcome::Installed(done)));
        }
        let spawned = program.start(Some(&cx.setup.confirm_mark()))?;
        cx.step(Step::Started { program: program.path, pid: spawned.process.pid });
        Ok(State::Restarted(Box::new(Restarted { desk, done, program: spawned })))
    }
}

impl Restarted {
    pub(super) async fn watch(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Self { desk, done, program } = self;
        let health = desk.record.receipt.health;
        let reason = match watch(&program, &cx.setup.confirm_mark(), health).await {
            Verdict::Well => {
                cx.step(Step::Confirmed);
                return Ok(State::Ended(Outcome::Installed(done)));
            }
            Verdict::Ended => "it ended too early",
            Verdict::Silent => "it did not say in time that it is well",
        };
        // A program that hangs is asked to close; if it does not, its files are switched back all the same,
        // as they were switched while it was gone.
        if crate::platform::process::is_running(program.process) {
            crate::platform::process::ask_to_close(program.process).ok();
        }
        let gone = HostGone::wait(program.process, std::time::Duration::from_secs(5))
            .ok_or(EngineError::HostRuns(program.process))?;
        let Desk { guard, record: _ } = desk;
        let record = cx.setup.install.rollback(&guard, gone, &cx.setup.stub, true, &|_, _, _| {})?.record;
        cx.step(Step::RolledBack {
            from: done.to.clone(),
            to: record.receipt.release(),
            reason: reason.to_owned(),
        });
        let start = cx.setup.asking == Asking::Nobody || cx.answer_or_cancel().await == Answer::Start;
        start_current(cx, &record, start)?;
        Ok(State::Ended(Outcome::RolledBack { from: done.to, to: record.receipt.release() }))
    }
}
