//! The vendor's side for tests: a folder to publish, a repository, the program `updraft`.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests set up by hand")]
#![cfg_attr(windows, expect(dead_code, reason = "what only tests of Unix use"))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use updraft::publish::{Init, Order, Report, init, publish};
use updraft::release::{Channel, Manifest, Platform, Stamp};
use updraft::trust::sign::Lifetimes;
use updraft::trust::{Answer, Refresh, ReleaseTarget, Store, Versions};

/// A vendor's desk: `build/`, `repo/` and `keys/` in a temporary folder.
pub(crate) struct Vendor {
    dir: tempfile::TempDir,
}

/// What a run of `updraft` came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Vendor {
    /// A desk with an empty repository of `MyApp`.
    pub(crate) fn new() -> Self {
        let vendor = Self::bare();
        init(&vendor.init_order()).unwrap();
        vendor
    }

    /// A desk without a repository.
    pub(crate) fn bare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("build")).unwrap();
        Self { dir }
    }

    pub(crate) fn init_order(&self) -> Init {
        Init {
            repository: self.repo().into(),
            app: "MyApp".parse().unwrap(),
            keys: Some(self.keys()),
            now: Stamp::now(),
            lifetimes: Lifetimes::default(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn build(&self) -> PathBuf {
        self.path("build")
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.path("keys")
    }

    /// Writes a file of the build.
    pub(crate) fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        write(&self.build().join(path), content.as_ref());
    }

    pub(crate) fn remove(&self, path: &str) {
        std::fs::remove_file(self.build().join(path)).unwrap();
    }

    pub(crate) fn order(&self, version: &str) -> Order {
        Order {
            keys: Some(self.keys()),
            effort: updraft::publish::Effort::Fast,
            // Deltas take their time in a program that is not optimised; their own tests ask for them.
            delta: updraft::publish::DeltaWish::None,
            ..Order::new(self.build(), self.repo(), version.parse().unwrap())
        }
    }

    pub(crate) fn publish(&self, version: &str) -> Report {
        publish(&self.order(version), &|_, _, _| {}).unwrap()
    }

    /// Runs `updraft publish build --to repo --version V` with more arguments.
    pub(crate) fn run_publish(&self, version: &str, more: &[&str]) -> Ran {
        let (build, repo, keys) = (self.build(), self.repo(), self.keys());
        let mut command = updraft();
        command.arg("publish").arg(build).arg("--to").arg(repo).arg("--keys").arg(keys);
        command.args(["--fast", "--version", version]).args(more);
        ran(command.output().unwrap())
    }

    pub(crate) fn run_verify(&self) -> Ran {
        ran(updraft().arg("verify").arg(self.repo()).output().unwrap())
    }

    pub(crate) fn releases(&self) -> Vec<ReleaseTarget> {
        releases(&self.repo())
    }

    /// The manifest of the release with that number, on the usual channel and platform.
    pub(crate) fn manifest(&self, number: u64) -> Manifest {
        let releases = self.releases();
        let release = releases.iter().find(|release| release.summary.number.0 == number).unwrap();
        Manifest::parse(&std::fs::read(self.repo().join(&release.fetch_path)).unwrap()).unwrap()
    }
}

/// The signed releases of a repository as a new client sees them: verified from the first root on.
pub(crate) fn releases(repo: &Path) -> Vec<ReleaseTarget> {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    store.plant_root(&std::fs::read(repo.join("metadata/1.root.json")).unwrap()).unwrap();
    let mut refresh = Refresh::begin(store, Stamp::now(), Versions::default()).unwrap();
    while let Some(want) = refresh.wants() {
        let answer = match std::fs::read(repo.join(&want.path)) {
            Ok(bytes) => Answer::Found(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Answer::Missing,
            Err(error) => panic!("{}: {error}", want.path),
        };
        refresh.supply(answer).unwrap();
    }
    refresh.finish().unwrap().releases(&Channel::stable(), &[Platform::current()])
}

pub(crate) fn updraft() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_updraft"));
    command.env_remove("UPDRAFT_KEYS");
    command
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn write(path: &Path, content: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// Every file below a folder, by its path there.
pub(crate) fn files(root: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}
