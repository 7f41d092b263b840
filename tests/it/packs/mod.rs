//! Packs and deltas end to end: what crosses the wire, counted at the server, and what happens when it is wrong.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

mod bytes;
mod codec;
mod deltas;
mod faults;
#[cfg(all(unix, feature = "checkpoints"))]
mod kills;
mod repository;

use std::fs;
use std::path::Path;

use updraft::release::Manifest;
use updraft::trust::ReleaseTarget;
use updraft::trust::sign::RepoState;

use super::support::fault_server::FaultServer;
use super::support::world::{World, write};
use super::vendor::noise;

/// No delta, so that packs are what is fetched.
const PACKS: &[&str] = &["--delta", "none"];

/// Deltas, made quickly.
const DELTAS: &[&str] = &["--delta", "fast"];

/// A vendor, a server that counts, and a copy that is installed when release 1 is out.
struct Site {
    world: World,
    server: FaultServer,
    seen: usize,
}

impl Site {
    /// Publishes the build folder as 1.0 with these options and installs it.
    fn new(build: impl FnOnce(&World), options: &[&str]) -> Self {
        let mut world = World::new();
        build(&world);
        world.publish("1.0", options);
        let server = FaultServer::serve_folder(&world.repo());
        world.source = server.address().to_string();
        world.lay_updater();
        world.update();
        let seen = server.requests().len();
        Self { world, server, seen }
    }

    /// Bytes sent since the last call: of objects, and of everything.
    fn bytes(&mut self) -> (u64, u64) {
        let served = self.server.requests();
        let fresh = &served[self.seen..];
        let objects = fresh.iter().filter(|request| request.path.contains("/objects/")).map(|r| r.sent).sum();
        let all = fresh.iter().map(|request| request.sent).sum();
        self.seen = served.len();
        (objects, all)
    }

    /// Requests for objects since the last call of `bytes`.
    fn object_requests(&self) -> usize {
        let served = self.server.requests();
        served[self.seen..].iter().filter(|request| request.path.contains("/objects/")).count()
    }

    fn is_new(&self) -> bool {
        super::support::world::tree(&self.world.app()) == super::support::world::tree(&self.world.build())
    }
}

/// Text that compresses about as source code does.
fn text(seed: u64, lines: usize) -> String {
    let words = noise(seed, lines * 2);
    let line = |pair: &[u8]| format!("let value_{} = compute(input, {}) + offset;\n", pair[0], pair[1]);
    words.chunks(2).map(line).collect()
}

/// The names of all objects of a repository.
fn objects(world: &World) -> Vec<String> {
    let files = super::vendor::files(&world.repo()).into_keys();
    files.filter(|name| name.starts_with("objects/")).collect()
}

/// Bytes of all objects of a repository.
fn stored(world: &World) -> u64 {
    objects(world).iter().map(|name| fs::metadata(world.repo().join(name)).unwrap().len()).sum()
}

fn put(world: &World, path: &str, content: impl AsRef<[u8]>) {
    write(world.build().join(path), content);
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// The newest release, as it is signed, and its manifest.
fn newest(world: &World) -> (ReleaseTarget, Manifest) {
    let read = |path: &str| Ok(fs::read(world.repo().join(path)).ok());
    let state = RepoState::open(&read).unwrap().unwrap();
    let newest = state.releases().iter().max_by_key(|release| release.summary.number).unwrap().clone();
    let bytes = fs::read(world.repo().join(&newest.fetch_path)).unwrap();
    (newest, Manifest::parse(&bytes).unwrap())
}
