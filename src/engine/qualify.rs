//! A release that brings a new updater: it has to show in a dry run that it works here, before anything is
//! switched. If it does not, the whole release is refused, for a release is never installed in part.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fsx::{self, Absent as _};
use crate::install::{Install, Record, Stage};
use crate::platform::{self, Trial};
use crate::release::{Digest, RelPath};
use crate::report::{ReleaseRef, Step};
use crate::trust::{MAX_ROOT, Store, TrustError, TrustedRepository};

use super::EngineError;
use super::run::Context;
use super::state::Desk;

/// How long a new updater has for its dry run. It takes milliseconds; a scanner for viruses may take seconds.
const LIMIT: Duration = Duration::from_secs(30);

/// The word of an updater that is fit, in the field `status` of its answer.
pub const FIT: &str = "fit";

/// Tries the new updater out, if the stage has one. A release whose updater does not work is put into quarantine.
pub(super) fn qualify(
    cx: &Context<'_>,
    desk: &mut Desk,
    stage: &Stage,
    digest: Digest,
) -> Result<(), EngineError> {
    let install = &cx.setup.install;
    let staged = |path: &RelPath| install.staged_file(stage, path);
    // The one that runs may lie elsewhere and not be the one that lies in the install.
    let own = platform::process::exe_name("updater".as_ref());
    let own = own.to_str().and_then(|name| install.updater_dir().join(name).ok());
    let running = install.path_of(&cx.setup.stub).filter(|path| own.as_ref() != Some(path));
    let Some(updater) = running.iter().chain(&own).find_map(staged) else { return Ok(()) };
    let text = "The release brings a new updater, which is tried out first.".to_owned();
    cx.step(Step::Message { text });
    let config = install.updater_dir().join("updater.json").ok().and_then(|path| staged(&path));
    let Err(why) = try_updater(install, &updater, config.as_deref()) else { return Ok(()) };
    let release = stage.to();
    if release.number != desk.record.receipt.number {
        quarantine(desk, &release, digest)?;
    }
    Err(EngineError::UnfitUpdater { release, why })
}

fn quarantine(desk: &mut Desk, release: &ReleaseRef, digest: Digest) -> Result<(), EngineError> {
    let Desk { guard, record } = desk;
    let bad = (release.number, digest);
    if !record.quarantine.contains(&bad) {
        record.quarantine.push(bad);
    }
    Ok(guard.save(record)?)
}

/// Runs `updater self-check`; the reason if that does not end well.
fn try_updater(install: &Install, updater: &Path, config: Option<&Path>) -> Result<(), String> {
    let mut args: Vec<OsString> = vec!["self-check".into(), "--json".into(), "--install".into()];
    args.push(install.root().into());
    args.extend(["--config".into(), install.updater_folder().join("updater.json").into()]);
    if let Some(config) = config {
        args.extend(["--new-config".into(), config.into()]);
    }
    let trial = platform::try_out(updater, &args, &install.updater_folder(), limit());
    judge(&trial.map_err(|why| format!("it can't be started: {why}"))?)
}

fn limit() -> Duration {
    let told = || std::env::var("UPDRAFT_TRIAL_SECONDS").ok()?.parse().ok();
    let shorter = if cfg!(feature = "checkpoints") { told() } else { None };
    shorter.map_or(LIMIT, Duration::from_secs)
}

/// Only the right answer counts: any program can end with 0.
fn judge(trial: &Trial) -> Result<(), String> {
    let answer: serde_json::Value = serde_json::from_slice(&trial.said).unwrap_or_default();
    match &trial.ended {
        None => Err("it did not answer in time".to_owned()),
        Some((true, _)) if answer["status"] == FIT => Ok(()),
        Some((true, _)) => Err("it does not answer as an updater does".to_owned()),
        Some((false, how)) => {
            let said = answer["message"].as_str().map(|said| format!(": {said}")).unwrap_or_default();
            Err(format!("it ended with {how}{said}"))
        }
    }
}

/// What an updater looks at to know that it can work in this install: the record, the root key it came with and the
/// metadata received so far. Changes nothing.
///
/// # Errors
/// If anything of it can't be read or trusted.
pub fn self_check(install: &Install) -> Result<Record, EngineError> {
    let record = install.read_record()?.record;
    let shipped = fsx::read(&install.updater_folder().join("root.json"), MAX_ROOT).if_present()?;
    if let Some(bytes) = &shipped {
        Store::check_root(bytes)?;
    }
    let folder: PathBuf = install.trusted_dir();
    let has = |name: &str| fsx::exists(&folder.join(name));
    match TrustedRepository::load(&Store::at(&folder)) {
        Ok(_) => Ok(record),
        // Nothing was received yet.
        Err(TrustError::Missing { .. }) if !has("targets.json")? => Ok(record),
        Err(TrustError::Missing { file }) => {
            let why = "it is damaged, or signed by keys this updater does not trust".to_owned();
            Err(TrustError::Malformed { file: folder.join(file).display().to_string(), why }.into())
        }
        Err(TrustError::NoRoot { .. }) if shipped.is_some() && !has("root.json")? => Ok(record),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_answer_of_a_program_that_ended_well_counts() {
        let trial = |ended: Option<bool>, said: &str| Trial {
            ended: ended.map(|well| (well, "a code".to_owned())),
            said: said.as_bytes().to_vec(),
        };
        assert_eq!(judge(&trial(Some(true), "{\"status\": \"fit\", \"updater\": \"9\"}\n")), Ok(()));
        for (ended, said) in [
            (Some(true), ""),
            (Some(true), "fit"),
            (Some(true), "{\"status\": \"ok\"}"),
            (Some(false), "{\"status\": \"fit\"}"),
            (None, "{\"status\": \"fit\"}"),
        ] {
            assert!(judge(&trial(ended, said)).is_err(), "{ended:?} {said}");
        }
    }
}
