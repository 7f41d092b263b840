//! The three roles around a catalogue: who brings it, who holds the plugins, who says what was done.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::catalog::{Action, Catalog, Item, decide};
use crate::release::Digest;

/// Brings the catalogue and the plugins in it.
pub trait Helper: Send {
    /// Why it can't.
    type Error: Display;

    /// The catalogue as it is now, with the content of each valid plugin.
    ///
    /// # Errors
    /// If there is none that can be trusted.
    fn catalog(&mut self) -> Result<Catalog, Self::Error>;

    /// The content of a plugin of the catalogue that was brought last.
    ///
    /// # Errors
    /// If it can't be had.
    fn get(&mut self, item: &Item) -> Result<Vec<u8>, Self::Error>;
}

/// Holds plugins by key.
pub trait Management: Send + Sync {
    /// Why it can't.
    type Error: Display;

    /// What is held.
    fn held(&self) -> BTreeMap<String, Digest>;

    /// Takes a plugin, new or in the place of the one before.
    ///
    /// # Errors
    /// If it is not taken; the one before is still held.
    fn take(&self, item: &Item, content: Vec<u8>) -> Result<(), Self::Error>;

    /// Lets a plugin go, with its file.
    ///
    /// # Errors
    /// If it is still held.
    fn release(&self, key: &str) -> Result<(), Self::Error>;
}

/// What was done about one plugin.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// The plugin; nothing if it is about the catalogue itself.
    pub key: Option<String>,
    /// What was to be done; nothing if it is about the catalogue itself.
    pub action: Option<Action>,
    /// The version in the catalogue.
    pub version: Option<String>,
    /// Why it was not done.
    pub failure: Option<String>,
}

impl Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (key, action) =
            (self.key.as_deref().unwrap_or("the catalogue"), self.action.map_or("look", Action::as_str));
        let version = self.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        match &self.failure {
            None => write!(f, "{action} {key}{version}: done"),
            Some(why) => write!(f, "{action} {key}{version}: failed: {why}"),
        }
    }
}

/// Where lines go.
pub trait Output: Send + Sync {
    /// Takes a line.
    fn line(&self, line: &Line);
}

impl<F: Fn(&Line) + Send + Sync> Output for F {
    fn line(&self, line: &Line) {
        self(line);
    }
}

/// Does once what a timer does again and again: brings the catalogue, and does what follows from it, one plugin
/// after another. A plugin that fails does not keep the others back; a catalogue that can't be had changes nothing.
pub fn tick<H: Helper, M: Management>(helper: &mut H, management: &M, output: &dyn Output) {
    let (items, contents) = match helper.catalog() {
        Ok(found) => found,
        Err(error) => {
            let failure = Some(error.to_string());
            return output.line(&Line { key: None, action: None, version: None, failure });
        }
    };
    for (key, action) in decide(&items, &contents, &management.held()) {
        let item = items.iter().find(|item| item.key == key);
        let result = match (action, item) {
            (Action::Keep, _) | (_, None) => Ok(()),
            (Action::Remove, Some(_)) => management.release(&key).map_err(|error| error.to_string()),
            (Action::Add | Action::Update, Some(item)) => {
                let content = helper.get(item).map_err(|error| error.to_string());
                content.and_then(|content| management.take(item, content).map_err(|error| error.to_string()))
            }
        };
        let version = item.map(|item| item.version.to_string());
        output.line(&Line { key: Some(key), action: Some(action), version, failure: result.err() });
    }
}
