//! What replacing a component costs: how long the line stands still, what a call costs beside a native one, what
//! bad versions cost, what memory swaps leave.
//! `cargo bench --profile service --no-default-features --features components --bench hotswap -- 6000000 6000 10000`
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for a person")]

mod pipeline;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use updraft::component::builtin::Tally;
use updraft::component::carrier::{Artifact, Limits, Log, Program as _};
use updraft::component::message::{Batch, Message};
use updraft::component::sample::{Counter, Flaw};
use updraft::component::{Cache, Wasm};

use pipeline::{Bench, show};

fn main() {
    let mut numbers = std::env::args().filter_map(|arg| arg.parse::<u64>().ok());
    let messages = numbers.next().unwrap_or(6_000_000);
    let swaps = numbers.next().unwrap_or(6000);
    let growth = numbers.next().unwrap_or(10_000);
    calls();
    load(messages, swaps);
    large_state();
    bad_versions();
    refused_versions();
    memory(growth);
}

/// Swaps while messages come as fast as they are taken.
fn load(messages: u64, swaps: u64) {
    let bench = Bench::start(&Counter::version(1), &format!("count = {messages}"), "");
    let versions = [Counter::version(1).build().unwrap(), Counter::version(2).build().unwrap()];
    let began = Instant::now();
    let mut pauses = Vec::new();
    for swap in 1..=swaps {
        // Spread over all messages, so that each swap meets a line at work.
        while bench.seen() < messages / (swaps + 1) * swap {
            std::thread::sleep(Duration::from_micros(50));
        }
        let next = versions[usize::try_from(swap % 2).unwrap()].clone();
        pauses.push(bench.service.replace("counter.wasm", next).unwrap().pause);
    }
    while bench.seen() < messages {
        std::thread::sleep(Duration::from_millis(1));
    }
    let rate = messages as f64 / began.elapsed().as_secs_f64();
    let (left, Tally { seen, gaps, doubles, .. }) = bench.end();
    println!(
        "load: {seen} messages at {rate:.0}/s; {left} lost, {gaps} gaps, {doubles} doubled or out of order"
    );
    show("load, stood still", pauses);
}

/// 8 MB of state.
fn large_state() {
    let version = |number| Counter { state_bytes: 8 << 20, ..Counter::version(number) };
    let bench = Bench::start(&version(1), "per_second = 20000", "");
    let mut pauses = Vec::new();
    for number in 2..42 {
        let now = bench.seen();
        while bench.seen() < now + 1000 {
            std::thread::sleep(Duration::from_millis(1));
        }
        pauses.push(bench.service.replace("counter.wasm", version(number).build().unwrap()).unwrap().pause);
    }
    let (left, Tally { gaps, doubles, .. }) = bench.end();
    println!("8 MiB of state: {left} lost, {gaps} gaps, {doubles} doubled");
    show("8 MiB of state, stood still", pauses);
}

/// From the moment a bad version is found out to the moment the old one serves.
fn bad_versions() {
    let rules = "limits = { memory = \"8MiB\", call_deadline = \"50ms\" }\nprobation = { messages = 100000, time = \"60s\" }";
    type Make = fn(u64) -> Flaw;
    let flaws: [(&str, Make); 4] = [
        ("trap at once", |_| Flaw::TrapAt(0)),
        ("trap later", Flaw::TrapAt),
        ("loop", Flaw::LoopAt),
        ("leak", Flaw::LeakFrom),
    ];
    for (name, flaw) in flaws {
        let bench = Bench::start(&Counter::version(1), "per_second = 50000", rules);
        let mut times = Vec::new();
        for number in 2..22 {
            let at = bench.seen() + 3000;
            let bad = Counter::version(number).with(flaw(at)).build().unwrap();
            let before = bench.said.lock().unwrap().len();
            bench.service.replace("counter.wasm", bad).unwrap();
            let took = loop {
                let said = bench.said.lock().unwrap()[before..].join("\n");
                if let Some((_, rest)) = said.split_once("serves again after ") {
                    break rest.split(' ').next().unwrap().parse::<f64>().unwrap();
                }
                std::thread::sleep(Duration::from_millis(1));
            };
            times.push(Duration::from_secs_f64(took / 1e3));
        }
        let (left, Tally { gaps, doubles, .. }) = bench.end();
        println!("{name}: {left} lost, {gaps} gaps, {doubles} doubled");
        show(&format!("{name}, found out to serving"), times);
    }
}

/// Versions that never come into the line: from the refusal to the next message of the old one at the end of the line.
fn refused_versions() {
    type Make = fn(Counter) -> Vec<u8>;
    let kinds: [(&str, Make); 5] = [
        ("refused restore", |counter| counter.with(Flaw::RefuseState).build().unwrap()),
        ("failing probe", |counter| counter.with(Flaw::Ill).build().unwrap()),
        // A component, and an empty one.
        ("wrong world", |_| b"\0asm\x0d\0\x01\0".to_vec()),
        ("cut-off file", |counter| {
            let mut bytes = counter.build().unwrap();
            bytes.truncate(bytes.len() * 2 / 3);
            bytes
        }),
        ("bad state schema", |counter| Counter { schema: 9, ..counter }.build().unwrap()),
    ];
    for (name, make) in kinds {
        let bench = Bench::start(&Counter::version(1), "per_second = 50000", "");
        let mut times = Vec::new();
        for number in 2..22 {
            let now = bench.seen();
            while bench.seen() < now + 1000 {
                std::thread::sleep(Duration::from_millis(1));
            }
            let bad = make(Counter::version(number));
            bench.service.replace("counter.wasm", bad).unwrap_err();
            let (found, seen) = (Instant::now(), bench.seen());
            while bench.seen() == seen {
                std::thread::yield_now();
            }
            times.push(found.elapsed());
        }
        // The old one still takes a good version.
        bench.service.replace("counter.wasm", Counter::version(99).build().unwrap()).unwrap();
        let (left, Tally { gaps, doubles, .. }) = bench.end();
        println!("{name}: {left} lost, {gaps} gaps, {doubles} doubled");
        show(&format!("{name}, refused to serving"), times);
    }
}

/// What a call costs beside the same work in this program.
fn calls() {
    let wasm = Wasm::new(Cache::none()).unwrap();
    let artifact = Artifact::of("counter.wasm", Counter::version(1).build().unwrap());
    let silent: Log = Arc::new(|_, _: &str| {});
    let mut instance = wasm.program(&artifact).unwrap().start(&Limits::default(), &silent).unwrap();
    for size in [1, 64] {
        let batch: Batch = (0..size)
            .map(|id| Message { id, key: id, kind: 0, payload: Vec::new() })
            .collect::<Vec<_>>()
            .into();
        let rounds = 400_000 / size;
        let sandboxed = time(rounds, || drop(black_box(instance.process(&batch).unwrap())));
        let mut count = 0_u64;
        let native = time(rounds, || {
            let out: Vec<Message> = batch
                .iter()
                .map(|message| {
                    count += 1;
                    Message { kind: 1, payload: count.to_le_bytes().to_vec(), ..message.clone() }
                })
                .collect();
            drop(black_box(out));
        });
        let each = |total: Duration| total.as_secs_f64() * 1e9 / (rounds * size) as f64;
        println!(
            "a call with {size} messages: {:.0} ns for each, native {:.0} ns, {:.1} times",
            each(sandboxed),
            each(native),
            each(sandboxed) / each(native)
        );
    }
}

fn time(rounds: u64, mut work: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        (0..rounds).for_each(|_| work());
        best = best.min(began.elapsed());
    }
    best
}

/// Resident memory before and after many swaps.
fn memory(swaps: u64) {
    let bench = Bench::start(&Counter::version(1), "per_second = 20000", "");
    let versions = [Counter::version(1).build().unwrap(), Counter::version(2).build().unwrap()];
    let swap = |count: u64| {
        for number in 1..=count {
            let next = versions[usize::try_from(number % 2).unwrap()].clone();
            bench.service.replace("counter.wasm", next).unwrap();
        }
    };
    swap(1000);
    let before = resident();
    swap(swaps);
    let after = resident();
    println!("{swaps} swaps: resident memory from {before} KiB to {after} KiB");
    bench.end();
}

/// Resident memory of this process in KiB; 0 where it can't be told.
fn resident() -> u64 {
    let status = updraft::fsx::read(Path::new("/proc/self/status"), 1 << 20).unwrap_or_default();
    let status = String::from_utf8_lossy(&status).into_owned();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
