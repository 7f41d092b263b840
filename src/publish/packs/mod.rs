//! The content of a release in packs: what is known stays where it is, what is new is cut, compared, grouped with
//! what is like it, and written as one more pack with its index.

mod known;
mod live;
mod make;
mod outlook;
mod read;

pub(super) use known::Known;
pub(super) use make::{Work, pack};
pub(super) use outlook::Outlook;
pub(super) use read::BlockReader;
