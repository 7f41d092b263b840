//! The word of a new version that nobody watches: by the library, by `updater confirm`, by staying alive.

use crate::host;
use crate::install::{Install, LockError};
use crate::release::{NoteVersions, Notes, Urgency};
use crate::report::{Offer, ReleaseRef};

use super::EngineError;
use super::restart::{confirm_mark, hear};

/// What came of a confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// This release has now shown that it lives.
    Now(ReleaseRef),
    /// There was nothing to confirm.
    Already(ReleaseRef),
}

/// Says for the program of `install` that it is well.
///
/// # Errors
/// If the record can't be read or the word not be written.
pub fn confirm(install: &Install) -> Result<Confirmed, EngineError> {
    let record = install.read_record()?.record;
    let release = record.receipt.release();
    if record.unconfirmed.is_none() {
        return Ok(Confirmed::Already(release));
    }
    host::confirm(&confirm_mark(install))?;
    match install.lock("look") {
        Ok(guard) => hear(&guard, &mut guard.record()?.record)?,
        // Whoever is at work finds the word.
        Err(LockError::Held { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Confirmed::Now(release))
}

/// What a program that was not started by the updater has to do about its own health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Duty {
    /// Nothing: it is confirmed, or watched by an updater.
    Nothing,
    /// It counts as well when it has lived for so many seconds.
    LiveFor(u32),
    /// It never said in all its starts that it is well: the updater should bring back this release.
    GoBack(Offer),
}

/// Counts a start that the updater did not see, of a release that must say that it is well.
///
/// Where staying alive is enough such starts are not counted: a short run that ended well can't be told from a
/// crash.
///
/// # Errors
/// If the record can't be read or written.
pub fn count_start(install: &Install) -> Result<Duty, EngineError> {
    if install.read_record()?.record.unconfirmed.is_none() {
        return Ok(Duty::Nothing);
    }
    let guard = match install.lock("check") {
        Ok(guard) => guard,
        Err(LockError::Held { .. }) => return Ok(Duty::Nothing),
        Err(error) => return Err(error.into()),
    };
    let mut record = guard.record()?.record;
    hear(&guard, &mut record)?;
    let (installed, before) = (record.receipt.release(), record.previous.clone());
    let can_roll_back = install.can_roll_back(&record);
    let Some(unconfirmed) = &mut record.unconfirmed else { return Ok(Duty::Nothing) };
    if !unconfirmed.health.confirm {
        return Ok(Duty::LiveFor(unconfirmed.health.seconds));
    }
    if unconfirmed.starts < host::STARTS {
        unconfirmed.starts += 1;
        guard.save(&mut record)?;
        return Ok(Duty::Nothing);
    }
    let back = before.filter(|_| can_roll_back).map(|before| Offer {
        installed,
        release: ReleaseRef { number: before.number, version: before.version },
        urgency: Urgency::Forced,
        download_bytes: 0,
        notes: Notes::new(),
        versions: NoteVersions::new(),
    });
    Ok(back.map_or(Duty::Nothing, Duty::GoBack))
}
