//! What can be known to fail, said before anything is fetched or touched.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::fsx::{Absent as _, Context as _, FsError};
use crate::plan::{Found, Plan, Way};
use crate::platform;
use crate::release::{Entry, RelPath};
use crate::report::{ErrorCode, Fault, Remedy, bytes, bytes_at_least};

use super::checkpoint::checkpoint;
use super::{Install, barriers};

/// Room for journal, folders and what the file system needs itself.
pub(super) const RESERVE: u64 = 4 * 1024 * 1024;
/// What a small file takes more than its bytes.
const PER_FILE: u64 = 4096;

/// Why an update can't be done here.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// There is too little room.
    #[error("the update needs {} on the volume of {}, {} are free", bytes_at_least(*needed), root.display(), bytes(*free))]
    Space {
        /// The install.
        root: PathBuf,
        /// Bytes needed for what is fetched, laid ready and kept.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A folder is on a volume that can only be read.
    #[error("the folder {} is on a volume that can only be read", .0.display())]
    ReadOnly(PathBuf),
    /// This user may not change a folder.
    #[error("this user may not change the folder {}{}", folder.display(), belongs_to(owner.as_deref()))]
    NoRight {
        /// The folder.
        folder: PathBuf,
        /// Whose it is, if the system tells.
        owner: Option<String>,
        /// What an administrator can run, if it is the system's.
        command: Option<String>,
        /// Whether the updater can have that run itself, with rights the system asks the person for.
        can_ask: bool,
    },
    /// The step for all users works only on what nobody else can change.
    #[error("{} may be changed by others than the system", .0.display())]
    NotTheSystems(PathBuf),
    /// A folder can't be written for another reason.
    #[error("the folder {} can't be changed", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What happened.
        source: FsError,
    },
    /// A folder lies on another volume, so that nothing can be renamed into it.
    #[error("the folder {} is on another volume than the updater", .0.display())]
    OtherVolume(PathBuf),
    /// A link or a file stands where the release has a folder. Nothing is ever written through a link.
    #[error("the release has the folder \u{ab}{0}\u{bb}, but a link or a file stands in its place")]
    InTheWay(RelPath),
    /// A path is longer than this system takes.
    #[error("the path {} is longer than this system takes", .0.display())]
    TooLong(PathBuf),
    /// The program runs from a place the system keeps for a while only.
    #[error("the program runs from {}, a place that is kept for a while only", .0.display())]
    PassingPlace(PathBuf),
    /// The release has a file in the updater's own memory.
    #[error("the release has \u{ab}{0}\u{bb}, which belongs to the updater's own state")]
    OwnState(RelPath),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] FsError),
}

fn belongs_to(owner: Option<&str>) -> String {
    owner.map_or_else(String::new, |owner| format!("; it belongs to {owner}"))
}

impl Fault for PreflightError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Space { .. } => ErrorCode::NoSpace,
            Self::ReadOnly(_) => ErrorCode::ReadOnly,
            Self::NoRight { .. } | Self::NotTheSystems(_) => ErrorCode::Permission,
            Self::Folder { source, .. } => source.code(),
            Self::OtherVolume(_) => ErrorCode::OtherVolume,
            Self::InTheWay(_) => ErrorCode::InTheWay,
            Self::TooLong(_) => ErrorCode::PathTooLong,
            Self::PassingPlace(_) => ErrorCode::PassingPlace,
            Self::OwnState(_) => ErrorCode::Malformed,
            Self::Fs(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Space { needed, free, .. } => {
                let more = bytes_at_least(needed.saturating_sub(*free));
                return Some(format!("Free at least {more} and try again."));
            }
            Self::NoRight { command: Some(command), .. } => {
                return Some(format!("It is installed for all users; an administrator runs: {command}"));
            }
            Self::Folder { source, .. } | Self::Fs(source) => return source.hint(),
            Self::InTheWay(path) => {
                return Some(format!("Put a real folder in the place of \u{ab}{path}\u{bb} and try again."));
            }
            Self::ReadOnly(_) => "Move the program to a folder that can be written.",
            Self::NoRight { .. } => {
                "Run the updater as a user who may, or move the program to a folder of yours."
            }
            Self::NotTheSystems(_) => {
                "Update it as the user it belongs to: run the updater without update-for-all."
            }
            Self::OtherVolume(_) => "Put the whole program on one volume.",
            Self::TooLong(_) => "Move the program to a folder with a shorter path.",
            Self::PassingPlace(_) => "Move the program to where programs lie, and start it from there.",
            Self::OwnState(_) => "Tell the vendor of the program.",
        };
        Some(hint.to_owned())
    }

    fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::Space { needed, free, .. } => Remedy::FreeSpace { needed: *needed, free: *free },
            Self::NoRight { owner, can_ask, .. } => {
                Remedy::OtherUser { owner: owner.clone(), for_all: *can_ask }
            }
            Self::InTheWay(path) => Remedy::MoveAway { path: path.to_string() },
            Self::ReadOnly(_) | Self::OtherVolume(_) | Self::TooLong(_) | Self::PassingPlace(_) => {
                Remedy::MoveProgram
            }
            Self::NotTheSystems(_) | Self::Folder { .. } | Self::OwnState(_) | Self::Fs(_) => return None,
        })
    }
}

impl Install {
    /// Checks room, rights, volumes and path lengths for `plan`. Leaves nothing behind; if it is killed, the
    /// next recovery takes away what it left. Wants the lock to be held, as everything that writes here.
    ///
    /// # Errors
    /// The first thing that would make the update fail.
    pub fn preflight(&self, plan: &Plan) -> Result<(), PreflightError> {
        if super::place::is_passing(self.root()) {
            return Err(PreflightError::PassingPlace(self.root().to_path_buf()));
        }
        for path in plan.items.iter().map(|item| &item.path).chain(&plan.make_folders) {
            if self.is_own_state(path) {
                return Err(PreflightError::OwnState(path.clone()));
            }
            self.check_length(path)?;
        }
        let state = self.state_dir();
        self.disk().make_dirs(&state).map_err(|error| self.refuse(&state, error))?;
        self.check_ways(plan)?;
        self.check_folders_for_all(plan)?;
        let needed = needed(plan).saturating_sub(self.fetched_already());
        let free = self.disk().free_space(&state)?;
        if free < needed {
            return Err(PreflightError::Space { root: self.root().to_path_buf(), needed, free });
        }
        let folders: BTreeSet<PathBuf> = plan.changes().map(|item| self.folder_above(&item.path)).collect();
        self.probe_all(&folders)
    }

    /// Every folder above a path that changes must be a real one, or leave with this update.
    fn check_ways(&self, plan: &Plan) -> Result<(), PreflightError> {
        let leaves = |path: &RelPath| plan.items.iter().any(|item| item.path == *path && item.want.is_none());
        let above: BTreeSet<RelPath> = plan
            .changes()
            .filter(|item| item.want.is_some())
            .flat_map(|item| item.path.ancestors())
            .chain(plan.make_folders.iter().cloned())
            .collect();
        for folder in above {
            let found = self.disk().stat(&folder.under(self.root())).if_present()?;
            if found.is_some_and(|found| !found.is_dir()) && !leaves(&folder) {
                return Err(PreflightError::InTheWay(folder));
            }
        }
        Ok(())
    }

    /// Bytes an earlier try has fetched: they are there and need no room again. What another release left behind
    /// counts as well, because it is removed first. Pieces come in any order, so the length of a part says too
    /// much of what it takes.
    fn fetched_already(&self) -> u64 {
        let folder = self.partial_dir();
        let names = self.disk().list(&folder).unwrap_or_default();
        let sizes = names.iter().filter_map(|name| self.disk().stat(&folder.join(name)).ok());
        sizes.map(|found| found.taken).fold(0, u64::saturating_add)
    }

    /// Probes under names that are written down first, so that whoever comes after a crash can take them away.
    fn probe_all(&self, folders: &BTreeSet<PathBuf>) -> Result<(), PreflightError> {
        self.clear_probes()?;
        let unique = super::record::random_name().map_err(|why| self.no_name(why))?;
        let name = format!(".updraft-probe-{unique}");
        let relative = |folder: &PathBuf| {
            let inner = folder.strip_prefix(self.root()).unwrap_or(folder);
            inner.join(&name).to_string_lossy().into_owned()
        };
        let places: Vec<String> = folders.iter().map(relative).collect();
        let list = self.probe_list();
        let bytes = serde_json::to_vec(&places).map_err(io::Error::other).at("write", &list)?;
        self.disk().write_durable(&list, &bytes, barriers::PROBES, barriers::PROBES)?;
        let probed = folders.iter().try_for_each(|folder| self.probe(folder, &name));
        let cleared = self.clear_probes();
        probed.and_then(|()| Ok(cleared?))
    }

    fn no_name(&self, why: super::RecordError) -> PreflightError {
        FsError::new("use", self.root(), io::Error::other(why)).into()
    }

    fn probe_list(&self) -> PathBuf {
        self.state_dir().join("probes")
    }

    /// Takes away what a preflight that was killed left behind: empty files under names of its own.
    pub(super) fn clear_probes(&self) -> Result<(), FsError> {
        let list = self.probe_list();
        let Some(bytes) = self.disk().read(&list, 64 * 1024 * 1024).if_present()? else { return Ok(()) };
        // A list that can't be read names nothing that could be taken away.
        let places: Vec<String> = serde_json::from_slice(&bytes).unwrap_or_default();
        let is_probe = |path: &RelPath| path.name().starts_with(".updraft-probe-");
        let places = places.iter().filter_map(|place| RelPath::from_native(Path::new(place)).ok());
        for place in places.filter(is_probe).map(|path| path.under(self.root())) {
            let found = self.disk().stat(&place).if_present()?;
            if found.is_some_and(|found| found.is_file() && found.size() == 0) {
                self.disk().remove_file(&place)?;
            }
        }
        self.disk().remove_file(&list)
    }

    /// The nearest folder above `path` that is there already.
    fn folder_above(&self, path: &RelPath) -> PathBuf {
        let above = path.ancestors().map(|folder| folder.under(self.root()));
        let is_folder = |folder: &PathBuf| self.disk().stat(folder).is_ok_and(|found| found.is_dir());
        above.into_iter().find(is_folder).unwrap_or_else(|| self.root().to_path_buf())
    }

    /// Renames an empty file from the updater's state into the folder and removes it: what a swap does.
    fn probe(&self, folder: &Path, name: &str) -> Result<(), PreflightError> {
        let from = self.state_dir().join("probe");
        let to = folder.join(name);
        self.disk().write(&from, b"", None)?;
        let moved = self.disk().rename(&from, &to);
        self.disk().remove_file(&from).if_present()?;
        match moved
            .and_then(|()| checkpoint("preflight.probe", &to))
            .and_then(|()| self.disk().remove_file(&to))
        {
            Err(error) if error.source.kind() == io::ErrorKind::CrossesDevices => {
                Err(PreflightError::OtherVolume(folder.to_path_buf()))
            }
            Err(error) => Err(self.refuse(folder, error)),
            Ok(()) => Ok(()),
        }
    }

    pub(super) fn refuse(&self, folder: &Path, source: FsError) -> PreflightError {
        let folder = folder.to_path_buf();
        match source.code() {
            ErrorCode::ReadOnly => PreflightError::ReadOnly(folder),
            ErrorCode::Permission => {
                let owner = platform::file::owner(&folder);
                let (command, can_ask) =
                    self.way_for_all().map_or((None, false), |(typed, asks)| (Some(typed), asks));
                PreflightError::NoRight { folder, owner, command, can_ask }
            }
            _ => PreflightError::Folder { folder, source },
        }
    }

    pub(super) fn check_length(&self, path: &RelPath) -> Result<(), PreflightError> {
        let place = path.under(self.root());
        let length = place.as_os_str().len();
        let too_long = if platform::file::HAS_MODES {
            length > 4000
        } else {
            // Windows counts UTF-16 units. The classic limit of 260 holds for none of our calls.
            place.to_string_lossy().encode_utf16().count() > 32_000
        };
        if too_long { Err(PreflightError::TooLong(place)) } else { Ok(()) }
    }
}

/// What is fetched, what is laid ready, copies of files of the user; backups are second names and take no room.
fn needed(plan: &Plan) -> u64 {
    let each = plan.changes().map(|item| {
        let laid = match &item.want {
            Some(Entry::File(file)) => file.size,
            Some(Entry::Link(_)) | None => 0,
        };
        let fetched = if let Way::Whole(content) = &item.way { content.size } else { 0 };
        let kept = match &item.current {
            Some(Found::File { size, .. }) if item.keep_beside => *size,
            _ => 0,
        };
        [fetched, kept, PER_FILE].into_iter().fold(laid, u64::saturating_add)
    });
    each.fold(RESERVE.saturating_add(plan.brought.bytes), u64::saturating_add)
}
