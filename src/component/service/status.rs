//! What a service shows of itself, as values.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;

use super::{Member, Shared};
use crate::component::config::Kind;
use crate::release::Digest;

/// A service at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The process.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_seconds: u64,
    /// Every component, in the order of the config.
    pub components: Vec<ComponentStatus>,
}

/// One component at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct ComponentStatus {
    /// Its name.
    pub name: String,
    /// Its file.
    pub artifact: String,
    /// What runs it.
    pub carrier: Kind,
    /// Whether it may be replaced.
    pub upgradable: bool,
    /// Who gets its messages.
    pub downstreams: Vec<String>,
    /// Whether it runs.
    pub state: RunState,
    /// Why it does not, or did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The version that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The content that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// How many of it work side by side.
    pub shards: usize,
    /// Messages handled; of a source, messages brought.
    pub messages_in: u64,
    /// Messages sent on, counted once however many get them.
    pub messages_out: u64,
    /// Messages set aside because the component rejects them.
    pub rejected: u64,
    /// Messages that found nobody.
    pub skipped: u64,
    /// Messages that wait before it.
    pub queue_depth: usize,
    /// Messages that may wait before it.
    pub queue_bound: usize,
    /// Bytes of its state when it was taken last.
    pub state_bytes: usize,
    /// How often it was started again after it broke.
    pub restarts: u64,
    /// Swaps that were made.
    pub swaps: u64,
    /// The last swap that was made or tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_swap: Option<LastSwap>,
}

/// Whether a component runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// A version that has shown itself.
    Running,
    /// A version that has yet to show itself.
    Probation,
    /// Nothing.
    Down,
}

/// A swap that was made or tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastSwap {
    /// The version before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The new version, if it could say one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The new content.
    pub digest: Digest,
    /// Milliseconds of work off the line: compile, start, init, probe.
    pub prepare_ms: f64,
    /// Microseconds the line stood still.
    pub pause_us: f64,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a swap.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "why")]
pub enum Verdict {
    /// It is under way.
    Pending,
    /// The new version runs and has yet to show itself.
    Probation,
    /// The new version has shown itself.
    Kept,
    /// The new version broke; the one before runs.
    RolledBack(String),
    /// The new version was never let in.
    Refused(String),
}

impl Shared {
    pub(super) fn status(&self) -> Status {
        let board = self.board();
        let order = board.pipeline.components.iter();
        let components =
            order.filter_map(|config| Some(component(board.members.get(&config.name)?))).collect();
        Status { pid: std::process::id(), uptime_seconds: self.started.elapsed().as_secs(), components }
    }
}

fn component(member: &Member) -> ComponentStatus {
    let config = &member.config;
    let sum = |of: fn(&super::Handle) -> u64| member.handles.iter().map(of).sum::<u64>();
    let version = member.handles.first().and_then(|handle| handle.stats.version());
    let down = member.handles.iter().any(|handle| handle.stats.is_down());
    let probation = member.handles.iter().any(|handle| handle.stats.probation.load(Ordering::Relaxed));
    let state = match (down, probation) {
        (true, _) => RunState::Down,
        (false, true) => RunState::Probation,
        (false, false) => RunState::Running,
    };
    ComponentStatus {
        name: config.name.clone(),
        artifact: config.artifact.clone(),
        carrier: config.carrier,
        upgradable: config.upgradable,
        downstreams: config.downstreams.clone(),
        state,
        trouble: member.trouble.clone(),
        version: version.as_ref().map(|(label, _)| label.clone()),
        digest: version.map(|(_, digest)| digest),
        shards: config.shards,
        messages_in: sum(|handle| handle.stats.received.load(Ordering::Relaxed)),
        messages_out: sum(|handle| handle.stats.sent.load(Ordering::Relaxed)),
        rejected: sum(|handle| handle.stats.rejected.load(Ordering::Relaxed)),
        skipped: sum(|handle| handle.stats.skipped.load(Ordering::Relaxed)),
        queue_depth: member.handles.iter().map(|handle| handle.queue.depth()).sum(),
        queue_bound: config.queue * config.shards,
        state_bytes: member.handles.iter().map(|h| h.stats.state_bytes.load(Ordering::Relaxed)).sum(),
        restarts: sum(|handle| handle.stats.restarts.load(Ordering::Relaxed)),
        swaps: member.swaps,
        last_swap: member.last.clone(),
    }
}

impl Status {
    /// The figures in the text format of Prometheus.
    #[must_use]
    pub fn prometheus(&self) -> String {
        type Of = fn(&ComponentStatus) -> f64;
        let figures: [(&str, &str, &str, Of); 9] = [
            ("component_up", "gauge", "1 while a version runs", |c| {
                f64::from(u8::from(c.state != RunState::Down))
            }),
            ("component_messages_in_total", "counter", "Messages handled", |c| c.messages_in as f64),
            ("component_messages_out_total", "counter", "Messages sent on", |c| c.messages_out as f64),
            ("component_rejected_total", "counter", "Messages set aside", |c| c.rejected as f64),
            ("component_skipped_total", "counter", "Messages that found nobody", |c| c.skipped as f64),
            ("component_queue_depth", "gauge", "Messages that wait", |c| c.queue_depth as f64),
            ("component_restarts_total", "counter", "Starts after a break", |c| c.restarts as f64),
            ("component_swaps_total", "counter", "Versions switched", |c| c.swaps as f64),
            ("component_last_swap_pause_seconds", "gauge", "How long the line stood still", |c| {
                c.last_swap.as_ref().map_or(0.0, |swap| swap.pause_us / 1e6)
            }),
        ];
        let mut text = String::new();
        for (name, kind, help, of) in figures {
            // Writing to a string can't fail.
            writeln!(text, "# HELP updraft_{name} {help}.\n# TYPE updraft_{name} {kind}").ok();
            for component in &self.components {
                writeln!(text, "updraft_{name}{{component=\"{}\"}} {}", component.name, of(component)).ok();
            }
        }
        text
    }
}

/// Milliseconds with parts.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Microseconds with parts.
pub(super) fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
