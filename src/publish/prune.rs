//! Removes old releases and what no kept one needs, in an order that neither a reader nor a publisher can fall over.
//!
//! What is kept is decided purely (`kept`); then the list without the old releases is signed, and only then are
//! files removed. In a store a mark keeps publishers away meanwhile, and the new timestamp finds out those at work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::release::{Channel, Digest, Manifest, Platform, ReleaseNumber, Stamp, Summary, Urgency};
use crate::trust::ReleaseTarget;
use crate::trust::sign::{Batch, Lifetimes, RepoState};

use super::repository::{PRUNING, PRUNING_LASTS, Repository, object_name};
use super::signing::Opened;
use super::store::{Listed, Store, Write};
use super::{PublishError, Signing};

/// Files removed at once.
const BATCH: usize = 500;

/// What is to be removed.
#[derive(Debug, Clone)]
pub struct Prune {
    /// The repository and its keys.
    pub signing: Signing,
    /// Releases of each channel and platform that stay, the newest.
    pub keep: usize,
    /// How old a file that no release names has to be.
    pub grace: Duration,
    /// Whether only to say what would go.
    pub dry_run: bool,
    /// The time to sign with.
    pub now: Stamp,
    /// How long signatures hold.
    pub lifetimes: Lifetimes,
}

/// What was removed, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Releases that go, by their target path.
    pub releases: Vec<String>,
    /// Releases beyond the number to keep that stay because others need them.
    pub needed: Vec<String>,
    /// Releases that are left.
    pub kept: u64,
    /// Files that go: objects, manifests and metadata that was followed by newer.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether it was only said.
    pub dry_run: bool,
}

/// Removes old releases, and everything that nobody needs any more. `progress` is told files done and in all.
///
/// # Errors
/// If it is no repository, a key is missing, another publisher is at work, or something can't be read or written.
/// Interrupted, it is done again: what was signed names nothing that is gone.
pub fn prune(order: &Prune, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Pruned, PublishError> {
    if order.dry_run {
        let repository = Repository::open(&order.signing.repository)?;
        let state = repository.state()?.ok_or_else(|| repository.none())?;
        let choice = Choice::make(&state, order);
        let left = choice.left(&repository)?;
        let rubbish = Rubbish::find(&repository, &state, &choice, (&left, order.grace))?;
        return Ok(choice.told(&rubbish, true));
    }
    let opened = order.signing.open()?;
    let Opened { repository, state, keys, .. } = &opened;
    let choice = Choice::make(state, order);
    let left = choice.left(repository)?;
    let find = |state| Rubbish::find(repository, state, &choice, (&left, order.grace));
    if choice.gone.is_empty() && find(state)?.files.is_empty() {
        return Ok(choice.told(&Rubbish::default(), false));
    }
    let mark = Mark::set(repository)?;
    let files = choice.batch(state)?.sign(keys, order.now, order.lifetimes)?;
    opened.write(&files)?;
    let state = repository.state()?.ok_or_else(|| repository.none())?;
    let rubbish = find(&state)?;
    let total = rubbish.files.len() as u64;
    let mut done = 0;
    for batch in rubbish.files.chunks(BATCH) {
        repository.store().remove(batch)?;
        mark.renew()?;
        done += batch.len() as u64;
        progress(done, total);
    }
    Ok(choice.told(&rubbish, false))
}

/// Says to publishers of a store that objects are about to go. Gone when dropped.
struct Mark<'a>(Option<&'a dyn Store>);

impl<'a> Mark<'a> {
    fn set(repository: &'a Repository) -> Result<Self, PublishError> {
        if repository.is_folder() {
            return Ok(Self(None));
        }
        let store = repository.store();
        let is_old = |mark: &Listed| {
            let age = SystemTime::now().duration_since(mark.written).unwrap_or_default();
            mark.path == PRUNING && age >= PRUNING_LASTS
        };
        let left = store.list(super::repository::WORK)?.iter().any(is_old);
        store.write(PRUNING, Self::TEXT, if left { Write::Over } else { Write::New })?;
        Ok(Self(Some(store)))
    }

    const TEXT: &'static [u8] = b"updraft prune is at work here; publishers wait.\n";

    fn renew(&self) -> Result<(), PublishError> {
        match self.0 {
            Some(store) => Ok(store.write(PRUNING, Self::TEXT, Write::Over)?),
            None => Ok(()),
        }
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        if let Some(store) = self.0 {
            // A mark that stays counts for an hour.
            store.remove(&[PRUNING.to_owned()]).ok();
        }
    }
}

/// Which releases stay.
struct Choice {
    stay: BTreeSet<String>,
    needed: Vec<String>,
    gone: Vec<ReleaseTarget>,
    /// Below these a release that stays must be taken, because one that goes had to.
    floors: Vec<(Channel, Platform, ReleaseNumber, ReleaseNumber)>,
}

impl Choice {
    fn make(state: &RepoState, order: &Prune) -> Self {
        let mut choice =
            Self { stay: BTreeSet::new(), needed: Vec::new(), gone: Vec::new(), floors: Vec::new() };
        let mut kinds: BTreeMap<(&Channel, &Platform), Vec<&ReleaseTarget>> = BTreeMap::new();
        for release in state.releases() {
            kinds.entry((&release.channel, &release.platform)).or_default().push(release);
        }
        for releases in kinds.into_values() {
            let summaries: Vec<&Summary> = releases.iter().map(|release| &release.summary).collect();
            let Kept { newest, needed } = kept(&summaries, order.keep, order.now);
            let floor = |release: &ReleaseTarget| {
                let before = releases.iter().filter(|gone| {
                    let number = gone.summary.number;
                    !newest.contains(&number) && !needed.contains(&number) && number < release.summary.number
                });
                before.map(|gone| forces_below(&gone.summary)).max().unwrap_or_default()
            };
            for release in &releases {
                let number = release.summary.number;
                if newest.contains(&number) || needed.contains(&number) {
                    choice.stay.insert(release.path.clone());
                    let floor = floor(release);
                    if floor > release.summary.minimum {
                        choice.floors.push((
                            release.channel.clone(),
                            release.platform.clone(),
                            number,
                            floor,
                        ));
                    }
                    if needed.contains(&number) {
                        choice.needed.push(release.path.clone());
                    }
                } else {
                    choice.gone.push((*release).clone());
                }
            }
        }
        choice
    }

    /// The files of the releases that go. They need no grace: what nobody ever named may be on its way to be named,
    /// these were.
    fn left(&self, repository: &Repository) -> Result<BTreeSet<String>, PublishError> {
        let mut left = BTreeSet::new();
        for release in &self.gone {
            left.insert(release.fetch_path.clone());
            left.extend(patches(release));
            match repository.manifest(release) {
                // A damaged release that goes takes nothing with it.
                Err(PublishError::Damaged { .. }) => {}
                other => left.extend(objects(&other?).map(|digest| object_name(&digest))),
            }
        }
        Ok(left)
    }

    fn batch<'a>(&self, state: &'a RepoState) -> Result<Batch<'a>, PublishError> {
        let mut batch = Batch::new(state);
        for (channel, platform, number, floor) in &self.floors {
            batch.amend(channel, platform, *number, |summary| summary.minimum = *floor)?;
        }
        for gone in &self.gone {
            batch.remove(&gone.channel, &gone.platform, gone.summary.number)?;
        }
        Ok(batch)
    }

    fn told(self, rubbish: &Rubbish, dry_run: bool) -> Pruned {
        Pruned {
            releases: self.gone.into_iter().map(|gone| gone.path).collect(),
            needed: self.needed,
            kept: self.stay.len() as u64,
            files: rubbish.files.len() as u64,
            bytes: rubbish.bytes,
            dry_run,
        }
    }
}

/// Installs below this number must update because of a release.
fn forces_below(release: &Summary) -> ReleaseNumber {
    let own = if release.urgency == Urgency::Forced { release.number } else { ReleaseNumber::NONE };
    if release.withdrawn { ReleaseNumber::NONE } else { own.max(release.minimum) }
}

/// The releases of one channel and platform that stay.
#[derive(Debug, Default, PartialEq, Eq)]
struct Kept {
    newest: BTreeSet<ReleaseNumber>,
    needed: BTreeSet<ReleaseNumber>,
}

/// Which releases stay: the newest so many that are given out, and what those need. The highest number always stays,
/// as no number is given twice.
fn kept(releases: &[&Summary], keep: usize, now: Stamp) -> Kept {
    let mut sorted = releases.to_vec();
    sorted.sort_by_key(|release| std::cmp::Reverse(release.number));
    let given = sorted.iter().filter(|release| !release.withdrawn);
    let newest: BTreeSet<ReleaseNumber> =
        given.clone().take(keep.max(1)).chain(sorted.first()).map(|release| release.number).collect();
    let mut all = newest.clone();
    // Installs outside a share get the newest release that everybody may have.
    let is_for_all = |release: &&&Summary| match (&release.rollout, release.rollout()) {
        (None, _) => true,
        (Some(_), Some(rollout)) => rollout.share(now) >= 10_000,
        (Some(_), None) => false,
    };
    let fallback = given.clone().find(is_for_all).map(|release| release.number);
    if let Some(fallback) = fallback {
        all.extend(given.clone().map(|release| release.number).filter(|number| *number >= fallback));
    }
    // The way to a release behind a barrier, and the way to that.
    let mut open: Vec<ReleaseNumber> = all.iter().copied().collect();
    while let Some(number) = open.pop() {
        let Some(release) = sorted.iter().find(|release| release.number == number) else { continue };
        for named in [release.barrier, release.minimum] {
            let exact = given.clone().find(|step| step.number == named);
            let step = exact.or_else(|| {
                given
                    .clone()
                    .rfind(|step| step.number > named && step.number < number && step.barrier < named)
            });
            if named != ReleaseNumber::NONE
                && let Some(step) = step
                && all.insert(step.number)
            {
                open.push(step.number);
            }
        }
    }
    let needed = all.difference(&newest).copied().collect();
    Kept { newest, needed }
}

/// Every object that an install of a release may ask for.
fn objects(manifest: &Manifest) -> impl Iterator<Item = Digest> {
    manifest.objects().chain(manifest.delta_objects(ReleaseNumber::NONE)).map(|(digest, _)| digest)
}

/// The short ways to a release's manifest.
fn patches(release: &ReleaseTarget) -> impl Iterator<Item = String> {
    let place = (&release.channel, &release.platform);
    release.summary.patches.iter().map(move |patch| patch.path(place.0, place.1))
}

/// The files that nobody needs.
#[derive(Debug, Default)]
struct Rubbish {
    files: Vec<String>,
    bytes: u64,
}

impl Rubbish {
    fn find(
        repository: &Repository,
        state: &RepoState,
        choice: &Choice,
        (left, grace): (&BTreeSet<String>, Duration),
    ) -> Result<Self, PublishError> {
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        for release in state.releases().iter().filter(|release| choice.stay.contains(&release.path)) {
            let manifest = repository.manifest(release)?;
            wanted.insert(release.fetch_path.clone());
            wanted.extend(objects(&manifest).map(|digest| object_name(&digest)));
            wanted.extend(patches(release));
        }
        let versions = state.versions();
        wanted.insert(format!("metadata/{}.targets.json", versions.targets));
        wanted.insert(format!("metadata/{}.snapshot.json", versions.snapshot));
        let mut rubbish = Self::default();
        for folder in ["objects", "targets", "metadata"] {
            for file in repository.store().list(folder)? {
                let is_root = file.path.ends_with("root.json") || file.path == super::repository::TIMESTAMP;
                let age = SystemTime::now().duration_since(file.written).unwrap_or_default();
                let is_due = age >= grace || left.contains(&file.path);
                if !is_root && !wanted.contains(&file.path) && is_due {
                    rubbish.bytes += file.size;
                    rubbish.files.push(file.path);
                }
            }
        }
        Ok(rubbish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Rollout;

    fn release(number: u64) -> Summary {
        Summary {
            number: ReleaseNumber(number),
            version: number.to_string().parse().unwrap(),
            urgency: Urgency::Optional,
            minimum: ReleaseNumber::NONE,
            barrier: ReleaseNumber::NONE,
            returns_to: ReleaseNumber::NONE,
            published: Stamp::from_unix(0),
            withdrawn: false,
            download_bytes: 0,
            patches: Vec::new(),
            rollout: None,
        }
    }

    fn numbers(releases: &[Summary], keep: usize) -> (Vec<u64>, Vec<u64>) {
        let all: Vec<&Summary> = releases.iter().collect();
        let Kept { newest, needed } = kept(&all, keep, Stamp::from_unix(100));
        (newest.iter().map(|n| n.0).collect(), needed.iter().map(|n| n.0).collect())
    }

    #[test]
    fn the_newest_stay_and_what_they_need() {
        let plain: Vec<Summary> = (1..=9).map(release).collect();
        assert_eq!(numbers(&plain, 3), (vec![7, 8, 9], vec![]));
        assert_eq!(numbers(&plain, 0), (vec![9], vec![]));
        let mut behind = plain.clone();
        behind[8].barrier = ReleaseNumber(4);
        behind[3].barrier = ReleaseNumber(2);
        assert_eq!(numbers(&behind, 1), (vec![9], vec![2, 4]), "a way of two steps");
        behind[3].withdrawn = true;
        behind[1].withdrawn = true;
        assert_eq!(numbers(&behind, 1), (vec![9], vec![5]), "the next one that leads there");
    }

    #[test]
    fn what_everybody_may_have_stays_while_newer_ones_spread() {
        let mut spread: Vec<Summary> = (1..=5).map(release).collect();
        let rollout = |bp| {
            let all = Rollout::everybody("s".to_owned(), Stamp::from_unix(0));
            serde_json::to_value(Rollout { start_bp: bp, ..all }).ok()
        };
        spread[4].rollout = rollout(100);
        spread[3].rollout = rollout(100);
        assert_eq!(numbers(&spread, 1), (vec![5], vec![3, 4]));
        spread[3].rollout = rollout(10_000);
        assert_eq!(numbers(&spread, 1), (vec![5], vec![4]));
    }

    #[test]
    fn withdrawn_ones_do_not_count_but_the_highest_number_stays() {
        let mut some: Vec<Summary> = (1..=5).map(release).collect();
        some[4].withdrawn = true;
        some[2].withdrawn = true;
        assert_eq!(numbers(&some, 2), (vec![2, 4, 5], vec![]));
    }

    /// A27: a required release that goes leaves its word with those that stay.
    #[test]
    fn what_had_to_be_taken_still_has_to() {
        let forced = Summary { urgency: Urgency::Forced, ..release(3) };
        assert_eq!(forces_below(&forced), ReleaseNumber(3));
        let floor = Summary { minimum: ReleaseNumber(2), ..release(3) };
        assert_eq!(forces_below(&floor), ReleaseNumber(2));
        assert_eq!(forces_below(&Summary { withdrawn: true, ..forced }), ReleaseNumber::NONE);
    }
}
