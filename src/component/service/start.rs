//! The start of components, with the last good content where the present one does not run.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Handle, Member, ServiceError, Shared, StartError};
use crate::component::builtin::log_of;
use crate::component::carrier::{Artifact, CallError};
use crate::component::config::{ComponentConfig, Kind, Pipeline, WhenDown};
use crate::component::line::{Line, Orders, Parts, Route, Seat, Stats, Tuning, Version};
use crate::component::message::{Level, Role};
use crate::component::queue::Queue;
use crate::component::shelf::MAX_ARTIFACT;
use crate::fsx;

/// The lines of a component before they run.
pub(super) struct Desk {
    pub(super) queue: Arc<Queue>,
    pub(super) orders: Arc<Orders>,
    pub(super) stats: Arc<Stats>,
}

impl Desk {
    fn new(config: &ComponentConfig) -> Self {
        Self { queue: Arc::new(Queue::new(config.queue)), orders: Arc::default(), stats: Arc::default() }
    }
}

impl Shared {
    pub(super) fn start_all(self: &Arc<Self>, pipeline: Pipeline) -> Result<(), ServiceError> {
        let _one = self.one_change();
        self.board().pipeline = pipeline.clone();
        let all: Vec<ComponentConfig> = pipeline.components.clone();
        Ok(self.add(&pipeline, &all)?)
    }

    /// Starts components and puts them on the board.
    pub(super) fn add(&self, pipeline: &Pipeline, added: &[ComponentConfig]) -> std::io::Result<()> {
        let desks: BTreeMap<&str, Vec<Desk>> = added
            .iter()
            .map(|config| (config.name.as_str(), (0..config.shards).map(|_| Desk::new(config)).collect()))
            .collect();
        for config in added {
            let (artifact, seats) = self.first(pipeline, config);
            let (seats, trouble) = match seats {
                Ok(seats) => (seats.into_iter().map(Some).collect(), None),
                Err(error) => {
                    let why = error.to_string();
                    self.say(
                        Level::Error,
                        "component.not-started",
                        &config.name,
                        format!("it can't be started: {why}"),
                    );
                    ((0..config.shards).map(|_| None).collect::<Vec<_>>(), Some(why))
                }
            };
            let mut handles = Vec::new();
            for (desk, seat) in desks[config.name.as_str()].iter().zip(seats) {
                handles.push(self.spawn(pipeline, config, desk, seat, &desks)?);
            }
            let member = Member {
                config: config.clone(),
                handles,
                artifact,
                previous: None,
                trouble,
                swaps: 0,
                last: None,
            };
            self.board().members.insert(config.name.clone(), member);
        }
        Ok(())
    }

    fn spawn(
        &self,
        pipeline: &Pipeline,
        config: &ComponentConfig,
        desk: &Desk,
        seat: Option<Seat>,
        desks: &BTreeMap<&str, Vec<Desk>>,
    ) -> std::io::Result<Handle> {
        let parts = Parts {
            name: config.name.clone(),
            queue: Arc::clone(&desk.queue),
            orders: Arc::clone(&desk.orders),
            stats: Arc::clone(&desk.stats),
            routes: self.routes(pipeline, config, desks),
            tuning: Tuning::of(config),
            config: config.config.clone(),
            log: log_of(&config.name),
            notices: self.notices.clone(),
            seat,
        };
        let thread = std::thread::Builder::new().name(format!("component-{}", config.name));
        let thread = thread.spawn(move || Line::new(parts).run())?;
        Ok(Handle {
            queue: Arc::clone(&desk.queue),
            orders: Arc::clone(&desk.orders),
            stats: Arc::clone(&desk.stats),
            thread: Some(thread),
        })
    }

    /// The ways to the downstream components: those that are being added, or those that are there.
    pub(super) fn routes(
        &self,
        pipeline: &Pipeline,
        config: &ComponentConfig,
        desks: &BTreeMap<&str, Vec<Desk>>,
    ) -> Vec<Route> {
        let board = self.board();
        let route = |name: &String| {
            let skip_when_down = pipeline.component(name)?.when_down == WhenDown::Skip;
            let (queues, stats): (Vec<_>, Vec<_>) = match desks.get(name.as_str()) {
                Some(desks) => {
                    desks.iter().map(|desk| (Arc::clone(&desk.queue), Arc::clone(&desk.stats))).unzip()
                }
                None => board
                    .members
                    .get(name)?
                    .handles
                    .iter()
                    .map(|handle| (Arc::clone(&handle.queue), Arc::clone(&handle.stats)))
                    .unzip(),
            };
            Some(Route { queues, skip_when_down, stats: stats.into_iter().next()? })
        };
        config.downstreams.iter().filter_map(route).collect()
    }

    /// The first version of a component: the file as it is, or the last good one.
    fn first(
        &self,
        pipeline: &Pipeline,
        config: &ComponentConfig,
    ) -> (Option<Artifact>, Result<Vec<Seat>, StartError>) {
        let (artifact, result) = match self.read(pipeline, config) {
            Ok(artifact) => {
                let result = self.seats(pipeline, config, &artifact);
                (Some(artifact), result)
            }
            Err(error) => (None, Err(error)),
        };
        let Err(error) = result else { return (artifact, result) };
        if config.carrier == Kind::Builtin {
            return (artifact, Err(error));
        }
        let good = self.shelf().good(&config.artifact);
        let Some(good) = good.filter(|good| artifact.as_ref().is_none_or(|bad| bad.digest != good.digest))
        else {
            return (artifact, Err(error));
        };
        match self.seats(pipeline, config, &good) {
            Ok(seats) => {
                let text = format!("the present file does not run ({error}); the last good version does");
                self.say(Level::Warn, "component.last-good", &config.name, text);
                (Some(good), Ok(seats))
            }
            Err(_no_better) => (artifact, Err(error)),
        }
    }

    /// The content of a component's artifact.
    pub(super) fn read(&self, pipeline: &Pipeline, config: &ComponentConfig) -> Result<Artifact, StartError> {
        if config.carrier == Kind::Builtin {
            return Ok(Artifact::of(&config.artifact, config.artifact.clone().into_bytes()));
        }
        let path = pipeline.artifacts.join(&config.artifact);
        let bytes = fsx::read(&path, MAX_ARTIFACT).map_err(StartError::File)?;
        let artifact = Artifact { path: Some(path), ..Artifact::of(&config.artifact, bytes) };
        match self.shelf().is_bad(artifact.digest) {
            Some(why) => Err(StartError::Quarantined(why.to_owned())),
            None => Ok(artifact),
        }
    }

    /// One instance for each shard, with its config, and well.
    pub(super) fn seats(
        &self,
        pipeline: &Pipeline,
        config: &ComponentConfig,
        artifact: &Artifact,
    ) -> Result<Vec<Seat>, StartError> {
        let program = self.carrier(config.carrier).load(artifact)?;
        let log = log_of(&config.name);
        let start = |_| {
            let mut instance = program.start(&config.limits, &log)?;
            place(pipeline, config, instance.role())?;
            instance.init(&config.config).map_err(|error| match error {
                CallError::Refused(why) => StartError::Config(why),
                other => StartError::Call(other),
            })?;
            instance.probe().map_err(StartError::Probe)?;
            let label = instance.info().version.clone();
            let version = Version { digest: artifact.digest, label, program: Arc::clone(&program) };
            Ok(Seat { instance, version })
        };
        (0..config.shards).map(start).collect()
    }
}

/// Whether a component of this role can stand there.
fn place(pipeline: &Pipeline, config: &ComponentConfig, role: Role) -> Result<(), StartError> {
    let has_upstream = pipeline.components.iter().any(|other| other.downstreams.contains(&config.name));
    let but = match role {
        Role::Source if has_upstream => "others send to it",
        Role::Source if config.shards > 1 => "it has several shards",
        Role::Sink if !config.downstreams.is_empty() => "it has downstreams",
        _ => return Ok(()),
    };
    Err(StartError::Place { is: role.as_str(), but })
}
