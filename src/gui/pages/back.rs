//! The new version did not live and the old one is back.

use eframe::egui::Ui;

use super::{Choice, Command, Name, Page, View, failed, widgets};
use crate::gui::format;
use crate::report::{Answer, Phase, ReleaseRef};

pub(super) fn page(view: &View<'_>, from: &ReleaseRef, to: &ReleaseRef) -> Page {
    let (from, to) = (format::release(from), format::release(to));
    let mut page = Page::new(Name::Back, view.with("back-title", &[("from", &from), ("to", &to)]));
    page.below = view.with("back-below", &[("to", &to)]);
    let close = Command::Answer(Answer::Quit);
    page.buttons.push(Choice::new(view.text("button-close"), close));
    if view.can_start {
        page.buttons.push(Choice::main(view.text("button-start"), Command::Answer(Answer::Start)));
    }
    page.escape = Some(close);
    page.body = body;
    page.height = if view.details { 400.0 } else { 280.0 };
    page
}

fn body(ui: &mut Ui, view: &View<'_>) -> Option<Command> {
    if let Phase::RolledBack { reason, .. } = &view.board.phase {
        widgets::fact(ui, &view.with("back-reason", &[("reason", reason)]));
    }
    failed::details(ui, view)
}
