//! Another config for a pipeline that runs: all of it, or nothing.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::{Handle, Member, Order, Shared, SwapError};
use crate::component::carrier::CallError;
use crate::component::change::{Change, Fixed, diff};
use crate::component::config::{ComponentConfig, Pipeline};
use crate::component::line::Tuning;
use crate::component::message::Level;
use crate::report::{ErrorCode, Fault};

/// How long a line may take to come to the end of its batch.
const GRACE: Duration = Duration::from_secs(30);
/// How long messages of a component that goes may take to flow out.
const FLOW: Duration = Duration::from_secs(10);

/// Why a config was not applied. The one before counts on.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Something was changed that needs another start.
    #[error(transparent)]
    Fixed(#[from] Fixed),
    /// Settings of the pipeline as a whole were changed.
    #[error("the tables [pipeline] and [catalog] can't be changed while the pipeline runs; start it anew")]
    Head,
    /// A component refuses its new config.
    #[error("line {line}: \u{ab}{name}\u{bb} refuses its config: {error}")]
    Refused {
        /// The line in the new config.
        line: usize,
        /// The component.
        name: String,
        /// What it says.
        error: CallError,
    },
    /// A component can't be run from its new file.
    #[error("line {line}: {error}")]
    Artifact {
        /// The line in the new config.
        line: usize,
        /// Why.
        error: SwapError,
    },
    /// The system gives no thread.
    #[error("a thread can't be started: {0}")]
    Thread(#[from] std::io::Error),
}

impl Fault for ApplyError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Thread(_) => ErrorCode::Start,
            _ => ErrorCode::Config,
        }
    }
}

impl Shared {
    pub(super) fn apply(&self, new: Pipeline) -> Result<Vec<Change>, ApplyError> {
        let _one = self.one_change();
        let old = self.board().pipeline.clone();
        let head = |of: &Pipeline| (of.artifacts.clone(), of.state.clone(), of.settle, of.admin);
        if head(&old) != head(&new) || old.catalog != new.catalog {
            return Err(ApplyError::Head);
        }
        let changes = diff(&old, &new)?;
        // What can be refused comes first, and is taken back if something later is.
        let mut done: Vec<ComponentConfig> = Vec::new();
        for change in &changes {
            let result = match change {
                Change::Reconfigure(config) => self.reconfigure(config).map_err(|error| {
                    ApplyError::Refused { line: config.line, name: config.name.clone(), error }
                }),
                Change::Replace(config) => self.move_to(&new, config),
                _ => continue,
            };
            if let Err(error) = result {
                self.take_back(&old, &done);
                return Err(error);
            }
            done.extend(new.component(change.name()).cloned());
        }
        let added: Vec<ComponentConfig> = changes
            .iter()
            .filter_map(|change| if let Change::Add(config) = change { Some(config.clone()) } else { None })
            .collect();
        self.add(&new, &added)?;
        self.rewire(&new, &changes);
        self.remove(&changes);
        let mut board = self.board();
        for config in &new.components {
            if let Some(member) = board.members.get_mut(&config.name) {
                member.config = config.clone();
            }
        }
        board.pipeline = new;
        drop(board);
        for change in &changes {
            self.say(Level::Info, "config.applied", change.name(), change.verb().to_owned());
        }
        Ok(changes)
    }

    fn reconfigure(&self, config: &ComponentConfig) -> Result<(), CallError> {
        let answers: Vec<_> = {
            let board = self.board();
            let handles = board.members.get(&config.name).map(|member| &member.handles);
            let ask = |handle: &Handle| {
                let (reply, heard) = channel();
                handle.order(Order::Reconfigure { config: config.config.clone(), reply });
                heard
            };
            handles.into_iter().flatten().map(ask).collect()
        };
        answers.into_iter().try_for_each(|heard| {
            heard.recv_timeout(GRACE).map_err(|_late| CallError::Gone("it does not answer".to_owned()))?
        })
    }

    /// Lets a component run from another file.
    fn move_to(&self, new: &Pipeline, config: &ComponentConfig) -> Result<(), ApplyError> {
        let wrong = |error| ApplyError::Artifact { line: config.line, error };
        let artifact = self.read(new, config).map_err(|error| {
            wrong(SwapError::Start { component: config.name.clone(), why: error.to_string() })
        })?;
        self.swap(new, std::slice::from_ref(config), &artifact).map(drop).map_err(wrong)
    }

    /// Gives components back what they had. They took it before, so they take it again.
    fn take_back(&self, old: &Pipeline, done: &[ComponentConfig]) {
        for config in done {
            let Some(before) = old.component(&config.name) else { continue };
            let result = if before.artifact == config.artifact {
                self.reconfigure(before).map_err(|error| error.to_string())
            } else {
                self.move_to(old, before).map_err(|error| error.to_string())
            };
            if let Err(error) = result {
                let text = format!("the config before can't be put back: {error}");
                self.say(Level::Error, "config.stuck", &before.name, text);
            }
        }
    }

    /// Tells every line its rules and receivers, and waits until all know them.
    fn rewire(&self, new: &Pipeline, changes: &[Change]) {
        let none = BTreeMap::new();
        // Rules of a receiver count for its senders too, so all are told if anything changed.
        if changes.is_empty() {
            return;
        }
        let mut told = Vec::new();
        for config in &new.components {
            let routes = self.routes(new, config, &none);
            let board = self.board();
            for handle in board.members.get(&config.name).into_iter().flat_map(|member| &member.handles) {
                handle.order(Order::Retune(Tuning::of(config)));
                handle.order(Order::Route(routes.clone()));
                let (reply, heard) = channel();
                handle.order(Order::Tail { from: usize::MAX, reply });
                told.push(heard);
            }
        }
        for heard in told {
            // One that does not answer is in a call; it knows before the next one.
            heard.recv_timeout(GRACE).ok();
        }
    }

    fn remove(&self, changes: &[Change]) {
        for change in changes {
            let Change::Remove(name) = change else { continue };
            let Some(member) = self.board().members.remove(name) else { continue };
            self.retire(name, member, FLOW);
        }
    }

    /// Lets a component finish what it has, and ends it.
    fn retire(&self, name: &str, mut member: Member, patience: Duration) {
        // A source that goes brings nothing more while the others finish.
        for handle in member.handles.iter_mut().filter(|handle| handle.stats.is_source()) {
            handle.stop();
        }
        let end = Instant::now() + patience;
        let busy = |handle: &Handle| !handle.is_drained() && !handle.stats.is_down();
        while member.handles.iter().any(busy) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
        member.handles.iter_mut().for_each(Handle::stop);
        let left: usize = member.handles.iter().map(|handle| handle.queue.depth()).sum();
        if left > 0 {
            let text = format!("{left} messages were still before it and are gone with it");
            self.say(Level::Warn, "component.messages-left", name, text);
        }
    }

    /// The publisher does not stand for this artifact any more.
    pub(super) fn withdraw(&self, artifact: &str) {
        let _one = self.one_change();
        self.shelf().forget(artifact);
        let names: Vec<String> = {
            let board = self.board();
            let of = board.members.values().filter(|member| member.config.artifact == artifact);
            of.map(|member| member.config.name.clone()).collect()
        };
        let board = self.board();
        for member in names.iter().filter_map(|name| board.members.get(name)) {
            member.handles.iter().for_each(|handle| handle.order(Order::Empty));
        }
        drop(board);
        for name in names {
            if let Some(member) = self.board().members.get_mut(&name) {
                (member.artifact, member.previous) = (None, None);
                member.trouble = Some("its artifact was withdrawn".to_owned());
            }
            self.say(
                Level::Warn,
                "component.withdrawn",
                &name,
                "it was withdrawn by its publisher".to_owned(),
            );
        }
    }
}
