//! Random scripts of faults: what must come of each is computed from the script, and compared.
//!
//! `UPDRAFT_SCRIPTS=10000` runs so many (200 if nothing is said), `UPDRAFT_SCRIPT=<seed>` one of them again and tells
//! everything about it.
#![expect(clippy::print_stdout, reason = "it says how many scripts it ran, and how they ended")]

mod model;
mod script;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use updraft::release::Codec;
use updraft::report::{Control, Fault as _, Step};
use updraft::transfer::{Depot, Fetched, Options, Request, TransferError, fetch_all};

use self::model::End;
use self::script::{Script, Ware};
use super::shop::{PIECE, Shop, Tape, block_on, mirrors, noise};
use crate::support::fault_server::FaultServer;

/// Scripts at work at the same time: they mostly wait.
const AT_ONCE: usize = 32;
/// Where nobody listens, now or later.
const NOBODY: &str = "127.0.0.1:1";
const WAIT: Duration = Duration::from_millis(150);

/// The objects scripts choose from.
struct Stock {
    shop: Shop,
    wares: Vec<Ware>,
    by_digest: BTreeMap<String, usize>,
}

impl Stock {
    fn new() -> Self {
        let mut shop = Shop::new();
        let sizes =
            [1, 2, 999, 20_000, 65_536, 300_000, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 77];
        for (seed, size) in (1..).zip(sizes) {
            shop.add(Codec::Raw, noise(seed, size));
            shop.add(Codec::Zstd, noise(seed + 100, size));
        }
        shop.add(Codec::Zstd, Vec::new());
        shop.add(Codec::Zstd, b"many of the same ".repeat(100_000));
        // More than one request's worth of pieces.
        shop.add(Codec::Raw, noise(50, 18 * PIECE));
        let ware = |n: usize| {
            let request = &shop.requests[n];
            let content = &request.content;
            let list = content.pieces.map(|list| {
                let hex = list.hex();
                (format!("/objects/{}/{hex}", &hex[..2]), content.size.div_ceil(PIECE as u64) * 32)
            });
            let unpacked = if content.codec == Codec::Raw { 0 } else { request.size };
            Ware { path: shop.path(n), size: content.size, unpacked, list }
        };
        let wares = (0..shop.requests.len()).map(ware).collect();
        let by_digest =
            shop.requests.iter().enumerate().map(|(n, request)| (request.sha256.hex(), n)).collect();
        Self { shop, wares, by_digest }
    }
}

/// What came of a run.
struct Run {
    fetched: Result<Fetched, TransferError>,
    tape: Tape,
    took: Duration,
    sent: u64,
    most_disk: u64,
}

/// Bytes of everything in a folder.
fn disk(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn play(stock: &Stock, script: &Script, depot: &Path, cancel_after: Option<Duration>) -> Run {
    let servers: Vec<Option<FaultServer>> = (0..script.mirrors.len())
        .map(|at| {
            let told = script.clone();
            let serve = || {
                let server = FaultServer::serve_folder(&stock.shop.repository());
                server.script(move |asked| told.fault(at, &asked.path, asked.again))
            };
            (!script.mirrors[at].closed).then(serve)
        })
        .collect();
    let urls: Vec<String> = servers
        .iter()
        .map(|server| server.as_ref().map_or_else(|| NOBODY.to_owned(), FaultServer::url))
        .collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let requests = script.wares.iter().map(|ware| stock.shop.requests[*ware].clone()).collect();
    let options = Options {
        streams: script.streams,
        idle: Duration::from_millis(script.idle),
        first_wait: Duration::from_millis(20),
        longest_wait: WAIT,
        ..Options::default()
    };
    let (began, control, tape) = (Instant::now(), Control::new(), Tape::default());
    let limit = cancel_after.unwrap_or_else(|| model::longest(script, WAIT));
    let (done, most_disk) = (AtomicBool::new(false), AtomicU64::new(0));
    let fetched = std::thread::scope(|scope| {
        let (options, control, done, most_disk) = (&options, &control, &done, &most_disk);
        for (server, mirror) in servers.iter().zip(&script.mirrors) {
            for (from, to) in &mirror.outages {
                scope.spawn(move || {
                    if let Some(server) = server {
                        std::thread::sleep(Duration::from_millis(*from));
                        server.stop();
                        std::thread::sleep(Duration::from_millis(to - from));
                        server.restart();
                    }
                });
            }
        }
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                most_disk.fetch_max(disk(depot), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
                if began.elapsed() > limit {
                    control.cancel();
                }
            }
        });
        let fetched = bring(&urls, depot, requests, options, control, &tape);
        done.store(true, Ordering::Relaxed);
        fetched
    });
    let sent = servers.iter().flatten().map(FaultServer::bytes_sent).sum();
    Run { fetched, tape, took: began.elapsed(), sent, most_disk: most_disk.into_inner() }
}

fn bring(
    urls: &[&str],
    depot: &Path,
    requests: Vec<Request>,
    options: &Options,
    control: &Control,
    tape: &Tape,
) -> Result<Fetched, TransferError> {
    let depot = Depot::open(depot).unwrap();
    let report = |event| tape.put(event);
    block_on(fetch_all(&mirrors(urls), &depot, requests, options, control, &report))
}

/// Everything that is wrong with what came of a script.
fn try_script(stock: &Stock, script: &Script) -> Result<(), String> {
    let home = tempfile::tempdir().unwrap();
    let depot = home.path().join("partial");
    let expected = model::expected(script, &stock.wares);
    let cancel_after = match &expected {
        End::Waits => Some(model::enough_to_say_so(script)),
        End::Either(_) if model::may_wait(script) => Some(Duration::from_secs(5)),
        _ => None,
    };
    let run = play(stock, script, &depot, cancel_after);
    let code = run.fetched.as_ref().err().map(|error| error.code().as_str());
    let as_expected = match (&expected, code) {
        (End::Complete | End::Either(_), None) | (End::Waits, Some("cancelled")) => true,
        (End::Either(_), Some("cancelled")) => cancel_after.is_some(),
        (End::Fails(codes) | End::Either(codes), Some(code)) => codes.contains(code),
        _ => false,
    };
    let mut wrong = Vec::new();
    if !as_expected {
        wrong.push(format!("expected {expected:?}, came {:?} after {:?}", run.fetched, run.took));
    }
    if expected == End::Waits && !run.tape.steps().iter().any(|step| matches!(step, Step::Interrupted { .. }))
    {
        wrong.push("it waits and does not say so".to_owned());
    }
    check_files(stock, script, &depot, run.fetched.is_ok(), &mut wrong);
    check_events(&run, &mut wrong);
    let bounds = [
        ("bytes sent", run.sent, model::most_bytes(script, &stock.wares)),
        ("bytes on disk", run.most_disk, model::most_disk(script, &stock.wares)),
    ];
    for (what, found, most) in bounds {
        if found > most {
            wrong.push(format!("{what}: {found}, at most {most}"));
        }
    }
    if run.fetched.is_err() {
        // Whatever is on disk now must not stand in the way once all is well.
        let calm = Script { mirrors: vec![script::Mirror::default()], ..script.clone() };
        let after = play(stock, &calm, &depot, None);
        if let Err(error) = &after.fetched {
            wrong.push(format!("afterwards, from a good mirror: {error}"));
        }
        check_files(stock, script, &depot, true, &mut wrong);
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n  ")) }
}

/// A file under its final name is right, always, and if all is done none is missing.
fn check_files(stock: &Stock, script: &Script, depot: &Path, complete: bool, wrong: &mut Vec<String>) {
    let mut found = 0;
    for name in super::shop::names(depot) {
        let Some(digest) = name.strip_suffix(".file") else {
            if complete {
                wrong.push(format!("{name} is left over"));
            }
            continue;
        };
        let content = &stock.shop.contents[stock.by_digest[digest]];
        found += 1;
        if std::fs::read(depot.join(&name)).unwrap() != *content {
            wrong.push(format!("WRONG BYTES in {name}"));
        }
    }
    let wanted = script.wares.len();
    if complete && found != wanted {
        wrong.push(format!("{found} files of {wanted}"));
    }
}

fn check_events(run: &Run, wrong: &mut Vec<String>) {
    let progress = run.tape.progress();
    if !progress.is_sorted_by_key(|progress| progress.done) {
        wrong.push("progress goes back".to_owned());
    }
    if progress.iter().any(|progress| progress.done > progress.total) {
        wrong.push("more done than there is".to_owned());
    }
    let mut lost = false;
    for step in run.tape.steps() {
        match step {
            Step::Interrupted { attempt, .. } => {
                lost = true;
                if attempt == 0 {
                    wrong.push("an interruption without a try before".to_owned());
                }
            }
            Step::Continued if !lost => wrong.push("continued without having been interrupted".to_owned()),
            Step::Continued => lost = false,
            _ => {}
        }
    }
    if lost && run.fetched.is_ok() {
        wrong.push("interrupted, complete, and never continued".to_owned());
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// A40 to A52, A64: 200 random scripts of faults over one to three mirrors (10,000 with `UPDRAFT_SCRIPTS=10000`) end as the
/// rules say: no wrong byte under a final name, no more on disk and on the wire than computed, nothing that hangs or
/// panics, progress that never goes back, every interruption followed by going on or the end.
#[test]
fn random_faults_lead_to_the_computed_end() {
    let stock = Stock::new();
    if let Some(seed) = number("UPDRAFT_SCRIPT") {
        let script = Script::of(seed, &stock.wares);
        let tried = try_script(&stock, &script);
        assert!(tried.is_ok() && std::env::var_os("SHOW").is_none(), "{tried:?}\n{script:#?}");
        return;
    }
    let count = number("UPDRAFT_SCRIPTS").unwrap_or(200);
    let (next, began) = (AtomicU64::new(0), Instant::now());
    let (failures, ends) = (Mutex::new(Vec::new()), Mutex::new(BTreeMap::<String, u64>::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count {
                        return;
                    }
                    let script = Script::of(seed, &stock.wares);
                    let end = format!("{:?}", model::expected(&script, &stock.wares));
                    let kind = end.split('(').next().unwrap_or_default().to_owned();
                    *ends.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
                    let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        try_script(&stock, &script)
                    }));
                    let tried = tried.unwrap_or_else(|_| Err("a panic".to_owned()));
                    if let Err(why) = tried {
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        failures.push(format!("UPDRAFT_SCRIPT={}\n  {why}", script.seed));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    println!("{count} scripts in {:.0?}: {:?}", began.elapsed(), ends.into_inner().unwrap());
    assert!(failures.is_empty(), "{} of {count} scripts:\n{}", failures.len(), failures.join("\n"));
}
