//! The window itself: takes in events, paints the page they lead to, and says to the update what was pressed.
//!
//! This is the only file of the room that speaks to [`Control`](crate::report::Control).

use std::cell::RefCell;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use eframe::egui::{
    self, Event as Input, Key, Label, Rect, RichText, ScrollArea, Sense, Ui, UiBuilder, UserAttentionType,
    ViewportCommand, accesskit, vec2,
};

use super::desktop::{self, Word};
use super::feed::{Caller, Feed, Note};
use super::guard::{Clock, Guard};
use super::pages::settings::{self, Draft};
use super::pages::{self, Command, Name, Page, View, widgets};
use super::picture::{self, Icon};
use super::preferences::{Before, Kept};
use super::texts::Texts;
use super::theme::{self, Palette};
use super::{WindowSetup, fonts};
use crate::platform::desktop::Bar;
use crate::report::{Answer, Board, Event, Phase, ReleaseRef, Step};

/// Most steps kept for the details.
const STORY: usize = 200;
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
    /// Who brings this window to the front.
    caller: Caller,
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
    /// What was done, newest last.
    story: Vec<Step>,
    icon: Option<Icon>,
    /// The release to which the person can go back from this page.
    before: Option<ReleaseRef>,
    /// The person is asked whether to go back.
    asks_back: bool,
    /// Nothing starts by itself any more.
    held: bool,
    /// The settings while they are open.
    draft: Option<RefCell<Draft>>,
    /// What became of the last wish.
    kept: Option<Kept>,
    over: bool,
    /// The window may close although the update has not ended.
    let_go: bool,
    /// The size the window was last given by itself.
    fitted: Option<f32>,
    /// What the program's entry in the task bar shows.
    bar: Bar,
    /// A notification is in sight.
    told: bool,
}

impl Window {
    /// A window and the way to feed it.
    #[must_use]
    pub fn new(setup: WindowSetup, ctx: &egui::Context, clock: Clock) -> (Self, Feed) {
        theme::install(ctx, setup.accent);
        ctx.set_theme(setup.theme.preference());
        let (feed, inbox) = Feed::new(ctx.clone(), clock.clone());
        let texts = Texts::with_own(setup.language.as_deref(), &setup.texts);
        fonts::install(ctx, texts.language());
        let icon = setup.icon.as_deref().and_then(|png| picture::load(ctx, png));
        let since = clock.now();
        let window = Self {
            setup,
            texts,
            clock,
            inbox,
            caller: feed.caller(),
            board: Board::default(),
            since,
            guard: Guard::new(),
            answered: false,
            closing: None,
            close_refused: false,
            details: false,
            copied: false,
            story: Vec::new(),
            icon,
            before: None,
            asks_back: false,
            held: false,
            draft: None,
            kept: None,
            over: false,
            let_go: false,
            fitted: None,
            bar: Bar::None,
            told: false,
        };
        (window, feed)
    }

    /// Takes in what has come, also while the window is hidden.
    pub fn logic(&mut self, ctx: &egui::Context) {
        self.drain(Some(ctx));
        self.tell_desktop(ctx);
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

    /// Whether the window may close.
    pub(super) fn may_close(&self) -> bool {
        self.over || self.let_go
    }

    /// Takes in what came; the window, if there is one, is shown and hidden by it.
    fn drain(&mut self, ctx: Option<&egui::Context>) {
        while let Ok(note) = self.inbox.try_recv() {
            match note {
                Note::Event(when, event) => {
                    let before = self.take(when, &event);
                    if let (Some(ctx), Some(before)) = (ctx, before)
                        && show_or_hide(ctx, &event, &before, self.setup.takes_focus)
                        && call_for_attention(ctx)
                    {
                        self.notify();
                    }
                }
                Note::Front => ctx.into_iter().for_each(to_front),
                Note::Over => self.over = true,
            }
        }
    }

    /// Takes in `event`. Returns what was before it, where it is a step.
    fn take(&mut self, when: Instant, event: &Event) -> Option<Phase> {
        let Event::Step(step) = event else {
            self.board.apply(event);
            return None;
        };
        let before = self.board.phase.clone();
        self.board.apply(event);
        self.remember(step);
        if self.board.phase != before || matches!(step, Step::Interrupted { .. } | Step::Continued) {
            self.since = when;
            self.answered = false;
            self.close_refused = false;
        }
        if std::mem::discriminant(&self.board.phase) != std::mem::discriminant(&before) {
            (self.details, self.copied) = (false, false);
            (self.asks_back, self.held) = (false, false);
            let may_go_back = matches!(self.board.phase, Phase::Failed { .. } | Phase::UpToDate(_));
            let teller = self.setup.before.as_ref().filter(|_| may_go_back && !self.setup.follows);
            self.before = teller.and_then(Before::call);
            if !matches!(
                self.board.phase,
                Phase::Offered
                    | Phase::Planning
                    | Phase::Downloading
                    | Phase::Paused
                    | Phase::Reconnecting { .. }
            ) {
                // What comes now is more urgent.
                self.draft = None;
            }
        }
        Some(before)
    }

    /// Tells by a notification what the page says, for whoever looks elsewhere.
    fn notify(&mut self) {
        let Some(desktop) = &self.setup.desktop else { return };
        let page = pages::page(&self.view(self.clock.now()));
        let (title, text) = (page.title, page.below);
        desktop.call(Word::Told { title, text, front: self.caller.clone() });
        self.told = true;
    }

    /// Keeps the program's entry up to date, and takes back a notification that was heard.
    fn tell_desktop(&mut self, ctx: &egui::Context) {
        let Some(desktop) = &self.setup.desktop else { return };
        let bar = desktop::bar(&self.board);
        if std::mem::replace(&mut self.bar, bar) != bar {
            desktop.call(Word::Bar(bar));
        }
        let is_seen = ctx.input(|input| input.viewport().focused) == Some(true);
        if self.told && (is_seen || self.answered || self.over) {
            self.told = false;
            desktop.call(Word::TakenBack);
        }
    }

    fn remember(&mut self, step: &Step) {
        let mut step = step.clone();
        if let Step::Offered(offer) = &mut step {
            offer.notes.clear();
            offer.versions.clear();
        }
        self.story.push(step);
        if self.story.len() > STORY {
            self.story.remove(0);
        }
    }

    /// The close button means the page's safe choice; the window goes when the update has ended.
    fn close_requested(&mut self, ctx: &egui::Context) {
        let now = self.clock.now();
        let page = pages::page(&self.view(now));
        let waited = self.closing.is_some_and(|since| now.saturating_duration_since(since) >= PATIENCE);
        if waited && page.name != Name::Installing {
            // The update knows that it is to end; nobody has to look at it.
            self.let_go = true;
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
            starts_after: self.starts_after(),
            now,
            since: self.since,
            cancelling: self.cancelling(),
            close_refused: self.close_refused,
            details: self.details,
            copied: self.copied,
            story: &self.story,
            log: self.setup.log.as_deref(),
            follows: self.setup.follows,
            before: self.before.as_ref(),
            asks_back: self.asks_back,
            draft: self.draft.as_ref(),
            kept: self.kept,
        }
    }

    fn starts_after(&self) -> Option<Duration> {
        self.setup.starts_after.filter(|_| !self.held)
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
            Command::AskBack(open) => {
                self.asks_back = open;
                // The program must not start while the person thinks about it.
                if matches!(self.board.phase, Phase::UpToDate(_)) && !std::mem::replace(&mut self.held, true)
                {
                    control.answer(Answer::Hold);
                }
            }
            Command::Copy => {
                let report = pages::report(&self.view(self.clock.now()));
                ctx.copy_text(report);
                self.copied = true;
            }
            Command::Settings(open) => {
                self.keep();
                self.kept = None;
                let now = self.setup.preferences.as_ref().filter(|_| open);
                self.draft = now.map(|(now, _)| RefCell::new(Draft::of(now)));
            }
            Command::Keep => self.keep(),
        }
        ctx.request_repaint();
    }

    /// Makes hold what the settings say, if it is anything new.
    fn keep(&mut self) {
        let (Some(draft), Some((now, keep))) = (&self.draft, &mut self.setup.preferences) else { return };
        let wanted = draft.borrow().preferences(now);
        if wanted == *now {
            return;
        }
        let kept = keep.call(now, &wanted);
        self.kept = Some(kept);
        if kept != Kept::Refused {
            if wanted.language != now.language {
                self.texts = Texts::with_own(wanted.language.as_deref(), &self.setup.texts);
            }
            *now = wanted;
        }
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
        // Painted last, so that Tab comes to it last.
        let gear = (self.setup.preferences.is_some() && settings::may_open(page)).then(|| {
            let corner = inner.right_top() + vec2(6.0, -6.0);
            Rect::from_min_size(corner - vec2(widgets::GEAR, 0.0), vec2(widgets::GEAR, widgets::GEAR))
        });
        let room = if gear.is_some() { widgets::GEAR } else { 0.0 };
        let head = |ui: &mut Ui| heading(ui, page, self.icon.as_ref(), room);
        let tight = above.height() - heading_height(ui, page, inner.width() - room) < LEAST_BODY;
        let content = ui.scope_builder(UiBuilder::new().max_rect(above), |ui| {
            if !tight {
                head(ui);
            }
            // The scroll bar stands in the margin.
            let width = ui.available_width();
            ui.set_max_width(width + 10.0);
            let scroll = ScrollArea::vertical().auto_shrink([false, false]).id_salt(page.name);
            let body = scroll.show(ui, |ui| {
                ui.set_max_width(width);
                if tight {
                    head(ui);
                }
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
        let opened = gear.is_some_and(|rect| widgets::gear(ui, rect, &self.texts.get("button-settings")));
        content.inner.or(buttons.inner).or(opened.then_some(Command::Settings(true)))
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
            Phase::Done(_) | Phase::UpToDate(_) => self.starts_after().filter(|_| self.setup.can_start),
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
    // An open list takes the key for itself.
    if pressed(Key::Escape) && !egui::Popup::is_any_open(ctx) {
        return page.escape;
    }
    let free = ctx.memory(|memory| memory.focused().is_none());
    if free && pressed(Key::Enter) { page.main() } else { None }
}

/// Where less than this is left below the title, the title scrolls with the rest.
const LEAST_BODY: f32 = 84.0;

/// The height of title and line below it, nearly.
fn heading_height(ui: &Ui, page: &Page, width: f32) -> f32 {
    let height = |text: &str, style: egui::TextStyle| {
        let font = style.resolve(ui.style());
        ui.painter().layout(text.to_owned(), font, egui::Color32::PLACEHOLDER, width).size().y
    };
    let below = if page.below.is_empty() { 0.0 } else { 6.0 + height(&page.below, egui::TextStyle::Body) };
    height(&page.title, egui::TextStyle::Heading) + below + 14.0
}

/// Title and the line below it, and what a screen reader says when they change. `room` is kept free at the right.
fn heading(ui: &mut Ui, page: &Page, icon: Option<&Icon>, room: f32) {
    let title = match icon {
        None => titles(ui, page, room),
        Some(icon) => {
            let row = ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 12.0;
                picture::show(ui, icon);
                ui.vertical(|ui| titles(ui, page, room)).inner
            });
            row.inner
        }
    };
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

fn titles(ui: &mut Ui, page: &Page, room: f32) -> egui::Response {
    let palette = Palette::now(ui);
    let color = if page.bad { palette.error } else { palette.text };
    let width = ui.available_width() - room;
    let text = Label::new(RichText::new(&page.title).heading().color(color)).wrap();
    let title = ui.scope(|ui| {
        ui.set_max_width(width);
        ui.add(text)
    });
    ui.ctx().accesskit_node_builder(title.inner.id, |node| {
        node.set_role(accesskit::Role::Heading);
        node.set_label(page.title.as_str());
    });
    if !page.below.is_empty() {
        ui.add(Label::new(RichText::new(&page.below).weak()).wrap());
    }
    title.inner
}

fn name_window(ctx: &egui::Context, title: &str, language: &str) {
    ctx.accesskit_node_builder(egui::accesskit_root_id(), |node| {
        node.set_label(title);
        node.set_language(language);
    });
}

/// A program that was started comes to the front and our window goes, while the update still watches whether it
/// lives; the window is back when there is something to say. Whether somebody should look.
fn show_or_hide(ctx: &egui::Context, event: &Event, before: &Phase, takes_focus: bool) -> bool {
    match event {
        // Only the list of those who are waited for is another.
        Event::Step(Step::WaitingForHost { .. }) if matches!(before, Phase::WaitingForHost { .. }) => false,
        Event::Step(Step::Started { .. }) => {
            ctx.send_viewport_cmd(ViewportCommand::Visible(false));
            false
        }
        Event::Step(Step::RolledBack { .. } | Step::Failed { .. } | Step::WaitingForHost { .. }) => {
            ctx.send_viewport_cmd(ViewportCommand::Visible(true));
            if takes_focus {
                ctx.send_viewport_cmd(ViewportCommand::Focus);
            }
            true
        }
        Event::Step(Step::Offered(_) | Step::Installed(_)) => true,
        Event::Step(_) | Event::Progress(_) => false,
    }
}

/// A window that is behind others marks its entry in the task bar or the dock. Whether it is behind others.
fn call_for_attention(ctx: &egui::Context) -> bool {
    let is_behind = ctx.input(|input| input.viewport().focused) == Some(false);
    if is_behind {
        ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(UserAttentionType::Informational));
    }
    is_behind
}

/// A person started the updater once more: this is the window they want to see.
fn to_front(ctx: &egui::Context) {
    for command in [ViewportCommand::Visible(true), ViewportCommand::Minimized(false), ViewportCommand::Focus]
    {
        ctx.send_viewport_cmd(command);
    }
    call_for_attention(ctx);
}
