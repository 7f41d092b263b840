//! The steps of an update on a node: slot, stage, drain, swap, soak, and the way back.

use std::time::{Duration, Instant};

use crate::engine::Outcome;
use crate::report::{Failure, ReleaseRef};

use super::agent::{Agent, Front, random};
use super::config::{Overtime, Readiness, WaitFor};
use super::lock::LockAnswer;
use super::state::{Fact, Target};
use super::update::{self, Told, Update};
use super::{FleetError, Verdict};

const PULSE: Duration = Duration::from_millis(50);
/// How long staging may take while the slot is held: all was fetched before.
const STAGING: Duration = Duration::from_secs(600);
/// The wait before a refused lock is asked again: a person has to change something.
const REFUSED: Duration = Duration::from_secs(30);

fn name(release: &ReleaseRef) -> String {
    match &release.version {
        Some(version) => format!("{version} ({})", release.number),
        None => format!("release {}", release.number),
    }
}

impl Agent {
    /// Asks the repository, and fetches what is newer while the program goes on.
    pub(super) async fn check(&mut self) -> Result<(), FleetError> {
        self.plan_check();
        self.numbers.checks += 1;
        let mut update = Update::begin(&self.make, None, true).map_err(FleetError::Update)?;
        let (mut found, mut staged) = (None, false);
        let result = loop {
            let told = tokio::select! {
                told = update.next() => told,
                () = tokio::time::sleep(PULSE) => {
                    self.supervise()?;
                    if self.is_stopping() {
                        return Ok(());
                    }
                    continue;
                }
            };
            match told {
                Told::Found(target) => found = Some(target),
                Told::Staged => staged = true,
                Told::Line(text) => self.note(&text),
                Told::Ended(result) => break result,
            }
        };
        match (result, found) {
            (Ok(Outcome::Cancelled), Some(target)) if staged => {
                let known = self.journal.memory.phase.target() == Some(&target)
                    && self.journal.memory.phase.name() == "staged";
                let text = format!("{} is fetched; {} stands", name(&target.to), name(&target.from));
                if known { Ok(()) } else { self.happens(Fact::Fetched(target), &text) }
            }
            (Ok(Outcome::UpToDate(installed)), _) => {
                self.installed = installed;
                if self.journal.memory.phase.name() == "staged" {
                    self.happens(Fact::Withdrawn, "the release is not offered any more")?;
                }
                Ok(())
            }
            (Ok(outcome), _) => {
                self.note(&format!("the check came to {outcome:?}"));
                Ok(())
            }
            (Err(failure), _) => {
                self.numbers.check_failures += 1;
                self.note(&failure.to_string().replace('\n', " "));
                Ok(())
            }
        }
    }

    /// Asks for a slot until there is one, or no window is open any more.
    pub(super) async fn ask_for_slot(&mut self) -> Result<(), FleetError> {
        let (Some(lock), Some(retry)) =
            (self.lock.clone(), self.config.lock.as_ref().map(|lock| lock.retry.0))
        else {
            return self.happens(Fact::Granted, "no lock is configured, so the slot is not asked for");
        };
        loop {
            if !self.windows.is_open(crate::release::Stamp::now().unix()) {
                return self.happens(Fact::Closed, "the window has closed before there was a slot");
            }
            // Give or take half, so that those who wait do not come back together.
            let millis = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX).max(1);
            let mut wait = Duration::from_millis(millis / 2 + random() % millis);
            match lock.take().await {
                LockAnswer::Done => {
                    self.keep_slot();
                    return self.happens(Fact::Granted, "the slot is ours");
                }
                LockAnswer::Busy(why) => {
                    self.numbers.lock_busy += 1;
                    self.note(&format!("waits for a slot: {why}"));
                }
                LockAnswer::Outage(why) => {
                    self.numbers.lock_outages += 1;
                    self.note(&format!("the lock does not answer: {why}"));
                }
                LockAnswer::Refused(why) => {
                    self.note(&format!("the lock does not take this node: {why}; check `lock` and `node`"));
                    wait = wait.max(REFUSED);
                }
            }
            let end = Instant::now() + wait;
            while Instant::now() < end && !self.is_stopping() {
                self.supervise()?;
                self.pause(PULSE).await;
            }
            if self.is_stopping() {
                return Ok(());
            }
        }
    }

    /// Stages the release while the program serves.
    pub(super) async fn prepare(&mut self, target: Target) -> Result<(), FleetError> {
        let process = self.program.as_ref().filter(|program| program.lives());
        let process = process.map(|program| program.running.process);
        let mut update = match Update::begin(&self.make, process, false) {
            Ok(update) => update,
            Err(failure) => return self.give_up(&failure.to_string()),
        };
        let mut newest = target.clone();
        let (mut stop, end) = (self.stop.clone(), tokio::time::Instant::now() + STAGING);
        loop {
            let told = tokio::select! {
                told = update.next() => told,
                _ = stop.wait_for(|stop| *stop) => {
                    self.update = Some(update);
                    return self.leave("the agent ends").await;
                }
                () = tokio::time::sleep_until(end) => {
                    self.update = Some(update);
                    return self.leave("it can't be staged now, and others wait for the slot").await;
                }
            };
            match told {
                Told::Found(found) => newest = found,
                Told::Line(text) => self.note(&text),
                Told::Staged => break,
                Told::Ended(Ok(Outcome::UpToDate(_))) => {
                    return self.give_up("the release is not offered any more");
                }
                Told::Ended(result) => return self.give_up(&outcome_text(result)),
            }
        }
        if newest != target {
            self.journal.enter(super::Phase::Locked(newest.clone()))?;
        }
        self.update = Some(update);
        self.happens(Fact::Ready, &format!("{} is staged; requests are kept away now", name(&newest.to)))
    }

    fn give_up(&mut self, why: &str) -> Result<(), FleetError> {
        self.owes_ready = true;
        self.happens(Fact::GivenUp, &format!("nothing was changed: {}", why.replace('\n', " ")))
    }

    /// Cancels the update that waits; what it came to if it was too late for that.
    async fn leave(&mut self, why: &str) -> Result<(), FleetError> {
        if let Some(update) = self.update.take()
            && let Some(Outcome::Installed(_)) = update.leave().await
        {
            // The program had ended by itself, and the release stands: it has to show that it works.
            let (installed, _) = update::recover(&self.make).await.map_err(FleetError::Update)?;
            self.installed = installed;
            let target = self.journal.memory.phase.target().cloned();
            if let Some(target) = target.filter(|target| target.to.number == self.installed.number) {
                self.journal.enter(super::Phase::Soaking(target))?;
                self.note("the program had ended by itself, and the release stands");
                return Ok(());
            }
        }
        self.give_up(why)
    }

    /// Keeps requests away and waits for those under way.
    pub(super) async fn drain(&mut self) -> Result<(), FleetError> {
        if let Err(error) = self.front_drain().await {
            return self.leave(&error.to_string()).await;
        }
        let end = Instant::now() + self.config.drain.deadline.0;
        let mut was_calm = false;
        while self.config.drain.wait_for == WaitFor::InFlight && self.program_lives() {
            let left = match self.front_in_flight().await {
                Ok(None) => break,
                Ok(Some(0)) if was_calm => break,
                // Two looks: what was sent here just before "drain" may not be counted yet.
                Ok(Some(0)) => {
                    was_calm = true;
                    self.pause(PULSE).await;
                    continue;
                }
                Ok(Some(count)) => format!("{count} requests are in flight"),
                Err(error) => error.to_string(),
            };
            was_calm = false;
            if self.is_stopping() {
                return self.leave("the agent ends").await;
            }
            if Instant::now() >= end {
                match self.config.drain.overtime {
                    Overtime::Abort => return self.leave(&format!("{left} at the deadline")).await,
                    Overtime::Force => {
                        self.note(&format!("{left} at the deadline; the program is replaced all the same"));
                        break;
                    }
                }
            }
            self.pause(PULSE).await;
        }
        self.happens(Fact::Drained, "drained; the program is asked to end")
    }

    fn program_lives(&self) -> bool {
        self.program.as_ref().is_some_and(super::program::Program::lives)
    }

    /// Ends the program and lets the engine switch the files.
    pub(super) async fn swap(&mut self, target: Target) -> Result<(), FleetError> {
        if !self.end_program().await {
            return self.leave("the program does not end").await;
        }
        self.remember_program()?;
        let said = match self.update.take() {
            Some(update) => self.end_of(update).await,
            None => "the update was lost".to_owned(),
        };
        // What stands is read, not believed: a swap that was interrupted is ended here.
        let (installed, _) = update::recover(&self.make).await.map_err(FleetError::Update)?;
        self.installed = installed;
        if self.installed.number == target.to.number {
            self.happens(Fact::Swapped, &format!("{} stands", name(&target.to)))
        } else {
            self.give_up(&said)
        }
    }

    /// Waits until the files are switched; what it came to.
    async fn end_of(&mut self, mut update: Update) -> String {
        loop {
            match update.next().await {
                Told::Ended(result) => return outcome_text(result),
                Told::Line(text) => self.note(&text),
                Told::Found(_) | Told::Staged => {}
            }
        }
    }

    /// Starts the new version and lets it show that it works.
    pub(super) async fn soak(&mut self, target: Target) -> Result<(), FleetError> {
        let verdict = self.try_out().await;
        match verdict {
            Verdict::Works => {
                if let Err(failure) = update::confirm(&self.make).await {
                    self.note(&failure.to_string().replace('\n', " "));
                }
                self.numbers.updates += 1;
                self.remember_program()?;
                self.happens(Fact::Works, &format!("{} works", name(&target.to)))
            }
            Verdict::Fails(why) => {
                self.numbers.rollbacks += 1;
                let text = format!("{} does not work: {why}", name(&target.to));
                self.happens(Fact::Fails(why), &text)
            }
        }
    }

    async fn try_out(&mut self) -> Verdict {
        if !self.program_lives()
            && let Err(error) = self.start_program()
        {
            return Verdict::Fails(error.to_string());
        }
        let Some(program) = &self.program else { return Verdict::Fails("it does not run".to_owned()) };
        if self.config.program.ready == Readiness::Notify
            && let Err(why) = program.wait_ready(self.config.program.ready_within.0).await
        {
            return Verdict::Fails(why);
        }
        self.publish();
        self.prober.watch(&|| program.lives()).await
    }

    /// Brings the release before back and starts it.
    pub(super) async fn go_back(&mut self, target: Target, reason: &str) -> Result<(), FleetError> {
        if !self.end_program().await {
            let why = "the program that does not work does not end, either";
            return Err(FleetError::neighbour("the way back", why));
        }
        self.remember_program()?;
        self.owes_ready = true;
        if target.from.number.0 == 0 {
            return self.happens(Fact::Back, &format!("there is no release to go back to: {reason}"));
        }
        self.installed = update::go_back(&self.make, &target.to).await.map_err(FleetError::Update)?;
        if let Verdict::Fails(why) = self.try_out().await {
            self.note(&format!("{} is back, but does not work, either: {why}", name(&self.installed)));
        }
        let text = format!(
            "{} is back and the slot is kept; look into it, then `updraft agent clear`: {reason}",
            name(&self.installed)
        );
        self.happens(Fact::Back, &text)
    }

    /// Tells the dispatcher and then the lock that the node serves, until both have heard it.
    pub(super) async fn tell(&mut self) -> Result<(), FleetError> {
        let mut wait = Duration::from_millis(100);
        let mut may_serve = false;
        while !self.is_stopping() {
            self.supervise()?;
            may_serve = may_serve || (self.serves() && self.prober.once().await.is_ok());
            if may_serve {
                match self.front_ready().await {
                    Ok(()) => {
                        self.owes_ready = false;
                        if self.give_back().await {
                            return self.happens(Fact::Told, "the dispatcher and the lock know");
                        }
                    }
                    Err(error) => self.note(&error.to_string()),
                }
                wait = (wait * 2).min(Duration::from_secs(10));
            }
            let end = Instant::now() + if may_serve { wait } else { PULSE };
            while Instant::now() < end && !self.is_stopping() {
                self.supervise()?;
                self.pause(PULSE).await;
            }
        }
        Ok(())
    }

    async fn front_drain(&mut self) -> Result<(), FleetError> {
        self.owes_ready = true;
        match &self.front {
            Front::Dispatcher(dispatcher) => return dispatcher.drain().await,
            Front::Standby(_) => {}
        }
        let launch = self.launch()?;
        let record = self.install.read_record().map_err(|error| FleetError::Engine(error.into()))?.record;
        let notify = self.notify_path();
        let root = self.install.root().to_path_buf();
        let Front::Standby(standby) = &mut self.front else { return Ok(()) };
        standby.bring_up(&root, &record, &launch, &notify)?;
        self.remember_program()?;
        let Front::Standby(standby) = &self.front else { return Ok(()) };
        standby.take_over().await
    }

    pub(super) async fn front_ready(&mut self) -> Result<(), FleetError> {
        let (limit, kill) = (self.config.drain.deadline.0, self.config.program.kill);
        match &mut self.front {
            Front::Dispatcher(dispatcher) => dispatcher.ready().await,
            Front::Standby(standby) => {
                let wait = self.config.drain.wait_for == WaitFor::InFlight;
                standby.step_back(wait, limit, kill).await?;
                self.remember_program()
            }
        }
    }

    async fn front_in_flight(&self) -> Result<Option<u64>, FleetError> {
        match &self.front {
            Front::Dispatcher(dispatcher) => dispatcher.in_flight().await,
            Front::Standby(standby) => standby.in_flight().await.map(Some),
        }
    }
}

fn outcome_text(result: Result<Outcome, Failure>) -> String {
    match result {
        Ok(Outcome::Cancelled) => "cancelled".to_owned(),
        Ok(outcome) => format!("the update came to {outcome:?}"),
        Err(failure) => failure.to_string(),
    }
}
