//! What is to be done: pure functions from what is installed and what was signed to the actions of an update.

mod action;
mod assembly;
mod decide;
mod offer;
mod policy;

pub use action::{Action, Brought, Found, Inventory, Item, Laid, Plan, PlanError, Receipt, Way};
pub use assembly::{
    Assembly, AssemblyError, Build, ChunkStore, Indexes, PackPart, Part, Place, Wanted, assemble,
};
pub use decide::{Mode, make};
pub use offer::{Choice, Seen, choose};
pub use policy::{Conflict, paths_beside};
