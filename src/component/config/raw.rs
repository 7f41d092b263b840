//! The config as it is written, and the way from there to checked values.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{
    CatalogConfig, ComponentConfig, Kind, Lines, Pipeline, SwapRules, WhenBusy, WhenDown, Wrong, units,
};
use crate::component::carrier::Limits;
use crate::release::{App, Channel, RelPath};
use crate::source::SourceUrl;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pipeline: Head,
    catalog: Option<Catalog>,
    #[serde(default, rename = "component")]
    components: Vec<Spanned<Component>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    #[serde(default = "artifacts")]
    artifacts: String,
    #[serde(default = "state")]
    state: String,
    settle: Option<Spanned<String>>,
    admin: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    source: Spanned<String>,
    root: String,
    app: Spanned<String>,
    channel: Option<Spanned<String>>,
    every: Option<Spanned<String>>,
}

fn artifacts() -> String {
    "components".to_owned()
}

fn state() -> String {
    ".updraft".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Component {
    name: Spanned<String>,
    artifact: Spanned<String>,
    #[serde(default = "wasm")]
    carrier: Kind,
    #[serde(default = "yes")]
    upgradable: bool,
    #[serde(default)]
    downstreams: Vec<Spanned<String>>,
    shards: Option<Spanned<u64>>,
    queue: Option<Spanned<u64>>,
    when_down: Option<WhenDown>,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    probation: Probation,
    #[serde(default)]
    swap: Swap,
    #[serde(default)]
    config: toml::Table,
}

fn wasm() -> Kind {
    Kind::Wasm
}

fn yes() -> bool {
    true
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    memory: Option<Spanned<String>>,
    batch: Option<Spanned<u64>>,
    call_deadline: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Probation {
    messages: Option<Spanned<u64>>,
    time: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Swap {
    deadline: Option<Spanned<String>>,
    when_busy: Option<WhenBusy>,
}

pub(super) fn typed(raw: File, lines: &Lines<'_>, folder: &Path) -> Result<Pipeline, Wrong> {
    let head = raw.pipeline;
    let settle = time(lines, "settle", head.settle.as_ref(), Duration::from_millis(300))?;
    let admin = head.admin.as_ref().map(|text| {
        let wrong = |_| (lines.of(text.span().start), format!("\u{ab}{}\u{bb} is no IP:PORT", text.as_ref()));
        text.as_ref().parse::<SocketAddr>().map_err(wrong)
    });
    Ok(Pipeline {
        artifacts: folder.join(head.artifacts),
        state: folder.join(head.state),
        settle,
        admin: admin.transpose()?,
        catalog: raw.catalog.map(|catalog| typed_catalog(catalog, lines, folder)).transpose()?,
        components: raw
            .components
            .into_iter()
            .map(|component| typed_component(component, lines))
            .collect::<Result<_, _>>()?,
    })
}

fn typed_catalog(raw: Catalog, lines: &Lines<'_>, folder: &Path) -> Result<CatalogConfig, Wrong> {
    let Catalog { source, root, app, channel, every } = raw;
    let every = time(lines, "every", every.as_ref(), Duration::from_secs(600))?;
    let channel = channel.map_or_else(|| Ok(Channel::stable()), |text| parsed(lines, "channel", &text));
    // A folder beside the config is written as ./NAME: without that it could be the name of a server.
    let place = match source.as_ref() {
        beside if beside.starts_with('.') => {
            let folder = std::path::absolute(folder.join(beside));
            folder
                .map_err(|error| (lines.of(source.span().start), format!("source: {error}")))?
                .display()
                .to_string()
        }
        other => other.to_owned(),
    };
    let place = place
        .parse::<SourceUrl>()
        .map_err(|error| (lines.of(source.span().start), format!("source: {error}")))?;
    let app: App = parsed(lines, "app", &app)?;
    Ok(CatalogConfig { source: place, root: folder.join(root), app, channel: channel?, every })
}

fn parsed<T: std::str::FromStr>(lines: &Lines<'_>, what: &str, text: &Spanned<String>) -> Result<T, Wrong>
where
    T::Err: std::fmt::Display,
{
    text.as_ref().parse().map_err(|error| (lines.of(text.span().start), format!("{what}: {error}")))
}

fn typed_component(raw: Spanned<Component>, lines: &Lines<'_>) -> Result<ComponentConfig, Wrong> {
    let raw = raw.into_inner();
    let line = lines.of(raw.name.span().start);
    let name = raw.name.into_inner();
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(good) {
        return Err((
            line,
            format!("\u{ab}{name}\u{bb} is no name: letters, digits, - _ . and at most 64 of them"),
        ));
    }
    let at = lines.of(raw.artifact.span().start);
    let artifact = raw.artifact.into_inner();
    if let Err(error) = artifact.parse::<RelPath>() {
        return Err((at, format!("artifact: {error}")));
    }
    let defaults = (Limits::default(), SwapRules::default());
    let limits = Limits {
        memory: size(lines, raw.limits.memory.as_ref(), defaults.0.memory)?,
        call_deadline: time(
            lines,
            "call_deadline",
            raw.limits.call_deadline.as_ref(),
            defaults.0.call_deadline,
        )?,
    };
    let swap = SwapRules {
        messages: number(
            lines,
            "messages",
            raw.probation.messages.as_ref(),
            1..=1_000_000,
            defaults.1.messages,
        )?,
        time: time(lines, "time", raw.probation.time.as_ref(), defaults.1.time)?,
        busy_deadline: time(lines, "deadline", raw.swap.deadline.as_ref(), defaults.1.busy_deadline)?,
        when_busy: raw.swap.when_busy.unwrap_or(defaults.1.when_busy),
    };
    let config = serde_json::to_string(&raw.config).map_err(|error| (line, format!("config: {error}")))?;
    Ok(ComponentConfig {
        line,
        artifact,
        carrier: raw.carrier,
        upgradable: raw.upgradable,
        downstreams: raw.downstreams.into_iter().map(Spanned::into_inner).collect(),
        shards: number(lines, "shards", raw.shards.as_ref(), 1..=64, 1)?,
        queue: number(lines, "queue", raw.queue.as_ref(), 1..=10_000_000, 4096)?,
        batch: number(lines, "batch", raw.limits.batch.as_ref(), 1..=65_536, 64)?,
        limits,
        when_down: raw.when_down.unwrap_or(WhenDown::Hold),
        swap,
        config,
        name,
    })
}

fn time(
    lines: &Lines<'_>,
    what: &str,
    text: Option<&Spanned<String>>,
    default: Duration,
) -> Result<Duration, Wrong> {
    let Some(text) = text else { return Ok(default) };
    units::time(text.as_ref()).filter(|time| !time.is_zero()).ok_or_else(|| {
        let said = text.as_ref();
        (
            lines.of(text.span().start),
            format!("{what}: \u{ab}{said}\u{bb} is no time such as 50ms, 10s or 5m"),
        )
    })
}

fn size(lines: &Lines<'_>, text: Option<&Spanned<String>>, default: usize) -> Result<usize, Wrong> {
    let Some(text) = text else { return Ok(default) };
    units::size(text.as_ref()).filter(|size| *size >= 65_536).ok_or_else(|| {
        let said = text.as_ref();
        let what = format!("memory: \u{ab}{said}\u{bb} is no size such as 64MiB, at least 64KiB");
        (lines.of(text.span().start), what)
    })
}

fn number(
    lines: &Lines<'_>,
    what: &str,
    said: Option<&Spanned<u64>>,
    range: std::ops::RangeInclusive<usize>,
    default: usize,
) -> Result<usize, Wrong> {
    let Some(said) = said else { return Ok(default) };
    let value = usize::try_from(*said.as_ref()).ok().filter(|value| range.contains(value));
    value.ok_or_else(|| {
        let what = format!("{what}: {} is not from {} to {}", said.as_ref(), range.start(), range.end());
        (lines.of(said.span().start), what)
    })
}
