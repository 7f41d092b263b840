//! `agent.toml`: what the agent of a node is told, read strictly.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use toml::de::{DeTable, DeValue};

use crate::fsx;
use crate::release::RelPath;

use super::FleetError;
use super::window::Windows;

/// Most bytes of a configuration.
const MAX_BYTES: u64 = 1024 * 1024;

/// A time as people write it: `500ms`, `10s`, `5m`, `2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\u{ab}{text}\u{bb} is no time; write it as 500ms, 10s, 5m or 2h");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = text[..digits].parse().map_err(|_why| wrong())?;
        let unit = match &text[digits..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        count.checked_mul(unit).map(|millis| Self(Duration::from_millis(millis))).ok_or_else(wrong)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

const fn seconds(count: u64) -> Span {
    Span(Duration::from_secs(count))
}

/// The configuration of an agent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// The name of this node: unique in the fleet, and the id by which it holds the lock.
    pub node: String,
    /// The folder of the program; its updater lies in `updater/`.
    pub install: PathBuf,
    /// Where the agent keeps its state [default: `agent` in the updater's state folder].
    pub state: Option<PathBuf>,
    /// The program.
    #[serde(default)]
    pub program: ProgramConfig,
    /// When the repository is asked.
    #[serde(default)]
    pub check: CheckConfig,
    /// When the program may be replaced; always if there is none.
    #[serde(default, rename = "window")]
    pub windows: Vec<WindowConfig>,
    /// The lock of the fleet.
    pub lock: Option<LockConfig>,
    /// How requests are kept away from the node while it is replaced.
    #[serde(default)]
    pub drain: DrainConfig,
    /// What shows that the program works.
    #[serde(default)]
    pub probe: ProbeConfig,
    /// The agent's own address for status, orders and metrics.
    pub panel: Option<PanelConfig>,
    /// A second copy of the program that serves while the first is replaced.
    pub standby: Option<StandbyConfig>,
}

/// The program that the agent supervises.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProgramConfig {
    /// Its file, relative to the install [default: as the release says].
    pub path: Option<RelPath>,
    /// Its arguments [default: as the release says].
    pub args: Option<Vec<String>>,
    /// Variables added to its environment.
    pub env: std::collections::BTreeMap<String, String>,
    /// The addresses whose sockets the agent holds and passes on.
    pub listen: Vec<SocketAddr>,
    /// How it is known to serve.
    pub ready: Readiness,
    /// How long it has for that.
    pub ready_within: Span,
    /// How long it has to end when it is asked to.
    pub stop_within: Span,
    /// Whether it is ended by force after that.
    pub kill: bool,
    /// The longest wait before a program that ended by itself is started again.
    pub restart_at_most: Span,
    /// Whether it goes on when the agent is asked to end; the next agent takes it over.
    pub outlives_agent: bool,
}

impl Default for ProgramConfig {
    fn default() -> Self {
        Self {
            path: None,
            args: None,
            env: std::collections::BTreeMap::new(),
            listen: Vec::new(),
            ready: Readiness::Notify,
            ready_within: seconds(30),
            stop_within: seconds(30),
            kill: true,
            restart_at_most: seconds(30),
            outlives_agent: false,
        }
    }
}

/// How a program is known to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// It says `READY=1`.
    Notify,
    /// Its probe passes.
    Probe,
}

/// When the repository is asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckConfig {
    /// The time between two checks.
    pub every: Span,
    /// Up to so much is added at random, so that a fleet does not ask at once.
    pub jitter: Span,
}

impl Default for CheckConfig {
    fn default() -> Self {
        Self { every: seconds(300), jitter: seconds(60) }
    }
}

/// A time of the week in which the program may be replaced.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowConfig {
    /// The days on which it begins: `mon` to `sun`; every day if none is named.
    #[serde(default)]
    pub days: Vec<String>,
    /// When it begins: `22:00`.
    pub from: String,
    /// When it ends: `04:00`; on the next day if that is not after `from`.
    pub to: String,
    /// The time zone by its name: `Europe/Berlin`, `UTC`.
    pub zone: String,
}

/// The lock of the fleet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockConfig {
    /// The address of a FleetLock server.
    pub url: String,
    /// The group whose slots are shared.
    #[serde(default = "default_group")]
    pub group: String,
    /// The time between two tries, give or take half of it.
    #[serde(default = "default_retry")]
    pub retry: Span,
    /// How often a slot that is held is asked for again, which renews it where slots run out.
    #[serde(default = "default_renew")]
    pub renew: Span,
}

fn default_group() -> String {
    "default".to_owned()
}

fn default_retry() -> Span {
    seconds(5)
}

fn default_renew() -> Span {
    seconds(20)
}

/// How requests are kept away.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrainConfig {
    /// The dispatcher; without one the held sockets alone keep connections.
    pub via: Option<DrainVia>,
    /// What is waited for before the program is asked to end.
    pub wait_for: WaitFor,
    /// The program's own count of requests in flight: an address that answers with a number.
    pub in_flight: Option<String>,
    /// How long requests have to end.
    pub deadline: Span,
    /// What is done then.
    pub overtime: Overtime,
}

impl Default for DrainConfig {
    fn default() -> Self {
        Self {
            via: None,
            wait_for: WaitFor::InFlight,
            in_flight: None,
            deadline: seconds(60),
            overtime: Overtime::Abort,
        }
    }
}

/// What is waited for while draining.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitFor {
    /// Until nothing is in flight by the dispatcher's or the program's count.
    InFlight,
    /// Nothing: the program is asked to end at once, and ends its connections itself.
    Program,
}

/// What is done when requests do not end in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overtime {
    /// The node serves on, and the update is tried again later.
    Abort,
    /// The program is replaced all the same.
    Force,
}

/// A dispatcher.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum DrainVia {
    /// HAProxy by its runtime socket.
    Haproxy {
        /// A path, or an address with a port.
        socket: String,
        /// The backend.
        backend: String,
        /// The server in it.
        server: String,
    },
    /// `updraft switch`.
    Switch {
        /// The address of its panel.
        url: String,
        /// The name of this node there.
        backend: String,
    },
    /// Any dispatcher with an HTTP interface: each is an address that gets a POST.
    Http {
        /// Keeps new requests away.
        drain: String,
        /// Lets them come again.
        ready: String,
        /// Answers a GET with the number of requests in flight.
        in_flight: Option<String>,
    },
    /// Any other: programs with their arguments, started without a shell.
    Command {
        /// Keeps new requests away.
        drain: Vec<String>,
        /// Lets them come again.
        ready: Vec<String>,
        /// Writes the number of requests in flight.
        in_flight: Option<Vec<String>>,
    },
}

/// What shows that the program works.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeConfig {
    /// The probe; without one, staying alive for the time given by `within` is enough.
    pub via: Option<ProbeWay>,
    /// How often in a row it must pass.
    pub times: u32,
    /// The time between two.
    pub every: Span,
    /// How long one may take.
    pub timeout: Span,
    /// The time in which all of it must have happened.
    pub within: Span,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            via: None,
            times: 3,
            every: Span(Duration::from_millis(500)),
            timeout: seconds(5),
            within: seconds(30),
        }
    }
}

/// A probe.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeWay {
    /// An address that must answer with a status of 200 to 299.
    Http(String),
    /// An address that must accept a connection.
    Tcp(SocketAddr),
    /// A program with its arguments that must end with 0.
    Command(Vec<String>),
}

/// The agent's own address.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelConfig {
    /// Where it listens: an address of this machine itself.
    pub listen: SocketAddr,
    /// The panels of all nodes, for `updraft agent status --all`.
    #[serde(default)]
    pub peers: Vec<String>,
}

/// A second copy of the program that serves while the first is replaced.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandbyConfig {
    /// The folder for the copy; the agent fills it with the release that stands.
    pub folder: PathBuf,
    /// The arguments of the copy [default: those of the program].
    pub args: Option<Vec<String>>,
    /// The addresses whose sockets it is passed.
    #[serde(default)]
    pub listen: Vec<SocketAddr>,
    /// What shows that it works.
    pub probe: ProbeWay,
    /// The panel of the forwarder in front.
    pub switch: String,
    /// The name of the program there.
    pub primary: String,
    /// The name of the copy there.
    pub standby: String,
}

impl AgentConfig {
    /// Reads the file at `path`. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// If it can't be read, or something in it can't be used; the line is named.
    pub fn load(path: &Path) -> Result<Self, FleetError> {
        let bytes = fsx::read(path, MAX_BYTES)?;
        let wrong = |why: String| FleetError::Config { path: path.to_path_buf(), why };
        let text = String::from_utf8(bytes).map_err(|_why| wrong("it is no UTF-8 text".to_owned()))?;
        let mut config = Self::parse(&text).map_err(wrong)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fsx::canonical(folder)?;
        config.install = folder.join(&config.install);
        config.state = config.state.map(|state| folder.join(state));
        if let Some(standby) = &mut config.standby {
            standby.folder = folder.join(&standby.folder);
        }
        Ok(config)
    }

    /// Reads the text of a configuration.
    ///
    /// # Errors
    /// The line and what is wrong there, as one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|why| {
            let said = why.message().lines().collect::<Vec<_>>().join("; ");
            format!("line {}: {said}", line_at(text, why.span().map_or(0, |span| span.start)))
        })?;
        config.check_values().map_err(|(place, why)| format!("line {}: {why}", line_of(text, &place)))?;
        Ok(config)
    }

    fn check_values(&self) -> Result<(), Wrong> {
        let wrong = |place: &'static [&'static str], why: &str| {
            Err((place.iter().map(ToString::to_string).collect::<Vec<_>>(), why.to_owned()))
        };
        let plain = |text: &str| {
            !text.is_empty() && text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !plain(&self.node) {
            return wrong(&["node"], "`node` must be a name of plain characters without spaces");
        }
        for (at, window) in self.windows.iter().enumerate() {
            Windows::of(std::slice::from_ref(window))
                .map_err(|why| (vec!["window".to_owned(), at.to_string()], why.to_string()))?;
        }
        if self.lock.as_ref().is_some_and(|lock| !plain(&lock.group)) {
            let why = "`lock.group` must be a name of plain characters without spaces";
            return wrong(&["lock", "group"], why);
        }
        // It takes orders from whoever reaches it.
        if self.panel.as_ref().is_some_and(|panel| !panel.listen.ip().is_loopback()) {
            let why = "`panel.listen` must be an address of this machine itself, such as 127.0.0.1:4532";
            return wrong(&["panel", "listen"], why);
        }
        if self.probe.times == 0 {
            return wrong(&["probe", "times"], "`probe.times` must be at least 1");
        }
        if self.program.ready == Readiness::Probe && self.probe.via.is_none() {
            let why = "`program.ready` is \"probe\", but there is no `probe.via`";
            return wrong(&["program", "ready"], why);
        }
        if let Some(DrainVia::Command { drain, ready, in_flight }) = &self.drain.via
            && (drain.is_empty() || ready.is_empty() || in_flight.as_ref().is_some_and(Vec::is_empty))
        {
            return wrong(&["drain", "via"], "a command in `drain.via` has no words");
        }
        if self.standby.is_some() && self.drain.via.is_some() {
            let why = "`standby` and `drain.via` exclude each other: the standby's forwarder drains";
            return wrong(&["drain", "via"], why);
        }
        Ok(())
    }
}

/// Where something is wrong, by the names that lead there (a number in a list), and what.
type Wrong = (Vec<String>, String);

/// The line of the place at `at` in `text`.
fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// The line of the setting to which `names` lead, or of the last of them that is there.
fn line_of(text: &str, names: &[String]) -> usize {
    let Ok(root) = DeTable::parse(text) else { return 1 };
    let (mut found, mut at) = (DeValue::Table(root.into_inner()), 0);
    for name in names {
        let next = match &mut found {
            DeValue::Table(table) => table.remove(name.as_str()),
            DeValue::Array(list) => name.parse().ok().and_then(|at: usize| list.get(at).cloned()),
            _ => None,
        };
        let Some(next) = next else { break };
        at = next.span().start;
        found = next.into_inner();
    }
    line_at(text, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Span>().map(|span| span.0.as_millis());
        assert_eq!(read("500ms"), Ok(500));
        assert_eq!(read("10s"), Ok(10_000));
        assert_eq!(read("5m"), Ok(300_000));
        assert_eq!(read("2h"), Ok(7_200_000));
        for bad in ["", "5", "s", "-1s", "1.5s", "5 m", "99999999999999999999s", "18446744073709551615h"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    /// The sample shows every setting, and what it shows can be read.
    #[test]
    fn the_sample_can_be_read() {
        let sample = include_str!("../../manifests/agent.toml");
        let config = AgentConfig::parse(sample).unwrap();
        assert_eq!(
            (config.node.as_str(), config.program.listen.len(), config.windows.len()),
            ("node-1", 1, 1)
        );
        let uncommented: String = sample
            .lines()
            .skip_while(|line| !line.starts_with("# [standby]"))
            .map(|line| format!("{}\n", line.trim_start_matches("# ")))
            .collect();
        let told = format!("node = \"a\"\ninstall = \"b\"\n{uncommented}");
        assert!(AgentConfig::parse(&told).unwrap().standby.is_some());
    }

    #[test]
    fn what_can_not_be_used_is_told_in_one_sentence() {
        let good = "node = \"a\"\ninstall = \"/srv/app\"\n";
        assert!(AgentConfig::parse(good).is_ok());
        let bad = [
            ("nodes = 1\n", "line 3: ", "nodes"),
            ("\n[check]\nevery = \"5\"\n", "line 5: ", "5"),
            ("[program]\nkill = true\nready = \"probe\"\n", "line 5: ", "probe.via"),
            ("[panel]\nlisten = \"0.0.0.0:80\"\n", "line 4: ", "panel.listen"),
            ("[[window]]\nfrom = \"25:00\"\nto = \"26:00\"\nzone = \"UTC\"\n", "line 3: ", "25:00"),
            ("[[window]]\nfrom = \"22:00\"\nto = \"04:00\"\nzone = \"No/City\"\n", "line 3: ", "No/City"),
            ("[drain]\nvia = { kind = \"command\", drain = [], ready = [] }\n", "line 4: ", "drain.via"),
        ];
        for (more, line, named) in bad {
            let said = AgentConfig::parse(&format!("{good}{more}")).unwrap_err();
            assert!(said.starts_with(line) && said.contains(named), "{more}: {said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
}
