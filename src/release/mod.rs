//! What a release is: its names, numbers, digests, paths and manifest. Values only, no I/O.

mod bundle;
mod codec;
mod digest;
mod ids;
mod manifest;
mod path;
mod rollout;
mod stamp;
mod summary;
mod wire;

pub use bundle::{
    BUNDLE_HEAD, BundleEntry, BundleError, BundleHead, BundleIndex, BundlePart, MAX_BUNDLE_INDEX,
};
pub use codec::Codec;
pub use digest::{Digest, Hasher, InvalidDigest};
pub use ids::{App, Channel, InvalidName, Platform, ReleaseNumber, Urgency, Version, is_package_name};
pub use manifest::{
    Content, Delta, Entry, FileEntry, Health, LinkEntry, MAX_FILES, MAX_MANIFEST_BYTES, Manifest,
    ManifestError, NoteVersions, Notes, PIECE, Pack, Policy, Start,
};
pub use path::{InvalidPath, RelPath};
pub use rollout::{Curve, Rollout};
pub use stamp::{InvalidStamp, Stamp};
pub use summary::{ManifestPatch, Summary, parse_target_path, target_path};
