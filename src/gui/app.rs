//! The window itself: takes in events, paints the page they lead to, and says to the update what was pressed.
//!
//! This is the only file of the room that speaks to [`Control`](crate::report::Control).

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use eframe::egui::{
    self, Event as Input, Key, Label, RichText, ScrollArea, Sense, Ui, UiBuilder, ViewportCommand, accesskit,
    vec2,
};

use super::feed::{Feed, Note};
use super::guard::{Clock, Guard};
use super::pages::{self, Command, Name, Page, View, widgets};
use super::texts::Texts;
use super::theme::{self, Palette};
use super::{WindowSetup, fonts};
use crate::report::{Answer, Board, Event, Phase, Step};

/// How long a window that was told to close stays before a second close is let through.
const PATIENCE: Duration = Duration::from_secs(3);

/// The window without the loop that drives it: [`run`](super::run) drives it with the system's events, a test
/// with its own.
#[derive(Debug)]
pub struct Window {
    setup: WindowSetup,
    texts: Texts,
    clock: Clock,
    inbox: Receiver<Note>,
    board: Board,
    since: Instant,
    guard: Guard<Name>,
    /// An answer was given and the update has not said anything since.
    answered: bool,
    /// When the window was first told to close.
    closing: Option<Instant>,
    close_refused: bool,
    details: bool,
    copied: bool,
    over: bool,
    /// The size the window was last given by itself.
    fitted: Option<f32>,
}

impl Window {
    /// A window and the way to feed it.
    #[must_use]
    pub fn new(setup: WindowSetup, ctx: &egui::Context, clock: Clock) -> (Self, Feed) {
        theme::install(ctx);
        fonts::install(ctx);
        ctx.set_theme(setup.theme.preference());
        let (feed, inbox) = Feed::new(ctx.clone(), clock.clone());
        let texts = Texts::new(setup.language.as_deref());
        let since = clock.now();
        let window = Self {
            setup,
            texts,
            clock,
            inbox,
            board: Board::default(),
            since,
            guard: Guard::new(),
            answered: false,
            closing: None,
            close_refused: false,
            details: false,
            copied: false,
            over: false,
            fitted: None,
        };
        (window, feed)
    }

    /// Takes in what has come, also while the window is hidden.
    pub fn logic(&mut self, ctx: &egui::Context) {
        self.drain(Some(ctx));
        if ctx.input(|input| input.viewport().close_requested()) && !self.over {
            self.close_requested(ctx);
        }
        if self.over {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    /// Whether the window has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Takes in what came; the window, if there is one, is shown and hidden by it.
    fn drain(&mut self, ctx: Option<&egui::Context>) {
        while let Ok(note) = self.inbox.try_recv() {
            match note {
                Note::Event(when, event) => {
                    if let Some(ctx) = ctx {
                        show_or_hide(ctx, &event, &self.board.phase);
                    }
                    self.take(when, &event);
                }
                Note::Over => self.over = true,
            }
        }
    }

    fn take(&mut self, when: Instant, event: &Event) {
        let before = self.board.phase.clone();
        self.board.apply(event);
        let Event::Step(step) = event else { return };
        if self.board.phase != before || matches!(step, Step::Interrupted { .. } | Step::Continued) {
            self.since = when;
            self.answered = false;
            self.close_refused = false;
        }
        if std::mem::discriminant(&self.board.phase) != std::mem::discriminant(&before) {
            (self.details, self.copied) = (false, false);
        }
    }

    /// The close button means the page's safe choice; the window goes when the update has ended.
    fn close_requested(&mut self, ctx: &egui::Context) {
        let now = self.clock.now();
        let page = pages::page(&self.view(now));
        let waited = self.closing.is_some_and(|since| now.saturating_duration_since(since) >= PATIENCE);
        if waited && page.name != Name::Installing {
            // The update knows that it is to end; nobody has to look at it.
            return;
        }
        ctx.send_viewport_cmd(ViewportCommand::CancelClose);
        match page.escape {
            Some(command) => {
                self.closing.get_or_insert(now);
                self.say(ctx, command);
            }
            None => self.close_refused = page.name == Name::Installing,
        }
    }

    fn view(&self, now: Instant) -> View<'_> {
        View {
            board: &self.board,
            texts: &self.texts,
            app: &self.setup.app,
            can_start: self.setup.can_start,
            starts_after: self.setup.starts_after,
            now,
            since: self.since,
            cancelling: self.cancelling(),
            close_refused: self.close_refused,
            details: self.details,
            copied: self.copied,
        }
    }

    fn cancelling(&self) -> bool {
        let ends = matches!(
            self.board.phase,
            Phase::Checking
                | Phase::Planning
                | Phase::Downloading
                | Phase::Paused
                | Phase::Reconnecting { .. }
                | Phase::WaitingForHost { .. }
        );
        ends && self.setup.control.is_cancelled()
    }

    /// Does what was pressed.
    fn say(&mut self, ctx: &egui::Context, command: Command) {
        let control = &self.setup.control;
        match command {
            // May be asked for again: a program may ask its person before it goes.
            Command::Answer(Answer::CloseHost) => control.answer(Answer::CloseHost),
            Command::Answer(answer) if !self.answered => {
                self.answered = true;
                control.answer(answer);
            }
            Command::Answer(_) => {}
            Command::Cancel => control.cancel(),
            Command::Pause(paused) => control.pause(paused),
            Command::RetryNow => control.retry_now(),
            Command::Details(open) => self.details = open,
            Command::Copy => {
                let report = pages::report(&self.view(self.clock.now()));
                ctx.copy_text(report);
                self.copied = true;
            }
        }
        ctx.request_repaint();
    }

    /// Paints the window.
    pub fn ui(&mut self, ui: &mut Ui) {
        let now = self.clock.now();
        let ctx = ui.ctx().clone();
        let page = pages::page(&self.view(now));
        if self.guard.show(page.name, now) {
            ctx.memory_mut(|memory| memory.stop_text_input());
        }
        name_window(&ctx, &self.setup.title, self.texts.language());
        let pressed = self.paint(ui, &page, now);
        let typed = typed(&ctx, &page);
        if let Some(command) = pressed.or(typed)
            && self.guard.takes_input(now)
        {
            self.say(&ctx, command);
        }
        self.fit(&ctx, &page);
        self.wake_for_countdown(&ctx, now);
    }

    /// Paints texts and body, then the buttons below: in the order in which Tab and a screen reader go.
    fn paint(&self, ui: &mut Ui, page: &Page, now: Instant) -> Option<Command> {
        let margin = f32::from(theme::MARGIN);
        let view = self.view(now);
        let whole = ui.max_rect();
        ui.painter().rect_filled(whole, 0.0, Palette::now(ui).ground);
        let inner = whole.shrink(margin);
        let rows = widgets::rows(ui, &page.buttons, inner.width());
        let height = widgets::rows_height(rows.len());
        let (mut above, below) = inner.split_top_bottom_at_y(inner.bottom() - height);
        if !rows.is_empty() {
            above.max.y -= 12.0;
        }
        let content = ui.scope_builder(UiBuilder::new().max_rect(above), |ui| {
            heading(ui, page);
            // The scroll bar stands in the margin.
            let width = ui.available_width();
            ui.set_max_width(width + 10.0);
            let scroll = ScrollArea::vertical().auto_shrink([false, false]).id_salt(page.name);
            let body = scroll.show(ui, |ui| {
                ui.set_max_width(width);
                (page.body)(ui, &view)
            });
            body.inner
        });
        let live = !self.answered && !self.cancelling();
        let buttons = ui.scope_builder(UiBuilder::new().max_rect(below), |ui| {
            if !live {
                ui.disable();
            }
            ui.push_id(page.name, |ui| widgets::buttons(ui, &rows)).inner
        });
        content.inner.or(buttons.inner)
    }

    /// Gives the window the height of its page, unless the person has given it one.
    fn fit(&mut self, ctx: &egui::Context, page: &Page) {
        let size = ctx.content_rect().size();
        let touched = self.fitted.is_some_and(|fitted| (size.y - fitted).abs() > 2.0);
        let wanted = page.height;
        if self.fitted.is_none() {
            self.fitted = Some(size.y);
        }
        if touched || self.fitted == Some(wanted) {
            return;
        }
        self.fitted = Some(wanted);
        ctx.send_viewport_cmd(ViewportCommand::InnerSize(vec2(size.x, wanted)));
    }

    /// Comes back when a number that counts down has to change.
    fn wake_for_countdown(&self, ctx: &egui::Context, now: Instant) {
        let total = match &self.board.phase {
            Phase::Reconnecting { retry_in, .. } => Some(Duration::from_secs(*retry_in)),
            Phase::Done(_) | Phase::UpToDate(_) => self.setup.starts_after.filter(|_| self.setup.can_start),
            Phase::Downloading if self.board.continued => Some(pages::CONTINUED),
            _ => None,
        };
        let passed = now.saturating_duration_since(self.since);
        if let Some(left) = total.and_then(|total| total.checked_sub(passed)).filter(|left| !left.is_zero()) {
            // The number shown is rounded up, so it changes when a whole second is left.
            let part = Duration::from_nanos(u64::from(left.subsec_nanos()));
            let wait = if part.is_zero() { Duration::from_secs(1) } else { part };
            ctx.request_repaint_after(wait + Duration::from_millis(2));
        }
    }
}

impl Drop for Window {
    /// A window that is lost while the update runs can't be asked any more: the update gets the safe answer.
    fn drop(&mut self) {
        self.drain(None);
        if self.over {
            return;
        }
        let escape = pages::page(&self.view(self.clock.now())).escape;
        if let Some(Command::Answer(answer)) = escape {
            self.setup.control.answer(answer);
        }
        self.setup.control.cancel();
    }
}

/// Enter is the main button and Esc the safe choice, unless a widget that has the focus wants the key.
fn typed(ctx: &egui::Context, page: &Page) -> Option<Command> {
    let pressed = |wanted: Key| {
        ctx.input(|input| {
            input.events.iter().any(|event| {
                matches!(event, Input::Key { key, pressed: true, repeat: false, .. } if *key == wanted)
            })
        })
    };
    if pressed(Key::Escape) {
        return page.escape;
    }
    let free = ctx.memory(|memory| memory.focused().is_none());
    if free && pressed(Key::Enter) { page.main() } else { None }
}

/// Title and the line below it, and what a screen reader says when they change.
fn heading(ui: &mut Ui, page: &Page) {
    let palette = Palette::now(ui);
    let color = if page.bad { palette.error } else { palette.text };
    let title = ui.add(Label::new(RichText::new(&page.title).heading().color(color)).wrap());
    ui.ctx().accesskit_node_builder(title.id, |node| {
        node.set_role(accesskit::Role::Heading);
        node.set_label(page.title.as_str());
    });
    if !page.below.is_empty() {
        ui.add(Label::new(RichText::new(&page.below).weak()).wrap());
    }
    ui.add_space(8.0);
    // One node that stays the same through all pages: only so is its change read out.
    let status = ui.interact(title.rect, egui::Id::unique("status"), Sense::hover());
    let text = page.announcement();
    ui.ctx().accesskit_node_builder(status.id, |node| {
        node.set_role(accesskit::Role::Status);
        node.set_live(accesskit::Live::Polite);
        node.set_label(text.clone());
        node.set_value(text);
    });
}

fn name_window(ctx: &egui::Context, title: &str, language: &str) {
    ctx.accesskit_node_builder(egui::accesskit_root_id(), |node| {
        node.set_label(title);
        node.set_language(language);
    });
}

/// A program that was started comes to the front and our window goes, while the update still watches whether it
/// lives; the window is back when there is something to say.
fn show_or_hide(ctx: &egui::Context, event: &Event, before: &Phase) {
    match event {
        // Only the list of those who are waited for is another.
        Event::Step(Step::WaitingForHost { .. }) if matches!(before, Phase::WaitingForHost { .. }) => {}
        Event::Step(Step::Started { .. }) => ctx.send_viewport_cmd(ViewportCommand::Visible(false)),
        Event::Step(Step::RolledBack { .. } | Step::Failed { .. } | Step::WaitingForHost { .. }) => {
            ctx.send_viewport_cmd(ViewportCommand::Visible(true));
            ctx.send_viewport_cmd(ViewportCommand::Focus);
        }
        Event::Step(_) | Event::Progress(_) => {}
    }
}
