//! The pipeline's config: TOML in, checked values out. One mistake refuses all of it and names the line.

mod check;
mod raw;
mod units;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fsx;
use crate::release::{App, Channel};
use crate::report::{ErrorCode, Fault};
use crate::source::SourceUrl;

use super::carrier::Limits;

/// Most bytes of a config.
const MAX_CONFIG: u64 = 4 * 1024 * 1024;

/// A pipeline, checked as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// The folder that artifacts lie in; it is watched.
    pub artifacts: PathBuf,
    /// Where compiled components, good versions and the quarantine are kept.
    pub state: PathBuf,
    /// How long a file must stay as it is before it is looked at.
    pub settle: Duration,
    /// Where status and metrics are shown.
    pub admin: Option<SocketAddr>,
    /// Where components come from by themselves.
    pub catalog: Option<CatalogConfig>,
    /// The components, in the order of the file.
    pub components: Vec<ComponentConfig>,
}

/// A signed repository that components come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogConfig {
    /// Where it is.
    pub source: SourceUrl,
    /// The root that everything in it must lead to.
    pub root: PathBuf,
    /// Whose it is.
    pub app: App,
    /// The channel whose newest release counts.
    pub channel: Channel,
    /// How often it is looked at.
    pub every: Duration,
}

/// What runs a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The sandbox.
    Wasm,
    /// A program of its own.
    Process,
    /// The service itself.
    Builtin,
}

/// What happens to messages for a component that does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenDown {
    /// They wait, and so, in the end, do those who send them.
    Hold,
    /// They pass by and are counted.
    Skip,
}

/// What happens when a component is still busy at the deadline of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenBusy {
    /// It is replaced all the same.
    Switch,
    /// It stays until the artifact changes again.
    GiveUp,
}

/// One component of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentConfig {
    /// Its name in the pipeline.
    pub name: String,
    /// The line of the file it begins at.
    pub line: usize,
    /// Its file below the folder of artifacts, or the name of something built in.
    pub artifact: String,
    /// What runs it.
    pub carrier: Kind,
    /// Whether it may be replaced while it runs.
    pub upgradable: bool,
    /// Who gets its messages, each of them all.
    pub downstreams: Vec<String>,
    /// How many of it work side by side, each on keys of its own.
    pub shards: usize,
    /// Messages that wait before it.
    pub queue: usize,
    /// Messages of one call.
    pub batch: usize,
    /// What each instance may use.
    pub limits: Limits,
    /// What happens to its messages while it does not run.
    pub when_down: WhenDown,
    /// How a new version is taken.
    pub swap: SwapRules,
    /// Its own config as JSON.
    pub config: String,
}

/// How a new version is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapRules {
    /// Probation ends after so many messages,
    pub messages: usize,
    /// or after so long, whichever is first.
    pub time: Duration,
    /// How long a swap waits for a busy component.
    pub busy_deadline: Duration,
    /// What happens then.
    pub when_busy: WhenBusy,
}

impl Default for SwapRules {
    fn default() -> Self {
        Self {
            messages: 2000,
            time: Duration::from_secs(10),
            busy_deadline: Duration::from_secs(10),
            when_busy: WhenBusy::Switch,
        }
    }
}

/// Why a config is refused. Nothing of it counts.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It can't be read.
    #[error(transparent)]
    Fs(#[from] fsx::FsError),
    /// Something in it is wrong.
    #[error("{file}:{line}: {what}")]
    Wrong {
        /// The file as it was named.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
}

impl Fault for ConfigError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) if !error.is_absent() => error.code(),
            _ => ErrorCode::Config,
        }
    }

    fn hint(&self) -> Option<String> {
        Some("manifests/pipeline.sample.toml shows every setting of a pipeline.".to_owned())
    }
}

impl Pipeline {
    /// Reads a file; paths in it are relative to its folder.
    ///
    /// # Errors
    /// If it can't be read, or anything in it is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let bytes = fsx::read(path, MAX_CONFIG)?;
        let file = path.display().to_string();
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            ConfigError::Wrong { file: file.clone(), line, what: "the text is not UTF-8".to_owned() }
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, &file, folder)
    }

    /// Reads a text; `file` names it in errors, `folder` is what paths are relative to.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Self, ConfigError> {
        let lines = Lines(text);
        let wrong = |(line, what)| ConfigError::Wrong { file: file.to_owned(), line, what };
        let raw: raw::File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| lines.of(span.start));
            wrong((line, error.message().lines().collect::<Vec<_>>().join("; ")))
        })?;
        let pipeline = raw::typed(raw, &lines, folder).map_err(wrong)?;
        check::graph(&pipeline).map_err(wrong)?;
        Ok(pipeline)
    }

    /// The component of that name.
    #[must_use]
    pub fn component(&self, name: &str) -> Option<&ComponentConfig> {
        self.components.iter().find(|component| component.name == name)
    }
}

/// Finds the line of a place in a text.
struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn of(&self, at: usize) -> usize {
        let before = self.0.as_bytes().get(..at).unwrap_or(self.0.as_bytes());
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

/// A line and what is wrong there.
type Wrong = (usize, String);
