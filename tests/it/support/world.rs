//! A vendor, a server and an installed copy, through the real programs.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A folder with everything, gone when dropped.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    /// What `updater.json` names as its source.
    pub(crate) source: String,
}

/// A running program that is killed when dropped.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

pub(crate) fn updraft() -> Command {
    Command::new(env!("CARGO_BIN_EXE_updraft"))
}

/// The example program that takes the library in.
pub(crate) fn demo_host() -> PathBuf {
    let deps = Path::new(env!("CARGO_BIN_EXE_updraft")).parent().unwrap();
    deps.join("examples").join(exe("demo_host"))
}

/// The file of the program `name`, as this system names programs.
pub(crate) fn exe(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

/// A port nobody listens on. Each is given once in this process, and none is of those that systems give to outgoing
/// connections: between this and the moment a program listens there, neither another test nor a client may take it.
/// Nothing is bound to find out: a program that another test starts at that moment would hold the port until it runs.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        // Other runs of the tests begin elsewhere.
        let place = std::process::id().wrapping_mul(7_919).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(10_000 + place % 22_000).unwrap();
        let tried = TcpStream::connect(("127.0.0.1", port));
        if tried.is_err_and(|why| why.kind() == std::io::ErrorKind::ConnectionRefused) {
            return port;
        }
    }
}

pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a command that must end with `code`.
pub(crate) fn expect(command: &mut Command, code: i32) -> String {
    let output = output_of(command.stdin(Stdio::null()));
    let said = text(&output);
    assert_eq!(output.status.code(), Some(code), "{command:?} said:\n{said}");
    said
}

/// Runs a command. A program file just written may still be open in a child that another test is starting.
fn output_of(command: &mut Command) -> Output {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match command.output() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(10));
            }
            other => return other.unwrap(),
        }
    }
}

/// Waits until `done` says so.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Everything in a folder but the updater's own: path to content, `None` for a folder, link text for links.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            if name == "updater" {
                continue;
            }
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_symlink() {
                found.insert(
                    name,
                    Some(fs::read_link(&path).unwrap().to_string_lossy().into_owned().into_bytes()),
                );
            } else if kind.is_dir() {
                found.insert(name, None);
                open.push(path);
            } else {
                found.insert(name, Some(fs::read(&path).unwrap()));
            }
        }
    }
    found
}

/// Starts a program as on a machine without a screen. Windows always has one, so that no window has to be asked for.
pub(crate) fn no_window(command: &mut Command) {
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    if cfg!(windows) {
        command.env("UPDRAFT_RENDERER", "headless");
    }
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

impl World {
    /// A world with an empty repository for the program `App`.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("www").join("App").to_string_lossy().into_owned();
        let world = Self { dir, source };
        expect(
            updraft().arg("init").arg(world.repo()).args(["--app", "App"]).arg("--keys").arg(world.keys()),
            0,
        );
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.path("www").join("App")
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.path("keys")
    }

    /// The vendor's build folder.
    pub(crate) fn build(&self) -> PathBuf {
        self.path("build")
    }

    /// The user's copy.
    pub(crate) fn app(&self) -> PathBuf {
        self.path("home").join("App")
    }

    /// Publishes the build folder; says what the program said.
    pub(crate) fn publish(&self, version: &str, more: &[&str]) -> String {
        let mut command = updraft();
        command.arg("publish").arg(self.build()).arg("--to").arg(self.repo()).arg("--keys").arg(self.keys());
        // Deltas take their time, above all in a program that is not optimised; who wants them says so.
        let deltas: &[&str] = if more.contains(&"--delta") { &[] } else { &["--delta", "none"] };
        command.args(["--version", version, "--fast", "--platform", "any"]);
        expect(command.args(deltas).args(more), 0)
    }

    /// The command that makes what people install first out of the build folder, into `out`.
    #[cfg(all(target_os = "linux", feature = "vendor"))]
    pub(crate) fn package(&self, out: &str, more: &[&str]) -> Command {
        let mut command = updraft();
        command.arg("package").arg(self.build()).arg("--repo").arg(self.repo()).arg("--out");
        command.arg(self.path(out)).args(["--source", &self.source]).args(more);
        command
    }

    /// Lays the updater beside an empty install, as a setup program would.
    pub(crate) fn lay_updater(&self) {
        self.lay_updater_in(&self.app());
    }

    pub(crate) fn lay_updater_in(&self, app: &Path) {
        let folder = app.join("updater");
        fs::create_dir_all(&folder).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_updater"), folder.join(exe("updater"))).unwrap();
        fs::copy(self.repo().join("metadata/root.json"), folder.join("root.json")).unwrap();
        let settings = serde_json::json!({
            "app": "App", "sources": [self.source], "check": {"timeout": 10}, "language": "en",
        });
        write(folder.join("updater.json"), settings.to_string());
    }

    /// The updater of the user's copy.
    pub(crate) fn updater(&self) -> Command {
        let mut command = Command::new(self.app().join("updater").join(exe("updater")));
        no_window(&mut command);
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command
    }

    /// Installs or updates through the real program.
    pub(crate) fn update(&self) -> String {
        expect(self.updater().args(["update", "--no-start"]), 0)
    }

    /// Serves the repository with the real server, on a given port or a free one.
    pub(crate) fn serve(&mut self, port: Option<u16>) -> Running {
        let port = port.unwrap_or_else(free_port);
        let address = format!("127.0.0.1:{port}");
        let mut command = updraft();
        command.arg("serve").arg(self.path("www")).args(["--listen", &address]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let running = Running(child);
        wait_for("the server", || std::net::TcpStream::connect(&address).is_ok());
        self.source = format!("{address}/App");
        running
    }

    /// The record of the user's copy.
    pub(crate) fn record(&self) -> serde_json::Value {
        let path = self.app().join("updater/state/installed.json");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }
}
