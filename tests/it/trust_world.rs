//! A signed repository in memory, an install that follows it, and an attacker who may hold some of the keys.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use base64::Engine as _;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};
use updraft::release::{Channel, Digest, Health, Manifest, Platform, ReleaseNumber, Stamp, Summary, Urgency};
use updraft::trust::sign::{self, KeyPair, Keys, Lifetimes, RepoState, RootChange};
use updraft::trust::{
    Answer, Refresh, ReleaseTarget, Store, TrustError, TrustedRelease, TrustedRepository, Versions,
};

/// The files of a repository by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

const DAY: u64 = 24 * 60 * 60;
pub(crate) const TIMESTAMP: &str = "metadata/timestamp.json";

pub(crate) fn now() -> Stamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

pub(crate) fn days(count: u64) -> Stamp {
    now().after(Duration::from_secs(count * DAY))
}

/// A publisher with its keys.
pub(crate) struct World {
    pub(crate) keys: Keys,
    pub(crate) files: Files,
    seeds: BTreeMap<String, [u8; 32]>,
}

impl World {
    /// A repository without a release.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::generate_into(folder.path()).unwrap();
        let files = sign::first(&keys, now(), Lifetimes::default()).unwrap().into_iter().collect();
        let mut world = Self { keys, files, seeds: BTreeMap::new() };
        world.learn(folder.path());
        world
    }

    /// A repository with the releases 1 to `count`.
    pub(crate) fn with_releases(count: u64) -> Self {
        let mut world = Self::empty();
        (1..=count).for_each(|number| world.publish(number));
        world
    }

    /// Lets the attacker know the keys in a folder.
    pub(crate) fn learn(&mut self, folder: &Path) {
        for name in updraft::fsx::list(folder).unwrap() {
            let path = folder.join(name);
            let text = String::from_utf8(updraft::fsx::read(&path, 4096).unwrap()).unwrap();
            let body = text.split("-----\n").nth(1).unwrap().lines().next().unwrap();
            let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
            let id = KeyPair::load(&path).unwrap().id();
            self.seeds.insert(id, der[16..].try_into().unwrap());
        }
    }

    pub(crate) fn state(&self) -> RepoState {
        RepoState::open(&|path| Ok(self.files.get(path).cloned())).unwrap().unwrap()
    }

    pub(crate) fn publish(&mut self, number: u64) {
        let (manifest, summary) = (manifest(number).to_bytes().unwrap(), summary(number));
        let (channel, platform) = (Channel::stable(), Platform::any());
        let lives = Lifetimes::default();
        let more = sign::add_release(
            &self.state(),
            &self.keys,
            now(),
            lives,
            &channel,
            &platform,
            &manifest,
            &summary,
        );
        self.files.extend(more.unwrap());
    }

    pub(crate) fn renew_timestamp(&mut self) {
        let more = sign::renew_timestamp(&self.state(), &self.keys.online, now(), Lifetimes::default());
        self.files.extend(more.unwrap());
    }

    pub(crate) fn rotate(&mut self, retiring: &[KeyPair], change: &RootChange) {
        let more = sign::rotate(&self.state(), &self.keys, retiring, change, now(), Lifetimes::default());
        self.files.extend(more.unwrap());
    }

    /// The keys as they are, as a change to alter.
    pub(crate) fn change(&self) -> RootChange {
        RootChange {
            root: self.keys.root.iter().map(KeyPair::public).collect(),
            threshold: 1,
            release: self.keys.release.public(),
            online: self.keys.online.public(),
        }
    }

    /// The newest numbered file of a role.
    pub(crate) fn newest(&self, role: &str) -> String {
        let version = |path: &String| -> Option<u64> {
            path.strip_prefix("metadata/")?.strip_suffix(&format!(".{role}.json"))?.parse().ok()
        };
        let newest = self.files.keys().filter_map(version).max().unwrap();
        format!("metadata/{newest}.{role}.json")
    }

    /// Edits what is signed in a file and signs it again with the key named.
    pub(crate) fn forge(&mut self, path: &str, key: &str, edit: impl FnOnce(&mut Value)) {
        let mut whole: Value = serde_json::from_slice(&self.files[path]).unwrap();
        edit(&mut whole["signed"]);
        whole["signatures"] = json!([{"keyid": key, "sig": self.sign(key, &whole["signed"])}]);
        self.files.insert(path.to_owned(), serde_json::to_vec(&whole).unwrap());
    }

    /// Compact JSON with sorted names is the canonical form as long as no text needs an escape.
    pub(crate) fn sign(&self, key: &str, signed: &Value) -> String {
        let pair = Ed25519KeyPair::from_seed_unchecked(&self.seeds[key]).unwrap();
        pair.sign(&serde_json::to_vec(signed).unwrap()).as_ref().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Puts other bytes in the place of a release's manifest and signs that they belong there.
    pub(crate) fn forge_manifest(&mut self, number: u64, bytes: &[u8]) {
        let release = self.keys.release.id();
        let digest = Digest::of(bytes).hex();
        let targets = self.newest("targets");
        let name = format!("stable/any/{number}.json");
        self.forge(&targets, &release, |signed| {
            signed["targets"][&name]["length"] = json!(bytes.len());
            signed["targets"][&name]["hashes"] = json!({ "sha256": digest });
        });
        self.bind_targets();
        self.files.insert(format!("targets/stable/any/{digest}.{number}.json"), bytes.to_vec());
    }

    /// Makes the snapshot name the targets file as it is now, so that its hash is not what stops an attack.
    pub(crate) fn bind_targets(&mut self) {
        let bytes = self.files[&self.newest("targets")].clone();
        let (snapshot, release) = (self.newest("snapshot"), self.keys.release.id());
        self.forge(&snapshot, &release, |signed| {
            let meta = &mut signed["meta"]["targets.json"];
            meta["length"] = json!(bytes.len());
            meta["hashes"] = json!({ "sha256": Digest::of(&bytes).hex() });
        });
    }
}

pub(crate) fn summary(number: u64) -> Summary {
    Summary {
        number: ReleaseNumber(number),
        version: format!("{number}.0").parse().unwrap(),
        urgency: Urgency::Optional,
        minimum: ReleaseNumber::NONE,
        barrier: ReleaseNumber::NONE,
        returns_to: ReleaseNumber::NONE,
        published: now(),
        withdrawn: false,
        download_bytes: 0,
        patches: Vec::new(),
        rollout: None,
    }
}

pub(crate) fn manifest(number: u64) -> Manifest {
    let summary = summary(number);
    Manifest {
        app: "MyApp".parse().unwrap(),
        channel: Channel::stable(),
        platform: Platform::any(),
        number: summary.number,
        version: summary.version,
        published: summary.published,
        urgency: summary.urgency,
        minimum: summary.minimum,
        start: None,
        entries: Vec::new(),
        health: Health::default(),
        files: Vec::new(),
        folders: Vec::new(),
        packs: Vec::new(),
        deltas: Vec::new(),
        downloads: BTreeMap::new(),
        notes: BTreeMap::new(),
        versions: BTreeMap::new(),
    }
}

/// An install that follows a repository.
pub(crate) struct Client {
    folder: tempfile::TempDir,
    pub(crate) floor: Versions,
    pub(crate) asked: Vec<String>,
    pub(crate) received: usize,
}

impl Client {
    /// One that has the repository's root and nothing else.
    pub(crate) fn new(files: &Files) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let client = Self { folder, floor: Versions::default(), asked: Vec::new(), received: 0 };
        client.store().plant_root(&files["metadata/1.root.json"]).unwrap();
        client
    }

    /// One that has followed the repository up to now.
    pub(crate) fn current(files: &Files) -> Self {
        let mut client = Self::new(files);
        client.refresh(files, now()).unwrap();
        client
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(self.folder.path()).unwrap()
    }

    pub(crate) fn stored(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join(name)).ok()
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        updraft::fsx::write_durable(&self.folder.path().join(name), bytes).unwrap();
    }

    pub(crate) fn refresh(&mut self, files: &Files, at: Stamp) -> Result<TrustedRepository, TrustError> {
        let mut refresh = Refresh::begin(self.store(), at, self.floor)?;
        (self.asked, self.received) = (Vec::new(), 0);
        while let Some(want) = refresh.wants() {
            let answer = files.get(&want.path).map_or(Answer::Missing, |file| Answer::Found(file.clone()));
            if let Answer::Found(bytes) = &answer {
                self.received += bytes.len();
            }
            self.asked.push(want.path);
            refresh.supply(answer)?;
        }
        let repository = refresh.finish()?;
        self.floor = repository.versions();
        Ok(repository)
    }

    /// Refreshes and opens the newest release.
    pub(crate) fn newest(&mut self, files: &Files) -> Result<TrustedRelease, TrustError> {
        let repository = self.refresh(files, now())?;
        let releases = stable(&repository);
        let newest = releases.last().unwrap();
        let missing = || TrustError::Missing { file: newest.fetch_path.clone() };
        repository.open_release(newest, files.get(&newest.fetch_path).ok_or_else(missing)?)
    }
}

pub(crate) fn stable(repository: &TrustedRepository) -> Vec<ReleaseTarget> {
    repository.releases(&Channel::stable(), &[Platform::any()])
}
