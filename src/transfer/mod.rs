//! From a bad network to verified files on disk. Knows nothing of the install.
//!
//! Danger: every byte here comes from someone who may lie. Nothing is believed but digests: a byte on disk
//! counts only after its piece was hashed, also when we wrote it ourselves before the last crash. The signed
//! manifest says how long an object and a file may be; nothing is ever written beyond that. What a failed
//! request means is decided in one place, `judge`; how long to wait, and for whom, in `session`. The rules
//! are told in docs/transfer.md.

mod assemble;
mod behind;
mod depot;
mod error;
mod graft;
mod judge;
mod large;
mod limit;
mod meter;
mod object;
mod options;
mod parts;
mod permits;
mod request;
mod session;
mod shares;
mod small;
mod streams;
mod writer;

pub use assemble::{Assembled, Watch, assemble, assembled, read_index};
pub use depot::{Depot, Fetched};
pub use error::TransferError;
pub use graft::{Graft, GraftError};
pub use options::{Options, Patience, Request};
pub use session::{fetch_all, fetch_packs};
pub use small::{Reader, Said, fetch_small};
