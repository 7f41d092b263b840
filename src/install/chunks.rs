//! The installed files as a store of chunks: what an update from packs need not fetch.

use std::path::PathBuf;

use crate::delta::pack::{ChunkId, Cutter};
use crate::fsx;
use crate::plan::{ChunkStore, Place};
use crate::release::RelPath;

use super::{Install, Watch};

/// The chunks of installed files. Places name files by their number in `files`.
#[derive(Debug, Default)]
pub struct Chunked {
    /// Where each chunk lies.
    pub store: ChunkStore,
    /// The files.
    pub files: Vec<PathBuf>,
}

impl Install {
    /// Cuts installed files, each given with its size, and adds their chunks. A file that can't be read has none:
    /// what it would have given is fetched. `watch` is told bytes cut of bytes in all; `stop` ends it early.
    pub fn chunks(
        &self,
        paths: &[(&RelPath, u64)],
        into: &mut Chunked,
        watch: Watch<'_>,
        stop: &dyn Fn() -> bool,
    ) {
        let total = paths.iter().map(|(_, size)| size).sum();
        let mut done = 0;
        for (path, size) in paths {
            if stop() {
                return;
            }
            watch(done, total, path);
            let place = path.under(self.root());
            let number = into.files.len() as u32;
            if let Ok(file) = fsx::open(&place) {
                let (mut cutter, mut offset) = (Cutter::new(file, *size), 0);
                while let Ok(Some(bytes)) = cutter.next_chunk() {
                    into.store.entry(ChunkId::of(bytes)).or_insert(Place { file: number, offset });
                    offset += bytes.len() as u64;
                    if stop() {
                        return;
                    }
                }
                into.files.push(place);
            }
            done += size;
        }
    }
}
