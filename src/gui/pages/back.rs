//! The old version is back: the new one did not live, or a person wanted that.

use eframe::egui::Ui;

use super::{Choice, Command, Name, Page, View, failed, widgets};
use crate::gui::{format, story};
use crate::report::{Answer, Phase, ReleaseRef};

pub(super) fn page(view: &View<'_>, from: &ReleaseRef, to: &ReleaseRef) -> Page {
    let (from, to) = (format::release(from), format::release(to));
    let by_hand = matches!(&view.board.phase, Phase::RolledBack { reason, .. } if reason.is_empty());
    let title = if by_hand { "back-title-by-hand" } else { "back-title" };
    let mut page = Page::new(Name::Back, view.with(title, &[("from", &from), ("to", &to)]));
    page.below = view.with("back-below", &[("to", &to)]);
    let close = Command::Answer(Answer::Quit);
    page.buttons.push(Choice::new(view.text("button-close"), close));
    if view.can_start {
        page.buttons.push(Choice::main(view.text("button-start"), Command::Answer(Answer::Start)));
    }
    page.escape = Some(close);
    page.body = body;
    page.bad = !by_hand;
    page.height = if view.details { 420.0 } else { 290.0 };
    page
}

fn body(ui: &mut Ui, view: &View<'_>) -> Option<Command> {
    if let Phase::RolledBack { reason, .. } = &view.board.phase
        && !reason.is_empty()
    {
        let reason = story::reason(view.texts, reason);
        widgets::fact(ui, &view.with("back-reason", &[("reason", &reason)]));
    }
    if let Some(log) = view.log {
        widgets::path(ui, &view.with("failed-log", &[("path", &log.display().to_string())]));
    }
    failed::details(ui, view)
}
