//! From the bytes of an object to the bytes of a file, in bounded memory and never longer than announced.

pub mod pack;
mod patch;
mod unpack;

pub use patch::{apply_patch, make_patch};
pub use unpack::{MAX_WINDOW_LOG, UnpackError, Unpacked, pack, unpack};
