//! The pages of the window, one file a state: each makes of a [`View`] what is to be seen and pressed.
//!
//! Pages are pure: they return commands and never speak to the update themselves.

mod back;
mod checking;
mod current;
mod done;
mod ended;
mod failed;
mod go_back;
mod installing;
mod offer;
mod progress;
pub(super) mod settings;
mod waiting;
pub(super) mod widgets;

use std::path::Path;
use std::time::{Duration, Instant};

use eframe::egui::Ui;

use crate::report::{Answer, Board, Phase, ReleaseRef, Step};

use super::preferences::Kept;
use super::texts::Texts;

pub(super) use failed::report;
pub(super) use progress::CONTINUED;

/// What a press means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// Answers what the update asks.
    Answer(Answer),
    /// Ends the update before it changes anything.
    Cancel,
    /// Holds the transfer, or lets it go on.
    Pause(bool),
    /// Ends the wait before the next try.
    RetryNow,
    /// Opens or closes the details.
    Details(bool),
    /// Asks whether to go back to the release before, or asks no more.
    AskBack(bool),
    /// Copies the log.
    Copy,
    /// Opens or closes the settings.
    Settings(bool),
    /// Makes hold what the settings say.
    Keep,
}

/// Which page is in sight. Pages with other buttons are other pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Checking,
    Optional,
    Forced,
    Progress,
    Paused,
    Reconnecting,
    Waiting,
    Installing,
    Done,
    Current,
    Back,
    Failed,
    GoBack,
    Ended,
    Settings,
}

/// All a page may look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) board: &'a Board,
    pub(super) texts: &'a Texts,
    /// The program's name.
    pub(super) app: &'a str,
    /// Whether there is a program to start.
    pub(super) can_start: bool,
    /// After how long the update starts the program by itself.
    pub(super) starts_after: Option<Duration>,
    pub(super) now: Instant,
    /// When the phase began, or the last word about the connection came.
    pub(super) since: Instant,
    /// The update was told to end and has not done so yet.
    pub(super) cancelling: bool,
    /// Somebody tried to close a window that can't be closed now.
    pub(super) close_refused: bool,
    pub(super) details: bool,
    pub(super) copied: bool,
    /// What was done, newest last.
    pub(super) story: &'a [Step],
    /// Where the log is.
    pub(super) log: Option<&'a Path>,
    /// The window only shows what another updater does.
    pub(super) follows: bool,
    /// The release to which the person can go back.
    pub(super) before: Option<&'a ReleaseRef>,
    /// The person is asked whether to.
    pub(super) asks_back: bool,
    /// The settings while they are open.
    pub(super) draft: Option<&'a settings::DraftCell>,
    /// What became of the last wish.
    pub(super) kept: Option<Kept>,
}

impl View<'_> {
    /// The text `key`, which may name the program.
    pub(super) fn text(&self, key: &str) -> String {
        self.texts.with(key, &[("app", self.app)])
    }

    /// The text `key`, which names the program and `blanks`.
    pub(super) fn with(&self, key: &str, blanks: &[(&str, &str)]) -> String {
        let mut all = vec![("app", self.app)];
        all.extend_from_slice(blanks);
        self.texts.with(key, &all)
    }

    /// Whole seconds from now to `span` after the phase began, rounded up.
    pub(super) fn seconds_to(&self, span: Duration) -> u64 {
        let left = span.saturating_sub(self.now.saturating_duration_since(self.since));
        left.as_secs() + u64::from(left.subsec_nanos() > 0)
    }
}

/// A button.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) label: String,
    pub(super) command: Command,
    pub(super) main: bool,
}

impl Choice {
    pub(super) fn new(label: String, command: Command) -> Self {
        Self { label, command, main: false }
    }

    pub(super) fn main(label: String, command: Command) -> Self {
        Self { label, command, main: true }
    }
}

/// What is to be seen and pressed.
pub(super) struct Page {
    pub(super) name: Name,
    pub(super) title: String,
    /// The grey line under the title; empty for none.
    pub(super) below: String,
    /// What a screen reader says when it changes; the title and the line below if empty.
    pub(super) spoken: String,
    /// The title tells of something that went wrong.
    pub(super) bad: bool,
    /// From left to right, the main one last.
    pub(super) buttons: Vec<Choice>,
    /// What Esc and the window's close button mean; nothing where the window has to stay.
    pub(super) escape: Option<Command>,
    /// What stands between the texts and the buttons.
    pub(super) body: fn(&mut Ui, &View<'_>) -> Option<Command>,
    /// The height the page wants, in points.
    pub(super) height: f32,
}

impl Page {
    fn new(name: Name, title: String) -> Self {
        Self {
            name,
            title,
            below: String::new(),
            spoken: String::new(),
            bad: false,
            buttons: Vec::new(),
            escape: None,
            body: |_ui, _view| None,
            height: 260.0,
        }
    }

    /// The button under Enter.
    pub(super) fn main(&self) -> Option<Command> {
        self.buttons.iter().find(|choice| choice.main).map(|choice| choice.command)
    }

    /// What a screen reader says when the page appears.
    pub(super) fn announcement(&self) -> String {
        match (&self.spoken, &self.below) {
            (spoken, _) if !spoken.is_empty() => format!("{}. {spoken}", self.title),
            (_, below) if !below.is_empty() => format!("{}. {below}", self.title),
            _ => self.title.clone(),
        }
    }
}

/// The page to show: the settings while they are open, else what the update is at.
pub(super) fn page(view: &View<'_>) -> Page {
    if view.draft.is_some() {
        return settings::page(view);
    }
    if let Some(before) = view.before.filter(|_| view.asks_back) {
        return go_back::page(view, before);
    }
    let mut page = phase_page(view);
    if view.follows {
        // Nothing can be said to an update that another process does.
        let close = Command::Answer(Answer::Quit);
        page.buttons = vec![Choice::new(view.text("button-close"), close)];
        page.escape = Some(close);
        if page.below.is_empty() || page.name == Name::Checking {
            page.below = view.text("other-below");
        }
    }
    page
}

/// The page for what the update is at.
fn phase_page(view: &View<'_>) -> Page {
    match &view.board.phase {
        Phase::Checking => checking::page(view),
        Phase::Offered => offer::page(view),
        Phase::Planning | Phase::Downloading | Phase::Paused | Phase::Reconnecting { .. } => {
            progress::page(view)
        }
        Phase::WaitingForHost { holders, .. } => waiting::page(view, holders),
        Phase::Installing => installing::page(view),
        Phase::Done(installed) => done::page(view, installed),
        Phase::UpToDate(installed) => current::page(view, installed),
        Phase::RolledBack { from, to, .. } => back::page(view, from, to),
        Phase::Failed { failure, installed, may_start, remedy, .. } => {
            failed::page(view, failure, installed, *may_start, remedy.as_ref())
        }
        Phase::Ended => ended::page(view),
    }
}
