//! How a new version shows that it lives: it says so, or it simply stays alive.

use std::path::Path;
use std::time::Duration;

use crate::fsx::{self, FsError};
use crate::platform::Spawned;
use crate::release::{Health, Stamp};

/// The variable that tells a restarted program where to say that it is well.
pub const CONFIRM_VARIABLE: &str = "UPDRAFT_CONFIRM";

/// The variable that tells a program that was just updated from which version. Not set at any other start.
pub const UPDATED_FROM_VARIABLE: &str = "UPDRAFT_UPDATED_FROM";

/// The variable that tells a program when the updater started it, in seconds since 1970.
pub const ASKED_VARIABLE: &str = "UPDRAFT_ASKED";
/// For so many seconds after that there is nothing to ask again: the person has just answered.
const JUST_ASKED: i64 = 60;

/// Whether the updater has just started this program, or the one that started us. A check that the program
/// makes by itself then says nothing, or "Later" would lead from the program to the updater and back for ever.
#[must_use]
pub fn was_just_asked() -> bool {
    let said = std::env::var(ASKED_VARIABLE).ok().and_then(|text| text.parse::<i64>().ok());
    said.is_some_and(|then| (0..JUST_ASKED).contains(&(Stamp::now().unix() - then)))
}

/// What became of a restarted program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It said that it is well, or stayed alive long enough.
    Well,
    /// It ended too early.
    Ended,
    /// It did not say in time that it is well.
    Silent,
}

/// How often a new version is started before it counts as one that does not live. Each start is written down
/// before it happens, so that one which takes the updater or the machine down with it counts too.
pub const STARTS: u32 = 3;

/// What follows from a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The new version stays.
    Stay,
    /// It gets another chance.
    StartAgain,
    /// The version before comes back, for this reason.
    GoBack(&'static str),
}

/// What follows from `verdict` after so many starts of the new version.
#[must_use]
pub fn next(verdict: &Verdict, starts: u32) -> Next {
    match verdict {
        Verdict::Well => Next::Stay,
        Verdict::Ended if starts < STARTS => Next::StartAgain,
        Verdict::Ended => Next::GoBack("it ended too early each time it was started"),
        // It still runs: a second one beside it would help nobody.
        Verdict::Silent => Next::GoBack("it did not say in time that it is well"),
    }
}

/// Takes an old word away, so that only a new one counts.
pub fn expect_confirmation(mark: &Path) {
    // If it can't be taken away the file system is read-only, and nothing was updated there.
    fsx::remove_file(mark).ok();
}

/// Says at `mark` that this program is well.
///
/// # Errors
/// If the word can't be written.
pub fn confirm(mark: &Path) -> Result<(), FsError> {
    fsx::write_durable(mark, b"well\n")
}

/// Watches a restarted program until the verdict is clear.
///
/// A program that ends at once but said before that it is well did its work, as a launcher does.
pub async fn watch(program: &Spawned, mark: &Path, health: Health) -> Verdict {
    let end = tokio::time::Instant::now() + Duration::from_secs(health.seconds.into());
    loop {
        if fsx::exists(mark).unwrap_or(false) {
            return Verdict::Well;
        }
        match program.ended_well() {
            // Who closes a program within its first seconds is no reason to go back. Where a word is wanted, a
            // launcher has ended and the program it started has yet to say it.
            Some(true) if !health.confirm => return Verdict::Well,
            Some(false) if !fsx::exists(mark).unwrap_or(false) => return Verdict::Ended,
            Some(_) | None => {}
        }
        if tokio::time::Instant::now() >= end {
            return if health.confirm { Verdict::Silent } else { Verdict::Well };
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_early_end_is_forgiven_until_the_last_start() {
        assert_eq!(next(&Verdict::Well, 9), Next::Stay);
        assert_eq!(next(&Verdict::Ended, 1), Next::StartAgain);
        assert_eq!(next(&Verdict::Ended, STARTS - 1), Next::StartAgain);
        assert!(matches!(next(&Verdict::Ended, STARTS), Next::GoBack(_)));
        assert!(matches!(next(&Verdict::Silent, 1), Next::GoBack(_)));
    }
}
