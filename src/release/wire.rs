//! Manifest format 1 as JSON: what stands in the file, before anything is believed of it.

use serde::{Deserialize, Serialize};

use super::manifest::{
    Content, Entry, FileEntry, Health, LinkEntry, Manifest, ManifestError, Notes, Policy, Start,
};
use super::{App, Channel, Codec, Digest, Platform, RelPath, ReleaseNumber, Stamp, Urgency, Version};

/// The format this program reads and writes.
const FORMAT: u64 = 1;

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
    #[serde(default, skip_serializing_if = "Notes::is_empty")]
    notes: Notes,
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
}

#[derive(Serialize, Deserialize)]
struct WireContent {
    object: Digest,
    size: u64,
    codec: Codec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pieces: Option<Digest>,
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
    if format != FORMAT {
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
        notes: wire.notes,
    })
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
        content: wire.content.map(|content| Content {
            object: content.object,
            size: content.size,
            codec: content.codec,
            pieces: content.pieces,
        }),
    }))
}

pub(super) fn write(manifest: &Manifest) -> Result<Vec<u8>, ManifestError> {
    let m = manifest.clone();
    let wire = WireManifest {
        format: FORMAT,
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
        notes: m.notes,
    };
    Ok(serde_json::to_vec(&wire)?)
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
        },
        Entry::File(file) => WireEntry {
            path: file.path,
            link: None,
            size: Some(file.size),
            sha256: Some(file.sha256),
            mode: (file.mode != PLAIN_MODE).then(|| format!("{:o}", file.mode)),
            policy: file.policy,
            content: file.content.map(|content| WireContent {
                object: content.object,
                size: content.size,
                codec: content.codec,
                pieces: content.pieces,
            }),
        },
    }
}
