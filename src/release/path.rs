//! The path of a file inside an install: one grammar for every operating system.
//!
//! A path that is valid here names the same file on Windows, macOS and Linux, stays inside the install, and
//! can't be mistaken for another one that differs in case or in Unicode form alone.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Most bytes of one part of a path.
const MAX_PART: usize = 255;
/// Most bytes of a whole path.
const MAX_PATH: usize = 32_000;

/// A relative path with `/` between its parts.
///
/// NFC; no empty, `.` or `..` part; no drive, UNC form, `:` or other character Windows forbids, no control
/// character, no reserved Windows name with or without an extension, no part ending in a dot or a space; at
/// most 255 bytes a part and 32,000 in all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RelPath(String);

/// Why a text is not a [`RelPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the path \u{ab}{path}\u{bb} is refused: {rule}")]
pub struct InvalidPath {
    /// The path as it was found, shortened.
    pub path: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl RelPath {
    /// The path as text, with `/` between the parts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts, outermost folder first.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The folder this lies in, or nothing at the top.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// All folders this lies in, innermost first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// The last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// This path below `root`, in the form of the machine we run on.
    #[must_use]
    pub fn under(&self, root: &Path) -> PathBuf {
        let mut path = root.to_path_buf();
        path.extend(self.parts());
        path
    }

    /// The path of something named `name` in the folder this path names.
    ///
    /// # Errors
    /// If `name` is no valid part, or the whole grows too long.
    pub fn join(&self, name: &str) -> Result<Self, InvalidPath> {
        format!("{}/{name}", self.0).parse()
    }

    /// Reads a path of this machine below some root, as `strip_prefix` returns it.
    ///
    /// # Errors
    /// If a part is not Unicode or breaks the grammar. A name in another Unicode form is refused, not changed:
    /// the file on disk is called what it is called.
    pub fn from_native(path: &Path) -> Result<Self, InvalidPath> {
        let refused = |rule| InvalidPath { path: shorten(&path.to_string_lossy()), rule };
        let mut text = String::new();
        for part in path.components() {
            let std::path::Component::Normal(part) = part else {
                return Err(refused("it is not a plain relative path"));
            };
            let part = part.to_str().ok_or_else(|| refused("it is not valid Unicode"))?;
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(part);
        }
        text.parse()
    }

    /// The key under which two paths are the same file on some operating system: NFC after Unicode case
    /// folding (Unicode 3.13, D145).
    #[must_use]
    pub fn fold(&self) -> String {
        let decomposed: String = self.0.nfd().collect();
        caseless::default_case_fold_str(&decomposed).nfc().collect()
    }

    /// Whether this path lies in `folder` or is it.
    #[must_use]
    pub fn is_within(&self, folder: &Self) -> bool {
        self.0.strip_prefix(&folder.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for RelPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        match broken_rule(text) {
            None => Ok(Self(text.to_owned())),
            Some(rule) => Err(InvalidPath { path: shorten(text), rule }),
        }
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

fn broken_rule(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.len() > MAX_PATH {
        return Some("it is longer than 32,000 bytes");
    }
    if !is_nfc(text) {
        return Some("it is not in Unicode form NFC");
    }
    text.split('/').find_map(broken_part)
}

fn broken_part(part: &str) -> Option<&'static str> {
    if part.is_empty() {
        return Some("it is absolute or has an empty part");
    }
    if part == "." || part == ".." {
        return Some("it has a part . or ..");
    }
    if part.len() > MAX_PART {
        return Some("a part is longer than 255 bytes");
    }
    if part.chars().any(|c| c.is_control() || r#"\:*?"<>|"#.contains(c)) {
        return Some(r#"it has a control character or one of \ : * ? " < > |"#);
    }
    if part.ends_with(['.', ' ']) {
        return Some("a part ends in a dot or a space");
    }
    if is_reserved(part) {
        return Some("a part is a name reserved by Windows");
    }
    None
}

/// Device names of Windows: they open a device in any folder, with any extension.
fn is_reserved(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end_matches(' ').to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    ["COM", "LPT"].iter().any(|device| {
        stem.strip_prefix(device).is_some_and(|rest| {
            let mut chars = rest.chars();
            matches!((chars.next(), chars.next()), (Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'), None))
        })
    })
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for RelPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for RelPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_paths_are_taken() {
        for good in ["a", "bin/myapp", "插件/模块 一.dll", "a.b/.hidden", "com10", "lib/con-fig.txt", "😀/x"]
        {
            assert!(good.parse::<RelPath>().is_ok(), "{good}");
        }
    }

    #[test]
    fn paths_that_could_harm_are_refused() {
        let long = "x".repeat(256);
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            "a/./b",
            "C:/x",
            "C:x",
            "//server/share",
            "a\\b",
            "a:b",
            "a\u{0}b",
            "a\nb",
            "con",
            "CON.txt",
            "a/nul",
            "LPT1",
            "com1.log",
            "com\u{b9}",
            "aux .txt",
            "a.",
            "a ",
            "a./b",
            "cafe\u{301}",
            "a*b",
            "a|b",
            &long,
        ] {
            assert!(bad.parse::<RelPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn paths_that_differ_in_case_alone_share_a_key() {
        let key = |text: &str| text.parse::<RelPath>().unwrap().fold();
        assert_eq!(key("Bin/App"), key("bin/aPP"));
        assert_eq!(key("Straße"), key("STRASSE"));
        assert_eq!(key("CAFÉ"), key("café"));
        assert_ne!(key("a"), key("b"));
    }
}
