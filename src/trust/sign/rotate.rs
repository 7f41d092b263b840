//! The first metadata of a repository, and the change of its keys.

use std::collections::BTreeMap;

use super::{KeyPair, Keys, Lifetimes, RepoState, SignError, SignedFile, enough, follow_up, seal};
use crate::release::Stamp;
use crate::trust::metadata::{Head, Role, Roles, Root, Targets};
use crate::trust::{PublicKey, Versions};

/// The keys that are to count from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootChange {
    /// The root keys; those in a drawer are listed by their public half.
    pub root: Vec<PublicKey>,
    /// How many of them the next root needs.
    pub threshold: u64,
    /// The release key.
    pub release: PublicKey,
    /// The online key.
    pub online: PublicKey,
}

/// The metadata of a new repository with no release, any one of the root keys being enough.
///
/// # Errors
/// If there is no root key.
pub fn first(keys: &Keys, now: Stamp, lifetimes: Lifetimes) -> Result<Vec<SignedFile>, SignError> {
    first_with_threshold(keys, 1, now, lifetimes)
}

/// The metadata of a new repository with no release, where a new root needs `threshold` of the root keys.
///
/// # Errors
/// If there are not as many root keys.
pub fn first_with_threshold(
    keys: &Keys,
    threshold: u64,
    now: Stamp,
    lifetimes: Lifetimes,
) -> Result<Vec<SignedFile>, SignError> {
    let change = RootChange {
        root: keys.root.iter().map(KeyPair::public).collect(),
        threshold,
        release: keys.release.public(),
        online: keys.online.public(),
    };
    let root = change.root(1, now.after(lifetimes.root));
    let signers: Vec<_> = keys.root.iter().collect();
    let mut files = root_files(&root, None, &signers)?;
    let head = Head::new("targets", 1, now);
    let targets = Targets { head, targets: BTreeMap::new(), delegations: None, mirrors: None };
    files.extend(follow_up(&root, targets, Versions::default(), keys, now, lifetimes)?);
    Ok(files)
}

/// Signs a new root, and everything else with the keys it lists. The old root's threshold and the new one's
/// must be met by `keys.root` and `retiring` together; `retiring` holds old root keys that sign for the last
/// time. With the same keys as before it renews root.
///
/// # Errors
/// If too few of the keys that count are at hand.
pub fn rotate(
    state: &RepoState,
    keys: &Keys,
    retiring: &[KeyPair],
    change: &RootChange,
    now: Stamp,
    lifetimes: Lifetimes,
) -> Result<Vec<SignedFile>, SignError> {
    let root = change.root(state.root.head.version.saturating_add(1), now.after(lifetimes.root));
    let signers: Vec<_> = keys.root.iter().chain(retiring).collect();
    let mut files = root_files(&root, Some(&state.root), &signers)?;
    files.extend(follow_up(&root, state.targets.clone(), state.taken(), keys, now, lifetimes)?);
    Ok(files)
}

/// The numbered root, then the copy of the newest.
fn root_files(root: &Root, old: Option<&Root>, keys: &[&KeyPair]) -> Result<Vec<SignedFile>, SignError> {
    let listed = |root: &Root, pair: &KeyPair| root.roles.root.keyids.contains(&pair.id());
    let mut signers: Vec<&KeyPair> = Vec::new();
    for pair in keys {
        let counts = listed(root, pair) || old.is_some_and(|old| listed(old, pair));
        if counts && signers.iter().all(|other| other.id() != pair.id()) {
            signers.push(pair);
        }
    }
    let bytes = seal(root, &signers)?;
    let path = format!("metadata/{}.root.json", root.head.version);
    for judge in old.into_iter().chain([root]) {
        enough(&path, &bytes, judge, &judge.roles.root)?;
    }
    Ok(vec![(path, bytes.clone()), ("metadata/root.json".to_owned(), bytes)])
}

impl RootChange {
    fn root(&self, version: u64, expires: Stamp) -> Root {
        let one = |key: &PublicKey| Role { keyids: vec![key.id()], threshold: 1 };
        let mut keyids: Vec<_> = self.root.iter().map(PublicKey::id).collect();
        keyids.sort();
        keyids.dedup();
        let all = self.root.iter().chain([&self.release, &self.online]);
        // A key is three texts, so it always is a value.
        let keys = all.map(|key| (key.id(), serde_json::to_value(key).unwrap_or_default())).collect();
        let roles = Roles {
            root: Role { keyids, threshold: self.threshold },
            timestamp: one(&self.online),
            snapshot: one(&self.release),
            targets: one(&self.release),
        };
        Root { head: Head::new("root", version, expires), consistent_snapshot: true, keys, roles }
    }
}
