//! Nothing new.

use super::{Name, Page, View, done, go_back};
use crate::gui::format;
use crate::report::ReleaseRef;

pub(super) fn page(view: &View<'_>, installed: &ReleaseRef) -> Page {
    let mut page = Page::new(Name::Current, view.text("current-title"));
    page.below = match installed.version {
        Some(_) => view.with("current-below", &[("version", &format::release(installed))]),
        None => view.text("current-none"),
    };
    done::closing_buttons(view, &mut page);
    page.body = |ui, view| {
        done::countdown(ui, view);
        go_back::link(ui, view)
    };
    page
}
