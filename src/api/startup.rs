//! The first line of a server's `main`: update before serving, if there is something to update to.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use crate::engine;
use crate::host::Handover;
use crate::report::{ErrorCode, Failure, Fault as _};
use crate::settings::{FILE_NAME, Fragment, Settings};

use super::{Asked, Updater};

/// The variable by which an agent tells a program that it takes care of updates itself.
pub const SUPERVISED_VARIABLE: &str = "UPDRAFT_AGENT";

/// How long an updater at work is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a program does after [`startup`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Begin {
    /// Serve.
    Serve,
    /// End now: the updater is at work, and starts the program again with its arguments, folder and environment.
    Exit,
}

/// To be called first in `main` of a program without a window. With updates turned off it asks nothing. An update
/// that was interrupted is ended; for a newer version the updater beside the program is started without a window.
/// In both cases the program ends now, before it serves, and is started again.
///
/// Whatever fails, the program serves as it is.
///
/// ```no_run
/// if updraft::startup() == updraft::Begin::Exit {
///     return;
/// }
/// ```
pub fn startup() -> Begin {
    match Updater::beside_this_program() {
        Ok(updater) => startup_with(&updater),
        Err(failure) => {
            tracing::warn!("{failure}");
            Begin::Serve
        }
    }
}

/// The same with an updater that lies elsewhere.
pub fn startup_with(updater: &Updater) -> Begin {
    if std::env::var_os(SUPERVISED_VARIABLE).is_some() {
        return Begin::Serve;
    }
    match wants_updater(updater)
        .and_then(|wanted| if wanted { hand_over(updater).map(|()| true) } else { Ok(false) })
    {
        Ok(true) => Begin::Exit,
        Ok(false) => Begin::Serve,
        Err(failure) => {
            tracing::warn!("the program starts as it is: {failure}");
            Begin::Serve
        }
    }
}

fn wants_updater(updater: &Updater) -> Result<bool, Failure> {
    let install = updater.install()?;
    // First of all, and without any network: what runs now may be half of a version.
    if install.is_swap_open() {
        return finish(&install);
    }
    let (settings, _) = Settings::load(&updater.folder.join(FILE_NAME), Fragment::default())
        .map_err(|error| Failure::of(&error))?;
    if !settings.enabled {
        return Ok(false);
    }
    Ok(updater.has_new_version(Asked::ByItself)?.is_some())
}

/// Ends the interrupted swap. The program in memory may not be the one that stands then, so it is started again.
fn finish(install: &crate::install::Install) -> Result<bool, Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        match engine::recover(install) {
            Ok(recovered) => return Ok(recovered.is_some()),
            Err(error)
                if error.code() == ErrorCode::Locked && install.is_swap_open() && Instant::now() < end =>
            {
                std::thread::sleep(Duration::from_millis(100));
            }
            // An updater at work has ended it meanwhile, and waits for nobody: what stands now is whole.
            Err(error) if error.code() == ErrorCode::Locked && !install.is_swap_open() => return Ok(true),
            Err(error) => return Err(Failure::of(&error)),
        }
    }
}

fn hand_over(updater: &Updater) -> Result<(), Failure> {
    let first: &[OsString] = &["--headless".into()];
    let started = Handover::of_this_program().start(&updater.program(), first);
    started.map(|_updater| ()).map_err(|error| Failure::of(&error))
}
