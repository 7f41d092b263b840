//! From a folder to a signed release that any static server can hand out.
//!
//! Content goes first, signed metadata after it, `timestamp.json` last of all: whoever reads at any moment, and
//! whatever a killed publisher leaves behind, sees the old release or the new one, whole.

mod barrier;
mod bring;
mod bundle;
mod changes;
#[cfg(feature = "vendor")]
mod deltas;
mod draft;
mod error;
mod exclude;
#[cfg(feature = "vendor")]
mod freshen;
mod init;
mod inspect;
mod keyring;
#[cfg(feature = "vendor")]
mod legacy;
#[cfg(feature = "vendor")]
mod look;
mod mirrors;
#[cfg(feature = "vendor")]
mod next_version;
mod notes;
#[cfg(feature = "vendor")]
mod notices;
mod object;
mod order;
#[cfg(feature = "vendor")]
mod overview;
mod packs;
mod patches;
mod place;
mod pool;
mod prune;
mod repository;
mod run;
mod scratch;
mod signing;
pub mod steer;
mod store;
mod verify;
mod verify_packs;
mod walk;
#[cfg(feature = "vendor")]
mod watch;
mod whole;

pub use bundle::{BundleProgress, Export, Exported, Import, Imported, Listed, Looked, export, import, look};
pub use changes::{Changes, Forecast};
pub use error::PublishError;
#[cfg(feature = "vendor")]
pub use freshen::{Fresh, freshen};
#[cfg(feature = "vendor")]
pub use init::keys_beside;
pub use init::{Init, Initialised, default_keys, has_keys, init, init_with};
pub use inspect::{Inspected, InstallView, KeyView, ManifestView, MetadataView, RepositoryView, inspect};
pub use keyring::{KeyChange, KeyChanged, KeyList, KeyOrder, KeyStanding, change_keys, keys};
#[cfg(feature = "vendor")]
pub use legacy::{Legacy, LegacyError, Taken, take_over};
#[cfg(feature = "vendor")]
pub use look::{Published, app_of, published};
pub use mirrors::{MirrorChange, change_mirrors, mirrors};
#[cfg(feature = "vendor")]
pub use next_version::VersionRule;
pub use order::{Barrier, DELTAS, DeltaWish, Order, Report, Stage};
#[cfg(feature = "vendor")]
pub use overview::{Overview, forecast, full_download, manifest, overview};
pub use place::{InvalidStore, Place, StoreKind, StoreUrl};
pub use prune::{Prune, Pruned, prune};
pub use run::{Progress, publish};
pub use signing::{Signing, renew};
pub use store::StoreError;
pub use verify::{Flaw, Verified, is_soon, verify};
#[cfg(feature = "vendor")]
pub use watch::{Bell, Notice, Stopper, Watch, next_version, watch};

#[cfg(feature = "vendor")]
pub(crate) use look::tree;
#[cfg(feature = "components")]
pub(crate) use notices::{Calm, listen};
#[cfg(feature = "vendor")]
pub(crate) use walk::Tree;

/// How hard content is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effort {
    /// As small as it gets.
    #[default]
    Small,
    /// Quickly, for tries and tests.
    Fast,
}

impl Effort {
    fn level(self) -> i32 {
        match self {
            Self::Small => 19,
            Self::Fast => 3,
        }
    }
}
