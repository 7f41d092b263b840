//! Packs: files cut into chunks, chunks grouped in blocks, and the index that says where each one lies.
//!
//! The publisher writes a pack and its index, the client reads the index and fetches blocks. See docs/packs.md.

mod block;
mod chunk;
mod index;

pub use block::{BlockError, MAX_BLOCK, MAX_FRAME, open_block, seal_block};
pub use chunk::{ChunkId, Cutter, Grain, MAX_CHUNK};
pub use index::{Block, Chunk, Index, IndexError, MAX_INDEX, Recipe};
