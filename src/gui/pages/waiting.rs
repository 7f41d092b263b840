//! The program, and whatever else uses its files, must end before they can be switched.

use eframe::egui::Ui;

use super::{Choice, Command, Name, Page, View, widgets};
use crate::report::{Answer, Holder, Phase};

/// More names than this are counted instead.
const MOST_NAMES: usize = 6;

pub(super) fn page(view: &View<'_>, holders: &[Holder]) -> Page {
    let waits = || holders.iter().filter(|holder| holder.must_end);
    let mut page = Page::new(Name::Waiting, view.text("waiting-title"));
    page.below = view.text(if view.cancelling { "progress-cancelling" } else { "waiting-below" });
    page.buttons = vec![
        Choice::new(view.text("button-cancel"), Command::Cancel),
        Choice::new(view.text("button-defer"), Command::Answer(Answer::Defer)),
    ];
    // Nobody is asked who is another user's; then there is nothing to press but to wait.
    if holders.is_empty() || waits().any(|holder| holder.own) {
        let close = view.text("button-close-app");
        page.buttons.push(Choice::main(close, Command::Answer(Answer::CloseHost)));
    }
    page.escape = Some(Command::Cancel);
    let names: Vec<String> = waits().map(|holder| name(view, holder)).collect();
    page.spoken = format!("{} {}", page.below, names.join(", ")).trim().to_owned();
    page.body = body;
    page
}

fn body(ui: &mut Ui, view: &View<'_>) -> Option<Command> {
    let Phase::WaitingForHost { pid, holders } = &view.board.phase else { return None };
    if holders.is_empty() {
        widgets::small(ui, &view.with("waiting-process", &[("pid", &pid.to_string())]));
    }
    let waits: Vec<&Holder> = holders.iter().filter(|holder| holder.must_end).collect();
    for holder in waits.iter().take(MOST_NAMES) {
        widgets::fact(ui, &name(view, holder));
    }
    if waits.len() > MOST_NAMES {
        let more = (waits.len() - MOST_NAMES).to_string();
        widgets::small(ui, &view.with("waiting-more", &[("shown", &more)]));
    }
    None
}

/// "MyApp (process 7)", and whose it is if it is another user's.
fn name(view: &View<'_>, holder: &Holder) -> String {
    let pid = holder.pid.to_string();
    let name = if holder.name.is_empty() { view.app } else { &holder.name };
    match &holder.user {
        Some(user) => view.with("waiting-other", &[("name", name), ("pid", &pid), ("user", user)]),
        None => view.with("waiting-own", &[("name", name), ("pid", &pid)]),
    }
}
