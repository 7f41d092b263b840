//! What macOS does in its own way: libproc. Compiled in the checks, not run there.
#![expect(unsafe_code, reason = "libproc has no safe wrapper among our dependencies")]

use std::path::Path;
use std::time::Duration;

use super::Holder;

/// The start time of a live process in microseconds since 1970 (`proc_pidinfo`, `PROC_PIDTBSDINFO`).
pub(super) fn start_time(pid: u32) -> Option<u64> {
    let pid = i32::try_from(pid).ok()?;
    let size = i32::try_from(size_of::<libc::proc_bsdinfo>()).ok()?;
    // SAFETY: proc_bsdinfo is plain old data, for which all zeros is a value.
    let mut info: libc::proc_bsdinfo = unsafe { std::mem::zeroed() };
    // SAFETY: the buffer is `info` and `size` is its size.
    let got = unsafe {
        libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, std::ptr::from_mut(&mut info).cast(), size)
    };
    let zombie = info.pbi_status == 5;
    (got == size && !zombie).then(|| info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec)
}

/// Sleeps a little; the caller looks again.
pub(super) fn sleep_until_exit(_pid: u32, limit: Duration) {
    std::thread::sleep(limit.min(Duration::from_millis(50)));
}

/// Processes whose program lies below `folder`.
pub(super) fn holders(_folder: &Path) -> Vec<Holder> {
    Vec::new()
}
