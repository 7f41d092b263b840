//! The updater's window: what an update says, as pages a person reads, and what the person presses, as
//! [`Control`].
//!
//! The window decides nothing about an update. If it can't open, the update runs without it.

mod app;
mod feed;
mod fonts;
mod format;
mod guard;
mod notes;
mod pages;
mod picture;
mod preferences;
mod story;
mod texts;
mod theme;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use eframe::egui::{ThemePreference, ViewportBuilder};

use crate::report::{Control, ErrorCode, Fault};

pub use app::Window;
pub use feed::{Caller, Feed};
pub(crate) use fonts::install as install_fonts;
pub use guard::{Clock, QUIET};
pub use preferences::{Keep, Kept, Preferences};
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
    /// Whether there is a program to start after the update.
    pub can_start: bool,
    /// After how long the update starts the program by itself. The window only shows it.
    pub starts_after: Option<Duration>,
    /// Where the log is.
    pub log: Option<PathBuf>,
    /// What a person may set here, and who makes it hold; nothing to have no settings.
    pub preferences: Option<(Preferences, Keep)>,
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
            can_start: true,
            starts_after: Some(Duration::from_secs(3)),
            log: None,
            preferences: None,
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

type Engine = Arc<Mutex<Option<JoinHandle<()>>>>;

/// Opens the window, runs `start` on a thread of its own as soon as the window is there, and returns when the
/// window is closed and `start` has returned. Must be called on the program's first thread.
///
/// # Errors
/// [`WindowError::NotOpened`] if there is no display or it can't draw: `start` was not called then.
pub fn run(setup: WindowSetup, start: impl FnOnce(Feed) + Send + 'static) -> Result<(), WindowError> {
    let engine = Engine::default();
    let thread = Arc::clone(&engine);
    let (title, options) = (setup.title.clone(), options(&setup));
    let create: eframe::AppCreator<'static> = Box::new(move |created| {
        fonts::install_system(&created.egui_ctx, Texts::new(setup.language.as_deref()).language());
        let (window, feed) = Window::new(setup, &created.egui_ctx, Clock::system());
        let handle = std::thread::Builder::new().name("update".to_owned()).spawn(move || start(feed))?;
        thread.lock().unwrap_or_else(PoisonError::into_inner).replace(handle);
        Ok(Box::new(Shell(window)))
    });
    // A display that goes away makes the toolkit panic. The update has to reach an end all the same.
    let shown = catch_unwind(AssertUnwindSafe(|| eframe::run_native(&title, options, create)));
    let trouble = match shown {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(reason(&error)),
        Err(_panic) => Some("the display was lost".to_owned()),
    };
    let handle = engine.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (trouble, handle) {
        (Some(reason), None) => Err(WindowError::NotOpened(reason)),
        (trouble, handle) => {
            if handle.is_some_and(|handle| handle.join().is_err()) {
                return Err(WindowError::Stopped);
            }
            trouble.map_or(Ok(()), |reason| Err(WindowError::Lost(reason)))
        }
    }
}

/// What is missing, without the toolkit's source lines.
fn reason(error: &eframe::Error) -> String {
    tracing::debug!(%error, "the window has an error");
    match error {
        eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_) => "there is no display".to_owned(),
        eframe::Error::Glutin(_) | eframe::Error::NoGlutinConfigs(..) | eframe::Error::OpenGL(_) => {
            "the display has no usable OpenGL".to_owned()
        }
        error => error.to_string(),
    }
}

fn options(setup: &WindowSetup) -> eframe::NativeOptions {
    let icon = setup.icon.as_deref().and_then(|png| eframe::icon_data::from_png_bytes(png).ok());
    let viewport = ViewportBuilder::default()
        .with_title(&setup.title)
        .with_app_id(&setup.app)
        .with_inner_size([400.0, 260.0])
        .with_min_inner_size([360.0, 260.0])
        .with_maximize_button(false)
        .with_active(setup.takes_focus)
        .with_icon(icon.unwrap_or_default());
    eframe::NativeOptions {
        viewport,
        centered: true,
        system_font_fallback: false,
        event_loop_builder: Some(Box::new(crate::platform::window::choose_frame)),
        ..eframe::NativeOptions::default()
    }
}

/// Fits the window into the system's loop of events.
struct Shell(Window);

impl eframe::App for Shell {
    fn logic(&mut self, ctx: &eframe::egui::Context, _frame: &mut eframe::Frame) {
        self.0.logic(ctx);
    }

    fn ui(&mut self, ui: &mut eframe::egui::Ui, _frame: &mut eframe::Frame) {
        self.0.ui(ui);
    }

    fn clear_color(&self, visuals: &eframe::egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}
