//! What an answer, or none, means: one place for all rules about lying servers. No I/O.

use std::ops::Range;
use std::time::Duration;

use crate::source::{Answer, SourceError, Trouble};

use super::TransferError;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    /// The bytes wanted; all of them if no range was sent.
    pub(super) bytes: Range<u64>,
    /// The size of the object.
    pub(super) size: u64,
    /// Whether a range was sent.
    pub(super) ranged: bool,
    /// Whether it was tied to an entity tag.
    pub(super) tied: bool,
}

/// Why a request did not give what it should.
#[derive(Debug)]
pub(super) enum Fall {
    /// It passes by itself.
    Transient {
        /// What happened.
        reason: String,
        /// How long the source asks to be left alone.
        retry_after: Option<Duration>,
        /// Whether the source says that it has too much to do.
        busy: bool,
    },
    /// The source does not have it.
    Missing(String),
    /// The source gives other bytes than were signed.
    Corrupt(String),
    /// The source gives no usable answer.
    BadAnswer(String),
    /// The source is not who it says.
    Insecure(String),
    /// The source is much slower than another one: ask that.
    Slow(String),
    /// Nothing is wrong, but another source is to be tried out.
    Elsewhere,
    /// The source ignores ranges: ask it for all.
    NoRange,
    /// What we have is not what the source has now: ask again, untied.
    Changed,
    /// What we have began somewhere else and does not fit: begin this piece again.
    Restart,
    /// The end.
    Final(TransferError),
}

impl Fall {
    pub(super) fn transient(reason: impl Into<String>) -> Self {
        Self::Transient { reason: reason.into(), retry_after: None, busy: false }
    }
}

impl From<SourceError> for Fall {
    fn from(error: SourceError) -> Self {
        match error.trouble {
            Trouble::Transient => Self::transient(error.reason),
            Trouble::Refused => Self::BadAnswer(error.reason),
            Trouble::Insecure => Self::Insecure(error.reason),
            Trouble::Unusable => Self::BadAnswer(error.reason),
        }
    }
}

/// What a status other than success means.
pub(super) fn refused(answer: &Answer) -> Option<Fall> {
    let status = answer.status;
    match status {
        200 | 206 => None,
        403 | 404 | 410 => Some(Fall::Missing(format!("it answers {status}"))),
        408 | 425 | 429 | 500..=599 => Some(Fall::Transient {
            reason: format!("the server answers {status}"),
            retry_after: answer.retry_after,
            busy: matches!(status, 429 | 503),
        }),
        407 => Some(Fall::BadAnswer(
            "the proxy asks for a user and a password; give them in the setting \u{ab}proxy\u{bb}".to_owned(),
        )),
        // Some proxies answer so too, so the reason names both.
        401 => Some(Fall::BadAnswer(
            "the server, or the proxy before it, asks for a user and a password (401)".to_owned(),
        )),
        _ => Some(Fall::BadAnswer(format!("it answers {status}"))),
    }
}

/// Which bytes of the object the body of `answer` holds, if it can be used at all.
pub(super) fn judge(answer: &Answer, ask: &Ask) -> Result<Range<u64>, Fall> {
    if answer.status == 416 && ask.ranged {
        return Err(Fall::Corrupt("its copy is shorter than it should be (416)".to_owned()));
    }
    if let Some(fall) = refused(answer) {
        return Err(fall);
    }
    if answer.encoded {
        return Err(Fall::BadAnswer("it encodes content that must come as it is".to_owned()));
    }
    let bytes = match (answer.status, ask.ranged) {
        (206, true) => part(answer, ask)?,
        (206, false) => return Err(Fall::BadAnswer("it sends a part of what was asked for".to_owned())),
        (_, true) => {
            // A page instead of the content, or a copy cut short, says nothing about what we have or about ranges.
            fits(answer, 0..ask.size)?;
            return Err(if ask.tied { Fall::Changed } else { Fall::NoRange });
        }
        (_, false) => 0..ask.size,
    };
    fits(answer, bytes.clone())?;
    Ok(bytes)
}

fn part(answer: &Answer, ask: &Ask) -> Result<Range<u64>, Fall> {
    let Some(range) = answer.content_range else { return Err(Fall::NoRange) };
    let right_place = range.first == ask.bytes.start && range.last < ask.bytes.end;
    let right_size = range.total.is_none_or(|total| total == ask.size);
    if !right_size {
        return Err(wrong_length(answer, range.total.unwrap_or_default(), ask.size));
    }
    if right_place { Ok(range.first..range.last + 1) } else { Err(Fall::NoRange) }
}

fn fits(answer: &Answer, bytes: Range<u64>) -> Result<(), Fall> {
    let expected = bytes.end - bytes.start;
    match answer.length {
        Some(length) if length != expected => Err(wrong_length(answer, length, expected)),
        None if answer.html => Err(page()),
        _ => Ok(()),
    }
}

fn wrong_length(answer: &Answer, length: u64, expected: u64) -> Fall {
    if answer.html {
        page()
    } else {
        Fall::Corrupt(format!("it has {length} bytes where {expected} were signed"))
    }
}

/// A network that asks for a log-in answers everything with a page; that passes once someone has logged in.
pub(super) fn page() -> Fall {
    Fall::transient("a web page came instead of the content; the network may want a log-in")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ContentRange;

    fn answer(status: u16) -> Answer {
        Answer::of_status(status)
    }

    fn ranged() -> Ask {
        Ask { bytes: 10..20, size: 100, ranged: true, tied: false }
    }

    fn part_of(first: u64, last: u64, total: u64) -> Answer {
        Answer { content_range: Some(ContentRange { first, last, total: Some(total) }), ..answer(206) }
    }

    /// A46: a wrong Content-Range, an ignored range and an encoded range are never mixed in.
    #[test]
    fn only_the_part_asked_for_is_taken() {
        assert_eq!(judge(&part_of(10, 19, 100), &ranged()).unwrap(), 10..20);
        assert_eq!(judge(&part_of(10, 14, 100), &ranged()).unwrap(), 10..15);
        for lie in [part_of(0, 9, 100), part_of(11, 19, 100), part_of(10, 25, 100), answer(206)] {
            assert!(matches!(judge(&lie, &ranged()), Err(Fall::NoRange)));
        }
        assert!(matches!(judge(&part_of(10, 19, 99), &ranged()), Err(Fall::Corrupt(_))));
        assert!(matches!(judge(&answer(200), &ranged()), Err(Fall::NoRange)));
        assert!(matches!(judge(&answer(200), &Ask { tied: true, ..ranged() }), Err(Fall::Changed)));
        let encoded = Answer { encoded: true, ..part_of(10, 19, 100) };
        assert!(matches!(judge(&encoded, &ranged()), Err(Fall::BadAnswer(_))));
        assert!(matches!(judge(&answer(416), &ranged()), Err(Fall::Corrupt(_))));
    }

    /// A46: a log-in page of a network is waited out, not taken for content.
    #[test]
    fn a_page_is_no_content() {
        let whole = Ask { bytes: 0..100, size: 100, ranged: false, tied: false };
        for length in [None, Some(7)] {
            let page = Answer { html: true, length, ..answer(200) };
            assert!(matches!(judge(&page, &whole), Err(Fall::Transient { .. })));
            assert!(matches!(judge(&page, &ranged()), Err(Fall::Transient { .. })));
            // What has come so far is kept.
            let tied = Ask { tied: true, ..ranged() };
            assert!(matches!(judge(&page, &tied), Err(Fall::Transient { .. })));
        }
        let named_so = Answer { html: true, length: Some(100), ..answer(200) };
        assert_eq!(judge(&named_so, &whole).unwrap(), 0..100);
    }

    #[test]
    fn a_status_is_sorted() {
        let busy = Answer { retry_after: Some(Duration::from_secs(3)), ..answer(503) };
        assert!(matches!(refused(&busy), Some(Fall::Transient { retry_after: Some(_), .. })));
        for gone in [403, 404, 410] {
            assert!(matches!(refused(&answer(gone)), Some(Fall::Missing(_))));
        }
        for odd in [204, 304, 401, 407, 418] {
            assert!(matches!(refused(&answer(odd)), Some(Fall::BadAnswer(_))));
        }
    }
}
