//! It could not be done: why, what to do about it, and what the log says.

use eframe::egui::Ui;

use super::{Choice, Command, Name, Page, View, go_back, widgets};
use crate::gui::{format, story};
use crate::report::{Answer, ErrorCode, Failure, Phase, ReleaseRef, Remedy};

pub(super) fn page(
    view: &View<'_>,
    failure: &Failure,
    installed: &ReleaseRef,
    may_start: bool,
    remedy: Option<&Remedy>,
) -> Page {
    let here = is_about_here(failure.code);
    let title = view.text(if here { "failed-title-here" } else { "failed-title" });
    let mut page = Page::new(Name::Failed, title);
    page.bad = true;
    page.below = standing(view, failure.code, installed, may_start);
    page.spoken = format!("{} {}", page.below, cause(view, failure.code)).trim().to_owned();
    let closing = if may_start { "button-close" } else { "button-quit" };
    page.buttons.push(Choice::new(view.text(closing), Command::Answer(Answer::Quit)));
    if may_start && view.can_start {
        let anyway = remedy == Some(&Remedy::StartAnyway);
        let start = if anyway { "button-start-anyway" } else { "button-start" };
        page.buttons.push(Choice::new(view.text(start), Command::Answer(Answer::Start)));
    }
    let (main, answer) = match remedy {
        Some(Remedy::OtherUser { for_all: true, .. }) => ("button-for-all", Answer::ForAll),
        _ => ("button-try-again", Answer::Update),
    };
    page.buttons.push(Choice::main(view.text(main), Command::Answer(answer)));
    page.escape = Some(Command::Answer(Answer::Quit));
    page.body = body;
    // A remedy takes a line or two more, and the links shall be in sight with it.
    let remedy = if remedy.is_some() { 60.0 } else { 0.0 };
    page.height = remedy + if view.details { 440.0 } else { 330.0 };
    page
}

/// The reason is where the program lies, not the update.
fn is_about_here(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NoSpace
            | ErrorCode::Permission
            | ErrorCode::ReadOnly
            | ErrorCode::OtherVolume
            | ErrorCode::InTheWay
            | ErrorCode::PassingPlace
            | ErrorCode::PathTooLong
    )
}

/// What stands now, said only where it is known.
fn standing(view: &View<'_>, code: ErrorCode, installed: &ReleaseRef, may_start: bool) -> String {
    let unsure = [ErrorCode::Journal, ErrorCode::Start, ErrorCode::Internal, ErrorCode::RolledBack];
    match &installed.version {
        _ if unsure.contains(&code) => String::new(),
        Some(_) if may_start => view.with("failed-works", &[("version", &format::release(installed))]),
        _ => view.text("failed-unchanged"),
    }
}

/// What happened, in the person's language.
fn cause(view: &View<'_>, code: ErrorCode) -> String {
    view.text(&format!("cause-{}", code.as_str().replace('.', "-")))
}

/// What to do about it: the failure's own words in English, else a general sentence in the person's language.
fn hint(view: &View<'_>, failure: &Failure, remedy: Option<&Remedy>) -> String {
    if matches!(remedy, Some(Remedy::OtherUser { for_all: true, .. })) {
        return view.text("hint-for-all");
    }
    if view.texts.language() == "en"
        && let Some(hint) = &failure.hint
    {
        return hint.clone();
    }
    view.text(match failure.code {
        ErrorCode::Unreachable | ErrorCode::BadAnswer | ErrorCode::Missing => "hint-network",
        ErrorCode::Insecure
        | ErrorCode::Signature
        | ErrorCode::Replay
        | ErrorCode::Mismatch
        | ErrorCode::Malformed
        | ErrorCode::Corrupt
        | ErrorCode::NoRoot => "hint-trust",
        ErrorCode::NoSpace => "hint-disk-space",
        ErrorCode::Permission => "hint-disk-permission",
        ErrorCode::ReadOnly | ErrorCode::OtherVolume | ErrorCode::PassingPlace | ErrorCode::PathTooLong => {
            "hint-move"
        }
        ErrorCode::InTheWay => "hint-in-the-way",
        ErrorCode::Disk => "hint-disk",
        ErrorCode::HostRuns | ErrorCode::InUse => "hint-busy",
        _ => "hint-other",
    })
}

fn body(ui: &mut Ui, view: &View<'_>) -> Option<Command> {
    let Phase::Failed { failure, log, remedy, may_start, .. } = &view.board.phase else { return None };
    widgets::strong(ui, &cause(view, failure.code));
    if let Some(remedy) = remedy.as_ref().and_then(|remedy| numbers(view, remedy)) {
        widgets::plain(ui, &remedy);
    }
    widgets::plain(ui, &hint(view, failure, remedy.as_ref()));
    widgets::fact(ui, &failure.message);
    if let Some(log) = log {
        widgets::path(ui, &view.with("failed-log", &[("path", &log.display().to_string())]));
    }
    // Where a required update bars the program there is no way around it.
    let back = if *may_start { go_back::link(ui, view) } else { None };
    details(ui, view).or(back)
}

/// The facts that a remedy turns on, in the person's language.
fn numbers(view: &View<'_>, remedy: &Remedy) -> Option<String> {
    match remedy {
        Remedy::FreeSpace { needed, free } => {
            let (needed, free) = (format::bytes(view.texts, *needed), format::bytes(view.texts, *free));
            Some(view.with("remedy-space", &[("needed", &needed), ("free", &free)]))
        }
        Remedy::OtherUser { owner: Some(owner), .. } => Some(view.with("remedy-owner", &[("owner", owner)])),
        Remedy::MoveAway { path } => Some(view.with("remedy-path", &[("path", path)])),
        _ => None,
    }
}

/// The links to details and copy, and the details if they are open.
pub(super) fn details(ui: &mut Ui, view: &View<'_>) -> Option<Command> {
    let mut command = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 16.0;
        let details = if view.details { "button-hide-details" } else { "button-details" };
        if widgets::link(ui, &view.text(details)) {
            command = Some(Command::Details(!view.details));
        }
        let copy = if view.copied { "button-copied" } else { "button-copy-log" };
        if widgets::link(ui, &view.text(copy)) {
            command = Some(Command::Copy);
        }
    });
    if view.details {
        widgets::sheet(ui, &view.text("failed-messages"), |ui| {
            if let Phase::Failed { failure, .. } = &view.board.phase {
                widgets::fact(ui, &view.with("failed-code", &[("code", failure.code.as_str())]));
            }
            for line in view.story.iter().filter_map(|step| story::line(view.texts, view.app, step)) {
                widgets::fact(ui, &line);
            }
        });
    }
    command
}

/// What «Copy log» puts on the clipboard: enough for the vendor to know what happened.
pub(in crate::gui) fn report(view: &View<'_>) -> String {
    let mut lines = vec![view.app.to_owned()];
    if let Some(offer) = &view.board.offer {
        lines.push(format!("{} -> {}", format::release(&offer.installed), format::release(&offer.release)));
    }
    let mut log = view.log;
    if let Phase::Failed { failure, log: said, .. } = &view.board.phase {
        lines.push(failure.to_string());
        log = said.as_deref().or(log);
    }
    lines.extend(log.map(|log| log.display().to_string()));
    lines.push(String::new());
    lines.extend(view.board.messages.iter().cloned());
    lines.join("\n")
}
