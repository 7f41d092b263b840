//! The one layout that a first install and every update share: the release, and beside it the updater's folder with
//! program, settings, root keys and the record of what was laid down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::fsx::{self, Absent as _};
use crate::install::Record;
use crate::platform;
use crate::publish::{self, Published, Tree};
use crate::release::{
    App, Digest, Entry, Hasher, Manifest, Platform, Policy, RelPath, ReleaseNumber, Stamp, Version,
};
use crate::settings::Settings;
use crate::trust::MAX_ROOT;

use super::face::Shown;
use super::icon::Icon;
use super::item::{Bytes, Item, Kind};
use super::machine::{HEAD, Machine};
use super::{Order, PackageError};

/// Differences that are named.
const NAMED: usize = 5;
/// Most bytes of settings.
const MAX_SETTINGS: u64 = 1024 * 1024;
/// The earliest time every archive can hold.
const EARLIEST: i64 = 315_532_800;

/// Everything that goes into a package.
#[derive(Debug)]
pub struct Layout {
    pub(super) app: App,
    pub(super) version: Version,
    pub(super) platform: Platform,
    /// What the updater runs on; nothing if it is a script.
    machine: Option<Machine>,
    /// The release that copies know they are.
    pub(super) release: Option<ReleaseNumber>,
    /// Files, links and empty folders, sorted by path.
    pub(super) items: Vec<Item>,
    pub(super) left_out: Vec<RelPath>,
    pub(super) updater: RelPath,
    /// The updater's program.
    pub(super) updater_file: RelPath,
    /// The program to start.
    pub(super) start: Option<RelPath>,
    pub(super) time: Stamp,
    pub(super) shown: Shown,
    pub(super) icon: Option<Icon>,
}

impl Layout {
    /// Looks at everything and puts it together; writes nothing.
    ///
    /// # Errors
    /// If a part is missing, damaged, or not what it should be.
    pub fn make(order: &Order) -> Result<Self, PackageError> {
        let tree = publish::tree(&order.folder)?;
        let is_root = fsx::stat_follow(&order.repository)?.is_file();
        let published = if is_root { None } else { Some(published(order)?) };
        let manifest = published.as_ref().map(|published| &published.manifest);
        let app = app(order, manifest, is_root)?;
        let shown = Shown::of(&order.face, &app)?;
        let platform = match manifest {
            Some(manifest) => manifest.platform.clone(),
            None => order.platform.clone().unwrap_or_else(Platform::current),
        };
        let version = manifest.map(|manifest| manifest.version.clone()).or_else(|| order.version.clone());
        let version = version.ok_or(PackageError::Missing { what: "the version", option: "--version" })?;
        let (mut items, left_out) = match manifest {
            Some(manifest) => of_release(order, &tree, manifest)?,
            None => (of_folder(&tree)?, Vec::new()),
        };
        let icon = order.face.icon.as_deref().map(Icon::read).transpose()?;
        let (updater_file, machine) = lay_updater(order, &tree, &platform, &mut items)?;
        lay_root(order, published.as_ref(), &mut items)?;
        lay_settings(order, &tree, (&app, &shown, icon.as_ref()), published.is_some(), &mut items)?;
        if let Some(Published { manifest, digest, .. }) = &published {
            let record = Record::packed(manifest, *digest);
            let path = order.updater_dir.join("state/installed.json")?;
            let bytes = serde_json::to_vec(&record).map_err(std::io::Error::other);
            items.push(Item::made(
                path.clone(),
                bytes.map_err(PackageError::writing(Path::new(path.as_str())))?,
            ));
        }
        items.sort_by(|a, b| a.path.cmp(&b.path));
        let start = manifest.and_then(|manifest| Some(manifest.start.as_ref()?.path.clone()));
        let start = start.or_else(|| order.start.clone());
        if let Some(start) = start.as_ref().filter(|start| !items.iter().any(|item| item.path == **start)) {
            let (text, rule) = (start.to_string(), "it is no file of the package");
            return Err(PackageError::Value { what: "the program to start", text, rule });
        }
        let earliest = Stamp::from_unix(EARLIEST);
        let time =
            manifest.map(|manifest| manifest.published).or(order.time).unwrap_or(earliest).max(earliest);
        Ok(Self {
            app,
            version,
            platform,
            machine,
            release: manifest.map(|manifest| manifest.number),
            items,
            left_out,
            updater: order.updater_dir.clone(),
            updater_file,
            start,
            time,
            shown,
            icon,
        })
    }

    /// The folder that an archive unpacks to. It has no version in it: shortcuts and firewall rules stay true. On
    /// macOS a release with `Info.plist` and `MacOS` is the content of a bundle.
    pub(super) fn top(&self) -> String {
        let name = self.plain_name();
        let has = |path: &str| self.items.iter().any(|item| item.path.as_str().starts_with(path));
        let is_bundle = self.is_for("macos") && has("Info.plist") && has("MacOS/");
        if is_bundle { format!("{name}.app/Contents") } else { name }
    }

    /// The program's name as one part of a path, or its technical name where it can't be that.
    pub(super) fn plain_name(&self) -> String {
        let is_part = |text: &str| !text.contains('/') && text.parse::<RelPath>().is_ok();
        let name = self.app.as_str();
        if is_part(name) { name.to_owned() } else { self.shown.package.clone() }
    }

    /// The name of a package file.
    pub(super) fn file_name(&self, extension: &str) -> String {
        let version: String = self.version.as_str().chars().map(|c| if plain(c) { c } else { '_' }).collect();
        format!("{}-{version}-{}.{extension}", self.shown.package, self.platform)
    }

    /// Whether it runs on this system alone.
    pub(super) fn is_for(&self, system: &str) -> bool {
        let named = self.platform.as_str().split('-').next().unwrap_or_default();
        if named == "any" { self.machine.is_some_and(|own| own.system == system) } else { named == system }
    }

    /// The processor it needs, as platforms name it.
    pub(super) fn processor(&self) -> Option<&str> {
        self.platform
            .as_str()
            .split_once('-')
            .map(|(_, processor)| processor)
            .or_else(|| self.machine?.processor)
    }

    /// The whole size of its files in bytes.
    pub(super) fn bytes(&self) -> u64 {
        let size = |item: &Item| if let Kind::File { size, .. } = item.kind { size } else { 0 };
        self.items.iter().map(size).fold(0, u64::saturating_add)
    }
}

fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._+-".contains(c)
}

fn published(order: &Order) -> Result<Published, PackageError> {
    let platforms = match &order.platform {
        Some(platform) => vec![platform.clone()],
        None => vec![Platform::current(), Platform::any()],
    };
    Ok(publish::published(&order.repository, &order.channel, &platforms, order.version.as_ref())?)
}

fn app(order: &Order, manifest: Option<&Manifest>, is_root: bool) -> Result<App, PackageError> {
    let known = match manifest {
        Some(manifest) => Some(manifest.app.clone()),
        None if is_root => None,
        None => publish::app_of(&order.repository)?,
    };
    match (known, &order.app) {
        (Some(known), Some(said)) if known != *said => Err(PackageError::Value {
            what: "the program's name",
            text: said.to_string(),
            rule: "the repository is of another program",
        }),
        (Some(known), _) => Ok(known),
        (None, Some(said)) => Ok(said.clone()),
        (None, None) => Err(PackageError::Missing { what: "the name of the program", option: "--app" }),
    }
}

/// The files of the release out of the folder, and what else lies there.
fn of_release(
    order: &Order,
    tree: &Tree,
    manifest: &Manifest,
) -> Result<(Vec<Item>, Vec<RelPath>), PackageError> {
    let mut files: BTreeMap<&RelPath, &PathBuf> =
        tree.files.iter().map(|file| (&file.path, &file.native)).collect();
    let mut links: BTreeMap<&RelPath, &String> =
        tree.links.iter().map(|link| (&link.path, &link.target)).collect();
    let (mut items, mut wrong) = (Vec::new(), Vec::new());
    for entry in &manifest.files {
        match entry {
            Entry::File(file) => match files.remove(&file.path) {
                Some(native) if hash(native)? == file.sha256 => items.push(Item {
                    path: file.path.clone(),
                    kind: Kind::File {
                        from: Bytes::Disk(native.clone(), file.sha256),
                        size: file.size,
                        mode: file.mode,
                    },
                    keep: file.policy != Policy::Replace,
                }),
                Some(_) => wrong.push(format!("{} differs", file.path)),
                None => wrong.push(format!("{} is missing", file.path)),
            },
            Entry::Link(link) if links.remove(&link.path) == Some(&link.target) => {
                items.push(Item::new(link.path.clone(), Kind::Link(link.target.clone())));
            }
            Entry::Link(link) => wrong.push(format!("the link {} differs", link.path)),
        }
    }
    if !wrong.is_empty() {
        let more = wrong.len().saturating_sub(NAMED);
        wrong.truncate(NAMED);
        if more > 0 {
            wrong.push(format!("and {more} more"));
        }
        let (folder, release) = (order.folder.clone(), format!("{} ({})", manifest.version, manifest.number));
        return Err(PackageError::NotTheRelease { folder, release, what: wrong });
    }
    let folders = manifest.folders.iter();
    items.extend(folders.map(|path| Item::new(path.clone(), Kind::Folder)));
    let own = |path: &&&RelPath| !path.is_within(&order.updater_dir);
    let left_out = files.keys().chain(links.keys()).filter(own).map(|path| (*path).clone()).collect();
    Ok((items, left_out))
}

/// The whole folder, as nothing says what the release is.
fn of_folder(tree: &Tree) -> Result<Vec<Item>, PackageError> {
    let mut items = Vec::new();
    for file in &tree.files {
        let from = Bytes::Disk(file.native.clone(), hash(&file.native)?);
        let kind = Kind::File { from, size: file.mark.size, mode: file.mode };
        items.push(Item::new(file.path.clone(), kind));
    }
    let links = tree.links.iter();
    items.extend(links.map(|link| Item::new(link.path.clone(), Kind::Link(link.target.clone()))));
    items.extend(tree.folders.iter().map(|path| Item::new(path.clone(), Kind::Folder)));
    Ok(items)
}

fn hash(path: &Path) -> Result<Digest, PackageError> {
    let mut file = fsx::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = std::io::Read::read(&mut file, &mut buffer)
            .map_err(|source| fsx::FsError::new("read", path, source))?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&buffer[..count]);
    }
}

/// A file of the vendor's folder that is not in the package already.
fn in_folder<'a>(tree: &'a Tree, path: &RelPath) -> Option<&'a PathBuf> {
    tree.files.iter().find(|file| file.path == *path).map(|file| &file.native)
}

fn is_laid(items: &[Item], path: &RelPath) -> bool {
    items.iter().any(|item| item.path == *path)
}

/// Puts the updater beside the program and checks that it runs there. Returns where it lies.
fn lay_updater(
    order: &Order,
    tree: &Tree,
    platform: &Platform,
    items: &mut Vec<Item>,
) -> Result<(RelPath, Option<Machine>), PackageError> {
    let candidates = ["updater", "updater.exe"].map(|name| order.updater_dir.join(name));
    for path in candidates.clone() {
        let path = path?;
        if let Some(native) = in_folder(tree, &path).filter(|_| is_laid(items, &path)) {
            let machine = check_machine(native, platform)?;
            return Ok((path, machine));
        }
    }
    let found = candidates.iter().flatten().find_map(|path| in_folder(tree, path));
    let file = match (&order.updater, found) {
        (Some(said), _) => said.clone(),
        (None, Some(found)) => found.clone(),
        (None, None) => beside_us(platform),
    };
    if !fsx::stat_follow(&file).if_present()?.is_some_and(|found| found.is_file()) {
        return Err(PackageError::NoUpdater(file));
    }
    let machine = check_machine(&file, platform)?;
    let is_windows = machine.map_or(platform.as_str().starts_with("windows"), |own| own.system == "windows");
    let path = order.updater_dir.join(if is_windows { "updater.exe" } else { "updater" })?;
    let (size, digest) = (fsx::stat_follow(&file)?.len(), hash(&file)?);
    let kind = Kind::File { from: Bytes::Disk(file, digest), size, mode: 0o755 };
    items.push(Item::new(path.clone(), kind));
    Ok((path, machine))
}

/// The updater that lies beside this program.
fn beside_us(platform: &Platform) -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    let other = platform.as_str().starts_with("windows").then(|| PathBuf::from("updater.exe"));
    exe.with_file_name(other.unwrap_or_else(|| platform::process::exe_name("updater".as_ref())))
}

fn check_machine(file: &Path, platform: &Platform) -> Result<Option<Machine>, PackageError> {
    let mut head = Vec::with_capacity(HEAD);
    let opened = fsx::open(file)?;
    std::io::Read::read_to_end(&mut std::io::Read::take(opened, HEAD as u64), &mut head)
        .map_err(|source| fsx::FsError::new("read", file, source))?;
    let machine = Machine::of(&head);
    match machine {
        Some(machine) if machine.fits(platform) => Ok(Some(machine)),
        None if platform.as_str() == "any" => Ok(None),
        other => Err(PackageError::OtherMachine {
            file: file.to_path_buf(),
            is: other.map_or_else(|| "no machine that is known".to_owned(), Machine::name),
            wanted: platform.to_string(),
        }),
    }
}

/// The root keys: those of the repository, or those the release has, which must be of the repository.
fn lay_root(order: &Order, published: Option<&Published>, items: &mut Vec<Item>) -> Result<(), PackageError> {
    let path = order.updater_dir.join("root.json")?;
    let Some(published) = published else {
        let bytes = fsx::read(&order.repository, MAX_ROOT)?;
        let root: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if root["signed"]["_type"] != "root" {
            let (text, rule) =
                (order.repository.display().to_string(), "it is neither a repository nor a root.json");
            return Err(PackageError::Value { what: "the root keys", text, rule });
        }
        items.retain(|item| item.path != path);
        items.push(Item::made(path, bytes));
        return Ok(());
    };
    let Some(Item { kind: Kind::File { from: Bytes::Disk(file, _), .. }, .. }) =
        items.iter().find(|item| item.path == path)
    else {
        items.push(Item::made(path, published.root.clone()));
        return Ok(());
    };
    let own = fsx::read(file, MAX_ROOT)?;
    let metadata = order.repository.join("metadata");
    for name in fsx::list(&metadata)? {
        let is_root = name.to_str().is_some_and(|name| name.ends_with("root.json"));
        if is_root && fsx::read(&metadata.join(name), MAX_ROOT)? == own {
            return Ok(());
        }
    }
    Err(PackageError::OtherRoot { file: file.clone(), repository: order.repository.clone() })
}

/// The settings of copies: those of a signed release, which are what they are, or those made of what was said.
fn lay_settings(
    order: &Order,
    tree: &Tree,
    (app, shown, icon): (&App, &Shown, Option<&Icon>),
    is_signed: bool,
    items: &mut Vec<Item>,
) -> Result<(), PackageError> {
    let path = order.updater_dir.join("updater.json")?;
    let place = Path::new(path.as_str());
    if is_signed && is_laid(items, &path) {
        if !order.sources.is_empty() || order.settings.is_some() {
            return Err(PackageError::OwnSettings(path));
        }
        if let Some(file) = in_folder(tree, &path) {
            Settings::examine(&fsx::read(file, MAX_SETTINGS)?, place)?;
        }
        return Ok(());
    }
    let base = order.settings.as_deref().or_else(|| in_folder(tree, &path).map(PathBuf::as_path));
    let mut settings = match base {
        Some(file) => read_settings(file)?,
        None => serde_json::Map::new(),
    };
    settings.insert("app".to_owned(), json!(app));
    let mut default = |key: &str, value: serde_json::Value| {
        settings.entry(key.to_owned()).or_insert(value);
    };
    default("title", json!(shown.name));
    if order.channel.as_str() != "stable" {
        default("channel", json!(order.channel));
    }
    if let Some(start) = &order.start {
        default("start", json!(start));
    }
    if let Some(Icon::Png(bytes, _)) = icon {
        let file = order.updater_dir.join("icon.png")?;
        if !is_laid(items, &file) {
            items.push(Item::made(file, bytes.clone()));
        }
        default("icon", json!("icon.png"));
    }
    if !order.sources.is_empty() {
        settings.insert("sources".to_owned(), json!(order.sources));
    }
    if settings.get("sources").is_none() {
        return Err(PackageError::Missing { what: "where copies look for releases", option: "--source" });
    }
    let text = format!("{:#}\n", serde_json::Value::Object(settings));
    Settings::examine(text.as_bytes(), place)?;
    items.retain(|item| item.path != path);
    items.push(Item::made(path, text.into_bytes()));
    Ok(())
}

fn read_settings(file: &Path) -> Result<serde_json::Map<String, serde_json::Value>, PackageError> {
    let bytes = fsx::read(file, MAX_SETTINGS)?;
    serde_json::from_slice(&bytes)
        .map_err(|source| crate::settings::SettingsError::Json { path: file.to_path_buf(), source }.into())
}
