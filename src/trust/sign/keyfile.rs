//! Key files: a few lines for people, then the private key as PKCS#8 in PEM (RFC 5958, 7468), under a passphrase or
//! not; or, instead of a private key, the command that signs with one kept elsewhere.
//!
//! Programs such as openssl pass over the lines before the PEM block.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::keys::KeyRole;
use super::unlock::Passphrase;
use crate::trust::key::{hex, unhex};

/// The first line of a key file.
const HEAD: &str = "Updraft key, format 2";
const PLAIN: &str = "PRIVATE KEY";
const LOCKED: &str = "ENCRYPTED PRIVATE KEY";
/// An Ed25519 key as PKCS#8 without its public half, up to the seed (RFC 8410).
const BEFORE_SEED: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// A key file as it was read.
pub(super) struct KeyText {
    /// What the key signs; nothing if the file does not say.
    pub(super) role: Option<KeyRole>,
    /// Its public half; nothing if the file does not say.
    pub(super) public: Option<[u8; 32]>,
    /// Its private half, or how to sign without.
    pub(super) secret: Secret,
}

/// The private half of a key.
pub(super) enum Secret {
    /// The seed itself.
    Seed([u8; 32]),
    /// PKCS#8 under a passphrase.
    Locked(Vec<u8>),
    /// A program and its arguments that sign.
    Command(Vec<String>),
}

/// The first format: JSON.
#[derive(Serialize, Deserialize)]
struct Json {
    format: u64,
    role: KeyRole,
    public: String,
    private: String,
}

/// Reads a key file. What is said of a damaged one never quotes it.
pub(super) fn read(bytes: &[u8]) -> Result<KeyText, &'static str> {
    let text = std::str::from_utf8(bytes).ok().ok_or("it is not a key file")?;
    if text.trim_start().starts_with('{') {
        return read_json(bytes);
    }
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::trim);
    let head = text.lines().next().unwrap_or_default().trim_end();
    if head != HEAD && head.starts_with("Updraft key, format ") {
        return Err("it is of a later format");
    }
    let role = match field("role") {
        Some(role) => Some(KeyRole::parse(role).ok_or("its role is unknown")?),
        None => None,
    };
    let public = match field("public") {
        Some(public) => Some(thirty_two(unhex(public)).ok_or("its public half is damaged")?),
        None => None,
    };
    if let Some(command) = field("signer") {
        let argv: Vec<String> = serde_json::from_str(command).ok().ok_or("its signer is damaged")?;
        if argv.is_empty() || role.is_none() || public.is_none() {
            return Err("its signer is damaged");
        }
        return Ok(KeyText { role, public, secret: Secret::Command(argv) });
    }
    let secret = if let Some(der) = block(text, LOCKED) {
        Secret::Locked(der?)
    } else if let Some(der) = block(text, PLAIN) {
        Secret::Seed(seed_of(&der?).ok_or("its private half is damaged")?)
    } else {
        return Err("it is not a key file");
    };
    Ok(KeyText { role, public, secret })
}

fn read_json(bytes: &[u8]) -> Result<KeyText, &'static str> {
    // What serde_json says could quote the key, so it is not passed on.
    let file: Json = serde_json::from_slice(bytes).ok().ok_or("it is not a key file")?;
    if file.format != 1 {
        return Err("it is of a later format");
    }
    let seed = thirty_two(unhex(&file.private)).ok_or("its private half is damaged")?;
    let public = thirty_two(unhex(&file.public)).ok_or("its two halves do not belong together")?;
    Ok(KeyText { role: Some(file.role), public: Some(public), secret: Secret::Seed(seed) })
}

fn thirty_two(bytes: Option<Vec<u8>>) -> Option<[u8; 32]> {
    bytes?.try_into().ok()
}

/// The bytes of a PEM block.
fn block(text: &str, label: &str) -> Option<Result<Vec<u8>, &'static str>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let body = rest.split_once(&format!("-----END {label}-----")).map(|(body, _)| body);
    let joined: Option<String> = body.map(|body| body.split_whitespace().collect());
    Some(joined.and_then(|joined| STANDARD.decode(joined).ok()).ok_or("its private half is damaged"))
}

/// The seed in a PKCS#8 document, with or without the public half after it.
fn seed_of(der: &[u8]) -> Option<[u8; 32]> {
    let (head, rest) = der.split_at_checked(BEFORE_SEED.len())?;
    // The length differs with what follows, the version (0 or 1) with it.
    let same = |at: std::ops::Range<usize>| head[at.clone()] == BEFORE_SEED[at];
    if !(same(0..1) && same(2..4) && head[4] <= 1 && same(5..16)) {
        return None;
    }
    rest.get(..32)?.try_into().ok()
}

/// The lines before the private half.
fn head(role: KeyRole, public: &[u8; 32]) -> String {
    format!("{HEAD}\nrole: {}\npublic: {}\n", role.as_str(), hex(public))
}

/// The text of a key file with its private half, under a passphrase or not.
pub(super) fn write(
    role: KeyRole,
    public: &[u8; 32],
    seed: &[u8; 32],
    passphrase: Option<&Passphrase>,
) -> Result<String, &'static str> {
    let mut der = BEFORE_SEED.to_vec();
    der.extend_from_slice(seed);
    let (label, der) = match passphrase {
        None => (PLAIN, der),
        Some(passphrase) => (LOCKED, lock(&der, passphrase)?),
    };
    let body = STANDARD.encode(der);
    let mut text = head(role, public);
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    for line in body.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    Ok(text)
}

/// The text of a key file whose key is kept elsewhere.
pub(super) fn write_command(role: KeyRole, public: &[u8; 32], argv: &[String]) -> String {
    let argv = serde_json::to_string(argv).unwrap_or_default();
    format!("{}signer: {argv}\n", head(role, public))
}

/// The seed of a key under a passphrase; nothing if it is another passphrase.
#[cfg(feature = "vendor")]
pub(super) fn unlock(der: &[u8], passphrase: &Passphrase) -> Option<[u8; 32]> {
    let locked = pkcs8::EncryptedPrivateKeyInfoRef::try_from(der).ok()?;
    seed_of(locked.decrypt(passphrase.as_bytes()).ok()?.as_bytes())
}

/// Derives a key with scrypt (N 16384, r 8, p 5: what 16 MiB of memory can cost, and openssl's limit lets in) and
/// encrypts with AES-256-CBC.
#[cfg(feature = "vendor")]
fn lock(der: &[u8], passphrase: &Passphrase) -> Result<Vec<u8>, &'static str> {
    use pkcs8::pkcs5::{pbes2, scrypt};
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    getrandom::fill(&mut salt)
        .and_then(|()| getrandom::fill(&mut iv))
        .map_err(|_why| "there is no randomness")?;
    let broken = "it can't be put under a passphrase";
    let cost = scrypt::Params::new(14, 8, 5).map_err(|_why| broken)?;
    let how = pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, iv).map_err(|_why| broken)?;
    let plain = pkcs8::PrivateKeyInfoRef::try_from(der).map_err(|_why| broken)?;
    let locked = plain.encrypt_with_params(how, passphrase.as_bytes()).map_err(|_why| broken)?;
    Ok(locked.as_bytes().to_vec())
}

#[cfg(not(feature = "vendor"))]
pub(super) fn unlock(_der: &[u8], _passphrase: &Passphrase) -> Option<[u8; 32]> {
    None
}

#[cfg(not(feature = "vendor"))]
fn lock(_der: &[u8], _passphrase: &Passphrase) -> Result<Vec<u8>, &'static str> {
    Err("this program was built without passphrases")
}

/// Whether a file is a private key of Updraft, of whatever repository, be it under a passphrase or not.
#[must_use]
pub fn is_private_key(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let ours = text.contains(HEAD) && !text.contains("\nsigner: ");
    ours || (text.trim_start().starts_with('{') && read_json(bytes).is_ok())
}

/// The public half of a key as `openssl pkey -pubout` writes it (RFC 8410), or as 64 hex digits.
#[must_use]
pub fn read_public(text: &str) -> Option<[u8; 32]> {
    const BEFORE: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
    if let Some(der) = block(text, "PUBLIC KEY") {
        return der.ok()?.strip_prefix(&BEFORE)?.try_into().ok();
    }
    thirty_two(unhex(text.trim()))
}
