//! From fragments to checked settings, remembering where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::engine::InUsePolicy;
use crate::release::{Channel, Platform};
use crate::source::{SourceUrl, without_login};

use super::fragment::Fragment;
use super::{Color, Policy, Settings, SettingsError};

/// Where a value was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Nowhere: it is what we do when nothing is said.
    Default,
    /// In the settings file.
    File,
    /// In the environment.
    Environment,
    /// Among the arguments.
    Argument,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "the defaults",
            Self::File => "the settings file",
            Self::Environment => "the environment",
            Self::Argument => "the arguments",
        })
    }
}

/// A value and where it was set; later places win.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said<T> {
    /// The value, if anything was said.
    pub value: Option<T>,
    /// Where.
    pub origin: Origin,
}

fn last<T>(file: Option<T>, environment: Option<T>, argument: Option<T>) -> Said<T> {
    let said = [(argument, Origin::Argument), (environment, Origin::Environment), (file, Origin::File)];
    let found = said.into_iter().find_map(|(value, origin)| value.map(|value| (value, origin)));
    found.map_or(Said { value: None, origin: Origin::Default }, |(value, origin)| Said {
        value: Some(value),
        origin,
    })
}

/// A year: longer waits are no different, and no clock overflows.
const LONGEST: u64 = 365 * 86_400;

/// What stands after all places were heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of Settings")]
pub struct Merged {
    pub app: Said<String>,
    pub title: Said<String>,
    pub icon: Said<String>,
    pub accent: Said<String>,
    pub texts: Said<BTreeMap<String, BTreeMap<String, String>>>,
    pub sources: Said<Vec<String>>,
    pub signed_mirrors: Said<bool>,
    pub channel: Said<String>,
    pub platform: Said<String>,
    pub start: Said<String>,
    pub language: Said<String>,
    pub renderer: Said<String>,
    pub enabled: Said<bool>,
    #[serde(rename = "check.timeout")]
    pub check_timeout: Said<u64>,
    pub proxy: Said<String>,
    pub no_proxy: Said<String>,
    pub ca: Said<String>,
    pub limit: Said<u64>,
    #[serde(rename = "policy.start_anyway")]
    pub start_anyway: Said<bool>,
    #[serde(rename = "policy.wait_for_program")]
    pub wait_for_program: Said<u64>,
    #[serde(rename = "policy.in_use")]
    pub in_use: Said<String>,
    /// Names in the file that mean nothing to this version.
    pub unknown: Vec<String>,
}

impl Merged {
    /// The same without users and passwords in addresses, fit for a screen and a report.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut shown = self.clone();
        shown.proxy.value = shown.proxy.value.map(|text| without_login(&text));
        for source in shown.sources.value.iter_mut().flatten() {
            // A folder may have an @ in its name; only an address has a login.
            let is_folder = matches!(source.parse(), Ok(SourceUrl::Folder(_)));
            *source = if is_folder { source.clone() } else { without_login(source) };
        }
        shown
    }

    /// Hears the file, then the environment, then the arguments.
    #[must_use]
    pub fn of(f: Fragment, e: Fragment, a: Fragment) -> Self {
        Self {
            unknown: f.unknown.into_iter().map(|(name, _)| name).collect(),
            app: last(f.app, e.app, a.app),
            title: last(f.title, e.title, a.title),
            icon: last(f.icon, e.icon, a.icon),
            accent: last(f.accent, e.accent, a.accent),
            texts: last(f.texts, e.texts, a.texts),
            sources: last(f.sources, e.sources, a.sources),
            signed_mirrors: last(f.signed_mirrors, e.signed_mirrors, a.signed_mirrors),
            channel: last(f.channel, e.channel, a.channel),
            platform: last(f.platform, e.platform, a.platform),
            start: last(f.start, e.start, a.start),
            language: last(f.language, e.language, a.language),
            renderer: last(f.renderer, e.renderer, a.renderer),
            enabled: last(f.enabled, e.enabled, a.enabled),
            check_timeout: last(f.check.timeout, e.check.timeout, a.check.timeout),
            proxy: last(f.proxy, e.proxy, a.proxy),
            no_proxy: last(f.no_proxy, e.no_proxy, a.no_proxy),
            ca: last(f.ca, e.ca, a.ca),
            limit: last(f.limit, e.limit, a.limit),
            start_anyway: last(f.policy.start_anyway, e.policy.start_anyway, a.policy.start_anyway),
            wait_for_program: last(
                f.policy.wait_for_program,
                e.policy.wait_for_program,
                a.policy.wait_for_program,
            ),
            in_use: last(f.policy.in_use, e.policy.in_use, a.policy.in_use),
        }
    }

    /// Checks every value; relative files are beside the settings file.
    pub(super) fn check(&self, path: &Path) -> Result<Settings, SettingsError> {
        let missing = |key| SettingsError::Missing { key, path: path.to_path_buf() };
        let beside = |said: &Said<String>| {
            // A name in the file is beside the file; elsewhere it is what the person who typed it sees.
            let folder = path.parent().filter(|_| said.origin == Origin::File).unwrap_or(Path::new(""));
            said.value.as_ref().map(|name| folder.join(name))
        };
        let app = parse("app", &self.app)?.ok_or_else(|| missing("app"))?;
        let texts = self.sources.value.as_ref().ok_or_else(|| missing("sources"))?;
        let read = |text: &String| text.parse().map_err(|why| bad("sources", self.sources.origin, &why));
        let sources = texts.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if sources.is_empty() {
            return Err(missing("sources"));
        }
        let platforms = match parse("platform", &self.platform)? {
            Some(platform) => vec![platform],
            None => vec![Platform::current(), Platform::any()],
        };
        let seconds =
            |said: &Said<u64>, default: u64| Duration::from_secs(said.value.unwrap_or(default).min(LONGEST));
        Ok(Settings {
            title: self.title.value.clone().unwrap_or_else(|| format!("{app}")),
            app,
            sources,
            signed_mirrors: self.signed_mirrors.value,
            channel: parse("channel", &self.channel)?.unwrap_or_else(Channel::stable),
            platforms,
            start: parse("start", &self.start)?,
            language: self.language.value.clone(),
            renderer: parse("renderer", &self.renderer)?.unwrap_or_default(),
            enabled: self.enabled.value.unwrap_or(true),
            check_timeout: seconds(&self.check_timeout, 10),
            proxy: parse("proxy", &self.proxy)?.unwrap_or_default(),
            no_proxy: self.no_proxy.value.clone(),
            ca: beside(&self.ca),
            limit: self.limit.value.filter(|limit| *limit > 0),
            icon: beside(&self.icon),
            accent: parse::<Color>("accent", &self.accent)?,
            texts: self.texts.value.clone().unwrap_or_default(),
            policy: Policy {
                start_anyway: self.start_anyway.value.unwrap_or(false),
                wait_for_program: seconds(&self.wait_for_program, 600),
                in_use: in_use(&self.in_use)?,
            },
        })
    }
}

fn in_use(said: &Said<String>) -> Result<InUsePolicy, SettingsError> {
    match said.value.as_deref() {
        None | Some("fail") => Ok(InUsePolicy::Fail),
        Some("defer") => Ok(InUsePolicy::Defer),
        Some(_) => Err(bad("policy.in_use", said.origin, &"it is neither fail nor defer")),
    }
}

fn parse<T>(key: &'static str, said: &Said<String>) -> Result<Option<T>, SettingsError>
where
    T: std::str::FromStr,
    T::Err: fmt::Display,
{
    let read = |text: &String| text.parse().map_err(|why: T::Err| bad(key, said.origin, &why));
    said.value.as_ref().map(read).transpose()
}

fn bad(key: &'static str, origin: Origin, why: &dyn fmt::Display) -> SettingsError {
    SettingsError::Value { key, origin, why: why.to_string() }
}
