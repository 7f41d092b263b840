//! From a plan to its content: fetched, verified, put together. Every way that fails has another one behind it.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::plan::{Mode, Plan, Wanted};
use crate::release::{Digest, Manifest, RelPath};
use crate::report::{Control, Event, Progress, ProgressPhase, Step};
use crate::transfer::{
    Assembled, Depot, Fetched as Content, Graft, GraftError, Options, Request, TransferError, assemble,
    assembled, fetch_all, fetch_packs,
};

use super::run::Context;
use super::state::{Fetched, Planned, State};
use super::supply::{Fetching, Leg, PackRoad, Road, Survey, by_content, raw_request, remote, whole_requests};
use super::{EngineError, Task};

/// One fetch at work.
struct Fetch<'a> {
    cx: &'a Context<'a>,
    depot: Depot,
    plan: &'a Plan,
    survey: Survey<'a>,
    /// Bytes put together so far, and in all.
    built: AtomicU64,
    total: u64,
}

impl Planned {
    pub(super) async fn fetch(self, cx: &Context<'_>) -> Result<State, EngineError> {
        let Self { desk, release, plan, inventory, road } = self;
        let wanted = remote(&plan);
        if !wanted.is_empty() {
            cx.step(Step::Downloading);
        }
        let (setup, control, events) = (cx.setup, cx.control, cx.events);
        let (receipt, manifest) = (&desk.record.receipt, release.manifest());
        let mode = if setup.task == Task::Repair { Mode::Repair } else { Mode::Update };
        let survey = Survey { setup, control, events, receipt, manifest, inventory: &inventory, mode };
        let sizes: HashMap<Digest, u64> = manifest.regular().map(|file| (file.sha256, file.size)).collect();
        let total = plan.staged_bytes() + wanted.keys().filter_map(|digest| sizes.get(digest)).sum::<u64>();
        let depot = Depot::open(&setup.install.partial_dir())?;
        let fetch = Fetch { cx, depot, plan: &plan, survey, built: AtomicU64::new(0), total };
        fetch.sweep(&road)?;
        let content = match road {
            Road::Packs(road) => fetch.by_packs(whole_requests(&plan), road).await?,
            Road::Deltas(legs) => fetch.by_deltas(&legs, &wanted).await?,
        };
        let assembled = fetch.built.load(Ordering::Relaxed);
        Ok(State::Fetched(Box::new(Fetched { desk, release, plan, content, assembled })))
    }
}

impl Fetch<'_> {
    /// What an earlier release left in the depot and this one can't use would only take room.
    fn sweep(&self, road: &Road) -> Result<(), EngineError> {
        let mut wanted: HashSet<Digest> = remote(self.plan).into_keys().collect();
        wanted.extend(whole_requests(self.plan).iter().flat_map(Request::names));
        match road {
            Road::Packs(road) => {
                wanted.extend(road.assembly.fetch.iter().map(|part| part.object));
                wanted.extend(
                    road.indexes.iter().flat_map(|index| [Some(index.object), index.pieces]).flatten(),
                );
            }
            Road::Deltas(legs) => {
                wanted.extend(
                    legs.iter().flat_map(|leg| [Some(leg.content.object), leg.content.pieces]).flatten(),
                );
                let between = legs.iter().flat_map(|leg| leg.new.regular());
                wanted.extend(between.map(|file| file.sha256));
            }
        }
        Ok(self.depot.keep_only(&wanted)?)
    }

    fn options(&self) -> Options {
        Options { limit_bytes_per_second: self.cx.setup.limit, ..Options::default() }
    }

    fn tell(&self, event: Event) {
        self.cx.tell_sources();
        (self.cx.events)(event);
    }

    /// Files of their own, and files from packs. One for which something installed has changed since it was looked
    /// at is put together a second time, of packs alone.
    async fn by_packs(&self, whole: Vec<Request>, road: PackRoad) -> Result<Content, EngineError> {
        let mut done = self.packed(whole, &road).await?;
        let failed: HashSet<Digest> = done.failed.drain(..).collect();
        if failed.is_empty() {
            return Ok(done.files);
        }
        let again: Vec<Wanted> =
            self.plan.packed().into_iter().filter(|wanted| failed.contains(&wanted.sha256)).collect();
        let names: Vec<&str> = again.iter().take(3).map(|wanted| wanted.name.as_str()).collect();
        let text =
            format!("Installed files changed while they were used; fetched anew: {}.", names.join(", "));
        self.cx.step(Step::Message { text });
        let road = self.survey.packs(&again, &Fetching::Depot(&self.depot), false).await?;
        let mut files = done.files;
        let second = self.packed(Vec::new(), &road).await?;
        files.join(second.files);
        Ok(files)
    }

    async fn packed(&self, whole: Vec<Request>, road: &PackRoad) -> Result<Assembled, EngineError> {
        let (cx, depot) = (self.cx, self.depot.clone());
        let ready = {
            let (depot, assembly) = (depot.clone(), road.assembly.clone());
            self.beside(move |_, stop| assembled(&depot, &assembly, stop)).await??
        };
        let parts = if ready.is_some() { [].as_slice() } else { &road.assembly.fetch };
        let tell = |event| self.tell(event);
        let work = (whole, parts);
        let mut files =
            fetch_packs(&cx.setup.mirrors, &depot, work, &self.options(), cx.control, &tell).await?;
        let built = match ready {
            Some(ready) => Assembled { files: ready, failed: Vec::new() },
            None => {
                let (assembly, locals) = (road.assembly.clone(), road.locals.clone());
                self.beside(move |watch, stop| assemble(&depot, &assembly, &locals, watch, stop)).await??
            }
        };
        files.join(built.files);
        Ok(Assembled { files, failed: built.failed })
    }

    /// Files by deltas; those that don't come out right, or all if a delta is of no use, come from packs.
    async fn by_deltas(
        &self,
        legs: &[Leg],
        wanted: &HashMap<Digest, RelPath>,
    ) -> Result<Content, EngineError> {
        let (mut files, why) = match self.deltas(legs, wanted).await {
            Ok(Assembled { files, failed }) if failed.is_empty() => return Ok(files),
            Ok(Assembled { files, failed }) => {
                let name = failed.first().and_then(|digest| wanted.get(digest));
                let name = name.map(ToString::to_string).unwrap_or_default();
                (files, format!("{} files came out wrong, {name} among them", failed.len()))
            }
            Err(GraftError::Ended(
                error @ (TransferError::Missing { .. } | TransferError::Corrupt { .. }),
            )) => (Content::default(), error.to_string()),
            Err(GraftError::Ended(error)) => return Err(error.into()),
            Err(error) => (Content::default(), error.to_string()),
        };
        let text = format!("A delta could not be used ({why}); packs are used instead.");
        tracing::warn!("{text}");
        self.cx.step(Step::Message { text });
        let is_left = |digest: &Digest| files.file(digest).is_none();
        let whole =
            whole_requests(self.plan).into_iter().filter(|request| is_left(&request.sha256)).collect();
        let left: Vec<Wanted> =
            self.plan.packed().into_iter().filter(|wanted| is_left(&wanted.sha256)).collect();
        let road = self.survey.packs(&left, &Fetching::Depot(&self.depot), true).await?;
        files.join(self.by_packs(whole, road).await?);
        Ok(files)
    }

    async fn deltas(&self, legs: &[Leg], wanted: &HashMap<Digest, RelPath>) -> Result<Assembled, GraftError> {
        let names = wanted.values().min().into_iter().cycle();
        let requests = legs.iter().zip(names).map(|(leg, name)| raw_request(name, &leg.content)).collect();
        let (cx, tell) = (self.cx, |event| self.tell(event));
        let fetched =
            fetch_all(&cx.setup.mirrors, &self.depot, requests, &self.options(), cx.control, &tell).await?;
        let installed = by_content(&cx.setup.install, self.survey.inventory);
        let wanted: HashSet<Digest> = wanted.keys().copied().collect();
        let mut steps = Vec::with_capacity(legs.len());
        for leg in legs {
            let lost = || TransferError::Defect("a delta that was fetched is gone".to_owned());
            let delta = fetched.file(&leg.content.object).ok_or_else(lost)?.to_path_buf();
            steps.push((delta, leg.old.clone(), leg.new.clone()));
        }
        let depot = self.depot.clone();
        let work = move |watch: crate::transfer::Watch<'_>, stop: &(dyn Fn() -> bool + Sync)| {
            follow(&depot, &steps, &wanted, &installed, watch, stop)
        };
        self.beside(work).await?
    }

    /// Runs `job` on a thread of its own; it is handed a way to tell bytes put together, and a question that says
    /// when to stop.
    async fn beside<T: Send + 'static>(
        &self,
        job: impl FnOnce(crate::transfer::Watch<'_>, &(dyn Fn() -> bool + Sync)) -> T + Send + 'static,
    ) -> Result<T, TransferError> {
        let (send, mut told) = tokio::sync::mpsc::unbounded_channel::<(u64, RelPath)>();
        let control: Control = self.cx.control.clone();
        let work = tokio::task::spawn_blocking(move || {
            let watch = |bytes, file: &RelPath| {
                // Nobody listens any more once the update has ended.
                send.send((bytes, file.clone())).ok();
            };
            job(&watch, &|| control.is_cancelled())
        });
        let before = self.built.load(Ordering::Relaxed);
        while let Some((bytes, file)) = told.recv().await {
            self.built.store(before + bytes, Ordering::Relaxed);
            let (phase, done, file) = (ProgressPhase::Stage, (before + bytes).min(self.total), Some(file));
            self.cx.progress(Progress { phase, done, total: self.total, file, ..Progress::default() });
        }
        work.await.map_err(|error| TransferError::Defect(error.to_string()))
    }
}

/// Applies deltas one after the other: what the next one needs of the release in between is made and kept.
fn follow(
    depot: &Depot,
    steps: &[(PathBuf, Manifest, Manifest)],
    wanted: &HashSet<Digest>,
    installed: &HashMap<Digest, PathBuf>,
    watch: crate::transfer::Watch<'_>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Assembled, GraftError> {
    let mut made = Content::default();
    let mut failed = Vec::new();
    for (at, (delta, old, new)) in steps.iter().enumerate() {
        let mut needed: HashSet<Digest> = wanted.clone();
        if let Some((delta, old, new)) = steps.get(at + 1) {
            let next = Graft { delta, old, new, wanted, find: &|_| None };
            needed.extend(next.bases()?);
        }
        let there: HashSet<Digest> = new.regular().map(|file| file.sha256).collect();
        let is_open = |digest: &Digest| {
            there.contains(digest) && made.file(digest).is_none() && !installed.contains_key(digest)
        };
        let needed: HashSet<Digest> = needed.into_iter().filter(is_open).collect();
        let find = |digest: &Digest| {
            installed.get(digest).cloned().or_else(|| made.file(digest).map(std::path::Path::to_path_buf))
        };
        let done = Graft { delta, old, new, wanted: &needed, find: &find }.run(depot, watch, stop)?;
        made.join(done.files);
        failed = done.failed;
    }
    Ok(Assembled { files: made, failed })
}
