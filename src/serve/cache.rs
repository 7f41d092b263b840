//! Small files kept in memory, and the blocks that large ones are read into.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::body::Bytes;

use crate::platform::ChangeMark;
use crate::platform::file::change_mark;

use super::site::Place;

/// Bytes of small files kept at most.
const MOST: usize = 64 * 1024 * 1024;
/// What a kept file costs beside its bytes, roughly.
const COST: usize = 512;
/// Free blocks kept at most.
const FREE: usize = 64;

/// Small files as they were read last. One is given out only while its file still has the same mark.
#[derive(Debug, Default)]
pub(super) struct Cache {
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<String, Arc<Small>>,
    bytes: usize,
}

/// A small file.
#[derive(Debug)]
pub(super) struct Small {
    /// Whether a link leads to it: that may lead elsewhere the next time, so the file is not kept.
    pub(super) is_linked: bool,
    pub(super) place: Place,
    pub(super) real: PathBuf,
    pub(super) mark: ChangeMark,
    pub(super) bytes: Bytes,
    pub(super) tag: String,
}

impl Cache {
    /// The file that the path of a request led to before, if it is still the same.
    pub(super) fn get(&self, raw: &str) -> Option<Arc<Small>> {
        let small = {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(kept.files.get(raw)?)
        };
        // One look at the file itself: another file, or a link in its place or above it, has another mark.
        let now = crate::fsx::stat(&small.real).ok()?;
        (now.is_file() && change_mark(&now) == small.mark).then_some(small)
    }

    pub(super) fn put(&self, raw: &str, small: Arc<Small>) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let size = small.bytes.len() + raw.len() + COST;
        if kept.bytes + size > MOST {
            // What is asked for often comes back at once.
            *kept = Kept::default();
        }
        let before = kept.files.insert(raw.to_owned(), small);
        kept.bytes += size;
        if let Some(before) = before {
            kept.bytes = kept.bytes.saturating_sub(before.bytes.len() + raw.len() + COST);
        }
    }

    /// Forgets everything: paths may lead elsewhere now.
    pub(super) fn clear(&self) {
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }
}

/// Blocks that were used and can be used again, so that the system need not find new memory for each.
#[derive(Debug, Default)]
pub(super) struct Blocks(Mutex<Vec<Box<[u8]>>>);

/// A block with something in it; it comes back to the others when nobody needs it any more.
pub(super) struct Block {
    bytes: Option<Box<[u8]>>,
    filled: usize,
    home: Arc<Blocks>,
}

impl Blocks {
    /// A block of `size` bytes with whatever was in it.
    pub(super) fn take(self: &Arc<Self>, size: usize) -> Block {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = free.filter(|bytes| bytes.len() == size).unwrap_or_else(|| vec![0; size].into());
        Block { bytes: Some(bytes), filled: 0, home: Arc::clone(self) }
    }
}

impl Block {
    /// Fills the block from `source`, up to `most` bytes, as far as there is something to read.
    pub(super) fn fill(&mut self, source: &mut impl std::io::Read, most: usize) -> std::io::Result<usize> {
        let Some(bytes) = &mut self.bytes else { return Ok(0) };
        let room = most.min(bytes.len());
        while self.filled < room {
            match source.read(&mut bytes[self.filled..room]) {
                Ok(0) => break,
                Ok(more) => self.filled += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.filled)
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_deref().map_or(&[], |bytes| &bytes[..self.filled])
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut free = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < FREE {
            free.extend(self.bytes.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_used_again_and_never_shows_what_was_in_it_before() {
        let home = Arc::new(Blocks::default());
        let mut first = home.take(8);
        first.fill(&mut &b"12345678"[..], 8).unwrap();
        drop(first);
        let mut second = home.take(8);
        assert!(second.as_ref().is_empty());
        assert_eq!(second.fill(&mut &b"abc"[..], 2).unwrap(), 2);
        assert_eq!(second.as_ref(), b"ab");
        assert!(home.0.lock().unwrap().is_empty());
    }
}
