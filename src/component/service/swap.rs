//! New content for an artifact: prepared off the line, then let in everywhere at once, or nowhere.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::status::{LastSwap, Verdict, ms, us};
use super::{Order, Shared, StartError};
use crate::component::carrier::{Artifact, CallError};
use crate::component::config::{ComponentConfig, Kind, Pipeline};
use crate::component::gate::Gate;
use crate::component::line::{Early, Job, LARGE_STATE, MAX_TAIL, Orders, Seat, Stats, SwapOrder, replay};
use crate::component::message::Level;
use crate::component::queue::Queue;
use crate::platform;
use crate::release::Digest;

/// So many messages are left for the moment of the switch.
const FEW: usize = 256;
/// How long a line may take to answer beyond the deadlines it knows of.
const GRACE: Duration = Duration::from_secs(30);

/// A swap that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Swapped {
    /// The components that were switched.
    pub components: Vec<String>,
    /// The new version.
    pub version: String,
    /// Work off the line.
    pub prepare: Duration,
    /// How long the line that stood still longest stood still.
    pub pause: Duration,
}

/// Why nothing was switched. Everything runs on as before.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SwapError {
    /// No component runs this artifact.
    #[error("no component runs {0}")]
    Unknown(String),
    /// It is what runs already.
    #[error("{0} is what runs already")]
    Same(String),
    /// Its components may not be replaced.
    #[error("{0} is not upgradable")]
    Fixed(String),
    /// This content broke before.
    #[error("this content of {artifact} broke before: {why}")]
    Quarantined {
        /// The artifact.
        artifact: String,
        /// What it did.
        why: String,
    },
    /// It can't be run.
    #[error("{component}: {why}")]
    Start {
        /// The component it was to be.
        component: String,
        /// What is wrong.
        why: String,
    },
    /// A line did not let it in.
    #[error("{component}: {why}")]
    Refused {
        /// The component.
        component: String,
        /// Why.
        why: String,
    },
}

/// A line and the version that is to run there.
struct Candidate {
    name: String,
    seat: Seat,
    queue: Arc<Queue>,
    orders: Arc<Orders>,
    stats: Arc<Stats>,
    caught_up: Option<usize>,
    pause: Duration,
}

impl Candidate {
    fn order(&self, order: Order) {
        self.orders.put(order);
        self.queue.ring();
    }
}

impl Shared {
    pub(super) fn replace(&self, name: &str, bytes: Vec<u8>) -> Result<Swapped, SwapError> {
        let _one = self.one_change();
        let path = self.board().pipeline.artifacts.join(name);
        let artifact = Artifact { path: Some(path), ..Artifact::of(name, bytes) };
        let result = self.try_replace(&artifact);
        match &result {
            Ok(swapped) => self.say(
                Level::Info,
                "swap.switched",
                name,
                format!(
                    "{} now runs {} (prepared in {:.1} ms, stood still for {:.0} us)",
                    swapped.components.join(", "),
                    swapped.version,
                    ms(swapped.prepare),
                    us(swapped.pause)
                ),
            ),
            Err(SwapError::Same(_)) => {}
            Err(error) => {
                self.say(Level::Error, "swap.refused", name, format!("{error}; the version before runs on"));
            }
        }
        result
    }

    fn try_replace(&self, artifact: &Artifact) -> Result<Swapped, SwapError> {
        let name = &artifact.name;
        let (pipeline, users) = {
            let board = self.board();
            let runs = |config: &ComponentConfig| config.artifact == *name && config.carrier != Kind::Builtin;
            let users = board.members.values().filter(|member| runs(&member.config));
            let users: Vec<(ComponentConfig, Option<Digest>, bool)> = users
                .map(|member| {
                    let down = member.handles.iter().any(|handle| handle.stats.is_down());
                    (member.config.clone(), member.artifact.as_ref().map(|a| a.digest), down)
                })
                .collect();
            (board.pipeline.clone(), users)
        };
        if users.is_empty() {
            return Err(SwapError::Unknown(name.clone()));
        }
        let other: Vec<_> =
            users.into_iter().filter(|(_, digest, down)| *digest != Some(artifact.digest) || *down).collect();
        if other.is_empty() {
            return Err(SwapError::Same(name.clone()));
        }
        // One that never ran may come whenever its file is right.
        let may = |(config, _, down): &(ComponentConfig, _, bool)| config.upgradable || *down;
        let users: Vec<ComponentConfig> = other.into_iter().filter(may).map(|(config, ..)| config).collect();
        if users.is_empty() {
            return Err(SwapError::Fixed(name.clone()));
        }
        if let Some(why) = self.shelf().is_bad(artifact.digest) {
            return Err(SwapError::Quarantined { artifact: name.clone(), why: why.to_owned() });
        }
        self.swap(&pipeline, &users, artifact)
    }

    /// Lets `artifact` into all of `users`, or into none.
    pub(super) fn swap(
        &self,
        pipeline: &Pipeline,
        users: &[ComponentConfig],
        artifact: &Artifact,
    ) -> Result<Swapped, SwapError> {
        let began = Instant::now();
        let prepared = self.prepare(pipeline, users, artifact);
        let prepare = began.elapsed();
        let mut candidates = match prepared {
            Ok(candidates) => candidates,
            Err((component, error)) => {
                if matches!(error, StartError::Probe(_) | StartError::Call(_)) {
                    self.shelf().quarantine(artifact.digest, &error.to_string());
                }
                let why = error.to_string();
                self.note(users, artifact, None, prepare, Verdict::Refused(why.clone()));
                return Err(SwapError::Start { component, why });
            }
        };
        let version = candidates.first().map(|c| c.seat.version.label.clone()).unwrap_or_default();
        let before = self.enter(users, artifact, &version, prepare);
        let result = self.follow(&mut candidates).and_then(|()| {
            let early = candidates.iter().map(|candidate| candidate.pause).max().unwrap_or_default();
            Ok(self.switch(candidates, users)?.max(early))
        });
        match result {
            Ok(pause) => {
                self.settled(users, artifact.digest, pause);
                let components = users.iter().map(|config| config.name.clone()).collect();
                Ok(Swapped { components, version, prepare, pause })
            }
            Err((component, why)) => {
                self.leave(users, before);
                self.note(users, artifact, Some(version), prepare, Verdict::Refused(why.clone()));
                Err(SwapError::Refused { component, why })
            }
        }
    }

    /// Instances for every line, made on a thread that gives way to the lines.
    fn prepare(
        &self,
        pipeline: &Pipeline,
        users: &[ComponentConfig],
        artifact: &Artifact,
    ) -> Result<Vec<Candidate>, (String, StartError)> {
        let make = || {
            platform::process::give_way();
            let mut all = Vec::new();
            for config in users {
                let seats =
                    self.seats(pipeline, config, artifact).map_err(|error| (config.name.clone(), error))?;
                let board = self.board();
                let handles = board.members.get(&config.name).map(|member| &member.handles);
                for (handle, seat) in handles.into_iter().flatten().zip(seats) {
                    all.push(Candidate {
                        name: config.name.clone(),
                        seat,
                        queue: Arc::clone(&handle.queue),
                        orders: Arc::clone(&handle.orders),
                        stats: Arc::clone(&handle.stats),
                        caught_up: None,
                        pause: Duration::ZERO,
                    });
                }
            }
            Ok(all)
        };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("component-prepare".to_owned());
            let broken = |why: String| Err((artifact.name.clone(), StartError::Call(CallError::Gone(why))));
            match thread.spawn_scoped(scope, make) {
                Ok(thread) => {
                    thread.join().unwrap_or_else(|_panic| broken("its preparation failed".to_owned()))
                }
                Err(error) => broken(error.to_string()),
            }
        })
    }

    /// Large states are restored, and what was done since is done again, while the lines work on.
    fn follow(&self, candidates: &mut [Candidate]) -> Result<(), (String, String)> {
        for at in 0..candidates.len() {
            let candidate = &mut candidates[at];
            let large = candidate.stats.state_bytes.load(std::sync::atomic::Ordering::Relaxed) >= LARGE_STATE;
            if !large || candidate.stats.is_down() {
                continue;
            }
            if let Err(error) = catch_up(candidate) {
                let name = candidate.name.clone();
                candidates.iter().for_each(|candidate| candidate.order(Order::Unfollow));
                return Err((name, error.to_string()));
            }
        }
        Ok(())
    }

    /// Brings all to the gate and waits for what comes of it.
    fn switch(
        &self,
        candidates: Vec<Candidate>,
        users: &[ComponentConfig],
    ) -> Result<Duration, (String, String)> {
        let longest = users.iter().map(|config| config.swap.busy_deadline).max().unwrap_or_default();
        let gate = Arc::new(Gate::new(candidates.len(), Instant::now() + longest));
        let mut reports = Vec::new();
        for (party, candidate) in candidates.into_iter().enumerate() {
            let Candidate { name, seat, queue, orders, caught_up, .. } = candidate;
            let (report, heard) = channel();
            let gate = Arc::clone(&gate);
            let order = SwapOrder { candidate: seat, caught_up, gate, party, report };
            orders.put(Order::Swap(Box::new(order)));
            queue.ring();
            reports.push((name, heard));
        }
        let end = Instant::now() + longest + GRACE;
        let (mut pause, mut refused) = (Duration::ZERO, Vec::new());
        for (name, heard) in reports {
            match heard.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Ok(stood)) => pause = pause.max(stood),
                Ok(Err(why)) => refused.push((name, why)),
                Err(RecvTimeoutError::Timeout) => {
                    gate.veto();
                    refused.push((name, "it did not come to the end of a batch in time".to_owned()));
                }
                Err(RecvTimeoutError::Disconnected) => refused.push((name, "it was stopped".to_owned())),
            }
        }
        // Who only says that another one was not ready says least.
        refused.sort_by_key(|(_, why)| why.starts_with("another component"));
        refused.into_iter().next().map_or(Ok(pause), Err)
    }

    /// Writes down that a swap is under way, before any line can say what became of it.
    fn enter(
        &self,
        users: &[ComponentConfig],
        artifact: &Artifact,
        version: &str,
        prepare: Duration,
    ) -> Vec<(Option<Artifact>, Option<Artifact>, Option<String>)> {
        let mut board = self.board();
        let mut before = Vec::new();
        for config in users {
            let Some(member) = board.members.get_mut(&config.name) else { continue };
            let from =
                member.handles.first().and_then(|handle| handle.stats.version()).map(|(label, _)| label);
            before.push((member.artifact.clone(), member.previous.clone(), member.trouble.take()));
            member.previous = member.artifact.replace(artifact.clone());
            member.last = Some(LastSwap {
                from,
                to: Some(version.to_owned()),
                digest: artifact.digest,
                prepare_ms: ms(prepare),
                pause_us: 0.0,
                verdict: Verdict::Pending,
            });
        }
        before
    }

    fn leave(
        &self,
        users: &[ComponentConfig],
        before: Vec<(Option<Artifact>, Option<Artifact>, Option<String>)>,
    ) {
        let mut board = self.board();
        for (config, (artifact, previous, trouble)) in users.iter().zip(before) {
            if let Some(member) = board.members.get_mut(&config.name) {
                (member.artifact, member.previous, member.trouble) = (artifact, previous, trouble);
            }
        }
    }

    fn settled(&self, users: &[ComponentConfig], digest: Digest, pause: Duration) {
        let mut board = self.board();
        for config in users {
            let Some(member) = board.members.get_mut(&config.name) else { continue };
            member.swaps += 1;
            let Some(last) = member.last.as_mut().filter(|last| last.digest == digest) else { continue };
            last.pause_us = us(pause);
            if last.verdict == Verdict::Pending {
                last.verdict = Verdict::Probation;
            }
        }
    }

    fn note(
        &self,
        users: &[ComponentConfig],
        artifact: &Artifact,
        to: Option<String>,
        prepare: Duration,
        verdict: Verdict,
    ) {
        let mut board = self.board();
        for config in users {
            let Some(member) = board.members.get_mut(&config.name) else { continue };
            let from =
                member.handles.first().and_then(|handle| handle.stats.version()).map(|(label, _)| label);
            let (to, digest, verdict) = (to.clone(), artifact.digest, verdict.clone());
            member.last =
                Some(LastSwap { from, to, digest, prepare_ms: ms(prepare), pause_us: 0.0, verdict });
        }
    }
}

/// Gives the candidate the state the journal begins with, and then what was done since, until little is left.
fn catch_up(candidate: &mut Candidate) -> Result<(), CallError> {
    let silent = |_| CallError::Gone("the component does not answer".to_owned());
    let (reply, heard) = channel();
    candidate.order(Order::Early(reply));
    let Early { state, values, pause } = heard.recv_timeout(GRACE).map_err(silent)??;
    candidate.pause = pause;
    candidate.seat.take_over(&state, values)?;
    let (mut from, end) = (0, Instant::now() + GRACE);
    // A version that is slower than what comes in never gets there; what is left then is done in the pause.
    while Instant::now() < end {
        let (reply, heard) = channel();
        candidate.order(Order::Tail { from, reply });
        let tail = heard.recv_timeout(GRACE).map_err(silent)?;
        replay(&mut *candidate.seat.instance, &tail)?;
        from += tail.len();
        if tail.len() < MAX_TAIL && tail.iter().map(Job::messages).sum::<usize>() <= FEW {
            break;
        }
    }
    candidate.caught_up = Some(from);
    Ok(())
}
