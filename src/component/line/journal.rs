//! What a line has done since a state that is known: enough to do it again.

use std::sync::Arc;
use std::time::Instant;

use crate::component::carrier::{CallError, Instance, Values};
use crate::component::message::{Batch, Message, Role, State};

/// One call of a component's work.
#[derive(Debug, Clone)]
pub(in crate::component) enum Job {
    /// Messages to handle.
    Batch(Batch),
    /// A source is asked for messages; `now` goes with it, so that asking again gives the same.
    Poll { max: u32, now: u64 },
}

impl Job {
    /// How much of a probation it is.
    pub(in crate::component) fn messages(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.len(),
            Self::Poll { .. } => 1,
        }
    }

    /// How many messages doing it again may take.
    pub(super) fn effort(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.len(),
            Self::Poll { max, .. } => usize::try_from(*max).unwrap_or(usize::MAX),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Batch(batch) => {
                batch.iter().map(|message| size_of::<Message>() + message.payload.len()).sum()
            }
            Self::Poll { .. } => size_of::<Self>(),
        }
    }
}

/// Calls the component; `again`: this was done before and must have no effect outside.
pub(super) fn perform(
    instance: &mut dyn Instance,
    job: &Job,
    again: bool,
) -> Result<Vec<Message>, CallError> {
    match (instance.role(), job) {
        (Role::Source, Job::Poll { max, now }) => instance.poll(*max, *now),
        (Role::Processor, Job::Batch(batch)) => instance.process(batch),
        (Role::Sink, Job::Batch(batch)) => instance.deliver(batch, again).map(|()| Vec::new()),
        (role, _) => Err(CallError::Role(role)),
    }
}

/// Does again what was done before. What comes out is dropped: others have it already.
///
/// # Errors
/// If it can't; the instance must not be used then.
pub(in crate::component) fn replay(instance: &mut dyn Instance, jobs: &[Job]) -> Result<(), CallError> {
    instance.set_quiet(true);
    let result = jobs.iter().try_for_each(|job| perform(instance, job, true).map(drop));
    instance.set_quiet(false);
    result
}

/// A state, and every job since.
#[derive(Default)]
pub(super) struct Journal {
    pub(super) state: Arc<State>,
    pub(super) values: Values,
    pub(super) jobs: Vec<Job>,
    pub(super) messages: usize,
    pub(super) bytes: usize,
    /// Not cut before this moment, so that taking states never is what a line mostly does.
    pub(super) next_cut: Option<Instant>,
}

impl Journal {
    pub(super) fn at(state: Arc<State>, values: Values) -> Self {
        Self { state, values, ..Self::default() }
    }

    pub(super) fn push(&mut self, job: Job) {
        self.messages += job.messages();
        self.bytes += job.bytes();
        self.jobs.push(job);
    }
}
