//! The small names of a release: program, channel, platform, version text, number, urgency.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\u{ab}{text}\u{bb} is not a valid {what}: {rule}")]
pub struct InvalidName {
    what: &'static str,
    text: String,
    rule: &'static str,
}

fn invalid(what: &'static str, text: &str, rule: &'static str) -> InvalidName {
    InvalidName { what, text: text.chars().take(80).collect(), rule }
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.to_owned())) } else { Err(invalid($what, text, $rule)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_type!(
    /// The name of a program, as its vendor and its folder in a repository call it.
    App, "program name", |text| shown(text, 100) && !text.contains(['/', '\\', ':']),
    "1 to 100 characters, no control characters, no / \\ :"
);
text_type!(
    /// The version of a release as people read it; order comes from [`ReleaseNumber`] alone.
    Version, "version", |text| shown(text, 64), "1 to 64 characters, no control characters"
);
text_type!(
    /// The stream of releases an install follows: `stable`, `beta` or any other name.
    Channel, "channel", |text| word(text), "1 to 32 of a-z 0-9 . _ -, starting with a letter or digit"
);
text_type!(
    /// What a release runs on: `windows-x86_64`, `macos-aarch64`, `linux-x86_64`, ..., or `any`.
    Platform, "platform", |text| word(text), "1 to 32 of a-z 0-9 . _ -, starting with a letter or digit"
);

impl App {
    /// The name as packages and menu entries write it: `My App` as `my-app`; nothing if too little of it is ASCII.
    #[must_use]
    pub fn package_name(&self) -> Option<String> {
        let mut name = String::new();
        for c in self.0.chars() {
            if c.is_ascii_alphanumeric() || ".+".contains(c) {
                name.push(c.to_ascii_lowercase());
            } else if c.is_ascii() && !name.is_empty() && !name.ends_with('-') {
                name.push('-');
            } else if !c.is_ascii() {
                return None;
            }
        }
        let name = name.trim_end_matches(['-', '.', '+']).to_owned();
        is_package_name(&name).then_some(name)
    }
}

/// Whether `text` can name a package of Debian (Debian Policy 5.6.1) and a menu entry.
#[must_use]
pub fn is_package_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-".contains(&byte);
    (2..=80).contains(&text.len())
        && text.bytes().all(allowed)
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && !text.ends_with('.')
}

fn shown(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control) && text.trim() == text
}

fn word(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    (1..=32).contains(&text.len())
        && text.bytes().all(allowed)
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && !text.ends_with('.')
}

impl Channel {
    /// The channel everybody is on unless told otherwise.
    #[must_use]
    pub fn stable() -> Self {
        Self("stable".to_owned())
    }
}

impl Platform {
    /// The platform that every machine accepts.
    #[must_use]
    pub fn any() -> Self {
        Self("any".to_owned())
    }

    /// The platform this program was built for.
    #[must_use]
    pub fn current() -> Self {
        Self(format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH))
    }
}

/// The place of a release in the order of its channel and platform; the first is 1, 0 means "none yet".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseNumber(pub u64);

impl ReleaseNumber {
    /// No release at all: an install without a record.
    pub const NONE: Self = Self(0);

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for ReleaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// Whether the person may decline a release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// The person may postpone or skip it.
    #[default]
    Optional,
    /// The program may not be started below this release.
    Forced,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn technical_names_come_from_the_programs_name_where_they_can() {
        for (app, name) in [
            ("MyApp", Some("myapp")),
            ("My App 2", Some("my-app-2")),
            ("C++ Tool!", Some("c++-tool")),
            ("程序", None),
            ("A", None),
        ] {
            assert_eq!(App(app.to_owned()).package_name().as_deref(), name, "{app}");
        }
    }
}
