//! Private keys: Ed25519, one to a file that only its owner can read, or kept where only a command reaches them.
//!
//! Neither `Debug` nor any error shows a private key.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};

use super::keyfile::{self, KeyText, Secret};
use super::unlock::{Passphrase, Unlock};
use super::{RepoState, SignError};
use crate::fsx::{self, Absent as _};
use crate::trust::PublicKey;
use crate::trust::key::hex;

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

    /// The role of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Root, Self::Release, Self::Online].into_iter().find(|role| role.as_str() == name)
    }
}

/// A private key with its public half.
pub struct KeyPair {
    role: KeyRole,
    bytes: [u8; 32],
    public: PublicKey,
    signer: Signer,
}

/// Who signs.
enum Signer {
    /// This program, with the key itself.
    Here { seed: [u8; 32], pair: Ed25519KeyPair },
    /// A command that has the key: a token, a module, another machine.
    Command(Vec<String>),
}

/// Most bytes of a key file.
const MAX_KEY_FILE: u64 = 16 * 1024;

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
        let bytes: [u8; 32] = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { role, bytes, public: PublicKey::ed25519(&bytes), signer: Signer::Here { seed, pair } })
    }

    /// A key that only a command can sign with: it is given the bytes on its input and answers with the signature in
    /// base64.
    #[must_use]
    pub fn external(role: KeyRole, public: [u8; 32], argv: Vec<String>) -> Self {
        Self { role, bytes: public, public: PublicKey::ed25519(&public), signer: Signer::Command(argv) }
    }

    /// Reads a key file without a passphrase.
    ///
    /// # Errors
    /// If it can't be read, is damaged, is under a passphrase, or its halves do not belong together.
    pub fn load(path: &Path) -> Result<Self, SignError> {
        Self::open(path, None, &Unlock::default())
    }

    /// Reads a key file; one that does not say what it signs is of role `wanted`.
    ///
    /// # Errors
    /// If it can't be read, is damaged, its passphrase is not at hand, or its halves do not belong together.
    pub fn open(path: &Path, wanted: Option<KeyRole>, unlock: &Unlock) -> Result<Self, SignError> {
        Self::read(&fsx::read(path, MAX_KEY_FILE)?, path, wanted, unlock)
    }

    fn read(bytes: &[u8], path: &Path, wanted: Option<KeyRole>, unlock: &Unlock) -> Result<Self, SignError> {
        let damaged = |why: &'static str| SignError::Key { path: path.to_path_buf(), why };
        let KeyText { role, public, secret } = keyfile::read(bytes).map_err(damaged)?;
        let role = role.or(wanted).ok_or(damaged("it does not say what it signs"))?;
        let seed = match secret {
            Secret::Seed(seed) => seed,
            Secret::Command(argv) => {
                let public = public.ok_or(damaged("its public half is damaged"))?;
                return Ok(Self::external(role, public, argv));
            }
            Secret::Locked(der) => {
                let mut tries = if unlock.passphrase.is_some() { 1 } else { 3 };
                loop {
                    let passphrase =
                        unlock.passphrase_for(path).ok_or(SignError::Locked(path.to_path_buf()))?;
                    tries -= 1;
                    match keyfile::unlock(&der, &passphrase) {
                        Some(seed) => break seed,
                        None if tries == 0 => return Err(SignError::Passphrase(path.to_path_buf())),
                        None => {}
                    }
                }
            }
        };
        let pair = Self::from_seed(role, seed).ok_or(damaged("its private half is damaged"))?;
        if public.is_some_and(|public| public != pair.bytes) {
            return Err(damaged("its two halves do not belong together"));
        }
        Ok(pair)
    }

    /// What a key file says of itself without being opened: role and public half.
    ///
    /// # Errors
    /// If it can't be read or is damaged.
    pub fn peek(path: &Path) -> Result<(Option<KeyRole>, Option<PublicKey>, Kept), SignError> {
        let damaged = |why: &'static str| SignError::Key { path: path.to_path_buf(), why };
        let KeyText { role, public, secret } =
            keyfile::read(&fsx::read(path, MAX_KEY_FILE)?).map_err(damaged)?;
        let kept = match secret {
            Secret::Seed(_) => Kept::Open,
            Secret::Locked(_) => Kept::Locked,
            Secret::Command(_) => Kept::Elsewhere,
        };
        Ok((role, public.map(|bytes| PublicKey::ed25519(&bytes)), kept))
    }

    /// Writes a new key file that only its owner can read, without a passphrase.
    ///
    /// # Errors
    /// If there is a file already, or it can't be written.
    pub fn save(&self, path: &Path) -> Result<(), SignError> {
        self.save_under(path, None)
    }

    /// Writes a new key file that only its owner can read, under a passphrase or not.
    ///
    /// # Errors
    /// If there is a file already, or it can't be written.
    pub fn save_under(&self, path: &Path, passphrase: Option<&Passphrase>) -> Result<(), SignError> {
        let text = match &self.signer {
            Signer::Here { seed, .. } => keyfile::write(self.role, &self.bytes, seed, passphrase)
                .map_err(|why| SignError::Key { path: path.to_path_buf(), why })?,
            Signer::Command(argv) => keyfile::write_command(self.role, &self.bytes, argv),
        };
        Ok(fsx::write_private(path, text.as_bytes())?)
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

    /// The signature of `message` in hex.
    pub(super) fn sign(&self, message: &[u8]) -> Result<String, SignError> {
        match &self.signer {
            Signer::Here { pair, .. } => Ok(hex(pair.sign(message).as_ref())),
            Signer::Command(argv) => self.ask(argv, message),
        }
    }

    /// Lets a command sign. It is run as it is, without a shell, and told of which key in its environment.
    fn ask(&self, argv: &[String], message: &[u8]) -> Result<String, SignError> {
        let failed = |why: String| SignError::Signer { command: argv.join(" "), why };
        let Some((program, arguments)) = argv.split_first() else {
            return Err(failed("it is empty".to_owned()));
        };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command.env("UPDRAFT_SIGN_ROLE", self.role.as_str()).env("UPDRAFT_SIGN_KEY", self.id());
        command.env("UPDRAFT_SIGN_PUBLIC", hex(&self.bytes)).env_remove("UPDRAFT_PASSPHRASE");
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        if let Some(mut input) = child.stdin.take() {
            // One that does not read its input shows in its answer.
            input.write_all(message).ok();
        }
        let ended = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
        if !ended.status.success() {
            return Err(failed(format!("it ended with {}", ended.status)));
        }
        let text: String = String::from_utf8_lossy(&ended.stdout).split_whitespace().collect();
        let signature =
            base64::engine::general_purpose::STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 64);
        let signature =
            signature.ok_or_else(|| failed("its answer is not a signature in base64".to_owned()))?;
        let signature = hex(&signature);
        if self.public.verifies(message, &signature) {
            Ok(signature)
        } else {
            Err(failed("its signature is not one by this key".to_owned()))
        }
    }
}

/// Where the private half of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// In the file as it is.
    Open,
    /// In the file, under a passphrase.
    Locked,
    /// Where a command reaches it.
    Elsewhere,
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
        Self::generate_under(dir, None)
    }

    /// The same, under a passphrase or not.
    ///
    /// # Errors
    /// As for [`generate_into`](Self::generate_into).
    pub fn generate_under(dir: &Path, passphrase: Option<&Passphrase>) -> Result<Self, SignError> {
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
        files.iter().try_for_each(|(path, key)| key.save_under(path, passphrase))?;
        Ok(keys)
    }

    /// Reads `release.key`, `online.key` and every `root-<n>.key` that is there.
    ///
    /// # Errors
    /// Names the file that is missing, damaged or of another role.
    pub fn load(dir: &Path) -> Result<Self, SignError> {
        Self::open(dir, None, &Unlock::default())
    }

    /// Opens the keys of a repository: those the environment gives, those of the folder, and where one of them is
    /// missing the command that signs in its place. `state` is what the repository says of them, if there is one yet.
    ///
    /// # Errors
    /// Names the file that is missing, damaged, locked or of another role.
    pub fn open(dir: &Path, state: Option<&RepoState>, unlock: &Unlock) -> Result<Self, SignError> {
        let root = Self::open_roots(dir, unlock)?;
        let release = open_role(dir, KeyRole::Release, state, unlock)?;
        let online = open_role(dir, KeyRole::Online, state, unlock)?;
        Ok(Self { root, release, online })
    }

    /// The root keys that are at hand.
    ///
    /// # Errors
    /// Names the file that is damaged, locked or of another role.
    pub fn open_roots(dir: &Path, unlock: &Unlock) -> Result<Vec<KeyPair>, SignError> {
        let mut root = Vec::new();
        if !unlock.wants_root {
            return Ok(root);
        }
        for name in fsx::list(dir).if_present()?.unwrap_or_default() {
            let is_root =
                name.to_str().is_some_and(|name| name.starts_with("root-") && name.ends_with(".key"));
            if is_root {
                root.push(load_as(KeyRole::Root, &dir.join(name), unlock)?);
            }
        }
        Ok(root)
    }

    /// The file of the key of a role; root keys have numbers.
    #[must_use]
    pub fn file(dir: &Path, role: KeyRole) -> PathBuf {
        match role {
            KeyRole::Root => dir.join("root-1.key"),
            KeyRole::Release => dir.join(Self::RELEASE),
            KeyRole::Online => dir.join(Self::ONLINE),
        }
    }
}

/// Opens the key of one role.
pub(crate) fn open_role(
    dir: &Path,
    role: KeyRole,
    state: Option<&RepoState>,
    unlock: &Unlock,
) -> Result<KeyPair, SignError> {
    let path = Keys::file(dir, role);
    if let Some((_, text)) = unlock.given.iter().find(|(of, _)| *of == role) {
        let name = PathBuf::from(format!("UPDRAFT_KEY_{}", role.as_str().to_uppercase()));
        return right_role(KeyPair::read(&text_of(text), &name, Some(role), unlock)?, role, &name);
    }
    // A change of keys that was cut off after it was signed left the new key under its first name.
    let fresh = fsx::sibling(&path, ".new");
    if let Some(state) = state
        && fsx::exists(&fresh)?
        && KeyPair::peek(&fresh)?.1.is_some_and(|public| state.is_key_of(role, &public.id()))
    {
        return load_as(role, &fresh, unlock);
    }
    match (load_as(role, &path, unlock), &unlock.signer, state) {
        (Err(SignError::Fs(error)), Some(argv), Some(state)) if error.is_absent() => {
            let public = state.public_of(role).ok_or(SignError::Fs(error))?;
            Ok(KeyPair::external(role, public, argv.clone()))
        }
        (loaded, _, _) => loaded,
    }
}

/// The text of a key file, as it is or in base64: not every system for secrets keeps line ends.
fn text_of(given: &Passphrase) -> Vec<u8> {
    let joined: Vec<u8> =
        given.as_bytes().iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD
        .decode(joined)
        .unwrap_or_else(|_plain| given.as_bytes().to_vec())
}

fn load_as(role: KeyRole, path: &Path, unlock: &Unlock) -> Result<KeyPair, SignError> {
    right_role(KeyPair::open(path, Some(role), unlock)?, role, path)
}

fn right_role(pair: KeyPair, role: KeyRole, path: &Path) -> Result<KeyPair, SignError> {
    if pair.role == role {
        return Ok(pair);
    }
    Err(SignError::KeyRole { path: path.to_path_buf(), found: pair.role.as_str(), wanted: role.as_str() })
}
