//! The version of a release that nobody names: the next patch number, the date, or what a file of the folder says.

use std::path::Path;
use std::str::FromStr;

use crate::fsx;
use crate::release::{RelPath, Stamp, Version};

use super::PublishError;

/// Most bytes of a file with a version in it.
const MAX_FILE: u64 = 64 * 1024;

/// Where the version of the next release comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum VersionRule {
    /// The newest version with its last number one higher; the first is 1.0.0.
    #[default]
    Patch,
    /// The day in UTC, `2026.11.21`; the second of a day is `2026.11.21.2`.
    Date,
    /// The first line of a file in the folder.
    File(RelPath),
}

impl FromStr for VersionRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.split_once(':')) {
            ("patch", _) => Ok(Self::Patch),
            ("date", _) => Ok(Self::Date),
            (_, Some(("file", path))) => path.parse().map(Self::File).map_err(|why| why.to_string()),
            _ => Err("write patch, date, or file:PATH with a file of the folder".to_owned()),
        }
    }
}

impl std::fmt::Display for VersionRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Patch => f.write_str("patch"),
            Self::Date => f.write_str("date"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

impl VersionRule {
    /// The version of the next release of `folder`. `used` are the versions there are, the newest first.
    ///
    /// # Errors
    /// If the file with the version can't be read or holds none.
    pub fn next(&self, folder: &Path, used: &[Version], now: Stamp) -> Result<Version, PublishError> {
        match self {
            Self::Patch => Ok(patch(used)?),
            Self::Date => Ok(date(used, now)?),
            Self::File(path) => read(&path.under(folder)),
        }
    }
}

fn patch(used: &[Version]) -> Result<Version, crate::release::InvalidName> {
    let Some(newest) = used.first() else { return "1.0.0".parse() };
    let mut text = newest.as_str().to_owned();
    loop {
        text = raised(&text);
        let version: Version = text.parse()?;
        if !used.contains(&version) {
            return Ok(version);
        }
    }
}

/// The text with its last number one higher; zeros before it stay. Without a number `.1` is added.
fn raised(text: &str) -> String {
    let Some(end) = text.rfind(|letter: char| letter.is_ascii_digit()).map(|at| at + 1) else {
        return format!("{text}.1");
    };
    let begin = text[..end].rfind(|letter: char| !letter.is_ascii_digit());
    // The letter before the number may be of several bytes.
    let begin = begin.map_or(0, |at| at + text[at..].chars().next().map_or(0, char::len_utf8));
    let mut digits: Vec<u8> = text[begin..end].bytes().collect();
    let nines = digits.iter().rev().take_while(|digit| **digit == b'9').count();
    let at = digits.len() - nines;
    digits[at..].fill(b'0');
    match at.checked_sub(1) {
        Some(last) => digits[last] += 1,
        None => digits.insert(0, b'1'),
    }
    format!("{}{}{}", &text[..begin], String::from_utf8_lossy(&digits), &text[end..])
}

fn date(used: &[Version], now: Stamp) -> Result<Version, crate::release::InvalidName> {
    let day = now.to_string()[..10].replace('-', ".");
    let names = std::iter::once(day.clone()).chain((2u32..).map(|nth| format!("{day}.{nth}")));
    let free = |name: &String| !used.iter().any(|version| version.as_str() == name);
    names.into_iter().find(free).unwrap_or(day).parse()
}

fn read(file: &Path) -> Result<Version, PublishError> {
    let bad = |why: String| PublishError::VersionFile { file: file.to_path_buf(), why };
    let bytes = fsx::read(file, MAX_FILE)?;
    let text = String::from_utf8(bytes).map_err(|_why| bad("it is not UTF-8 text".to_owned()))?;
    let line = text.trim_start_matches('\u{feff}').lines().map(str::trim).find(|line| !line.is_empty());
    line.ok_or_else(|| bad("it is empty".to_owned()))?.parse().map_err(|why| bad(format!("{why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(texts: &[&str]) -> Vec<Version> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_last_number_grows_and_is_never_one_that_was_used() {
        for (newest, next) in [
            ("1.2.3", "1.2.4"),
            ("1.9", "1.10"),
            ("1.2.9-beta", "1.2.10-beta"),
            ("v099", "v100"),
            ("2026-11-21", "2026-11-22"),
            ("Herbst", "Herbst.1"),
            ("版7版", "版8版"),
            ("999999999999999999999", "1000000000000000000000"),
        ] {
            assert_eq!(patch(&versions(&[newest])).unwrap().as_str(), next);
        }
        assert_eq!(patch(&[]).unwrap().as_str(), "1.0.0");
        assert_eq!(patch(&versions(&["1.1", "1.3", "1.2"])).unwrap().as_str(), "1.4");
    }

    #[test]
    fn the_second_release_of_a_day_has_a_number() {
        let now: Stamp = "2026-11-21T23:59:59Z".parse().unwrap();
        assert_eq!(date(&[], now).unwrap().as_str(), "2026.11.21");
        assert_eq!(date(&versions(&["2026.11.21"]), now).unwrap().as_str(), "2026.11.21.2");
        let used = versions(&["2026.11.21.2", "2026.11.21"]);
        assert_eq!(date(&used, now).unwrap().as_str(), "2026.11.21.3");
    }

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        for text in ["patch", "date", "file:a/VERSION"] {
            assert_eq!(text.parse::<VersionRule>().unwrap().to_string(), text);
        }
        for bad in ["", "minor", "file:", "file:../x", "file"] {
            assert!(bad.parse::<VersionRule>().is_err(), "{bad}");
        }
    }
}
