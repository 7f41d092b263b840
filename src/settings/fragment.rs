//! What one place says: every value may be absent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Origin, SettingsError};

/// The settings that one place gives, as written there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fragment {
    /// The program.
    pub app: Option<String>,
    /// Its name as people know it.
    pub title: Option<String>,
    /// An icon for the window, relative to the settings file.
    pub icon: Option<String>,
    /// The colour of the window's main button, as `#2277cc`.
    pub accent: Option<String>,
    /// The vendor's own words in the window, by key and language.
    pub texts: Option<BTreeMap<String, BTreeMap<String, String>>>,
    /// Where releases come from.
    pub sources: Option<Vec<String>>,
    /// Whether mirrors in signed metadata are asked too.
    pub signed_mirrors: Option<bool>,
    /// The stream of releases followed.
    pub channel: Option<String>,
    /// The platform, if it is not that of the machine.
    pub platform: Option<String>,
    /// The program to start, relative to the install.
    pub start: Option<String>,
    /// The language of texts.
    pub language: Option<String>,
    /// Who paints the window.
    pub renderer: Option<String>,
    /// Whether updates are looked for at all.
    pub enabled: Option<bool>,
    /// How a check is done.
    pub check: CheckFragment,
    /// A proxy.
    pub proxy: Option<String>,
    /// Hosts reached without proxy.
    pub no_proxy: Option<String>,
    /// A file with more trusted certificates, relative to the settings file.
    pub ca: Option<String>,
    /// Most bytes fetched a second.
    pub limit: Option<u64>,
    /// What is decided without asking.
    pub policy: PolicyFragment,
    /// Settings this version does not know: kept, and ignored.
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

/// How a check is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckFragment {
    /// Seconds a check may take.
    pub timeout: Option<u64>,
}

/// What is decided without asking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyFragment {
    /// Whether the program may be started when a forced update can't be had.
    pub start_anyway: Option<bool>,
    /// Seconds the program may take to close.
    pub wait_for_program: Option<u64>,
    /// What is done when that time is over: `fail` or `defer`.
    pub in_use: Option<String>,
}

impl Fragment {
    /// What the environment says, by variables `UPDRAFT_<SETTING>`.
    ///
    /// # Errors
    /// If a number or a yes-or-no can't be read.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let text = |name: &str| variable(name).filter(|value| !value.is_empty());
        let number = |key: &'static str, name: &str| {
            let read =
                |value: String| value.trim().parse().map_err(|_why| refused(key, name, "it is not a number"));
            text(name).map(read).transpose()
        };
        let flag = |key: &'static str, name: &str| {
            let read = |value: String| match value.trim() {
                "1" | "true" | "yes" | "on" => Ok(true),
                "0" | "false" | "no" | "off" => Ok(false),
                _ => Err(refused(key, name, "it is neither true nor false")),
            };
            text(name).map(read).transpose()
        };
        let list =
            |value: String| value.split([',', ' ']).filter(|s| !s.is_empty()).map(str::to_owned).collect();
        Ok(Self {
            app: None,
            title: text("UPDRAFT_TITLE"),
            icon: None,
            accent: None,
            texts: None,
            sources: text("UPDRAFT_SOURCES").map(list),
            signed_mirrors: flag("signed_mirrors", "UPDRAFT_SIGNED_MIRRORS")?,
            channel: text("UPDRAFT_CHANNEL"),
            platform: text("UPDRAFT_PLATFORM"),
            start: text("UPDRAFT_START"),
            language: text("UPDRAFT_LANGUAGE"),
            renderer: text("UPDRAFT_RENDERER"),
            enabled: flag("enabled", "UPDRAFT_ENABLED")?,
            check: CheckFragment { timeout: number("check.timeout", "UPDRAFT_CHECK_TIMEOUT")? },
            proxy: text("UPDRAFT_PROXY"),
            no_proxy: text("UPDRAFT_NO_PROXY"),
            ca: text("UPDRAFT_CA"),
            limit: number("limit", "UPDRAFT_LIMIT")?,
            policy: PolicyFragment {
                start_anyway: flag("policy.start_anyway", "UPDRAFT_START_ANYWAY")?,
                wait_for_program: number("policy.wait_for_program", "UPDRAFT_WAIT_FOR_PROGRAM")?,
                in_use: text("UPDRAFT_IN_USE"),
            },
            unknown: serde_json::Map::new(),
        })
    }
}

fn refused(key: &'static str, variable: &str, why: &str) -> SettingsError {
    let why = format!("{variable}: {why}");
    SettingsError::Value { key, origin: Origin::Environment, why }
}
