//! What may be believed: a client of The Update Framework (TUF 1.0.34) that does no network I/O of its own, and
//! the signer of the other side.
//!
//! A [`TrustedRelease`] exists only if its manifest was signed through the whole chain of keys; nothing outside
//! this room can build one. `docs/trust.md` has the roles, limits and lifetimes.

mod canonical;
#[cfg(feature = "conformance")]
mod delegation;
mod error;
mod key;
mod limits;
mod metadata;
mod refresh;
mod repository;
pub mod sign;
#[cfg(feature = "conformance")]
mod spki;
mod store;
mod target;

use serde::{Deserialize, Serialize};

#[cfg(feature = "conformance")]
pub use delegation::{Found, Search};
pub use error::TrustError;
pub use key::PublicKey;
pub use limits::{MAX_ROOT, MAX_ROTATIONS, MAX_SNAPSHOT, MAX_TARGETS, MAX_TIMESTAMP};
pub use metadata::{MAX_MIRROR, MAX_MIRRORS};
pub use refresh::{Answer, Refresh, Want};
pub use repository::{TrustedRelease, TrustedRepository};
pub use store::Store;
pub use target::ReleaseTarget;

/// The highest versions seen. A second copy lies in the install's record, so that a damaged state folder does
/// not open the way for an old repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Of the list of keys.
    pub root: u64,
    /// Of the timestamp.
    pub timestamp: u64,
    /// Of the snapshot.
    pub snapshot: u64,
    /// Of the list of releases.
    pub targets: u64,
}
