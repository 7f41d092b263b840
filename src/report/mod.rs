//! What an update says while it works, and what is said to it: events out, [`Control`] in.
//!
//! Events are the engine's only way out. Essential steps and droppable progress are two types; a [`Board`]
//! folds both into a snapshot that any screen can paint; a [`Reporter`] can neither fail nor delay an update.

mod amount;
mod board;
mod code;
mod control;
mod event;
mod fanout;
mod holder;
mod json;
mod remedy;
mod seed;
mod text;

pub use amount::{bytes, bytes_at_least};
pub use board::{Board, Phase};
pub use code::{ErrorCode, Failure, Fault};
pub use control::{Answer, Control};
pub use event::{Event, Installed, Offer, Progress, ProgressPhase, ReleaseRef, Step, Totals};
pub use fanout::{Fanout, Reporter, Silent};
pub use holder::{Holder, Using, name_all};
pub use json::{JsonLines, parse_line};
pub use remedy::{Obstacle, Remedy};
pub use seed::{ProgressSink, SeedAdapter};
pub use text::Text;
