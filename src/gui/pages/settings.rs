//! What a person may set: the language, the proxy and the speed limit; and the one line about ourselves.

use std::cell::RefCell;

use eframe::egui::{ComboBox, TextEdit, Ui};

use super::{Choice, Command, Name, Page, View, widgets};
use crate::gui::format;
use crate::gui::preferences::{Kept, Preferences};
use crate::gui::texts::Texts;

/// The limits offered, in bytes a second.
const LIMITS: [u64; 7] = [100_000, 250_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000];

/// How the network is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    System,
    Direct,
    Address,
}

/// The form as it stands on the screen.
#[derive(Debug, Clone)]
pub(in crate::gui) struct Draft {
    language: Option<String>,
    way: Way,
    address: String,
    limit: Option<u64>,
}

impl Draft {
    /// The form for what holds now.
    pub(in crate::gui) fn of(now: &Preferences) -> Self {
        let (way, address) = match now.proxy.as_deref() {
            None | Some("" | "system") => (Way::System, String::new()),
            Some("direct") => (Way::Direct, String::new()),
            Some(address) => (Way::Address, address.to_owned()),
        };
        Self { language: now.language.clone(), way, address, limit: now.limit }
    }

    /// What the form says. An address that is not there yet says nothing new.
    pub(in crate::gui) fn preferences(&self, now: &Preferences) -> Preferences {
        let proxy = match self.way {
            Way::System => None,
            Way::Direct => Some("direct".to_owned()),
            Way::Address if self.address.trim().is_empty() => now.proxy.clone(),
            Way::Address => Some(self.address.trim().to_owned()),
        };
        Preferences { language: self.language.clone(), proxy, limit: self.limit }
    }
}

pub(in crate::gui) fn page(view: &View<'_>) -> Page {
    let mut page = Page::new(Name::Settings, view.text("settings-title"));
    page.below = view.text("settings-below");
    let back = Command::Settings(false);
    page.buttons = vec![Choice::main(view.text("button-back"), back)];
    page.escape = Some(back);
    page.body = body;
    page.height = 420.0;
    page
}

fn body(ui: &mut Ui, view: &View<'_>) -> Option<Command> {
    let draft = view.draft?;
    let mut draft = draft.borrow_mut();
    let changed = language(ui, view, &mut draft) | proxy(ui, view, &mut draft) | limit(ui, view, &mut draft);
    let said = match view.kept {
        None => String::new(),
        Some(Kept::Saved) => view.text("settings-saved"),
        Some(Kept::ThisRun) => view.text("settings-run-only"),
        Some(Kept::Refused) => view.text("settings-proxy-wrong"),
    };
    ui.add_space(4.0);
    widgets::quiet(ui, &said);
    widgets::small(ui, &view.with("about", &[("version", env!("CARGO_PKG_VERSION"))]));
    changed.then_some(Command::Keep)
}

/// A row of choices under its name. Returns whether another one was taken.
fn choices<T: PartialEq + Clone>(ui: &mut Ui, label: &str, all: &[(T, String)], now: &mut T) -> bool {
    let before = now.clone();
    let name = ui.label(label);
    let shown = all.iter().find(|(value, _)| value == now).map(|(_, text)| text.as_str()).unwrap_or_default();
    let combo = ComboBox::from_id_salt(("choice", label)).width(ui.available_width()).selected_text(shown);
    let combo = combo.show_ui(ui, |ui| {
        for (value, text) in all {
            ui.selectable_value(now, value.clone(), text);
        }
    });
    widgets::ring(ui, &combo.response);
    combo.response.labelled_by(name.id);
    *now != before
}

fn language(ui: &mut Ui, view: &View<'_>, draft: &mut Draft) -> bool {
    let mut all = vec![(None, view.text("settings-system"))];
    all.extend(Texts::named().into_iter().map(|(tag, name)| (Some(tag.to_owned()), name)));
    if let Some(tag) = &draft.language
        && !all.iter().any(|(known, _)| known.as_ref() == Some(tag))
    {
        all.push((Some(tag.clone()), tag.clone()));
    }
    choices(ui, &view.text("settings-language"), &all, &mut draft.language)
}

fn proxy(ui: &mut Ui, view: &View<'_>, draft: &mut Draft) -> bool {
    let ways = [
        (Way::System, view.text("settings-system")),
        (Way::Direct, view.text("settings-proxy-none")),
        (Way::Address, view.text("settings-proxy-own")),
    ];
    let other = choices(ui, &view.text("settings-proxy"), &ways, &mut draft.way);
    if draft.way != Way::Address {
        return other;
    }
    let sample = view.text("settings-proxy-sample");
    let field = TextEdit::singleline(&mut draft.address).hint_text(sample).desired_width(f32::INFINITY);
    let field = ui.add(field.char_limit(1000));
    ui.ctx().accesskit_node_builder(field.id, |node| {
        node.set_label(view.text("settings-proxy-own"));
    });
    // Told when it is written to its end, not with every letter.
    field.lost_focus() || (other && !draft.address.trim().is_empty())
}

fn limit(ui: &mut Ui, view: &View<'_>, draft: &mut Draft) -> bool {
    let speed = |limit| view.with("progress-speed", &[("speed", &format::bytes(view.texts, limit))]);
    let mut values = LIMITS.to_vec();
    values.extend(draft.limit.filter(|limit| !LIMITS.contains(limit)));
    values.sort_unstable();
    let mut all = vec![(None, view.text("settings-limit-none"))];
    all.extend(values.into_iter().map(|limit| (Some(limit), speed(limit))));
    choices(ui, &view.text("settings-limit"), &all, &mut draft.limit)
}

/// Whether the settings can be opened from `page`: not where a press is awaited within seconds.
pub(in crate::gui) fn may_open(page: &Page) -> bool {
    !matches!(
        page.name,
        Name::Settings
            | Name::Installing
            | Name::Done
            | Name::Current
            | Name::GoBack
            | Name::Ended
            | Name::Waiting
    )
}

/// The form, if there is one.
pub(in crate::gui) type DraftCell = RefCell<Draft>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_says_what_it_was_given_until_it_is_changed() {
        for proxy in [None, Some("direct".to_owned()), Some("http://p:1".to_owned())] {
            let now = Preferences { language: Some("de".to_owned()), proxy, limit: Some(5) };
            assert_eq!(Draft::of(&now).preferences(&now), now);
        }
        let now = Preferences { proxy: Some("direct".to_owned()), ..Preferences::default() };
        let draft = Draft { way: Way::Address, address: "  ".to_owned(), ..Draft::of(&now) };
        assert_eq!(draft.preferences(&now), now, "an address that is not there yet");
    }
}
