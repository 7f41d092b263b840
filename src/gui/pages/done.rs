//! The new version stands.

use eframe::egui::Ui;

use super::{Choice, Command, Name, Page, View, widgets};
use crate::gui::format;
use crate::report::{Answer, Installed};

pub(super) fn page(view: &View<'_>, installed: &Installed) -> Page {
    let version = format::release(&installed.to);
    let mut page = Page::new(Name::Done, view.with("done-title", &[("version", &version)]));
    page.below = view.with("done-below", &[("counts", &counts(view, installed))]);
    closing_buttons(view, &mut page);
    page
}

/// What was done.
fn counts(view: &View<'_>, installed: &Installed) -> String {
    let comma = view.text("progress-comma");
    let totals = installed.totals;
    let written = totals.add + totals.update;
    let mut parts = Vec::new();
    if written > 0 {
        parts.push(view.texts.count("done-updated", written, &format::number(view.texts, written)));
    }
    if totals.remove > 0 {
        parts.push(view.texts.count(
            "done-removed",
            totals.remove,
            &format::number(view.texts, totals.remove),
        ));
    }
    if parts.is_empty() {
        parts.push(view.text("done-nothing"));
    }
    parts.join(&comma)
}

/// Close and Start, for pages after which the program runs.
pub(super) fn closing_buttons(view: &View<'_>, page: &mut Page) {
    let close = Command::Answer(Answer::Quit);
    page.escape = Some(close);
    if view.can_start {
        page.buttons.push(Choice::new(view.text("button-close"), close));
        page.buttons.push(Choice::main(view.text("button-start"), Command::Answer(Answer::Start)));
    } else {
        page.buttons.push(Choice::main(view.text("button-close"), close));
    }
    page.body = |ui, view| {
        countdown(ui, view);
        None
    };
}

/// When the program starts by itself.
pub(super) fn countdown(ui: &mut Ui, view: &View<'_>) {
    if let Some(span) = view.starts_after.filter(|_| view.can_start) {
        let left = format::span(view.texts, view.seconds_to(span));
        widgets::quiet(ui, &view.with("starts-in", &[("span", &left)]));
    }
}
