//! A component replaced here beside a gen_server whose code is changed by Erlang/OTP, under the same load, in turns.
//! `cargo bench --features components --bench hotswap_otp -- 1000 100000 3` (swaps, messages a second, rounds); needs
//! `erl` and `erlc` (Debian: erlang-base).
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for a person")]

mod pipeline;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use updraft::component::builtin::Tally;
use updraft::component::sample::Counter;

use pipeline::{Bench, show};

fn main() {
    let mut numbers = std::env::args().filter_map(|arg| arg.parse::<u64>().ok());
    let swaps = numbers.next().unwrap_or(1000);
    let rate = numbers.next().unwrap_or(100_000);
    let rounds = numbers.next().unwrap_or(3);
    let otp = Otp::build();
    for round in 1..=rounds {
        let ours = show(&format!("round {round}, updraft, stood still"), ours(swaps, rate));
        // Code is prepared before the server stands still, and then as a release handler does it.
        for way in ["prepared", "handler"] {
            let what = format!("round {round}, Erlang/OTP ({way}), stood still");
            let theirs = show(&what, otp.run(swaps, rate, way));
            let times = theirs.as_secs_f64() / ours.as_secs_f64();
            println!("round {round}: p99 of Erlang/OTP ({way}) is {times:.1} times that of updraft");
        }
    }
}

fn ours(swaps: u64, rate: u64) -> Vec<Duration> {
    let bench = Bench::start(&Counter::version(1), &format!("per_second = {rate}"), "");
    let versions = [Counter::version(1).build().unwrap(), Counter::version(2).build().unwrap()];
    let mut pauses = Vec::new();
    for swap in 1..=swaps {
        let next = bench.seen() + rate / 200;
        while bench.seen() < next {
            std::thread::sleep(Duration::from_micros(200));
        }
        let version = versions[usize::try_from(swap % 2).unwrap()].clone();
        pauses.push(bench.service.replace("counter.wasm", version).unwrap().pause);
    }
    assert!(!bench.said.lock().unwrap().iter().any(|line| line.contains("broke")));
    let (left, Tally { seen, gaps, doubles, .. }) = bench.end();
    println!("updraft: {seen} messages, {left} lost, {gaps} gaps, {doubles} doubled or out of order");
    pauses
}

/// The Erlang side, compiled.
struct Otp(tempfile::TempDir);

impl Otp {
    fn build() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/hotswap_otp");
        for (out, file, version) in [("1", "counter", 1), ("2", "counter", 2), (".", "driver", 0)] {
            let out = dir.path().join(out);
            updraft::fsx::make_dirs(&out).unwrap();
            let erlc = Command::new("erlc")
                .arg(format!("-DVERSION={version}"))
                .arg("-o")
                .arg(out)
                .arg(source.join(file).with_extension("erl"))
                .status();
            assert!(erlc.expect("erlc is there").success());
        }
        Self(dir)
    }

    fn run(&self, swaps: u64, rate: u64, way: &str) -> Vec<Duration> {
        let dir = self.0.path();
        let erl = Command::new("erl")
            .args(["-noshell", "-pa"])
            .args([dir, &dir.join("1")])
            .args(["-run", "driver", "main"])
            .arg(dir)
            .args([&swaps.to_string(), &rate.to_string(), way])
            .output();
        let erl = erl.expect("erl is there");
        let out = String::from_utf8_lossy(&erl.stdout).into_owned();
        assert!(erl.status.success(), "{out}{}", String::from_utf8_lossy(&erl.stderr));
        let (times, said): (Vec<&str>, Vec<&str>) = out.lines().partition(|line| line.parse::<u64>().is_ok());
        println!("Erlang/OTP ({way}): {}", said.join("; "));
        times.iter().map(|nanos| Duration::from_nanos(nanos.parse().unwrap())).collect()
    }
}
