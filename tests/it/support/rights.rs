//! Another user, and folders that are other volumes: what only root can make. Where it can't be had a test says so
//! and proves nothing, but with `UPDRAFT_TEST_ALL=1` as root it must be had.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test says what it can't do here, and ends at what must hold"
)]

use std::path::Path;
use std::process::Command;

/// The user that has no rights of its own.
const NOBODY: &str = "65534";

/// Whether this test runs as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Says that a test proves nothing here. As root with everything asked for, that is a failure.
pub(crate) fn skip(why: &str) {
    let must = std::env::var_os("UPDRAFT_TEST_ALL").is_some() && is_root();
    assert!(!must, "everything was asked for, but {why}");
    eprintln!("not tested here: {why}");
}

/// A command that runs `program` as another user; nothing where that can't be had.
pub(crate) fn as_nobody(program: &Path) -> Option<Command> {
    let user = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"];
    if !is_root() {
        skip("another user needs root");
        return None;
    }
    let works = Command::new("setpriv").args(user).arg("true").output();
    if !works.is_ok_and(|output| output.status.success()) {
        skip("setpriv can't change the user");
        return None;
    }
    let mut command = Command::new("setpriv");
    command.args(user).arg(program).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    Some(command)
}

/// Lets everybody into the folders above `path`, which a temporary folder does not.
pub(crate) fn open_way(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let temp = std::env::temp_dir();
    for folder in path.ancestors().skip(1).take_while(|folder| *folder != temp) {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// A command that runs `script` in a name space where mounts are its own; nothing where that can't be had. The
/// words are `$1` and on.
pub(crate) fn with_mounts(script: &str, words: &[&Path]) -> Option<Command> {
    let works = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        skip("mounts of our own can't be had");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-e", "-c", script, "sh"]).args(words);
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    Some(command)
}
