//! What a file or folder of ours is and what stands in it, without believing or changing any of it.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::fsx;
use crate::install::{Install, Loaded, Record};
use crate::release::{MAX_MANIFEST_BYTES, Manifest, Policy, RelPath, Stamp};
use crate::trust::sign::{Expiries, Kept, KeyPair, KeyRole};

use super::repository::Repository;
use super::steer::Standing;
use super::{Looked, Place, PublishError, bundle};

/// Something that was looked at.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Inspected {
    /// A repository.
    Repository(RepositoryView),
    /// The folder of an installed program.
    Install(InstallView),
    /// A bundle.
    Bundle(Looked),
    /// The manifest of a release.
    Manifest(ManifestView),
    /// A signed metadata file.
    Metadata(MetadataView),
    /// A key file; its private half is not read.
    Key(KeyView),
}

/// A repository.
#[derive(Debug, Serialize)]
pub struct RepositoryView {
    /// The program, if that is written down.
    pub app: Option<String>,
    /// The version of root.
    pub root: u64,
    /// The names of the root keys, and how many of them must sign a change.
    pub root_keys: Vec<String>,
    /// How many of them must sign a change of keys.
    pub threshold: u64,
    /// The name of the release key.
    pub release_key: Vec<String>,
    /// The name of the online key.
    pub online_key: Vec<String>,
    /// When root runs out.
    pub root_expires: Stamp,
    /// When the list of releases runs out.
    pub targets_expires: Stamp,
    /// When the timestamp runs out.
    pub timestamp_expires: Stamp,
    /// Further places.
    pub mirrors: Vec<String>,
    /// The releases.
    pub releases: Vec<Standing>,
}

/// The folder of an installed program.
#[derive(Debug, Serialize)]
pub struct InstallView {
    /// The folder of its updater.
    pub updater: String,
    /// Whether an update was interrupted and goes on at the next start.
    pub is_swap_open: bool,
    /// Why the record can't be used, if it is damaged.
    pub damage: Option<String>,
    /// Files that the updater laid down.
    pub files: u64,
    /// What is installed and what the updater remembers, without the lists of files.
    pub record: Value,
}

/// The manifest of a release.
#[derive(Debug, Serialize)]
pub struct ManifestView {
    /// Files and links.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Files that stay as the user leaves them.
    pub policies: Vec<(RelPath, Policy)>,
    /// The manifest itself.
    pub manifest: Value,
}

/// A signed metadata file.
#[derive(Debug, Serialize)]
pub struct MetadataView {
    /// `root`, `targets`, `snapshot` or `timestamp`.
    pub role: String,
    /// Its version.
    pub version: u64,
    /// When it runs out.
    pub expires: String,
    /// The names of the keys that signed, unchecked.
    pub signed_by: Vec<String>,
    /// What was signed.
    pub signed: Value,
}

/// A key file.
#[derive(Debug, Serialize)]
pub struct KeyView {
    /// What the key signs, if the file says so.
    pub role: Option<KeyRole>,
    /// Its name in the metadata, if the file says its public half.
    pub id: Option<String>,
    /// Where its private half is.
    pub kept: Kept,
}

/// Looks at a repository, an install, a bundle, a manifest, a metadata file or a key file.
///
/// # Errors
/// If it can't be read, is damaged, or none of these.
pub fn inspect(place: &Place, now: Stamp) -> Result<Inspected, PublishError> {
    let Some(path) = place.folder() else { return repository(place, now) };
    if !fsx::stat_follow(path)?.is_dir() {
        return file(path, now);
    }
    let has = |name: &str| fsx::exists(&path.join(name));
    if has("metadata")? {
        return repository(place, now);
    }
    match updater_of(path)? {
        Some((root, updater)) => install(&root, updater),
        None => Err(PublishError::NothingOurs(path.to_path_buf())),
    }
}

fn repository(place: &Place, now: Stamp) -> Result<Inspected, PublishError> {
    let repository = Repository::open(place)?;
    let state = repository.state()?.ok_or_else(|| repository.none())?;
    let Expiries { root, targets, timestamp, .. } = state.expiries();
    Ok(Inspected::Repository(RepositoryView {
        app: repository.project()?.map(|app| app.to_string()),
        root: state.versions().root,
        root_keys: state.root_keys(),
        threshold: state.root_threshold(),
        release_key: state.keys_of(KeyRole::Release),
        online_key: state.keys_of(KeyRole::Online),
        root_expires: root,
        targets_expires: targets,
        timestamp_expires: timestamp,
        mirrors: state.mirrors(),
        releases: state.releases().iter().map(|release| Standing::of(release, now)).collect(),
    }))
}

/// The install and the folder of its updater: `path` may be either.
fn updater_of(path: &Path) -> Result<Option<(std::path::PathBuf, RelPath)>, PublishError> {
    let path = fsx::canonical(path)?;
    let is_updater = |folder: &Path| {
        Ok::<_, PublishError>(
            fsx::exists(&folder.join("updater.json"))? || fsx::exists(&folder.join("state/installed.json"))?,
        )
    };
    if is_updater(&path)?
        && let (Some(root), Some(name)) = (path.parent(), path.file_name())
    {
        return Ok(Some((root.to_path_buf(), RelPath::from_native(Path::new(name))?)));
    }
    for name in fsx::list(&path)? {
        if is_updater(&path.join(&name))? {
            return Ok(Some((path, RelPath::from_native(Path::new(&name))?)));
        }
    }
    Ok(None)
}

fn install(root: &Path, updater: RelPath) -> Result<Inspected, PublishError> {
    let install = Install::at(root.to_path_buf(), updater.clone());
    let Loaded { record, damage } = install.read_record().map_err(PublishError::Record)?;
    let files = record.receipt.files.len() as u64;
    Ok(Inspected::Install(InstallView {
        updater: updater.to_string(),
        is_swap_open: install.is_swap_open(),
        damage,
        files,
        record: without_lists(&record),
    }))
}

/// The record without what has a line for each file.
fn without_lists(record: &Record) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("marks");
        if let Some(receipt) = fields.get_mut("receipt").and_then(Value::as_object_mut) {
            for list in ["files", "policies", "beside", "folders"] {
                receipt.remove(list);
            }
        }
    }
    value
}

fn file(path: &Path, now: Stamp) -> Result<Inspected, PublishError> {
    let mut head = Vec::new();
    let mut opened = std::io::Read::take(fsx::open(path)?, 8);
    std::io::Read::read_to_end(&mut opened, &mut head)
        .map_err(|error| fsx::FsError::new("read", path, error))?;
    if head.starts_with(b"\x89UPDRFT\n") {
        return Ok(Inspected::Bundle(bundle::look(path, now, false, &|_, _| {})?));
    }
    let none = || PublishError::NothingOurs(path.to_path_buf());
    let bytes = fsx::read(path, MAX_MANIFEST_BYTES)?;
    if let Ok((role, public, kept)) = KeyPair::peek(path)
        && (role.is_some() || public.is_some())
    {
        return Ok(Inspected::Key(KeyView { role, id: public.map(|public| public.id()), kept }));
    }
    let value: Value = serde_json::from_slice(&bytes).map_err(|_why| none())?;
    if let (Some(signed), Some(signatures)) = (value.get("signed"), value.get("signatures")) {
        return metadata(signed, signatures).ok_or_else(none);
    }
    if value.get("format").is_none() || value.get("files").is_none() {
        return Err(none());
    }
    let manifest = Manifest::parse(&bytes)?;
    let kept = manifest.regular().filter(|file| file.policy != Policy::Replace);
    Ok(Inspected::Manifest(ManifestView {
        files: manifest.files.len() as u64,
        bytes: manifest.installed_bytes(),
        policies: kept.map(|file| (file.path.clone(), file.policy)).collect(),
        manifest: value,
    }))
}

fn metadata(signed: &Value, signatures: &Value) -> Option<Inspected> {
    let keys = signatures.as_array()?.iter().filter_map(|signature| signature.get("keyid")?.as_str());
    Some(Inspected::Metadata(MetadataView {
        role: signed.get("_type")?.as_str()?.to_owned(),
        version: signed.get("version")?.as_u64()?,
        expires: signed.get("expires")?.as_str()?.to_owned(),
        signed_by: keys.map(str::to_owned).collect(),
        signed: signed.clone(),
    }))
}
