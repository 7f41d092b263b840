//! What Linux does in its own way: pidfd and /proc.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Signal, kill_process, pidfd_getfd, pidfd_open, pidfd_send_signal,
};

use super::{Holder, ProcessId, Use};

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

/// Asks a process to end, but never another one that got its number meanwhile.
pub(super) fn terminate(process: ProcessId) -> io::Result<()> {
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    match pidfd_open(pid, PidfdFlags::empty()) {
        // The handle is of the process that has the number now, for as long as we hold it.
        Ok(handle) if start_time(process.pid) == Some(process.started) => {
            Ok(pidfd_send_signal(&handle, Signal::TERM)?)
        }
        Ok(_) | Err(Errno::SRCH) => Ok(()),
        // A kernel without such handles.
        Err(_) => Ok(kill_process(pid, Signal::TERM)?),
    }
}

/// Ends a process at once, but never another one that got its number meanwhile.
pub(super) fn kill(process: ProcessId) -> io::Result<()> {
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) if start_time(process.pid) == Some(process.started) => {
            Ok(pidfd_send_signal(&handle, Signal::KILL)?)
        }
        Ok(_) | Err(Errno::SRCH) => Ok(()),
        Err(_) => Ok(kill_process(pid, Signal::KILL)?),
    }
}

/// A copy of the socket that has `number` in another process.
pub(super) fn socket_of(process: ProcessId, number: i32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    let handle = pidfd_open(pid, PidfdFlags::empty())?;
    if start_time(process.pid) != Some(process.started) {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(pidfd_getfd(&handle, number, PidfdGetfdFlags::empty())?)
}

/// Sends a message to a local socket by its path, or by its abstract name after an `@`.
pub(super) fn send_datagram(socket: &UnixDatagram, bytes: &[u8], address: &OsStr) -> io::Result<usize> {
    match address.as_bytes().strip_prefix(b"@") {
        Some(name) => socket.send_to_addr(bytes, &SocketAddr::from_abstract_name(name)?),
        None => socket.send_to(bytes, address),
    }
}

/// Whether a process belongs to the user we run as.
pub(super) fn is_ours(pid: u32) -> bool {
    owner(pid) == Some(rustix::process::geteuid().as_raw())
}

fn owner(pid: u32) -> Option<u32> {
    rustix::fs::stat(format!("/proc/{pid}")).map(|stat| stat.st_uid).ok()
}

/// The name of a user, by the system's own list.
pub(super) fn user_name(uid: u32) -> Option<String> {
    let list = read("/etc/passwd")?;
    let mut lines = list.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find(|fields| fields.get(2) == Some(&uid.to_string().as_str())).map(|fields| fields[0].to_owned())
}

/// Other processes whose program, code, open files or working folder lie below `folder`. Of other users only
/// what /proc shows us: at least a program that was started by its full path.
pub(super) fn holders(folder: &Path) -> Vec<Holder> {
    let me = std::process::id();
    let pids = list("/proc").into_iter().filter_map(|name| name.parse::<u32>().ok());
    pids.filter(|pid| *pid != me).filter_map(|pid| holder(pid, folder)).collect()
}

/// Nothing if the process uses nothing below `folder`, has ended meanwhile, or shows us nothing.
fn holder(pid: u32, folder: &Path) -> Option<Holder> {
    let started = start_time(pid)?;
    let link = |name: &str| {
        let bytes = rustix::fs::readlink(format!("/proc/{pid}/{name}"), Vec::new()).ok()?.into_bytes();
        Some(without_mark(&bytes))
    };
    let below = |path: &PathBuf| path.starts_with(folder);
    let exe = link("exe");
    let mut uses = Vec::new();
    let told = if exe.is_none() { first_word(pid) } else { None };
    uses.extend(exe.clone().or(told).filter(below).map(|path| (Use::Program, path)));
    let maps = read_bytes(&format!("/proc/{pid}/maps")).unwrap_or_default();
    uses.extend(code_in(&maps).filter(below).map(|path| (Use::Library, path)));
    let open = list(&format!("/proc/{pid}/fd")).into_iter().filter_map(|fd| link(&format!("fd/{fd}")));
    uses.extend(open.filter(below).map(|path| (Use::Open, path)));
    uses.extend(link("cwd").filter(below).map(|path| (Use::Folder, path)));
    // The program is also mapped: its weightiest use is the one that counts.
    uses.sort();
    let mut seen = HashSet::new();
    uses.retain(|(_, path)| seen.insert(path.clone()));
    if uses.is_empty() {
        return None;
    }
    let file =
        exe.as_deref().or(uses.iter().find(|(used, _)| *used == Use::Program).map(|(_, path)| &**path));
    let stem = file.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let comm = || read(&format!("/proc/{pid}/comm")).map(|name| name.trim().to_owned());
    let name = stem.or_else(comm).unwrap_or_default();
    let uid = owner(pid);
    let user = uid.map(|uid| user_name(uid).unwrap_or_else(|| uid.to_string()));
    // If the number is another process's by now, what was read is of two.
    (start_time(pid) == Some(started)).then(|| Holder {
        process: ProcessId { pid, started },
        name,
        user,
        ours: is_ours(pid),
        uses,
    })
}

/// A file below `folder` that another process has open for writing (proc(5), `fdinfo`). Of other users' processes
/// /proc tells nothing.
pub(super) fn being_written(folder: &Path) -> Option<PathBuf> {
    let me = std::process::id();
    let pids = list("/proc").into_iter().filter_map(|name| name.parse::<u32>().ok());
    pids.filter(|pid| *pid != me).find_map(|pid| {
        list(&format!("/proc/{pid}/fd")).into_iter().find_map(|fd| {
            let link = rustix::fs::readlink(format!("/proc/{pid}/fd/{fd}"), Vec::new()).ok()?.into_bytes();
            let path = PathBuf::from(OsStr::from_bytes(&link));
            (path.starts_with(folder) && is_for_writing(&read(&format!("/proc/{pid}/fdinfo/{fd}"))?))
                .then_some(path)
        })
    })
}

/// Whether `fdinfo` tells of a descriptor that can write: the last two bits of `flags`, which is octal.
fn is_for_writing(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.is_some_and(|flags| flags.trim().bytes().last().is_some_and(|digit| matches!(digit & 3, 1 | 2)))
}

/// A path as /proc tells it, without the mark of a file that was removed or replaced since.
fn without_mark(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes.strip_suffix(b" (deleted)").unwrap_or(bytes)))
}

/// The program of a process that shows us no more than its command line.
fn first_word(pid: u32) -> Option<PathBuf> {
    let line = read_bytes(&format!("/proc/{pid}/cmdline"))?;
    let path = PathBuf::from(OsStr::from_bytes(line.split(|byte| *byte == 0).next()?));
    path.is_absolute().then_some(path)
}

/// The files whose code is in memory (proc(5): address, rights, offset, device, inode, path).
fn code_in(maps: &[u8]) -> impl Iterator<Item = PathBuf> {
    maps.split(|byte| *byte == b'\n').filter_map(|line| {
        let rights = line.split(|byte| *byte == b' ').nth(1)?;
        let path = line.iter().position(|byte| *byte == b'/').map(|at| &line[at..])?;
        rights.contains(&b'x').then(|| without_mark(path))
    })
}

fn read(path: &str) -> Option<String> {
    read_bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[expect(clippy::disallowed_methods, reason = "/proc is no file system of ours; an unreadable entry is none")]
fn read_bytes(path: &str) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

#[expect(clippy::disallowed_methods, reason = "/proc is no file system of ours; an unreadable entry is none")]
fn list(path: &str) -> Vec<String> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// A higher nice value for the calling thread; Linux keeps one for each thread (setpriority(2), notes).
#[cfg(feature = "components")]
pub(super) fn give_way() {
    // If that is refused, the thread merely is as important as others.
    rustix::process::setpriority_process(None, 10).ok();
}

/// The C library adapts to the largest piece of memory that was ever freed, and keeps twice as much for each thread; it does
/// not once it was told (mallopt(3), glibc). Other C libraries have no such habit.
pub(super) fn free_memory_early() {
    #[cfg(target_env = "gnu")]
    {
        #[expect(unsafe_code, reason = "a function of the C library that takes numbers")]
        // SAFETY: there is one thread, as the caller says; a number that is refused changes nothing.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
            libc::mallopt(libc::M_TRIM_THRESHOLD, 2 << 20);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_memory_is_told_from_data_and_odd_names_are_read() {
        let maps = b"7f00-7f01 r-xp 00000000 fe:00 12   /opt/My App/lib one.so\n\
            7f01-7f02 r--p 00000000 fe:00 13   /opt/My App/data.bin\n\
            7f02-7f03 r-xp 00000000 fe:00 14   /opt/My App/\xe6\xa8\xa1.so (deleted)\n\
            7f03-7f04 r-xp 00000000 00:00 0    [vdso]\n7f04-7f05 rw-p 0 00:00 0\n\nnonsense\n";
        let found: Vec<PathBuf> = code_in(maps).collect();
        assert_eq!(found, [PathBuf::from("/opt/My App/lib one.so"), PathBuf::from("/opt/My App/模.so")]);
    }
}
