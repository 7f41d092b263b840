//! From the bytes of an object to the bytes of a file, in bounded memory and never longer than announced.

mod unpack;

pub use unpack::{MAX_WINDOW_LOG, UnpackError, Unpacked, pack, unpack};
