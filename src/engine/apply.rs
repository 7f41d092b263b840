//! From a complete stage, with the program ended, to the new version in place: the files are switched.

use crate::host::expect_confirmation;
use crate::release::Digest;
use crate::report::{Progress, ProgressPhase, Step};
use crate::transfer::Depot;

use super::EngineError;
use super::run::Context;
use super::state::{Desk, HostClosed, Installed, State};

pub(super) use super::wait::host_gone;

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
        clean_up(cx, record.receipt.manifest);
        Ok(State::Installed(Box::new(Installed { desk: Desk { guard, record }, done })))
    }
}

/// What was fetched is not needed any more. What can't be deleted now is deleted by the next update.
fn clean_up(cx: &Context<'_>, installed: Option<Digest>) {
    let install = &cx.setup.install;
    let cleared = Depot::open(&install.partial_dir()).and_then(|depot| depot.clear());
    let kept: Vec<Digest> = installed.into_iter().collect();
    if let Err(error) = cleared.and_then(|()| install.forget_manifests_but(&kept)) {
        tracing::warn!("{error}");
    }
}
