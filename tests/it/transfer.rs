//! Content over a bad network: nothing fetched twice, nothing wrong taken, nobody gives up.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests look at files as they are")]

mod faults;
mod leftovers;
mod mirrors;
mod person;
mod random;
mod shop;
mod small;
