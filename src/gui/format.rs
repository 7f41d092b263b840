//! Numbers, bytes and times as people read them; the one place where the window makes text of a number.

use crate::report::ReleaseRef;

use super::texts::Texts;

/// A size in decimal units: `48.3 MB`.
pub(super) fn bytes(texts: &Texts, bytes: u64) -> String {
    let (shown, unit) = rounded(texts, bytes);
    texts.with(unit, &[("shown", &shown)])
}

/// The number before the unit, and the text that has the unit.
fn rounded(texts: &Texts, bytes: u64) -> (String, &'static str) {
    if bytes < 1000 {
        return (bytes.to_string(), "bytes-b");
    }
    let exact = u128::from(bytes);
    let mut scale = 1;
    for unit in ["bytes-kb", "bytes-mb", "bytes-gb"] {
        scale *= 1000;
        // Rounded once, from the exact value: 999.96 kB is 1.0 MB and not 1000.0 kB.
        let (tenths, whole) = ((exact * 10 + scale / 2) / scale, (exact + scale / 2) / scale);
        if tenths < 1000 {
            return (format!("{}{}{}", tenths / 10, texts.get("number-decimal"), tenths % 10), unit);
        }
        if whole < 1000 {
            return (whole.to_string(), unit);
        }
    }
    (number(texts, bytes / 1_000_000_000_000), "bytes-tb")
}

/// A number with groups of three.
pub(super) fn number(texts: &Texts, number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push_str(&texts.get("number-group"));
        }
        out.push(digit);
    }
    out
}

/// Whole percent of `done` in `total`, which reach 100 only at the end.
pub(super) fn percent(done: u64, total: u64) -> u64 {
    let part = u128::from(done.min(total)) * 100 / u128::from(total.max(1));
    u64::try_from(part).unwrap_or(100)
}

/// The same as text.
pub(super) fn percent_text(texts: &Texts, percent: u64) -> String {
    texts.with("percent", &[("shown", &percent.to_string())])
}

/// A time span, no finer than it is worth: `40 s`, `2 min 5 s`, `1 h 4 min`.
pub(super) fn span(texts: &Texts, seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let (h, m, s) = (number(texts, hours), minutes.to_string(), rest.to_string());
    match (hours, minutes) {
        (0, 0) => texts.with("span-seconds", &[("s", &s)]),
        (0, _) => texts.with("span-minutes", &[("m", &m), ("s", &s)]),
        _ => texts.with("span-hours", &[("h", &h), ("m", &m)]),
    }
}

/// A release by its version, or by its number if it has none.
pub(super) fn release(release: &ReleaseRef) -> String {
    release.version.as_ref().map_or_else(|| release.number.to_string(), ToString::to_string)
}

/// `text` in at most `most` characters, the middle left out: the end of a path says more than its middle.
pub(super) fn shorten(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let head: String = text.chars().take(kept / 3).collect();
    let tail: String = text.chars().skip(count - (kept - kept / 3)).collect();
    format!("{head}\u{2026}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        let texts = Texts::new(Some("en"));
        for (value, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (48_300_000, "48.3 MB"),
            (999_960, "1.0 MB"),
            (123_456_789, "123 MB"),
            (5_000_000_000, "5.0 GB"),
            (7_000_000_000_000, "7 TB"),
        ] {
            assert_eq!(bytes(&texts, value), text);
        }
        assert_eq!(number(&texts, 1_234_567), "1,234,567");
        assert_eq!(number(&texts, 12), "12");
        assert_eq!((percent(0, 0), percent(999, 1000), percent(7, 7), percent(9, 7)), (0, 99, 100, 100));
        assert_eq!(span(&texts, 3), "3 s");
        assert_eq!(span(&texts, 125), "2 min 5 s");
        assert_eq!(span(&texts, 3900), "1 h 5 min");
        let german = Texts::new(Some("de"));
        assert_eq!((bytes(&german, 48_300_000), number(&german, 1234)), ("48,3 MB".into(), "1.234".into()));
        assert_eq!(number(&Texts::new(Some("fr")), 1234), "1\u{a0}234");
    }

    #[test]
    fn a_long_path_keeps_its_end() {
        assert_eq!(shorten("bin/module05.dll", 40), "bin/module05.dll");
        assert_eq!(shorten("share/very/long/path/to/file.txt", 16), "share\u{2026}o/file.txt");
    }
}
