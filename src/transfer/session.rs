//! One transfer of many files: who is asked, who waits, what is said meanwhile.
//!
//! Everything runs in one task. A pause or a cancel drops all requests where they are; what had come is on
//! disk and in the objects' state, and goes on from there.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::plan::PackPart;
use crate::release::Digest;
use crate::report::{Control, Event, Step};
use crate::source::{Choice, Mirrors};

use super::behind::Behind;
use super::judge::Fall;
use super::limit::Limit;
use super::meter::Meter;
use super::object::Object;
use super::permits::Permits;
use super::{Depot, Fetched, Options, Request, TransferError};

/// Objects at work beside the streams: being read back or unpacked.
const BESIDE: usize = 2;
/// How often progress is told when nothing comes.
const TICK: Duration = Duration::from_millis(500);

/// Fetches every file of `requests` into `depot`, whatever the network does, and returns when all are there
/// and verified. It ends without them only if someone cancels, the disk fails, or no mirror has the right
/// content.
///
/// # Errors
/// See [`TransferError`]. What has come stays in the depot for the next time.
pub async fn fetch_all(
    mirrors: &Mirrors,
    depot: &Depot,
    requests: Vec<Request>,
    options: &Options,
    control: &Control,
    report: &(dyn Fn(Event) + Sync),
) -> Result<Fetched, TransferError> {
    let jobs = distinct(requests)?.into_iter().map(Job::File).collect();
    run_all(mirrors, depot, jobs, options, control, report).await
}

/// Fetches the blocks wanted of packs, as [`fetch_all`] does files. They lie in the depot then, for
/// [`assemble`](super::assemble).
///
/// # Errors
/// As for `fetch_all`.
pub async fn fetch_packs(
    mirrors: &Mirrors,
    depot: &Depot,
    (requests, packs): (Vec<Request>, &[PackPart]),
    options: &Options,
    control: &Control,
    report: &(dyn Fn(Event) + Sync),
) -> Result<Fetched, TransferError> {
    let files = distinct(requests)?.into_iter().map(Job::File);
    let jobs = files.chain(packs.iter().cloned().map(Job::Pack)).collect();
    run_all(mirrors, depot, jobs, options, control, report).await
}

/// What is to be brought.
pub(super) enum Job {
    /// A file, out of an object of its own.
    File(Request),
    /// Blocks of a pack.
    Pack(PackPart),
}

async fn run_all(
    mirrors: &Mirrors,
    depot: &Depot,
    jobs: Vec<Job>,
    options: &Options,
    control: &Control,
    report: &(dyn Fn(Event) + Sync),
) -> Result<Fetched, TransferError> {
    let session = Session::new(mirrors, depot, jobs, options, control, report);
    loop {
        let paused = tokio::select! {
            biased;
            () = control.cancelled() => Err(TransferError::Cancelled),
            () = control.paused() => Ok(true),
            done = session.run() => done.map(|()| false),
            () = session.tick() => Ok(false),
        };
        session.rest().await;
        if !paused? {
            session.behind.end().await?;
            break;
        }
        report(Event::Step(Step::Paused));
        tokio::select! {
            biased;
            () = control.cancelled() => return Err(TransferError::Cancelled),
            () = control.unpaused() => report(Event::Step(Step::Unpaused)),
        }
    }
    tracing::info!(files = session.objects.len(), "all content is here");
    let last = session.meter().progress(Instant::now());
    report(Event::Progress(last));
    let files = session.objects.iter().filter_map(|(job, object)| match job {
        Job::File(request) => Some((request.sha256, object.state().mark)),
        Job::Pack(_) => None,
    });
    Ok(Fetched::of(depot, files))
}

/// Each content once. Two files that claim one object for different content are a mistake of the publisher.
fn distinct(requests: Vec<Request>) -> Result<Vec<Request>, TransferError> {
    let (mut files, mut objects) = (HashSet::new(), HashMap::<Digest, Digest>::new());
    let mut kept = Vec::with_capacity(requests.len());
    for request in requests {
        let object = request.content.object;
        if *objects.entry(object).or_insert(request.sha256) != request.sha256 {
            let why = "two different files name it as their content".to_owned();
            return Err(TransferError::Corrupt { object, file: request.file, why });
        }
        if files.insert(request.sha256) {
            kept.push(request);
        }
    }
    Ok(kept)
}

/// A transfer at work.
pub(super) struct Session<'a> {
    pub(super) mirrors: &'a Mirrors,
    pub(super) depot: &'a Depot,
    pub(super) options: &'a Options,
    pub(super) limit: Limit,
    pub(super) permits: Permits,
    pub(super) unpacks: Semaphore,
    control: &'a Control,
    report: &'a (dyn Fn(Event) + Sync),
    objects: Vec<(Job, Arc<Object>)>,
    meter: Mutex<Meter>,
    /// Set while the connection counts as lost: the end of the wait that was announced.
    lost: Mutex<Option<Instant>>,
    work: Work,
    behind: Behind,
}

/// Work on threads of its own: told to stop, and counted.
#[derive(Clone, Default)]
struct Work {
    stop: Arc<AtomicBool>,
    running: Arc<AtomicUsize>,
}

impl<'a> Session<'a> {
    fn new(
        mirrors: &'a Mirrors,
        depot: &'a Depot,
        jobs: Vec<Job>,
        options: &'a Options,
        control: &'a Control,
        report: &'a (dyn Fn(Event) + Sync),
    ) -> Self {
        let objects: Vec<(Job, Arc<Object>)> = (1..)
            .zip(jobs)
            .map(|(index, job)| {
                let object = match &job {
                    Job::File(request) => Object::of(request, index, mirrors.count()),
                    Job::Pack(part) => Object::of_pack(part, index, mirrors.count()),
                };
                (job, Arc::new(object))
            })
            .collect();
        let total = objects.iter().map(|(_, object)| object.wanted).fold(0, u64::saturating_add);
        let meter = Mutex::new(Meter::new(total, objects.len() as u64));
        Self {
            mirrors,
            depot,
            options,
            limit: Limit::new(options.limit_bytes_per_second, control.clone()),
            permits: Permits::new(options.streams),
            unpacks: Semaphore::new(BESIDE),
            control,
            report,
            objects,
            meter,
            lost: Mutex::new(None),
            work: Work::default(),
            behind: Behind::default(),
        }
    }

    async fn run(&self) -> Result<(), TransferError> {
        let objects = self.objects.iter().map(|(job, object)| self.bring(job, object));
        let at_once = self.options.streams.max(1) + BESIDE;
        stream::iter(objects).buffer_unordered(at_once).try_collect().await
    }

    /// Tells progress while nothing else does, and adapts the streams. Never returns.
    async fn tick(&self) {
        loop {
            tokio::time::sleep(TICK).await;
            for (_, object) in &self.objects {
                self.recount(object);
            }
            self.permits.tick(Instant::now());
            self.tell_progress();
        }
    }

    /// Waits for work on other threads to end and writes down how far everything is.
    async fn rest(&self) {
        self.work.stop.store(true, Ordering::Relaxed);
        while self.work.running.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.work.stop.store(false, Ordering::Relaxed);
        for (_, object) in &self.objects {
            if let Some(parts) = &mut object.state().parts
                && let Err(error) = parts.save()
            {
                // The sidecar only saves bytes; the hashes decide without it.
                tracing::warn!(%error, "a sidecar could not be written");
            }
        }
    }

    /// Runs `job` on a thread of its own; it is handed a question that says when to stop.
    pub(super) async fn beside<T: Send + 'static>(
        &self,
        job: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Result<T, TransferError> {
        self.start(job).await.map_err(|error| TransferError::Defect(error.to_string()))
    }

    /// The same, begun at once.
    pub(super) fn start<T: Send + 'static>(
        &self,
        job: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let work = self.work.clone();
        work.running.fetch_add(1, Ordering::AcqRel);
        let counted = Counted(Arc::clone(&work.running));
        tokio::task::spawn_blocking(move || {
            let _counted = counted;
            job(&|| work.stop.load(Ordering::Relaxed))
        })
    }

    /// Begins to bring to the disk what came last, in the background and one file at a time, so that little is
    /// left when all is laid ready and flushed. Nothing depends on it.
    pub(super) fn flush_behind(&self, object: &Object, received: u64) {
        if self.behind.grow(received)
            && let Ok(path) = object.parts(|parts| Ok(parts.path().to_path_buf()))
        {
            self.behind.flush(path);
        }
    }

    /// The mirror to ask for a run of pieces of `object`, after whatever wait that needs.
    pub(super) async fn choose(
        &self,
        object: &Object,
        run: &std::ops::Range<usize>,
    ) -> Result<(usize, u64), TransferError> {
        loop {
            let allowed = |mirror| object.allows(mirror);
            let owner = object.parts(|parts| Ok(parts.owner(run)))?;
            if let Some(owner) = owner.filter(|owner| !self.is_to_be_left(object, *owner)) {
                // One that gives something each time is waited for a moment; any other can take over.
                let soon = Instant::now() + self.options.first_wait * 2;
                match self.mirrors.choose(|mirror| mirror == owner && allowed(mirror)) {
                    Choice::Ask { mirror, falls } => return Ok((mirror, falls)),
                    Choice::Wait { until, failures: 1 } if until < soon => {
                        tokio::time::sleep_until(until.into()).await;
                        continue;
                    }
                    Choice::Wait { .. } | Choice::Nobody => {}
                }
            }
            let probe = if object.counted { self.mirrors.probe(allowed) } else { None };
            match probe.unwrap_or_else(|| self.mirrors.choose(allowed)) {
                Choice::Ask { mirror, falls } => return Ok((mirror, falls)),
                Choice::Nobody => return Err(object.verdict()),
                Choice::Wait { until, failures } => {
                    self.interrupted(until, failures, object.reason());
                    self.control.wait_to_retry(until.saturating_duration_since(Instant::now())).await;
                    if Instant::now() < until {
                        self.mirrors.wake();
                    }
                }
            }
        }
    }

    /// Whether a request to `mirror` would be broken off for the sake of another one.
    fn is_to_be_left(&self, object: &Object, mirror: usize) -> bool {
        let is_probed = self.mirrors.wants_probe(|other| other != mirror && object.allows(other));
        is_probed || self.mirrors.is_slow(mirror) && self.prefers_another(object, mirror)
    }

    /// Draws the consequences of a request that failed.
    pub(super) fn fell(
        &self,
        object: &Object,
        run: &std::ops::Range<usize>,
        (mirror, falls): (usize, u64),
        fall: Fall,
    ) -> Result<(), TransferError> {
        let source = self.mirrors.source(mirror).describe();
        object.blame(mirror, &source, &fall);
        let asked_to_wait = match &fall {
            Fall::Final(_) => None,
            Fall::NoRange => {
                self.mirrors.ignores_range(mirror);
                return Ok(());
            }
            Fall::Changed => {
                object.untie();
                let present = object.parts(|parts| {
                    parts.restart(run);
                    Ok(parts.present())
                })?;
                self.count(object, present);
                return Ok(());
            }
            Fall::Restart | Fall::Elsewhere => return Ok(()),
            Fall::Slow(_) => {
                if self.mirrors.tells_slow(mirror) {
                    self.say(Step::MirrorLeft { source, reason: object.reason() });
                }
                return Ok(());
            }
            Fall::Corrupt(_) => {
                self.mirrors.lied(mirror);
                None
            }
            Fall::Transient { retry_after, busy, .. } => {
                self.permits.fell(*busy);
                *retry_after
            }
            Fall::Missing(_) | Fall::BadAnswer(_) | Fall::Insecure(_) => None,
        };
        if let Fall::Final(error) = fall {
            return Err(error);
        }
        let rest = |failures| self.options.rest(failures).max(asked_to_wait.unwrap_or_default());
        // A missing object says nothing about the others; the mirror is out for this one only.
        let news = matches!(fall, Fall::Missing(_)) || self.mirrors.fell(mirror, falls, rest);
        let next = self.mirrors.choose(|mirror| object.allows(mirror));
        if news && matches!(next, Choice::Ask { mirror: next, .. } if next != mirror) {
            self.say(Step::MirrorLeft { source, reason: object.reason() });
        }
        Ok(())
    }

    /// Draws the consequences of a piece that has come right, which shows that `mirror` gave wrong bytes of it
    /// before.
    pub(super) fn exposed(&self, object: &Object, mirror: usize) {
        let source = self.mirrors.source(mirror).describe();
        let why = "it sent other bytes than were signed and broke off".to_owned();
        tracing::info!(%source, path = %object.path, "gave wrong bytes of a piece others went on with");
        object.blame(mirror, &source, &Fall::Corrupt(why.clone()));
        object.forgive();
        if self.mirrors.lied(mirror) && self.has_another(object, mirror) {
            self.say(Step::MirrorLeft { source, reason: why });
        }
    }

    /// Whether another mirror could be asked for `object` right now.
    pub(super) fn has_another(&self, object: &Object, mirror: usize) -> bool {
        let next = self.mirrors.choose(|other| other != mirror && object.allows(other));
        matches!(next, Choice::Ask { .. })
    }

    /// Whether another mirror would be asked for `object` now. One that lied is not asked for being faster.
    pub(super) fn prefers_another(&self, object: &Object, mirror: usize) -> bool {
        let next = self.mirrors.choose(|other| object.allows(other));
        matches!(next, Choice::Ask { mirror: next, .. } if next != mirror)
    }

    /// Bytes came from `mirror`.
    pub(super) fn arrived(&self, object: &Object, mirror: usize, bytes: usize) {
        self.mirrors.gave(mirror);
        self.permits.flowed(bytes as u64);
        if self.lost().take().is_some() {
            self.say(Step::Continued);
        }
        if object.counted {
            self.meter().flow(bytes as u64, Instant::now());
        }
    }

    /// Counts what of `object` is there now.
    pub(super) fn recount(&self, object: &Object) {
        let present = object.state().parts.as_ref().map(|parts| parts.present());
        if let Some(present) = present {
            self.count(object, present);
        }
    }

    /// So many bytes of `object` are there now.
    pub(super) fn count(&self, object: &Object, present: u64) {
        if !object.counted {
            return;
        }
        let (before, shown) = object.count(present);
        if before == present && present > 0 {
            return;
        }
        let mut meter = self.meter();
        meter.add(present.saturating_sub(before));
        meter.drop_bytes(before.saturating_sub(present));
        meter.at_file(&object.file, object.index, shown, object.wanted);
        drop(meter);
        self.tell_progress();
    }

    pub(super) fn say(&self, step: Step) {
        (self.report)(Event::Step(step));
    }

    /// Tells of a wait, once for all streams that wait for the same moment.
    fn interrupted(&self, until: Instant, attempt: u32, reason: String) {
        if self.lost().replace(until) == Some(until) {
            return;
        }
        let wait = until.saturating_duration_since(Instant::now());
        let retry_in = wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX);
        self.say(Step::Interrupted { attempt, retry_in, reason });
    }

    fn tell_progress(&self) {
        let due = self.meter().due(Instant::now());
        if let Some(progress) = due {
            (self.report)(Event::Progress(progress));
        }
    }

    fn meter(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self) -> MutexGuard<'_, Option<Instant>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a job as running until it is dropped, also when the job panics or never starts.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
