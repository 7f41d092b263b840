//! What lies in a bundle, and whether all of it is as it was signed.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;

use crate::fsx::Context as _;
use crate::release::{
    App, Channel, Digest, Hasher, MAX_MANIFEST_BYTES, Platform, ReleaseNumber, Stamp, Version,
};
use crate::report::{ErrorCode, Fault as _};
use crate::source::BundleFile;

use super::super::repository::manifest_of;
use super::super::repository::object_name;
use super::super::{Flaw, PublishError};
use super::BundleProgress;
use super::scratch;

/// Bytes read at once.
const BLOCK: usize = 256 * 1024;

/// What lies in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Looked {
    /// The program; nothing if no release is in it.
    pub app: Option<App>,
    /// The names of the keys that may change all others. The bundle itself says so: compare them.
    pub root_keys: Vec<String>,
    /// Until when updaters and `import` take it.
    pub expires: Stamp,
    /// Whether that time is over.
    pub expired: bool,
    /// Files in it.
    pub entries: u64,
    /// Its bytes.
    pub bytes: u64,
    /// The releases in it.
    pub releases: Vec<Listed>,
    /// What is not as it was signed; looked for only if everything is read.
    pub flaws: Vec<Flaw>,
}

/// A release in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The channel.
    pub channel: Channel,
    /// What it runs on.
    pub platform: Platform,
    /// Its number.
    pub number: ReleaseNumber,
    /// Its version.
    pub version: Version,
    /// Objects it needs that are not in the bundle: who updates from it must have them.
    pub left_out: u64,
}

/// Lists a bundle. With `everything` each byte is read and checked too.
///
/// # Errors
/// If it is no bundle, or its metadata is not signed by the keys it names.
pub fn look(
    file: &Path,
    now: Stamp,
    everything: bool,
    progress: BundleProgress<'_>,
) -> Result<Looked, PublishError> {
    let bundle = BundleFile::open(file)?;
    let state = scratch::state(&bundle, &scratch::root(&bundle, None)?)?;
    let mut flaws = Vec::new();
    if everything {
        check_bytes(&bundle, progress, &mut flaws)?;
        // Every install follows the roots from its own on: they have to lead to the newest.
        let first = scratch::root(&bundle, Some(1))?;
        scratch::follow(&bundle, &first, crate::trust::Versions::default(), Stamp::from_unix(0))?;
    }
    let (mut app, mut releases) = (None, Vec::new());
    for release in state.releases() {
        let Some(bytes) = bundle.read(&release.fetch_path, MAX_MANIFEST_BYTES)? else { continue };
        let manifest = match manifest_of(release, Some(bytes)) {
            Ok((manifest, _)) => manifest,
            Err(error) => {
                let flaw =
                    Flaw { file: release.fetch_path.clone(), what: error.to_string(), code: error.code() };
                flaws.push(flaw);
                continue;
            }
        };
        let needed: BTreeSet<(Digest, u64)> = manifest.objects().collect();
        let is_there = |(digest, size): &&(Digest, u64)| {
            bundle.index().find(&object_name(digest)).is_some_and(|part| part.length == *size)
        };
        releases.push(Listed {
            channel: release.channel.clone(),
            platform: release.platform.clone(),
            number: release.summary.number,
            version: release.summary.version.clone(),
            left_out: (needed.len() - needed.iter().filter(is_there).count()) as u64,
        });
        app = Some(manifest.app);
    }
    let expires = state.expiries().first();
    Ok(Looked {
        app,
        root_keys: state.root_keys(),
        expires,
        expired: expires <= now,
        entries: bundle.index().entries().len() as u64,
        bytes: bundle.index().whole(),
        releases,
        flaws,
    })
}

/// Reads every byte: each entry must have the digest in the index, and an object that of its name.
fn check_bytes(
    bundle: &BundleFile,
    progress: BundleProgress<'_>,
    flaws: &mut Vec<Flaw>,
) -> Result<(), PublishError> {
    let mut block = vec![0; BLOCK];
    let mut done = 0;
    for entry in bundle.index().entries() {
        let path = entry.path.as_str();
        let Some(part) = bundle.index().find(path) else { continue };
        let (mut reader, mut hasher) = (bundle.reader(&part)?, Hasher::new());
        loop {
            let count = reader.read(&mut block).at("read", bundle.path())?;
            if count == 0 {
                break;
            }
            hasher.update(&block[..count]);
            done += count as u64;
            progress(done, bundle.index().whole());
        }
        let digest = hasher.finish();
        let named = path.starts_with("objects/").then(|| entry.path.name().parse::<Digest>().ok());
        if digest != entry.sha256 || named.is_some_and(|named| named != Some(digest)) {
            let what = "its bytes are not those that were put into the bundle".to_owned();
            flaws.push(Flaw { file: path.to_owned(), what, code: ErrorCode::Corrupt });
        }
    }
    Ok(())
}
