//! A moment in UTC, written `YYYY-MM-DDTHH:MM:SSZ` and in no other way (TUF 1.0.34, section 4.2.1).

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// A moment in UTC, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stamp(i64);

/// Why a text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\u{ab}{0}\u{bb} is not a time of the form YYYY-MM-DDTHH:MM:SSZ")]
pub struct InvalidStamp(String);

/// The last second of the year 9999, the latest moment the form can write.
const LAST: i64 = 253_402_300_799;
/// The first second of the year 0001.
const FIRST: i64 = -62_135_596_800;

impl Stamp {
    /// The moment now, by this machine's clock.
    #[must_use]
    pub fn now() -> Self {
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Self::from_unix(i64::try_from(since.as_secs()).unwrap_or(LAST)),
            Err(_before_1970) => Self(0),
        }
    }

    /// The moment `seconds` after 1970-01-01T00:00:00Z, held within the years 1 to 9999.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds.clamp(FIRST, LAST))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix(self) -> i64 {
        self.0
    }

    /// This moment and `span` more.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self::from_unix(self.0.saturating_add(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = OffsetDateTime::from_unix_timestamp(self.0).map_err(|_why| fmt::Error)?;
        f.write_str(&when.format(FORMAT).map_err(|_why| fmt::Error)?)
    }
}

impl FromStr for Stamp {
    type Err = InvalidStamp;

    fn from_str(text: &str) -> Result<Self, InvalidStamp> {
        let invalid = || InvalidStamp(text.chars().take(40).collect());
        // The parser alone would take "+2026"; the form has exactly 20 bytes.
        if text.len() != 20 || !text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(invalid());
        }
        let when = PrimitiveDateTime::parse(text, FORMAT).map_err(|_why| invalid())?;
        Ok(Self(when.assume_utc().unix_timestamp()))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_only_the_one_form() {
        let moment: Stamp = "2026-11-20T10:00:00Z".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-11-20T10:00:00Z");
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(Stamp::from_unix(1)));
        for bad in [
            "2026-11-20T10:00:00+00:00",
            "2026-11-20 10:00:00Z",
            "2026-11-20T10:00:00.0Z",
            "2026-13-20T10:00:00Z",
            "2026-02-30T10:00:00Z",
            "+026-02-20T10:00:00Z",
            "",
        ] {
            assert!(bad.parse::<Stamp>().is_err(), "{bad}");
        }
    }
}
