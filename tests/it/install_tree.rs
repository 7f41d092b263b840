//! Folders as values, manifests from them, and a whole update between two of them in this process. Shared by
//! the tests of the install and by the program that they kill.
#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "each of its users needs another part"
)]
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use updraft::fsx;
use updraft::install::{Guard, HostGone, Install, Installed, Job};
use updraft::plan::{self, Plan};
use updraft::release::{
    Codec, Content, Digest, Entry, FileEntry, Health, LinkEntry, Manifest, Notes, Policy, RelPath,
    ReleaseNumber, Stamp, Start, Urgency,
};
use updraft::report::Failure;

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    File(Vec<u8>, u32),
    Link(String),
    Folder,
}

/// Everything below a folder.
pub type Tree = BTreeMap<String, Node>;

pub fn file(bytes: &str) -> Node {
    Node::File(bytes.as_bytes().to_vec(), 0o644)
}

/// The mode of a program, as far as the system has modes.
pub(crate) const EXEC: u32 = if cfg!(unix) { 0o755 } else { 0o644 };

pub fn program(bytes: &str) -> Node {
    Node::File(bytes.as_bytes().to_vec(), EXEC)
}

pub fn tree(nodes: &[(&str, Node)]) -> Tree {
    nodes.iter().map(|(path, node)| ((*path).to_owned(), node.clone())).collect()
}

/// Writes a tree into a folder; what is there already stays.
pub fn write(root: &Path, tree: &Tree) {
    fs::create_dir_all(root).expect("folder");
    for (path, node) in tree {
        let place = root.join(path);
        fs::create_dir_all(place.parent().expect("parent")).expect("folder");
        match node {
            Node::File(bytes, mode) => {
                fs::write(&place, bytes).expect("file");
                fsx::set_mode(&place, *mode).expect("mode");
            }
            Node::Link(target) => fsx::symlink(target, &place).expect("link"),
            Node::Folder => fs::create_dir_all(&place).expect("folder"),
        }
    }
}

/// Reads a folder, without the updater's state. Folders with something in them are told by what is in them.
pub fn read(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut open = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        let mut is_empty = true;
        for entry in fs::read_dir(root.join(&folder)).expect("list") {
            let path = folder.join(entry.expect("entry").file_name());
            is_empty = false;
            if path == Path::new("updater/state") {
                continue;
            }
            let place = root.join(&path);
            let metadata = fs::symlink_metadata(&place).expect("metadata");
            let name = path.to_str().expect("unicode").replace('\\', "/");
            if metadata.is_dir() {
                open.push(path);
            } else if metadata.is_symlink() {
                let target = fs::read_link(&place).expect("link");
                tree.insert(name, Node::Link(target.to_str().expect("unicode").to_owned()));
            } else {
                tree.insert(name, Node::File(fs::read(&place).expect("read"), fsx::mode(&metadata)));
            }
        }
        if is_empty && !folder.as_os_str().is_empty() {
            tree.insert(folder.to_str().expect("unicode").replace('\\', "/"), Node::Folder);
        }
    }
    tree
}

/// The release that is exactly `tree`. Files below `bin/` are its entries, `bin/app` is started.
pub fn release(tree: &Tree, number: u64) -> (Manifest, Digest) {
    let path = |text: &String| text.parse::<RelPath>().expect("path");
    let entry = |(name, node): (&String, &Node)| match node {
        Node::Folder => None,
        Node::Link(target) => Some(Entry::Link(LinkEntry { path: path(name), target: target.clone() })),
        Node::File(bytes, mode) => {
            let (sha256, size) = (Digest::of(bytes), bytes.len() as u64);
            let content = Content { object: sha256, size, codec: Codec::Raw, pieces: None };
            let content = (size > 0).then_some(content);
            let policy = Policy::Replace;
            Some(Entry::File(FileEntry {
                path: path(name),
                size,
                sha256,
                mode: *mode,
                policy,
                content,
                pack: None,
            }))
        }
    };
    let is_program = |(name, node): &(&String, &Node)| {
        name.starts_with("bin/") && matches!(node, Node::File(bytes, _) if !bytes.is_empty())
    };
    let app = tree.get_key_value("bin/app").filter(is_program);
    let app = app.map(|_| Start { path: path(&"bin/app".to_owned()), args: Vec::new() });
    let manifest = Manifest {
        app: "Test".parse().expect("name"),
        channel: "stable".parse().expect("name"),
        platform: "any".parse().expect("name"),
        number: ReleaseNumber(number),
        version: format!("{number}.0").parse().expect("version"),
        published: Stamp::from_unix(0),
        urgency: Urgency::Optional,
        minimum: ReleaseNumber(0),
        start: app,
        entries: tree.iter().filter(is_program).map(|(name, _)| path(name)).collect(),
        health: Health::default(),
        files: tree.iter().filter_map(entry).collect(),
        folders: tree.iter().filter(|(_, node)| **node == Node::Folder).map(|(name, _)| path(name)).collect(),
        packs: Vec::new(),
        deltas: Vec::new(),
        downloads: BTreeMap::new(),
        notes: Notes::new(),
        versions: std::collections::BTreeMap::new(),
    };
    let digest = Digest::of(&manifest.to_bytes().expect("manifest"));
    (manifest, digest)
}

/// The install in `root`, its updater in `updater`.
pub fn install(root: &Path) -> Install {
    Install::at(root.to_path_buf(), "updater".parse().expect("path"))
}

/// Scans and plans.
pub fn plan_for(guard: &Guard, manifest: &Manifest, digest: Digest) -> Result<Plan, Failure> {
    let record = guard.record().map_err(|error| Failure::of(&error))?.record;
    let scan = guard.install().scan(&record, manifest, &|_, _, _| {}).map_err(|error| Failure::of(&error))?;
    plan::make(&scan.inventory, &record.receipt, manifest, digest, plan::Mode::Update)
        .map_err(|error| Failure::of(&error))
}

/// A whole update of the install in `root` to the files in the folder `from`.
pub fn update(root: &Path, from: &Path, number: u64, stub: &Path) -> Result<Installed, Failure> {
    let install = install(root);
    let guard = install.lock("test").map_err(|error| Failure::of(&error))?;
    install.recover(&guard).map_err(|error| Failure::of(&error))?;
    let (manifest, digest) = release(&read(from), number);
    let plan = plan_for(&guard, &manifest, digest)?;
    install.preflight(&plan).map_err(|error| Failure::of(&error))?;
    let record = guard.record().map_err(|error| Failure::of(&error))?.record;
    let places: BTreeMap<Digest, PathBuf> =
        manifest.regular().map(|file| (file.sha256, file.path.under(from))).collect();
    let fetched = |digest: &Digest| places.get(digest).cloned();
    let job = Job { plan: &plan, manifest: &manifest, record: &record, stub };
    let stage = install.stage(&guard, &job, &fetched, &|_, _, _| {}).map_err(|error| Failure::of(&error))?;
    install.swap(&guard, stage, HostGone::nobody(), &|_, _, _| {}).map_err(|error| Failure::of(&error))
}
