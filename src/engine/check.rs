//! "Is there something new?": the metadata brought up to date and one release chosen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::fsx::{self, Absent as _};
use crate::install::{Install, LockError, Record, is_unwritable, random_name};
use crate::plan::{self, Choice, Mode, Plan, Seen, choose};
use crate::release::{Digest, ReleaseNumber, Stamp, Urgency};
use crate::report::{Control, Event, Fault as _, Offer, ReleaseRef};
use crate::source::Mirrors;
use crate::transfer::{Patience, Reader, Said, TransferError};
use crate::trust::{
    Answer, MAX_ROOT, Refresh, ReleaseTarget, Store, TrustError, TrustedRelease, TrustedRepository, Versions,
};

use super::manifest::short_way;
use super::supply::{Fetching, Survey};
use super::{EngineError, Setup};

/// Where an update says what it does.
pub(super) type Events<'a> = &'a (dyn Fn(Event) + Sync);

/// The answer of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    /// The settings say that nothing is looked for.
    Disabled,
    /// Nothing new.
    UpToDate(ReleaseRef),
    /// Nothing new but a release that did not live here, which is not offered again.
    Quarantined {
        /// What is installed.
        installed: ReleaseRef,
        /// What did not live.
        release: ReleaseRef,
    },
    /// Something new, maybe one that was skipped.
    Available(Offer),
}

/// Brings the metadata in `store` up to date and gives what it says. A mirror whose metadata is refused is left
/// for the next one, which is asked from the start: what two mirrors say is never mixed.
///
/// # Errors
/// If no source answers in the time `patience` gives, or no source has metadata that can be trusted; then the
/// refusal that says most.
pub async fn refresh(
    mirrors: &Mirrors,
    store: Store,
    floor: Versions,
    patience: Patience,
    control: &Control,
    events: Events<'_>,
) -> Result<TrustedRepository, EngineError> {
    let mut reader = Reader::new(mirrors, patience, control, events);
    let mut refused = Refused::default();
    loop {
        let refresh = Refresh::begin(store.clone(), Stamp::now(), floor)?;
        match walk(refresh, &mut reader).await {
            Ok(Some(repository)) => return Ok(repository),
            Ok(None) => {}
            Err(Walk::Refused(error)) => {
                if !refused.goes_on(&mut reader, error)? {
                    return Err(refused.into_error().unwrap_or(EngineError::Cancelled));
                }
            }
            Err(Walk::Unheard(error)) => return Err(refused.or(error)),
        }
    }
}

/// Why one mirror led to no trusted metadata.
enum Walk {
    /// What it said is refused.
    Refused(TrustError),
    /// It, and all others, said nothing.
    Unheard(TransferError),
}

/// Asks one mirror for all that is wanted; nothing if it was lost on the way.
async fn walk(mut refresh: Refresh, reader: &mut Reader<'_>) -> Result<Option<TrustedRepository>, Walk> {
    while let Some(want) = refresh.wants() {
        let answer = match reader.get(&want.path, want.limit).await.map_err(Walk::Unheard)? {
            Said::Found(bytes) => Answer::Found(bytes),
            Said::Missing => Answer::Missing,
            Said::Moved => return Ok(None),
        };
        refresh.supply(answer).map_err(Walk::Refused)?;
    }
    refresh.finish().map(Some).map_err(Walk::Refused)
}

/// The refusal that says most of those so far, and whose word it was.
#[derive(Default)]
struct Refused(Option<(String, TrustError)>);

impl Refused {
    /// Takes in that the mirror asked last was refused; says whether another one can be asked.
    ///
    /// # Errors
    /// If it is not the mirror's fault: our own store can't be read or written.
    fn goes_on(&mut self, reader: &mut Reader<'_>, error: TrustError) -> Result<bool, EngineError> {
        if matches!(error, TrustError::Fs(_) | TrustError::NoRoot { .. } | TrustError::OutOfTurn) {
            return Err(error.into());
        }
        let source = reader.source();
        reader.refuse(&error.to_string());
        if self.0.as_ref().is_none_or(|(_, before)| says(&error) > says(before)) {
            self.0 = Some((source, error));
        }
        Ok(reader.has_another())
    }

    fn into_error(self) -> Option<EngineError> {
        self.0.map(|(origin, error)| EngineError::Repository { origin, error })
    }

    /// The refusal, or if there was none, why nothing was heard. A cancel is a cancel.
    fn or(self, error: TransferError) -> EngineError {
        match error {
            TransferError::Cancelled => error.into(),
            error => self.into_error().unwrap_or_else(|| error.into()),
        }
    }
}

/// How much a refusal says: what is no metadata at all says least of the repository.
fn says(error: &TrustError) -> u8 {
    match error {
        TrustError::Missing { .. } => 0,
        TrustError::Malformed { .. } | TrustError::TooLong { .. } => 1,
        _ => 2,
    }
}

/// The releases of the best platform that has any.
#[must_use]
pub fn releases(setup: &Setup, repository: &TrustedRepository) -> Vec<ReleaseTarget> {
    let of_platform = |platform| repository.releases(&setup.channel, std::slice::from_ref(platform));
    setup.platforms.iter().map(of_platform).find(|releases| !releases.is_empty()).unwrap_or_default()
}

pub(super) fn decide(setup: &Setup, repository: &TrustedRepository, record: &Record) -> Choice {
    let seen = Seen {
        installed: record.receipt.number,
        skipped: record.skip.clone(),
        quarantined: record.quarantine.clone(),
        machine: record.id.clone(),
        now: Some(Stamp::now()),
        by_hand: setup.by_hand,
    };
    let targets = releases(setup, repository);
    choose(targets.iter().map(|target| (&target.summary, target.digest)), &seen)
}

/// Asks the repository once and changes nothing but what is known of it.
///
/// Beside a running updater this works on a copy of the metadata, so that neither disturbs the other; likewise
/// for a user who may not write to the install, and so still learns of updates.
///
/// # Errors
/// If no source answers within the check's time, or the metadata can't be trusted.
pub async fn check(setup: &Setup, control: &Control, events: Events<'_>) -> Result<CheckResult, EngineError> {
    let patience = Patience::Until(Instant::now() + setup.check_timeout);
    let (repository, record) = match setup.install.lock("check") {
        Ok(guard) => {
            let mut record = guard.record()?.record;
            super::restart::hear(&guard, &mut record)?;
            let store = open_store(setup)?;
            let repository =
                refresh(&setup.mirrors, store, record.versions, patience, control, events).await?;
            record.versions = repository.versions();
            guard.save(&mut record)?;
            (repository, record)
        }
        Err(error) if is_beside(&error) => {
            let record = setup.install.read_record()?.record;
            (refresh_beside(setup, &record, patience, control, events).await?, record)
        }
        Err(error) => return Err(error.into()),
    };
    let installed = record.receipt.release();
    let (summary, urgency) = match decide(setup, &repository, &record) {
        Choice::New(summary, urgency) => (summary, urgency),
        Choice::Quarantined(bad) => {
            let release = ReleaseRef { number: bad.number, version: Some(bad.version) };
            return Ok(CheckResult::Quarantined { installed, release });
        }
        Choice::UpToDate | Choice::Skipped(_) => return Ok(CheckResult::UpToDate(installed)),
    };
    let release = open_release(setup, &repository, summary.number, patience, control, events).await?;
    Ok(CheckResult::Available(Offer {
        release: ReleaseRef { number: summary.number, version: Some(summary.version) },
        urgency,
        download_bytes: summary.download_bytes,
        notes: since(&release.manifest().notes, installed.number),
        versions: since(&release.manifest().versions, installed.number),
        installed,
    }))
}

/// What is told of every release after the installed one.
pub(super) fn since<T: Clone>(
    told: &BTreeMap<ReleaseNumber, T>,
    installed: ReleaseNumber,
) -> BTreeMap<ReleaseNumber, T> {
    told.iter().filter(|(number, _)| **number > installed).map(|(n, what)| (*n, what.clone())).collect()
}

/// The plan an update would have now; nothing if there is nothing newer. Changes nothing of the program.
///
/// # Errors
/// As for a check, and if the install can't be read or the plan not be made.
pub async fn preview(
    setup: &Setup,
    control: &Control,
    events: Events<'_>,
) -> Result<Option<Plan>, EngineError> {
    let patience = Patience::Until(Instant::now() + setup.check_timeout);
    let (repository, record) = match setup.install.lock("plan") {
        Ok(guard) => {
            let mut record = guard.record()?.record;
            let store = open_store(setup)?;
            let repository =
                refresh(&setup.mirrors, store, record.versions, patience, control, events).await?;
            record.versions = repository.versions();
            guard.save(&mut record)?;
            (repository, record)
        }
        Err(LockError::Fs(error)) if is_unwritable(error.code()) => {
            let record = setup.install.read_record()?.record;
            (refresh_beside(setup, &record, patience, control, events).await?, record)
        }
        Err(error) => return Err(error.into()),
    };
    let (Choice::New(summary, _) | Choice::Skipped(summary)) = decide(setup, &repository, &record) else {
        return Ok(None);
    };
    let release = open_release(setup, &repository, summary.number, patience, control, events).await?;
    let found = setup.install.scan(&record, release.manifest(), &|_, _, _| {})?;
    let (manifest, digest) = (release.manifest(), release.digest());
    let (receipt, inventory, mode) = (&record.receipt, &found.inventory, Mode::Update);
    let mut plan = plan::make(inventory, receipt, manifest, digest, mode)?;
    setup.install.spare_updater(&mut plan);
    let survey = Survey { setup, control, events, receipt, manifest, inventory, mode };
    survey.road(&mut plan, &Fetching::Memory(patience)).await?;
    Ok(Some(plan))
}

/// Fetches the manifest of release `number` and checks it against what was signed.
///
/// # Errors
/// If there is no such release, it can't be fetched, or it is not what was signed.
pub(super) async fn open_release(
    setup: &Setup,
    repository: &TrustedRepository,
    number: ReleaseNumber,
    patience: Patience,
    control: &Control,
    events: Events<'_>,
) -> Result<TrustedRelease, EngineError> {
    let all = releases(setup, repository);
    let target = all.iter().find(|target| target.summary.number == number).cloned();
    let target = target.ok_or(EngineError::NothingToRepair(number))?;
    if let Some(bytes) = short_way(setup, &target, &all, patience, control, events).await
        && let Ok(release) = repository.open_release(&target, &bytes)
        && release.manifest().app == setup.app
    {
        keep(setup, &target.digest, &bytes);
        return Ok(release);
    }
    let mut reader = Reader::new(&setup.mirrors, patience, control, events);
    let mut refused = Refused::default();
    let release = loop {
        let found = match reader.any(&target.fetch_path, target.length).await {
            Ok(Some(bytes)) => {
                let opened = repository.open_release(&target, &bytes);
                if opened.is_ok() {
                    keep(setup, &target.digest, &bytes);
                }
                opened
            }
            Ok(None) => {
                let none = || EngineError::NoManifest(target.fetch_path.clone());
                return Err(refused.into_error().unwrap_or_else(none));
            }
            Err(error) => return Err(refused.or(error)),
        };
        match found {
            Ok(release) => break release,
            // The bytes that were signed are no better elsewhere.
            Err(error) if !matches!(error, TrustError::Content { .. }) => {
                return Err(EngineError::Repository { origin: reader.source(), error });
            }
            Err(error) => {
                if !refused.goes_on(&mut reader, error)? {
                    return Err(refused.into_error().unwrap_or(EngineError::Cancelled));
                }
            }
        }
    };
    let found = &release.manifest().app;
    if *found != setup.app {
        let (found, wanted) = (found.clone(), setup.app.clone());
        return Err(EngineError::OtherProgram { origin: reader.source(), found, wanted });
    }
    Ok(release)
}

/// Keeps a manifest for the next time. It only saves bytes, so a user who may not write here loses nothing else.
fn keep(setup: &Setup, digest: &Digest, bytes: &[u8]) {
    if let Err(error) = setup.install.keep_manifest(digest, bytes) {
        tracing::debug!(%error, "the manifest is not kept");
    }
}

/// Whether a check can do without the lock: another has it, or this user may not write here.
fn is_beside(error: &LockError) -> bool {
    match error {
        LockError::Held { .. } => true,
        LockError::Fs(error) => is_unwritable(error.code()),
    }
}

/// Brings a copy of the metadata up to date, and leaves the install as it is.
async fn refresh_beside(
    setup: &Setup,
    record: &Record,
    patience: Patience,
    control: &Control,
    events: Events<'_>,
) -> Result<TrustedRepository, EngineError> {
    let copy = TrustedCopy::make(&setup.install)?;
    let store = Store::open(copy.folder())?;
    plant_root(setup, &store)?;
    refresh(&setup.mirrors, store, record.versions, patience, control, events).await
}

/// The metadata of the install; on its first use it begins with the root key file beside the updater.
pub(super) fn open_store(setup: &Setup) -> Result<Store, EngineError> {
    let store = Store::open(&setup.install.trusted_dir())?;
    plant_root(setup, &store)?;
    Ok(store)
}

fn plant_root(setup: &Setup, store: &Store) -> Result<(), EngineError> {
    let shipped = setup.install.updater_folder().join("root.json");
    if let Some(bytes) = fsx::read(&shipped, MAX_ROOT).if_present()? {
        store.plant_root(&bytes)?;
    }
    Ok(())
}

/// Whether the metadata last seen, however old, forces an update on what is installed.
pub(super) fn is_forced_offline(setup: &Setup, record: &Record) -> bool {
    let known = Store::open(&setup.install.trusted_dir()).and_then(|store| TrustedRepository::load(&store));
    known
        .is_ok_and(|repository| matches!(decide(setup, &repository, record), Choice::New(_, Urgency::Forced)))
}

/// Whether an offer must be taken.
pub(super) fn is_forced(offer: &Offer) -> bool {
    offer.urgency == Urgency::Forced
}

/// A copy of the trusted metadata for a check beside a running updater; gone when dropped.
struct TrustedCopy(PathBuf);

impl TrustedCopy {
    fn make(install: &Install) -> Result<Self, EngineError> {
        let copy = Self(Self::folder_for(install)?);
        let from = install.trusted_dir();
        for name in fsx::list(&from).if_present()?.unwrap_or_default() {
            fsx::copy(&from.join(&name), &copy.0.join(&name))?;
        }
        Ok(copy)
    }

    /// Beside the metadata, or among the temporary files of the system under a name nobody can guess.
    fn folder_for(install: &Install) -> Result<PathBuf, EngineError> {
        let name = format!("check-{}", std::process::id());
        let beside = install.state_dir().join(&name);
        match fsx::make_dirs(&beside) {
            Err(error) if is_unwritable(error.code()) => {
                let unique = random_name()?;
                let temporary = std::env::temp_dir().join(format!("updraft-{name}-{unique}"));
                fsx::make_dirs(&temporary)?;
                Ok(temporary)
            }
            made => Ok(made.map(|()| beside)?),
        }
    }

    fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for TrustedCopy {
    fn drop(&mut self) {
        // A copy left behind harms nothing.
        fsx::remove_tree(&self.0).ok();
    }
}
