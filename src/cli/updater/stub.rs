//! The updater standing in for a program whose files are being switched.
//!
//! While a swap is open, every entry file of the program is this updater (the interlock). Started under such a
//! name it ends the swap, or waits for the updater that does, and then starts what stands there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::engine;
use crate::fsx::{self, FsError};
use crate::install::{Install, Recovered};
use crate::platform::process::{exe_name, spawn_detached};
use crate::report::{ErrorCode, Failure, Fault as _};

/// Acts as the stand-in if this process was started under a program's name; nothing if it is the updater
/// itself.
pub(in crate::cli) fn stand_in() -> Option<ExitCode> {
    let exe = std::env::current_exe().ok()?;
    let name = plain(&exe);
    let Some(install) = Install::find_open(&exe) else {
        // The swap ended between our start and this line if the name is another program's now.
        return was_replaced(&exe, &name).then(|| start(&name, own_args()));
    };
    if exe.parent() == Some(install.updater_folder().as_path()) {
        return None;
    }
    match finish(&install) {
        Ok(recovered) => Some(start_what_stands(&install, &name, recovered)),
        Err(failure) => Some(show(&install, &failure)),
    }
}

/// The name this process was started under. On Linux the kernel marks the name of a file that was replaced.
fn plain(exe: &Path) -> PathBuf {
    let text = exe.to_str().and_then(|text| text.strip_suffix(" (deleted)"));
    text.map_or_else(|| exe.to_path_buf(), PathBuf::from)
}

/// Whether the file this process runs from is no longer the one under its name.
fn was_replaced(exe: &Path, name: &Path) -> bool {
    exe != name && fsx::exists(name).unwrap_or(false)
}

fn own_args() -> Vec<OsString> {
    std::env::args_os().skip(1).collect()
}

/// How long a stand-in waits for an updater at work.
const PATIENCE: Duration = Duration::from_secs(120);

fn finish(install: &Install) -> Result<Option<Recovered>, Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        match engine::recover(install) {
            Ok(recovered) => return Ok(recovered),
            Err(error) if error.code() == ErrorCode::Locked && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(error) => return Err(Failure::of(&error)),
        }
    }
}

/// Starts the program of this name; if the release that stands has none, the one it names.
fn start_what_stands(install: &Install, name: &Path, recovered: Option<Recovered>) -> ExitCode {
    if fsx::exists(name).unwrap_or(false) {
        return start(name, own_args());
    }
    match recovered.and_then(|recovered| recovered.start) {
        Some(other) => {
            start(&other.path.under(install.root()), other.args.into_iter().map(OsString::from).collect())
        }
        None => start(name, own_args()),
    }
}

fn start(program: &Path, args: Vec<OsString>) -> ExitCode {
    let folder = std::env::current_dir().ok();
    match spawn_detached(program, &args, folder.as_deref(), &[]) {
        Ok(_program) => ExitCode::SUCCESS,
        Err(source) => crate::cli::complain(&Failure::of(&FsError::new("start", program, source)), false),
    }
}

/// A person who starts a program sees no terminal: the updater itself shows what is wrong and what can be done.
fn show(install: &Install, failure: &Failure) -> ExitCode {
    let updater = install.updater_folder().join(exe_name("updater".as_ref()));
    if let Err(error) = spawn_detached(&updater, &[], None, &[]) {
        tracing::warn!("{error}");
    }
    crate::cli::complain(failure, false)
}
