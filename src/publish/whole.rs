//! Content as one object for each file, which every updater can read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::release::{Content, Digest, Entry, Manifest, RelPath};

use super::object::Packer;
use super::packs::Known;
use super::run::Progress;
use super::walk::{Tree, TreeFile};
use super::{PublishError, Stage, pool};

/// Puts the content of every file where a client will find it, and into the manifest where that is.
pub(super) fn pack(
    manifest: &mut Manifest,
    tree: &Tree,
    known: &Known,
    packer: &Packer,
    threads: usize,
    progress: Progress<'_>,
) -> Result<(), PublishError> {
    let by_path: HashMap<&RelPath, &TreeFile> = tree.files.iter().map(|file| (&file.path, file)).collect();
    let mut wanted: HashMap<Digest, &TreeFile> = HashMap::new();
    for file in manifest.regular().filter(|file| file.size > 0 && known.whole(&file.sha256).is_none()) {
        wanted.extend(by_path.get(&file.path).map(|source| (file.sha256, *source)));
    }
    let mut jobs: Vec<(Digest, &TreeFile)> = wanted.into_iter().collect();
    // The largest first, so that no thread is left alone with one at the end.
    jobs.sort_by_key(|(digest, file)| (std::cmp::Reverse(file.mark.size), *digest));
    let total = jobs.iter().map(|(_, file)| file.mark.size).sum();
    let done = AtomicU64::new(0);
    progress(Stage::Pack, 0, total);
    let made = pool::map(&jobs, threads, &|(digest, file): &(Digest, &TreeFile)| {
        let content = packer.pack(file, *digest)?;
        let now = done.fetch_add(file.mark.size, Ordering::Relaxed) + file.mark.size;
        progress(Stage::Pack, now, total);
        Ok::<_, PublishError>((*digest, content))
    })?;
    let made: HashMap<Digest, Content> = made.into_iter().collect();
    for entry in &mut manifest.files {
        if let Entry::File(file) = entry
            && file.size > 0
        {
            file.content = made.get(&file.sha256).or_else(|| known.whole(&file.sha256)).cloned();
        }
    }
    Ok(())
}
