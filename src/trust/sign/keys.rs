//! Private keys: Ed25519, one to a file that only its owner can read.
//!
//! Neither `Debug` nor any error shows a private key.

use std::fmt;
use std::path::Path;

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};

use super::{RepoState, SignError, Unlock};
use crate::fsx;
use crate::trust::PublicKey;
use crate::trust::key::{hex, unhex};

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyRole {
    /// The list of all keys. Kept offline.
    Root,
    /// Releases: targets and snapshot.
    Release,
    /// The timestamp. May lie on the server.
    Online,
}

impl KeyRole {
    /// The name in key files and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Release => "release",
            Self::Online => "online",
        }
    }
}

/// A private key with its public half.
pub struct KeyPair {
    role: KeyRole,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    public: PublicKey,
}

#[derive(Serialize, Deserialize)]
struct KeyFile {
    format: u64,
    role: KeyRole,
    public: String,
    private: String,
}

/// Most bytes of a key file.
const MAX_KEY_FILE: u64 = 4096;

impl KeyPair {
    /// A new key.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate(role: KeyRole) -> Result<Self, SignError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|why| SignError::Random(why.to_string()))?;
        Self::from_seed(role, seed).ok_or_else(|| SignError::Random("the key is unusable".to_owned()))
    }

    fn from_seed(role: KeyRole, seed: [u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        let public = PublicKey::ed25519(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { role, seed, pair, public })
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// If it can't be read, is damaged, or its halves do not belong together.
    pub fn load(path: &Path) -> Result<Self, SignError> {
        let damaged = |why: &'static str| SignError::Key { path: path.to_path_buf(), why };
        let bytes = fsx::read(path, MAX_KEY_FILE)?;
        // What serde_json says could quote the key, so it is not passed on.
        let file: KeyFile = serde_json::from_slice(&bytes).ok().ok_or(damaged("it is not a key file"))?;
        if file.format != 1 {
            return Err(damaged("it is of a later format"));
        }
        let seed = unhex(&file.private).and_then(|seed| seed.try_into().ok());
        let pair = seed.and_then(|seed| Self::from_seed(file.role, seed));
        let pair = pair.ok_or(damaged("its private half is damaged"))?;
        if hex(pair.pair.public_key().as_ref()) != file.public {
            return Err(damaged("its two halves do not belong together"));
        }
        Ok(pair)
    }

    /// Writes a new key file that only its owner can read.
    ///
    /// # Errors
    /// If there is a file already, or it can't be written.
    pub fn save(&self, path: &Path) -> Result<(), SignError> {
        let public = hex(self.pair.public_key().as_ref());
        let file = KeyFile { format: 1, role: self.role, public, private: hex(&self.seed) };
        let text = serde_json::to_vec(&file).map_err(|_why| SignError::Float("a key file"))?;
        Ok(fsx::write_private(path, &text)?)
    }

    /// The name that metadata gives the key.
    #[must_use]
    pub fn id(&self) -> String {
        self.public.id()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public.clone()
    }

    /// What the key signs.
    #[must_use]
    pub fn role(&self) -> KeyRole {
        self.role
    }

    pub(super) fn sign(&self, message: &[u8]) -> String {
        hex(self.pair.sign(message).as_ref())
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({} {})", self.role.as_str(), self.id())
    }
}

/// The keys a publisher signs with.
#[derive(Debug)]
pub struct Keys {
    /// The root keys at hand; none on a machine that only publishes.
    pub root: Vec<KeyPair>,
    /// Signs releases.
    pub release: KeyPair,
    /// Signs the timestamp.
    pub online: KeyPair,
}

impl Keys {
    /// The file name of the release key.
    pub const RELEASE: &str = "release.key";
    /// The file name of the online key.
    pub const ONLINE: &str = "online.key";

    /// New keys: two root keys, a release key and an online key.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate() -> Result<Self, SignError> {
        let root = vec![KeyPair::generate(KeyRole::Root)?, KeyPair::generate(KeyRole::Root)?];
        let (release, online) = (KeyPair::generate(KeyRole::Release)?, KeyPair::generate(KeyRole::Online)?);
        Ok(Self { root, release, online })
    }

    /// New keys, written to `dir` as `root-1.key`, `root-2.key`, `release.key` and `online.key`.
    ///
    /// # Errors
    /// If one of these files exists already (then none is written), or one can't be written.
    pub fn generate_into(dir: &Path) -> Result<Self, SignError> {
        let keys = Self::generate()?;
        fsx::make_dirs(dir)?;
        let roots = keys.root.iter().enumerate().map(|(at, key)| (format!("root-{}.key", at + 1), key));
        let others = [(Self::RELEASE.to_owned(), &keys.release), (Self::ONLINE.to_owned(), &keys.online)];
        let files: Vec<_> = roots.chain(others).map(|(name, key)| (dir.join(name), key)).collect();
        for (path, _) in &files {
            if fsx::exists(path)? {
                return Err(SignError::KeyExists(path.clone()));
            }
        }
        files.iter().try_for_each(|(path, key)| key.save(path))?;
        Ok(keys)
    }

    /// Reads `release.key`, `online.key` and every `root-<n>.key` that is there.
    ///
    /// # Errors
    /// Names the file that is missing, damaged or of another role.
    pub fn load(dir: &Path) -> Result<Self, SignError> {
        let mut root = Vec::new();
        for name in fsx::list(dir)? {
            let is_root =
                name.to_str().is_some_and(|name| name.starts_with("root-") && name.ends_with(".key"));
            if is_root {
                root.push(load_as(KeyRole::Root, &dir.join(name))?);
            }
        }
        let release = load_as(KeyRole::Release, &dir.join(Self::RELEASE))?;
        let online = load_as(KeyRole::Online, &dir.join(Self::ONLINE))?;
        Ok(Self { root, release, online })
    }

    /// Opens the keys of a repository; `state` is what the repository says of them, if there is one yet.
    ///
    /// # Errors
    /// Names the file that is missing, damaged or of another role.
    pub fn open(dir: &Path, _state: Option<&RepoState>, _unlock: &Unlock) -> Result<Self, SignError> {
        Self::load(dir)
    }
}

fn load_as(role: KeyRole, path: &Path) -> Result<KeyPair, SignError> {
    let pair = KeyPair::load(path)?;
    if pair.role == role {
        return Ok(pair);
    }
    Err(SignError::KeyRole { path: path.to_path_buf(), found: pair.role.as_str(), wanted: role.as_str() })
}
