//! The values a plan is made from and made of.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::release::{
    Content, Digest, Entry, Health, Manifest, Policy, RelPath, ReleaseNumber, Start, Version,
};
use crate::report::{ErrorCode, Fault, ReleaseRef, Remedy, Totals};

use super::assembly::Wanted;
use super::policy::Conflict;

/// What lies at a path of the install now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A regular file.
    File {
        /// Its content.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
        /// Its Unix permission bits.
        mode: u32,
    },
    /// A symbolic link and what it says.
    Link(String),
    /// A folder.
    Folder,
    /// Something an update never touches: a device, a socket.
    Other,
}

/// What lies at every path that a plan could be about: those of the receipt and those of the new release.
/// A path that is not in it is free.
pub type Inventory = BTreeMap<RelPath, Found>;

/// What an update laid down at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Laid {
    /// A regular file.
    File {
        /// Its content.
        sha256: Digest,
        /// Its size in bytes.
        size: u64,
        /// Its Unix permission bits.
        mode: u32,
    },
    /// A symbolic link and what it says.
    Link(String),
}

impl Laid {
    /// Whether `found` still has the content laid down, whatever its mode.
    #[must_use]
    pub fn is_content_of(&self, found: &Found) -> bool {
        match (self, found) {
            (Self::File { sha256, .. }, Found::File { digest, .. }) => sha256 == digest,
            (Self::Link(said), Found::Link(target)) => said == target,
            _ => false,
        }
    }

    /// What is found where nobody changed it since.
    #[must_use]
    pub fn as_found(&self) -> Found {
        match self {
            Self::File { sha256, size, mode } => Found::File { digest: *sha256, size: *size, mode: *mode },
            Self::Link(target) => Found::Link(target.clone()),
        }
    }
}

/// The installed release and everything it laid down: only what stands here is ever removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The number of the release; 0 if there is none.
    pub number: ReleaseNumber,
    /// Its version.
    pub version: Option<Version>,
    /// The digest of its manifest.
    pub manifest: Option<Digest>,
    /// Files and links.
    pub files: BTreeMap<RelPath, Laid>,
    /// The policy of every file that the user may change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<RelPath, Policy>,
    /// New defaults laid beside files that the user changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beside: BTreeMap<RelPath, Laid>,
    /// Empty folders.
    pub folders: Vec<RelPath>,
    /// The program to start.
    #[serde(default)]
    pub start: Option<Start>,
    /// How it shows that it lives.
    #[serde(default)]
    pub health: Health,
}

impl Receipt {
    /// The release as events name it.
    #[must_use]
    pub fn release(&self) -> ReleaseRef {
        ReleaseRef { number: self.number, version: self.version.clone() }
    }

    /// The receipt of `manifest` laid down in full.
    #[must_use]
    pub fn of(manifest: &Manifest, digest: Digest) -> Self {
        let laid = |entry: &Entry| match entry {
            Entry::File(file) => Laid::File { sha256: file.sha256, size: file.size, mode: file.mode },
            Entry::Link(link) => Laid::Link(link.target.clone()),
        };
        Self {
            number: manifest.number,
            version: Some(manifest.version.clone()),
            manifest: Some(digest),
            files: manifest.files.iter().map(|entry| (entry.path().clone(), laid(entry))).collect(),
            policies: manifest
                .regular()
                .filter(|file| file.policy != Policy::Replace)
                .map(|file| (file.path.clone(), file.policy))
                .collect(),
            beside: BTreeMap::new(),
            folders: manifest.folders.clone(),
            start: manifest.start.clone(),
            health: manifest.health,
        }
    }
}

/// What happens at a path; exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing of ours is there, something will be.
    Add,
    /// Ours is there, another will be.
    Update,
    /// Ours is there, nothing will be.
    Remove,
    /// What is there stays; also nothing, where the user deleted a file of theirs.
    Keep,
}

/// How the bytes of a file are got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// There are none to get: a link, an empty file, a removal, a file that stays.
    Nothing,
    /// They lie at another path of the install, with the right digest.
    Local(RelPath),
    /// They are fetched as a whole.
    Whole(Content),
    /// They are made of chunks that lie in the install and in packs. The number is the place of the pack whose index
    /// tells of them in the release's list.
    Packed(u32),
}

/// One path of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The path.
    pub path: RelPath,
    /// What happens there.
    pub action: Action,
    /// What will be there; nothing after a removal.
    pub want: Option<Entry>,
    /// What is there now; nothing if the path is free.
    pub current: Option<Found>,
    /// Whether what is there now is the user's and is kept beside, as `name.user-<date>`.
    pub keep_beside: bool,
    /// How its bytes are got.
    pub way: Way,
    /// Set if the user's copy stays although the release has another one.
    pub conflict: Option<Conflict>,
}

/// Everything an update will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is installed.
    pub from: ReleaseRef,
    /// What will be installed.
    pub to: ReleaseRef,
    /// One item for each path of the receipt and of the new release, sorted by path.
    pub items: Vec<Item>,
    /// Folders to make if they are not there, outermost first.
    pub make_folders: Vec<RelPath>,
    /// Folders of the old release that the new one does not have, innermost first; each is removed if empty.
    pub drop_folders: Vec<RelPath>,
    /// What the record will say afterwards.
    pub receipt: Receipt,
    /// What is fetched beside whole files.
    pub brought: Brought,
}

/// What is fetched beside whole files: parts of packs and their indexes, or a delta.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Brought {
    /// Files made of it.
    pub files: u64,
    /// Bytes of it.
    pub bytes: u64,
    /// The releases whose deltas are applied, one after the other; none if the files come from packs.
    pub deltas: Vec<ReleaseNumber>,
    /// About how many of those bytes each file costs, where that can be told.
    #[serde(skip)]
    pub shares: BTreeMap<Digest, u64>,
}

impl Plan {
    /// The counts and bytes of this plan.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals =
            Totals { fetch_files: self.brought.files, fetch_bytes: self.brought.bytes, ..Totals::default() };
        let mut fetched = HashSet::new();
        for item in &self.items {
            match item.action {
                Action::Add => totals.add += 1,
                Action::Update => totals.update += 1,
                Action::Remove => totals.remove += 1,
                Action::Keep => totals.keep += 1,
            }
            if let Way::Whole(content) = &item.way
                && self.brought.deltas.is_empty()
                && fetched.insert(content.object)
            {
                totals.fetch_files += 1;
                totals.fetch_bytes += content.size;
            }
        }
        totals
    }

    /// The files that lie in packs and are not installed under any name; each content once.
    #[must_use]
    pub fn packed(&self) -> Vec<Wanted> {
        let mut seen = HashSet::new();
        let files = self.items.iter().filter_map(|item| match (&item.way, &item.want) {
            (Way::Packed(_), Some(Entry::File(file))) => Some((&item.path, file)),
            _ => None,
        });
        let fresh = files.filter(|(_, file)| seen.insert(file.sha256));
        fresh.filter_map(|(path, file)| Some(Wanted { name: path.clone(), ..Wanted::of(file)? })).collect()
    }

    /// Bytes to fetch for one item alone, as far as that can be told: about, where a block or a delta is shared.
    #[must_use]
    pub fn bytes_for(&self, item: &Item) -> u64 {
        match (&item.way, &item.want) {
            (Way::Whole(content), _) if self.brought.deltas.is_empty() => content.size,
            (Way::Packed(_), Some(Entry::File(file))) => {
                self.brought.shares.get(&file.sha256).copied().unwrap_or_default()
            }
            _ => 0,
        }
    }

    /// The items that change something.
    pub fn changes(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.action != Action::Keep)
    }

    /// The files that stay as the user made them although the release has other ones.
    pub fn conflicts(&self) -> impl Iterator<Item = (&RelPath, &Conflict)> {
        self.items.iter().filter_map(|item| Some((&item.path, item.conflict.as_ref()?)))
    }

    /// Bytes of all files that will be laid down new.
    #[must_use]
    pub fn staged_bytes(&self) -> u64 {
        let sizes = self.changes().filter_map(|item| match &item.want {
            Some(Entry::File(file)) => Some(file.size),
            Some(Entry::Link(_)) | None => None,
        });
        sizes.fold(0, u64::saturating_add)
    }
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A folder or device of the user stands where a file must go.
    #[error("the release has the file \u{ab}{0}\u{bb}, but something that is not a file is in its place")]
    Blocked(RelPath),
}

impl Fault for PlanError {
    fn code(&self) -> ErrorCode {
        ErrorCode::InTheWay
    }

    fn hint(&self) -> Option<String> {
        let Self::Blocked(path) = self;
        Some(format!("Move \u{ab}{path}\u{bb} away and try again."))
    }

    fn remedy(&self) -> Option<Remedy> {
        let Self::Blocked(path) = self;
        Some(Remedy::MoveAway { path: path.to_string() })
    }
}
