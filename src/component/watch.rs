//! The watched folder: files that changed and have settled are offered to the service, and so is the config.
//!
//! Size and time only tell when to look; what counts is the digest of the content.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode};

use super::config::{Kind, Pipeline};
use super::message::Level;
use super::service::{Events, Happening, Service};
use super::shelf::MAX_ARTIFACT;
use crate::fsx;
use crate::platform::{self, ChangeMark};
use crate::publish::{Calm, listen};
use crate::release::Digest;

/// How often it is looked when the system tells of changes: what it may have missed is found then.
const SELDOM: Duration = Duration::from_secs(5);
/// How often it is looked when the system tells nothing.
const POLL: Duration = Duration::from_millis(100);

/// A thread that watches. Dropping it ends the watch.
pub struct Watch {
    bell: Sender<Ring>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ring {
    Changed,
    Stop,
}

impl Watch {
    /// Watches the artifacts of `service`, and `config`, its file, if there is one. The system tells of changes; where
    /// it does not, it is looked again and again.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub fn start(service: Arc<Service>, config: Option<PathBuf>, events: Events) -> std::io::Result<Self> {
        Self::begin(service, config, events, true)
    }

    /// The same without the system's word, as for a share that tells of nothing.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub fn polling(service: Arc<Service>, config: Option<PathBuf>, events: Events) -> std::io::Result<Self> {
        Self::begin(service, config, events, false)
    }

    fn begin(
        service: Arc<Service>,
        config: Option<PathBuf>,
        events: Events,
        told: bool,
    ) -> std::io::Result<Self> {
        let (bell, heard) = channel();
        let settle = service.pipeline().settle;
        // A file without a folder lies in the present one.
        let folder_of = |path: &Path| match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let mut places = vec![Place::new(service.pipeline().artifacts, RecursiveMode::Recursive)];
        places.extend(config.as_deref().map(|path| Place::new(folder_of(path), RecursiveMode::NonRecursive)));
        let ears = told.then(|| Ears { places, bell: bell.clone() });
        let mut watch = Watcher { service, config, events, settle, seen: HashMap::new(), ears };
        // What is there now is what the service has started with.
        watch.first();
        let thread = std::thread::Builder::new().name("component-watch".to_owned());
        let thread = thread.spawn(move || watch.run(&heard))?;
        Ok(Self { bell, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Nobody listens if the watch has ended already.
        self.bell.send(Ring::Stop).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// A folder the system tells of.
struct Place {
    folder: PathBuf,
    depth: RecursiveMode,
    /// Another folder of the same name must be listened to anew.
    id: Option<u64>,
    told: Option<RecommendedWatcher>,
}

impl Place {
    fn new(folder: PathBuf, depth: RecursiveMode) -> Self {
        Self { folder, depth, id: None, told: None }
    }

    /// Listens to the folder that is there now; says whether the system tells of it.
    fn listen(&mut self, bell: &Sender<Ring>) -> bool {
        let id = fsx::stat_follow(&self.folder).ok().map(|found| platform::file::change_mark(&found).id);
        if id != self.id || id.is_none() {
            let ring = bell.clone();
            let ring = move || {
                // Nobody listens once the watch has ended.
                ring.send(Ring::Changed).ok();
            };
            self.told = match listen(&self.folder, self.depth, |_| true, ring) {
                Ok(told) => Some(told),
                Err(error) => {
                    if id.is_some() {
                        let folder = self.folder.display();
                        tracing::warn!(%error, %folder, "the system tells of no changes; it is looked often");
                    }
                    None
                }
            };
            self.id = id;
        }
        self.told.is_some()
    }
}

/// How the system's word is heard.
struct Ears {
    places: Vec<Place>,
    bell: Sender<Ring>,
}

/// What is known of one file.
struct Seen {
    calm: Calm<ChangeMark>,
    /// The content that was offered last.
    digest: Option<Digest>,
}

struct Watcher {
    service: Arc<Service>,
    config: Option<PathBuf>,
    events: Events,
    settle: Duration,
    seen: HashMap<PathBuf, Seen>,
    ears: Option<Ears>,
}

impl Watcher {
    fn run(&mut self, heard: &Receiver<Ring>) {
        loop {
            let told = self.ears.as_mut().is_some_and(|ears| {
                // Each of them, not only up to the first that is deaf.
                let deaf =
                    ears.places.iter_mut().filter_map(|place| (!place.listen(&ears.bell)).then_some(()));
                deaf.count() == 0
            });
            self.look();
            let (now, idle) = (Instant::now(), if told { SELDOM } else { POLL });
            let waits = self.seen.values().filter(|seen| seen.calm.seen.is_some());
            let mut pause = waits.map(|seen| seen.calm.pause(now, idle)).min().unwrap_or(idle);
            loop {
                match heard.recv_timeout(pause) {
                    Ok(Ring::Stop) => return,
                    Ok(Ring::Changed) => {}
                    // All that was told by now is one reason to look.
                    Err(_nothing_more) => break,
                }
                pause = Duration::ZERO;
            }
        }
    }

    /// The content the service runs, so that only what comes later is news.
    fn first(&mut self) {
        let pipeline = self.service.pipeline();
        for (_, path) in artifacts(&pipeline) {
            // Who starts a service and copies a file over at once is seen: the digest tells.
            let running = self.service.status().components.into_iter().find(|component| {
                component.carrier != Kind::Builtin && pipeline.artifacts.join(&component.artifact) == path
            });
            let digest = running.and_then(|component| component.digest);
            let seen = Seen { calm: Calm::new(self.settle, Instant::now()), digest };
            self.seen.insert(path, seen);
        }
        if let Some(config) = &self.config {
            let mut calm = Calm::new(self.settle, Instant::now());
            if let Some(mark) = mark(config) {
                calm.saw(mark, Instant::now());
                calm.wanted = false;
            }
            self.seen.insert(config.clone(), Seen { calm, digest: None });
        }
    }

    fn look(&mut self) {
        let service = Arc::clone(&self.service);
        for (name, path) in artifacts(&service.pipeline()) {
            let _one = service.one_at_the_folder();
            if let Some(bytes) = self.settled(&path) {
                // What comes of it is said and shown by the service.
                drop(service.replace(&name, bytes));
            }
        }
        if let Some(config) = self.config.clone()
            && self.settled(&config).is_some()
        {
            self.apply(&config);
        }
    }

    /// The content of a file that has changed and is whole, as far as that can be seen: it stayed as it is for
    /// a while, also while it was read, and nobody has it open to write.
    fn settled(&mut self, path: &Path) -> Option<Vec<u8>> {
        let (settle, now) = (self.settle, Instant::now());
        let fresh = || Seen { calm: Calm::new(settle, now), digest: None };
        let seen = self.seen.entry(path.to_path_buf()).or_insert_with(fresh);
        let Some(found) = mark(path) else {
            // The same content is news when it comes back.
            seen.digest = None;
            seen.calm.lost(now);
            return None;
        };
        seen.calm.saw(found, now);
        if !seen.calm.is_due(now) {
            return None;
        }
        let folder = path.parent().and_then(|folder| fsx::canonical(folder).ok());
        let whole = folder.zip(path.file_name()).map(|(folder, name)| (folder.join(name), folder));
        let is_open = |(file, folder): (PathBuf, PathBuf)| {
            platform::process::being_written(&folder, std::slice::from_ref(&file))
                .is_some_and(|open| open == file)
        };
        if whole.is_some_and(is_open) {
            seen.calm.not_before = now + settle;
            return None;
        }
        let bytes = fsx::read(path, MAX_ARTIFACT).ok()?;
        if mark(path) != seen.calm.seen {
            return None;
        }
        seen.calm.wanted = false;
        let digest = Digest::of(&bytes);
        (seen.digest.replace(digest) != Some(digest)).then_some(bytes)
    }

    fn apply(&self, config: &Path) {
        let wrong = |error: &dyn std::fmt::Display| {
            let text = format!("{error}; the config before counts on");
            let name = config.display().to_string();
            (self.events)(&Happening::new(Level::Error, "config.refused", &name, text));
        };
        match Pipeline::read(config) {
            Ok(pipeline) => {
                if let Err(error) = self.service.apply(pipeline) {
                    wrong(&error);
                }
            }
            Err(error) => wrong(&error),
        }
    }
}

fn mark(path: &Path) -> Option<ChangeMark> {
    let metadata = fsx::stat_follow(path).ok()?;
    metadata.is_file().then(|| platform::file::change_mark(&metadata))
}

/// Every file that components run from, once.
fn artifacts(pipeline: &Pipeline) -> Vec<(String, PathBuf)> {
    let mut names: Vec<&String> = pipeline
        .components
        .iter()
        .filter(|component| component.carrier != Kind::Builtin)
        .map(|component| &component.artifact)
        .collect();
    names.sort();
    names.dedup();
    names.into_iter().map(|name| (name.clone(), pipeline.artifacts.join(name))).collect()
}
