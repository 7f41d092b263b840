//! Manifest formats 1 and 2 as JSON: what stands in the file, before anything is believed of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::manifest::{
    Content, Delta, Entry, FileEntry, Health, LinkEntry, Manifest, ManifestError, NoteVersions, Notes, Pack,
    Policy, Start,
};
use super::{App, Channel, Codec, Digest, Platform, RelPath, ReleaseNumber, Stamp, Urgency, Version};

/// The format without packs; every updater reads it.
const WHOLE: u64 = 1;
/// The format of a release with files in packs.
const PACKED: u64 = 2;

#[derive(Deserialize)]
struct Probe {
    format: u64,
}

#[derive(Serialize, Deserialize)]
struct WireManifest {
    format: u64,
    app: App,
    channel: Channel,
    platform: Platform,
    number: ReleaseNumber,
    version: Version,
    published: Stamp,
    #[serde(default)]
    urgency: Urgency,
    #[serde(default, skip_serializing_if = "is_none_number")]
    minimum: ReleaseNumber,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<WireStart>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    entries: Vec<RelPath>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    health: Option<WireHealth>,
    files: Vec<WireEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    folders: Vec<RelPath>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    packs: Vec<WirePack>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deltas: Vec<WireDelta>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    downloads: BTreeMap<ReleaseNumber, u64>,
    #[serde(default, skip_serializing_if = "Notes::is_empty")]
    notes: Notes,
    #[serde(default, skip_serializing_if = "NoteVersions::is_empty")]
    versions: NoteVersions,
}

#[derive(Serialize, Deserialize)]
struct WireStart {
    path: RelPath,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct WireHealth {
    #[serde(default)]
    confirm: bool,
    seconds: u32,
}

#[derive(Serialize, Deserialize)]
struct WireEntry {
    path: RelPath,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(default, skip_serializing_if = "is_replace")]
    policy: Policy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<WireContent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pack: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct WirePack {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<Digest>,
    size: u64,
    index: WireContent,
}

#[derive(Serialize, Deserialize)]
struct WireDelta {
    from: ReleaseNumber,
    #[serde(flatten)]
    content: WireContent,
}

#[derive(Serialize, Deserialize)]
struct WireContent {
    object: Digest,
    size: u64,
    codec: Codec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pieces: Option<Digest>,
}

impl From<WireContent> for Content {
    fn from(wire: WireContent) -> Self {
        Self { object: wire.object, size: wire.size, codec: wire.codec, pieces: wire.pieces }
    }
}

impl From<Content> for WireContent {
    fn from(content: Content) -> Self {
        Self { object: content.object, size: content.size, codec: content.codec, pieces: content.pieces }
    }
}

fn is_none_number(number: &ReleaseNumber) -> bool {
    *number == ReleaseNumber::NONE
}

fn is_replace(policy: &Policy) -> bool {
    *policy == Policy::Replace
}

/// Permission bits of a file whose entry names none.
const PLAIN_MODE: u32 = 0o644;

pub(super) fn read(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    let Probe { format } = serde_json::from_slice(bytes)?;
    if format != WHOLE && format != PACKED {
        return Err(ManifestError::Newer(format));
    }
    let wire: WireManifest = serde_json::from_slice(bytes)?;
    let health =
        wire.health.map_or_else(Health::default, |h| Health { confirm: h.confirm, seconds: h.seconds });
    Ok(Manifest {
        app: wire.app,
        channel: wire.channel,
        platform: wire.platform,
        number: wire.number,
        version: wire.version,
        published: wire.published,
        urgency: wire.urgency,
        minimum: wire.minimum,
        start: wire.start.map(|start| Start { path: start.path, args: start.args }),
        entries: wire.entries,
        health,
        files: wire.files.into_iter().map(read_entry).collect::<Result<_, _>>()?,
        folders: wire.folders,
        packs: wire.packs.into_iter().map(read_pack).collect(),
        deltas: wire.deltas.into_iter().map(read_delta).collect(),
        downloads: wire.downloads,
        notes: wire.notes,
        versions: wire.versions,
    })
}

fn read_pack(wire: WirePack) -> Pack {
    Pack { object: wire.object, size: wire.size, index: wire.index.into() }
}

fn read_delta(wire: WireDelta) -> Delta {
    Delta { from: wire.from, content: wire.content.into() }
}

fn read_entry(wire: WireEntry) -> Result<Entry, ManifestError> {
    if let Some(target) = wire.link {
        return Ok(Entry::Link(LinkEntry { path: wire.path, target }));
    }
    let mode = match wire.mode {
        None => PLAIN_MODE,
        Some(text) => u32::from_str_radix(&text, 8)
            .ok()
            .filter(|mode| *mode <= 0o777)
            .ok_or(ManifestError::Field("mode"))?,
    };
    Ok(Entry::File(FileEntry {
        path: wire.path,
        size: wire.size.ok_or(ManifestError::Field("size"))?,
        sha256: wire.sha256.ok_or(ManifestError::Field("sha256"))?,
        mode,
        policy: wire.policy,
        content: wire.content.map(Content::from),
        pack: wire.pack,
    }))
}

pub(super) fn write(manifest: &Manifest) -> Result<Vec<u8>, ManifestError> {
    let m = manifest.clone();
    let wire = WireManifest {
        format: if m.packs.is_empty() { WHOLE } else { PACKED },
        app: m.app,
        channel: m.channel,
        platform: m.platform,
        number: m.number,
        version: m.version,
        published: m.published,
        urgency: m.urgency,
        minimum: m.minimum,
        start: m.start.map(|start| WireStart { path: start.path, args: start.args }),
        entries: m.entries,
        health: Some(WireHealth { confirm: m.health.confirm, seconds: m.health.seconds }),
        files: m.files.into_iter().map(write_entry).collect(),
        folders: m.folders,
        packs: m.packs.into_iter().map(write_pack).collect(),
        deltas: m.deltas.into_iter().map(write_delta).collect(),
        downloads: m.downloads,
        notes: m.notes,
        versions: m.versions,
    };
    Ok(serde_json::to_vec(&wire)?)
}

fn write_pack(pack: Pack) -> WirePack {
    WirePack { object: pack.object, size: pack.size, index: pack.index.into() }
}

fn write_delta(delta: Delta) -> WireDelta {
    WireDelta { from: delta.from, content: delta.content.into() }
}

fn write_entry(entry: Entry) -> WireEntry {
    match entry {
        Entry::Link(link) => WireEntry {
            path: link.path,
            link: Some(link.target),
            size: None,
            sha256: None,
            mode: None,
            policy: Policy::Replace,
            content: None,
            pack: None,
        },
        Entry::File(file) => WireEntry {
            path: file.path,
            link: None,
            size: Some(file.size),
            sha256: Some(file.sha256),
            mode: (file.mode != PLAIN_MODE).then(|| format!("{:o}", file.mode)),
            policy: file.policy,
            content: file.content.map(WireContent::from),
            pack: file.pack,
        },
    }
}
