//! The updater's window: what an update says, as pages a person reads, and what the person presses, as
//! [`Control`].
//!
//! The window decides nothing about an update. If it can't open, the update runs without it.

mod app;
mod desktop;
mod feed;
mod fonts;
mod format;
mod gl;
mod guard;
mod notes;
mod pages;
mod picture;
mod preferences;
mod software;
mod stage;
mod story;
mod system_fonts;
mod texts;
mod theme;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use eframe::egui::ThemePreference;

use crate::report::{Control, ErrorCode, Fault};
use stage::SharedStage;

pub use app::Window;
pub use desktop::{Desktop, Word};
pub use feed::{Caller, Feed};
pub(crate) use fonts::install as install_fonts;
pub use guard::{Clock, QUIET};
pub use preferences::{Before, Keep, Kept, Preferences};
pub use software::Canvas;
pub use texts::{OwnTexts, Texts};

/// What the window shows of the program, and whom it speaks to.
#[derive(Debug, Clone)]
pub struct WindowSetup {
    /// The program's name, as its sentences name it.
    pub app: String,
    /// The title of the window.
    pub title: String,
    /// The program's icon, a PNG.
    pub icon: Option<Vec<u8>>,
    /// The colour of the main button: red, green, blue. One that can't be seen is made darker or lighter.
    pub accent: Option<[u8; 3]>,
    /// The vendor's own words.
    pub texts: OwnTexts,
    /// The language (BCP 47); the system's if nothing is said.
    pub language: Option<String>,
    /// Light, dark, or as the system has it.
    pub theme: WindowTheme,
    /// Who paints.
    pub drawing: Drawing,
    /// Whether there is a program to start after the update.
    pub can_start: bool,
    /// After how long the update starts the program by itself. The window only shows it.
    pub starts_after: Option<Duration>,
    /// Where the log is.
    pub log: Option<PathBuf>,
    /// What a person may set here, and who makes it hold; nothing to have no settings.
    pub preferences: Option<(Preferences, Keep)>,
    /// Who knows the release before, if a person may go back to it.
    pub before: Option<Before>,
    /// Who tells the desktop around the window; nobody if nothing is to be told.
    pub desktop: Option<Desktop>,
    /// The window only shows what another updater does.
    pub follows: bool,
    /// The window takes the focus; one that nobody asked for only calls for attention.
    pub takes_focus: bool,
    /// The update.
    pub control: Control,
}

impl WindowSetup {
    /// The window of the program `app`, whose update listens to `control`.
    #[must_use]
    pub fn new(app: &str, control: Control) -> Self {
        Self {
            app: app.to_owned(),
            title: app.to_owned(),
            icon: None,
            accent: None,
            texts: OwnTexts::new(),
            language: None,
            theme: WindowTheme::System,
            drawing: Drawing::Auto,
            can_start: true,
            starts_after: Some(Duration::from_secs(3)),
            log: None,
            preferences: None,
            before: None,
            desktop: None,
            follows: false,
            takes_focus: true,
            control,
        }
    }
}

/// Light or dark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WindowTheme {
    /// As the system has it.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl WindowTheme {
    fn preference(self) -> ThemePreference {
        match self {
            Self::System => ThemePreference::System,
            Self::Light => ThemePreference::Light,
            Self::Dark => ThemePreference::Dark,
        }
    }
}

/// Who paints the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Drawing {
    /// The graphics card; the processor if there is none that can, or if it is lost.
    #[default]
    Auto,
    /// The graphics card, by OpenGL.
    Gl,
    /// The processor.
    Software,
}

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// It did not open; the update was not started.
    #[error("no window can be opened here: {0}")]
    NotOpened(String),
    /// It was lost while the update ran, which went on to its end.
    #[error("the window was lost: {0}")]
    Lost(String),
    /// The update itself ended by a defect.
    #[error("the update stopped by a defect of the updater")]
    Stopped,
}

impl Fault for WindowError {
    fn code(&self) -> ErrorCode {
        ErrorCode::Internal
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotOpened(_) => Some("Run the updater without a window.".to_owned()),
            Self::Lost(_) | Self::Stopped => None,
        }
    }
}

/// Opens the window, runs `start` on a thread of its own as soon as the window has been painted, and returns when
/// the window is closed and `start` has returned. Must be called on the program's first thread.
///
/// # Errors
/// [`WindowError::NotOpened`] if there is no display or it can't draw: `start` was not called then.
pub fn run(setup: WindowSetup, start: impl FnOnce(Feed) + Send + 'static) -> Result<(), WindowError> {
    let drawing = setup.drawing;
    let stage = stage::shared(setup, Box::new(start));
    // A display that goes away makes the toolkit panic. The update has to reach an end all the same.
    let shown = catch_unwind(AssertUnwindSafe(|| show(&stage, drawing)));
    let trouble = shown.unwrap_or_else(|_panic| Err("the display was lost".to_owned())).err();
    // The update hears that nobody can be asked any more.
    let engine = stage.borrow_mut().clear();
    match (trouble, engine.map(std::thread::JoinHandle::join)) {
        (Some(reason), None) => Err(WindowError::NotOpened(reason)),
        (_, Some(Err(_panic))) => Err(WindowError::Stopped),
        (trouble, _) => trouble.map_or(Ok(()), |reason| Err(WindowError::Lost(reason))),
    }
}

/// Shows the window until it ends. One loop of events serves both ways to paint: a program can't have a second one.
fn show(stage: &SharedStage, drawing: Drawing) -> Result<(), String> {
    let mut event_loop = crate::platform::window::event_loop().map_err(|error| {
        tracing::debug!(%error, "no loop of events");
        "there is no display".to_owned()
    })?;
    if drawing != Drawing::Software {
        match gl::show(&mut event_loop, stage) {
            Err(reason) if drawing == Drawing::Auto => {
                tracing::info!("{reason}; the window is painted without it")
            }
            shown => return shown,
        }
    }
    software::show(&mut event_loop, stage.clone())
}
