//! The C interface: five calls, and texts that the caller frees. `include/updraft.h` is made from this file.
//!
//! It is an example target, so that it is built with the library's own dependencies and slows no build of the library.
//! Every call is safe in any thread, never panics across the border, and never harms the program.
#![expect(unsafe_code, reason = "names and pointers of C")]

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{UnwindSafe, catch_unwind};

use updraft::api::{Asked, Updater};
use updraft::release::Urgency;
use updraft::report::{ErrorCode, Failure};

/// The version of this interface; it grows only when a call changes its meaning or goes.
pub const UPDRAFT_ABI_VERSION: u32 = 1;

/// Done, or nothing new.
pub const UPDRAFT_OK: i32 = 0;
/// There is a new version that a person may put off.
pub const UPDRAFT_AVAILABLE: i32 = 1;
/// There is a new version without which the program should not run.
pub const UPDRAFT_REQUIRED: i32 = 2;
/// It could not be done; updraft_error tells why. The program goes on as it is.
pub const UPDRAFT_FAILED: i32 = -1;

thread_local! {
    static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// The version of the interface this library has: to be compared with UPDRAFT_ABI_VERSION.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_abi_version() -> u32 {
    UPDRAFT_ABI_VERSION
}

/// Asks the updater beside this program for a new version; ends within the time set for checks.
///
/// Returns UPDRAFT_OK, UPDRAFT_AVAILABLE, UPDRAFT_REQUIRED or UPDRAFT_FAILED. `by_hand`: a person wants to know now.
/// If `offer` is not NULL and there is a new version, it gets the offer as JSON: `installed` and `release` (each
/// `number` and `version`), `urgency`, `download_bytes`, `notes`, `versions`; to be given to updraft_free.
///
/// # Safety
/// `offer` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_has_new_version(by_hand: bool, offer: *mut *mut c_char) -> i32 {
    if !offer.is_null() {
        // SAFETY: the caller says that it can be written to.
        unsafe { *offer = std::ptr::null_mut() };
    }
    let found = guard(move || Updater::beside_this_program()?.has_new_version(asked(by_hand)));
    let Ok(found) = found else { return UPDRAFT_FAILED };
    let Some(found) = found else { return UPDRAFT_OK };
    if !offer.is_null() {
        // Without the text the answer still counts.
        let text = serde_json::to_string(&found).unwrap_or_default();
        // SAFETY: as above.
        unsafe { *offer = give(text) };
    }
    match found.urgency {
        Urgency::Optional => UPDRAFT_AVAILABLE,
        Urgency::Forced => UPDRAFT_REQUIRED,
    }
}

/// Starts the updater, which waits for this process to end, updates, and starts the program again with the arguments,
/// folder and environment it has now. On UPDRAFT_OK the program exits.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_hand_over(by_hand: bool) -> i32 {
    code(guard(move || Updater::beside_this_program()?.hand_over(asked(by_hand))))
}

/// Says that this version runs well, once the program is usable. Without an update before, it does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_confirm_healthy() -> i32 {
    code(guard(updraft::confirm_healthy))
}

/// Whether updates can be installed where this program lies: UPDRAFT_OK, or UPDRAFT_FAILED and the first reason.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_can_update() -> i32 {
    let first = |mut reasons: Vec<updraft::report::Obstacle>| reasons.swap_remove(0).failure;
    code(guard(move || updraft::can_update().map_err(first)))
}

/// The version this program was updated from, if it was started by the updater right after that; else NULL. To be given
/// to updraft_free.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_updated_from() -> *mut c_char {
    let from = guard(|| Ok(updraft::updated_from()));
    from.ok().flatten().map_or(std::ptr::null_mut(), give)
}

/// Why the last call of this thread failed, and what would help, as text for a person; NULL if it did not fail. To be
/// given to updraft_free.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_error() -> *mut c_char {
    LAST.with_borrow(|last| last.as_ref().map_or(std::ptr::null_mut(), |failure| give(failure.to_string())))
}

/// The stable code of that failure, such as `network.unreachable`; NULL if there is none. To be given to updraft_free.
#[unsafe(no_mangle)]
pub extern "C" fn updraft_error_code() -> *mut c_char {
    LAST.with_borrow(|last| {
        last.as_ref().map_or(std::ptr::null_mut(), |failure| give(failure.code.to_string()))
    })
}

/// Frees a text of this library. NULL is nothing to free.
///
/// # Safety
/// `text` is NULL or came from this library and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn updraft_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: the caller says that it came from `CString::into_raw` in `give`.
        drop(unsafe { CString::from_raw(text) });
    }
}

fn asked(by_hand: bool) -> Asked {
    if by_hand { Asked::ByHand } else { Asked::ByItself }
}

/// Runs a call; a panic becomes a failure, for none may cross into C.
fn guard<T>(call: impl FnOnce() -> Result<T, Failure> + UnwindSafe) -> Result<T, ()> {
    let result = catch_unwind(call).unwrap_or_else(|_panic| {
        let message = "the call stopped by a defect of the updater".to_owned();
        Err(Failure { code: ErrorCode::Internal, message, hint: None })
    });
    let (value, failure) = match result {
        Ok(value) => (Ok(value), None),
        Err(failure) => (Err(()), Some(failure)),
    };
    LAST.set(failure);
    value
}

fn code(result: Result<(), ()>) -> i32 {
    if result.is_ok() { UPDRAFT_OK } else { UPDRAFT_FAILED }
}

/// A text as C has it; what follows a zero byte, which no text of ours has, is cut off.
fn give(text: String) -> *mut c_char {
    let bytes: Vec<u8> = text.into_bytes().into_iter().take_while(|byte| *byte != 0).collect();
    CString::new(bytes).map_or(std::ptr::null_mut(), CString::into_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: *mut c_char) -> Option<String> {
        if text.is_null() {
            return None;
        }
        // SAFETY: it came from `give` a moment ago.
        let owned = unsafe { CString::from_raw(text) };
        Some(owned.into_string().unwrap())
    }

    #[test]
    fn a_panic_does_not_cross_into_c_and_can_be_asked_about() {
        let quiet = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let result = guard(|| -> Result<(), Failure> { panic!("a defect") });
        std::panic::set_hook(quiet);
        assert_eq!(code(result), UPDRAFT_FAILED);
        assert_eq!(taken(updraft_error_code()).as_deref(), Some("internal"));
        assert!(taken(updraft_error()).unwrap().contains("a defect of the updater"));
        assert_eq!(code(guard(|| Ok(()))), UPDRAFT_OK);
        assert_eq!(taken(updraft_error()), None, "the last call did not fail");
    }

    #[test]
    fn without_an_updater_every_call_says_so_and_harms_nothing() {
        let mut offer = std::ptr::dangling_mut();
        // SAFETY: it can be written to.
        assert_eq!(unsafe { updraft_has_new_version(true, &raw mut offer) }, UPDRAFT_FAILED);
        assert!(offer.is_null());
        assert_eq!(taken(updraft_error_code()).as_deref(), Some("config"));
        assert_eq!((updraft_hand_over(false), updraft_can_update()), (UPDRAFT_FAILED, UPDRAFT_FAILED));
        assert!(taken(updraft_error()).unwrap().contains("no updater lies beside"));
        assert_eq!(updraft_confirm_healthy(), UPDRAFT_OK, "nothing to confirm");
        assert!(updraft_updated_from().is_null());
        // SAFETY: nothing to free.
        unsafe { updraft_free(std::ptr::null_mut()) };
    }
}
