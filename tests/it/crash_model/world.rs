//! An install in memory, what is done to it, and what must be true of it after a crash.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use updraft::fsx::Disk;
use updraft::install::{HostGone, Install, Job, RollbackError, SwapError};
use updraft::release::Digest;

use super::disk::{Image, Log, MemDisk, Node as Stored, Traits, Trouble};
use super::states::{Bound, Model, states};
use crate::install_tree::{self as it, Node, Tree};

const ROOT: &str = "/app";

/// What is done to an install that is at release 1, or at 2 for a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// To release 2.
    Update,
    /// Back to release 1.
    Rollback,
    /// A swap that nobody can end is put aside.
    SetAside,
}

/// A story to be broken off anywhere.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) deed: Deed,
    pub(super) base: Image,
    pub(super) old: Tree,
    pub(super) new: Tree,
    /// Non-state files as they are before and after, those of the user included.
    pub(super) before: Tree,
    pub(super) after: Tree,
    pub(super) stub: PathBuf,
    pub(super) traits: Traits,
}

/// What stands, for certain, once the deed has said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Must {
    Either,
    Old,
    New,
}

/// What was tried, and what went wrong.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) states: usize,
    pub(super) recoveries: usize,
    pub(super) wrong: Vec<String>,
}

fn install(disk: &Arc<MemDisk>) -> Install {
    let disk: Arc<dyn Disk> = Arc::<MemDisk>::clone(disk);
    Install::on(disk, ROOT.into(), "updater".parse().expect("path"))
}

fn put(disk: &MemDisk, root: &Path, tree: &Tree) {
    for (path, node) in tree {
        let place = root.join(path);
        disk.make_dirs(place.parent().expect("parent")).expect("folder");
        if disk.exists(&place).expect("look") {
            disk.remove_file(&place).expect("remove");
        }
        match node {
            Node::File(bytes, mode) => {
                disk.write(&place, bytes, None).expect("file");
                disk.set_mode(&place, *mode).expect("mode");
            }
            Node::Link(target) => disk.symlink(target, &place).expect("link"),
            Node::Folder => disk.make_dirs(&place).expect("folder"),
        }
    }
}

/// Everything of the install but the updater's state; the day in the name of a kept file is left out.
pub(super) fn look(image: &Image) -> Tree {
    fn walk(image: &Image, path: &Path, name: &str, tree: &mut Tree) {
        match image.get(path) {
            Some(Stored::File(bytes, mode)) => {
                let name = name.split_once(".user-").map_or(name, |(name, _)| name).to_owned()
                    + if name.contains(".user-") { ".user" } else { "" };
                tree.insert(name, Node::File(bytes.to_vec(), *mode));
            }
            Some(Stored::Link(target)) => {
                tree.insert(name.to_owned(), Node::Link(target.clone()));
            }
            Some(Stored::Folder(names)) => {
                if names.is_empty() && !name.is_empty() {
                    tree.insert(name.to_owned(), Node::Folder);
                }
                for part in names.keys() {
                    let inner = if name.is_empty() { part.clone() } else { format!("{name}/{part}") };
                    if inner != "updater/state" {
                        walk(image, &path.join(part), &inner, tree);
                    }
                }
            }
            None => {}
        }
    }
    let mut tree = Tree::new();
    walk(image, Path::new(ROOT), "", &mut tree);
    tree
}

/// A whole update, as an updater does it.
fn update(install: &Install, disk: &MemDisk, tree: &Tree, number: u64, stub: &Path) -> Must {
    let guard = install.lock("test").expect("lock");
    let (manifest, digest) = it::release(tree, number);
    let plan = it::plan_for(&guard, &manifest, digest).expect("plan");
    let record = guard.record().expect("record").record;
    let places: BTreeMap<Digest, PathBuf> = manifest
        .regular()
        .map(|file| (file.sha256, PathBuf::from(format!("/objects/{number}/{}", file.path))))
        .filter(|(_, path)| disk.exists(path).expect("look"))
        .collect();
    let job = Job { plan: &plan, manifest: &manifest, record: &record, stub };
    match install.stage(&guard, &job, &|digest| places.get(digest).cloned(), &|_, _, _| {}) {
        Ok(stage) => said(install.swap(&guard, stage, HostGone::nobody(), &|_, _, _| {}).map(|_| ())),
        Err(_) => Must::Old,
    }
}

fn said(done: Result<(), SwapError>) -> Must {
    match done {
        Ok(()) => Must::New,
        Err(error) if error.is_old_whole() => Must::Old,
        Err(_) => Must::Either,
    }
}

impl Story {
    /// An install of `old` with files of the user's `own`, about to become `new`.
    pub(super) fn new(name: &'static str, old: &Tree, own: &Tree, new: &Tree, traits: Traits) -> Self {
        let disk = MemDisk::with(&Image::new(), traits);
        let stub = Node::File(b"the stub".to_vec(), 0o755);
        put(&disk, Path::new("/"), &it::tree(&[("stub", stub)]));
        put(&disk, Path::new("/objects/1"), old);
        put(&disk, Path::new("/objects/2"), new);
        disk.make_dirs(Path::new(ROOT)).expect("folder");
        let mut stub = PathBuf::from("/stub");
        if !old.is_empty() {
            assert_eq!(update(&install(&disk), &disk, old, 1, &stub), Must::New);
        }
        put(&disk, Path::new(ROOT), own);
        if old.contains_key("updater/updater") {
            stub = Path::new(ROOT).join("updater/updater");
        }
        let base = disk.image();
        let before = look(&base);
        let mut story = Self {
            name,
            deed: Deed::Update,
            base,
            old: old.clone(),
            new: new.clone(),
            before: before.clone(),
            after: before,
            stub,
            traits,
        };
        let (log, must) = story.run(None);
        assert_eq!(must, Must::New, "{name}");
        story.after = look(&whole(&log));
        story
    }

    /// The way back of this story.
    pub(super) fn back(mut self, name: &'static str) -> Self {
        self.base = whole(&self.run(None).0);
        (self.name, self.deed) = (name, Deed::Rollback);
        std::mem::swap(&mut self.before, &mut self.after);
        std::mem::swap(&mut self.old, &mut self.new);
        let (log, must) = self.run(None);
        assert_eq!((must, look(&whole(&log))), (Must::New, self.after.clone()), "{name}");
        self
    }

    /// The same after a swap that can't be ended.
    pub(super) fn stuck(mut self, name: &'static str) -> Self {
        let disk = MemDisk::with(&self.base, self.traits);
        disk.make_dirs(Path::new("/app/updater/state/txn")).expect("folder");
        disk.write(Path::new("/app/updater/state/txn/journal"), b"garbage", None).expect("journal");
        self.base = disk.image();
        (self.name, self.deed) = (name, Deed::SetAside);
        self.after = self.before.clone();
        self
    }

    /// Does it, with an error on the way if wanted; returns what was done to the disk and what was said.
    pub(super) fn run(&self, trouble: Option<Trouble>) -> (Log, Must) {
        let (log, must, _) = self.run_counted(trouble);
        (log, must)
    }

    fn run_counted(&self, trouble: Option<Trouble>) -> (Log, Must, usize) {
        let disk = MemDisk::with(&self.base, Traits { trouble, ..self.traits });
        let install = install(&disk);
        let must = match self.deed {
            Deed::Update => update(&install, &disk, &self.new, 2, &self.stub),
            Deed::SetAside => {
                let guard = install.lock("test").expect("lock");
                install.set_aside(&guard).map_or(Must::Either, |_| Must::Old)
            }
            Deed::Rollback => {
                let guard = install.lock("test").expect("lock");
                match install.rollback(&guard, HostGone::nobody(), &self.stub, true, &|_, _, _| {}) {
                    Ok(_) => Must::New,
                    Err(RollbackError::Stage(_)) => Must::Old,
                    Err(RollbackError::Swap(error)) => said(Err(error)),
                }
            }
        };
        if must == Must::Old && self.deed != Deed::SetAside {
            // The next start takes away what the undo left.
            let guard = install.lock("test").expect("lock");
            install.recover(&guard).ok();
        }
        (disk.log(), must, disk.operations())
    }

    /// How many operations of it change something.
    pub(super) fn operations(&self) -> usize {
        let far = Trouble { at: usize::MAX, kind: std::io::ErrorKind::Other, stays: false };
        self.run_counted(Some(far)).2
    }

    /// Recovers once; returns what that did, and whether it went forward.
    pub(super) fn recover(&self, image: &Image) -> (Log, bool) {
        let disk = MemDisk::with(image, self.traits);
        let install = install(&disk);
        let guard = install.lock("test").expect("lock");
        let recovered = install.recover(&guard).expect("recovery").expect("an open swap");
        (disk.log(), recovered.forward)
    }

    /// Breaks it off everywhere, recovers, breaks that off, to `depth`; stops at the first wrong if `is_quick`.
    pub(super) fn break_off(
        &self,
        model: Model,
        bounds: &[Bound],
        run: (Log, Must),
        is_quick: bool,
    ) -> Tally {
        let (log, must) = run;
        let mut tally = Tally::default();
        let mut seen = HashSet::new();
        let mut open = vec![(log, must)];
        for (level, bound) in bounds.iter().copied().enumerate() {
            let mut next = Vec::new();
            let stride = open.len().div_ceil(bound.recoveries).max(1);
            for (log, must) in open.iter().step_by(stride) {
                states(model, log, bound, &mut |image, is_end| {
                    let must = if is_end { *must } else { Must::Either };
                    if (is_quick && !tally.wrong.is_empty()) || !seen.insert((image.print(), must)) {
                        return;
                    }
                    tally.states += 1;
                    match self.check(&image, must, level, &mut tally) {
                        Ok(done) => next.push(done),
                        Err(wrong) => {
                            tally.wrong.push(format!("{} {model:?} depth {level}: {wrong}", self.name))
                        }
                    }
                });
            }
            open = next;
        }
        tally
    }

    /// Everything that must be true of a disk after a crash. Returns the log of its recovery.
    fn check(
        &self,
        image: &Image,
        must: Must,
        level: usize,
        tally: &mut Tally,
    ) -> Result<(Log, Must), String> {
        if self.deed != Deed::SetAside {
            self.is_startable(image)?;
        }
        let disk = MemDisk::with(image, Traits { trouble: None, ..self.traits });
        let install = install(&disk);
        let guard = install.lock("test").map_err(|error| error.to_string())?;
        tally.recoveries += 1;
        let is_aside = image.get(Path::new("/app/updater/state/stuck-1/journal")).is_some();
        if self.deed == Deed::SetAside && must == Must::Old && level == 0 && !is_aside {
            return Err("what was kept aside is lost".to_owned());
        }
        if self.deed == Deed::SetAside && install.recover(&guard).is_err() {
            install.set_aside(&guard).map_err(|error| format!("set aside: {error}"))?;
        }
        let failed = |error| format!("the recovery failed: {error}\n{}", listing(image));
        install.recover(&guard).map_err(failed)?;
        let (log, image) = (disk.log(), disk.image());
        let found = look(&image);
        let stands = if found == self.after {
            Must::New
        } else if found == self.before {
            Must::Old
        } else {
            return Err(format!("neither old nor new: {:?}", found.keys().collect::<Vec<_>>()));
        };
        if must != Must::Either && must != stands && self.before != self.after {
            return Err(format!("it was reported as {must:?} and is {stands:?}"));
        }
        let record = install.read_record().map_err(|error| error.to_string())?.record;
        let is_forth = match self.deed {
            Deed::Update => stands == Must::New,
            Deed::Rollback => stands == Must::Old,
            Deed::SetAside => false,
        };
        let number = match (is_forth, self.old.is_empty()) {
            (true, _) => 2,
            (false, true) => 0,
            (false, false) => 1,
        };
        if record.receipt.number.0 != number {
            return Err(format!("{stands:?} stands, and the record says {}", record.receipt.number.0));
        }
        // The way back is there, or is known not to be.
        if self.deed == Deed::Update && stands == Must::New && level == 0 && !self.old.is_empty() {
            self.check_back(&disk, &install, &guard, must)?;
        }
        Ok((log, if stands == Must::New { Must::New } else { Must::Old }))
    }

    fn check_back(
        &self,
        disk: &MemDisk,
        install: &Install,
        guard: &updraft::install::Guard,
        must: Must,
    ) -> Result<(), String> {
        match install.rollback(guard, HostGone::nobody(), &self.stub, false, &|_, _, _| {}) {
            Ok(_) if look(&disk.image()) == self.before => Ok(()),
            Ok(_) => Err("the rollback made something that never was".to_owned()),
            Err(error) if must == Must::New => Err(format!("there is no way back: {error}")),
            Err(error) if look(&disk.image()) != self.after => {
                Err(format!("a refused rollback changed: {error}"))
            }
            Err(_) => Ok(()),
        }
    }

    /// Whoever starts the program starts all of the old version, all of the new one, or the recovery.
    fn is_startable(&self, image: &Image) -> Result<(), String> {
        let found = look(image);
        let has_journal = image.get(Path::new("/app/updater/state/txn/journal")).is_some();
        let stub = match self.base.get(&self.stub) {
            Some(Stored::File(bytes, _)) => bytes.to_vec(),
            _ => Vec::new(),
        };
        let is_entry = |path: &&String| path.starts_with("bin/") || *path == "updater/updater";
        let plain = |tree: &Tree| -> Tree {
            tree.iter()
                .filter(|(path, node)| !is_entry(path) && **node != Node::Folder)
                .map(|(path, node)| (path.clone(), node.clone()))
                .collect()
        };
        let now = plain(&found);
        let (is_old, is_new) = (now == plain(&self.before), now == plain(&self.after));
        for path in self.before.keys().filter(is_entry) {
            let node = found.get(path);
            let is_same = |tree: &Tree| tree.get(path) == node;
            let is_stub =
                matches!(node, Some(Node::File(bytes, _)) if *bytes == stub || bytes == b"the stub");
            let fits = (is_old && is_same(&self.before))
                || (is_new && is_same(&self.after))
                || (is_stub && has_journal)
                || (*path == "updater/updater" && (is_same(&self.before) || is_same(&self.after)));
            if !fits {
                let what =
                    if node.is_none() { "missing" } else { "started among files that are not its own" };
                return Err(format!("the entry {path} is {what} (journal: {has_journal})"));
            }
        }
        Ok(())
    }
}

/// The disk after all of a log.
pub(super) fn whole(log: &Log) -> Image {
    let mut image = log.base.clone();
    image.nodes.extend(log.born.iter().cloned());
    for (effect, _) in &log.effects {
        super::disk::apply(&mut image, effect);
    }
    image.tidy()
}

/// All paths below the install with the beginnings of their content, for a person.
fn listing(image: &Image) -> String {
    fn walk(image: &Image, path: &Path, text: &mut String) {
        match image.get(path) {
            Some(Stored::File(bytes, mode)) => {
                let start = String::from_utf8_lossy(&bytes[..bytes.len().min(24)]).into_owned();
                text.push_str(&format!("  {} {mode:o} {start:?}\n", path.display()));
            }
            Some(Stored::Link(target)) => text.push_str(&format!("  {} -> {target}\n", path.display())),
            Some(Stored::Folder(names)) => names.keys().for_each(|name| walk(image, &path.join(name), text)),
            None => {}
        }
    }
    let mut text = String::new();
    walk(image, Path::new(ROOT), &mut text);
    text
}
