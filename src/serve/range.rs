//! Ranges and entity tags of a request (RFC 9110, sections 13 and 14).

/// Which bytes of a file an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of them.
    Whole,
    /// From the first to the last, both counted in.
    Range(u64, u64),
    /// None: the range lies behind the end.
    Unsatisfiable,
}

/// The part of `length` bytes that a `Range` header asks for. What is no single range of bytes is as if it were
/// not there.
pub(super) fn part(header: &str, length: u64) -> Part {
    parse(header, length).unwrap_or(Part::Whole)
}

fn parse(header: &str, length: u64) -> Option<Part> {
    let (unit, set) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?;
        let is_empty = suffix == 0 || length == 0;
        return Some(if is_empty {
            Part::Unsatisfiable
        } else {
            Part::Range(length.saturating_sub(suffix), length - 1)
        });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(if first >= length { Part::Unsatisfiable } else { Part::Range(first, last.min(length - 1)) })
}

/// A number too large for us is larger than any file.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Whether an `If-None-Match` header names `tag`, or anything.
pub(super) fn names(header: &str, tag: &str) -> bool {
    header.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_range_is_served_and_everything_else_is_not_one() {
        for (header, expected) in [
            ("bytes=0-0", Part::Range(0, 0)),
            ("bytes=5-", Part::Range(5, 9)),
            ("bytes=5-100", Part::Range(5, 9)),
            ("bytes=-3", Part::Range(7, 9)),
            ("bytes=-30", Part::Range(0, 9)),
            ("Bytes= 2-3", Part::Range(2, 3)),
            ("bytes=10-", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=99999999999999999999999-", Part::Unsatisfiable),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=4-2", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(header, 10), expected, "{header}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Unsatisfiable);
        assert_eq!(part("bytes=-1", 0), Part::Unsatisfiable);
    }

    #[test]
    fn tags_are_compared_weakly_for_a_cache() {
        assert!(names("\"a\", W/\"b\"", "\"b\""));
        assert!(names("*", "\"b\""));
        assert!(!names("\"a\"", "\"b\""));
    }
}
