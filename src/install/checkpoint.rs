//! Named places in apply, recovery and rollback where a test can kill the process or make the disk fail.
//!
//! Only with feature `checkpoints`; without it a checkpoint is nothing. Armed by environment:
//! `UPDRAFT_CHECKPOINT=name|#n` ends the process there, as a kill would; `UPDRAFT_FAULT=name=EIO`, `#n=EIO` or
//! `#n+=ENOSPC` (from there on) returns that error; `UPDRAFT_CHECKPOINT_LIST=file` writes the names passed.

/// Passes the place `name`, where the next thing done is to `path`.
#[cfg(not(feature = "checkpoints"))]
#[inline]
pub(super) fn checkpoint(_name: &'static str, _path: &std::path::Path) -> crate::fsx::Result<()> {
    Ok(())
}

#[cfg(feature = "checkpoints")]
pub(super) use armed::checkpoint;

/// Whether a test wants hard links to fail, as on a volume that has none.
#[inline]
pub(super) fn links_are_barred() -> bool {
    cfg!(feature = "checkpoints") && std::env::var_os("UPDRAFT_NO_LINKS").is_some()
}

#[cfg(feature = "checkpoints")]
mod armed {
    use std::io::{self, Write as _};
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::fsx::{self, FsError};

    static PASSED: AtomicU64 = AtomicU64::new(0);

    pub(in crate::install) fn checkpoint(name: &'static str, path: &Path) -> fsx::Result<()> {
        let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(list) = std::env::var_os("UPDRAFT_CHECKPOINT_LIST") {
            let list = Path::new(&list);
            let mut file = fsx::append(list)?;
            writeln!(file, "{name}").map_err(|error| FsError::new("write", list, error))?;
        }
        if std::env::var("UPDRAFT_CHECKPOINT").is_ok_and(|wanted| matches(&wanted, name, number)) {
            std::process::abort();
        }
        let Ok(fault) = std::env::var("UPDRAFT_FAULT") else { return Ok(()) };
        let Some((place, error)) = fault.split_once('=') else { return Ok(()) };
        let hit = match place.strip_suffix('+') {
            Some(from) => from.trim_start_matches('#').parse().is_ok_and(|from: u64| number >= from),
            None => matches(place, name, number),
        };
        if hit { Err(FsError::new("use", path, error_named(error))) } else { Ok(()) }
    }

    fn matches(wanted: &str, name: &str, number: u64) -> bool {
        match wanted.strip_prefix('#') {
            Some(wanted) => wanted.parse() == Ok(number),
            None => wanted == name,
        }
    }

    fn error_named(name: &str) -> io::Error {
        match name {
            "ENOSPC" => io::ErrorKind::StorageFull.into(),
            "EACCES" => io::ErrorKind::PermissionDenied.into(),
            _ => io::Error::other("input/output error"),
        }
    }
}
