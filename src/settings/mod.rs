//! Settings of an installed copy: `updater.json`, then `UPDRAFT_...` variables, then arguments.
//!
//! Three steps: what each place says (`Fragment`), what stands in the end with its origin (`Merged`), and the
//! checked values (`Settings`). No room imports this; programs turn settings into each room's own options.

mod color;
mod edit;
mod fragment;
mod merge;
mod setup;
mod sources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::InUsePolicy;
use crate::fsx::{self, FsError};
use crate::release::{App, Channel, Platform, RelPath};
use crate::report::{ErrorCode, Fault};
use crate::source::{Proxy, SourceUrl};

pub use color::{Color, InvalidColor};
pub use edit::{Wish, remember};
pub use fragment::Fragment;
pub use merge::{Merged, Origin, Said};
pub use sources::{NamedBy, UsedSource};

/// The name of the settings file beside the updater.
pub const FILE_NAME: &str = "updater.json";
/// Most bytes of a settings file.
const MAX_BYTES: u64 = 1024 * 1024;

/// Checked settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program.
    pub app: App,
    /// Its name as people know it.
    pub title: String,
    /// Where releases come from, best first.
    pub sources: Vec<SourceUrl>,
    /// Whether the mirrors in signed metadata are asked too; nothing to ask them only beside a web server.
    pub signed_mirrors: Option<bool>,
    /// The stream of releases followed.
    pub channel: Channel,
    /// The platforms whose releases fit, best first.
    pub platforms: Vec<Platform>,
    /// The program to start, if the release does not say.
    pub start: Option<RelPath>,
    /// The language of texts; the system's if nothing is said.
    pub language: Option<String>,
    /// Who paints the window.
    pub renderer: Renderer,
    /// Whether updates are looked for at all.
    pub enabled: bool,
    /// How long a check may take.
    pub check_timeout: Duration,
    /// The proxy for http and https.
    pub proxy: Proxy,
    /// Hosts reached without proxy, by name suffix or address range.
    pub no_proxy: Option<String>,
    /// A file with certificates trusted beside the system's.
    pub ca: Option<PathBuf>,
    /// Most bytes fetched a second; no limit if nothing is said.
    pub limit: Option<u64>,
    /// An icon for the window.
    pub icon: Option<PathBuf>,
    /// The colour of the window's main button.
    pub accent: Option<Color>,
    /// The vendor's own words in the window, by key and language.
    pub texts: BTreeMap<String, BTreeMap<String, String>>,
    /// What is decided without asking.
    pub policy: Policy,
}

/// Who paints the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Renderer {
    /// The graphics card where it can, else the processor; text on the terminal where there is no display.
    #[default]
    Auto,
    /// The graphics card, by OpenGL; text on the terminal where it can't.
    Gl,
    /// The processor.
    Software,
    /// Nobody: text on the terminal.
    Headless,
}

impl std::str::FromStr for Renderer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "gl" => Ok(Self::Gl),
            "software" => Ok(Self::Software),
            "headless" => Ok(Self::Headless),
            _ => Err(format!("\u{ab}{text}\u{bb} is none of auto, gl, software, headless")),
        }
    }
}

/// What is decided without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whether the program may be started when a forced update can't be had.
    pub start_anyway: bool,
    /// How long the program may take to close before the update is put off.
    pub wait_for_program: Duration,
    /// What is done when that time is over.
    pub in_use: InUsePolicy,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error(transparent)]
    File(#[from] FsError),
    /// The file is not JSON of the expected form.
    #[error("the settings file {} is damaged: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A value is missing.
    #[error("the setting \u{ab}{key}\u{bb} is missing in {}", path.display())]
    Missing {
        /// The setting.
        key: &'static str,
        /// The file that should have it.
        path: PathBuf,
    },
    /// A value can't be used.
    #[error("the setting \u{ab}{key}\u{bb} from {origin} can't be used: {why}")]
    Value {
        /// The setting.
        key: &'static str,
        /// Where it was set.
        origin: Origin,
        /// Why not.
        why: String,
    },
}

impl Fault for SettingsError {
    fn code(&self) -> ErrorCode {
        ErrorCode::Config
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File(error) if error.is_absent() => {
                "The updater needs an updater.json beside it; name another place with --config.".to_owned()
            }
            Self::File(error) => return error.hint(),
            Self::Json { .. } => "Correct the file, or take it from a fresh copy of the program.".to_owned(),
            Self::Missing { key, .. } => format!("Add \u{ab}{key}\u{bb} to the file."),
            Self::Value { .. } => "See docs/settings.md for what may stand there.".to_owned(),
        })
    }
}

impl Settings {
    /// Checks what a settings file that will lie at `path` says, and nothing else.
    ///
    /// # Errors
    /// If it can't be read or a value can't be used.
    pub fn examine(bytes: &[u8], path: &Path) -> Result<Self, SettingsError> {
        let file: Fragment = serde_json::from_slice(bytes)
            .map_err(|source| SettingsError::Json { path: path.to_path_buf(), source })?;
        Merged::of(file, Fragment::default(), Fragment::default()).check(path)
    }

    /// Reads the file at `path` and what the environment and the arguments add.
    ///
    /// # Errors
    /// If the file can't be read or a value can't be used.
    pub fn load(path: &Path, arguments: Fragment) -> Result<(Self, Merged), SettingsError> {
        let bytes = fsx::read(path, MAX_BYTES)?;
        let file: Fragment = serde_json::from_slice(&bytes)
            .map_err(|source| SettingsError::Json { path: path.to_path_buf(), source })?;
        let environment = Fragment::from_environment(|name| std::env::var(name).ok())?;
        let merged = Merged::of(file, environment, arguments);
        let settings = merged.check(path)?;
        Ok((settings, merged))
    }
}
