//! The catalogue of plugins: which there are, in which version, and which are not to be run any more.
//!
//! A release of a repository has it as `catalog.toml` beside the plugins' files. What is not in it is left alone:
//! only `valid = false` removes a plugin, so that an empty or cut-off catalogue removes nothing.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use crate::release::{Digest, Manifest, RelPath, Version};

/// The name of the catalogue in a release.
pub const CATALOG: &str = "catalog.toml";

/// One plugin of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What the host calls it by.
    pub key: String,
    /// Its version as people read it.
    pub version: Version,
    /// Its file in the release.
    pub file: RelPath,
    /// Whether it may run.
    pub valid: bool,
}

/// The items of a catalogue, and the content of each valid one by key.
pub type Catalog = (Vec<Item>, BTreeMap<String, Digest>);

/// Why a catalogue is refused; nothing of it counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// It is no catalogue.
    #[error("{CATALOG} is damaged: {0}")]
    Damaged(String),
    /// A key is there twice, or is none.
    #[error("{CATALOG}: the key \u{ab}{0}\u{bb} is there twice, or is not of letters, digits, - _ .")]
    Key(String),
    /// A valid plugin has no file in the release.
    #[error("{CATALOG}: the file \u{ab}{file}\u{bb} of \u{ab}{key}\u{bb} is not in the release")]
    File {
        /// The plugin.
        key: String,
        /// What it names.
        file: RelPath,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default, rename = "plugin")]
    plugins: Vec<RawItem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawItem {
    key: String,
    version: Version,
    file: RelPath,
    #[serde(default = "yes")]
    valid: bool,
}

fn yes() -> bool {
    true
}

/// Whether a text can be a key.
pub(in crate::component) fn is_key(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(good) && !text.starts_with('.')
}

/// Reads a catalogue.
///
/// # Errors
/// If it is damaged, or has a key twice.
pub fn parse(bytes: &[u8]) -> Result<Vec<Item>, CatalogError> {
    let text = std::str::from_utf8(bytes).map_err(|error| CatalogError::Damaged(error.to_string()))?;
    let raw: Raw = toml::from_str(text).map_err(|error| CatalogError::Damaged(error.message().to_owned()))?;
    let mut keys = HashSet::new();
    for item in &raw.plugins {
        if !is_key(&item.key) || !keys.insert(item.key.clone()) {
            return Err(CatalogError::Key(item.key.clone()));
        }
    }
    let item = |RawItem { key, version, file, valid }| Item { key, version, file, valid };
    Ok(raw.plugins.into_iter().map(item).collect())
}

/// The content of every valid plugin, as the release's manifest signs it.
///
/// # Errors
/// If a valid plugin has no file there.
pub fn contents(items: &[Item], manifest: &Manifest) -> Result<BTreeMap<String, Digest>, CatalogError> {
    let valid = items.iter().filter(|item| item.valid);
    let content = |item: &Item| {
        let file = manifest.regular().find(|file| file.path == item.file);
        let none = || CatalogError::File { key: item.key.clone(), file: item.file.clone() };
        Ok((item.key.clone(), file.ok_or_else(none)?.sha256))
    };
    valid.map(content).collect()
}

/// What is done about one plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It comes.
    Add,
    /// It is replaced.
    Update,
    /// It goes: the catalogue says that it is not valid.
    Remove,
    /// It stays.
    Keep,
}

impl Action {
    /// The action as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Update => "update",
            Self::Remove => "remove",
            Self::Keep => "keep",
        }
    }
}

/// What is to be done about every plugin of the catalogue and every one that is held, by key. `contents` are those
/// of the valid items.
#[must_use]
pub fn decide(
    items: &[Item],
    contents: &BTreeMap<String, Digest>,
    held: &BTreeMap<String, Digest>,
) -> BTreeMap<String, Action> {
    let mut steps: BTreeMap<String, Action> = held.keys().map(|key| (key.clone(), Action::Keep)).collect();
    for item in items {
        let action = match (item.valid, held.get(&item.key)) {
            (false, None) => continue,
            (false, Some(_)) => Action::Remove,
            (true, None) => Action::Add,
            (true, Some(digest)) if contents.get(&item.key) == Some(digest) => Action::Keep,
            (true, Some(_)) => Action::Update,
        };
        steps.insert(item.key.clone(), action);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str, valid: bool) -> Item {
        Item { key: key.to_owned(), version: "1.0".parse().unwrap(), file: "a.wasm".parse().unwrap(), valid }
    }

    #[test]
    fn only_what_is_said_to_be_invalid_is_removed() {
        let of = |bytes: &[u8]| Digest::of(bytes);
        let held: BTreeMap<String, Digest> =
            [("same", of(b"1")), ("older", of(b"1")), ("bad", of(b"1")), ("gone", of(b"1"))]
                .map(|(key, digest)| (key.to_owned(), digest))
                .into();
        let items = [
            item("same", true),
            item("older", true),
            item("bad", false),
            item("new", true),
            item("x", false),
        ];
        let contents = [("same", of(b"1")), ("older", of(b"2")), ("new", of(b"3"))]
            .map(|(key, digest)| (key.to_owned(), digest))
            .into();
        let told: Vec<String> = decide(&items, &contents, &held)
            .into_iter()
            .map(|(key, action)| format!("{} {key}", action.as_str()))
            .collect();
        assert_eq!(told, ["remove bad", "keep gone", "add new", "update older", "keep same"]);
        assert!(decide(&[], &BTreeMap::new(), &held).values().all(|action| *action == Action::Keep));
    }

    #[test]
    fn a_damaged_catalogue_is_refused_whole() {
        let good = "[[plugin]]\nkey = \"a\"\nversion = \"1.0\"\nfile = \"a.wasm\"\n";
        assert_eq!(parse(good.as_bytes()).unwrap().len(), 1);
        assert_eq!(parse(b"").unwrap(), []);
        for cut in 1..good.len() {
            let part = &good.as_bytes()[..cut];
            assert!(parse(part).is_err() || cut >= good.len() - 2 || cut <= 1, "{cut}");
        }
        let twice = good.repeat(2);
        assert!(matches!(parse(twice.as_bytes()), Err(CatalogError::Key(_))));
        assert!(parse(good.replace("a.wasm", "../a").as_bytes()).is_err());
        assert!(parse(good.replace("\"a\"\n", "\"a/b\"\n").as_bytes()).is_err());
    }
}
