//! What an agent remembers over its own death, and the line it writes for each step.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fsx::{self, Absent as _, Context as _, Disk as _, Hold, RealDisk};
use crate::platform::ProcessId;
use crate::release::Stamp;

use super::FleetError;
use super::state::Phase;

const FORMAT: u32 = 1;
const MAX_BYTES: u64 = 1024 * 1024;
/// The file of lines is begun anew when it has grown over this.
const MAX_LINES: u64 = 4 * 1024 * 1024;

/// A program that runs for the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    #[serde(flatten)]
    pub process: ProcessId,
    /// Where it says that it is ready.
    pub notify: Option<PathBuf>,
    /// The release it was started from.
    pub release: u64,
}

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// The format of this file.
    pub format: u32,
    /// Where the node stands.
    pub phase: Phase,
    /// Since when.
    pub since: Stamp,
    /// The program.
    #[serde(default)]
    pub program: Option<Running>,
    /// The standby.
    #[serde(default)]
    pub standby: Option<Running>,
    /// The process that holds the sockets beside the agent.
    #[serde(default)]
    pub keeper: Option<Running>,
    /// Releases installed and kept.
    #[serde(default)]
    pub updates: u64,
    /// Releases taken back.
    #[serde(default)]
    pub rollbacks: u64,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub time: Stamp,
    /// The node.
    pub node: String,
    /// The state then.
    pub state: String,
    /// The release it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// What happened.
    pub text: String,
}

/// The agent's memory on disk.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    node: String,
    /// What is remembered; [`keep`](Self::keep) brings it to the disk.
    pub memory: Memory,
    _hold: Hold,
}

impl Journal {
    /// Opens the memory in `folder` for one agent alone. A damaged one is set aside.
    ///
    /// # Errors
    /// If another agent has it, or the disk does not let us.
    pub fn open(folder: &Path, node: &str) -> Result<Self, FleetError> {
        fsx::make_dirs(folder)?;
        let hold = RealDisk.lock(&folder.join("lock"))?;
        let hold = hold.ok_or_else(|| FleetError::Second(folder.to_path_buf()))?;
        let path = folder.join("agent.json");
        let fresh = || Memory {
            format: FORMAT,
            phase: Phase::Idle,
            since: Stamp::now(),
            program: None,
            standby: None,
            keeper: None,
            updates: 0,
            rollbacks: 0,
        };
        let memory = match fsx::read(&path, MAX_BYTES).if_present()? {
            None => fresh(),
            Some(bytes) => match serde_json::from_slice::<Memory>(&bytes) {
                Ok(memory) if memory.format <= FORMAT => memory,
                Ok(newer) => {
                    let why = format!("it has format {}, this agent knows {FORMAT}", newer.format);
                    return Err(FleetError::Config { path, why });
                }
                Err(_damaged) => {
                    fsx::rename(&path, &fsx::sibling(&path, ".damaged"))?;
                    fresh()
                }
            },
        };
        Ok(Self { folder: folder.to_path_buf(), node: node.to_owned(), memory, _hold: hold })
    }

    /// The folder of the memory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Brings the memory to the disk.
    ///
    /// # Errors
    /// If it can't be written; the old one is then still there.
    pub fn keep(&self) -> Result<(), FleetError> {
        let bytes = serde_json::to_vec_pretty(&self.memory).unwrap_or_default();
        Ok(fsx::write_durable(&self.folder.join("agent.json"), &bytes)?)
    }

    /// Goes to `phase`: on disk first, then in memory.
    ///
    /// # Errors
    /// If it can't be written; nothing has changed then.
    pub fn enter(&mut self, phase: Phase) -> Result<(), FleetError> {
        let before = self.memory.clone();
        self.memory.phase = phase;
        self.memory.since = Stamp::now();
        if let Err(error) = self.keep() {
            self.memory = before;
            return Err(error);
        }
        die_if_wanted(self.memory.phase.name());
        Ok(())
    }

    /// Writes a line of what happened. A full disk does not stop an update for lack of a line.
    pub fn note(&self, text: &str) {
        let target = self.memory.phase.target();
        let entry = Entry {
            time: Stamp::now(),
            node: self.node.clone(),
            state: self.memory.phase.name().to_owned(),
            release: target.map(|target| target.to.number.0),
            text: text.to_owned(),
        };
        tracing::info!("{} {}: {text}", self.node, entry.state);
        if let Err(error) = self.append(&entry) {
            tracing::warn!("{error}");
        }
    }

    fn append(&self, entry: &Entry) -> fsx::Result<()> {
        let path = self.folder.join("journal.jsonl");
        if fsx::stat(&path).is_ok_and(|metadata| metadata.len() > MAX_LINES) {
            fsx::rename(&path, &fsx::sibling(&path, ".1"))?;
        }
        let line = serde_json::to_string(entry).unwrap_or_default();
        writeln!(fsx::append(&path)?, "{line}").at("write", &path)
    }
}

/// In test builds an agent dies with no word when it enters the state named by the environment, or waits there: while
/// the folder `UPDRAFT_AGENT_WAITS_IN` has a file of the state's name, which then ends in `.here`.
#[cfg(feature = "checkpoints")]
fn die_if_wanted(state: &str) {
    if std::env::var("UPDRAFT_AGENT_DIES_AT").is_ok_and(|wanted| wanted == state) {
        std::process::abort();
    }
    let Some(folder) = std::env::var_os("UPDRAFT_AGENT_WAITS_IN").map(PathBuf::from) else { return };
    let here = folder.join(format!("{state}.here"));
    if fsx::rename(&folder.join(state), &here).is_ok() {
        while fsx::stat(&here).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

#[cfg(not(feature = "checkpoints"))]
fn die_if_wanted(_state: &str) {}
