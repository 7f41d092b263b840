//! Files are switched; there is no way back but through.

use eframe::egui::Ui;

use super::{Command, Name, Page, View, widgets};
use crate::gui::format;
use crate::report::ProgressPhase;

pub(super) fn page(view: &View<'_>) -> Page {
    let title = match &view.board.offer {
        Some(offer) => view.with("installing-title", &[("version", &format::release(&offer.release))]),
        None => view.text("installing-title-plain"),
    };
    let mut page = Page::new(Name::Installing, title);
    let below = if view.close_refused { "installing-close" } else { "installing-below" };
    page.below = view.text(below);
    page.body = body;
    page
}

fn body(ui: &mut Ui, view: &View<'_>) -> Option<Command> {
    let progress = &view.board.progress;
    let counts = progress.phase == ProgressPhase::Install && progress.total > 0;
    // The step for all users fetches by itself, while this page is shown.
    let fetches = progress.phase == ProgressPhase::Download && progress.done < progress.total;
    let percent = (counts || fetches).then(|| format::percent(progress.done, progress.total));
    widgets::bar(ui, view.texts, percent);
    if counts {
        let (done, total) =
            (format::number(view.texts, progress.done), format::number(view.texts, progress.total));
        widgets::quiet(ui, &view.with("installing-files", &[("done", &done), ("total", &total)]));
    }
    if fetches {
        let (done, total) =
            (format::bytes(view.texts, progress.done), format::bytes(view.texts, progress.total));
        widgets::quiet(ui, &view.with("progress-bytes", &[("done", &done), ("total", &total)]));
    }
    None
}
