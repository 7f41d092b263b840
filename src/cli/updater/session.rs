//! From arguments to everything an update needs: folders, settings, log.

use std::path::{Path, PathBuf};

use crate::engine::{Asking, Launch, Setup, Task};
use crate::fsx::{self, FsError};
use crate::install::Install;
use crate::report::{ErrorCode, Failure, Fault};
use crate::settings::{FILE_NAME, Merged, Renderer, Settings};

use super::args::{Args, Common};

/// What the arguments lead to.
pub(super) struct Session {
    /// The install.
    pub(super) install: Install,
    /// Its settings.
    pub(super) settings: Settings,
    /// Where each setting comes from.
    pub(super) merged: Merged,
    /// The settings file.
    pub(super) config: PathBuf,
}

/// The folder of the program and the settings file that the arguments name.
pub(super) fn places(common: &Common) -> Result<(PathBuf, PathBuf), Failure> {
    let exe = std::env::current_exe().ok().and_then(|exe| fsx::canonical(&exe).ok());
    let own_folder = exe.as_deref().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default();
    let config = match (&common.config, &common.install) {
        (Some(config), _) => config.clone(),
        (None, Some(install)) => install.join("updater").join(FILE_NAME),
        (None, None) => own_folder.join(FILE_NAME),
    };
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fsx::canonical(folder).map_err(|_absent| no_settings(&config))?;
    let config = folder.join(config.file_name().unwrap_or_default());
    let root = match &common.install {
        Some(install) => fsx::canonical(install).map_err(|error| Failure::of(&error))?,
        None => folder.parent().map(Path::to_path_buf).unwrap_or_else(|| folder.clone()),
    };
    Ok((root, config))
}

fn no_settings(config: &Path) -> Failure {
    Failure {
        code: ErrorCode::Config,
        message: format!("there is no settings file {}", config.display()),
        hint: Some(
            "The updater needs an updater.json beside it; name another place with --config.".to_owned(),
        ),
    }
}

impl Session {
    /// Reads the settings the arguments lead to.
    pub(super) fn open(common: &Common) -> Result<Self, Failure> {
        let (root, config) = places(common)?;
        let (settings, merged) =
            Settings::load(&config, common.fragment()).map_err(|error| Failure::of(&error))?;
        let folder = config.parent().unwrap_or(&root);
        let inside = folder
            .strip_prefix(&root)
            .ok()
            .and_then(|inside| crate::release::RelPath::from_native(inside).ok());
        let updater = inside.ok_or_else(|| Failure {
            code: ErrorCode::Config,
            message: format!(
                "the settings file {} is not in a folder below {}",
                config.display(),
                root.display()
            ),
            hint: Some("Put the updater in a folder of its own inside the program's folder.".to_owned()),
        })?;
        Ok(Self { install: Install::at(root, updater), settings, merged, config })
    }

    /// Whether no window is wished for.
    pub(super) fn is_headless(&self, args: &Args) -> bool {
        let common = &args.common;
        let nobody_paints = self.settings.renderer == Renderer::Headless;
        common.headless || common.json || args.command.is_some() || nobody_paints
    }

    /// The setup of an update.
    pub(super) fn setup(&self, args: &Args, task: Task, asking: Asking) -> Result<Setup, Failure> {
        let launch = match (args.common.no_start, self.is_headless(args)) {
            (true, _) => Launch::Never,
            (false, true) => Launch::AfterHandover,
            (false, false) => Launch::Always,
        };
        let stub = std::env::current_exe()
            .map_err(|source| FsError::new("find", Path::new("the updater's own file"), source))
            .map_err(|error| Failure::of(&error))?;
        let told = self.settings.setup(self.install.clone(), stub).map_err(|error| Failure::of(&error))?;
        let (handover, by_hand, log) = (args.handover(), args.is_by_hand(), Some(self.log_file()));
        let close_program = args.common.close_program;
        Ok(Setup { handover, task, asking, launch, by_hand, log, close_program, ..told })
    }

    /// Where this install's log is.
    pub(super) fn log_file(&self) -> PathBuf {
        self.install.log_dir().join("updater.log")
    }

    /// Sends what is traced to the log, which is begun anew when it has grown over a megabyte. An install we
    /// may not write to is worked on without a log.
    pub(super) fn start_log(&self) {
        let path = self.log_file();
        let old = fsx::sibling(&path, ".1");
        if fsx::stat(&path).is_ok_and(|metadata| metadata.len() > 1024 * 1024) {
            fsx::rename(&path, &old).ok();
        }
        let opened = path.parent().map(fsx::make_dirs).transpose().and_then(|_made| fsx::append(&path));
        let Ok(file) = opened else { return };
        let subscriber = tracing_subscriber::fmt()
            .with_writer(std::sync::Mutex::new(file))
            .with_ansi(false)
            .with_max_level(tracing::Level::INFO)
            .finish();
        // Only the first session of a process can set the log.
        tracing::subscriber::set_global_default(subscriber).ok();
    }
}

/// A failure from any fault.
pub(super) fn fail(fault: &dyn Fault) -> Failure {
    Failure::of(fault)
}
