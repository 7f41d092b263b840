//! The clock of the window, and the rule that nobody presses a button they have not seen yet.
//!
//! A double click on «Update now» must not land on «Pause» of the page that follows.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a new page takes no clicks and keys.
pub const QUIET: Duration = Duration::from_millis(500);

/// Where the window takes the time from; tests turn it by hand.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Instant + Send + Sync>);

impl Clock {
    /// The clock of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Instant::now))
    }

    /// A clock that shows what `read` returns.
    pub fn of(read: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The moment now.
    #[must_use]
    pub fn now(&self) -> Instant {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Remembers since when a page is in sight.
#[derive(Debug)]
pub(super) struct Guard<P> {
    seen: Option<(P, Instant)>,
}

impl<P: PartialEq> Guard<P> {
    pub(super) fn new() -> Self {
        Self { seen: None }
    }

    /// Says that `page` is painted now. Returns whether it is another than before.
    pub(super) fn show(&mut self, page: P, now: Instant) -> bool {
        let changed = self.seen.as_ref().is_none_or(|(seen, _)| *seen != page);
        if changed {
            self.seen = Some((page, now));
        }
        changed
    }

    /// Whether a press counts.
    pub(super) fn takes_input(&self, now: Instant) -> bool {
        self.seen.as_ref().is_some_and(|(_, since)| now.duration_since(*since) >= QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_new_page_is_quiet_for_half_a_second() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut guard = Guard::new();
        assert!(!guard.takes_input(at(0)));
        assert!(guard.show("offer", at(0)));
        assert!(!guard.takes_input(at(499)));
        assert!(guard.takes_input(at(500)));
        assert!(!guard.show("offer", at(600)));
        assert!(guard.takes_input(at(600)));
        assert!(guard.show("progress", at(700)));
        assert!(!guard.takes_input(at(1100)));
    }
}
