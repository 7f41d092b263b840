//! A network that fails, through the real updater: nothing starts over, nothing wrong is installed, nobody gives up.
//!
//! The checks run a bounded form; with `UPDRAFT_FULL=1` the sizes, numbers and times are those of docs/testing.md.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes and say what they measured"
)]

mod cuts;
mod kills;
mod lies;
#[cfg(target_os = "linux")]
mod link;
mod mirrors;
mod silence;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::support::fault_server::FaultServer;
use super::support::world::{World, tree, write};
use super::vendor::noise;

/// Whether the long runs are wanted.
fn full() -> bool {
    std::env::var_os("UPDRAFT_FULL").is_some()
}

/// A repository with two releases of a program, and installed copies of the first one.
struct Site {
    world: World,
    old: BTreeMap<String, Option<Vec<u8>>>,
}

impl Site {
    /// The second release adds `files` of noise.
    fn new(files: &[(&str, usize)]) -> Self {
        let mut world = World::new();
        write(world.build().join("app.txt"), "1");
        world.publish("1.0", &[]);
        let server = FaultServer::serve_folder(&world.repo());
        world.source = server.address().to_string();
        world.lay_updater();
        world.update();
        let old = tree(&world.app());
        write(world.build().join("app.txt"), "2");
        for (at, (path, size)) in files.iter().enumerate() {
            write(world.build().join(path), noise(at as u64 + 1, *size));
        }
        world.publish("2.0", &[]);
        Self { world, old }
    }

    fn serve(&self) -> FaultServer {
        FaultServer::serve_folder(&self.world.repo())
    }

    /// One more copy of release 1, which gets its updates from these sources.
    fn copy(&self, name: &str, sources: &[&str]) -> Copy {
        let root = self.world.path("copies").join(name);
        copy_folder(&self.world.app(), &root);
        let settings = serde_json::json!({
            "app": "App", "sources": sources, "check": {"timeout": 10}, "language": "en",
        });
        write(root.join("updater/updater.json"), settings.to_string());
        Copy { root }
    }

    /// The objects of the second release: path in a request, size; the large one first.
    fn objects(&self) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        for folder in fs::read_dir(self.world.repo().join("objects")).unwrap().flatten() {
            for entry in fs::read_dir(folder.path()).unwrap().flatten() {
                let path = format!("/objects/{}/{}", name(&folder.path()), name(&entry.path()));
                found.push((path, entry.metadata().unwrap().len()));
            }
        }
        found.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        found
    }

    fn assert_new(&self, copy: &Copy) {
        assert!(tree(&copy.root) == tree(&self.world.build()), "the new release is there to the byte");
    }

    fn assert_old(&self, copy: &Copy) {
        assert!(tree(&copy.root) == self.old, "nothing of the install has changed");
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Copies a folder; the programs in it get second names only.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy_folder(&from, &to);
        } else if name(&from) == "updater" {
            fs::hard_link(&from, &to).unwrap();
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// An installed copy.
struct Copy {
    root: PathBuf,
}

/// What an updater came to.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    said: String,
}

impl Copy {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.root.join("updater/updater"));
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        command.args(["update", "--no-start"]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn start(&self, arguments: &[&str]) -> Client {
        Client { child: self.command(arguments).spawn().unwrap() }
    }

    fn update(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end(Duration::from_secs(120))
    }

    fn partial(&self) -> PathBuf {
        self.root.join("updater/state/partial")
    }

    /// Bytes fetched and not yet installed.
    fn partial_bytes(&self) -> u64 {
        let entries = fs::read_dir(self.partial()).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    /// The record of events a second updater shows.
    fn events(&self) -> String {
        fs::read_to_string(self.root.join("updater/state/events.jsonl")).unwrap_or_default()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.root.join("updater/state/log/updater.log")).unwrap_or_default()
    }
}

/// A running updater; killed when dropped.
struct Client {
    child: Child,
}

impl Client {
    fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end; after `limit` it is killed, and the test fails.
    fn end(mut self, limit: Duration) -> Ended {
        let (mut out, mut err) = (self.child.stdout.take().unwrap(), self.child.stderr.take().unwrap());
        std::thread::scope(|scope| {
            let out = scope.spawn(move || {
                let mut text = Vec::new();
                out.read_to_end(&mut text).ok();
                text
            });
            let err = scope.spawn(move || {
                let mut text = Vec::new();
                err.read_to_end(&mut text).ok();
                text
            });
            let end = Instant::now() + limit;
            let mut late = false;
            while self.runs() && !late {
                std::thread::sleep(Duration::from_millis(10));
                late = Instant::now() > end;
            }
            self.child.kill().ok();
            let code = self.child.wait().unwrap().code();
            let said = [out.join().unwrap(), err.join().unwrap()].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            assert!(!late, "still at work after {limit:?}:\n{said}");
            Ended { code, said }
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Bytes of object bodies a server has sent.
fn object_bytes(server: &FaultServer) -> u64 {
    let requests = server.requests();
    requests.iter().filter(|request| is_object(&request.path)).map(|request| request.sent).sum()
}

/// Bytes of everything below a folder.
fn disk(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn is_object(path: &str) -> bool {
    path.contains("/objects/")
}

/// Waits until `done` says so.
fn wait_for(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < end, "waited {limit:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs `jobs` some at a time; says what is wrong with any of them.
fn side_by_side<T: Sync>(at_once: usize, jobs: &[T], run: impl Fn(usize, &T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some((at, job)) = {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    jobs.get(at).map(|job| (at, job))
                } {
                    run(at, job);
                }
            });
        }
    });
}
