//! Targets that others sign: the search through delegations (TUF 1.0.34, section 5.6.7).
//!
//! The product signs all releases with one key and follows no delegation. This is here for the conformance
//! suite, so that the client can be judged as a whole.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use super::limits::MAX_TARGETS;
use super::metadata::{MetaFile, Role, Snapshot, TargetFile, Targets, Unverified, hashes_match};
use super::refresh::{exactly, in_time, is_named, most};
use super::{Answer, Store, TrustError, TrustedRepository, Want};
use crate::release::Stamp;

/// Most roles asked in one search.
const MAX_ROLES: usize = 32;

/// A search for one target.
#[derive(Debug)]
pub struct Search<'a> {
    store: &'a Store,
    snapshot: &'a Snapshot,
    consistent: bool,
    now: Stamp,
    path: String,
    open: Vec<Visit>,
    visited: HashSet<String>,
    found: Option<TargetFile>,
}

/// A role to ask, with the keys of the role that sends us there.
#[derive(Debug, Clone)]
struct Visit {
    keys: BTreeMap<String, Value>,
    name: String,
    role: Role,
}

/// A target that was found.
#[derive(Debug, Clone)]
pub struct Found {
    path: String,
    consistent: bool,
    file: TargetFile,
}

#[derive(Deserialize)]
struct Delegations {
    keys: BTreeMap<String, Value>,
    #[serde(default)]
    roles: Vec<Delegation>,
}

#[derive(Deserialize)]
struct Delegation {
    name: String,
    #[serde(flatten)]
    role: Role,
    #[serde(default)]
    terminating: bool,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    path_hash_prefixes: Vec<String>,
}

impl<'a> Search<'a> {
    /// Begins at the top-level targets.
    ///
    /// # Errors
    /// If a role in the store is out of date or its delegations can't be read.
    pub fn begin(
        store: &'a Store,
        repository: &'a TrustedRepository,
        now: Stamp,
        path: &str,
    ) -> Result<Self, TrustError> {
        let (root, snapshot, targets) = repository.parts();
        let missing = || TrustError::Missing { file: "snapshot.json".to_owned() };
        let snapshot = snapshot.ok_or_else(missing)?;
        let mut search = Self {
            store,
            snapshot,
            consistent: root.consistent_snapshot,
            now,
            path: path.to_owned(),
            open: Vec::new(),
            visited: ["root", "timestamp", "snapshot", "targets"].map(str::to_owned).into(),
            found: None,
        };
        search.visit("targets.json", targets)?;
        search.use_stored()?;
        Ok(search)
    }

    /// What is to be fetched next; nothing if the search is over.
    #[must_use]
    pub fn wants(&self) -> Option<Want> {
        let visit = self.open.last()?;
        let meta = self.meta(&visit.name).ok();
        let version = meta.map_or(0, |meta| meta.version);
        let name = quoted(&visit.name);
        let name = if self.consistent { format!("{version}.{name}") } else { name };
        let limit = meta.map_or(MAX_TARGETS, |meta| most(meta, MAX_TARGETS));
        Some(Want { path: format!("metadata/{name}.json"), limit })
    }

    /// Takes the answer to [`wants`](Self::wants).
    ///
    /// # Errors
    /// Why the answer is refused.
    pub fn supply(&mut self, answer: Answer) -> Result<(), TrustError> {
        let want = self.wants().ok_or(TrustError::OutOfTurn)?;
        let visit = self.open.pop().ok_or(TrustError::OutOfTurn)?;
        let Answer::Found(bytes) = answer else { return Err(TrustError::Missing { file: want.path }) };
        if bytes.len() as u64 > want.limit {
            return Err(TrustError::TooLong { file: want.path, limit: want.limit });
        }
        let meta = self.meta(&visit.name)?;
        meta.check(&want.path, &bytes)?;
        let targets: Targets = Unverified::read(&want.path, &bytes)?.verified(&visit.keys, &visit.role)?;
        exactly(&want.path, &targets.head, meta.version)?;
        in_time(&want.path, &targets.head, self.now)?;
        self.store.put(&quoted(&visit.name), &bytes)?;
        self.visited.insert(visit.name);
        self.visit(&want.path, &targets)?;
        self.use_stored()
    }

    /// The target, if a role that may speak for it lists it.
    #[must_use]
    pub fn finish(self) -> Option<Found> {
        Some(Found { file: self.found?, path: self.path, consistent: self.consistent })
    }

    fn meta(&self, name: &str) -> Result<&'a MetaFile, TrustError> {
        let gone = format!("{name}.json");
        let meta = self.snapshot.meta.get(&gone);
        meta.ok_or(TrustError::Dropped { file: "snapshot.json".to_owned(), gone })
    }

    /// Looks for the target in a role, and lines up those it sends us to: depth first, in the order listed.
    fn visit(&mut self, file: &str, targets: &Targets) -> Result<(), TrustError> {
        if let Some(found) = targets.targets.get(&self.path) {
            self.found = Some(found.clone());
            self.open.clear();
            return Ok(());
        }
        let Some(delegations) = &targets.delegations else { return Ok(()) };
        let delegations = Delegations::deserialize(delegations)
            .map_err(|why| TrustError::Malformed { file: file.to_owned(), why: why.to_string() })?;
        let mut next = Vec::new();
        for delegation in delegations.roles.into_iter().filter(|role| role.speaks_for(&self.path)) {
            let Delegation { name, role, terminating, .. } = delegation;
            next.push(Visit { keys: delegations.keys.clone(), name, role });
            if terminating {
                self.open.clear();
                break;
            }
        }
        self.open.extend(next.into_iter().rev());
        Ok(())
    }

    /// Goes on through roles whose files are in the store already, and stops at one that has to be fetched.
    fn use_stored(&mut self) -> Result<(), TrustError> {
        while let Some(visit) = self.open.pop() {
            if self.visited.contains(&visit.name) {
                continue;
            }
            if self.visited.len() >= MAX_ROLES {
                self.open.clear();
                return Ok(());
            }
            let meta = self.meta(&visit.name)?;
            let file = format!("{}.json", visit.name);
            let name = quoted(&visit.name);
            let stored = self.store.delegated(&name, &visit.keys, &visit.role)?;
            match stored {
                Some((targets, bytes)) if is_named(&targets.head, &bytes, meta) => {
                    in_time(&file, &targets.head, self.now)?;
                    self.visited.insert(visit.name);
                    self.visit(&file, &targets)?;
                }
                _ => {
                    self.open.push(visit);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Delegation {
    fn speaks_for(&self, path: &str) -> bool {
        if !self.path_hash_prefixes.is_empty() {
            let digest = crate::release::Digest::of(path.as_bytes()).hex();
            return self.path_hash_prefixes.iter().any(|prefix| digest.starts_with(prefix));
        }
        self.paths.iter().any(|pattern| matches(pattern, path))
    }
}

impl Found {
    /// Where the target lies in the repository.
    #[must_use]
    pub fn fetch_path(&self) -> String {
        let known = ["sha256", "sha512"].into_iter().find_map(|kind| self.file.hashes.get(kind));
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        match known {
            Some(hash) if self.consistent => format!("targets/{folder}{hash}.{name}"),
            _ => format!("targets/{}", self.path),
        }
    }

    /// The bytes of the target.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.file.length
    }

    /// Whether these are the bytes that were signed.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.file.length && hashes_match(&self.file.hashes, bytes)
    }
}

/// A role name as one part of a path: everything but letters, digits and `_.-~` as percent codes.
fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte);
    name.bytes().fold(String::new(), |mut text, byte| {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// Whether a shell pattern fits a path part by part; `*` and `?` do not cross a `/`.
fn matches(pattern: &str, path: &str) -> bool {
    let (patterns, parts) = (pattern.split('/'), path.split('/'));
    patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(pattern, part)| {
            part_matches(&pattern.chars().collect::<Vec<_>>(), &part.chars().collect::<Vec<_>>())
        })
}

/// In time that grows with the product of the lengths: on a mismatch only the last `*` takes one more.
fn part_matches(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_within_a_part_only() {
        for (pattern, path, fits) in [
            ("*", "a", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("foo-?.tgz", "foo-1.tgz", true),
            ("foo-?.tgz", "foo-alpha.tgz", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*.md", "README.MD", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, path), fits, "{pattern} {path}");
        }
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
    }

    #[test]
    fn role_names_become_one_harmless_part() {
        assert_eq!(quoted("../a?#"), "..%2Fa%3F%23");
        assert_eq!(quoted("\u{e9}~_-."), "%C3%A9~_-.");
    }
}
