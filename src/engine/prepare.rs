//! From an open install to a complete stage: check, offer, plan, fetch, stage. Nothing of the program changes.

use std::time::{Duration, Instant};

use crate::install::{Deferred, Job, Record};
use crate::plan::{self, Choice, Mode};
use crate::release::{ReleaseNumber, Summary};
use crate::report::{
    Answer, ErrorCode, Event, Fault as _, Installed as Done, Offer, Progress, ProgressPhase, ReleaseRef, Step,
};
use crate::transfer::{Depot, Patience};
use crate::trust::TrustedRelease;

use super::check::{decide, is_forced, open_release, open_store, refresh, releases, since};
use super::qualify::qualify;
use super::run::{Context, Outcome};
use super::state::{Accepted, Checked, Desk, Fetched, Offered, Opened, Planned, Staged, State};
use super::supply::{Fetching, Survey, foretell};
use super::{Asking, EngineError, Task};

impl Opened {
    pub(super) async fn check(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Desk { guard, mut record } = self.desk;
        cx.step(Step::Checking { source: cx.setup.mirrors.describe() });
        let store = open_store(cx.setup)?;
        let asked =
            refresh(&cx.setup.mirrors, store, record.versions, cx.check_patience(), cx.control, cx.events);
        let repository = match asked.await {
            Err(error) if cx.setup.task == Task::Repair && error.code() == ErrorCode::Unreachable => {
                return repair_offline(cx, &record, error);
            }
            other => other?,
        };
        cx.tell_sources();
        record.versions = repository.versions();
        guard.save(&mut record)?;
        let choice = decide(cx.setup, &repository, &record);
        Ok(State::Checked(Box::new(Checked { desk: Desk { guard, record }, repository, choice })))
    }
}

/// Without a server a repair can still say that nothing has to be done.
fn repair_offline(cx: &Context<'_>, record: &Record, error: EngineError) -> Result<State, EngineError> {
    let progress = |done, total, file: &crate::release::RelPath| {
        let (phase, file) = (ProgressPhase::Scan, Some(file.clone()));
        cx.progress(Progress { phase, done, total, file, ..Progress::default() });
    };
    let stop = || cx.control.is_cancelled();
    let damaged = cx.setup.install.verify(&record.receipt, &progress, &stop)?.findings;
    if damaged.is_empty() && record.receipt.number != ReleaseNumber::NONE {
        cx.step(Step::Message {
            text: format!("{NOTHING_DAMAGED} The server was not reached and not needed."),
        });
        return Ok(State::Ended(Outcome::UpToDate(record.receipt.release())));
    }
    let names: Vec<&str> = damaged.iter().take(5).map(|finding| finding.path.as_str()).collect();
    let more = if damaged.len() > names.len() { ", \u{2026}" } else { "" };
    let count =
        if damaged.len() == 1 { "1 file is".to_owned() } else { format!("{} files are", damaged.len()) };
    cx.step(Step::Message { text: format!("{count} damaged or missing: {}{more}", names.join(", ")) });
    Err(error)
}

const NOTHING_DAMAGED: &str = "Nothing is damaged: every file is as it was installed.";

impl Checked {
    pub(super) async fn choose(self, cx: &Context<'_>) -> Result<State, EngineError> {
        if cx.setup.task == Task::Repair {
            return self.repair(cx).await;
        }
        let (summary, urgency) = match self.choice.clone() {
            Choice::New(summary, urgency) => (summary, urgency),
            Choice::Quarantined(bad) => {
                cx.step(Step::Message { text: told_quarantine(&bad) });
                return self.nothing_new(cx).await;
            }
            Choice::UpToDate | Choice::Skipped(_) => return self.nothing_new(cx).await,
        };
        let release = self.open(cx, summary.number).await?;
        let offer = Offer {
            installed: self.desk.record.receipt.release(),
            release: ReleaseRef { number: summary.number, version: Some(summary.version.clone()) },
            urgency,
            download_bytes: self.estimate(&release, &summary),
            notes: since(&release.manifest().notes, self.desk.record.receipt.number),
            versions: since(&release.manifest().versions, self.desk.record.receipt.number),
        };
        Ok(State::Offered(Box::new(Offered { desk: self.desk, release, offer })))
    }

    async fn nothing_new(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let installed = self.desk.record.receipt.release();
        if releases(cx.setup, &self.repository).is_empty() {
            let platforms: Vec<&str> = cx.setup.platforms.iter().map(|platform| platform.as_str()).collect();
            let text = format!(
                "The repository has no release for the channel {} and the platform {}.",
                cx.setup.channel,
                platforms.join(" or ")
            );
            cx.step(Step::Message { text });
        }
        cx.control.clear_answers().await;
        cx.step(Step::UpToDate { installed: installed.clone() });
        let answer = cx.answer_before_start().await;
        if answer == Answer::GoBack {
            return super::run::go_back(cx, self.desk.guard).await.map(State::Ended);
        }
        let start = answer == Answer::Start;
        if self.desk.record.unconfirmed.is_some() && start {
            return super::restart::start_unconfirmed(cx, self.desk, installed).await;
        }
        super::restart::start_current(cx, &self.desk.record, start).await?;
        Ok(State::Ended(Outcome::UpToDate(installed)))
    }

    async fn repair(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let number = self.desk.record.receipt.number;
        let release = self.open(cx, number).await?;
        Ok(State::Accepted(Box::new(Accepted { desk: self.desk, release })))
    }

    async fn open(&self, cx: &Context<'_>, number: ReleaseNumber) -> Result<TrustedRelease, EngineError> {
        open_release(cx.setup, &self.repository, number, Patience::Endless, cx.control, cx.events).await
    }

    /// Bytes to fetch if the install is as its receipt says; the plan will know for certain.
    fn estimate(&self, release: &TrustedRelease, summary: &Summary) -> u64 {
        let laid = self.desk.record.receipt.files.iter().map(|(path, laid)| (path.clone(), laid.as_found()));
        let inventory = laid.collect();
        let plan = plan::make(
            &inventory,
            &self.desk.record.receipt,
            release.manifest(),
            release.digest(),
            Mode::Update,
        );
        let receipt = &self.desk.record.receipt;
        plan.map_or(summary.download_bytes, |plan| foretell(&plan, release.manifest(), receipt))
    }
}

/// Why a newer release is not offered.
fn told_quarantine(bad: &Summary) -> String {
    format!(
        "{} ({}) is newer, but it does not work on this machine. It is offered again when it is published anew.",
        bad.version, bad.number
    )
}

impl Offered {
    pub(super) async fn ask(self, cx: &Context<'_>) -> Result<State, EngineError> {
        cx.control.clear_answers().await;
        cx.step(Step::Offered(self.offer.clone()));
        let forced = is_forced(&self.offer);
        let agreed = self.was_put_off(cx)?;
        let answer = match cx.setup.asking {
            Asking::Person if agreed => Answer::Update,
            Asking::Nobody | Asking::AgreedPerson => Answer::Update,
            Asking::Person => cx.answer_or_cancel().await,
        };
        match answer {
            Answer::Update => {
                cx.step(Step::Accepted);
                let Self { desk, release, offer: _ } = self;
                Ok(State::Accepted(Box::new(Accepted { desk, release })))
            }
            _ if forced => {
                cx.step(Step::Declined { skip: false });
                Ok(State::Ended(Outcome::Declined))
            }
            answer => self.decline(cx, answer == Answer::Skip).await,
        }
    }

    /// Whether the person agreed to this very release before, to be installed now. That counts once.
    fn was_put_off(&self, cx: &Context<'_>) -> Result<bool, EngineError> {
        let Some(deferred) = cx.setup.install.deferred() else { return Ok(false) };
        self.desk.guard.forget_deferred()?;
        let (number, manifest) = (self.release.manifest().number, self.release.digest());
        Ok(deferred == Deferred { number, manifest })
    }

    async fn decline(self, cx: &Context<'_>, skip: bool) -> Result<State, EngineError> {
        let Desk { guard, mut record } = self.desk;
        if skip {
            record.skip = self.offer.release.version.clone();
            guard.save(&mut record)?;
        }
        cx.step(Step::Declined { skip });
        cx.control.rearm();
        drop(guard);
        super::restart::start_current(cx, &record, true).await?;
        Ok(State::Ended(Outcome::Declined))
    }
}

impl Accepted {
    pub(super) async fn plan(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Self { desk: Desk { guard, mut record }, release } = self;
        let manifest = release.manifest();
        let progress = |done, total, file: &crate::release::RelPath| {
            cx.progress(Progress {
                phase: ProgressPhase::Scan,
                done,
                total,
                file: Some(file.clone()),
                ..Progress::default()
            });
        };
        let found =
            cx.setup.install.scan_until(&record, manifest, &progress, &|| cx.control.is_cancelled())?;
        record.marks = found.marks;
        let mode = if cx.setup.task == Task::Repair { Mode::Repair } else { Mode::Update };
        let mut plan = plan::make(&found.inventory, &record.receipt, manifest, release.digest(), mode)?;
        cx.setup.install.spare_updater(&mut plan);
        let inventory = found.inventory;
        let (setup, control, events, receipt) = (cx.setup, cx.control, cx.events, &record.receipt);
        let survey = Survey { setup, control, events, receipt, manifest, inventory: &inventory, mode };
        let depot = Depot::open(&cx.setup.install.partial_dir())?;
        let road = survey.road(&mut plan, &Fetching::Depot(&depot)).await?;
        cx.setup.install.preflight(&plan)?;
        cx.step(Step::Planned(plan.totals()));
        tell_conflicts(cx, &plan);
        let desk = Desk { guard, record };
        Ok(State::Planned(Box::new(Planned { desk, release, plan, inventory, road })))
    }
}

/// The user learns which changed files stay, and where the new defaults are.
fn tell_conflicts(cx: &Context<'_>, plan: &plan::Plan) {
    for (path, conflict) in plan.conflicts() {
        let place = conflict.new_default.as_ref().map_or_else(
            || "all names for the new default beside it are taken".to_owned(),
            |new| format!("the new default lies beside it as \u{ab}{new}\u{bb}"),
        );
        cx.step(Step::Message { text: format!("\u{ab}{path}\u{bb} was changed by you and stays; {place}.") });
    }
}

impl Fetched {
    pub(super) fn stage(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Self { mut desk, release, plan, content, assembled } = self;
        let done = Done { from: plan.from.clone(), to: plan.to.clone(), totals: plan.totals() };
        let fetched = |digest: &crate::release::Digest| {
            Some((content.file(digest)?.to_path_buf(), content.mark(digest)))
        };
        let progress = |done, total, file: &crate::release::RelPath| {
            let (file, done, total) = (Some(file.clone()), done + assembled, total + assembled);
            cx.progress(Progress { phase: ProgressPhase::Stage, done, total, file, ..Progress::default() });
        };
        let (manifest, record) = (release.manifest(), &desk.record);
        let job = Job { plan: &plan, manifest, record, stub: &cx.setup.stub };
        let is_cancelled = || cx.control.is_cancelled();
        let stage = cx.setup.install.stage_until(&desk.guard, &job, &fetched, &progress, &is_cancelled)?;
        if cx.setup.task == Task::Repair && stage.is_empty() {
            desk.record.receipt = plan.receipt;
            desk.guard.save(&mut desk.record)?;
            cx.step(Step::Message { text: NOTHING_DAMAGED.to_owned() });
            return Ok(State::Ended(Outcome::UpToDate(desk.record.receipt.release())));
        }
        qualify(cx, &mut desk, &stage, release.digest())?;
        cx.step(Step::Staged);
        Ok(State::Staged(Box::new(Staged { desk, stage, done })))
    }
}

impl Context<'_> {
    pub(super) fn check_patience(&self) -> Patience {
        Patience::Until(Instant::now() + self.setup.check_timeout)
    }

    /// Says from which sources bytes came that were not told yet.
    pub(super) fn tell_sources(&self) {
        self.setup.mirrors.newly_used().into_iter().for_each(|source| self.step(Step::SourceUsed { source }));
    }

    /// The person's answer; a cancel is a "later".
    pub(super) async fn answer_or_cancel(&self) -> Answer {
        tokio::select! {
            answer = self.control.next_answer() => answer,
            () = self.control.cancelled() => Answer::Later,
        }
    }

    /// With a person before the screen: a moment to read, and the choice not to start. Says whether to start.
    pub(super) async fn wait_before_start(&self) -> bool {
        self.answer_before_start().await == Answer::Start
    }

    /// The same where there may be other answers.
    pub(super) async fn answer_before_start(&self) -> Answer {
        if self.setup.asking == Asking::Nobody {
            return Answer::Start;
        }
        let first = tokio::select! {
            answer = self.control.next_answer() => answer,
            () = self.control.cancelled() => Answer::Quit,
            () = tokio::time::sleep(Duration::from_secs(3)) => Answer::Start,
        };
        if first == Answer::Hold { self.answer_or_cancel().await } else { first }
    }

    pub(super) fn step(&self, step: Step) {
        (self.events)(Event::Step(step));
    }

    pub(super) fn progress(&self, progress: Progress) {
        (self.events)(Event::Progress(progress));
    }
}
