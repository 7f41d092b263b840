//! The carrier `wasm`: components in wasmtime's sandbox, without any access to the system.
//!
//! A component is compiled once for each content and engine; the compiled form is kept in memory and in a folder
//! of our own, and never taken from elsewhere. A call that takes too long ends by the engine's epoch, which a
//! thread counts up; memory over the limit is a trap.

mod cache;
mod host;
mod instance;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, Engine, OptLevel, Store};

use super::carrier::{Artifact, CallError, Carrier, Instance, Limits, LoadError, Log, Program};
use super::message::Role;
use super::world;
use crate::release::Digest;

pub use cache::Cache;

use host::Host;
use instance::{Calls, WasmInstance};

/// How often the epoch is counted up; a call's deadline is kept to twice that.
const TICK: Duration = Duration::from_millis(2);
/// Compiled components kept in memory.
const KEPT: usize = 16;

/// Runs components in a sandbox.
pub struct Wasm {
    engine: Engine,
    linker: Linker<Host>,
    cache: Cache,
    recent: Mutex<Vec<(Digest, Arc<WasmProgram>)>>,
}

impl Wasm {
    /// A sandbox whose compiled components are kept in `cache`.
    ///
    /// # Errors
    /// If this machine can't have one.
    pub fn new(cache: Cache) -> Result<Self, LoadError> {
        let place = |error: wasmtime::Error| LoadError::Place(told(&error));
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .cranelift_opt_level(OptLevel::Speed)
            // Address space is what many versions side by side run out of first.
            .memory_reservation(64 << 20)
            .memory_reservation_for_growth(16 << 20);
        let engine = Engine::new(&config).map_err(place)?;
        let mut linker = Linker::new(&engine);
        host::link(&mut linker).map_err(place)?;
        let weak = engine.weak();
        let tick = move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        };
        let thread = std::thread::Builder::new().name("component-clock".to_owned());
        thread.spawn(tick).map_err(|error| LoadError::Place(error.to_string()))?;
        Ok(Self { engine, linker, cache, recent: Mutex::new(Vec::new()) })
    }

    fn remembered(&self, digest: Digest) -> Option<Arc<WasmProgram>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let at = recent.iter().position(|(known, _)| *known == digest)?;
        let found = recent.remove(at);
        recent.push(found.clone());
        Some(found.1)
    }

    fn compile(&self, artifact: &Artifact) -> Result<Component, LoadError> {
        if let Some(component) = self.cache.get(&self.engine, artifact.digest) {
            return Ok(component);
        }
        let bytes = world::component_of(&artifact.bytes)?;
        let component =
            Component::from_binary(&self.engine, &bytes).map_err(|error| LoadError::Damaged(told(&error)))?;
        self.cache.put(&self.engine, artifact.digest, &component);
        Ok(component)
    }

    /// Loads a component and says what role it has.
    ///
    /// # Errors
    /// If it is damaged, or of another world.
    pub fn program(&self, artifact: &Artifact) -> Result<Arc<WasmProgram>, LoadError> {
        if let Some(known) = self.remembered(artifact.digest) {
            return Ok(known);
        }
        let component = self.compile(artifact)?;
        let pre = self.linker.instantiate_pre(&component);
        let pre = pre.map_err(|error| LoadError::World(told(&error)))?;
        let (calls, role) = Calls::of(&component).map_err(LoadError::World)?;
        let program = Arc::new(WasmProgram { pre, calls, role });
        // Types are checked at the first instance; a throw-away one tells now.
        let silent: Log = Arc::new(|_, _: &str| {});
        program.start(&Limits::default(), &silent).map_err(|error| match error {
            CallError::Refused(why) => LoadError::World(why),
            other => LoadError::Damaged(other.to_string()),
        })?;
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= KEPT {
            recent.remove(0);
        }
        recent.push((artifact.digest, Arc::clone(&program)));
        Ok(program)
    }
}

impl Carrier for Wasm {
    fn load(&self, artifact: &Artifact) -> Result<Arc<dyn Program>, LoadError> {
        Ok(self.program(artifact)?)
    }
}

/// A compiled component.
pub struct WasmProgram {
    pre: InstancePre<Host>,
    calls: Calls,
    role: Role,
}

impl WasmProgram {
    /// What it does in a line.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
}

impl Program for WasmProgram {
    fn start(&self, limits: &Limits, log: &Log) -> Result<Box<dyn Instance>, CallError> {
        let mut store = Store::new(self.pre.engine(), Host::new(Arc::clone(log), limits.memory));
        store.limiter(|host| host);
        Ok(Box::new(WasmInstance::start(&self.pre, &self.calls, self.role, store, limits.call_deadline)?))
    }
}

/// An error with its causes, without the addresses of a backtrace.
fn told(error: &wasmtime::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let line = text.lines().next().unwrap_or_default().trim().to_owned();
        if !line.is_empty() && !line.starts_with("error while executing") && !parts.contains(&line) {
            parts.push(line);
        }
    }
    parts.join(": ")
}

/// Ticks of the epoch in `time`, never less than asked for.
fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_nanos() / TICK.as_nanos()).unwrap_or(u64::MAX / 2).saturating_add(2)
}
