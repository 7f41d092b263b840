//! The watched folder: files that changed and have settled are offered to the service, and so is the config.
//!
//! Size and time only tell when to look; what counts is the digest of the content.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::config::{Kind, Pipeline};
use super::message::Level;
use super::service::{Events, Happening, Service};
use super::shelf::MAX_ARTIFACT;
use crate::fsx;
use crate::platform::{self, ChangeMark};
use crate::release::Digest;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// A thread that watches. Dropping it ends the watch.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches the artifacts of `service`, and `config`, its file, if there is one.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub fn start(service: Arc<Service>, config: Option<PathBuf>, events: Events) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&stop);
        let settle = service.pipeline().settle;
        // What is there now is what the service has started with.
        let mut watch = Watcher { service, config, events, settle, seen: HashMap::new() };
        watch.first();
        let thread = std::thread::Builder::new().name("component-watch".to_owned()).spawn(move || {
            while !heard.load(Ordering::Relaxed) {
                watch.look();
                std::thread::sleep(LOOK);
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// What is known of one file.
struct Seen {
    mark: Option<ChangeMark>,
    /// When it was first seen like this.
    since: Instant,
    /// Whether it was looked at like this.
    handled: bool,
    digest: Option<Digest>,
}

struct Watcher {
    service: Arc<Service>,
    config: Option<PathBuf>,
    events: Events,
    settle: Duration,
    seen: HashMap<PathBuf, Seen>,
}

impl Watcher {
    /// The content the service runs, so that only what comes later is news.
    fn first(&mut self) {
        let pipeline = self.service.pipeline();
        for (_, path) in artifacts(&pipeline) {
            // Who starts a service and copies a file over at once is seen: the digest tells.
            let running = self.service.status().components.into_iter().find(|component| {
                component.carrier != Kind::Builtin && pipeline.artifacts.join(&component.artifact) == path
            });
            let digest = running.and_then(|component| component.digest);
            let seen = Seen { mark: None, since: Instant::now(), handled: false, digest };
            self.seen.insert(path, seen);
        }
        if let Some(config) = &self.config {
            let seen = Seen { mark: mark(config), since: Instant::now(), handled: true, digest: None };
            self.seen.insert(config.clone(), seen);
        }
    }

    fn look(&mut self) {
        for (name, path) in artifacts(&self.service.pipeline()) {
            if let Some(bytes) = self.settled(&path) {
                // What comes of it is said and shown by the service.
                drop(self.service.replace(&name, bytes));
            }
        }
        if let Some(config) = self.config.clone()
            && self.settled(&config).is_some()
        {
            self.apply(&config);
        }
    }

    /// The content of a file that has changed and is whole, as far as that can be seen: it stayed as it is for
    /// a while, and also while it was read.
    fn settled(&mut self, path: &Path) -> Option<Vec<u8>> {
        let now = mark(path);
        let fresh = || Seen { mark: None, since: Instant::now(), handled: false, digest: None };
        let seen = self.seen.entry(path.to_path_buf()).or_insert_with(fresh);
        if seen.mark != now {
            (seen.mark, seen.since, seen.handled) = (now, Instant::now(), false);
            return None;
        }
        if seen.handled || now.is_none() || seen.since.elapsed() < self.settle {
            return None;
        }
        let bytes = fsx::read(path, MAX_ARTIFACT).ok()?;
        if mark(path) != now {
            return None;
        }
        seen.handled = true;
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
