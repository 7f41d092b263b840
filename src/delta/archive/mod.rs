//! Archives from the inside: each deflated stream in a file is replaced by what it unpacks to, and packed again when
//! the new file is written.
//!
//! Only streams that zlib remakes to the byte are told as such; all else is as other bytes.

mod directory;
mod expand;
mod find;
mod layout;
mod repack;
#[cfg(all(test, feature = "vendor"))]
mod tests;

use super::apply::{ApplyError, NewFiles};
use super::head::Unit;
use super::making::Making;

pub(super) use expand::{Expanded, expand};
#[cfg(feature = "vendor")]
pub(super) use {
    expand::{expand_found, inflate},
    find::{Found, Stream, find},
    layout::{Layout, Packed},
    repack::Packer,
};

/// Most streams of an archive that are unpacked.
pub(super) const MAX_ENTRIES: usize = 65_535;
/// Most bytes of an archive, unpacked.
pub(super) const MAX_EXPANDED: u64 = 256 << 20;

/// A stream of an archive that is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    /// Bytes between the stream before and this one.
    pub(super) gap: u64,
    /// Bytes it unpacks to.
    pub(super) raw: u64,
}

/// Makes the new file of a unit whose files are archives.
pub(super) fn make(
    making: &mut Making<'_, '_>,
    unit: &Unit,
    old: &Expanded,
    new: &mut dyn NewFiles,
) -> Result<(), ApplyError> {
    let layout = layout::Layout::read(making.layouts(), &old.entries)?;
    let news = unit.news.iter().map(|&(index, _)| (index, layout.expanded()));
    let inner = Unit { code: false, archive: false, bases: unit.bases.clone(), news: news.collect() };
    let mut repack = repack::Repack::new(&layout, unit.new_bytes(), new);
    let made = making.unit((&inner, &old.bytes), None, &mut repack);
    if repack.is_wrong() {
        return Err(ApplyError::Damaged("its archive would get another size"));
    }
    made
}
