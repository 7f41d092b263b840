//! The program must end before its files can be switched.

use super::{Choice, Command, Name, Page, View, widgets};
use crate::report::{Answer, Phase};

pub(super) fn page(view: &View<'_>, _pid: u32) -> Page {
    let mut page = Page::new(Name::Waiting, view.text("waiting-title"));
    page.below = view.text(if view.cancelling { "progress-cancelling" } else { "waiting-below" });
    page.buttons = vec![
        Choice::new(view.text("button-cancel"), Command::Cancel),
        Choice::main(view.text("button-close-app"), Command::Answer(Answer::CloseHost)),
    ];
    page.escape = Some(Command::Cancel);
    page.body = |ui, view| {
        if let Phase::WaitingForHost { pid } = view.board.phase {
            widgets::small(ui, &view.with("waiting-process", &[("pid", &pid.to_string())]));
        }
        None
    };
    page
}
