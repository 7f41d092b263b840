//! What a release takes along to another channel: the deltas from releases that both channels have.

use crate::release::{Delta, FileEntry, Manifest};
use crate::trust::ReleaseTarget;

use super::PublishError;
use super::packs::{Known, Outlook};
use super::repository::Repository;
use super::run::FORETOLD;

/// Lists in `there`, the same release on another channel, the deltas of `here` under the numbers of that channel, and
/// what installs of its newest releases fetch from packs. `from` is the releases of the one channel, `to` of the
/// other; nothing is made anew.
///
/// # Errors
/// If a manifest or an index can't be read.
pub(super) fn bring(
    (repository, known): (&Repository, &mut Known),
    (here, from): (&Manifest, &[&ReleaseTarget]),
    (there, to): (&mut Manifest, &[&ReleaseTarget]),
) -> Result<(), PublishError> {
    there.deltas.clear();
    there.downloads.clear();
    let mut bases = Vec::new();
    for delta in &here.deltas {
        if let Some(release) = from.iter().find(|release| release.summary.number == delta.from) {
            bases.push((delta, repository.manifest(release)?));
        }
    }
    let mut newest: Vec<&&ReleaseTarget> = to.iter().collect();
    newest.sort_by_key(|release| std::cmp::Reverse(release.summary.number));
    let mut outlook = Outlook::new(repository, known);
    for (at, release) in newest.into_iter().enumerate() {
        let is_foretold = at < FORETOLD && !there.packs.is_empty();
        // A release of an older version may still be the base of a pinned delta.
        let is_told = bases.iter().any(|(_, base)| base.version == release.summary.version);
        if !is_foretold && !is_told {
            continue;
        }
        let old = repository.manifest(release)?;
        if is_foretold {
            let bytes = outlook.of(&old, there)?.by_packs;
            there.downloads.insert(old.number, bytes);
        }
        if let Some((delta, _)) = bases.iter().find(|(_, base)| has_the_files_of(base, &old)) {
            there.deltas.push(Delta { from: old.number, content: delta.content.clone() });
        }
    }
    Ok(())
}

/// Whether a delta from one of them is one from the other: it counts on paths, sizes and contents in their order.
fn has_the_files_of(one: &Manifest, other: &Manifest) -> bool {
    let told = |file: &FileEntry| (file.path.clone(), file.size, file.sha256);
    one.regular().map(told).eq(other.regular().map(told))
}
