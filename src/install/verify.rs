//! Whether an install is as its release laid it down: every file is read, nothing is written.

use serde::Serialize;

use crate::fsx::Absent as _;
use crate::plan::{Laid, Receipt};
use crate::platform::file::HAS_MODES;
use crate::release::RelPath;

use super::look::{self, Ground, Thing};
use super::{Install, ScanError, Watch};

/// What is not as it was laid down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// It is not there.
    Missing,
    /// It has other content, or says something else as a link.
    Changed,
    /// Its content is right, its permission bits are not.
    Mode,
    /// Something else stands in its place: a folder, a link, a device.
    Kind,
}

/// A path that is not as it was laid down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The path.
    pub path: RelPath,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What a look at every file came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Files and links of the release.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What is not as it was laid down, sorted by path.
    pub findings: Vec<Finding>,
    /// Files the user may change, and did. That is no flaw.
    pub yours: Vec<RelPath>,
    /// What lies beside files of the release and is not of it. That is no flaw: an update leaves it alone.
    pub extra: Vec<String>,
}

impl Install {
    /// Compares every file with what `receipt` says was laid down. `watch` is told bytes read of bytes in all.
    ///
    /// # Errors
    /// If a file is there but can't be read, or `stop` said so.
    pub fn verify(
        &self,
        receipt: &Receipt,
        watch: Watch<'_>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Verified, ScanError> {
        let size = |laid: &Laid| if let Laid::File { size, .. } = laid { *size } else { 0 };
        let total = receipt.files.values().map(size).sum();
        let mut verified = Verified { files: receipt.files.len() as u64, ..Verified::default() };
        let (mut ground, mut done) = (Ground::new(self.disk(), self.root()), 0_u64);
        for (path, laid) in &receipt.files {
            let mut go_on = |read: u64| {
                verified.bytes = verified.bytes.max(done + read);
                watch((done + read).min(total), total, path);
                !stop()
            };
            let there = if !go_on(0) {
                None
            } else if ground.holds(path)? {
                look::observe_while(self.disk(), &path.under(self.root()), &mut go_on)?
            } else {
                Some(Thing::Absent)
            };
            let there = there.ok_or(ScanError::Stopped)?;
            let found = flaw(laid, &there);
            if found.is_some() && receipt.policies.contains_key(path) {
                verified.yours.push(path.clone());
            } else {
                verified.findings.extend(found.map(|flaw| Finding { path: path.clone(), flaw }));
            }
            done += size(laid);
        }
        verified.extra = self.extra(receipt)?;
        Ok(verified)
    }

    /// What lies in the folders of the release and is not of it. Folders no release has are not looked into.
    fn extra(&self, receipt: &Receipt) -> Result<Vec<String>, ScanError> {
        let mut folders: std::collections::BTreeSet<RelPath> = receipt.folders.iter().cloned().collect();
        folders.extend(receipt.files.keys().flat_map(RelPath::ancestors));
        let mut extra = Vec::new();
        let ours = |folder: &&RelPath| !folder.is_within(self.updater_dir());
        for folder in std::iter::once(None).chain(folders.iter().filter(ours).map(Some)) {
            let place = folder.map_or_else(|| self.root().to_path_buf(), |folder| folder.under(self.root()));
            for name in self.disk().list(&place).if_present()?.unwrap_or_default() {
                let shown = name.to_string_lossy();
                let path = folder.map_or_else(|| shown.parse(), |folder| folder.join(&shown));
                let known = path.as_ref().is_ok_and(|path: &RelPath| {
                    let is_updater = self.updater_dir().is_within(path);
                    is_updater
                        || receipt.files.contains_key(path)
                        || receipt.beside.contains_key(path)
                        || folders.contains(path)
                });
                if !known {
                    extra
                        .push(folder.map_or_else(|| shown.to_string(), |folder| format!("{folder}/{shown}")));
                }
            }
        }
        extra.sort();
        Ok(extra)
    }
}

fn flaw(laid: &Laid, there: &Thing) -> Option<Flaw> {
    match (laid, there) {
        (_, Thing::Absent) => Some(Flaw::Missing),
        (Laid::File { sha256, .. }, Thing::File { sha256: found, .. }) if sha256 != found => {
            Some(Flaw::Changed)
        }
        (Laid::File { mode, .. }, Thing::File { mode: found, .. }) => {
            (HAS_MODES && mode != found).then_some(Flaw::Mode)
        }
        (Laid::Link(says), Thing::Link(found)) => (says != found).then_some(Flaw::Changed),
        _ => Some(Flaw::Kind),
    }
}
