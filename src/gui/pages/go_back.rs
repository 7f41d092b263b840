//! Back to the release before: the quiet link that leads here, and the question.

use eframe::egui::Ui;

use super::{Choice, Command, Name, Page, View, widgets};
use crate::gui::format;
use crate::report::{Answer, Phase, ReleaseRef};

pub(super) fn page(view: &View<'_>, before: &ReleaseRef) -> Page {
    let version = [("version", &*format::release(before))];
    let mut page = Page::new(Name::GoBack, view.with("go-back-title", &version));
    let left = match &view.board.phase {
        Phase::UpToDate(installed) | Phase::Failed { installed, .. } => format::release(installed),
        _ => String::new(),
    };
    page.below = view.with("go-back-below", &[("installed", &left)]);
    let stay = Command::AskBack(false);
    page.buttons.push(Choice::new(view.text("button-back"), stay));
    let back = view.with("button-go-back", &version);
    page.buttons.push(Choice::main(back, Command::Answer(Answer::GoBack)));
    page.escape = Some(stay);
    page
}

/// The way to the question, where there is a release to go back to.
pub(super) fn link(ui: &mut Ui, view: &View<'_>) -> Option<Command> {
    let label = view.with("button-go-back", &[("version", &format::release(view.before?))]);
    widgets::link(ui, &label).then_some(Command::AskBack(true))
}
