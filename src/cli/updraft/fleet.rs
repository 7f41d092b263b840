//! `updraft agent`, `updraft fleetlock`, `updraft switch`

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::engine::Setup;
use crate::fleet::{
    Agent, AgentConfig, Backend, Etcd, FleetError, Forwarder, LockServer, MakeSetup, Mode, Order, Phase,
    Slots, Span, Status, ask_panel, keep_sockets,
};
use crate::fsx;
use crate::install::Install;
use crate::platform::ProcessId;
use crate::platform::process::exe_name;
use crate::platform::signal::Ends;
use crate::platform::socket;
use crate::release::RelPath;
use crate::report::{ErrorCode, Failure};
use crate::settings::{FILE_NAME, Fragment, Settings};

use super::{Outcome, fail, say};

/// `updraft agent`
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
    updraft agent --config /etc/myapp/agent.toml\n  \
    updraft agent status --all --config /etc/myapp/agent.toml\n  \
    updraft agent clear --config /etc/myapp/agent.toml"
)]
pub(super) struct AgentArgs {
    #[command(subcommand)]
    what: Option<AgentWhat>,
    /// The configuration: see docs/fleet.md and manifests/agent.toml.
    #[arg(long, value_name = "FILE", env = "UPDRAFT_AGENT_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum AgentWhat {
    /// Shows where the node stands; with --all every node named in `panel.peers`.
    Status {
        #[command(flatten)]
        whom: Whom,
        /// Every node of the fleet.
        #[arg(long)]
        all: bool,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Lets a node that went back go on: its slot is given back, the bad release is not taken again.
    Clear {
        #[command(flatten)]
        whom: Whom,
    },
    /// Lets the agent ask the repository now.
    Check {
        #[command(flatten)]
        whom: Whom,
    },
    /// Holds inherited sockets beside an agent.
    #[command(hide = true)]
    Keep {
        /// The agent's process.
        pid: u32,
        /// When it started.
        started: u64,
    },
    /// Becomes a program, with the sockets that were inherited where it looks for them.
    #[command(hide = true)]
    Become {
        /// The number of an inherited socket.
        #[arg(long = "socket", value_name = "NUMBER")]
        sockets: Vec<i32>,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        words: Vec<OsString>,
    },
}

/// Which agent is spoken to.
#[derive(Debug, Args)]
struct Whom {
    /// The configuration of the agent.
    #[arg(long, value_name = "FILE", env = "UPDRAFT_AGENT_CONFIG")]
    config: Option<PathBuf>,
    /// The address of its panel, instead of a configuration.
    #[arg(long, value_name = "IP:PORT", conflicts_with = "config")]
    panel: Option<String>,
}

/// `updraft fleetlock`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    updraft fleetlock --etcd http://127.0.0.1:2379\n  \
    updraft fleetlock --listen 10.0.0.5:4531 --etcd http://10.0.0.1:2379 --etcd http://10.0.0.2:2379 --group web=2\n\n\
    Several of them over the same etcd are one lock. GET /v1/holders tells who has slots.")]
pub(super) struct FleetlockArgs {
    /// The address to listen at.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:4531")]
    listen: SocketAddr,
    /// The client address of a member of etcd; give all of them.
    #[arg(long = "etcd", value_name = "URL", required = true)]
    etcd: Vec<String>,
    /// How many nodes of a group may be out at once.
    #[arg(long, value_name = "N", default_value_t = 1)]
    slots: u32,
    /// The same for one group.
    #[arg(long = "group", value_name = "NAME=N", value_parser = group)]
    groups: Vec<(String, u32)>,
    /// After this time without a word of its holder a slot comes back.
    #[arg(long, value_name = "TIME", default_value = "5m")]
    ttl: Span,
}

/// `updraft switch`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    updraft switch --listen 0.0.0.0:80 --backend a=127.0.0.1:8081 --backend b=127.0.0.1:8082\n  \
    updraft switch --single --listen 0.0.0.0:80 --backend primary=127.0.0.1:8081 --backend standby=127.0.0.1:8082\n\n\
    Orders are POSTs with the header updraft-order: true to the panel: /backends/NAME/drain, /backends/NAME/ready,\n\
    /switch/NAME. GET /status and /metrics tell how it stands.")]
pub(super) struct SwitchArgs {
    /// Where connections are taken.
    #[arg(long, value_name = "IP:PORT")]
    listen: SocketAddr,
    /// Where orders are taken: an address of this machine itself.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:4533")]
    panel: SocketAddr,
    /// A program, by a name and where it listens.
    #[arg(long = "backend", value_name = "NAME=IP:PORT", required = true)]
    backends: Vec<Backend>,
    /// Only one gets connections: the first, until another one is switched to.
    #[arg(long)]
    single: bool,
    /// A file in which orders outlive a restart.
    #[arg(long, value_name = "FILE")]
    memory: Option<PathBuf>,
}

fn group(text: &str) -> Result<(String, u32), String> {
    let wrong = || "write it as NAME=N".to_owned();
    let (name, count) = text.split_once('=').ok_or_else(wrong)?;
    let count = count.parse().map_err(|_why| wrong())?;
    if name.is_empty() { Err(wrong()) } else { Ok((name.to_owned(), count)) }
}

/// The event queue of a server.
fn queue() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
        Failure {
            code: ErrorCode::Internal,
            message: format!("the system gives no event queue: {error}"),
            hint: None,
        }
    })
}

fn start_log() {
    let log = tracing_subscriber::fmt().with_writer(std::io::stdout).with_target(false);
    // Only the first subscriber of a process counts.
    log.with_ansi(std::io::stdout().is_terminal()).with_max_level(tracing::Level::INFO).try_init().ok();
}

/// The request to end, heard from this call on and not only from when it is waited for.
fn asked_to_end() -> impl Future<Output = ()> + Send + 'static {
    let ends = Ends::listen();
    async move {
        match ends {
            Ok(mut ends) => ends.next().await,
            Err(error) => {
                tracing::warn!("a request to end can't be heard: {error}");
                std::future::pending::<()>().await;
            }
        }
    }
}

pub(super) fn agent(args: &AgentArgs) -> Outcome {
    match &args.what {
        None => run_agent(&need(args.config.as_deref())?),
        Some(AgentWhat::Status { whom, all, json }) => status(whom, args.config.as_deref(), *all, *json),
        Some(AgentWhat::Clear { whom }) => {
            order(whom, args.config.as_deref(), Order::Clear)?;
            say("Cleared: the slot is given back, and the fleet may go on.");
            Ok(0)
        }
        Some(AgentWhat::Check { whom }) => {
            order(whom, args.config.as_deref(), Order::Check)?;
            say("The agent asks the repository now.");
            Ok(0)
        }
        Some(AgentWhat::Keep { pid, started }) => {
            keep_sockets(ProcessId { pid: *pid, started: *started });
            Ok(0)
        }
        Some(AgentWhat::Become { sockets, words }) => {
            let Some((program, rest)) = words.split_first() else { return Ok(ErrorCode::Usage.exit()) };
            let program = PathBuf::from(program);
            let source = socket::run_with_sockets(sockets, &program, rest);
            Err(fail(FleetError::Start { program, source }))
        }
    }
}

fn need(config: Option<&Path>) -> Result<PathBuf, Failure> {
    config.map(Path::to_path_buf).ok_or_else(|| Failure {
        code: ErrorCode::Usage,
        message: "no configuration is given".to_owned(),
        hint: Some("Name it with --config; manifests/agent.toml is one to begin with.".to_owned()),
    })
}

fn run_agent(path: &Path) -> Outcome {
    start_log();
    let config = AgentConfig::load(path).map_err(fail)?;
    let make = make_setup(&config.install);
    let queue = queue()?;
    queue
        .block_on(async {
            let end = asked_to_end();
            let agent = Agent::open(config, make).await?;
            agent.run(end).await
        })
        .map_err(fail)?;
    queue.shutdown_background();
    Ok(0)
}

/// What an update of the install in `root` is told, by the settings beside its updater as they are then.
pub(in crate::cli) fn make_setup(root: &Path) -> MakeSetup {
    let root = root.to_path_buf();
    Arc::new(move || setup(&root))
}

fn setup(root: &Path) -> Result<Setup, Failure> {
    let root = fsx::canonical(root).map_err(fail)?;
    let folder = root.join("updater");
    let (settings, _) = Settings::load(&folder.join(FILE_NAME), Fragment::default()).map_err(fail)?;
    let updater: RelPath = "updater".parse().map_err(|error| Failure {
        code: ErrorCode::Internal,
        message: format!("{error}"),
        hint: None,
    })?;
    settings.setup(Install::at(root, updater), folder.join(exe_name("updater".as_ref()))).map_err(fail)
}

/// The panels that the arguments lead to: one, or all.
fn panels(whom: &Whom, outer: Option<&Path>, all: bool) -> Result<Vec<String>, Failure> {
    if let Some(panel) = &whom.panel {
        return Ok(vec![panel.clone()]);
    }
    let path = need(whom.config.as_deref().or(outer))?;
    let config = AgentConfig::load(&path).map_err(fail)?;
    let panel = config.panel.ok_or_else(|| Failure {
        code: ErrorCode::Config,
        message: format!("{} has no `panel`, so its agent can't be spoken to", path.display()),
        hint: Some("Add [panel] with listen = \"127.0.0.1:4532\".".to_owned()),
    })?;
    if all && !panel.peers.is_empty() { Ok(panel.peers) } else { Ok(vec![panel.listen.to_string()]) }
}

fn order(whom: &Whom, outer: Option<&Path>, order: Order) -> Result<(), Failure> {
    let panels = panels(whom, outer, false)?;
    let queue = queue()?;
    panels.iter().try_for_each(|panel| queue.block_on(ask_panel(panel, Some(order))).map(drop)).map_err(fail)
}

fn status(whom: &Whom, outer: Option<&Path>, all: bool, json: bool) -> Outcome {
    let panels = panels(whom, outer, all)?;
    let queue = queue()?;
    let mut missing = None;
    for panel in panels {
        match queue.block_on(ask_panel(&panel, None)) {
            Ok(Some(status)) if json => say(&serde_json::to_string(&status).unwrap_or_default()),
            Ok(Some(status)) => say(&line(&status)),
            Ok(None) => {}
            Err(error) if all => {
                say(&format!("{panel:<16} does not answer"));
                missing = Some(fail(error));
            }
            Err(error) => return Err(fail(error)),
        }
    }
    Ok(missing.map_or(0, |failure| failure.code.exit()))
}

/// One line for a node.
pub(in crate::cli) fn line(status: &Status) -> String {
    let version = status.installed.version.as_ref().map_or("-".to_owned(), ToString::to_string);
    let serves = if status.serves { "serves" } else { "does not serve" };
    let toward = match &status.phase {
        Phase::Idle => String::new(),
        phase => phase.target().map_or(String::new(), |target| {
            let to =
                target.to.version.as_ref().map_or_else(|| target.to.number.to_string(), ToString::to_string);
            format!(" ({to})")
        }),
    };
    format!("{:<16} {version:<12} {serves:<15} {}{toward}: {}", status.node, status.phase.name(), status.last)
}

pub(super) fn fleetlock(args: &FleetlockArgs) -> Outcome {
    start_log();
    let slots =
        Slots { default: args.slots, groups: args.groups.iter().cloned().collect::<BTreeMap<_, _>>() };
    let etcd = Etcd::new(&args.etcd)
        .map_err(|error| fail(FleetError::Neighbour { whom: "etcd".to_owned(), why: error.to_string() }))?;
    queue()?
        .block_on(async {
            let end = asked_to_end();
            let server = LockServer::bind(args.listen, etcd, slots, args.ttl.0).await?;
            if let Ok(address) = server.local_addr() {
                say(&format!("The lock of the fleet answers at http://{address}. Press Ctrl-C to stop."));
            }
            server.run(end).await
        })
        .map_err(fail)?;
    say("Stopped.");
    Ok(0)
}

pub(super) fn switch(args: &SwitchArgs) -> Outcome {
    start_log();
    let mode = if args.single { Mode::Single } else { Mode::Balance };
    let (backends, memory) = (args.backends.clone(), args.memory.clone());
    queue()?
        .block_on(async {
            let end = asked_to_end();
            let forwarder = Forwarder::bind(args.listen, args.panel, backends, mode, memory).await?;
            if let Ok((listen, panel)) = forwarder.addresses() {
                say(&format!("Forwards from {listen}; orders at http://{panel}. Press Ctrl-C to stop."));
            }
            forwarder.run(end).await
        })
        .map_err(fail)?;
    say("Stopped.");
    Ok(0)
}
