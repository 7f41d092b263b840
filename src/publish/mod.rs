//! From a folder to a signed release that any static server can hand out.
//!
//! Content goes first, signed metadata after it, `timestamp.json` last of all: whoever reads at any moment, and
//! whatever a killed publisher leaves behind, sees the old release or the new one, whole.

mod barrier;
mod bundle;
mod changes;
#[cfg(feature = "vendor")]
mod deltas;
mod draft;
mod error;
mod exclude;
mod init;
mod mirrors;
mod notes;
mod object;
mod order;
mod packs;
mod patches;
mod place;
mod pool;
mod repository;
mod run;
mod signing;
pub mod steer;
mod verify;
mod verify_packs;
mod walk;
mod whole;

pub use bundle::{BundleProgress, Export, Exported, Import, Imported, Listed, Looked, export, import, look};
pub use changes::{Changes, Forecast};
pub use error::PublishError;
pub use init::{Init, Initialised, default_keys, init};
pub use mirrors::{MirrorChange, change_mirrors, mirrors};
pub use order::{Barrier, DELTAS, DeltaWish, Order, Report, Stage};
pub use place::{InvalidStore, Place, StoreKind, StoreUrl};
pub use run::{Progress, publish};
pub use signing::{Signing, renew};
pub use verify::{Flaw, Verified, is_soon, verify};

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
