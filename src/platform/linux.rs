//! What Linux does in its own way: pidfd and /proc.

use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{Holder, ProcessId};

/// The start time of a live process in clock ticks since boot (proc(5), field 22 of stat).
pub(super) fn start_time(pid: u32) -> Option<u64> {
    let stat = read(&format!("/proc/{pid}/stat"))?;
    // The name in field 2 may hold anything, but the last ')' ends it.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let ended = matches!(fields.next()?, "Z" | "X" | "x");
    if ended { None } else { fields.nth(18)?.parse().ok() }
}

/// Returns when the process ends or `limit` is over.
pub(super) fn sleep_until_exit(pid: u32, limit: Duration) {
    let opened =
        i32::try_from(pid).ok().and_then(Pid::from_raw).map(|pid| pidfd_open(pid, PidfdFlags::empty()));
    let Some(Ok(handle)) = opened else {
        // An old kernel or a process already gone: the caller looks again.
        std::thread::sleep(limit.min(Duration::from_millis(50)));
        return;
    };
    let limit = Timespec { tv_sec: limit.as_secs().cast_signed(), tv_nsec: limit.subsec_nanos().into() };
    // An interrupted wait is a short one; the caller looks again.
    rustix::event::poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&limit)).ok();
}

/// Processes whose program, folder, mapped or open files lie below `folder`; of other users only what
/// /proc shows us.
pub(super) fn holders(folder: &Path) -> Vec<Holder> {
    let me = std::process::id();
    let pids = list("/proc").into_iter().filter_map(|name| name.parse::<u32>().ok());
    pids.filter(|pid| *pid != me).filter_map(|pid| holder(pid, folder)).collect()
}

fn holder(pid: u32, folder: &Path) -> Option<Holder> {
    let started = start_time(pid)?;
    let link = |name: &str| rustix::fs::readlink(format!("/proc/{pid}/{name}"), Vec::new()).ok();
    let path_of = |name: &str| {
        let bytes = link(name)?.into_bytes();
        let path =
            Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&bytes)).to_path_buf();
        path.starts_with(folder).then_some(path)
    };
    let open = || list(&format!("/proc/{pid}/fd")).into_iter().find_map(|fd| path_of(&format!("fd/{fd}")));
    let mapped = || {
        let maps = read(&format!("/proc/{pid}/maps"))?;
        maps.lines().find_map(|line| {
            let path = Path::new(line.find('/').map(|at| &line[at..])?);
            path.starts_with(folder).then(|| path.to_path_buf())
        })
    };
    let file = path_of("exe").or_else(mapped).or_else(open)?;
    let name = read(&format!("/proc/{pid}/comm")).map(|name| name.trim().to_owned()).unwrap_or_default();
    let owner = rustix::fs::stat(format!("/proc/{pid}")).map(|stat| stat.st_uid).ok();
    let ours = owner == Some(rustix::process::getuid().as_raw());
    Some(Holder { process: ProcessId { pid, started }, name, ours, file })
}

#[expect(clippy::disallowed_methods, reason = "/proc is no file system of ours; an unreadable entry is none")]
fn read(path: &str) -> Option<String> {
    std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[expect(clippy::disallowed_methods, reason = "/proc is no file system of ours; an unreadable entry is none")]
fn list(path: &str) -> Vec<String> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
