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
use crate::platform;
use crate::platform::process::{exe_name, is_display_present, run_in_place, spawn_detached};
use crate::report::{ErrorCode, Failure, Fault as _};

/// Acts as the stand-in if this process was started under a program's name; nothing if it is the updater
/// itself.
pub(in crate::cli) fn stand_in() -> Option<ExitCode> {
    let exe = std::env::current_exe().ok()?;
    let name = plain(&exe);
    let Some(install) = Install::find_open(&name) else {
        // The swap ended between our start and this line if the name is another program's now.
        return was_replaced(&exe, &name).then(|| start(&name, own_args()));
    };
    if name.parent() == Some(install.updater_folder().as_path()) {
        return None;
    }
    let before = identity(&name);
    match finish(&install) {
        Ok(recovered) => Some(start_what_stands(&install, &name, before, recovered)),
        Err(failure) => Some(show(&install, &failure)),
    }
}

/// The name this process was started under. On Linux the kernel marks the name of a file that was replaced.
fn plain(exe: &Path) -> PathBuf {
    let text = exe.to_str().and_then(|text| text.strip_suffix(" (deleted)"));
    let name = text.map_or_else(|| exe.to_path_buf(), PathBuf::from);
    // Elsewhere the name may be that of a link to the program.
    fsx::canonical(&name).unwrap_or(name)
}

/// What tells the file under a name from another one.
fn identity(name: &Path) -> Option<(u64, i128, u64)> {
    let mark = platform::file::change_mark(&fsx::stat(name).ok()?);
    Some((mark.size, mark.written, mark.id))
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
    let mut is_told = false;
    loop {
        match engine::recover(install) {
            Ok(recovered) => return Ok(recovered),
            // Whoever is at work has ended it, and watches the program it started.
            Err(error) if error.code() == ErrorCode::Locked && !install.is_swap_open() => return Ok(None),
            Err(error) if error.code() == ErrorCode::Locked && Instant::now() < end => {
                if !std::mem::replace(&mut is_told, true) {
                    eprintln!("The program is being updated; it starts in a moment.");
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(error) => return Err(Failure::of(&error)),
        }
    }
}

/// Starts the program of this name. If there is none any more, or the name is not one of the release's (a copy of
/// the stand-in, say), the program that the release names.
fn start_what_stands(
    install: &Install,
    name: &Path,
    before: Option<(u64, i128, u64)>,
    recovered: Option<Recovered>,
) -> ExitCode {
    let now = identity(name);
    let is_replaced = std::env::current_exe().is_ok_and(|exe| was_replaced(&exe, name));
    if is_replaced || (now.is_some() && now != before) {
        return start(name, own_args());
    }
    // Somebody else may have ended the swap while we waited.
    let recorded = || install.read_record().ok().and_then(|loaded| loaded.record.start);
    match recovered.map_or_else(recorded, |recovered| recovered.start) {
        Some(other) => {
            let own = own_args();
            let default = other.args.into_iter().map(OsString::from).collect();
            start(&other.path.under(install.root()), if own.is_empty() { default } else { own })
        }
        None => crate::cli::complain(&nothing_to_start(name), false),
    }
}

fn nothing_to_start(name: &Path) -> Failure {
    Failure {
        code: ErrorCode::Start,
        message: format!("{} is no program of the version that stands now", name.display()),
        hint: Some("Start the program by its usual name.".to_owned()),
    }
}

/// The program takes our place, so whoever started it sees nothing of us.
fn start(program: &Path, args: Vec<OsString>) -> ExitCode {
    match run_in_place(program, &args) {
        Ok(code) => ExitCode::from(code),
        Err(source) => crate::cli::complain(&Failure::of(&FsError::new("start", program, source)), false),
    }
}

/// A person who starts a program sees no terminal: the updater itself shows what is wrong and what can be done.
fn show(install: &Install, failure: &Failure) -> ExitCode {
    let updater = install.updater_folder().join(exe_name("updater".as_ref()));
    if is_display_present()
        && let Err(error) = spawn_detached(&updater, &[], None, &[])
    {
        tracing::warn!("{error}");
    }
    crate::cli::complain(failure, false)
}
