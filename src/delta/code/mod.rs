//! Code that moved: finds the references of executables and libraries, and tells what each becomes when the bytes
//! it points to lie elsewhere. Encoder and decoder share all of it.

mod elf;
mod extra;
mod image;
mod map;
mod pe;
mod predict;
mod refs;
mod step;
mod x86;

pub(super) use extra::{PIECE, turn};
pub(super) use image::{Image, Layout};
pub(super) use map::{Map, Span};
pub(super) use predict::{Answer, Predictor, Seen, Teller};
#[cfg(feature = "vendor")]
pub(super) use refs::Kind;
pub(super) use refs::Refs;
pub(super) use step::Step;
