//! From the bytes of an object to the bytes of files, in bounded memory and never longer than announced: one
//! file as it is or compressed ([`unpack`]), or one release from another ([`apply`]).
//!
//! `docs/delta.md` has the format and says why it is as it is. The encoder (`make`) comes with the feature
//! `vendor`.

mod apply;
mod archive;
mod beside;
mod code;
mod head;
mod known;
mod laid;
mod lzma;
#[cfg(feature = "vendor")]
mod make;
mod making;
mod mixed;
mod ops;
pub mod pack;
mod patch;
mod streams;
mod threads;
mod unpack;
mod wire;

pub use apply::{ApplyError, NewFiles, OldBytes, OldFiles, apply};
pub use head::{Action, Delta, DeltaError, FileList, Group, Unit};
#[cfg(feature = "vendor")]
pub use make::{Effort, FileBytes, Made, MakeError, MakeOptions, MakeProgress, NewFile, OldFile, make};
pub use patch::{apply_patch, make_patch};
pub use unpack::{MAX_WINDOW_LOG, UnpackError, Unpacked, pack, unpack};
