//! What is there now: every path that a plan could be about, read or known by its mark.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use crate::fsx::{self, Absent as _, FsError};
use crate::plan::{Found, Inventory, paths_beside};
use crate::release::{Entry, Manifest, RelPath};
use crate::report::{ErrorCode, Fault};

use super::look::{self, Ground, Thing};
use super::{Install, Marked, Record, Watch};

/// A file this young may change again within the same tick of the clock, so its mark proves nothing yet.
const SETTLED: Duration = Duration::from_secs(2);

/// What a scan found.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// What lies where.
    pub inventory: Inventory,
    /// The content of files by their marks, for [`Record::marks`].
    pub marks: BTreeMap<RelPath, Marked>,
}

/// Why an install can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// A file can't be read.
    #[error("can't see what is installed: {0}")]
    Fs(#[from] FsError),
    /// Whoever wanted it does so no more.
    #[error("cancelled, nothing was changed")]
    Stopped,
}

impl Fault for ScanError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::Stopped => ErrorCode::Cancelled,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Fs(error) => error.hint(),
            Self::Stopped => None,
        }
    }
}

impl Install {
    /// Looks at every path of the record's receipt and of `manifest`. `watch` is told bytes read of bytes in
    /// all.
    ///
    /// # Errors
    /// If a file is there but can't be read.
    pub fn scan(&self, record: &Record, manifest: &Manifest, watch: Watch<'_>) -> Result<Scan, ScanError> {
        self.scan_until(record, manifest, watch, &|| false)
    }

    /// As [`scan`](Self::scan), but ends soon after `stop` says so, also within a large file.
    ///
    /// # Errors
    /// As `scan`; [`ScanError::Stopped`] if it was stopped.
    pub fn scan_until(
        &self,
        record: &Record,
        manifest: &Manifest,
        watch: Watch<'_>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Scan, ScanError> {
        let listed = manifest.files.iter().map(Entry::path);
        let beside = paths_beside(&record.receipt, manifest);
        let paths: BTreeSet<&RelPath> = record.receipt.files.keys().chain(listed).chain(&beside).collect();
        let mut ground = Ground::new(self.disk(), self.root());
        let mut sizes = Vec::with_capacity(paths.len());
        let mut total = 0;
        for path in paths {
            if !ground.holds(path)? {
                continue;
            }
            if let Some(metadata) = self.disk().stat(&path.under(self.root())).if_present()? {
                total += metadata.size();
                sizes.push((path, metadata.size()));
            }
        }
        let mut scan = Scan { inventory: Inventory::new(), marks: BTreeMap::new() };
        let mut done = 0;
        for (path, size) in sizes {
            let mut go_on = |read: u64| {
                watch((done + read).min(total), total, path);
                !stop()
            };
            if !go_on(0) {
                return Err(ScanError::Stopped);
            }
            self.look_at(path, record, &mut scan, &mut go_on)?;
            done += size;
        }
        Ok(scan)
    }

    fn look_at(
        &self,
        path: &RelPath,
        record: &Record,
        scan: &mut Scan,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), ScanError> {
        let place = path.under(self.root());
        let mark = look::mark(self.disk(), &place)?;
        let known = record.marks.get(path).filter(|known| Some(known.mark) == mark);
        let found = match (known, mark) {
            (Some(known), Some(mark)) => {
                let mode = self.disk().stat(&place)?.mode;
                Found::File { digest: known.sha256, size: mark.size, mode }
            }
            _ => match look::observe_while(self.disk(), &place, go_on)?.ok_or(ScanError::Stopped)? {
                Thing::Absent => return Ok(()),
                Thing::File { sha256, size, mode } => Found::File { digest: sha256, size, mode },
                Thing::Link(target) => Found::Link(target),
                Thing::Folder => Found::Folder,
                Thing::Other => Found::Other,
            },
        };
        // The mark was taken before reading: a file changed meanwhile has another one by now.
        if let (Found::File { digest, .. }, Some(mark)) = (&found, mark)
            && (known.is_some() || is_settled(&self.disk().stat(&place)?))
        {
            scan.marks.insert(path.clone(), Marked { mark, sha256: *digest });
        }
        scan.inventory.insert(path.clone(), found);
        Ok(())
    }
}

/// Whether the last write is long enough ago for the mark to be proof.
pub(super) fn is_settled(metadata: &fsx::Stat) -> bool {
    let age = metadata.modified.and_then(|written| SystemTime::now().duration_since(written).ok());
    age.is_some_and(|age| age > SETTLED)
}
