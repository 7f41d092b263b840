//! Code that moved: finds the references of executables and libraries, and tells what each becomes when the bytes
//! it points to lie elsewhere. Encoder and decoder share all of it.

mod arm;
mod elf;
mod extra;
mod find;
mod frames;
mod image;
mod kind;
mod macho;
mod map;
mod pe;
mod predict;
mod refs;
mod seal;
mod step;
mod tables;
mod unwind;
mod x86;

pub(super) use extra::{PIECE, turn, turn_whole};
#[cfg(feature = "vendor")]
pub(super) use frames::{nearer, offset, put_offset};
pub(super) use image::{Image, Layout, Machine};
#[cfg(feature = "vendor")]
pub(super) use kind::Kind;
pub(super) use map::{Map, Span};
pub(super) use predict::{Answer, Grounds, Predictor, Seen, Teller};
#[cfg(feature = "vendor")]
pub(super) use refs::Functions;
pub(super) use refs::Refs;
pub(super) use seal::Sealing;
#[cfg(feature = "vendor")]
pub(super) use seal::{Seal, unseal};
pub(super) use step::Step;
