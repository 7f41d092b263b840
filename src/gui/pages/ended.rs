//! The person said no; the window is about to go.

use super::{Name, Page, View};

pub(super) fn page(view: &View<'_>) -> Page {
    let mut page = Page::new(Name::Ended, view.text("ended-title"));
    page.below = view.text("ended-below");
    page
}
