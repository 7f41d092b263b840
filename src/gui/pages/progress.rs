//! Content is read and fetched: the bar, the pause, and the connection that comes and goes.

use std::time::Duration;

use eframe::egui::Ui;

use crate::report::{Phase, Progress, ProgressPhase};

use super::{Choice, Command, Name, Page, View, widgets};
use crate::gui::{format, story};

/// How long the good news stays.
pub(in crate::gui) const CONTINUED: Duration = Duration::from_secs(3);

pub(super) fn page(view: &View<'_>) -> Page {
    let phase = &view.board.phase;
    let name = match phase {
        Phase::Reconnecting { .. } => Name::Reconnecting,
        Phase::Paused => Name::Paused,
        _ => Name::Progress,
    };
    let mut page = Page::new(name, title(view));
    page.buttons.push(Choice::new(view.text("button-cancel"), Command::Cancel));
    match name {
        Name::Reconnecting => {
            page.buttons.push(Choice::main(view.text("button-retry-now"), Command::RetryNow));
            page.spoken = view.text("lost-spoken");
        }
        Name::Paused => {
            page.buttons.push(Choice::main(view.text("button-resume"), Command::Pause(false)));
            page.below = view.text("progress-paused");
        }
        _ => {
            // A pause holds the transfer; before it there is nothing to hold.
            if *phase == Phase::Downloading {
                page.buttons.push(Choice::new(view.text("button-pause"), Command::Pause(true)));
            }
            if continued(view) {
                page.spoken = view.text("lost-continued");
            }
        }
    }
    if view.cancelling {
        page.below = view.text("progress-cancelling");
    }
    page.escape = Some(Command::Cancel);
    page.body = body;
    page
}

fn title(view: &View<'_>) -> String {
    match &view.board.offer {
        Some(offer) => view.with("progress-title", &[("version", &format::release(&offer.release))]),
        // The connection may be lost before anything is known.
        None if view.board.totals.is_none() => view.text("checking-title"),
        None => view.text("progress-title-plain"),
    }
}

/// Whether the connection came back a moment ago.
fn continued(view: &View<'_>) -> bool {
    view.board.continued && view.now.saturating_duration_since(view.since) < CONTINUED
}

fn body(ui: &mut Ui, view: &View<'_>) -> Option<Command> {
    let progress = &view.board.progress;
    let known = progress.total > 0;
    let percent = known.then(|| format::percent(progress.done, progress.total));
    let nothing = view.board.offer.is_none() && view.board.totals.is_none();
    if !nothing {
        widgets::bar(ui, view.texts, percent);
    }
    if nothing {
        // The connection was lost before there was anything to tell of.
    } else if view.board.phase == Phase::Planning && !known {
        widgets::quiet(ui, &view.text("progress-planning"));
    } else {
        widgets::path_line(ui, file(progress), |name| what(view, progress, name));
        widgets::quiet(ui, &amounts(view, progress));
    }
    match &view.board.phase {
        Phase::Reconnecting { attempt, retry_in, reason } => {
            let left = view.seconds_to(Duration::from_secs(*retry_in));
            let first = match left {
                0 => view.text("lost-band-now"),
                _ => view.with("lost-band", &[("span", &format::span(view.texts, left))]),
            };
            let attempt =
                view.with("lost-attempt", &[("shown", &format::number(view.texts, u64::from(*attempt)))]);
            widgets::band(ui, widgets::Mood::Amber, &first, &attempt, &story::reason(view.texts, reason));
        }
        _ if continued(view) => {
            widgets::band(ui, widgets::Mood::Green, &view.text("lost-continued"), "", "");
        }
        _ => {}
    }
    None
}

fn file(progress: &Progress) -> String {
    progress.file.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// What is done with which file.
fn what(view: &View<'_>, progress: &Progress, name: &str) -> String {
    let (index, count) =
        (format::number(view.texts, progress.file_index), format::number(view.texts, progress.file_count));
    let blanks = [("file", name), ("index", index.as_str()), ("count", count.as_str())];
    match progress.phase {
        _ if name.is_empty() && progress.phase == ProgressPhase::Download => {
            view.text("progress-fetch-plain")
        }
        _ if name.is_empty() => view.text("progress-planning"),
        ProgressPhase::Scan => view.with("progress-scan", &blanks),
        ProgressPhase::Download => view.with("progress-fetch", &blanks),
        ProgressPhase::Stage | ProgressPhase::Install => view.with("progress-stage", &blanks),
    }
}

/// Bytes, speed and time left, as far as they are known and mean something.
fn amounts(view: &View<'_>, progress: &Progress) -> String {
    if progress.total == 0 {
        return String::new();
    }
    let (done, total) = (
        format::bytes(view.texts, progress.done.min(progress.total)),
        format::bytes(view.texts, progress.total),
    );
    let mut parts = vec![view.with("progress-bytes", &[("done", &done), ("total", &total)])];
    // Speed and time left of a transfer that stands still would be lies.
    let flows = view.board.phase == Phase::Downloading && !view.cancelling;
    if flows && progress.speed > 0 {
        parts.push(view.with("progress-speed", &[("speed", &format::bytes(view.texts, progress.speed))]));
        if let Some(left) = progress.seconds_left {
            parts.push(view.with("progress-left", &[("span", &format::span(view.texts, left))]));
        }
    }
    parts.join(&view.text("progress-comma"))
}
