//! How many clients were seen with which release, without keeping who they are.
//!
//! What a client says of itself stands in its `User-Agent`: `updraft/0.1.0 (stable/linux-x86_64/7)`. Of its address
//! only a digest is kept, with a salt that is made anew at each start, in memory alone, for a week.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::release::{Channel, Hasher, Platform, ReleaseNumber, Stamp};

/// Seconds for which a client is remembered.
const REMEMBERED: i64 = 7 * 24 * 60 * 60;
/// Clients that are remembered at most.
const MOST: usize = 200_000;

/// What clients of a project run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Running {
    /// The channel they follow.
    pub channel: Channel,
    /// Their platform.
    pub platform: Platform,
    /// The release they have; none if nothing is installed yet.
    pub number: ReleaseNumber,
}

/// Clients by what they run.
#[derive(Debug)]
pub struct Census {
    salt: [u8; 16],
    seen: Mutex<HashMap<[u8; 16], Sighting>>,
}

#[derive(Debug)]
struct Sighting {
    project: Option<String>,
    running: Option<Running>,
    last: Stamp,
}

impl Default for Census {
    fn default() -> Self {
        let mut salt = [0; 16];
        if getrandom::fill(&mut salt).is_err() {
            // Without randomness the time of the start is what nobody knows exactly.
            salt = Stamp::now().unix().to_be_bytes().repeat(2).try_into().unwrap_or(salt);
        }
        Self { salt, seen: Mutex::default() }
    }
}

impl Census {
    /// A client at `address`, which calls itself `agent`, asked what is newest.
    pub(super) fn saw(&self, project: Option<&str>, address: IpAddr, agent: &str) {
        self.note(project, address, agent, Stamp::now());
    }

    fn note(&self, project: Option<&str>, address: IpAddr, agent: &str, now: Stamp) {
        let running = running(agent);
        let kind = running.as_ref().map(|running| format!("{}/{}", running.channel, running.platform));
        let mut hasher = Hasher::new();
        hasher.update(&self.salt);
        for part in [project.unwrap_or_default(), &address.to_string(), &kind.unwrap_or_default()] {
            hasher.update(part.as_bytes());
            hasher.update(&[0]);
        }
        let digest = hasher.finish();
        let Ok(key) = <[u8; 16]>::try_from(&digest.as_bytes()[..16]) else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST && !seen.contains_key(&key) {
            seen.retain(|_, sighting| is_recent(sighting, now));
            if seen.len() >= MOST {
                return;
            }
        }
        seen.insert(key, Sighting { project: project.map(str::to_owned), running, last: now });
    }

    /// The clients of a project in the last week, by what they run; under nothing those that do not say.
    #[must_use]
    pub fn count(&self, project: Option<&str>) -> BTreeMap<Option<Running>, u64> {
        self.count_at(project, Stamp::now())
    }

    fn count_at(&self, project: Option<&str>, now: Stamp) -> BTreeMap<Option<Running>, u64> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted = BTreeMap::new();
        for sighting in seen.values() {
            if sighting.project.as_deref() == project && is_recent(sighting, now) {
                *counted.entry(sighting.running.clone()).or_insert(0) += 1;
            }
        }
        counted
    }
}

fn is_recent(sighting: &Sighting, now: Stamp) -> bool {
    now.unix().saturating_sub(sighting.last.unix()) < REMEMBERED
}

/// What a client runs, by what it calls itself.
fn running(agent: &str) -> Option<Running> {
    let rest = agent.strip_prefix("updraft/")?;
    let said = rest.split_once('(')?.1.split_once(')')?.0;
    let mut parts = said.split('/');
    let (channel, platform) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let number = ReleaseNumber(parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(Running { channel, platform, number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_counted_once_by_the_last_they_said() {
        let census = Census::default();
        let now = Stamp::from_unix(1_000_000);
        let agent = |number: u64| format!("updraft/0.1.0 (stable/linux-x86_64/{number})");
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        census.note(Some("A"), address(1), &agent(6), now);
        census.note(Some("A"), address(1), &agent(7), now);
        census.note(Some("A"), address(2), &agent(6), now);
        census.note(Some("A"), address(3), "curl/8", now);
        census.note(Some("B"), address(1), &agent(1), now);
        let counted = census.count_at(Some("A"), now);
        let numbers: Vec<_> =
            counted.iter().map(|(running, count)| (running.as_ref().map(|r| r.number.0), *count)).collect();
        assert_eq!(numbers, [(None, 1), (Some(6), 1), (Some(7), 1)]);
        let later = Stamp::from_unix(1_000_000 + REMEMBERED);
        assert!(census.count_at(Some("A"), later).is_empty());
        for odd in
            ["updraft/1", "updraft/1 (a)", "updraft/1 (A/b/1)", "updraft/1 (a/b/1/c)", "updraft/1 (a/b/-1)"]
        {
            assert_eq!(running(odd), None, "{odd}");
        }
    }
}
