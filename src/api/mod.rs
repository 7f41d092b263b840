//! What a program calls: is there a new version, hand over to the updater, I am well.
//!
//! The calls never harm the program: whatever goes wrong, it can go on (fail open).

mod place;
mod queue;
pub mod startup;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::engine::{self, CheckResult, Duty, Setup};
use crate::fsx;
use crate::host::{self, CONFIRM_VARIABLE, Handover, UPDATED_FROM_VARIABLE};
use crate::install::Install;
use crate::platform::process::exe_name;
use crate::release::RelPath;
use crate::report::{Control, ErrorCode, Failure, Obstacle, Offer};
use crate::settings::{FILE_NAME, Fragment, Settings};

use queue::no_queue;
#[cfg(feature = "gui")]
pub(crate) use queue::queue;
pub(crate) use queue::run_to_end;
pub use startup::{Begin, startup, startup_with};

/// The updater beside a program.
#[derive(Debug, Clone)]
pub struct Updater {
    folder: PathBuf,
}

/// Who wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The program by itself, when it starts or now and then. Says nothing if the updater has just asked the
    /// person, or the person skipped the version.
    ByItself,
    /// A person.
    ByHand,
}

impl Updater {
    /// The updater in `folder`, which holds its `updater.json`.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The updater beside the running program: `updater/` in the program's folder or one of those above it, or
    /// `<program>.updater/` beside a program that is a single file. A program that runs out of an AppImage is looked
    /// for beside that file.
    ///
    /// # Errors
    /// If there is none.
    pub fn beside_this_program() -> Result<Self, Failure> {
        let exe = std::env::current_exe().ok().and_then(|exe| fsx::canonical(&exe).ok()).unwrap_or_default();
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let found = place::beside(&exe).or_else(|| place::beside(&place::single_file(&exe, &variable)?));
        found.map(Self::in_folder).ok_or_else(|| Failure {
            code: ErrorCode::Config,
            message: format!("no updater lies beside {}", exe.display()),
            hint: Some("Lay a folder `updater` with updater and updater.json beside the program.".to_owned()),
        })
    }

    /// Asks whether there is a newer release; ends within the time set for checks.
    ///
    /// # Errors
    /// If the repository can't be asked or not be trusted. The program goes on as it is.
    pub fn has_new_version(&self, asked: Asked) -> Result<Option<Offer>, Failure> {
        if asked == Asked::ByItself && host::was_just_asked() {
            return Ok(None);
        }
        // On a thread of its own: the program may run an event loop in which ours could not be started.
        let asking = || self.ask(asked);
        std::thread::scope(|scope| {
            let thread =
                std::thread::Builder::new().name("update check".to_owned()).spawn_scoped(scope, asking);
            thread.map_err(no_queue)?.join().unwrap_or_else(|_panic| {
                let message = "the check stopped by a defect of the updater".to_owned();
                Err(Failure { code: ErrorCode::Internal, message, hint: None })
            })
        })
    }

    fn ask(&self, asked: Asked) -> Result<Option<Offer>, Failure> {
        let config = self.folder.join(FILE_NAME);
        let (settings, _) =
            Settings::load(&config, Fragment::default()).map_err(|error| Failure::of(&error))?;
        if !settings.enabled {
            return Ok(None);
        }
        if asked == Asked::ByItself
            && let Some(back) = self.start_unseen()
        {
            return Ok(Some(back));
        }
        let told = settings.setup(self.install()?, self.program()).map_err(|error| Failure::of(&error))?;
        let setup = Setup { by_hand: asked == Asked::ByHand, ..told };
        let control = Control::new();
        let result = run_to_end(engine::check(&setup, &control, &|_event| {}))?;
        match result.map_err(|error| Failure::of(&error))? {
            CheckResult::Available(offer) => Ok(Some(offer)),
            CheckResult::Disabled | CheckResult::UpToDate(_) | CheckResult::Quarantined { .. } => Ok(None),
        }
    }

    /// The first check of a new version that was started without the updater: its start is counted. If none of
    /// its starts came to anything, the version to go back to.
    fn start_unseen(&self) -> Option<Offer> {
        static IS_COUNTED: AtomicBool = AtomicBool::new(false);
        if IS_COUNTED.swap(true, Ordering::SeqCst) {
            return None;
        }
        let install = self.install().ok()?;
        match engine::count_start(&install).ok()? {
            Duty::Nothing => None,
            Duty::GoBack(offer) => Some(offer),
            Duty::LiveFor(seconds) => {
                let confirm = move || {
                    std::thread::sleep(Duration::from_secs(seconds.into()));
                    engine::confirm(&install).ok();
                };
                std::thread::Builder::new().name("update health".to_owned()).spawn(confirm).ok();
                None
            }
        }
    }

    /// Whether updates can be installed where this copy lies, as far as that can be known beforehand: rights,
    /// volumes, room, path lengths. Asks no network and changes nothing.
    ///
    /// # Errors
    /// Every reason why not, each with a stable code and, where possible, what would help.
    pub fn can_update(&self) -> Result<(), Vec<Obstacle>> {
        let alone = |failure| vec![Obstacle { failure, remedy: None }];
        let install = self.install().map_err(alone)?;
        let record = install.read_record().map_err(|error| alone(Failure::of(&error)))?.record;
        let found = install.obstacles(&record);
        if found.is_empty() { Ok(()) } else { Err(found.iter().map(|reason| Obstacle::of(reason)).collect()) }
    }

    fn install(&self) -> Result<Install, Failure> {
        let folder = fsx::canonical(&self.folder).map_err(|error| Failure::of(&error))?;
        let root = folder.parent().unwrap_or(Path::new("/")).to_path_buf();
        let name = folder.strip_prefix(&root).map(Path::to_path_buf).unwrap_or_default();
        let updater = RelPath::from_native(&name).map_err(|error| Failure {
            code: ErrorCode::Config,
            message: error.to_string(),
            hint: Some("Give the updater's folder a plain name.".to_owned()),
        })?;
        Ok(Install::at(root, updater))
    }

    /// The updater's program file.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.folder.join(exe_name("updater".as_ref()))
    }

    /// Starts the updater, which asks the person, waits for this process to end, updates, and starts the program again with the
    /// arguments, folder and environment it has now. The caller exits then. Asked by hand, the updater also
    /// offers a version that was skipped before.
    ///
    /// # Errors
    /// If the updater can't be started; the program goes on as it is.
    pub fn hand_over(&self, asked: Asked) -> Result<(), Failure> {
        let first: &[OsString] = if asked == Asked::ByHand { &["--by-hand".into()] } else { &[] };
        let started = Handover::of_this_program().start(&self.program(), first);
        started.map(|_updater| ()).map_err(|error| Failure::of(&error))
    }
}

/// Whether there is a newer release, asked by the program itself through the updater beside it.
///
/// # Errors
/// If that can't be found out; the program goes on as it is.
pub fn has_new_version() -> Result<Option<Offer>, Failure> {
    Updater::beside_this_program()?.has_new_version(Asked::ByItself)
}

/// Whether updates can be installed where this program lies: to be asked at its first start, so that the person can
/// move the program or ask for rights before there is an update. Asks no network and changes nothing.
///
/// # Errors
/// Every reason why not.
pub fn can_update() -> Result<(), Vec<Obstacle>> {
    let alone = |failure| vec![Obstacle { failure, remedy: None }];
    Updater::beside_this_program().map_err(alone)?.can_update()
}

/// Starts the updater beside this program; the caller exits then.
///
/// # Errors
/// If there is no updater or it can't be started.
pub fn hand_over_to_updater() -> Result<(), Failure> {
    Updater::beside_this_program()?.hand_over(Asked::ByItself)
}

/// The version this program was updated from, if it was started by the updater right after that: for a line such as
/// "updated from 1.0". Programs in other languages read the variable `UPDRAFT_UPDATED_FROM`.
#[must_use]
pub fn updated_from() -> Option<String> {
    std::env::var(UPDATED_FROM_VARIABLE).ok().filter(|version| !version.is_empty())
}

/// Says that this version runs well. Called some time after the start, when the program is usable; without an
/// update before, it does nothing.
///
/// # Errors
/// If the word can't be written; the updater may then bring back the version before.
pub fn confirm_healthy() -> Result<(), Failure> {
    if let Some(mark) = std::env::var_os(CONFIRM_VARIABLE) {
        return host::confirm(Path::new(&mark)).map_err(|error| Failure::of(&error));
    }
    // Started by a person: the updater may have been interrupted before it saw this version live.
    match Updater::beside_this_program() {
        Ok(updater) => engine::confirm(&updater.install()?).map(drop).map_err(|error| Failure::of(&error)),
        Err(_no_updater) => Ok(()),
    }
}
