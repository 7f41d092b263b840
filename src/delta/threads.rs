//! Work that is shared by threads, and done all the same where there are no more of them.

use std::thread::Builder;

/// Does two things at once, one of them in a thread of this name. If there is none to be had, that comes after the other.
pub(super) fn both<T: Send, U>(name: &str, aside: impl Fn() -> T + Sync, here: impl FnOnce() -> U) -> (T, U) {
    let (there, here) = std::thread::scope(|scope| {
        let there = Builder::new().name(name.to_owned()).spawn_scoped(scope, &aside).ok();
        let here = here();
        (there.and_then(|there| there.join().ok()), here)
    });
    (there.unwrap_or_else(aside), here)
}
