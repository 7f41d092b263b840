//! Components that are replaced while the service runs: a pipeline with a sink that checks every message.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests set up by hand")]

mod bad_versions;
mod carriers;
mod catalog;
mod configs;
mod guests;
mod load;
#[cfg(target_os = "linux")]
mod page;
mod plugins;
mod program;
mod shop;
mod swaps;
mod watched;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use updraft::component::carrier::{CallError, Instance};
use updraft::component::message::{Batch, Info, Role};
use updraft::component::sample::Counter;
use updraft::component::{ComponentStatus, Happening, Options, Pipeline, Service, Verdict};

/// What a sink has seen.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    pub(crate) count: u64,
    /// Numbers of a key that did not follow the one before by `step`.
    pub(crate) gaps: u64,
    pub(crate) doubles: u64,
    /// Counts of the processor that did not follow the one before by one.
    pub(crate) state_errors: u64,
    pub(crate) last_kind: u32,
    pub(crate) kinds: BTreeMap<u32, u64>,
    last: BTreeMap<u64, u64>,
    counted: u64,
}

/// A sink for tests, and what it has seen. One ledger can be the sink of several components only if each gets a
/// whole line of its own.
pub(crate) struct Ledger {
    info: Info,
    step: u64,
    /// Whether the payload is the count of one processor.
    counts: bool,
    seen: Arc<Mutex<Seen>>,
}

impl Instance for Ledger {
    fn info(&self) -> &Info {
        &self.info
    }

    fn role(&self) -> Role {
        Role::Sink
    }

    fn deliver(&mut self, batch: &Batch, again: bool) -> Result<(), CallError> {
        assert!(!again, "a sink that never breaks has nothing to repeat");
        let mut seen = self.seen.lock().unwrap();
        for message in &**batch {
            seen.count += 1;
            seen.last_kind = message.kind;
            *seen.kinds.entry(message.kind).or_default() += 1;
            match seen.last.insert(message.key, message.id) {
                Some(last) if message.id <= last => seen.doubles += 1,
                Some(last) if message.id != last + self.step => seen.gaps += 1,
                None if message.id > self.step => seen.gaps += 1,
                _ => {}
            }
            if self.counts {
                let count = u64::from_le_bytes(message.payload[..8].try_into().unwrap());
                if count != seen.counted + 1 {
                    seen.state_errors += 1;
                }
                seen.counted = count;
            }
        }
        Ok(())
    }
}

impl Seen {
    /// Nothing lost, doubled or out of order, and the processor's count never lost.
    #[track_caller]
    pub(crate) fn is_whole(&self) {
        assert_eq!((self.gaps, self.doubles, self.state_errors), (0, 0, 0), "{:?}", self.kinds);
    }
}

/// A pipeline in a temporary folder.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) service: Arc<Service>,
    pub(crate) ledgers: BTreeMap<String, Arc<Mutex<Seen>>>,
    pub(crate) said: Arc<Mutex<Vec<Happening>>>,
}

/// `numbers` sends to `counter`, which runs from `counter.wasm`, and that to `ledger`.
pub(crate) fn simple(rate: u64, rules: &str) -> String {
    format!(
        r#"
[pipeline]
artifacts = "artifacts"
state = "state"
settle = "150ms"

[[component]]
name = "numbers"
artifact = "numbers"
carrier = "builtin"
downstreams = ["counter"]
config = {{ per_second = {rate} }}

[[component]]
name = "counter"
artifact = "counter.wasm"
downstreams = ["ledger"]
{rules}

[[component]]
name = "ledger"
artifact = "ledger"
carrier = "builtin"
"#
    )
}

impl World {
    pub(crate) fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("artifacts")).unwrap();
        for (name, bytes) in files {
            std::fs::write(dir.path().join("artifacts").join(name), bytes).unwrap();
        }
        dir
    }

    pub(crate) fn start(config: &str, files: &[(&str, &[u8])]) -> Self {
        Self::start_in(Self::folder(files), config)
    }

    pub(crate) fn start_in(dir: tempfile::TempDir, config: &str) -> Self {
        std::fs::write(dir.path().join("pipeline.toml"), config).unwrap();
        let pipeline =
            Pipeline::read(&dir.path().join("pipeline.toml")).unwrap_or_else(|error| panic!("{error}"));
        let mut options = Options::default();
        let mut ledgers = BTreeMap::new();
        for (name, counts) in [("ledger", true), ("ledger2", false), ("ledger3", true), ("ledger4", true)] {
            let seen = Arc::new(Mutex::new(Seen::default()));
            ledgers.insert(name.to_owned(), Arc::clone(&seen));
            options.builtins.add(name, move || {
                let info = Info { name: "ledger".to_owned(), ..Info::default() };
                Box::new(Ledger { info, step: 16, counts, seen: Arc::clone(&seen) })
            });
        }
        let said: Arc<Mutex<Vec<Happening>>> = Arc::default();
        let heard = Arc::clone(&said);
        options.events = Arc::new(move |happening: &Happening| heard.lock().unwrap().push(happening.clone()));
        let service = Arc::new(Service::start(pipeline, options).unwrap());
        Self { dir, service, ledgers, said }
    }

    pub(crate) fn artifact(&self, name: &str) -> PathBuf {
        self.dir.path().join("artifacts").join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("pipeline.toml")
    }

    pub(crate) fn seen(&self) -> Seen {
        self.ledgers["ledger"].lock().unwrap().clone()
    }

    pub(crate) fn seen_by(&self, ledger: &str) -> Seen {
        self.ledgers[ledger].lock().unwrap().clone()
    }

    pub(crate) fn component(&self, name: &str) -> ComponentStatus {
        self.service.status().components.into_iter().find(|component| component.name == name).unwrap()
    }

    pub(crate) fn verdict(&self, name: &str) -> Option<Verdict> {
        self.component(name).last_swap.map(|swap| swap.verdict)
    }

    /// What was said under a name.
    pub(crate) fn said(&self, event: &str) -> Vec<String> {
        let said = self.said.lock().unwrap();
        said.iter()
            .filter(|happening| happening.event == event)
            .map(|happening| happening.text.clone())
            .collect()
    }

    /// Waits for something; a minute is beyond any load.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut is: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !is(self) {
            assert!(
                Instant::now() < end,
                "never: {what}\n{:#?}\n{:#?}",
                self.service.status(),
                self.said.lock().unwrap()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// More messages come through.
    #[track_caller]
    pub(crate) fn flows(&self) {
        let now = self.seen().count;
        self.until("more messages", |world| world.seen().count > now + 20);
    }

    /// Stops the source, lets everything flow out, and checks that every message came once, in order, with the
    /// count of the processor unbroken.
    #[track_caller]
    pub(crate) fn ends_whole(self) -> Seen {
        let Self { dir, service, ledgers, said } = self;
        let service = Arc::into_inner(service).expect("nobody else holds the service");
        let sent_before = sent(&service);
        assert_eq!(service.stop(Duration::from_secs(30)), 0, "{said:?}");
        let seen = ledgers["ledger"].lock().unwrap().clone();
        seen.is_whole();
        assert!(seen.count >= sent_before, "{} of at least {sent_before}", seen.count);
        drop(dir);
        seen
    }
}

fn sent(service: &Service) -> u64 {
    service.status().components.iter().find(|c| c.name == "numbers").map_or(0, |c| c.messages_out)
}

pub(crate) fn build(counter: &Counter) -> Vec<u8> {
    counter.build().unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn version(number: u32) -> Vec<u8> {
    build(&Counter::version(number))
}

/// Writes a file in the way a copying person does: in place.
pub(crate) fn copy_over(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}
