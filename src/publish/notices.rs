//! The system's word that files below a folder have changed, and when such a change has settled.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// Lets the system call `ring` when something that `matters` may have changed in `folder`, until the result is
/// dropped. What it tells is no more than a reason to look.
pub(crate) fn listen(
    folder: &Path,
    depth: RecursiveMode,
    matters: impl Fn(&Path) -> bool + Send + 'static,
    ring: impl Fn() + Send + 'static,
) -> notify::Result<RecommendedWatcher> {
    let heard = move |event: notify::Result<notify::Event>| {
        // What is lost on the way may be anything.
        let is_news = event.map_or(true, |event| {
            let is_reading = matches!(event.kind, EventKind::Access(_));
            let counts = |path: &PathBuf| matters(path);
            !is_reading && (event.paths.is_empty() || event.paths.iter().any(counts))
        });
        if is_news {
            ring();
        }
    };
    let config = notify::Config::default().with_follow_symlinks(false);
    let mut watcher = RecommendedWatcher::new(heard, config)?;
    watcher.watch(folder, depth)?;
    Ok(watcher)
}

/// When what is watched has settled: decided by what was seen when, nothing else.
#[derive(Debug)]
pub(crate) struct Calm<T> {
    pub(crate) settle: Duration,
    pub(crate) seen: Option<T>,
    changed: Instant,
    /// Something is to be done once it has settled.
    pub(crate) wanted: bool,
    pub(crate) not_before: Instant,
}

impl<T: PartialEq> Calm<T> {
    /// Nothing was seen yet.
    pub(crate) fn new(settle: Duration, now: Instant) -> Self {
        Self { settle, seen: None, changed: now, wanted: true, not_before: now }
    }

    /// It was looked at.
    pub(crate) fn saw(&mut self, found: T, now: Instant) {
        if self.seen.as_ref() != Some(&found) {
            // The first look finds something that may be as it is for long.
            let is_first = self.seen.is_none();
            self.seen = Some(found);
            if is_first { self.wanted = true } else { self.stirred(now) }
        }
    }

    /// The system told of a change.
    pub(crate) fn stirred(&mut self, now: Instant) {
        (self.wanted, self.changed, self.not_before) = (true, now, now);
    }

    /// It can't be looked at.
    pub(crate) fn lost(&mut self, now: Instant) {
        (self.seen, self.changed) = (None, now);
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.wanted && self.seen.is_some() && now >= self.not_before.max(self.changed + self.settle)
    }

    /// How long until the next look, `idle` if nothing is wanted.
    pub(crate) fn pause(&self, now: Instant, idle: Duration) -> Duration {
        if !self.wanted {
            return idle;
        }
        let look = (self.settle / 4).clamp(Duration::from_millis(50), Duration::from_secs(1));
        let due = self.not_before.max(self.changed + self.settle);
        due.saturating_duration_since(now).clamp(Duration::from_millis(20), look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calm(begin: Instant) -> Calm<u32> {
        Calm::new(Duration::from_secs(10), begin)
    }

    #[test]
    fn a_burst_is_due_once_and_only_after_it_has_ended() {
        let begin = Instant::now();
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        let mut calm = calm(begin);
        calm.saw(1, at(0));
        assert!(!calm.is_due(at(9)) && calm.is_due(at(10)));
        calm.wanted = false;
        calm.saw(1, at(20));
        assert!(!calm.is_due(at(40)), "nothing has changed");
        for second in 40..60 {
            calm.saw(second, at(u64::from(second)));
            assert!(!calm.is_due(at(u64::from(second) + 9)));
        }
        assert!(calm.is_due(at(69)));
        calm.stirred(at(69));
        assert!(!calm.is_due(at(78)) && calm.is_due(at(79)), "a change that size and times do not show");
        calm.lost(at(80));
        assert!(!calm.is_due(at(100)), "a folder that is gone is never published");
        calm.saw(59, at(100));
        assert!(calm.is_due(at(100)));
    }
}
