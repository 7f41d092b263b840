//! Is the install as its release laid it down? Works offline and writes nothing.

use serde::Serialize;

use crate::fsx;
use crate::install::{Record, Verified};
use crate::report::{Control, Event, Progress, ProgressPhase};
use crate::trust::{Store, TrustedRepository};

use super::check::{Events, releases};
use super::{EngineError, Setup};

/// What the signed metadata last seen says of the installed release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It lists this very release.
    Signed,
    /// It lists another release under this number.
    Other,
    /// It does not list it any more, or there is none.
    Unlisted,
}

/// Reads every file of the installed release.
///
/// # Errors
/// If a file is there but can't be read, or the control was cancelled.
pub fn verify(
    setup: &Setup,
    record: &Record,
    control: &Control,
    events: Events<'_>,
) -> Result<(Verified, Standing), EngineError> {
    let watch = |done, total, file: &crate::release::RelPath| {
        let (phase, file) = (ProgressPhase::Scan, Some(file.clone()));
        events(Event::Progress(Progress { phase, done, total, file, ..Progress::default() }));
    };
    let stop = || control.is_cancelled();
    let verified = setup.install.verify(&record.receipt, &watch, &stop)?;
    Ok((verified, standing(setup, record)))
}

fn standing(setup: &Setup, record: &Record) -> Standing {
    let folder = setup.install.trusted_dir();
    // To open a store is to make its folder, and here nothing is made.
    if !fsx::exists(&folder).unwrap_or(false) {
        return Standing::Unlisted;
    }
    let known = Store::open(&folder).and_then(|store| TrustedRepository::load(&store));
    let Ok(repository) = known else { return Standing::Unlisted };
    let listed = releases(setup, &repository).into_iter();
    let same_number = listed.into_iter().find(|target| target.summary.number == record.receipt.number);
    match same_number {
        Some(target) if Some(target.digest) == record.receipt.manifest => Standing::Signed,
        Some(_) => Standing::Other,
        None => Standing::Unlisted,
    }
}
