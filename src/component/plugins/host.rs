//! The holder of plugins in a program's own process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::catalog::{Item, is_key};
use super::roles::Management;
use crate::component::builtin::log_of;
use crate::component::carrier::{Artifact, CallError, Instance, Limits, LoadError, Program as _};
use crate::component::message::{Batch, Message, Role, State};
use crate::component::wasm::{Cache, Wasm, WasmProgram};
use crate::fsx::{self, Absent as _, FsError};
use crate::release::Digest;

/// Most bytes of a plugin.
const MAX_PLUGIN: u64 = 1 << 30;

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Its folder can't be used.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// There can be no sandbox on this machine.
    #[error("plugins can't be run here: {0}")]
    Sandbox(#[from] LoadError),
}

/// Why something was not done with a plugin. The one before, if there is one, still serves.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// There is none of that key.
    #[error("there is no plugin \u{ab}{0}\u{bb}")]
    Unknown(String),
    /// That can't be a key.
    #[error("\u{ab}{0}\u{bb} is no key: letters, digits, - _ . and at most 64 of them")]
    Key(String),
    /// It can't be loaded.
    #[error("\u{ab}{key}\u{bb} can't be loaded: {error}")]
    Load {
        /// The plugin.
        key: String,
        /// Why.
        error: LoadError,
    },
    /// It is no plugin: it has another role.
    #[error("\u{ab}{key}\u{bb} is a {role}, and a plugin is a processor")]
    Role {
        /// The plugin.
        key: String,
        /// What it is.
        role: &'static str,
    },
    /// It does not start, is not well, or does not take the state of the one before.
    #[error("\u{ab}{key}\u{bb} does not start: {error}")]
    Start {
        /// The plugin.
        key: String,
        /// Why.
        error: CallError,
    },
    /// This content broke before.
    #[error("this content of \u{ab}{key}\u{bb} broke before: {why}")]
    Quarantined {
        /// The plugin.
        key: String,
        /// What it did.
        why: String,
    },
    /// A call failed.
    #[error("\u{ab}{key}\u{bb}: {error}")]
    Call {
        /// The plugin.
        key: String,
        /// Why.
        error: CallError,
    },
    /// Its file can't be written or removed.
    #[error(transparent)]
    Fs(#[from] FsError),
}

/// A plugin as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginInfo {
    /// Its key.
    pub key: String,
    /// What it says its version is.
    pub version: String,
    /// Its content.
    pub digest: Digest,
}

/// A content that can be started.
#[derive(Clone)]
struct Version {
    digest: Digest,
    program: Arc<WasmProgram>,
}

struct Plugin {
    version: Version,
    instance: Box<dyn Instance>,
    /// The content before.
    before: Option<Version>,
    /// What it knew after the last call that went well.
    state: Arc<State>,
}

#[derive(Default, Serialize, Deserialize)]
struct Record {
    plugins: BTreeMap<String, Digest>,
    /// Contents that broke, and why.
    quarantine: Vec<(Digest, String)>,
}

/// Holds plugins. What it holds is there again after a restart of the program.
///
/// ```
/// use updraft::component::carrier::Limits;
/// use updraft::component::message::{Batch, Message};
/// use updraft::component::sample::{Counter, Flaw};
/// use updraft::plugins::Host;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let host = Host::open(folder.path(), Limits::default())?;
/// let batch: Batch = vec![Message { id: 1, key: 0, kind: 0, payload: Vec::new() }].into();
///
/// // Files as a build makes them; here they are made in memory.
/// let loaded = host.load("counter", Counter::version(1).build()?)?;
/// assert_eq!(loaded.version, "1.0.0");
/// assert_eq!(host.call("counter", &batch)?[0].payload, 1_u64.to_le_bytes());
///
/// // The next call is answered by the new version, which goes on with the state of the old one.
/// host.load("counter", Counter::version(2).build()?)?;
/// let answer = host.call("counter", &batch)?;
/// assert_eq!((answer[0].kind, answer[0].payload.as_slice()), (2, 2_u64.to_le_bytes().as_slice()));
///
/// // One that breaks is taken back within the call.
/// host.load("counter", Counter::version(3).with(Flaw::TrapAt(3)).build()?)?;
/// let answer = host.call("counter", &batch)?;
/// assert_eq!((answer[0].kind, answer[0].payload.as_slice()), (2, 3_u64.to_le_bytes().as_slice()));
///
/// host.unload("counter")?;
/// assert!(host.call("counter", &batch).is_err());
/// # Ok(())
/// # }
/// ```
pub struct Host {
    wasm: Wasm,
    folder: PathBuf,
    limits: Limits,
    plugins: Mutex<BTreeMap<String, Arc<Mutex<Plugin>>>>,
    record: Mutex<Record>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    /// Opens a folder of plugins and starts those in it. One that can't be started does not keep the others from it.
    ///
    /// # Errors
    /// If the folder can't be used, or there can be no sandbox.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, HostError> {
        fsx::make_dirs(folder)?;
        let wasm = Wasm::new(Cache::at(folder.join("compiled"))?)?;
        let record = fsx::read(&folder.join("plugins.json"), 1 << 20).if_present()?;
        let record: Record = record.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let stored = record.plugins.clone();
        let (plugins, record) = (Mutex::default(), Mutex::new(record));
        let host = Self { wasm, folder: folder.to_path_buf(), limits, plugins, record };
        for (key, digest) in stored {
            if let Err(error) = host.wake(&key, digest) {
                tracing::error!(%error, "a plugin is left out");
            }
        }
        Ok(host)
    }

    fn wake(&self, key: &str, digest: Digest) -> Result<(), PluginError> {
        let bytes = fsx::read(&self.file(digest), MAX_PLUGIN)?;
        let version = self.version(key, bytes)?;
        if version.digest != digest {
            let error = LoadError::Damaged("its file was changed".to_owned());
            return Err(PluginError::Load { key: key.to_owned(), error });
        }
        let (instance, state) = self.begin(key, &version, None)?;
        let plugin = Plugin { version, instance, before: None, state };
        held(&self.plugins).insert(key.to_owned(), Arc::new(Mutex::new(plugin)));
        Ok(())
    }

    fn file(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }

    fn version(&self, key: &str, bytes: Vec<u8>) -> Result<Version, PluginError> {
        let artifact = Artifact::of(key, bytes);
        let key = || key.to_owned();
        let program =
            self.wasm.program(&artifact).map_err(|error| PluginError::Load { key: key(), error })?;
        if program.role() != Role::Processor {
            return Err(PluginError::Role { key: key(), role: program.role().as_str() });
        }
        Ok(Version { digest: artifact.digest, program })
    }

    /// An instance that is well and knows `state`.
    fn begin(
        &self,
        key: &str,
        version: &Version,
        state: Option<&Arc<State>>,
    ) -> Result<(Box<dyn Instance>, Arc<State>), PluginError> {
        let begin = || {
            let mut instance = version.program.start(&self.limits, &log_of(key))?;
            instance.init("{}")?;
            instance.probe()?;
            if let Some(state) = state.filter(|state| state.schema != 0) {
                if !instance.info().takes(state.schema) {
                    let why = format!("it does not take a state of schema {}", state.schema);
                    return Err(CallError::Refused(why));
                }
                instance.restore(state)?;
            }
            let state = Arc::new(instance.snapshot()?);
            Ok((instance, state))
        };
        begin().map_err(|error| PluginError::Start { key: key.to_owned(), error })
    }

    /// Loads a plugin, or puts it in the place of the one of the same key, whose state it takes over. The next call is
    /// answered by it.
    ///
    /// # Errors
    /// If it is not fit; the one before still serves.
    pub fn load(&self, key: &str, content: Vec<u8>) -> Result<PluginInfo, PluginError> {
        if !is_key(key) {
            return Err(PluginError::Key(key.to_owned()));
        }
        let bytes = content.clone();
        let digest = Digest::of(&bytes);
        let bad =
            held(&self.record).quarantine.iter().find(|(bad, _)| *bad == digest).map(|(_, why)| why.clone());
        if let Some(why) = bad {
            return Err(PluginError::Quarantined { key: key.to_owned(), why });
        }
        let version = self.version(key, content)?;
        fsx::write_durable(&self.file(digest), &bytes)?;
        let present = held(&self.plugins).get(key).cloned();
        let result = match present {
            None => self.begin(key, &version, None).map(|(instance, state)| {
                let label = instance.info().version.clone();
                let plugin = Plugin { version, instance, before: None, state };
                held(&self.plugins).insert(key.to_owned(), Arc::new(Mutex::new(plugin)));
                label
            }),
            Some(plugin) => {
                // Calls of this plugin wait for the switch; calls of others do not.
                let mut plugin = held(&plugin);
                self.begin(key, &version, Some(&plugin.state)).map(|(instance, state)| {
                    let label = instance.info().version.clone();
                    let before = std::mem::replace(&mut plugin.version, version);
                    plugin.before = (before.digest != digest).then_some(before);
                    (plugin.instance, plugin.state) = (instance, state);
                    label
                })
            }
        };
        match result {
            Ok(label) => {
                held(&self.record).plugins.insert(key.to_owned(), digest);
                self.save()?;
                Ok(PluginInfo { key: key.to_owned(), version: label, digest })
            }
            Err(error) => {
                self.sweep()?;
                Err(error)
            }
        }
    }

    /// Gives messages to a plugin. If its content traps, hangs or takes too much memory, it is quarantined, and the
    /// content before answers this very call; where there is none, a fresh instance of the same does the next one.
    ///
    /// # Errors
    /// If there is no such plugin, or it does not take the messages.
    pub fn call(&self, key: &str, batch: &Batch) -> Result<Vec<Message>, PluginError> {
        let plugin = held(&self.plugins).get(key).cloned();
        let plugin = plugin.ok_or_else(|| PluginError::Unknown(key.to_owned()))?;
        let mut plugin = held(&plugin);
        let failed = |error| PluginError::Call { key: key.to_owned(), error };
        let first = match plugin.instance.process(batch) {
            Ok(answer) => {
                self.remember(&mut plugin);
                return Ok(answer);
            }
            Err(error) if !error.is_fatal() => return Err(failed(error)),
            Err(error) => error,
        };
        let Some(before) = plugin.before.take() else {
            (plugin.instance, plugin.state) = self.begin(key, &plugin.version, Some(&plugin.state))?;
            return Err(failed(first));
        };
        let (instance, state) = self.begin(key, &before, Some(&plugin.state))?;
        let bad = std::mem::replace(&mut plugin.version, before.clone());
        (plugin.instance, plugin.state) = (instance, state);
        {
            let mut record = held(&self.record);
            record.quarantine.push((bad.digest, first.to_string()));
            record.plugins.insert(key.to_owned(), before.digest);
        }
        self.save()?;
        tracing::error!(plugin = key, error = %first, "the new version broke; the one before serves again");
        let answer = plugin.instance.process(batch).map_err(failed)?;
        self.remember(&mut plugin);
        Ok(answer)
    }

    /// Keeps what the plugin knows now, for the version after it and for the one before.
    fn remember(&self, plugin: &mut Plugin) {
        if plugin.state.schema == 0 {
            return;
        }
        if let Ok(state) = plugin.instance.snapshot() {
            plugin.state = Arc::new(state);
        }
    }

    /// Unloads a plugin and removes its file; it is not there after a restart either.
    ///
    /// # Errors
    /// If there is none of that key, or its file can't be removed.
    pub fn unload(&self, key: &str) -> Result<(), PluginError> {
        let gone = held(&self.plugins).remove(key);
        let known = held(&self.record).plugins.remove(key);
        if gone.is_none() && known.is_none() {
            return Err(PluginError::Unknown(key.to_owned()));
        }
        self.save()
    }

    /// Every plugin that serves.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginInfo> {
        let plugins: Vec<_> =
            held(&self.plugins).iter().map(|(key, plugin)| (key.clone(), Arc::clone(plugin))).collect();
        let info = |(key, plugin): (String, Arc<Mutex<Plugin>>)| {
            let plugin = held(&plugin);
            PluginInfo { key, version: plugin.instance.info().version.clone(), digest: plugin.version.digest }
        };
        plugins.into_iter().map(info).collect()
    }

    /// Writes down what is held, then removes the files of what is not.
    fn save(&self) -> Result<(), PluginError> {
        {
            let record = held(&self.record);
            let bytes = serde_json::to_vec_pretty(&*record).unwrap_or_default();
            fsx::write_durable(&self.folder.join("plugins.json"), &bytes)?;
        }
        self.sweep()
    }

    fn sweep(&self) -> Result<(), PluginError> {
        let record = held(&self.record);
        for name in fsx::list(&self.folder)? {
            let digest = name.to_str().and_then(|name| name.strip_suffix(".wasm")?.parse::<Digest>().ok());
            if digest.is_some_and(|digest| !record.plugins.values().any(|held| *held == digest)) {
                fsx::remove_file(&self.folder.join(name)).if_present()?;
            }
        }
        Ok(())
    }
}

impl Management for Host {
    type Error = PluginError;

    fn held(&self) -> BTreeMap<String, Digest> {
        self.plugins().into_iter().map(|plugin| (plugin.key, plugin.digest)).collect()
    }

    fn take(&self, item: &Item, content: Vec<u8>) -> Result<(), PluginError> {
        self.load(&item.key, content).map(drop)
    }

    fn release(&self, key: &str) -> Result<(), PluginError> {
        self.unload(key)
    }
}
