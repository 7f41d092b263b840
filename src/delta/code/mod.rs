//! Code that moved: finds the references of executables and libraries, and tells what each becomes when the bytes
//! it points to lie elsewhere. Encoder and decoder share all of it.

mod apart;
mod arm;
mod elf;
mod extra;
mod find;
mod frames;
mod image;
mod keep;
mod kind;
mod macho;
mod map;
mod pe;
mod places;
mod predict;
mod refs;
mod seal;
mod starts;
mod step;
mod sweep;
mod sweep_arm;
mod tables;
mod unwind;
mod x86;

#[cfg(feature = "vendor")]
pub(super) use apart::Apart;
pub(super) use apart::{Part, Parts, View, together};
pub(super) use extra::{PIECE, turn, turn_whole};
#[cfg(feature = "vendor")]
pub(super) use frames::{nearer, offset, put_offset};
pub(super) use image::{Image, Layout, Machine};
#[cfg(feature = "vendor")]
pub(super) use kind::Kind;
pub(super) use map::{Map, Span};
pub(super) use predict::{Answer, Corrects, Grounds, Mark, Mender, Mends, Predictor, Resolver, Seen};
pub(super) use refs::Refs;
#[cfg(feature = "vendor")]
pub(super) use refs::{Following, Functions};
pub(super) use seal::Sealing;
#[cfg(feature = "vendor")]
pub(super) use seal::{Seal, unseal};
pub(super) use step::Step;
