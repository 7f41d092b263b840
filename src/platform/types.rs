//! The values that platform functions speak in.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

/// A process for certain: numbers are used again, number and start time together are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The process number.
    pub pid: u32,
    /// When it started, in a unit of the system's own; only equality has a meaning.
    pub started: u64,
}

/// How a process uses a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// It runs it.
    Program,
    /// It has its code in memory, as a library.
    Library,
    /// It has it open.
    Open,
    /// It works in it: a folder.
    Folder,
}

/// A process that uses files of an install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub process: ProcessId,
    /// Its name, as people know the program.
    pub name: String,
    /// The user it belongs to, as far as the system tells.
    pub user: Option<String>,
    /// Whether it belongs to the user we run as.
    pub ours: bool,
    /// What it uses, the weightiest first; never empty.
    pub uses: Vec<(Use, PathBuf)>,
}

/// What changes whenever a file's content changes without trickery; equal marks let a hash be reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeMark {
    /// Size in bytes.
    pub size: u64,
    /// Time of the last write, in nanoseconds or the system's own unit.
    pub written: i128,
    /// Time of the last change of content or attributes; on Windows the creation time.
    pub changed: i128,
    /// The file's identity on its volume; 0 where there is none.
    pub id: u64,
}

/// A program we started.
#[derive(Debug, Clone)]
pub struct Spawned {
    /// Its process.
    pub process: ProcessId,
    ended: Arc<OnceLock<bool>>,
}

impl Spawned {
    /// Takes over a child and collects it in the background, so that an ended one does not look alive.
    pub(super) fn new(process: ProcessId, mut child: std::process::Child) -> std::io::Result<Self> {
        Self::watched(process, move || child.wait().is_ok_and(|status| status.success()))
    }

    /// The same for a program whose end `wait` waits for, saying whether it ended with success.
    pub(super) fn watched(
        process: ProcessId,
        wait: impl FnOnce() -> bool + Send + 'static,
    ) -> std::io::Result<Self> {
        let ended = Arc::new(OnceLock::new());
        let shared = Arc::clone(&ended);
        let collect = move || {
            let well = wait();
            shared.get_or_init(|| well);
        };
        std::thread::Builder::new().name("child".to_owned()).spawn(collect)?;
        Ok(Self { process, ended })
    }

    /// Whether it ended with success; nothing while it runs.
    #[must_use]
    pub fn ended_well(&self) -> Option<bool> {
        self.ended.get().copied()
    }
}
