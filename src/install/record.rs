//! The record of an install, `installed.json`: what is installed and what the updater must not forget.
//!
//! It is replaced durably, and by a swap only after every file is in place. A damaged record is set aside
//! and told of; the install then counts as unknown and the next update looks at every file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::fsx::{self, Absent as _, FsError};
use crate::plan::Receipt;
use crate::platform::ChangeMark;
use crate::release::{Digest, Manifest, RelPath, ReleaseNumber, Stamp, Version};
use crate::report::{ErrorCode, Fault, ReleaseRef};
use crate::trust::Versions;

use super::{Guard, Install, barriers};

const FORMAT: u32 = 1;
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// A file's content as it was when its mark was taken; as long as the mark is the same it need not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marked {
    /// What changes when the file does.
    pub mark: ChangeMark,
    /// Its content.
    pub sha256: Digest,
}

/// The program to start after an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartAs {
    /// Where it lies in the install.
    pub path: RelPath,
    /// The arguments it is started with when the host gave none.
    #[serde(default)]
    pub args: Vec<String>,
}

/// How the new version shows that it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthWanted {
    /// The program says so itself; otherwise staying alive is enough.
    pub confirm: bool,
    /// Seconds it has for that.
    pub seconds: u32,
}

/// A release that stands but has not yet shown that it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// Since when it stands.
    pub since: Stamp,
    /// How often it was started since.
    pub starts: u32,
    /// What it has to show.
    pub health: HealthWanted,
}

/// The release that `rollback` would bring back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its number.
    pub number: ReleaseNumber,
    /// Its version.
    pub version: Option<Version>,
}

/// Everything an install knows about itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The format of this file.
    pub format: u32,
    /// The installed release and all it laid down.
    pub receipt: Receipt,
    /// Files a person or the system starts.
    pub entries: Vec<RelPath>,
    /// The program to start.
    pub start: Option<StartAs>,
    /// Content of files by their marks.
    pub marks: BTreeMap<RelPath, Marked>,
    /// Highest metadata versions seen.
    pub versions: Versions,
    /// A random name for this install; rollouts count by it.
    pub id: String,
    /// The version not to be offered again.
    pub skip: Option<Version>,
    /// Releases that did not live here.
    pub quarantine: Vec<(ReleaseNumber, Digest)>,
    /// What `rollback` would bring back.
    pub previous: Option<Previous>,
    /// Set from a swap until the new version has shown that it lives.
    pub unconfirmed: Option<Unconfirmed>,
    /// Fields of later versions, kept as they are.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// A record as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The record; empty if there is none or it is damaged.
    pub record: Record,
    /// Why the file could not be used, if there is one.
    pub damage: Option<String>,
}

/// Why a record can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A later updater wrote it.
    #[error("{} has format {format}, this updater knows format {FORMAT}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// It can't be put into words, or there is no randomness for a new name.
    #[error("can't make the record of the install: {0}")]
    Make(String),
}

impl Fault for RecordError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::Newer { .. } => ErrorCode::NewerFormat,
            Self::Make(_) => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Fs(error) => error.hint(),
            Self::Newer { .. } => Some("Update the updater first.".to_owned()),
            Self::Make(_) => None,
        }
    }
}

impl Record {
    /// The record of a copy that is laid down as `manifest`, whose digest is `digest`, by a setup program. It has no
    /// name of its own yet: each copy gets one with its first check.
    #[must_use]
    pub fn packed(manifest: &Manifest, digest: Digest) -> Self {
        let after = Self::default().after(manifest, Receipt::of(manifest, digest));
        Self { unconfirmed: None, ..after }
    }

    /// The installed release as events name it.
    #[must_use]
    pub fn release(&self) -> ReleaseRef {
        self.receipt.release()
    }

    /// The record after `manifest` was installed with `receipt`: what belongs to the install stays, what
    /// belongs to the release is new.
    #[must_use]
    pub fn after(&self, manifest: &Manifest, receipt: Receipt) -> Self {
        let health = HealthWanted { confirm: manifest.health.confirm, seconds: manifest.health.seconds };
        let start = manifest.start.as_ref();
        Self {
            format: FORMAT,
            receipt,
            entries: manifest.entries.clone(),
            start: start.map(|start| StartAs { path: start.path.clone(), args: start.args.clone() }),
            unconfirmed: Some(Unconfirmed { since: Stamp::now(), starts: 0, health }),
            ..self.clone()
        }
    }
}

impl Install {
    /// Reads the record, changing nothing. A damaged one comes back empty with the reason.
    ///
    /// # Errors
    /// If it can't be read, or a later updater wrote it.
    pub fn read_record(&self) -> Result<Loaded, RecordError> {
        let path = self.record_file();
        let Some(bytes) = self.disk().read(&path, MAX_BYTES).if_present()? else {
            return Ok(Loaded { record: Record::default(), damage: None });
        };
        // Looked at alone: a later format may not read as ours.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        if let Ok(Format { format }) = serde_json::from_slice(&bytes)
            && format > FORMAT
        {
            return Err(RecordError::Newer { path, format });
        }
        Ok(match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) => Loaded { record, damage: None },
            Err(why) => Loaded { record: Record::default(), damage: Some(why.to_string()) },
        })
    }
}

impl Guard {
    /// Reads the record; a damaged one is set aside as `installed.json.damaged` first.
    ///
    /// # Errors
    /// If it can't be read or set aside, or a later updater wrote it.
    pub fn record(&self) -> Result<Loaded, RecordError> {
        let loaded = self.install().read_record()?;
        if loaded.damage.is_some() {
            let path = self.install().record_file();
            self.install().disk().rename(&path, &fsx::sibling(&path, ".damaged"))?;
        }
        Ok(loaded)
    }

    /// Replaces the record durably. A record without a name gets one.
    ///
    /// # Errors
    /// If it can't be written; the old one is then still there.
    pub fn save(&self, record: &mut Record) -> Result<(), RecordError> {
        record.format = FORMAT;
        if record.id.is_empty() {
            record.id = random_name()?;
        }
        let bytes = serde_json::to_vec(record).map_err(|why| RecordError::Make(why.to_string()))?;
        let path = self.install().record_file();
        let (file, name) = (barriers::RECORD_FILE, barriers::RECORD_NAME);
        Ok(self.install().disk().write_durable(&path, &bytes, file, name)?)
    }
}

/// 128 random bits as hex.
///
/// # Errors
/// If the system gives no randomness.
pub fn random_name() -> Result<String, RecordError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|why| RecordError::Make(why.to_string()))?;
    Ok(u128::from_be_bytes(bytes)).map(|number| format!("{number:032x}"))
}
