//! What is said of releases after they were published: who may have them, that they are taken back, that they go
//! to another channel, that installs go back. Every change is signed; no content is written.

use std::path::PathBuf;

use serde::Serialize;

use crate::release::{
    Channel, Curve, Manifest, ManifestPatch, Notes, Platform, ReleaseNumber, Rollout, Stamp, Summary,
    Urgency, Version,
};
use crate::trust::ReleaseTarget;
use crate::trust::sign::{Batch, Lifetimes, RepoState};

use super::packs::{Known, Outlook};
use super::signing::Opened;
use super::{Changes, PublishError, Signing, bring, notes, patches};

/// Which releases, and what signs for the change.
#[derive(Debug, Clone)]
pub struct Request {
    /// The repository and its keys.
    pub signing: Signing,
    /// The channel of the releases.
    pub channel: Channel,
    /// Their platform; nothing for every platform that has the release.
    pub platform: Option<Platform>,
    /// The releases.
    pub release: Which,
    /// The time to sign with.
    pub now: Stamp,
    /// How long signatures hold.
    pub lifetimes: Lifetimes,
}

/// A release as a person names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Which {
    /// The newest of each platform that was not taken back.
    #[default]
    Newest,
    /// The one of this version or, if no version is called so, of this number: `2.1.0`, `r7`.
    Named(String),
}

impl std::str::FromStr for Which {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "newest" { Self::Newest } else { Self::Named(text.to_owned()) })
    }
}

/// What a change came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Steered {
    /// Whether anything was changed and signed.
    pub changed: bool,
    /// The releases as they stand now.
    pub releases: Vec<Standing>,
    /// What the vendor should know.
    pub warnings: Vec<String>,
}

/// How a release stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its channel.
    pub channel: Channel,
    /// Its platform.
    pub platform: Platform,
    /// What is signed of it.
    #[serde(flatten)]
    pub summary: Summary,
    /// The share of installs that may have it by themselves, in basis points; nothing if that can't be read.
    pub share_bp: Option<u32>,
}

impl Standing {
    /// How a release stands at `now`.
    #[must_use]
    pub fn of(release: &ReleaseTarget, now: Stamp) -> Self {
        let (channel, platform) = (release.channel.clone(), release.platform.clone());
        Self::at(channel, platform, release.summary.clone(), now)
    }

    fn at(channel: Channel, platform: Platform, summary: Summary, now: Stamp) -> Self {
        let share_bp = match (summary.withdrawn, &summary.rollout) {
            (true, _) => Some(0),
            (false, None) => Some(10_000),
            (false, Some(_)) => summary.rollout().map(|rollout| rollout.share(now)),
        };
        Self { channel, platform, summary, share_bp }
    }
}

/// How a release is to spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The share at its beginning, in basis points.
    pub start_bp: u32,
    /// Minutes until everybody may have it; 0 leaves the share as it is.
    pub duration_minutes: u64,
    /// How it grows.
    pub curve: Curve,
    /// When it begins; nothing for now.
    pub start: Option<Stamp>,
}

impl Spread {
    /// The rollout of a release that has none yet, with a salt of its own, so that it is not always the same
    /// installs that go first.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn rollout(&self, now: Stamp) -> Result<Rollout, PublishError> {
        Ok(self.over(&Rollout::everybody(salt()?, now), now))
    }

    fn over(&self, before: &Rollout, now: Stamp) -> Rollout {
        let start = self.start.unwrap_or(now).unix();
        let Self { start_bp, duration_minutes, curve, start: _ } = *self;
        Rollout { start, start_bp, duration_minutes, curve, ..before.clone() }
    }
}

/// How a release comes to another channel.
#[derive(Debug, Clone)]
pub struct Promotion {
    /// The channel it comes to.
    pub to: Channel,
    /// Whether it may be declined there; nothing to keep what it says.
    pub urgency: Option<Urgency>,
    /// Who may have it yet.
    pub rollout: Option<Rollout>,
    /// Files of notes; empty to keep its own.
    pub notes: Vec<PathBuf>,
}

impl Promotion {
    /// To that channel, as it is and for everybody.
    #[must_use]
    pub fn to(channel: Channel) -> Self {
        Self { to: channel, urgency: None, rollout: None, notes: Vec::new() }
    }
}

/// How installs are told to go back.
#[derive(Debug, Clone, Default)]
pub struct Return {
    /// Whether they must.
    pub forced: bool,
    /// Who goes first.
    pub rollout: Option<Rollout>,
    /// Files of notes that say why.
    pub notes: Vec<PathBuf>,
}

/// Every release of a repository and how it stands.
///
/// # Errors
/// If it is no repository, or its metadata is damaged.
pub fn standings(repository: &super::Place, now: Stamp) -> Result<Vec<Standing>, PublishError> {
    let repository = super::repository::Repository::open(repository)?;
    let state = repository.state()?.ok_or_else(|| repository.none())?;
    Ok(state.releases().iter().map(|release| Standing::of(release, now)).collect())
}

/// Stops a release: nobody gets it any more, also not by hand.
///
/// # Errors
/// If there is no such release, a key is missing, or something can't be written.
pub fn halt(request: &Request) -> Result<Steered, PublishError> {
    let salt = salt()?;
    amend(request, &|summary| {
        let before = summary.rollout().map(|rollout| (rollout.halted, rollout));
        match (before, &summary.rollout) {
            (Some((true, _)), _) => {}
            (Some((false, rollout)), _) => {
                set(summary, &Rollout { halted: true, ..rollout.rebased(request.now) });
            }
            // One of a later kind keeps what this program can't read.
            (None, Some(_)) => {
                if let Some(said) = summary.rollout.as_mut().and_then(|said| said.as_object_mut()) {
                    said.insert("halted".to_owned(), true.into());
                }
            }
            (None, None) => {
                let all = Rollout::everybody(salt.clone(), request.now);
                set(summary, &Rollout { halted: true, ..all });
            }
        }
    })
}

/// Lets a halted release go on where it was.
///
/// # Errors
/// As for [`halt`].
pub fn resume(request: &Request) -> Result<Steered, PublishError> {
    amend(request, &|summary| match summary.rollout() {
        Some(rollout) if rollout.halted => {
            let start = rollout.start.max(request.now.unix());
            let goes_on = Rollout { halted: false, start, ..rollout };
            if goes_on.start_bp >= 10_000 && start <= request.now.unix() {
                summary.rollout = None;
            } else {
                set(summary, &goes_on);
            }
        }
        _ => {}
    })
}

/// Lets a release spread in another way from now on. Installs that have it keep it; those that could have it go on
/// being the first. A halt stays.
///
/// # Errors
/// As for [`halt`].
pub fn set_rollout(request: &Request, spread: &Spread) -> Result<Steered, PublishError> {
    let salt = salt()?;
    let is_all = spread.start_bp >= 10_000 && spread.start.is_none_or(|start| start <= request.now);
    let steered = amend(request, &|summary| {
        let before = summary.rollout().unwrap_or_else(|| Rollout::everybody(salt.clone(), request.now));
        if is_all && !before.halted {
            summary.rollout = None;
        } else {
            set(summary, &spread.over(&before, request.now));
        }
    });
    steered.map(|mut steered| {
        let is_halted = |one: &Standing| one.summary.rollout().is_some_and(|rollout| rollout.halted);
        if steered.releases.iter().any(is_halted) {
            steered.warnings.push("it is halted; updraft rollout resume lets it go on".to_owned());
        }
        steered
    })
}

/// Takes a release back: it is not installed any more. Who has it keeps it until there is a newer one.
///
/// # Errors
/// As for [`halt`].
pub fn withdraw(request: &Request) -> Result<Steered, PublishError> {
    amend(request, &|summary| summary.withdrawn = true)
}

/// Undoes [`withdraw`].
///
/// # Errors
/// As for [`halt`].
pub fn restore(request: &Request) -> Result<Steered, PublishError> {
    let undone = Request { release: request.release.clone(), ..request.clone() };
    amend(&undone, &|summary| summary.withdrawn = false)
}

/// Brings a release to another channel, where it gets the next number: the same files, nothing is copied.
///
/// # Errors
/// As for [`halt`], and if the channel has another release of that version.
pub fn promote(request: &Request, promotion: &Promotion) -> Result<Steered, PublishError> {
    let opened = request.signing.open()?;
    let mut batch = Batch::new(&opened.state);
    let mut steered = Steered { changed: false, releases: Vec::new(), warnings: Vec::new() };
    let own = notes::read(&promotion.notes)?;
    for release in find(&opened.state, request)? {
        let source = opened.repository.manifest(release)?;
        let target = newest(&opened.state, &promotion.to, &release.platform);
        let before = target.map(|newest| opened.repository.manifest(newest)).transpose()?;
        if let (Some(newest), Some(before)) = (target, &before)
            && !newest.summary.withdrawn
            && Changes::between(Some(before), &source).is_empty()
        {
            steered.releases.push(Standing::of(newest, request.now));
            continue;
        }
        refuse_used(&opened.state, &promotion.to, release)?;
        let number = target.map_or(ReleaseNumber::NONE, |newest| newest.summary.number).next();
        let own = if own.is_empty() {
            source.notes.get(&source.number).cloned().unwrap_or_default()
        } else {
            own.clone()
        };
        let notes = notes::carry(before.as_ref().map(|before| &before.notes), number, own);
        let mut manifest = Manifest {
            channel: promotion.to.clone(),
            number,
            published: request.now,
            urgency: promotion.urgency.unwrap_or(source.urgency),
            minimum: same_version(&opened.state, release, &promotion.to, source.minimum),
            versions: notes::versions(&notes, (number, &source.version), before.as_ref()),
            notes,
            ..source.clone()
        };
        let mut known = Known::read(&opened.repository, &opened.state)?;
        let from: Vec<_> = kin(&opened.state, &release.channel, &release.platform).collect();
        let to: Vec<_> = kin(&opened.state, &promotion.to, &release.platform).collect();
        bring::bring((&opened.repository, &mut known), (&source, &from), (&mut manifest, &to))?;
        let summary = Summary {
            barrier: target.map_or(ReleaseNumber::NONE, |newest| newest.summary.barrier),
            rollout: rollout_value(promotion.rollout.as_ref()),
            ..summary(&opened, &manifest, target, before.as_ref())?
        };
        add(&mut batch, &manifest, &summary)?;
        steered.note(&manifest, summary, request.now);
    }
    finish(opened_batch(&opened, batch, request), steered)
}

/// Leads installs back to an older release: its files are published again as the newest release, and all releases
/// between are withdrawn, in one signed step. As its number is the highest, nobody can play an older order again,
/// and no later release is undone by it.
///
/// # Errors
/// As for [`halt`], and if the release is the newest.
pub fn downgrade(request: &Request, back: &Return) -> Result<Steered, PublishError> {
    let opened = request.signing.open()?;
    let mut batch = Batch::new(&opened.state);
    let mut steered = Steered { changed: false, releases: Vec::new(), warnings: Vec::new() };
    let own = notes::read(&back.notes)?;
    for release in find(&opened.state, request)? {
        let (channel, platform) = (&release.channel, &release.platform);
        let Some(last) = newest(&opened.state, channel, platform) else { continue };
        if last.summary.number == release.summary.number {
            return Err(PublishError::NothingAfter(release.path.clone()));
        }
        let source = opened.repository.manifest(release)?;
        let before = opened.repository.manifest(last)?;
        let number = last.summary.number.next();
        let notes = notes::carry(Some(&notes_up_to(&source, &before)), number, own.clone());
        let manifest = Manifest {
            number,
            published: request.now,
            urgency: if back.forced { Urgency::Forced } else { Urgency::Optional },
            versions: notes::versions(&notes, (number, &source.version), Some(&before)),
            notes,
            ..source
        };
        // Whoever was led back before stands for the release that was meant then.
        let returns_to = match release.summary.returns_to {
            ReleaseNumber::NONE => release.summary.number,
            meant => meant,
        };
        let summary = Summary {
            barrier: release.summary.barrier,
            returns_to,
            rollout: rollout_value(back.rollout.as_ref()),
            ..summary(&opened, &manifest, Some(last), Some(&before))?
        };
        add(&mut batch, &manifest, &summary)?;
        for between in kin(&opened.state, channel, platform) {
            if between.summary.number > release.summary.number && !between.summary.withdrawn {
                batch.amend(channel, platform, between.summary.number, |summary| summary.withdrawn = true)?;
            }
        }
        steered.note(&manifest, summary, request.now);
    }
    finish(opened_batch(&opened, batch, request), steered)
}

impl Steered {
    fn note(&mut self, manifest: &Manifest, summary: Summary, now: Stamp) {
        let (channel, platform) = (manifest.channel.clone(), manifest.platform.clone());
        self.releases.push(Standing::at(channel, platform, summary, now));
        self.changed = true;
    }
}

/// A batch on its way to the repository.
struct Sending<'a> {
    opened: &'a Opened,
    batch: Batch<'a>,
    request: &'a Request,
}

fn opened_batch<'a>(opened: &'a Opened, batch: Batch<'a>, request: &'a Request) -> Sending<'a> {
    Sending { opened, batch, request }
}

fn finish(sending: Sending<'_>, steered: Steered) -> Result<Steered, PublishError> {
    let Sending { opened, batch, request } = sending;
    if steered.changed {
        opened.write(&batch.sign(&opened.keys, request.now, request.lifetimes)?)?;
    }
    Ok(steered)
}

/// Changes the summaries of the releases asked for; signs only if one is another then.
fn amend(request: &Request, change: &dyn Fn(&mut Summary)) -> Result<Steered, PublishError> {
    let opened = request.signing.open()?;
    let mut batch = Batch::new(&opened.state);
    let mut steered = Steered { changed: false, releases: Vec::new(), warnings: Vec::new() };
    for release in find(&opened.state, request)? {
        let mut summary = release.summary.clone();
        change(&mut summary);
        if summary != release.summary {
            steered.changed = true;
            let after = summary.clone();
            let number = summary.number;
            batch.amend(&release.channel, &release.platform, number, |said| *said = after)?;
            steered.warnings.extend(stranded(&opened.state, release, &summary));
        }
        let (channel, platform) = (release.channel.clone(), release.platform.clone());
        steered.releases.push(Standing::at(channel, platform, summary, request.now));
    }
    finish(opened_batch(&opened, batch, request), steered)
}

/// Whether installs below a barrier have no way to it any more once this release is not given out.
fn stranded(state: &RepoState, release: &ReleaseTarget, after: &Summary) -> Option<String> {
    let is_given =
        |summary: &Summary| !summary.withdrawn && !summary.rollout().is_some_and(|rollout| rollout.halted);
    if is_given(after) {
        return None;
    }
    let own = release.summary.number;
    let others: Vec<&ReleaseTarget> = kin(state, &release.channel, &release.platform)
        .filter(|other| other.summary.number != own && is_given(&other.summary))
        .collect();
    let behind = others.iter().filter(|other| other.summary.barrier > ReleaseNumber::NONE);
    let newest = behind.max_by_key(|other| other.summary.number)?;
    let barrier = newest.summary.barrier;
    let is_step = |other: &&ReleaseTarget| {
        other.summary.number >= barrier
            && other.summary.barrier < barrier
            && other.summary.number != newest.summary.number
    };
    let lost = own >= barrier && release.summary.barrier < barrier && !others.iter().any(is_step);
    lost.then(|| {
        format!(
            "installs of {} below {barrier} can't come to {} any more: publish a release from {barrier} on that has no barrier",
            release.platform, newest.summary.version
        )
    })
}

fn kin<'a>(
    state: &'a RepoState,
    channel: &Channel,
    platform: &Platform,
) -> impl Iterator<Item = &'a ReleaseTarget> {
    let (channel, platform) = (channel.clone(), platform.clone());
    state.releases().iter().filter(move |release| release.channel == channel && release.platform == platform)
}

/// The newest release of a channel and platform, withdrawn or not.
fn newest<'a>(state: &'a RepoState, channel: &Channel, platform: &Platform) -> Option<&'a ReleaseTarget> {
    kin(state, channel, platform).max_by_key(|release| release.summary.number)
}

/// The releases a request is about: at most one of each platform.
fn find<'a>(state: &'a RepoState, request: &Request) -> Result<Vec<&'a ReleaseTarget>, PublishError> {
    let mut platforms: Vec<&Platform> = state
        .releases()
        .iter()
        .filter(|release| release.channel == request.channel)
        .map(|release| &release.platform)
        .filter(|platform| request.platform.as_ref().is_none_or(|wanted| wanted == *platform))
        .collect();
    platforms.dedup();
    let found: Vec<&ReleaseTarget> =
        platforms.iter().filter_map(|platform| pick(state, request, platform)).collect();
    if found.is_empty() {
        let release = match &request.release {
            Which::Newest => "newest".to_owned(),
            Which::Named(name) => name.clone(),
        };
        let (channel, platform) = (request.channel.clone(), request.platform.clone());
        return Err(PublishError::NotFound { release, channel, platform });
    }
    let is_number =
        matches!(&request.release, Which::Named(name) if *name != found[0].summary.version.as_str());
    if is_number && found.iter().any(|release| release.summary.version != found[0].summary.version) {
        return Err(PublishError::Ambiguous(found.iter().map(|release| release.path.clone()).collect()));
    }
    Ok(found)
}

fn pick<'a>(state: &'a RepoState, request: &Request, platform: &Platform) -> Option<&'a ReleaseTarget> {
    let mut own: Vec<&ReleaseTarget> = kin(state, &request.channel, platform).collect();
    own.sort_by_key(|release| std::cmp::Reverse(release.summary.number));
    match &request.release {
        Which::Newest => own.into_iter().find(|release| !release.summary.withdrawn),
        Which::Named(name) => {
            let of_version = own.iter().find(|release| release.summary.version.as_str() == name);
            let of_number = || own.iter().find(|release| release.summary.number.to_string() == *name);
            of_version.or_else(of_number).copied()
        }
    }
}

fn refuse_used(state: &RepoState, channel: &Channel, release: &ReleaseTarget) -> Result<(), PublishError> {
    let version = &release.summary.version;
    match kin(state, channel, &release.platform).find(|other| other.summary.version == *version) {
        None => Ok(()),
        Some(used) => Err(PublishError::VersionUsed {
            version: version.clone(),
            channel: channel.clone(),
            platform: release.platform.clone(),
            number: used.summary.number,
        }),
    }
}

/// The number on another channel of the version that `number` has on the release's own; none if it is not there.
fn same_version(
    state: &RepoState,
    release: &ReleaseTarget,
    to: &Channel,
    number: ReleaseNumber,
) -> ReleaseNumber {
    let version_of = |number| -> Option<&Version> {
        let own = kin(state, &release.channel, &release.platform).find(|one| one.summary.number == number)?;
        Some(&own.summary.version)
    };
    let there = version_of(number)
        .and_then(|version| kin(state, to, &release.platform).find(|one| one.summary.version == *version));
    there.map_or(ReleaseNumber::NONE, |one| one.summary.number)
}

/// The notes of a release that is published again: its own, and none of what it undoes.
fn notes_up_to(source: &Manifest, newest: &Manifest) -> Notes {
    let upto = source.number;
    newest.notes.iter().filter(|(number, _)| **number <= upto).map(|(n, texts)| (*n, texts.clone())).collect()
}

/// What is signed of a manifest beside its bytes. The short ways to it are made on the way.
fn summary(
    opened: &Opened,
    manifest: &Manifest,
    target: Option<&ReleaseTarget>,
    before: Option<&Manifest>,
) -> Result<Summary, PublishError> {
    let (repository, bytes) = (&opened.repository, manifest.to_bytes()?);
    let frames = patches::make(repository, target, &bytes)?;
    patches::write(repository, (&manifest.channel, &manifest.platform), &frames)?;
    let patches: Vec<ManifestPatch> = frames.into_iter().map(|(patch, _)| patch).collect();
    let least = patches.iter().map(|patch| patch.size).min().unwrap_or(bytes.len() as u64);
    let mut known = Known::read(repository, &opened.state)?;
    let mut outlook = Outlook::new(repository, &mut known);
    let content = match before {
        Some(before) => outlook.of(before, manifest)?.bytes,
        None => outlook.full(manifest)?,
    };
    let download = content + least;
    Ok(Summary {
        number: manifest.number,
        version: manifest.version.clone(),
        urgency: manifest.urgency,
        minimum: manifest.minimum,
        barrier: ReleaseNumber::NONE,
        returns_to: ReleaseNumber::NONE,
        published: manifest.published,
        withdrawn: false,
        download_bytes: download,
        patches,
        rollout: None,
    })
}

fn add(batch: &mut Batch<'_>, manifest: &Manifest, summary: &Summary) -> Result<(), PublishError> {
    let bytes = manifest.to_bytes()?;
    Ok(batch.add(&manifest.channel, &manifest.platform, &bytes, summary)?)
}

fn rollout_value(rollout: Option<&Rollout>) -> Option<serde_json::Value> {
    rollout.and_then(|rollout| serde_json::to_value(rollout).ok())
}

/// Writes a rollout over the one there; fields that this program does not know stay.
fn set(summary: &mut Summary, rollout: &Rollout) {
    let Some(serde_json::Value::Object(new)) = rollout_value(Some(rollout)) else { return };
    let mut said = summary.rollout.take().and_then(|said| said.as_object().cloned()).unwrap_or_default();
    for known in ["halted", "curve"] {
        said.remove(known);
    }
    said.extend(new);
    summary.rollout = Some(said.into());
}

/// A salt of its own for each release, so that it is not always the same installs that go first.
fn salt() -> Result<String, PublishError> {
    let mut salt = [0; 8];
    getrandom::fill(&mut salt).map_err(|why| crate::trust::sign::SignError::Random(why.to_string()))?;
    Ok(format!("{:016x}", u64::from_be_bytes(salt)))
}
