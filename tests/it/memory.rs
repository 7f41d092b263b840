//! What the real updater takes of memory for a large download. `UPDRAFT_TEST_MEMORY_MB=2048` makes it the full size:
//! `UPDRAFT_TEST_MEMORY_MB=2048 cargo test --release --features checkpoints --test it -- memory::`
#![expect(clippy::disallowed_methods, reason = "a test looks at files and processes by itself")]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use super::support::world::{Running, World, write};

/// The most resident memory so far, in kB.
fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// A large file that can't be packed and one that can are fetched, verified and unpacked by the real updater within
/// 64 MB of memory, whatever their size.
#[test]
fn a_large_download_takes_little_memory() {
    let size: u64 =
        std::env::var("UPDRAFT_TEST_MEMORY_MB").ok().and_then(|size| size.parse().ok()).unwrap_or(300);
    let mut world = World::new();
    let build = world.build();
    fs::create_dir_all(&build).unwrap();
    let mut noise = File::open("/dev/urandom").unwrap().take(size * 1_000_000);
    std::io::copy(&mut noise, &mut File::create(build.join("big.bin")).unwrap()).unwrap();
    let lines: String = (0..1_000_000).map(|line| format!("line {line} of a text\n")).collect();
    write(build.join("text.txt"), &lines);
    write(build.join("text2.txt"), lines.replace("text", "book"));
    world.publish("1.0", &[]);
    let _server = world.serve(None);
    world.lay_updater();
    let mut command = world.updater();
    command.args(["update", "--no-start", "--headless"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    let mut most = 0;
    while running.0.try_wait().unwrap().is_none() {
        most = peak(running.0.id()).map_or(most, |now| now.max(most));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(running.0.wait().unwrap().success());
    let installed = fs::metadata(world.app().join("big.bin")).unwrap().len();
    assert_eq!(installed, size * 1_000_000);
    assert_eq!(fs::read(world.app().join("text.txt")).unwrap(), lines.as_bytes());
    // Not through the captured output: the figure is what a full run is for.
    std::io::stderr().write_all(format!("{size} MB: at most {most} kB\n").as_bytes()).unwrap();
    assert!(most > 1000 && most < 64_000, "{most} kB");
}
