//! The key bits inside a PEM public key (RFC 5280, section 4.1: SubjectPublicKeyInfo). Only for the conformance
//! suite.

use base64::Engine as _;

/// The content of the bit string of a PEM public key: a point for ECDSA, a PKCS #1 key for RSA.
pub(super) fn bits(pem: &str) -> Option<Vec<u8>> {
    let body =
        pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----")?.strip_suffix("-----END PUBLIC KEY-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).ok()?;
    let (outer, rest) = element(0x30, &der)?;
    let (_algorithm, after) = element(0x30, outer)?;
    let (bits, end) = element(0x03, after)?;
    // The first byte counts unused bits; a key has none.
    let (0, key) = bits.split_first().map(|(unused, key)| (*unused, key))? else { return None };
    (rest.is_empty() && end.is_empty()).then(|| key.to_vec())
}

/// The content of the DER element with this tag at the start, and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, der) = der.split_first()?;
    let (&first, der) = der.split_first()?;
    let (length, der) = match first {
        ..=0x7f => (usize::from(first), der),
        0x81 | 0x82 => {
            let (length, der) = der.split_at_checked(usize::from(first - 0x80))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), der)
        }
        _ => return None,
    };
    if found == tag { der.split_at_checked(length) } else { None }
}
