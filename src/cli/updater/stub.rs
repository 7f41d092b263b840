//! The updater standing in for a program whose files are being switched.
//!
//! While a swap is open, every entry file of the program is this updater (the interlock). Started under such a
//! name it ends the swap, or waits for the updater that does, and then starts what stands there.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::engine;
use crate::fsx;
use crate::install::Install;
use crate::report::{ErrorCode, Failure, Fault as _};

/// Acts as the stand-in if this process was started under a program's name; nothing if it is the updater
/// itself.
pub(in crate::cli) fn stand_in() -> Option<ExitCode> {
    let exe = std::env::current_exe().ok()?;
    let install = Install::find_open(&exe)?;
    if exe.parent() == Some(install.updater_folder().as_path()) {
        return None;
    }
    if let Err(failure) = finish(&install) {
        return Some(crate::cli::complain(&failure, false));
    }
    Some(start(&exe))
}

/// How long a stand-in waits for an updater at work.
const PATIENCE: Duration = Duration::from_secs(120);

fn finish(install: &Install) -> Result<(), Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        match engine::recover(install) {
            Ok(_recovered) => return Ok(()),
            Err(error) if error.code() == ErrorCode::Locked && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(error) => return Err(Failure::of(&error)),
        }
    }
}

fn start(exe: &Path) -> ExitCode {
    // On Linux the kernel's name for a replaced file gets this mark; the program has the plain name.
    let plain = exe.to_str().and_then(|text| text.strip_suffix(" (deleted)")).map_or(exe, Path::new);
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let folder = std::env::current_dir().ok();
    match crate::platform::process::spawn_detached(plain, &args, folder.as_deref(), &[]) {
        Ok(_program) => ExitCode::SUCCESS,
        Err(source) => {
            let error = fsx::FsError::new("start", plain, source);
            crate::cli::complain(&Failure::of(&error), false)
        }
    }
}
