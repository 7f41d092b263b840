//! Work that is shared by threads, and done all the same where there are no more of them.

use std::sync::Mutex;
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

/// Does all of these, in this thread and one of this name if it is told: whoever is ready takes the next one. What `work`
/// keeps from one to the next each thread has for itself.
pub(super) fn share<T, S: Default>(
    name: Option<&str>,
    all: impl Iterator<Item = T> + Send,
    work: impl Fn(T, &mut S) + Sync,
) {
    let left = Mutex::new(all);
    let some = || {
        let (mut kept, next) = (S::default(), || left.lock().ok()?.next());
        while let Some(one) = next() {
            work(one, &mut kept);
        }
    };
    match name {
        Some(name) => drop(both(name, some, some)),
        None => some(),
    }
}
