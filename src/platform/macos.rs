//! What macOS does in its own way: libproc. Compiled in the checks, not run there.
#![expect(unsafe_code, reason = "libproc has no safe wrapper among our dependencies")]

use std::collections::HashSet;
use std::ffi::{CStr, OsStr, c_int, c_void};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::{Holder, ProcessId, Use};

/// `proc_pidinfo`: a region of memory and the file it is of.
const REGION_WITH_PATH: c_int = 8;
/// `proc_pidfdinfo`: an open file and its path.
const OPEN_FILE_WITH_PATH: c_int = 2;
/// Memory that is run.
const EXECUTE: u32 = 4;
/// The status of a process that only waits to be collected.
const ZOMBIE: u32 = 5;

/// `struct proc_regionwithpathinfo` of `sys/proc_info.h`.
#[repr(C)]
struct Region {
    protection: u32,
    not_looked_at: [u32; 3],
    offset: u64,
    counts: [u32; 14],
    address: u64,
    size: u64,
    file: libc::vnode_info_path,
}

/// `struct vnode_fdinfowithpath` of `sys/proc_info.h`.
#[repr(C)]
struct OpenFile {
    flags: [u32; 2],
    offset: i64,
    kind: i32,
    guard: u32,
    file: libc::vnode_info_path,
}

/// What `proc_pidinfo` tells of a kind into `T`, which is plain old data; nothing if it tells less.
fn info<T>(pid: c_int, kind: c_int, arg: u64) -> Option<T> {
    let size = c_int::try_from(size_of::<T>()).ok()?;
    // SAFETY: `T` is one of the plain structs of this file or of libc, for which all zeros is a value.
    let mut told: T = unsafe { std::mem::zeroed() };
    let buffer: *mut c_void = std::ptr::from_mut(&mut told).cast();
    // SAFETY: the buffer is `told` and `size` is its size.
    let got = unsafe { libc::proc_pidinfo(pid, kind, arg, buffer, size) };
    (got == size).then_some(told)
}

fn basics(pid: u32) -> Option<libc::proc_bsdinfo> {
    info(c_int::try_from(pid).ok()?, libc::PROC_PIDTBSDINFO, 0)
}

/// The start time of a live process in microseconds since 1970.
pub(super) fn start_time(pid: u32) -> Option<u64> {
    let info = basics(pid).filter(|info| info.pbi_status != ZOMBIE)?;
    Some(info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec)
}

/// Ends a process at once, but never another one that got its number meanwhile.
pub(super) fn kill(process: ProcessId) -> io::Result<()> {
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    if start_time(process.pid) == Some(process.started) {
        Ok(kill_process(pid, Signal::KILL)?)
    } else {
        Ok(())
    }
}

/// A copy of a socket of another process: this system does not give it.
pub(super) fn socket_of(_process: ProcessId, _number: i32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Sends a message to a local socket by its path.
pub(super) fn send_datagram(socket: &UnixDatagram, bytes: &[u8], address: &OsStr) -> io::Result<usize> {
    socket.send_to(bytes, address)
}

/// Sleeps a little; the caller looks again.
pub(super) fn sleep_until_exit(_pid: u32, limit: Duration) {
    std::thread::sleep(limit.min(Duration::from_millis(50)));
}

/// Asks a process to end.
pub(super) fn terminate(process: ProcessId) -> io::Result<()> {
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(kill_process(pid, Signal::TERM)?)
}

/// The extended attribute by which the system knows what came from a network and was not approved yet.
const QUARANTINE: &str = "com.apple.quarantine";

/// Takes the quarantine off a file; nothing happens if it has none, or its volume keeps none.
pub(super) fn unmark(path: &Path) -> io::Result<()> {
    match rustix::fs::lremovexattr(path, QUARANTINE) {
        Ok(()) | Err(Errno::NOATTR | Errno::NOTSUP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether a process belongs to the user we run as.
pub(super) fn is_ours(pid: u32) -> bool {
    basics(pid).is_some_and(|info| info.pbi_uid == rustix::process::geteuid().as_raw())
}

/// The name of a user, by the system's directory.
pub(super) fn user_name(uid: u32) -> Option<String> {
    let mut buffer = vec![0_u8; 4096];
    // SAFETY: all zeros is a value of this plain struct.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let mut found = std::ptr::null_mut();
    // SAFETY: all pointers are to values that live over the call, and the length is the buffer's.
    let failed = unsafe {
        libc::getpwuid_r(uid, &raw mut entry, buffer.as_mut_ptr().cast(), buffer.len(), &raw mut found)
    };
    if failed != 0 || found.is_null() {
        return None;
    }
    // SAFETY: the entry was found, so its name points to a string in `buffer`, which still lives.
    Some(unsafe { CStr::from_ptr(entry.pw_name) }.to_string_lossy().into_owned())
}

/// A file that is open for writing: the system tells which files are open, not for what, so this tells of none.
pub(super) fn being_written(_folder: &Path) -> Option<PathBuf> {
    None
}

/// Other processes whose program, code, open files or working folder lie below `folder`. Of other users the
/// system shows the program alone.
pub(super) fn holders(folder: &Path) -> Vec<Holder> {
    // SAFETY: without a buffer the call only counts.
    let count = unsafe { libc::proc_listallpids(std::ptr::null_mut(), 0) };
    let mut pids = vec![0_i32; usize::try_from(count).unwrap_or(0) + 64];
    let size = c_int::try_from(size_of_val(pids.as_slice())).unwrap_or(0);
    // SAFETY: the buffer is `pids` and `size` is its size in bytes.
    let count = unsafe { libc::proc_listallpids(pids.as_mut_ptr().cast(), size) };
    pids.truncate(usize::try_from(count).unwrap_or(0));
    let me = std::process::id();
    let pids = pids.into_iter().filter_map(|pid| u32::try_from(pid).ok());
    pids.filter(|pid| *pid != me && *pid != 0).filter_map(|pid| holder(pid, folder)).collect()
}

fn holder(pid: u32, folder: &Path) -> Option<Holder> {
    let started = start_time(pid)?;
    let raw = c_int::try_from(pid).ok()?;
    let below = |path: &PathBuf| path.starts_with(folder);
    let program = program(raw);
    let mut uses = Vec::new();
    uses.extend(program.clone().filter(below).map(|path| (Use::Program, path)));
    uses.extend(code(raw).into_iter().filter(below).map(|path| (Use::Library, path)));
    uses.extend(open_files(raw).into_iter().filter(below).map(|path| (Use::Open, path)));
    let folders: Option<libc::proc_vnodepathinfo> = info(raw, libc::PROC_PIDVNODEPATHINFO, 0);
    let works_in = folders.map(|folders| path_of(&folders.pvi_cdir));
    uses.extend(works_in.filter(below).map(|path| (Use::Folder, path)));
    uses.sort();
    let mut seen = HashSet::new();
    uses.retain(|(_, path)| seen.insert(path.clone()));
    if uses.is_empty() {
        return None;
    }
    let name = program.as_deref().and_then(Path::file_name);
    let name = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let uid = basics(pid).map(|info| info.pbi_uid);
    let user = uid.map(|uid| user_name(uid).unwrap_or_else(|| uid.to_string()));
    (start_time(pid) == Some(started)).then(|| Holder {
        process: ProcessId { pid, started },
        name,
        user,
        ours: is_ours(pid),
        uses,
    })
}

fn program(pid: c_int) -> Option<PathBuf> {
    let mut buffer = vec![0_u8; usize::try_from(libc::PROC_PIDPATHINFO_MAXSIZE).unwrap_or(4096)];
    let size = u32::try_from(buffer.len()).ok()?;
    // SAFETY: the buffer is `buffer` and `size` is its size.
    let length = unsafe { libc::proc_pidpath(pid, buffer.as_mut_ptr().cast(), size) };
    let path = buffer.get(..usize::try_from(length).ok()?).filter(|path| !path.is_empty())?;
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

/// The files whose code is in the memory of a process.
fn code(pid: c_int) -> Vec<PathBuf> {
    let (mut found, mut address) = (Vec::new(), 0_u64);
    // Each call tells of the region at the address or the next one above it.
    while let Some(region) = info::<Region>(pid, REGION_WITH_PATH, address) {
        let next = region.address.saturating_add(region.size);
        if next <= address {
            break;
        }
        if region.protection & EXECUTE != 0 {
            found.push(path_of(&region.file));
        }
        address = next;
    }
    found
}

fn open_files(pid: c_int) -> Vec<PathBuf> {
    let each = size_of::<libc::proc_fdinfo>();
    // SAFETY: without a buffer the call only tells the size it needs.
    let size = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDLISTFDS, 0, std::ptr::null_mut(), 0) };
    let count = usize::try_from(size).unwrap_or(0) / each + 16;
    // SAFETY: all zeros is a value of this plain struct.
    let mut list: Vec<libc::proc_fdinfo> = (0..count).map(|_| unsafe { std::mem::zeroed() }).collect();
    let size = c_int::try_from(count * each).unwrap_or(0);
    // SAFETY: the buffer is `list` and `size` is its size.
    let size = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDLISTFDS, 0, list.as_mut_ptr().cast(), size) };
    list.truncate(usize::try_from(size).unwrap_or(0) / each);
    let files = list.iter().filter(|fd| c_int::try_from(fd.proc_fdtype) == Ok(libc::PROX_FDTYPE_VNODE));
    files.filter_map(|fd| open_file(pid, fd.proc_fd)).collect()
}

fn open_file(pid: c_int, fd: c_int) -> Option<PathBuf> {
    let size = c_int::try_from(size_of::<OpenFile>()).ok()?;
    // SAFETY: all zeros is a value of this plain struct.
    let mut told: OpenFile = unsafe { std::mem::zeroed() };
    let buffer: *mut c_void = std::ptr::from_mut(&mut told).cast();
    // SAFETY: the buffer is `told` and `size` is its size.
    let got = unsafe { libc::proc_pidfdinfo(pid, fd, OPEN_FILE_WITH_PATH, buffer, size) };
    (got == size).then(|| path_of(&told.file))
}

fn path_of(file: &libc::vnode_info_path) -> PathBuf {
    let bytes: Vec<u8> =
        file.vip_path.iter().flatten().map(|c| c.cast_unsigned()).take_while(|b| *b != 0).collect();
    PathBuf::from(OsStr::from_bytes(&bytes))
}

/// The utility class for the calling thread (pthread_set_qos_class_self_np(3)).
#[cfg(feature = "components")]
pub(super) fn give_way() {
    // SAFETY: no pointers are passed. If it is refused, the thread merely is as important as others.
    unsafe { libc::pthread_set_qos_class_self_np(libc::qos_class_t::QOS_CLASS_UTILITY, 0) };
}

/// Nothing to do: the C library does so by itself.
pub(super) fn free_memory_early() {}
