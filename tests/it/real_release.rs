//! Two adjacent real releases of a program that nobody here wrote, over a line that breaks.
//!
//! The wheels come from the Python registry into a cache folder, once. Where there is no Python or no registry the
//! test says so and proves nothing, unless `UPDRAFT_REAL_RELEASES=1` makes it required, as the checks do.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::support::fault_server::{Fault, FaultServer};
use super::support::world::{World, expect, tree, write};

const OLD: &str = "jupyterlab==4.6.5";
const NEW: &str = "jupyterlab==4.6.6";

fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    base.unwrap_or_else(std::env::temp_dir).join("updraft-real-releases")
}

/// The unpacked wheel of `requirement`, from the cache or the registry.
fn wheel(requirement: &str) -> Result<PathBuf, String> {
    let folder = cache().join(requirement.replace("==", "-"));
    if folder.join("done").exists() {
        return Ok(folder.join("tree"));
    }
    let parts = folder.join("wheel");
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&parts).map_err(|error| error.to_string())?;
    run(Command::new("python3")
        .args(["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "-q", "-d"])
        .arg(&parts)
        .arg(requirement))?;
    let file = fs::read_dir(&parts).unwrap().next().ok_or("pip fetched nothing")?.unwrap().path();
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(file).arg(folder.join("tree")))?;
    write(folder.join("done"), "");
    Ok(folder.join("tree"))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// A34, A41, A42, A33: installed at the old release and updated to the new one with three cuts, the tree equals
/// the wheel to the byte and the user's files are untouched.
#[test]
fn a_real_program_is_updated_over_a_breaking_line() {
    let (old, new) = match (wheel(OLD), wheel(NEW)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(why), _) | (_, Err(why)) => {
            assert!(std::env::var_os("UPDRAFT_REAL_RELEASES").is_none(), "required, but: {why}");
            eprintln!("skipped: no wheels to be had here: {why}");
            return;
        }
    };
    let mut world = World::new();
    let publish = |world: &World, folder: &Path, version: &str| {
        let mut command = super::support::world::updraft();
        command.arg("publish").arg(folder).arg("--to").arg(world.repo()).arg("--keys").arg(world.keys());
        // A delta would be too small to be cut three times.
        let packs = ["--fast", "--delta", "none", "--platform", "any"];
        expect(command.args(["--version", version]).args(packs), 0)
    };
    publish(&world, &old, "4.6.5");
    let server = FaultServer::serve_folder(&world.repo());
    world.source = server.address().to_string();
    world.lay_updater();
    world.update();
    assert!(tree(&world.app()) == tree(&old), "the old release is there");
    write(world.app().join("my/notes.txt"), "mine");
    publish(&world, &new, "4.6.6");
    let cuts = Arc::new(AtomicUsize::new(0));
    let done = Arc::clone(&cuts);
    server.rescript(move |asked| {
        let place = [40_000, 90_000, 10_000].get(done.load(Ordering::SeqCst)).copied()?;
        // Only an answer longer than that is really cut.
        asked.path.contains("/objects/").then(|| {
            done.fetch_add(1, Ordering::SeqCst);
            Fault::CutAfter(place)
        })
    });
    world.update();
    let mut found = tree(&world.app());
    assert_eq!(found.remove("my/notes.txt"), Some(Some(b"mine".to_vec())));
    found.remove("my");
    assert!(found == tree(&new), "the new release is there to the byte");
    assert_eq!(cuts.load(Ordering::SeqCst), 3);
}
