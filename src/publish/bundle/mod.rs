//! A repository, or part of one, in one file: made of a repository, looked at, and merged into another one.

mod export;
mod import;
mod look;
mod scratch;
mod shelf;

pub use export::{Export, Exported, export};
pub use import::{Import, Imported, import};
pub use look::{Listed, Looked, look};

use crate::release::{Content, Digest, Manifest};

use super::object::PIECE;

/// Told while a bundle is written or read: bytes done, bytes in all.
pub type BundleProgress<'a> = &'a dyn Fn(u64, u64);

/// Where an object lies in a repository.
fn object_name(digest: &Digest) -> String {
    let name = digest.hex();
    format!("objects/{}/{name}", &name[..2])
}

/// The objects of a content with their sizes: the content itself, then its piece list.
fn objects_of(content: &Content) -> impl Iterator<Item = (Digest, u64)> {
    let list = content.pieces.map(|list| (list, content.size.div_ceil(PIECE).saturating_mul(32)));
    std::iter::once((content.object, content.size)).chain(list)
}

/// Every content a release needs.
fn contents(manifest: &Manifest) -> impl Iterator<Item = (&Digest, &Content)> {
    manifest.regular().filter_map(|file| Some((&file.sha256, file.content.as_ref()?)))
}
