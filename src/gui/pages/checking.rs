//! The repository is being asked.

use super::{Choice, Command, Name, Page, View};

pub(super) fn page(view: &View<'_>) -> Page {
    let mut page = Page::new(Name::Checking, view.text("checking-title"));
    page.below = view.text(if view.cancelling { "progress-cancelling" } else { "checking-below" });
    page.buttons = vec![Choice::new(view.text("button-cancel"), Command::Cancel)];
    page.escape = Some(Command::Cancel);
    page
}
