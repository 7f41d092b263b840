//! The carrier `builtin`: components that are part of the service, or of the program that hosts it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;

use super::carrier::{Artifact, CallError, Carrier, Instance, Limits, LoadError, Log, Program};
use super::message::{Batch, Info, Level, Message, Role, State};

/// Makes an instance of something built in.
pub type Factory = Arc<dyn Fn() -> Box<dyn Instance> + Send + Sync>;

/// What is built in, by name.
#[derive(Clone)]
pub struct Builtins {
    known: BTreeMap<String, Factory>,
}

impl Default for Builtins {
    /// `numbers`, a source of numbered messages; `audit`, a sink that looks for gaps and doubles; `print`, a sink
    /// that writes each message as a line of JSON; `discard`, a sink.
    fn default() -> Self {
        let mut builtins = Self { known: BTreeMap::new() };
        builtins.add("numbers", || Box::new(Numbers::default()));
        builtins.add("audit", || audit(Arc::default())());
        builtins.add("print", || Box::new(Print { info: info("print") }));
        builtins.add("discard", || Box::new(Discard { info: info("discard") }));
        builtins
    }
}

impl Builtins {
    /// Adds something of the program's own, or replaces it.
    pub fn add(&mut self, name: &str, make: impl Fn() -> Box<dyn Instance> + Send + Sync + 'static) {
        self.known.insert(name.to_owned(), Arc::new(make));
    }
}

impl Carrier for Builtins {
    fn load(&self, artifact: &Artifact) -> Result<Arc<dyn Program>, LoadError> {
        let Some(make) = self.known.get(&artifact.name) else {
            let names: Vec<&str> = self.known.keys().map(String::as_str).collect();
            return Err(LoadError::Damaged(format!(
                "there is nothing built in of that name; there are {}",
                names.join(", ")
            )));
        };
        Ok(Arc::new(Made(Arc::clone(make))))
    }
}

struct Made(Factory);

impl Program for Made {
    fn start(&self, _limits: &Limits, _log: &Log) -> Result<Box<dyn Instance>, CallError> {
        Ok((self.0)())
    }
}

fn info(name: &str) -> Info {
    Info {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state_schema: 1,
        accepts: Vec::new(),
    }
}

fn parse<'a, T: Deserialize<'a>>(config: &'a str) -> Result<T, CallError> {
    serde_json::from_str(config).map_err(|error| CallError::Refused(format!("config: {error}")))
}

/// A source of numbered messages.
struct Numbers {
    info: Info,
    config: NumbersConfig,
    next: u64,
    /// When it began to count, and from what, to keep to the pace.
    began: Option<(Instant, u64)>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NumbersConfig {
    /// The first number.
    first: u64,
    /// How many; without it, for ever.
    count: Option<u64>,
    /// How many a second; without it, as many as are taken.
    per_second: Option<u64>,
    /// Different keys.
    keys: u64,
}

impl Default for NumbersConfig {
    fn default() -> Self {
        Self { first: 1, count: None, per_second: None, keys: 16 }
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self { info: info("numbers"), config: NumbersConfig::default(), next: 0, began: None }
    }
}

impl Instance for Numbers {
    fn info(&self) -> &Info {
        &self.info
    }

    fn role(&self) -> Role {
        Role::Source
    }

    fn init(&mut self, config: &str) -> Result<(), CallError> {
        self.reconfigure(config)?;
        self.next = self.config.first;
        Ok(())
    }

    fn reconfigure(&mut self, config: &str) -> Result<(), CallError> {
        self.config = parse(config)?;
        self.began = None;
        Ok(())
    }

    fn snapshot(&mut self) -> Result<State, CallError> {
        Ok(State { schema: 1, bytes: self.next.to_le_bytes().to_vec() })
    }

    fn restore(&mut self, state: &Arc<State>) -> Result<(), CallError> {
        let bytes = state.bytes.as_slice().try_into();
        let bytes = bytes.map_err(|_wrong| CallError::Refused("the state is not eight bytes".to_owned()))?;
        self.next = u64::from_le_bytes(bytes);
        Ok(())
    }

    fn poll(&mut self, max: u32, _now: u64) -> Result<Vec<Message>, CallError> {
        let (began, from) = *self.began.get_or_insert((Instant::now(), self.next));
        let mut end = self.next + u64::from(max);
        if let Some(rate) = self.config.per_second {
            let due = began.elapsed().as_micros() * u128::from(rate) / 1_000_000;
            end = end.min(from.saturating_add(u64::try_from(due).unwrap_or(u64::MAX)));
        }
        if let Some(count) = self.config.count {
            end = end.min(self.config.first.saturating_add(count));
        }
        let keys = self.config.keys.max(1);
        let messages: Vec<Message> =
            (self.next..end).map(|id| Message { id, key: id % keys, kind: 0, payload: Vec::new() }).collect();
        self.next = self.next.max(end);
        Ok(messages)
    }
}

/// What an audit has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Messages seen.
    pub seen: u64,
    /// Places where numbers of a key are missing.
    pub gaps: u64,
    /// Messages that came twice, or after a later one.
    pub doubles: u64,
    /// The kind of the last message.
    pub kind: u32,
    #[serde(skip)]
    last: BTreeMap<u64, u64>,
}

/// A sink that looks for gaps and doubles in the numbers of each key.
struct Audit {
    info: Info,
    config: AuditConfig,
    tally: Arc<Mutex<Tally>>,
}

/// Makes the sink `audit`, and lets its tally be read.
pub fn audit(tally: Arc<Mutex<Tally>>) -> impl Fn() -> Box<dyn Instance> + Send + Sync {
    move || Box::new(Audit { info: info("audit"), config: AuditConfig::default(), tally: Arc::clone(&tally) })
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AuditConfig {
    /// How far apart the numbers of one key are.
    step: u64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { step: 16 }
    }
}

impl Tally {
    fn take(&mut self, message: &Message, step: u64) {
        self.seen += 1;
        match self.last.insert(message.key, message.id) {
            Some(last) if message.id <= last => self.doubles += 1,
            Some(last) if message.id != last + step => self.gaps += 1,
            _ => {}
        }
        self.kind = message.kind;
    }
}

impl Instance for Audit {
    fn info(&self) -> &Info {
        &self.info
    }

    fn role(&self) -> Role {
        Role::Sink
    }

    fn init(&mut self, config: &str) -> Result<(), CallError> {
        self.config = parse(config)?;
        Ok(())
    }

    fn deliver(&mut self, batch: &Batch, _again: bool) -> Result<(), CallError> {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let faults = tally.gaps + tally.doubles;
        batch.iter().for_each(|message| tally.take(message, self.config.step));
        if tally.gaps + tally.doubles > faults {
            tracing::error!(
                seen = tally.seen,
                gaps = tally.gaps,
                doubles = tally.doubles,
                "numbers are wrong"
            );
        }
        Ok(())
    }
}

/// A sink that writes each message as a line of JSON.
struct Print {
    info: Info,
}

impl Instance for Print {
    fn info(&self) -> &Info {
        &self.info
    }

    fn role(&self) -> Role {
        Role::Sink
    }

    fn deliver(&mut self, batch: &Batch, again: bool) -> Result<(), CallError> {
        if again {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        for message in &**batch {
            let payload = String::from_utf8_lossy(&message.payload);
            let line =
                json!({"id": message.id, "key": message.key, "kind": message.kind, "payload": payload});
            if writeln!(out, "{line}").is_err() {
                return Err(CallError::Gone("nobody reads the output any more".to_owned()));
            }
        }
        Ok(())
    }
}

/// A sink.
struct Discard {
    info: Info,
}

impl Instance for Discard {
    fn info(&self) -> &Info {
        &self.info
    }

    fn role(&self) -> Role {
        Role::Sink
    }

    fn deliver(&mut self, _batch: &Batch, _again: bool) -> Result<(), CallError> {
        Ok(())
    }
}

/// Sends a component's log to the service's.
#[must_use]
pub fn log_of(component: &str) -> Log {
    let component = component.to_owned();
    Arc::new(move |level, text| match level {
        Level::Debug => tracing::debug!(%component, "{text}"),
        Level::Info => tracing::info!(%component, "{text}"),
        Level::Warn => tracing::warn!(%component, "{text}"),
        Level::Error => tracing::error!(%component, "{text}"),
    })
}
