//! What the manifest says of the new files, as lines of text that a stream may be packed against: a list of digests
//! that lies in a release then costs next to nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::release::Digest;

/// Most bytes of the text.
pub(super) const MAX_KNOWN: usize = 1 << 20;

/// Lines for each of these files (path, size, digest), which are those that a delta makes, in their order. First come
/// lines as in the `RECORD` of an installed Python package (path, digest in base64, size), then lines as `sha256sum`
/// writes them. Lines that would go beyond [`MAX_KNOWN`] are left out.
pub(super) fn text<'a>(files: impl Iterator<Item = (&'a str, u64, Digest)> + Clone) -> Vec<u8> {
    let record = |(path, size, digest): (&str, u64, Digest)| {
        format!("{path},sha256={},{size}\n", URL_SAFE_NO_PAD.encode(digest.as_bytes()))
    };
    let sum = |(path, _, digest): (&str, u64, Digest)| format!("{digest}  {path}\n");
    let mut text = Vec::new();
    for line in files.clone().map(record).chain(files.map(sum)) {
        if text.len() + line.len() <= MAX_KNOWN {
            text.extend_from_slice(line.as_bytes());
        }
    }
    text
}

/// Whether a digest of `known` stands somewhere in `bytes`.
#[cfg(feature = "vendor")]
pub(super) fn is_told_in(known: &[u8], bytes: &[u8]) -> bool {
    let words = |text: &'_ [u8]| -> std::collections::HashSet<Vec<u8>> {
        let words = text.split(|byte| !byte.is_ascii_alphanumeric() && !b"-_".contains(byte));
        words.filter(|word| [43, 64].contains(&word.len())).map(<[u8]>::to_vec).collect()
    };
    !known.is_empty() && !words(known).is_disjoint(&words(bytes))
}

/// The text behind old bytes: the last `window` bytes of both.
pub(super) fn behind(old: &[u8], known: &[u8], window: usize) -> Vec<u8> {
    let old = &old[old.len().saturating_sub(window - known.len().min(window))..];
    [old, known].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_its_two_lines_and_long_lists_are_cut() {
        let digest = Digest::of(b"");
        let text = text([("a/b", 0, digest), ("é", 7, digest)].into_iter());
        let text = String::from_utf8(text).unwrap();
        let (hex, base) = (
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        );
        let wanted = format!("a/b,sha256={base},0\né,sha256={base},7\n{hex}  a/b\n{hex}  é\n");
        assert_eq!(text, wanted);
        let many = std::iter::repeat_n(("a", 1, digest), 30_000);
        let long = super::text(many);
        assert!(long.len() <= MAX_KNOWN && long.len() > MAX_KNOWN - 60);
    }

    #[test]
    fn the_text_comes_last_in_a_window_that_is_short() {
        assert_eq!(behind(b"abcdef", b"12", 4), b"ef12");
        assert_eq!(behind(b"ab", b"12", 9), b"ab12");
        assert_eq!(behind(b"", b"12", 9), b"12");
    }
}
