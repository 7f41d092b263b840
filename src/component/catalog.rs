//! Components of a pipeline from a signed repository: its catalogue is looked at again and again, and what it says
//! is done, with the same code as for plugins.
//!
//! The key of an item is the name of an artifact of the pipeline. A file comes into the folder of artifacts only after
//! what runs has taken it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::{CatalogConfig, Kind, Pipeline};
use super::message::Level;
use super::plugins::{Action, Feed, FeedError, Item, Line, Management, Timer, is_key};
use super::service::{Events, Happening, RunState, Service, SwapError};
use super::shelf::MAX_ARTIFACT;
use crate::fsx::{self, Absent as _, FsError};
use crate::release::Digest;
use crate::report::{Control, ErrorCode, Fault};

/// Why a pipeline has no catalogue. One that can't be reached now is none of these: it is asked again.
#[derive(Debug, thiserror::Error)]
pub enum CatalogStartError {
    /// Its root, or the folder of what is known of it, can't be used.
    #[error("the catalogue of {} can't be used: {error}", root.display())]
    Feed {
        /// The root that was named.
        root: PathBuf,
        /// Why.
        error: Box<FeedError>,
    },
    /// There is no thread for it.
    #[error("a thread can't be started: {0}")]
    Thread(#[from] std::io::Error),
}

impl Fault for CatalogStartError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Feed { error, .. } => error.code(),
            Self::Thread(_) => ErrorCode::Start,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Feed { error, .. } => error.hint(),
            Self::Thread(_) => None,
        }
    }
}

/// Looks at the catalogue of a pipeline again and again. Dropping it ends that.
pub struct CatalogWatch {
    control: Control,
    timer: Option<Timer>,
}

impl CatalogWatch {
    /// Begins, if the pipeline of `service` has a catalogue.
    ///
    /// # Errors
    /// If its root is none, or its folder can't be used.
    pub fn start(service: Arc<Service>, events: Events) -> Result<Option<Self>, CatalogStartError> {
        let Pipeline { catalog, state, .. } = service.pipeline();
        let Some(config) = catalog else { return Ok(None) };
        let root = config.root.clone();
        let feed =
            open(config, &state).map_err(|error| CatalogStartError::Feed { root, error: Box::new(error) })?;
        let control = feed.control();
        let ended = feed.control();
        let output = move |line: &Line| {
            // The end of the service is no failure of its catalogue.
            if !ended.is_cancelled() {
                events(&happening(line));
            }
        };
        let every = service.pipeline().catalog.map(|config| config.every).unwrap_or_default();
        let timer = Timer::start(feed, Arc::new(Artifacts { service }), Arc::new(output), every)?;
        Ok(Some(Self { control, timer: Some(timer) }))
    }
}

impl Drop for CatalogWatch {
    fn drop(&mut self) {
        self.control.cancel();
        drop(self.timer.take());
    }
}

fn open(config: CatalogConfig, state: &Path) -> Result<Feed, FeedError> {
    let CatalogConfig { source, root, app, channel, .. } = config;
    let root = Feed::read_root(&root)?;
    Feed::open(source, &root, app, channel, &state.join("catalog"))
}

fn happening(line: &Line) -> Happening {
    let (level, event) = match (&line.failure, line.action) {
        (Some(_), _) => (Level::Error, "catalog.failed"),
        (None, Some(Action::Add)) => (Level::Info, "catalog.add"),
        (None, Some(Action::Update)) => (Level::Info, "catalog.update"),
        (None, Some(Action::Remove)) => (Level::Warn, "catalog.remove"),
        (None, Some(Action::Keep) | None) => (Level::Info, "catalog.keep"),
    };
    let subject = line.key.as_deref().unwrap_or("catalog");
    Happening::new(level, event, subject, line.to_string())
}

/// Why an artifact of the catalogue is not taken. What ran before runs on.
#[derive(Debug, thiserror::Error)]
enum TakeError {
    #[error(transparent)]
    Swap(#[from] SwapError),
    #[error(transparent)]
    Fs(#[from] FsError),
}

/// The artifacts of a service by name.
struct Artifacts {
    service: Arc<Service>,
}

impl Management for Artifacts {
    type Error = TakeError;

    fn held(&self) -> BTreeMap<String, Digest> {
        let pipeline = self.service.pipeline();
        let mut held = in_folder(&pipeline.artifacts);
        // What runs says more than a file: the file of a version that broke is still there.
        for component in self.service.status().components {
            let runs = component.carrier != Kind::Builtin && component.state != RunState::Down;
            if let Some(digest) = component.digest.filter(|_| runs && is_key(&component.artifact)) {
                held.insert(component.artifact, digest);
            }
        }
        held
    }

    fn take(&self, item: &Item, content: Vec<u8>) -> Result<(), TakeError> {
        let _one = self.service.one_at_the_folder();
        match self.service.replace(&item.key, content.clone()) {
            // One that nobody runs yet may be there for the next config.
            Ok(_) | Err(SwapError::Same(_) | SwapError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let folder = self.service.pipeline().artifacts;
        fsx::make_dirs(&folder)?;
        Ok(fsx::write_durable(&folder.join(&item.key), &content)?)
    }

    fn release(&self, key: &str) -> Result<(), TakeError> {
        let _one = self.service.one_at_the_folder();
        self.service.withdraw(key);
        fsx::remove_file(&self.service.pipeline().artifacts.join(key)).if_present()?;
        Ok(())
    }
}

/// The files that lie in the folder of artifacts. One that can't be read is as good as not there: it is fetched.
fn in_folder(folder: &Path) -> BTreeMap<String, Digest> {
    let names = fsx::list(folder).unwrap_or_default().into_iter();
    let names = names.filter_map(|name| name.into_string().ok()).filter(|name| is_key(name));
    let digest = |name: String| {
        let path = folder.join(&name);
        let is_file = fsx::stat_follow(&path).ok()?.is_file();
        let bytes = is_file.then(|| fsx::read(&path, MAX_ARTIFACT).ok()).flatten()?;
        Some((name, Digest::of(&bytes)))
    };
    names.filter_map(digest).collect()
}
