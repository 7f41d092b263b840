//! From a complete stage to the new version in place: the program ends, the files are switched.

use crate::host::{Leaving, expect_confirmation, wait_until_gone};
use crate::install::HostGone;
use crate::platform::{self, ProcessId};
use crate::report::{Progress, ProgressPhase, Step};
use crate::transfer::Depot;

use super::EngineError;
use super::run::Context;
use super::state::{Desk, HostClosed, Installed, Staged, State};

impl Staged {
    pub(super) async fn await_host(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Self { desk, stage, done } = self;
        let gone = host_gone(cx).await?;
        Ok(State::HostClosed(Box::new(HostClosed { desk, stage, gone, done })))
    }
}

/// Waits, visibly, until no process runs the program.
pub(super) async fn host_gone(cx: &Context<'_>) -> Result<HostGone, EngineError> {
    let mut gone = HostGone::nobody();
    // Asked again after each one has ended: another may have been started meanwhile.
    while let Some(process) = running_programs(cx).into_iter().next() {
        cx.control.clear_answers().await;
        cx.step(Step::WaitingForHost { pid: process.pid });
        match wait_until_gone(process, cx.setup.wait_for_program, cx.control).await {
            Leaving::Gone(token) => gone = token,
            Leaving::StillRuns(process) => return Err(EngineError::HostRuns(process)),
            Leaving::Cancelled => return Err(EngineError::Cancelled),
        }
    }
    Ok(gone)
}

/// The program that handed over, and any other process that runs the program's own file.
fn running_programs(cx: &Context<'_>) -> Vec<ProcessId> {
    let mut found: Vec<ProcessId> = cx
        .setup
        .handover
        .process
        .into_iter()
        .filter(|process| platform::process::is_running(*process))
        .collect();
    let me = platform::process::current();
    let start = cx.setup.start_file();
    for holder in platform::process::holders(cx.setup.install.root()) {
        let runs_it = start.as_ref().is_some_and(|start| holder.file == *start);
        if runs_it && holder.process != me && !found.contains(&holder.process) {
            found.push(holder.process);
        }
    }
    found
}

impl HostClosed {
    pub(super) fn swap(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Self { desk: Desk { guard, record: _ }, stage, gone, done } = self;
        if cx.control.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        // From here there is no cancel; one that comes a moment too late must not end the pages that follow.
        cx.control.rearm();
        cx.step(Step::Installing);
        // The word of the version before must not count for the new one, whoever starts that.
        expect_confirmation(&cx.setup.confirm_mark());
        let progress = |done, total, file: &crate::release::RelPath| {
            let file = Some(file.clone());
            cx.progress(Progress { phase: ProgressPhase::Install, done, total, file, ..Progress::default() });
        };
        let record = cx.setup.install.swap(&guard, stage, gone, &progress)?.record;
        clean_up(cx);
        Ok(State::Installed(Box::new(Installed { desk: Desk { guard, record }, done })))
    }
}

/// What was fetched is not needed any more. What can't be deleted now is deleted by the next update.
fn clean_up(cx: &Context<'_>) {
    if let Err(error) = Depot::open(&cx.setup.install.partial_dir()).and_then(|depot| depot.clear()) {
        tracing::warn!("{error}");
    }
}
