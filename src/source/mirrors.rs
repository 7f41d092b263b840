//! Several sources of the same repository, and how well each did lately.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::http::{NetError, client};
use super::{Http, Local, NetOptions, Source, SourceUrl};

/// The sources of a repository, in the order of the configuration.
pub struct Mirrors {
    sources: Vec<Box<dyn Source>>,
    health: Mutex<Vec<Health>>,
}

/// How a source did lately.
#[derive(Debug, Clone, Copy, Default)]
struct Health {
    /// Failures since the last byte.
    failures: u32,
    /// Not asked before this moment.
    rests_until: Option<Instant>,
    /// Changes with every failure, so that streams that fall together count as one.
    falls: u64,
    /// Ignores ranges.
    no_range: bool,
    /// How often it gave bytes that were not the signed ones.
    lies: u32,
    /// Whether bytes came from it, and whether that was told.
    used: bool,
    told: bool,
}

/// Which source to ask next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// This one, and what [`Mirrors::fell`] wants to hear if it fails.
    Ask {
        /// Its place in the list.
        mirror: usize,
        /// How often it has failed before.
        falls: u64,
    },
    /// All that are left rest; this one is the first to be asked again.
    Wait {
        /// When.
        until: Instant,
        /// Its failures in a row.
        failures: u32,
    },
    /// None is left.
    Nobody,
}

impl Mirrors {
    /// The repository at `urls`, the first one preferred.
    ///
    /// # Errors
    /// If there is none, or the network can't be set up as wished.
    pub fn new(urls: &[SourceUrl], options: &NetOptions) -> Result<Self, NetError> {
        if urls.is_empty() {
            return Err(NetError::NoSource);
        }
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        let mut shared = None;
        for url in urls {
            match url {
                SourceUrl::Folder(root) => sources.push(Box::new(Local::new(root.clone()))),
                SourceUrl::Http(base) => {
                    let client = match &shared {
                        Some(client) => client,
                        None => shared.insert(client(options, urls.iter().any(SourceUrl::is_https))?),
                    };
                    sources.push(Box::new(Http::new(client.clone(), base.clone())));
                }
            }
        }
        Ok(Self::of(sources))
    }

    /// The repository behind `sources` of any kind.
    #[must_use]
    pub fn of(sources: Vec<Box<dyn Source>>) -> Self {
        let health = Mutex::new(vec![Health::default(); sources.len()]);
        Self { sources, health }
    }

    /// The first source, as people call it.
    #[must_use]
    pub fn describe(&self) -> String {
        self.sources.first().map(|source| source.describe()).unwrap_or_default()
    }

    /// How many sources there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.sources.len()
    }

    /// The source at `mirror` in the list; the list does not change.
    #[must_use]
    pub fn source(&self, mirror: usize) -> &dyn Source {
        &*self.sources[mirror]
    }

    /// Which source to ask: of those that `allowed` lets pass and that do not rest, the one with the fewest
    /// lies and failures, the first of equals.
    pub fn choose(&self, allowed: impl Fn(usize) -> bool) -> Choice {
        let now = Instant::now();
        let health = self.health();
        let open = || health.iter().enumerate().filter(|(mirror, _)| allowed(*mirror));
        let rested = open().filter(|(_, health)| health.rests_until.is_none_or(|until| until <= now));
        if let Some((mirror, health)) =
            rested.min_by_key(|(mirror, health)| (health.lies, health.failures, *mirror))
        {
            return Choice::Ask { mirror, falls: health.falls };
        }
        let first = open().filter_map(|(_, health)| Some((health.rests_until?, health.failures))).min();
        first.map_or(Choice::Nobody, |(until, failures)| Choice::Wait { until, failures })
    }

    /// Takes in that `mirror` failed. `falls` is what [`Choice::Ask`] said: when another stream has told of the
    /// same fall already, nothing changes. `rest` computes how long it rests from its failures in a row. Returns
    /// whether this is news.
    pub fn fell(&self, mirror: usize, falls: u64, rest: impl FnOnce(u32) -> Duration) -> bool {
        let mut health = self.health();
        let Some(health) = health.get_mut(mirror) else { return false };
        if health.falls != falls {
            return false;
        }
        health.falls += 1;
        health.failures = health.failures.saturating_add(1);
        health.rests_until = Instant::now().checked_add(rest(health.failures));
        true
    }

    /// Takes in that bytes came from `mirror`.
    pub fn gave(&self, mirror: usize) {
        if let Some(health) = self.health().get_mut(mirror) {
            (health.failures, health.rests_until, health.used) = (0, None, true);
        }
    }

    /// The sources from which the first bytes came since this was asked last.
    pub fn newly_used(&self) -> Vec<String> {
        let mut health = self.health();
        let fresh = health.iter_mut().enumerate().filter(|(_, health)| health.used && !health.told);
        let fresh = fresh.map(|(mirror, health)| {
            health.told = true;
            self.sources[mirror].describe()
        });
        fresh.collect()
    }

    /// Takes in that `mirror` gave other bytes than were signed; the others are preferred from now on.
    pub fn lied(&self, mirror: usize) {
        if let Some(health) = self.health().get_mut(mirror) {
            health.lies = health.lies.saturating_add(1);
        }
    }

    /// Ends all rests: someone said "try now".
    pub fn wake(&self) {
        for health in self.health().iter_mut() {
            health.rests_until = None;
        }
    }

    /// Remembers that `mirror` ignores ranges.
    pub fn ignores_ranges(&self, mirror: usize) {
        if let Some(health) = self.health().get_mut(mirror) {
            health.no_range = true;
        }
    }

    /// Whether `mirror` is known to ignore ranges.
    #[must_use]
    pub fn has_ranges(&self, mirror: usize) -> bool {
        self.health().get(mirror).is_some_and(|health| !health.no_range)
    }

    fn health(&self) -> MutexGuard<'_, Vec<Health>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Mirrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sources.iter().map(|source| source.describe())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Folder;
    use super::*;

    fn three() -> Mirrors {
        let folder = |name: &str| Box::new(Folder::new(name.into())) as Box<dyn Source>;
        Mirrors::of(vec![folder("a"), folder("b"), folder("c")])
    }

    #[test]
    fn the_first_source_is_asked_until_it_falls() {
        let mirrors = three();
        let long = |_failures| Duration::from_secs(60);
        assert_eq!(mirrors.choose(|_| true), Choice::Ask { mirror: 0, falls: 0 });
        assert!(mirrors.fell(0, 0, long));
        assert!(!mirrors.fell(0, 0, long));
        assert_eq!(mirrors.choose(|_| true), Choice::Ask { mirror: 1, falls: 0 });
        assert_eq!(mirrors.choose(|mirror| mirror == 2), Choice::Ask { mirror: 2, falls: 0 });
        assert_eq!(mirrors.choose(|_| false), Choice::Nobody);
        assert!(matches!(mirrors.choose(|mirror| mirror == 0), Choice::Wait { failures: 1, .. }));
        mirrors.wake();
        assert_eq!(mirrors.choose(|mirror| mirror == 0), Choice::Ask { mirror: 0, falls: 1 });
        mirrors.gave(0);
        assert_eq!(mirrors.choose(|_| true), Choice::Ask { mirror: 0, falls: 1 });
    }
}
