//! A desktop that is told nothing: on macOS the mark on the dock's icon is all a program without a bundle of its own has.

use super::Bar;

/// The desktop around a window.
#[derive(Debug)]
pub struct Desktop;

impl Desktop {
    /// The desktop as the program `id`, which people know as `title`, sees it.
    #[must_use]
    pub fn new(_id: &str, _title: &str) -> Self {
        Self
    }

    /// Shows `bar` at the program's entry.
    pub fn bar(&mut self, _bar: Bar) {}

    /// Shows a notification; a press on it calls `pressed`.
    pub fn tell(&mut self, _title: &str, _text: &str, _pressed: Box<dyn Fn() + Send>) {}

    /// Takes the notification back.
    pub fn take_back(&mut self) {}
}
