//! Waiting, visibly, until nobody uses the program's files in a way that matters.

use std::time::{Duration, Instant};

use crate::install::{Deferred, HostGone, InUse, Record};
use crate::platform::process::{ask_to_close, is_running};
use crate::report::{Answer, Holder, ReleaseRef, Step};

use super::run::{Context, Outcome};
use super::state::{Desk, HostClosed, Staged, State};
use super::{EngineError, InUsePolicy};

/// Who uses files is looked at again after this time, and whenever one of them has ended.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const PULSE: Duration = Duration::from_millis(50);

impl Staged {
    pub(super) async fn await_host(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Self { desk, stage, done } = self;
        match until_free(cx, &desk.record, true).await? {
            Some(gone) => Ok(State::HostClosed(Box::new(HostClosed { desk, stage, gone, done }))),
            None => put_off(cx, desk, &stage.record().receipt, done.to).await,
        }
    }
}

/// Waits until no process runs the program.
pub(super) async fn host_gone(cx: &Context<'_>) -> Result<HostGone, EngineError> {
    let record = cx.setup.install.read_record()?.record;
    let gone = until_free(cx, &record, false).await?;
    gone.ok_or(EngineError::Cancelled)
}

/// Remembers the release; what was fetched stays. A program that handed over and has ended is started again.
async fn put_off(
    cx: &Context<'_>,
    desk: Desk,
    receipt: &crate::plan::Receipt,
    release: ReleaseRef,
) -> Result<State, EngineError> {
    if let Some(manifest) = receipt.manifest {
        desk.guard.defer(Deferred { number: receipt.number, manifest })?;
    }
    cx.step(Step::Deferred { release: release.clone() });
    let has_left = cx.setup.handover.process.is_some_and(|process| !is_running(process));
    if has_left && super::run::standing(cx.setup).1 {
        // Free for whoever counts that start.
        let Desk { guard, record } = desk;
        drop(guard);
        super::restart::start_current(cx, &record, true).await?;
    }
    Ok(State::Ended(Outcome::Deferred(release)))
}

/// The proof that nobody uses the files any more; nothing if the update is put off.
async fn until_free(
    cx: &Context<'_>,
    record: &Record,
    may_defer: bool,
) -> Result<Option<HostGone>, EngineError> {
    let end = Instant::now() + cx.setup.wait_for_program;
    let (mut shown, mut asked): (Vec<Holder>, bool) = (Vec::new(), false);
    cx.control.clear_answers().await;
    loop {
        let start = cx.setup.start_file();
        let users = match cx.setup.install.host_gone(record, start.as_deref(), cx.setup.handover.process) {
            Ok(gone) => return Ok(Some(gone)),
            Err(users) => users,
        };
        let waits: Vec<InUse> = users.iter().filter(|user| user.shown.must_end).cloned().collect();
        let now: Vec<Holder> = users.into_iter().map(|user| user.shown).collect();
        if now != shown {
            cx.step(Step::WaitingForHost { pid: waits[0].process.pid, holders: now.clone() });
            shown = now;
        }
        if cx.setup.close_program && !asked {
            asked = true;
            ask_all(cx, &waits);
        }
        if Instant::now() >= end {
            let defers = may_defer && cx.setup.in_use == InUsePolicy::Defer;
            return if defers { Ok(None) } else { Err(EngineError::InUse(shown)) };
        }
        tokio::select! {
            () = a_change(&waits, end) => {}
            () = cx.control.cancelled() => return Err(EngineError::Cancelled),
            answer = cx.control.next_answer() => match answer {
                Answer::CloseHost => ask_all(cx, &waits),
                Answer::Defer if may_defer => return Ok(None),
                _ => {}
            },
        }
    }
}

/// Returns when one of them has ended, when it is time to look again, or at `end`.
async fn a_change(waits: &[InUse], end: Instant) {
    let again = (Instant::now() + LOOK_AGAIN).min(end);
    while Instant::now() < again && waits.iter().all(|user| is_running(user.process)) {
        tokio::time::sleep(PULSE).await;
    }
}

/// Asks those of the person to close, and says what came of it. Nobody is ever killed, and nobody else's
/// process is ever asked.
fn ask_all(cx: &Context<'_>, waits: &[InUse]) {
    for InUse { process, shown } in waits {
        let text = if !shown.own {
            format!("{shown} belongs to another user and is not asked to close.")
        } else if let Err(why) = ask_to_close(*process) {
            format!("{shown} can't be asked to close ({why}); close it by hand.")
        } else {
            format!("Asked {shown} to close.")
        };
        cx.step(Step::Message { text });
    }
}
