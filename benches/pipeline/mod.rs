//! A pipeline whose middle component is replaced, for measurements.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use updraft::component::builtin::{Tally, audit};
use updraft::component::sample::Counter;
use updraft::component::{Happening, Options, Pipeline, Service};

/// A pipeline as `updraft run` has it, and what its sink counts.
pub(super) struct Bench {
    pub(super) service: Service,
    tally: Arc<Mutex<Tally>>,
    pub(super) said: Arc<Mutex<Vec<String>>>,
    _dir: tempfile::TempDir,
}

impl Bench {
    pub(super) fn start(first: &Counter, source: &str, rules: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = dir.path().join("components");
        updraft::fsx::make_dirs(&artifacts).unwrap();
        updraft::fsx::write_durable(&artifacts.join("counter.wasm"), &first.build().unwrap()).unwrap();
        let text = format!(
            "[pipeline]\n[[component]]\nname = \"numbers\"\nartifact = \"numbers\"\ncarrier = \"builtin\"\n\
             downstreams = [\"counter\"]\nconfig = {{ {source} }}\n\
             [[component]]\nname = \"counter\"\nartifact = \"counter.wasm\"\ndownstreams = [\"audit\"]\n{rules}\n\
             [[component]]\nname = \"audit\"\nartifact = \"audit\"\ncarrier = \"builtin\"\n"
        );
        let pipeline =
            Pipeline::parse(&text, "bench.toml", dir.path()).unwrap_or_else(|error| panic!("{error}"));
        let (tally, said): (Arc<Mutex<Tally>>, Arc<Mutex<Vec<String>>>) = Default::default();
        let heard = Arc::clone(&said);
        let mut options = Options {
            events: Arc::new(move |happening: &Happening| heard.lock().unwrap().push(happening.text.clone())),
            ..Options::default()
        };
        options.builtins.add("audit", audit(Arc::clone(&tally)));
        Self { service: Service::start(pipeline, options).unwrap(), tally, said, _dir: dir }
    }

    pub(super) fn seen(&self) -> u64 {
        self.tally.lock().unwrap().seen
    }

    /// Ends it; gives what was lost, and gaps and doubles.
    pub(super) fn end(self) -> (u64, Tally) {
        let left = self.service.stop(Duration::from_secs(60));
        let tally = self.tally.lock().unwrap().clone();
        (left, tally)
    }
}

/// The time that this share of all lies below.
pub(super) fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let at = (sorted.len() as f64 * share) as usize;
    sorted[at.min(sorted.len() - 1)]
}

/// Prints times; gives the one that 99 of 100 lie below.
pub(super) fn show(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort();
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "{what}: {} times, p50 {:.0} us, p99 {:.0} us, max {:.0} us",
        times.len(),
        us(percentile(&times, 0.5)),
        us(percentile(&times, 0.99)),
        us(percentile(&times, 1.0))
    );
    percentile(&times, 0.99)
}
