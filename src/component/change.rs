//! What is different between two configs, as values.

use super::config::{ComponentConfig, Pipeline};

/// One thing that has to be done to get from one config to another. Their order is the order of doing.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A component comes.
    Add(ComponentConfig),
    /// A component gets another config of its own.
    Reconfigure(ComponentConfig),
    /// A component runs from another file.
    Replace(ComponentConfig),
    /// Other rules for how a component is run: those that count from the next batch or swap on.
    Retune(ComponentConfig),
    /// A component sends to others than before.
    Rewire(ComponentConfig),
    /// A component goes.
    Remove(String),
}

impl Change {
    /// The component it is about.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Add(component)
            | Self::Reconfigure(component)
            | Self::Replace(component)
            | Self::Retune(component)
            | Self::Rewire(component) => &component.name,
            Self::Remove(name) => name,
        }
    }

    /// What is done, as one word.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Add(_) => "add",
            Self::Reconfigure(_) => "reconfigure",
            Self::Replace(_) => "replace",
            Self::Retune(_) => "retune",
            Self::Rewire(_) => "rewire",
            Self::Remove(_) => "remove",
        }
    }
}

/// Why a pipeline can't become another one while it runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line}: {what} of \u{ab}{name}\u{bb} can't be changed while it runs; give it another name, or start anew"
)]
pub struct Fixed {
    /// The line in the new config.
    pub line: usize,
    /// The component.
    pub name: String,
    /// What can't be changed.
    pub what: &'static str,
}

/// What has to be done to get from `old` to `new`: those who come first, then changes, then the wiring, and last
/// those who go, so that no message is ever sent to nobody.
///
/// # Errors
/// If something is changed that needs another start.
pub fn diff(old: &Pipeline, new: &Pipeline) -> Result<Vec<Change>, Fixed> {
    let (mut adds, mut changes, mut wires) = (Vec::new(), Vec::new(), Vec::new());
    for component in &new.components {
        let Some(before) = old.component(&component.name) else {
            adds.push(Change::Add(component.clone()));
            continue;
        };
        let fixed = [
            ("the carrier", before.carrier != component.carrier),
            ("the number of shards", before.shards != component.shards),
            ("the size of the queue", before.queue != component.queue),
        ];
        if let Some((what, _)) = fixed.iter().find(|(_, changed)| *changed) {
            return Err(Fixed { line: component.line, name: component.name.clone(), what });
        }
        if before.artifact != component.artifact {
            changes.push(Change::Replace(component.clone()));
        } else if before.config != component.config {
            changes.push(Change::Reconfigure(component.clone()));
        }
        let tuning = |c: &ComponentConfig| (c.upgradable, c.batch, c.limits, c.when_down, c.swap);
        if tuning(before) != tuning(component) {
            changes.push(Change::Retune(component.clone()));
        }
        if before.downstreams != component.downstreams {
            wires.push(Change::Rewire(component.clone()));
        }
    }
    let gone = old.components.iter().filter(|before| new.component(&before.name).is_none());
    let removes = gone.map(|component| Change::Remove(component.name.clone()));
    // Who is added may send to another who is added: the last in the file is mostly the last in the line.
    adds.reverse();
    Ok(adds.into_iter().chain(changes).chain(wires).chain(removes).collect())
}
