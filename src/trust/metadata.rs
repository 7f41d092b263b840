//! The four kinds of metadata (TUF 1.0.34, section 4), read from the very value whose signatures are checked.

use std::collections::{BTreeMap, HashSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{PublicKey, TrustError, canonical};
use crate::release::Stamp;

/// What every kind of metadata has.
pub(super) trait Kind: DeserializeOwned {
    /// The value of its `_type`.
    const NAME: &'static str;

    fn head(&self) -> &Head;
}

/// The fields that every kind begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    #[serde(rename = "_type")]
    pub(super) kind: String,
    pub(super) spec_version: String,
    pub(super) version: u64,
    pub(super) expires: Stamp,
}

impl Head {
    pub(super) fn new(kind: &str, version: u64, expires: Stamp) -> Self {
        Self { kind: kind.to_owned(), spec_version: "1.0.34".to_owned(), version, expires }
    }
}

/// The keys of all roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Root {
    #[serde(flatten)]
    pub(super) head: Head,
    pub(super) consistent_snapshot: bool,
    /// Keys by name. One of an unknown form is carried along and verifies nothing.
    pub(super) keys: BTreeMap<String, Value>,
    pub(super) roles: Roles,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Roles {
    pub(super) root: Role,
    pub(super) timestamp: Role,
    pub(super) snapshot: Role,
    pub(super) targets: Role,
}

/// Who signs for a role, and how many of them it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Role {
    pub(super) keyids: Vec<String>,
    pub(super) threshold: u64,
}

/// What is the newest snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timestamp {
    #[serde(flatten)]
    pub(super) head: Head,
    pub(super) meta: TimestampMeta,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TimestampMeta {
    #[serde(rename = "snapshot.json")]
    pub(super) snapshot: MetaFile,
}

/// Which targets files belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    #[serde(flatten)]
    pub(super) head: Head,
    pub(super) meta: BTreeMap<String, MetaFile>,
}

/// What one metadata file says of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MetaFile {
    pub(super) version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) length: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hashes: Option<BTreeMap<String, String>>,
}

/// What may be fetched, with its length and hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Targets {
    #[serde(flatten)]
    pub(super) head: Head,
    pub(super) targets: BTreeMap<String, TargetFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) delegations: Option<Value>,
    /// Beyond the specification: further places of the repository. Whatever else stands here counts as none.
    #[serde(default, rename = "x-updraft-mirrors", skip_serializing_if = "Option::is_none")]
    pub(super) mirrors: Option<Value>,
}

/// Most further places of a repository.
pub const MAX_MIRRORS: usize = 16;
/// Most bytes of the address of one.
pub const MAX_MIRROR: usize = 2000;

impl Targets {
    /// The addresses of further places of the repository, as they were signed.
    pub(super) fn mirrors(&self) -> Vec<String> {
        let listed = self.mirrors.as_ref().and_then(Value::as_array).into_iter().flatten();
        let texts = listed.filter_map(Value::as_str).filter(|text| text.len() <= MAX_MIRROR);
        texts.take(MAX_MIRRORS).map(str::to_owned).collect()
    }
}

/// One target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TargetFile {
    pub(super) length: u64,
    pub(super) hashes: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) custom: Option<Value>,
}

macro_rules! kinds {
    ($($kind:ident = $name:literal),*) => {
        $(impl Kind for $kind {
            const NAME: &'static str = $name;

            fn head(&self) -> &Head {
                &self.head
            }
        })*
    };
}

kinds!(Root = "root", Timestamp = "timestamp", Snapshot = "snapshot", Targets = "targets");

/// A metadata file that has been read, and of which nothing is believed yet.
pub(super) struct Unverified {
    file: String,
    signed: Value,
    canonical: Vec<u8>,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Signature {
    pub(super) keyid: String,
    pub(super) sig: String,
}

impl Unverified {
    /// Reads the JSON of `file` and nothing more.
    pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Self, TrustError> {
        let malformed = |why: String| TrustError::Malformed { file: file.to_owned(), why };
        let mut whole: Map<String, Value> = match canonical::parse(bytes) {
            Ok(Value::Object(whole)) => whole,
            Ok(_) => return Err(malformed("it is not an object".to_owned())),
            Err(why) => return Err(malformed(why.to_string())),
        };
        let mut take = |field: &str| {
            whole.remove(field).ok_or_else(|| malformed(format!("it has no \u{ab}{field}\u{bb}")))
        };
        let (signed, signatures) = (take("signed")?, take("signatures")?);
        let signatures: Vec<Signature> =
            serde_json::from_value(signatures).map_err(|why| malformed(why.to_string()))?;
        let mut names = HashSet::new();
        if let Some(twice) = signatures.iter().find(|signature| !names.insert(&signature.keyid)) {
            return Err(malformed(format!("the key {} signs twice", twice.keyid)));
        }
        let canonical = canonical::encode(&signed).ok_or_else(|| malformed("it has a float".to_owned()))?;
        Ok(Self { file: file.to_owned(), signed, canonical, signatures })
    }

    /// Counts the keys of `role` that signed. A key counts once under however many names it is listed.
    pub(super) fn check(&self, keys: &BTreeMap<String, Value>, role: &Role) -> Result<(), TrustError> {
        let mut valid: HashSet<Vec<u8>> = HashSet::new();
        for signature in self.signatures.iter().filter(|signature| role.keyids.contains(&signature.keyid)) {
            let Some(key) = keys.get(&signature.keyid).and_then(|key| PublicKey::deserialize(key).ok())
            else {
                continue;
            };
            if let Some(material) = key.material()
                && key.verifies(&self.canonical, &signature.sig)
            {
                valid.insert(material);
            }
        }
        let have = valid.len() as u64;
        if role.threshold == 0 || have < role.threshold {
            return Err(TrustError::Signature { file: self.file.clone(), have, need: role.threshold });
        }
        Ok(())
    }

    /// The content, in its form; call [`check`](Self::check) before believing it.
    pub(super) fn content<K: Kind>(&self) -> Result<K, TrustError> {
        let malformed = |why: String| TrustError::Malformed { file: self.file.clone(), why };
        let content = K::deserialize(&self.signed).map_err(|why| malformed(why.to_string()))?;
        let head = content.head();
        if head.kind != K::NAME {
            return Err(malformed(format!("it is of type \u{ab}{}\u{bb}, not {}", head.kind, K::NAME)));
        }
        if head.spec_version.split('.').next() != Some("1") {
            return Err(malformed(format!("it follows version {} of the specification", head.spec_version)));
        }
        if head.version == 0 {
            return Err(malformed("its version is 0".to_owned()));
        }
        Ok(content)
    }

    /// Content that `role` signed.
    pub(super) fn verified<K: Kind>(
        &self,
        keys: &BTreeMap<String, Value>,
        role: &Role,
    ) -> Result<K, TrustError> {
        self.check(keys, role)?;
        self.content()
    }
}

impl Root {
    /// Reads a root that its own keys have signed.
    pub(super) fn read_self_signed(file: &str, bytes: &[u8]) -> Result<Self, TrustError> {
        let unverified = Unverified::read(file, bytes)?;
        let root: Self = unverified.content()?;
        unverified.check(&root.keys, &root.roles.root)?;
        Ok(root)
    }

    /// The bytes of the keys of a role, without their names.
    pub(super) fn materials(&self, role: &Role) -> HashSet<Option<Vec<u8>>> {
        let key = |id| self.keys.get(id).and_then(|key| PublicKey::deserialize(key).ok());
        role.keyids.iter().map(|id| key(id).and_then(|key: PublicKey| key.material())).collect()
    }
}

impl MetaFile {
    /// Checks bytes against the length and hashes stated, as far as they are.
    pub(super) fn check(&self, file: &str, bytes: &[u8]) -> Result<(), TrustError> {
        if self.length.is_some_and(|length| length != bytes.len() as u64) {
            return Err(TrustError::Mixed { file: file.to_owned(), what: "length" });
        }
        match &self.hashes {
            Some(hashes) if !hashes_match(hashes, bytes) => {
                Err(TrustError::Mixed { file: file.to_owned(), what: "hash" })
            }
            _ => Ok(()),
        }
    }
}

/// Whether all hashes of a known kind are those of `bytes`, and at least one is of a known kind.
pub(super) fn hashes_match(hashes: &BTreeMap<String, String>, bytes: &[u8]) -> bool {
    let known = hashes.iter().filter_map(|(kind, value)| {
        let algorithm = match kind.as_str() {
            "sha256" => &ring::digest::SHA256,
            "sha512" => &ring::digest::SHA512,
            _ => return None,
        };
        Some(super::key::hex(ring::digest::digest(algorithm, bytes).as_ref()) == value.to_ascii_lowercase())
    });
    let (mut any, mut all) = (false, true);
    known.for_each(|fits| (any, all) = (true, all && fits));
    any && all
}
