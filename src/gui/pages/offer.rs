//! A release is offered: optional, or required to go on.

use eframe::egui::Ui;

use crate::release::Urgency;
use crate::report::Answer;

use super::{Choice, Command, Name, Page, View, widgets};
use crate::gui::{format, notes};

pub(super) fn page(view: &View<'_>) -> Page {
    let offer = view.board.offer.as_ref();
    let version = offer.map(|offer| format::release(&offer.release)).unwrap_or_default();
    let forced = offer.is_some_and(|offer| offer.urgency == Urgency::Forced);
    let name = if forced { Name::Forced } else { Name::Optional };
    let mut page = Page::new(name, view.with("offer-title", &[("version", &version)]));
    page.below = if forced { view.text("offer-forced") } else { facts(view) };
    let update = Choice::main(view.text("button-update"), Command::Answer(Answer::Update));
    let other = |key, answer| Choice::new(view.text(key), Command::Answer(answer));
    if forced {
        page.buttons = vec![other("button-quit", Answer::Quit), update];
        page.escape = Some(Command::Answer(Answer::Quit));
    } else {
        let (skip, later) = (other("button-skip", Answer::Skip), other("button-later", Answer::Later));
        page.buttons = vec![skip, later, update];
        page.escape = Some(Command::Answer(Answer::Later));
    }
    page.body = body;
    if offer.is_some_and(|offer| !offer.notes.is_empty()) {
        page.height = 330.0;
    }
    page
}

/// What is installed and how much is to be fetched.
fn facts(view: &View<'_>) -> String {
    let Some(offer) = &view.board.offer else { return String::new() };
    let (version, size) =
        (format::release(&offer.installed), format::bytes(view.texts, offer.download_bytes));
    match (offer.installed.version.is_some(), offer.download_bytes > 0) {
        (true, true) => view.with("offer-facts", &[("version", &version), ("size", &size)]),
        (true, false) => view.with("offer-have", &[("version", &version)]),
        (false, true) => view.with("offer-size", &[("size", &size)]),
        (false, false) => String::new(),
    }
}

fn body(ui: &mut Ui, view: &View<'_>) -> Option<Command> {
    let offer = view.board.offer.as_ref()?;
    if offer.urgency == Urgency::Forced {
        widgets::quiet(ui, &facts(view));
    }
    let found = notes::chosen(offer, view.texts.language());
    if !found.is_empty() {
        widgets::sheet(ui, &view.text("offer-notes"), |ui| notes::show(ui, &found));
    }
    None
}
