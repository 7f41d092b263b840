//! The manifest of a release: every file an install of it has, and what the updater must know beside.
//!
//! A `Manifest` exists only when it is whole and safe: one bad path refuses all of it. `wire` holds the JSON.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    App, Channel, Codec, Digest, InvalidPath, Platform, RelPath, ReleaseNumber, Stamp, Urgency, Version,
};

/// Most bytes of a manifest; a longer one is not read.
pub const MAX_MANIFEST_BYTES: u64 = 64 * 1024 * 1024;
/// Most files, links and folders of one release.
pub const MAX_FILES: usize = 300_000;

/// A release in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The program.
    pub app: App,
    /// The channel it was published to.
    pub channel: Channel,
    /// What it runs on.
    pub platform: Platform,
    /// Its place in the order of releases.
    pub number: ReleaseNumber,
    /// Its version as people read it.
    pub version: Version,
    /// When it was published.
    pub published: Stamp,
    /// Whether it may be declined.
    pub urgency: Urgency,
    /// Installs below this number must update before the program may start; `NONE` if there is no such floor.
    pub minimum: ReleaseNumber,
    /// The program to start after the update.
    pub start: Option<Start>,
    /// Files a person or the system starts; they are switched last and guard an open swap.
    pub entries: Vec<RelPath>,
    /// How the new version shows that it lives.
    pub health: Health,
    /// Every file and link, sorted by path.
    pub files: Vec<Entry>,
    /// Empty folders that belong to the release.
    pub folders: Vec<RelPath>,
    /// The packs that files lie in.
    pub packs: Vec<Pack>,
    /// Ways from older releases that need fewer bytes.
    pub deltas: Vec<Delta>,
    /// What an unchanged install of an older release fetches from packs and whole objects: content, indexes and
    /// piece lists.
    pub downloads: BTreeMap<ReleaseNumber, u64>,
    /// Release notes of this and earlier releases.
    pub notes: Notes,
    /// The versions whose notes they are, as far as they are known.
    pub versions: NoteVersions,
}

/// Release notes in Markdown, by release and by language (BCP 47).
pub type Notes = BTreeMap<ReleaseNumber, BTreeMap<String, String>>;

/// The version of each release whose notes are told.
pub type NoteVersions = BTreeMap<ReleaseNumber, Version>;

/// The program to start.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Start {
    /// Where it lies in the install.
    pub path: RelPath,
    /// The arguments it is started with when the host gave none.
    pub args: Vec<String>,
}

/// How a new version shows that it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Health {
    /// The program says so itself; otherwise staying alive is enough.
    pub confirm: bool,
    /// Seconds it has for that.
    pub seconds: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self { confirm: false, seconds: 10 }
    }
}

/// A file or a link of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A regular file.
    File(FileEntry),
    /// A symbolic link.
    Link(LinkEntry),
}

impl Entry {
    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &RelPath {
        match self {
            Self::File(file) => &file.path,
            Self::Link(link) => &link.path,
        }
    }
}

/// A regular file of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Where it lies.
    pub path: RelPath,
    /// Its size in bytes.
    pub size: u64,
    /// Its content.
    pub sha256: Digest,
    /// Unix permission bits (`0o644`, `0o755`); elsewhere without effect.
    pub mode: u32,
    /// What happens to a copy the user has changed.
    pub policy: Policy,
    /// The object that is its bytes; nothing for an empty file, and for one that lies in a pack.
    pub content: Option<Content>,
    /// The pack whose index tells of it, by its place in [`Manifest::packs`].
    pub pack: Option<u32>,
}

/// A symbolic link that stays inside the install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkEntry {
    /// Where it lies.
    pub path: RelPath,
    /// Where it points, relative to the folder it lies in.
    pub target: String,
}

/// The object that holds a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The name of the object: the digest of its own bytes.
    pub object: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// How it stands for the file.
    pub codec: Codec,
    /// The name of its piece list; set for every object over one piece.
    pub pieces: Option<Digest>,
}

/// An object of many files' chunks, and the index that says where they lie (`docs/packs.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// The blocks; nothing if the index refers to other packs alone.
    pub object: Option<Digest>,
    /// Bytes of the blocks.
    pub size: u64,
    /// The index.
    pub index: Content,
}

/// An object that makes this release out of an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The older release.
    pub from: ReleaseNumber,
    /// The object.
    pub content: Content,
}

/// Bytes of a piece of an object that has a piece list.
pub const PIECE: u64 = 1024 * 1024;

impl Content {
    /// The objects of this content with their sizes: itself, then its piece list.
    pub fn objects(&self) -> impl Iterator<Item = (Digest, u64)> + use<> {
        let list = self.pieces.map(|list| (list, self.list_bytes()));
        std::iter::once((self.object, self.size)).chain(list)
    }

    /// Bytes of its piece list, if it has one.
    #[must_use]
    pub fn list_bytes(&self) -> u64 {
        if self.pieces.is_some() { self.size.div_ceil(PIECE).saturating_mul(32) } else { 0 }
    }
}

/// What an update does to a file the user may have changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The release wins; the changed copy is kept beside it.
    #[default]
    Replace,
    /// The changed copy stays; the new default is laid beside it.
    KeepIfModified,
    /// Written only where there is none.
    Once,
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is longer than any manifest may be.
    #[error("the manifest has {0} bytes, more than {MAX_MANIFEST_BYTES}")]
    TooLong(u64),
    /// It is not the JSON of a manifest.
    #[error("the manifest is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of a format this program does not know.
    #[error("the manifest has format {0}, this updater knows 1 and 2: update the updater first")]
    Newer(u64),
    /// It lists more than a release may have.
    #[error("the manifest lists {0} files, more than {MAX_FILES}")]
    TooMany(usize),
    /// A path breaks the grammar.
    #[error(transparent)]
    Path(#[from] InvalidPath),
    /// Two paths are the same on some operating system, or one is a folder of the other.
    #[error("the paths \u{ab}{0}\u{bb} and \u{ab}{1}\u{bb} collide")]
    Collision(RelPath, RelPath),
    /// A link leads out of the install.
    #[error("the link \u{ab}{path}\u{bb} points out of the install, to \u{ab}{target}\u{bb}")]
    LinkEscapes {
        /// The link.
        path: RelPath,
        /// Where it points.
        target: String,
    },
    /// The program to start, or an entry, is not among the files.
    #[error("\u{ab}{0}\u{bb} is to be started but is not a file of the release")]
    NoSuchEntry(RelPath),
    /// A file that is not empty has no content, or an empty one has.
    #[error("the content of \u{ab}{0}\u{bb} is not where its size says")]
    Content(RelPath),
    /// A field has a value that makes no sense.
    #[error("the manifest field \u{ab}{0}\u{bb} has an invalid value")]
    Field(&'static str),
}

impl Manifest {
    /// Reads a manifest and checks all of it.
    ///
    /// # Errors
    /// The first thing found wrong; nothing of such a manifest can be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLong(bytes.len() as u64));
        }
        let manifest = super::wire::read(bytes)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The JSON of this manifest; the same manifest always gives the same bytes.
    ///
    /// # Errors
    /// If the manifest is one that [`parse`](Self::parse) would refuse.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        self.check()?;
        let bytes = super::wire::write(self)?;
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLong(bytes.len() as u64));
        }
        Ok(bytes)
    }

    /// The regular files.
    pub fn regular(&self) -> impl Iterator<Item = &FileEntry> {
        self.files.iter().filter_map(|entry| match entry {
            Entry::File(file) => Some(file),
            Entry::Link(_) => None,
        })
    }

    /// Every object that a new install may need, with its size; one that is named twice comes twice.
    pub fn objects(&self) -> impl Iterator<Item = (Digest, u64)> {
        let whole = self.regular().filter_map(|file| file.content.as_ref());
        let packs = self.packs.iter().filter_map(|pack| Some((pack.object?, pack.size)));
        packs.chain(whole.chain(self.packs.iter().map(|pack| &pack.index)).flat_map(Content::objects))
    }

    /// The objects of deltas from `first` and later releases, which save bytes but are never needed.
    pub fn delta_objects(&self, first: ReleaseNumber) -> impl Iterator<Item = (Digest, u64)> {
        let deltas = self.deltas.iter().filter(move |delta| delta.from >= first);
        deltas.flat_map(|delta| delta.content.objects())
    }

    /// The pack whose index tells of `file`.
    #[must_use]
    pub fn pack_of(&self, file: &FileEntry) -> Option<&Pack> {
        self.packs.get(file.pack? as usize)
    }

    /// Bytes of all regular files.
    #[must_use]
    pub fn installed_bytes(&self) -> u64 {
        self.regular().map(|file| file.size).fold(0, u64::saturating_add)
    }

    fn check(&self) -> Result<(), ManifestError> {
        let count = self.files.len() + self.folders.len();
        if count > MAX_FILES {
            return Err(ManifestError::TooMany(count));
        }
        self.check_collisions()?;
        self.check_entries()?;
        self.check_objects()?;
        for entry in &self.files {
            match entry {
                Entry::File(file) => check_file(file, self.packs.len())?,
                Entry::Link(link) if !stays_inside(link) => {
                    let (path, target) = (link.path.clone(), link.target.clone());
                    return Err(ManifestError::LinkEscapes { path, target });
                }
                Entry::Link(_) => {}
            }
        }
        Ok(())
    }

    /// No path may be another one after case folding, and none may be a folder of a file or link. Folders may
    /// be named again, but in one spelling only.
    fn check_collisions(&self) -> Result<(), ManifestError> {
        let mut leaves: HashMap<String, &RelPath> = HashMap::with_capacity(self.files.len());
        for entry in &self.files {
            if let Some(other) = leaves.insert(entry.path().fold(), entry.path()) {
                return Err(ManifestError::Collision(other.clone(), entry.path().clone()));
            }
        }
        let mut folders: HashMap<String, RelPath> = HashMap::new();
        let inner = self.files.iter().flat_map(|entry| entry.path().ancestors());
        let listed =
            self.folders.iter().flat_map(|path| std::iter::once(path.clone()).chain(path.ancestors()));
        for folder in inner.chain(listed) {
            let key = folder.fold();
            if let Some(leaf) = leaves.get(&key) {
                return Err(ManifestError::Collision((*leaf).clone(), folder));
            }
            match folders.get(&key) {
                Some(other) if *other != folder => {
                    return Err(ManifestError::Collision(other.clone(), folder));
                }
                Some(_) => {}
                None => drop(folders.insert(key, folder)),
            }
        }
        Ok(())
    }

    fn check_objects(&self) -> Result<(), ManifestError> {
        let is_raw = |content: &Content| content.codec == Codec::Raw && content.size > 0;
        if !self.packs.iter().all(|pack| is_raw(&pack.index) && pack.object.is_some() == (pack.size > 0)) {
            return Err(ManifestError::Field("packs"));
        }
        let mut seen = HashSet::new();
        let fits =
            |delta: &Delta| is_raw(&delta.content) && delta.from < self.number && seen.insert(delta.from);
        if self.deltas.iter().all(fits) { Ok(()) } else { Err(ManifestError::Field("deltas")) }
    }

    fn check_entries(&self) -> Result<(), ManifestError> {
        if self.number == ReleaseNumber::NONE {
            return Err(ManifestError::Field("number"));
        }
        if self.minimum > self.number {
            return Err(ManifestError::Field("minimum"));
        }
        let started = self.start.iter().map(|start| &start.path);
        for wanted in started.chain(&self.entries) {
            if !self.regular().any(|file| file.path == *wanted) {
                return Err(ManifestError::NoSuchEntry(wanted.clone()));
            }
        }
        Ok(())
    }
}

fn check_file(file: &FileEntry, packs: usize) -> Result<(), ManifestError> {
    // An empty file has no place, any other exactly one.
    let places = u32::from(file.content.is_some()) + u32::from(file.pack.is_some());
    let has_place =
        places == u32::from(file.size > 0) && file.pack.is_none_or(|pack| (pack as usize) < packs);
    let sizes = file.content.as_ref().is_none_or(|content| {
        content.size > 0
            && (content.codec != Codec::Raw || content.size == file.size && content.object == file.sha256)
    });
    if has_place && sizes { Ok(()) } else { Err(ManifestError::Content(file.path.clone())) }
}

/// A link's target is relative, climbs only at its start, never above the install, and has no part a path
/// could not have. Folders above a link are never links themselves, so counting parts is enough.
fn stays_inside(link: &LinkEntry) -> bool {
    let depth = link.path.parts().count() - 1;
    let climbs = link.target.split('/').take_while(|part| *part == "..").count();
    let rest: Vec<&str> = link.target.split('/').skip(climbs).collect();
    let rest_is_path = if rest.is_empty() { climbs > 0 } else { rest.join("/").parse::<RelPath>().is_ok() };
    climbs <= depth && rest_is_path
}
