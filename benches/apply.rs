//! How long a program stands still for an update: from the journal to the new entries, with the share of each
//! step. 3,000 changed files of 20 kB unless a number is given: `cargo bench --bench apply -- 3000 /some/folder`.
#![expect(clippy::print_stdout, reason = "a measurement for a person")]

#[path = "../tests/it/install_tree.rs"]
mod install_tree;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use install_tree::{Node, Tree, file, program};
use updraft::fsx::{Barrier, Disk, Hold, RealDisk, Result, Stat};
use updraft::install::{HostGone, Install, Job};
use updraft::release::Digest;

const SIZE: usize = 20_000;
const RUNS: usize = 5;

/// The real disk, and when each flush was done.
#[derive(Debug, Default)]
struct Watched(Mutex<Vec<(Barrier, Instant, Duration)>>);

impl Watched {
    fn note(&self, barrier: Barrier, action: impl FnOnce() -> Result<()>) -> Result<()> {
        let begun = Instant::now();
        let done = action();
        self.0.lock().expect("no panic").push((barrier, Instant::now(), begun.elapsed()));
        done
    }
}

/// The methods that only pass on.
macro_rules! pass {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        $(fn $name(&self, $($arg: $type),*) -> Result<$out> { RealDisk.$name($($arg),*) })*
    };
}

impl Disk for Watched {
    pass! {
        stat(path: &Path) -> Stat;
        list(path: &Path) -> Vec<OsString>;
        read_link(path: &Path) -> PathBuf;
        open(path: &Path) -> Box<dyn Read>;
        canonical(path: &Path) -> PathBuf;
        copy(from: &Path, to: &Path) -> ();
        set_mode(path: &Path, mode: u32) -> ();
        hard_link(from: &Path, to: &Path) -> ();
        symlink(target: &str, path: &Path) -> ();
        rename(from: &Path, to: &Path) -> ();
        remove_file(path: &Path) -> ();
        remove_dir(path: &Path) -> ();
        remove_tree(path: &Path) -> ();
        make_dirs(path: &Path) -> ();
        free_space(path: &Path) -> u64;
        lock(path: &Path) -> Option<Hold>;
    }

    fn write(&self, path: &Path, bytes: &[u8], flush: Option<Barrier>) -> Result<()> {
        match flush {
            Some(barrier) => self.note(barrier, || RealDisk.write(path, bytes, flush)),
            None => RealDisk.write(path, bytes, None),
        }
    }

    fn flush(&self, path: &Path, barrier: Barrier) -> Result<()> {
        self.note(barrier, || RealDisk.flush(path, barrier))
    }

    fn sync_dir(&self, path: &Path, barrier: Barrier) -> Result<()> {
        self.note(barrier, || RealDisk.sync_dir(path, barrier))
    }

    fn sync_volume(&self, path: &Path, barrier: Barrier) -> Result<bool> {
        let begun = Instant::now();
        let done = RealDisk.sync_volume(path, barrier);
        self.0.lock().expect("no panic").push((barrier, Instant::now(), begun.elapsed()));
        done
    }
}

fn release_tree(count: usize, number: u8) -> Tree {
    let mut tree = Tree::new();
    for i in 0..count {
        let mut bytes = vec![number; SIZE];
        bytes[..8].copy_from_slice(&i.to_le_bytes());
        tree.insert(format!("lib/{:02}/{i}", i % 50), Node::File(bytes, 0o644));
    }
    tree.insert("bin/app".to_owned(), program(&format!("app {number}")));
    tree.insert("same".to_owned(), file("same"));
    tree
}

/// One update in `root`; returns how long its swap took and how much of it each step.
fn update(root: &Path, from: &Path, number: u64) -> (Duration, Vec<(&'static str, Duration)>) {
    let disk = Arc::new(Watched::default());
    let install = Install::on(disk.clone(), root.to_path_buf(), "updater".parse().expect("path"));
    let guard = install.lock("bench").expect("lock");
    install.recover(&guard).expect("recovery");
    let (manifest, digest) = install_tree::release(&install_tree::read(from), number);
    let plan = install_tree::plan_for(&guard, &manifest, digest).expect("plan");
    let record = guard.record().expect("record").record;
    let places: BTreeMap<Digest, PathBuf> =
        manifest.regular().map(|file| (file.sha256, file.path.under(from))).collect();
    let stub = from.join("same");
    let job = Job { plan: &plan, manifest: &manifest, record: &record, stub: &stub };
    let stage =
        install.stage(&guard, &job, &|digest| places.get(digest).cloned(), &|_, _, _| {}).expect("stage");
    disk.0.lock().expect("no panic").clear();
    let begun = Instant::now();
    install.swap(&guard, stage, HostGone::nobody(), &|_, _, _| {}).expect("swap");
    let whole = begun.elapsed();
    (whole, shares(begun, &disk.0.lock().expect("no panic")))
}

/// A step ends with the last flush of its name; what the flushes themselves took is told apart.
fn shares(begun: Instant, notes: &[(Barrier, Instant, Duration)]) -> Vec<(&'static str, Duration)> {
    let mut shares: Vec<(&'static str, Duration)> = Vec::new();
    let mut add =
        |name: &'static str, time: Duration| match shares.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += time,
            None => shares.push((name, time)),
        };
    let mut last = begun;
    for (barrier, done, took) in notes {
        let whole = done.duration_since(last);
        add(before(*barrier), whole.saturating_sub(*took));
        add(barrier.name(), *took);
        last = *done;
    }
    shares
}

/// What is done before a flush, in words.
fn before(barrier: Barrier) -> &'static str {
    match barrier.name() {
        "journal.file" => "look at all targets again",
        "journal.name" => "name the journal",
        "backup" => "second names of all old files",
        "interlock" => "stubs",
        "settle" => "switch all files",
        "commit" => "look at all new files",
        "entries" => "new entries",
        "drop" => "emptied folders",
        "record.file" | "record.name" => "make the record",
        _ => "retire",
    }
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let count = args.next().and_then(|count| count.parse().ok()).unwrap_or(3000);
    let dir = match args.next() {
        Some(place) => tempfile::tempdir_in(place),
        None => tempfile::tempdir(),
    };
    let dir = dir.expect("a folder to work in");
    let (one, two, root) = (dir.path().join("one"), dir.path().join("two"), dir.path().join("install"));
    install_tree::write(&one, &release_tree(count, 1));
    install_tree::write(&two, &release_tree(count, 2));
    update(&root, &one, 1);
    let mut best: Option<(Duration, Vec<(&'static str, Duration)>)> = None;
    let mut all = Vec::new();
    for run in 0..RUNS {
        let from = if run % 2 == 0 { &two } else { &one };
        let run = update(&root, from, 2 + run as u64);
        all.push(run.0);
        if best.as_ref().is_none_or(|best| run.0 < best.0) {
            best = Some(run);
        }
    }
    all.sort();
    let (whole, shares) = best.expect("some runs");
    println!(
        "{count} files of {SIZE} bytes: the program stands still for {whole:.0?} (median {:.0?}, most {:.0?})",
        all[all.len() / 2],
        all[all.len() - 1]
    );
    for (name, time) in shares {
        println!(
            "  {:>7.1} ms {:>3.0} %  {name}",
            time.as_secs_f64() * 1000.0,
            time.as_secs_f64() / whole.as_secs_f64() * 100.0
        );
    }
}
