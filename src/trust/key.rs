//! Public keys and what they verify. The product signs and verifies with Ed25519 alone; ECDSA and RSA-PSS are
//! there with the feature `conformance`, for the test suite of the specification.

use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use serde::{Deserialize, Serialize};

/// A public key as metadata lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    keytype: String,
    scheme: String,
    keyval: KeyVal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeyVal {
    public: String,
}

impl PublicKey {
    /// The Ed25519 key of these 32 bytes.
    #[must_use]
    pub fn ed25519(bytes: &[u8; 32]) -> Self {
        let ed25519 = || "ed25519".to_owned();
        Self { keytype: ed25519(), scheme: ed25519(), keyval: KeyVal { public: hex(bytes) } }
    }

    /// The name metadata gives the key: the SHA-256 of its canonical form.
    #[must_use]
    pub fn id(&self) -> String {
        // A key is three texts, so it always has a canonical form.
        let value = serde_json::to_value(self).unwrap_or_default();
        crate::release::Digest::of(&super::canonical::encode(&value).unwrap_or_default()).hex()
    }

    /// The key's own bytes, without its name and its spelling: two keys with the same bytes are one key.
    pub(super) fn material(&self) -> Option<Vec<u8>> {
        self.usable().map(|(_, bytes)| bytes)
    }

    /// Whether `sig` (hex) is this key's signature of `message`. A key of an unknown kind verifies nothing.
    pub(super) fn verifies(&self, message: &[u8], sig: &str) -> bool {
        let Some((algorithm, bytes)) = self.usable() else { return false };
        let Some(sig) = unhex(sig) else { return false };
        UnparsedPublicKey::new(algorithm, bytes).verify(message, &sig).is_ok()
    }

    fn usable(&self) -> Option<(&'static dyn VerificationAlgorithm, Vec<u8>)> {
        match (self.keytype.as_str(), self.scheme.as_str()) {
            ("ed25519", "ed25519") => {
                let bytes = unhex(&self.keyval.public).filter(|bytes| bytes.len() == 32)?;
                Some((&signature::ED25519, bytes))
            }
            #[cfg(feature = "conformance")]
            ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => {
                Some((&signature::ECDSA_P256_SHA256_ASN1, super::spki::bits(&self.keyval.public)?))
            }
            #[cfg(feature = "conformance")]
            ("ecdsa" | "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384") => {
                Some((&signature::ECDSA_P384_SHA384_ASN1, super::spki::bits(&self.keyval.public)?))
            }
            #[cfg(feature = "conformance")]
            ("rsa", "rsassa-pss-sha256") => {
                Some((&signature::RSA_PSS_2048_8192_SHA256, super::spki::bits(&self.keyval.public)?))
            }
            _ => None,
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn the_test_vector_of_the_standard_verifies_and_nothing_near_it() {
        let key = PublicKey {
            keytype: "ed25519".into(),
            scheme: "ed25519".into(),
            keyval: KeyVal {
                public: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c".into(),
            },
        };
        let sig = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                   085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert!(key.verifies(&[0x72], sig));
        assert!(!key.verifies(&[0x73], sig));
        for bad in ["", "0", "zz", &sig[2..], &sig.replace('9', "8")] {
            assert!(!key.verifies(&[0x72], bad), "{bad}");
        }
        let other = PublicKey { scheme: "rot13".into(), ..key };
        assert!(!other.verifies(&[0x72], sig));
        assert_eq!(other.material(), None);
    }

    #[test]
    fn two_spellings_of_a_key_have_one_material() {
        let lower = PublicKey::ed25519(&[0xab; 32]);
        let upper = PublicKey { keyval: KeyVal { public: "AB".repeat(32) }, ..lower.clone() };
        assert_ne!(lower.id(), upper.id());
        assert_eq!(lower.material(), upper.material());
    }
}
