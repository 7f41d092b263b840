//! Reads back everything a repository promises: signatures, manifests, every object.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::fsx;
use crate::release::{Codec, Content, Digest, FileEntry, Stamp};
use crate::report::{ErrorCode, Fault as _};
use crate::trust::sign::{RepoState, SignError};
use crate::trust::{Answer, Refresh, Store, TrustError, Versions};

use super::object;
use super::repository::{CACHE, PROJECT, Repository, WORK, object_name};
use super::scratch::Scratch;
use super::verify_packs::{PackPromises, check_patches};
use super::{Place, PublishError, pool};

/// What lies at the top of a repository.
const KNOWN: [&str; 6] = ["metadata", "targets", "objects", PROJECT, WORK, CACHE];
/// Most bytes of a metadata file that are read.
pub(super) const MAX_METADATA: u64 = 64 * 1024 * 1024;
/// Metadata that runs out sooner than this is worth a word.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Whether metadata that holds until `expires` should be signed again.
#[must_use]
pub fn is_soon(expires: Stamp, now: Stamp) -> bool {
    expires <= now.after(SOON)
}

/// Something that is not as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flaw {
    /// The file, by its path in the repository.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
    /// The stable code.
    pub code: ErrorCode,
}

impl Flaw {
    pub(super) fn new(code: ErrorCode, file: impl Into<String>, what: impl Into<String>) -> Self {
        Self { file: file.into(), what: what.into(), code }
    }
}

/// What `verify` has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Signed releases.
    pub releases: u64,
    /// Objects they need.
    pub objects: u64,
    /// Bytes of those that are there.
    pub bytes: u64,
    /// Objects that no release needs.
    pub unused: u64,
    /// When the first part of the metadata runs out.
    pub expires: Option<Stamp>,
    /// What is wrong; nothing if all is well.
    pub flaws: Vec<Flaw>,
    /// What will be wrong soon.
    pub warnings: Vec<String>,
}

impl Verified {
    /// The code of the worst flaw: what was altered before what is missing.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        let altered = self.flaws.iter().find(|flaw| flaw.code.exit() == ErrorCode::Signature.exit());
        altered.or(self.flaws.first()).map(|flaw| flaw.code)
    }
}

/// A content that some release promises.
struct Promise {
    content: Content,
    file: FileEntry,
    release: String,
}

/// Checks a repository; `progress` is told objects done and in all.
///
/// # Errors
/// If it is no repository, or can't be read. Flaws are no errors: all of them are in the answer.
pub fn verify(
    repository: impl Into<Place>,
    now: Stamp,
    threads: usize,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Verified, PublishError> {
    let repository = Repository::open(&repository.into())?;
    let top = repository.store().top()?;
    if !top.iter().any(|name| name == "metadata") {
        return Err(repository.none());
    }
    let mut found = Verified::default();
    let state = match repository.state() {
        Ok(Some(state)) => Some(state),
        Ok(None) => {
            found.flaws.push(Flaw::new(ErrorCode::Repository, "metadata/root.json", "it is missing"));
            None
        }
        Err(error @ SignError::Fs(_)) => return Err(error.into()),
        Err(error) => {
            found.flaws.push(metadata_flaw(&error));
            None
        }
    };
    let mut promises = Vec::new();
    let mut packs = PackPromises::default();
    if let Some(state) = &state {
        check_expiry(state, now, &mut found);
        check_as_client(&repository, state, &mut found)?;
        promises = check_manifests(&repository, state, &mut packs, &mut found)?;
    }
    check_objects(&repository, (&promises, &packs), state.is_some(), threads, progress, &mut found)?;
    check_strangers(top, &mut found);
    Ok(found)
}

/// What lies in the repository folder is given to everybody.
fn check_strangers(top: Vec<String>, found: &mut Verified) {
    for name in top {
        if name.ends_with(".key") {
            found.flaws.push(Flaw::new(ErrorCode::Key, name, "a private key lies in the repository"));
        } else if !KNOWN.contains(&name.as_str()) {
            found.warnings.push(format!("{name} does not belong to a repository"));
        }
    }
}

fn metadata_flaw(error: &SignError) -> Flaw {
    let code = match error {
        SignError::Repository(error) if error.code() == ErrorCode::Missing => ErrorCode::Repository,
        SignError::Repository(error) => error.code(),
        other => other.code(),
    };
    let text = match error {
        SignError::Repository(error) => error.to_string(),
        other => other.to_string(),
    };
    // These errors open with the file they are about.
    match text.split_once(' ') {
        Some((file, what)) if file.starts_with("metadata/") => Flaw::new(code, file, what),
        _ => Flaw::new(code, "metadata", text),
    }
}

fn check_expiry(state: &RepoState, now: Stamp, found: &mut Verified) {
    let expiries = state.expiries();
    let parts = [
        ("root.json", expiries.root),
        ("targets.json", expiries.targets),
        ("snapshot.json", expiries.snapshot),
        ("timestamp.json", expiries.timestamp),
    ];
    found.expires = parts.iter().map(|(_, expires)| *expires).min();
    for (name, expires) in parts {
        if expires <= now {
            let file = format!("metadata/{name}");
            found.flaws.push(Flaw::new(ErrorCode::Expired, file, format!("it was valid until {expires}")));
        } else if is_soon(expires, now) {
            found.warnings.push(format!("{name} is valid until {expires}; renew it before: updraft renew"));
        }
    }
}

/// Follows the repository from its very first root on, as the oldest install would. Times are left to
/// [`check_expiry`].
fn check_as_client(
    repository: &Repository,
    state: &RepoState,
    found: &mut Verified,
) -> Result<(), PublishError> {
    let read = |path: &str| repository.store().read(path, MAX_METADATA);
    let newest = state.versions().root;
    let last = format!("metadata/{newest}.root.json");
    for version in 1..=newest {
        let path = format!("metadata/{version}.root.json");
        if read(&path)?.is_none() {
            found.flaws.push(Flaw::new(ErrorCode::Repository, path, "it is missing"));
        }
    }
    if found.flaws.iter().any(|flaw| flaw.file.ends_with(".root.json")) {
        return Ok(());
    }
    if read(&last)? != read("metadata/root.json")? {
        found.flaws.push(Flaw::new(ErrorCode::Mismatch, last, "it differs from metadata/root.json"));
        return Ok(());
    }
    let place = Scratch::new("verify")?;
    let result = client(place.path(), &read);
    match result {
        Ok(()) => Ok(()),
        Err(TrustError::Fs(error)) => Err(error.into()),
        Err(error) => {
            found.flaws.push(metadata_flaw(&SignError::Repository(error)));
            Ok(())
        }
    }
}

fn client(place: &Path, read: &dyn Fn(&str) -> fsx::Result<Option<Vec<u8>>>) -> Result<(), TrustError> {
    let store = Store::open(place)?;
    store.plant_root(&read("metadata/1.root.json")?.unwrap_or_default())?;
    let mut refresh = Refresh::begin(store, Stamp::from_unix(0), Versions::default())?;
    while let Some(want) = refresh.wants() {
        let answer = read(&want.path)?.map_or(Answer::Missing, Answer::Found);
        refresh.supply(answer)?;
    }
    refresh.finish().map(drop)
}

fn check_manifests(
    repository: &Repository,
    state: &RepoState,
    packs: &mut PackPromises,
    found: &mut Verified,
) -> Result<Vec<Promise>, PublishError> {
    let mut promises = BTreeMap::new();
    for release in state.releases() {
        found.releases += 1;
        match repository.manifest_with_bytes(release) {
            Ok((manifest, bytes)) => {
                let before = |number| {
                    let place = (&release.channel, &release.platform);
                    let mut all = state.releases().iter();
                    let old = all
                        .find(|old| (&old.channel, &old.platform) == place && old.summary.number == number)?;
                    repository.manifest_with_bytes(old).ok()
                };
                packs.take(release, &manifest, &|number| Some(before(number)?.0));
                let old = |number| Some(before(number)?.1);
                found.flaws.extend(check_patches(repository, release, &bytes, &old)?);
                for file in manifest.regular() {
                    let Some(content) = file.content.clone() else { continue };
                    // Each way to say what the object is has to hold, not only the first one found.
                    let said = (content.object, content.size, content.pieces, file.sha256, file.size);
                    promises.entry(said).or_insert_with(|| Promise {
                        content,
                        file: file.clone(),
                        release: release.path.clone(),
                    });
                }
            }
            Err(PublishError::Damaged { file, what }) => {
                let code = if what == "missing" { ErrorCode::Repository } else { ErrorCode::Corrupt };
                found.flaws.push(Flaw::new(code, file, format!("it is {what}")));
            }
            Err(error) => {
                found.flaws.push(Flaw::new(error.code(), release.fetch_path.clone(), error.to_string()));
            }
        }
    }
    Ok(promises.into_values().collect())
}

fn check_objects(
    repository: &Repository,
    (promises, packs): (&[Promise], &PackPromises),
    is_complete: bool,
    threads: usize,
    progress: &(dyn Fn(u64, u64) + Sync),
    found: &mut Verified,
) -> Result<(), PublishError> {
    let threads = if threads == 0 { pool::default_threads() } else { threads };
    let whole = promises.iter().flat_map(|promise| promise.content.objects()).map(|(digest, _)| digest);
    let needed: BTreeSet<Digest> = whole.chain(packs.needed()).collect();
    let present = list_objects(repository, found)?;
    let unused: Vec<Digest> = present.iter().filter(|digest| !needed.contains(digest)).copied().collect();
    found.objects = needed.len() as u64;
    found.unused = unused.len() as u64;
    let total = (promises.len() + unused.len()) as u64 + packs.count();
    let done = std::sync::atomic::AtomicU64::new(0);
    let step = || progress(done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1, total);
    let checked = pool::map(promises, threads, &|promise: &Promise| {
        let result = check_promise(repository, promise)?;
        step();
        Ok::<_, PublishError>(result)
    })?;
    let (bytes, flaws) = packs.check(repository, threads, &step)?;
    found.bytes += bytes;
    found.flaws.extend(flaws);
    let named = pool::map(&unused, threads, &|digest: &Digest| {
        let local = repository.local_object(digest)?;
        let measure = local.as_ref().map(|object| object::measure(object.path())).transpose()?.flatten();
        let is_right = measure.is_some_and(|measure| measure.digest == *digest);
        step();
        Ok::<_, PublishError>((!is_right).then(|| object_name(digest)))
    })?;
    for (bytes, flaw) in checked {
        found.bytes += bytes;
        found.flaws.extend(flaw);
    }
    for file in named.into_iter().flatten() {
        if is_complete {
            found.warnings.push(format!("{file} is damaged; no release needs it"));
        } else {
            found.flaws.push(Flaw::new(ErrorCode::Corrupt, file, "its bytes are not those of its name"));
        }
    }
    Ok(())
}

/// Bytes read, and what is wrong with the objects of one content.
fn check_promise(repository: &Repository, promise: &Promise) -> Result<(u64, Option<Flaw>), PublishError> {
    let Promise { content, file, release } = promise;
    let flaw = |code, digest: &Digest, what: &str| {
        let what = format!("{what} (needed for {} in {release})", file.path);
        Some(Flaw::new(code, object_name(digest), what))
    };
    let local = repository.local_object(&content.object)?;
    let measure = local.as_ref().map(|object| object::measure(object.path())).transpose()?.flatten();
    let (Some(local), Some(measure)) = (local, measure) else {
        return Ok((0, flaw(ErrorCode::Repository, &content.object, "it is missing")));
    };
    let path = local.path();
    if measure.digest != content.object || measure.size != content.size {
        let what = "its bytes are not those that were signed";
        return Ok((measure.size, flaw(ErrorCode::Corrupt, &content.object, what)));
    }
    if let Some(list) = &content.pieces {
        let what = match repository.store().read(&object_name(list), 64 * 1024 * 1024)? {
            None => Some((ErrorCode::Repository, "it is missing")),
            Some(bytes) if Digest::of(&bytes) != *list || bytes != measure.pieces => {
                Some((ErrorCode::Corrupt, "it is not the list of pieces that was signed"))
            }
            Some(_) => None,
        };
        if let Some((code, what)) = what {
            return Ok((measure.size, flaw(code, list, what)));
        }
    }
    let is_right = match content.codec {
        Codec::Raw => true,
        Codec::Zstd => object::unpacks_to(path, file.size, &file.sha256)?,
    };
    let what = "it does not unpack to the file that was signed";
    let flaw = if is_right { None } else { flaw(ErrorCode::Corrupt, &content.object, what) };
    Ok((measure.size, flaw))
}

/// Every object there is. What lies among them and has no such name is told.
fn list_objects(repository: &Repository, found: &mut Verified) -> Result<BTreeSet<Digest>, PublishError> {
    let mut all = BTreeSet::new();
    for listed in repository.store().list("objects")? {
        let digest = listed.path.rsplit('/').next().and_then(|name| name.parse::<Digest>().ok());
        match digest {
            Some(digest) if listed.path == object_name(&digest) => drop(all.insert(digest)),
            _ => found.warnings.push(format!("{} is not an object", listed.path)),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::object::object_path;
    use crate::release::Policy;

    const PIECE: usize = 1024 * 1024;

    fn put(root: &Path, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = object_path(root, &digest);
        fsx::make_dirs(path.parent().unwrap()).unwrap();
        fsx::write_durable(&path, bytes).unwrap();
        digest
    }

    /// A14: a publisher's list of pieces that was cut from other bytes than those the file's digest names: clients
    /// believe both, so it is looked for here, and in every release that has another list for the same object.
    #[test]
    fn a_list_of_pieces_of_other_bytes_is_found() {
        let home = tempfile::tempdir().unwrap();
        let (bytes, mut others) = (vec![7; PIECE + 5], vec![7; PIECE + 5]);
        others[PIECE + 1] = 8;
        let list = |bytes: &[u8]| -> Vec<u8> {
            bytes.chunks(PIECE).flat_map(|piece| *Digest::of(piece).as_bytes()).collect()
        };
        let object = put(home.path(), &bytes);
        let promise = |list: &[u8]| {
            let (size, pieces) = (bytes.len() as u64, Some(put(home.path(), list)));
            let content = Content { object, size, codec: Codec::Raw, pieces };
            let path = "data.bin".parse().unwrap();
            let (mode, policy) = (0o644, Policy::default());
            let file = FileEntry {
                path,
                size,
                sha256: object,
                mode,
                policy,
                content: Some(content.clone()),
                pack: None,
            };
            Promise { content, file, release: "1".to_owned() }
        };
        let repository = Repository::at(home.path());
        let flaw = |promise| check_promise(&repository, &promise).unwrap().1;
        assert_eq!(flaw(promise(&list(&bytes))), None);
        let found = flaw(promise(&list(&others))).unwrap();
        assert_eq!(found.what, "it is not the list of pieces that was signed (needed for data.bin in 1)");
    }
}
