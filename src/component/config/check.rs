//! What makes a set of components a pipeline: names that are there once, and no way in a circle.

use std::collections::{HashMap, HashSet};

use super::{ComponentConfig, Kind, Pipeline, Wrong};

/// Refuses double, unknown and own names, and circles.
pub(super) fn graph(pipeline: &Pipeline) -> Result<(), Wrong> {
    let mut known: HashMap<&str, &ComponentConfig> = HashMap::new();
    for component in &pipeline.components {
        if let Some(first) = known.insert(&component.name, component) {
            let (name, line) = (&component.name, first.line);
            return Err((
                component.line,
                format!("the name \u{ab}{name}\u{bb} is taken already, in line {line}"),
            ));
        }
    }
    for component in &pipeline.components {
        let mut seen = HashSet::new();
        for downstream in &component.downstreams {
            let what = if *downstream == component.name {
                "itself as its downstream"
            } else if !known.contains_key(downstream.as_str()) {
                "as its downstream, but there is no such component"
            } else if !seen.insert(downstream) {
                "twice as its downstream"
            } else {
                continue;
            };
            let (name, other) = (&component.name, downstream);
            let text = if other == name {
                format!("\u{ab}{name}\u{bb} names {what}")
            } else {
                format!("\u{ab}{name}\u{bb} names \u{ab}{other}\u{bb} {what}")
            };
            return Err((component.line, text));
        }
    }
    circle(pipeline)?;
    one_carrier(pipeline)
}

/// Goes down from every component; who is met again on the same way is on a circle.
fn circle(pipeline: &Pipeline) -> Result<(), Wrong> {
    let mut done: HashSet<&str> = HashSet::new();
    for start in &pipeline.components {
        let mut way: Vec<(&ComponentConfig, usize)> = vec![(start, 0)];
        while let Some((at, next)) = way.pop() {
            if done.contains(at.name.as_str()) {
                continue;
            }
            let Some(name) = at.downstreams.get(next) else {
                done.insert(&at.name);
                continue;
            };
            way.push((at, next + 1));
            if let Some(place) = way.iter().position(|(before, _)| before.name == *name) {
                let names: Vec<&str> = way[place..].iter().map(|(on, _)| on.name.as_str()).collect();
                let text = format!("the components go in a circle: {} -> {name}", names.join(" -> "));
                return Err((at.line, text));
            }
            way.extend(pipeline.component(name).map(|below| (below, 0)));
        }
    }
    Ok(())
}

/// A file is run by one carrier, else it could not be replaced as a whole.
fn one_carrier(pipeline: &Pipeline) -> Result<(), Wrong> {
    let mut carriers: HashMap<&str, (Kind, &str)> = HashMap::new();
    for component in pipeline.components.iter().filter(|component| component.carrier != Kind::Builtin) {
        let (carrier, first) =
            *carriers.entry(&component.artifact).or_insert((component.carrier, &component.name));
        if carrier != component.carrier {
            let text = format!(
                "\u{ab}{}\u{bb} and \u{ab}{first}\u{bb} run {} by different carriers",
                component.name, component.artifact
            );
            return Err((component.line, text));
        }
    }
    Ok(())
}
