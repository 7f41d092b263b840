//! Several sources of the same repository, and how well each did lately.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::http::{NetError, Network, client};
use super::pace::{self, Pace};
use super::{Http, Local, NetOptions, Source, SourceUrl};

/// Ranges in a row a mirror has to ignore to be asked for no more of them.
const NO_RANGES: u32 = 2;

/// The sources of a repository, in the order of the configuration.
pub struct Mirrors {
    sources: Vec<Box<dyn Source>>,
    health: Mutex<Vec<Health>>,
    network: Option<Network>,
    probes: Mutex<Probes>,
}

/// When a mirror that is not in use is asked for something, to learn how fast it is.
#[derive(Debug)]
struct Probes {
    first: Duration,
    pause: Duration,
    next: Option<Instant>,
}

impl Default for Probes {
    fn default() -> Self {
        Self { first: Duration::from_secs(5), pause: Duration::from_secs(30), next: None }
    }
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
    /// Answers in a row that did not honour a range.
    no_range: u32,
    /// How often it gave bytes that were not the signed ones.
    lies: u32,
    /// How fast it gives.
    pace: Pace,
    /// Left because another one is much faster.
    slow: bool,
    /// Whether that was told.
    slow_told: bool,
    /// Requests that are open, and since when time at work is counted.
    open: u32,
    since: Option<Instant>,
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
        let (mut shared, need_tls) = (None, urls.iter().any(SourceUrl::is_https));
        for url in urls {
            match url {
                SourceUrl::Folder(root) => sources.push(Box::new(Local::new(root.clone()))),
                SourceUrl::Http(base) => {
                    let client = match &shared {
                        Some(client) => client,
                        None => shared.insert(client(options, need_tls)?),
                    };
                    sources.push(Box::new(Http::new(client.clone(), base.clone())));
                }
            }
        }
        let network = shared.map(|web| Network::new(web, need_tls));
        Ok(Self { network, ..Self::of(sources) })
    }

    /// The repository behind `sources` of any kind.
    #[must_use]
    pub fn of(sources: Vec<Box<dyn Source>>) -> Self {
        let health = Mutex::new(vec![Health::default(); sources.len()]);
        Self { sources, health, probes: Mutex::default(), network: None }
    }

    /// The same, asking a mirror that is not in use after `first`, and then again every `pause`; for tests.
    #[must_use]
    pub fn probing(self, first: Duration, pause: Duration) -> Self {
        Self { probes: Mutex::new(Probes { first, pause, next: None }), ..self }
    }

    /// The first source, as people call it.
    #[must_use]
    pub fn describe(&self) -> String {
        self.sources.first().map(|source| source.describe()).unwrap_or_default()
    }

    /// The way to all web sources, to be changed while an update runs; nothing if all are folders.
    #[must_use]
    pub fn network(&self) -> Option<Network> {
        self.network.clone()
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
    /// lies and failures that was not left for being slow, the first of equals.
    pub fn choose(&self, allowed: impl Fn(usize) -> bool) -> Choice {
        let now = Instant::now();
        let health = self.health();
        let open = || health.iter().enumerate().filter(|(mirror, _)| allowed(*mirror));
        let rested = open().filter(|(_, health)| health.rests_until.is_none_or(|until| until <= now));
        if let Some((mirror, health)) =
            rested.min_by_key(|(mirror, health)| (health.lies, health.failures, health.slow, *mirror))
        {
            return Choice::Ask { mirror, falls: health.falls };
        }
        let first = open().filter_map(|(_, health)| Some((health.rests_until?, health.failures))).min();
        first.map_or(Choice::Nobody, |(until, failures)| Choice::Wait { until, failures })
    }

    /// Now and then: a mirror other than [`choose`](Self::choose) would give, whose pace is not known or was
    /// measured long ago, to be asked once. Until a transfer has lasted some seconds there is none.
    pub fn probe(&self, allowed: impl Fn(usize) -> bool) -> Option<Choice> {
        let now = Instant::now();
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let first = now + probes.first;
        let due = *probes.next.get_or_insert(first);
        let Choice::Ask { mirror: used, .. } = self.choose(&allowed) else { return None };
        if due > now || self.count() < 2 {
            return None;
        }
        let health = self.health();
        let idle = health.iter().enumerate().filter(|(mirror, health)| {
            let rests = health.rests_until.is_some_and(|until| until > now);
            let trusted = health.lies == 0 && health.failures == 0;
            // One that was just left is not asked again at once.
            let fresh = health.since.is_some_and(|since| now.saturating_duration_since(since) < probes.pause);
            let known = fresh && health.pace.average().is_some();
            *mirror != used && allowed(*mirror) && trusted && !rests && !known && health.open == 0
        });
        // The one whose measure is the oldest; never measured is older than all.
        let (mirror, health) = idle.min_by_key(|(mirror, health)| (health.since, *mirror))?;
        probes.next = now.checked_add(probes.pause);
        Some(Choice::Ask { mirror, falls: health.falls })
    }

    /// Whether a mirror of unknown pace is due for such a probe, so that a request under way may go there.
    pub fn wants_probe(&self, allowed: impl Fn(usize) -> bool) -> bool {
        let now = Instant::now();
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        if probes.next.is_none_or(|next| next > now) {
            return false;
        }
        let unknown = |health: &Health| {
            let rests = health.rests_until.is_some_and(|until| until > now);
            let fit = !rests && health.lies == 0 && health.failures == 0 && health.open == 0;
            fit && health.pace.average().is_none()
        };
        self.health().iter().enumerate().any(|(mirror, health)| allowed(mirror) && unknown(health))
    }

    /// Takes in that a request to `mirror` begins.
    pub fn begins(&self, mirror: usize) {
        if let Some(health) = self.health().get_mut(mirror) {
            if health.open == 0 {
                health.since = Some(Instant::now());
            }
            health.open += 1;
        }
    }

    /// Takes in that a request to `mirror` has ended, however it did.
    pub fn ends(&self, mirror: usize) {
        self.measure(mirror, true);
    }

    /// Whether `mirror` was left for being slow.
    #[must_use]
    pub fn is_slow(&self, mirror: usize) -> bool {
        self.health().get(mirror).is_some_and(|health| health.slow)
    }

    /// Whether that is news; it is once.
    pub fn tells_slow(&self, mirror: usize) -> bool {
        self.health().get_mut(mirror).is_some_and(|health| !std::mem::replace(&mut health.slow_told, true))
    }

    /// Takes in that content came from `mirror`; says whether that mirror counts as slow.
    pub fn flowed(&self, mirror: usize, bytes: u64) -> bool {
        if let Some(health) = self.health().get_mut(mirror) {
            health.pace.flowed(bytes);
        }
        self.measure(mirror, false)
    }

    fn measure(&self, mirror: usize, ends: bool) -> bool {
        let now = Instant::now();
        let mut all = self.health();
        let Some(health) = all.get_mut(mirror) else { return false };
        health.open = health.open.saturating_sub(u32::from(ends));
        let worked = health.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        health.since = Some(now);
        health.pace.worked(worked, health.open == 0);
        let paces: Vec<_> = all.iter().map(|health| (health.pace.average(), health.slow)).collect();
        for (health, slow) in all.iter_mut().zip(pace::slow(&paces)) {
            (health.slow, health.slow_told) = (slow, health.slow_told && slow);
        }
        all.get(mirror).is_some_and(|health| health.slow)
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

    /// Takes in that `mirror` gave other bytes than were signed; the others are preferred from now on. Returns
    /// whether that is the first time.
    pub fn lied(&self, mirror: usize) -> bool {
        let mut health = self.health();
        let Some(health) = health.get_mut(mirror) else { return false };
        health.lies = health.lies.saturating_add(1);
        health.lies == 1
    }

    /// Ends all rests: someone said "try now".
    pub fn wake(&self) {
        for health in self.health().iter_mut() {
            health.rests_until = None;
        }
    }

    /// Takes in that `mirror` did not honour a range. One such answer may be an accident on the way.
    pub fn ignores_range(&self, mirror: usize) {
        if let Some(health) = self.health().get_mut(mirror) {
            health.no_range = health.no_range.saturating_add(1);
        }
    }

    /// Takes in that `mirror` honoured a range.
    pub fn honours_range(&self, mirror: usize) {
        if let Some(health) = self.health().get_mut(mirror) {
            health.no_range = 0;
        }
    }

    /// Whether `mirror` is worth asking for a range: it did not ignore the last two.
    #[must_use]
    pub fn has_ranges(&self, mirror: usize) -> bool {
        self.health().get(mirror).is_some_and(|health| health.no_range < NO_RANGES)
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
