//! A file system in memory that notes down every single change to a name, to a file's bytes or to its mode, and
//! every flush, so that what a loss of power may leave can be put together from the notes.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Cursor, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use updraft::fsx::{Barrier, Context as _, Disk, FsError, Hold, Kind, Result, Stat};
use updraft::platform::ChangeMark;

/// A file, folder or link, whatever its names.
pub(super) type Id = usize;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    File(Arc<[u8]>, u32),
    Folder(Arc<BTreeMap<String, Id>>),
    Link(String),
}

/// Everything on a disk; node 0 is the root.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) nodes: Vec<Node>,
}

/// One change of what is on the disk, or a flush.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    Name { folder: Id, name: String, to: Option<Id> },
    Data { file: Id, bytes: Arc<[u8]> },
    Mode { file: Id, mode: u32 },
    SyncFile(Id),
    SyncFolder(Id, Barrier),
    SyncAll,
}

/// What was done to a disk since it was new.
#[derive(Debug, Clone)]
pub(super) struct Log {
    pub(super) base: Image,
    /// Nodes made since, as they were born.
    pub(super) born: Vec<Node>,
    /// Each with whether its operation is complete with it.
    pub(super) effects: Vec<(Effect, bool)>,
}

/// An error to come: at which operation that changes something, which, and whether it stays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trouble {
    pub(super) at: usize,
    pub(super) kind: io::ErrorKind,
    pub(super) stays: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traits {
    pub(super) is_without_links: bool,
    /// This flush does nothing.
    pub(super) without: Option<Barrier>,
    pub(super) trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Inner {
    image: Image,
    log: Log,
    traits: Traits,
    operations: usize,
}

#[derive(Debug)]
pub(super) struct MemDisk(Mutex<Inner>);

impl Image {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::Folder(Arc::default())] }
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Id> {
        let mut at = 0;
        for part in names(path) {
            let Node::Folder(names) = &self.nodes[at] else {
                return Err(io::ErrorKind::NotADirectory.into());
            };
            at = *names.get(part).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    pub(super) fn get(&self, path: &Path) -> Option<&Node> {
        self.find(path).ok().map(|id| &self.nodes[id])
    }

    /// The same without what has no name any more, numbered by the way from the root.
    pub(super) fn tidy(&self) -> Self {
        let mut new = Self { nodes: Vec::new() };
        let mut known = BTreeMap::new();
        self.carry(0, &mut new, &mut known);
        new
    }

    /// Whether a folder has two names. That is no state of a file system but damage to it.
    pub(super) fn is_damaged(&self) -> bool {
        let mut known = HashSet::new();
        let folders = self.nodes.iter().filter_map(|node| match node {
            Node::Folder(names) => Some(names.values()),
            _ => None,
        });
        folders.flatten().any(|id| matches!(self.nodes[*id], Node::Folder(_)) && !known.insert(*id))
    }

    fn carry(&self, id: Id, new: &mut Self, known: &mut BTreeMap<Id, Id>) -> Id {
        if let Some(there) = known.get(&id) {
            return *there;
        }
        let place = new.nodes.len();
        known.insert(id, place);
        new.nodes.push(Node::Link(String::new()));
        new.nodes[place] = match &self.nodes[id] {
            Node::Folder(names) => {
                let names = names.iter().map(|(name, id)| (name.clone(), self.carry(*id, new, known)));
                Node::Folder(Arc::new(names.collect()))
            }
            other => other.clone(),
        };
        place
    }

    /// A number for all that is there; `self` must be tidy.
    pub(super) fn print(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for node in &self.nodes {
            match node {
                Node::File(bytes, mode) => (0, bytes, mode).hash(&mut hasher),
                Node::Folder(names) => (1, names).hash(&mut hasher),
                Node::Link(target) => (2, target).hash(&mut hasher),
            }
        }
        hasher.finish()
    }
}

fn names(path: &Path) -> impl Iterator<Item = &str> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned()
}

impl Inner {
    /// Counts an operation that changes something; the one that is to fail does.
    fn begin(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.traits.trouble {
            Some(trouble)
                if self.operations == trouble.at || (trouble.stays && self.operations > trouble.at) =>
            {
                Err(trouble.kind.into())
            }
            _ => Ok(()),
        }
    }

    fn do_it(&mut self, effect: Effect, is_last: bool) {
        apply(&mut self.image, &effect);
        self.log.effects.push((effect, is_last));
    }

    fn birth(&mut self, node: Node) -> Id {
        self.image.nodes.push(node.clone());
        self.log.born.push(node);
        self.image.nodes.len() - 1
    }

    fn parent(&self, path: &Path) -> io::Result<Id> {
        let folder = self.image.find(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
        match self.image.nodes[folder] {
            Node::Folder(_) => Ok(folder),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn name(&mut self, path: &Path, to: Option<Id>, is_last: bool) -> io::Result<()> {
        let folder = self.parent(path)?;
        self.do_it(Effect::Name { folder, name: file_name(path), to }, is_last);
        Ok(())
    }

    fn write(&mut self, path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<Id> {
        self.begin()?;
        let file = match self.image.find(path) {
            Ok(id) => id,
            Err(_) => {
                let file = self.birth(Node::File(Arc::from([]), 0o644));
                self.name(path, Some(file), true)?;
                file
            }
        };
        let Node::File(had, _) = &self.image.nodes[file] else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        if !(had.is_empty() && bytes.is_empty()) {
            self.do_it(Effect::Data { file, bytes: bytes.into() }, true);
        }
        if let Some(mode) = mode {
            self.do_it(Effect::Mode { file, mode }, true);
        }
        Ok(file)
    }

    fn sync(&mut self, barrier: Barrier, effect: Effect) -> io::Result<()> {
        self.begin()?;
        if self.traits.without != Some(barrier) {
            self.do_it(effect, true);
        }
        Ok(())
    }

    fn remove_below(&mut self, path: &Path) -> io::Result<()> {
        if let Some(Node::Folder(names)) = self.image.get(path).cloned() {
            for name in names.keys() {
                self.remove_below(&path.join(name))?;
            }
        }
        self.begin()?;
        self.name(path, None, true)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.begin()?;
        let id = self.image.find(from)?;
        self.parent(to)?;
        match (self.image.get(from), self.image.get(to)) {
            (Some(Node::Folder(_)), Some(Node::Folder(inside))) if !inside.is_empty() => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            (Some(Node::Folder(_)), Some(Node::File(..) | Node::Link(_))) => {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            (_, Some(Node::Folder(_))) => return Err(io::ErrorKind::IsADirectory.into()),
            _ => {}
        }
        if self.image.find(to).is_ok_and(|there| there == id) {
            return Ok(());
        }
        self.name(to, Some(id), false)?;
        self.name(from, None, true)
    }
}

/// Does one change to an image.
pub(super) fn apply(image: &mut Image, effect: &Effect) {
    match effect {
        Effect::Name { folder, name, to } => {
            let Node::Folder(names) = &mut image.nodes[*folder] else { return };
            let names = Arc::make_mut(names);
            match to {
                Some(id) => names.insert(name.clone(), *id),
                None => names.remove(name),
            };
        }
        Effect::Data { file, bytes } => {
            if let Node::File(had, _) = &mut image.nodes[*file] {
                *had = Arc::clone(bytes);
            }
        }
        Effect::Mode { file, mode } => {
            if let Node::File(_, had) = &mut image.nodes[*file] {
                *had = *mode;
            }
        }
        Effect::SyncFile(_) | Effect::SyncFolder(..) | Effect::SyncAll => {}
    }
}

impl MemDisk {
    /// A disk with this on it, all of it safe.
    pub(super) fn with(image: &Image, traits: Traits) -> Arc<Self> {
        let log = Log { base: image.clone(), born: Vec::new(), effects: Vec::new() };
        Arc::new(Self(Mutex::new(Inner { image: image.clone(), log, traits, operations: 0 })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no thread panics with it")
    }

    pub(super) fn image(&self) -> Image {
        self.inner().image.tidy()
    }

    pub(super) fn log(&self) -> Log {
        self.inner().log.clone()
    }

    /// How many operations changed something.
    pub(super) fn operations(&self) -> usize {
        self.inner().operations
    }
}

impl Disk for MemDisk {
    fn stat(&self, path: &Path) -> Result<Stat> {
        let inner = self.inner();
        let id = inner.image.find(path).at("read", path)?;
        let (kind, mode, size) = match &inner.image.nodes[id] {
            Node::File(bytes, mode) => (Kind::File, *mode, bytes.len() as u64),
            Node::Folder(_) => (Kind::Folder, 0o755, 0),
            Node::Link(target) => (Kind::Link, 0o777, target.len() as u64),
        };
        // Files are never young enough to be known by their marks in a later run: content alone counts here.
        let mark = ChangeMark { size, written: 0, changed: 0, id: id as u64 };
        Ok(Stat { kind, mode, mark, taken: size, modified: None })
    }

    fn list(&self, path: &Path) -> Result<Vec<OsString>> {
        let inner = self.inner();
        let id = inner.image.find(path).at("list", path)?;
        match &inner.image.nodes[id] {
            Node::Folder(names) => Ok(names.keys().map(OsString::from).collect()),
            _ => Err(FsError::new("list", path, io::ErrorKind::NotADirectory.into())),
        }
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf> {
        match self.inner().image.get(path) {
            Some(Node::Link(target)) => Ok(target.into()),
            _ => Err(FsError::new("read", path, io::ErrorKind::InvalidInput.into())),
        }
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Read>> {
        let inner = self.inner();
        let id = inner.image.find(path).at("open", path)?;
        match &inner.image.nodes[id] {
            Node::File(bytes, _) => Ok(Box::new(Cursor::new(Arc::clone(bytes)))),
            _ => Err(FsError::new("open", path, io::ErrorKind::IsADirectory.into())),
        }
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        self.inner().image.find(path).at("find", path).map(|_| path.to_path_buf())
    }

    fn write(&self, path: &Path, bytes: &[u8], flush: Option<Barrier>) -> Result<()> {
        // Who holds the lock is no part of what is proven.
        if path.ends_with("lock.json") {
            return Ok(());
        }
        let mut inner = self.inner();
        let file = inner.write(path, bytes, None).at("write", path)?;
        match flush {
            Some(barrier) => inner.sync(barrier, Effect::SyncFile(file)).at("flush", path),
            None => Ok(()),
        }
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let mut inner = self.inner();
        let Some(Node::File(bytes, mode)) = inner.image.get(from).cloned() else {
            return Err(FsError::new("open", from, io::ErrorKind::NotFound.into()));
        };
        inner.write(to, &bytes, Some(mode)).at("write", to).map(|_| ())
    }

    fn set_mode(&self, path: &Path, mode: u32) -> Result<()> {
        let mut inner = self.inner();
        inner.begin().at("change the mode of", path)?;
        let file = inner.image.find(path).at("change the mode of", path)?;
        if matches!(inner.image.nodes[file], Node::File(_, had) if had != mode) {
            inner.do_it(Effect::Mode { file, mode }, true);
        }
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        let mut inner = self.inner();
        inner.begin().at("link", to)?;
        if inner.traits.is_without_links {
            return Err(FsError::new("link", to, io::ErrorKind::Unsupported.into()));
        }
        let id = inner.image.find(from).at("link", to)?;
        if inner.image.find(to).is_ok() {
            return Err(FsError::new("link", to, io::ErrorKind::AlreadyExists.into()));
        }
        inner.name(to, Some(id), true).at("link", to)
    }

    fn symlink(&self, target: &str, path: &Path) -> Result<()> {
        let mut inner = self.inner();
        inner.begin().at("link", path)?;
        if inner.image.find(path).is_ok() {
            return Err(FsError::new("link", path, io::ErrorKind::AlreadyExists.into()));
        }
        let id = inner.birth(Node::Link(target.to_owned()));
        inner.name(path, Some(id), true).at("link", path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner().rename(from, to).at("rename", to)
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        let mut inner = self.inner();
        inner.begin().at("remove", path)?;
        let id = inner.image.find(path).at("remove", path)?;
        match inner.image.nodes[id] {
            Node::Folder(_) => Err(FsError::new("remove", path, io::ErrorKind::IsADirectory.into())),
            _ => inner.name(path, None, true).at("remove", path),
        }
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        let mut inner = self.inner();
        inner.begin().at("remove", path)?;
        let id = inner.image.find(path).at("remove", path)?;
        match &inner.image.nodes[id] {
            Node::Folder(names) if names.is_empty() => inner.name(path, None, true).at("remove", path),
            Node::Folder(_) => Err(FsError::new("remove", path, io::ErrorKind::DirectoryNotEmpty.into())),
            _ => Err(FsError::new("remove", path, io::ErrorKind::NotADirectory.into())),
        }
    }

    fn remove_tree(&self, path: &Path) -> Result<()> {
        let mut inner = self.inner();
        if inner.image.find(path).is_err() {
            return Ok(());
        }
        inner.remove_below(path).at("remove", path)
    }

    fn make_dirs(&self, path: &Path) -> Result<()> {
        let mut inner = self.inner();
        let mut here = PathBuf::from("/");
        for name in names(path) {
            here.push(name);
            match inner.image.get(&here) {
                Some(Node::Folder(_)) => {}
                Some(_) => {
                    return Err(FsError::new("create the folder", path, io::ErrorKind::NotADirectory.into()));
                }
                None => {
                    inner.begin().at("create the folder", path)?;
                    let id = inner.birth(Node::Folder(Arc::default()));
                    inner.name(&here, Some(id), true).at("create the folder", path)?;
                }
            }
        }
        Ok(())
    }

    fn flush(&self, path: &Path, barrier: Barrier) -> Result<()> {
        let mut inner = self.inner();
        let id = inner.image.find(path).at("flush", path)?;
        inner.sync(barrier, Effect::SyncFile(id)).at("flush", path)
    }

    fn sync_dir(&self, path: &Path, barrier: Barrier) -> Result<()> {
        let mut inner = self.inner();
        let id = inner.image.find(path).at("flush", path)?;
        inner.sync(barrier, Effect::SyncFolder(id, barrier)).at("flush", path)
    }

    fn sync_volume(&self, path: &Path, barrier: Barrier) -> Result<bool> {
        self.inner().sync(barrier, Effect::SyncAll).at("flush", path).map(|()| true)
    }

    fn free_space(&self, _path: &Path) -> Result<u64> {
        Ok(u64::MAX)
    }

    fn lock(&self, _path: &Path) -> Result<Option<Hold>> {
        Ok(Some(Hold::alone()))
    }
}
