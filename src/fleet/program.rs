//! The program that an agent supervises: started with the sockets the agent holds, watched, asked to end.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::platform::process::{ask_to_close, end_by_force, is_running};
use crate::platform::socket::{self, NotifySocket};

use super::FleetError;
use super::journal::Running;

/// How often it is looked at.
const PULSE: Duration = Duration::from_millis(20);
/// How long sockets are held for an agent that is gone.
const KEPT: Duration = Duration::from_secs(300);
/// Most connections that wait for a program; the system may allow fewer.
const WAITING: u32 = 4096;

/// How a program is started.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    /// Its file.
    pub(super) path: PathBuf,
    /// Its arguments.
    pub(super) args: Vec<OsString>,
    /// The folder it works in.
    pub(super) folder: PathBuf,
    /// Variables added to its environment.
    pub(super) env: Vec<(OsString, OsString)>,
    /// The release it is of.
    pub(super) release: u64,
}

/// A program that runs, or has run.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) running: Running,
    notify: Option<Arc<Ear>>,
}

/// Listens at the notify socket of one program on a thread of its own.
#[derive(Debug)]
struct Ear {
    ready: Arc<AtomicBool>,
    done: Arc<AtomicBool>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.done.store(true, Ordering::SeqCst);
    }
}

impl Ear {
    fn listen(path: &Path) -> std::io::Result<Self> {
        let notify = NotifySocket::bind(path)?;
        let flag = || Arc::new(AtomicBool::new(false));
        let (ready, done) = (flag(), flag());
        let ear = Self { ready: Arc::clone(&ready), done: Arc::clone(&done) };
        let listen = move || {
            while !done.load(Ordering::SeqCst) {
                let Ok(said) = notify.receive(Duration::from_millis(200)) else { return };
                for line in said.iter().flat_map(|said| said.lines()) {
                    if line == "READY=1" {
                        ready.store(true, Ordering::SeqCst);
                    }
                }
            }
        };
        std::thread::Builder::new().name("notify".to_owned()).spawn(listen)?;
        Ok(ear)
    }
}

/// The listening sockets that an agent holds for a program.
#[derive(Debug)]
pub(super) struct Sockets(Vec<TcpListener>);

impl Sockets {
    /// Those passed to the agent itself, those of processes that an earlier agent left running, or new ones.
    ///
    /// # Errors
    /// If an address is taken by somebody else.
    pub(super) fn hold(addresses: &[SocketAddr], left: &[&Running]) -> Result<Self, FleetError> {
        let mut found = socket::passed_listeners()
            .map_err(|source| FleetError::System { what: "sockets that it passed", source })?;
        for running in left.iter().filter(|running| is_running(running.process)) {
            if found.is_empty() {
                found = socket::listeners_of(running.process, addresses.len()).unwrap_or_default();
            }
        }
        addresses.iter().map(|address| held_at(*address, &mut found)).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn all(&self) -> &[TcpListener] {
        &self.0
    }
}

/// A socket at `address`: one of those found, or a new one. The program accepts from it in its own way, so it must
/// not be one that never waits.
fn held_at(address: SocketAddr, found: &mut Vec<TcpListener>) -> Result<TcpListener, FleetError> {
    let at = found.iter().position(|socket| socket.local_addr().is_ok_and(|found| found == address));
    match at {
        Some(at) => Ok(found.swap_remove(at)),
        None => listen(address).map_err(|source| FleetError::Listen { address, source }),
    }
}

/// A socket with room for those who come while the program is replaced. Needs the event queue around it.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket =
        if address.is_ipv4() { tokio::net::TcpSocket::new_v4()? } else { tokio::net::TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let held = socket.listen(WAITING)?.into_std()?;
    held.set_nonblocking(false)?;
    Ok(held)
}

impl Program {
    /// Starts it with `sockets`. It says at `notify` that it is ready.
    ///
    /// # Errors
    /// If the system does not start it.
    pub(super) fn start(
        launch: &Launch,
        sockets: &[TcpListener],
        notify: Option<&Path>,
    ) -> Result<Self, FleetError> {
        let failed = |source| FleetError::Start { program: launch.path.clone(), source };
        let ear = notify.map(Ear::listen).transpose().map_err(failed)?;
        let mut command = if sockets.is_empty() || !socket::CAN_PASS {
            let mut command = Command::new(&launch.path);
            command.args(&launch.args);
            command
        } else {
            through_us(launch, sockets).map_err(failed)?
        };
        command.current_dir(&launch.folder).stdin(Stdio::null());
        command.envs(launch.env.iter().map(|(name, value)| (name, value)));
        command.env("UPDRAFT_AGENT", "1").env_remove("LISTEN_FDS").env_remove("LISTEN_PID");
        match notify {
            Some(path) => command.env("NOTIFY_SOCKET", path),
            None => command.env_remove("NOTIFY_SOCKET"),
        };
        let spawned = socket::spawn_watched(command).map_err(failed)?;
        let running = Running {
            process: spawned.process,
            notify: notify.map(Path::to_path_buf),
            release: launch.release,
        };
        Ok(Self { running, notify: ear.map(Arc::new) })
    }

    /// Takes over a program that an earlier agent started. What it said then is not known; it serves.
    pub(super) fn adopt(running: Running) -> Self {
        let ear = running.notify.as_deref().and_then(|path| Ear::listen(path).ok());
        if let Some(ear) = &ear {
            ear.ready.store(true, Ordering::SeqCst);
        }
        Self { running, notify: ear.map(Arc::new) }
    }

    pub(super) fn lives(&self) -> bool {
        is_running(self.running.process)
    }

    /// Whether it said that it is ready.
    pub(super) fn is_ready(&self) -> bool {
        self.notify.as_ref().is_some_and(|ear| ear.ready.load(Ordering::SeqCst))
    }

    /// Waits until it has said that it is ready.
    ///
    /// # Errors
    /// Why it has not, as a sentence.
    pub(super) async fn wait_ready(&self, limit: Duration) -> Result<(), String> {
        let end = Instant::now() + limit;
        while !self.is_ready() {
            if !self.lives() {
                return Err("it ended before it was ready".to_owned());
            }
            if Instant::now() >= end {
                return Err(format!("it did not say within {limit:?} that it is ready"));
            }
            tokio::time::sleep(PULSE).await;
        }
        Ok(())
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// If it may not be asked.
    pub(super) fn ask_to_end(&self) -> std::io::Result<()> {
        ask_to_close(self.running.process)
    }

    /// Waits until it has ended, `limit` at most; then ends it by force if that is allowed. Says whether it has
    /// ended, and whether force was needed.
    pub(super) async fn wait_end(&self, limit: Duration, kill: bool) -> (bool, bool) {
        if self.wait_gone(limit).await {
            return (true, false);
        }
        if !kill {
            return (false, false);
        }
        if let Err(error) = end_by_force(self.running.process) {
            tracing::warn!("process {} can't be ended: {error}", self.running.process.pid);
        }
        (self.wait_gone(Duration::from_secs(10)).await, true)
    }

    async fn wait_gone(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while self.lives() {
            if Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(PULSE).await;
        }
        true
    }
}

/// Starts a process that does nothing but hold `sockets`, so that they outlive an agent that dies while the program
/// is being replaced. It ends some time after the agent did.
///
/// # Errors
/// If the system does not start it.
pub(super) fn keeper(sockets: &Sockets, folder: &Path) -> Result<Program, FleetError> {
    let us = socket::this_program()
        .map_err(|source| FleetError::System { what: "file of this program", source })?;
    let agent = crate::platform::process::current();
    let words = ["agent".to_owned(), "keep".to_owned(), agent.pid.to_string(), agent.started.to_string()];
    let args = words.into_iter().map(OsString::from).collect();
    let launch = Launch { path: us, args, folder: folder.to_path_buf(), env: Vec::new(), release: 0 };
    Program::start(&launch, sockets.all(), None)
}

/// What such a process does: it waits, until nobody has needed it for a while.
pub fn keep_sockets(agent: crate::platform::ProcessId) {
    let mut alone = Instant::now();
    while alone.elapsed() < KEPT {
        if is_running(agent) {
            alone = Instant::now();
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// The command that starts the program by way of this program file, which puts the sockets where the program looks
/// for them and then becomes it: `LISTEN_PID` must be the number of the process that is started.
fn through_us(launch: &Launch, sockets: &[TcpListener]) -> std::io::Result<Command> {
    let mut command = Command::new(socket::this_program()?);
    let numbers = socket::let_inherit(&mut command, sockets);
    command.args(["agent", "become"]);
    for number in numbers {
        command.args(["--socket", &number.to_string()]);
    }
    command.arg("--").arg(&launch.path).args(&launch.args);
    Ok(command)
}
