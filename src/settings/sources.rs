//! Which sources count: those of the settings, then the mirrors that the publisher signed.

use serde::Serialize;

use crate::fsx;
use crate::install::Install;
use crate::source::SourceUrl;
use crate::trust::{Store, TrustedRepository};

use super::{Origin, Settings};

/// A source, and who named it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsedSource {
    /// The source, without a password.
    pub source: String,
    /// Who named it.
    pub named_by: NamedBy,
}

/// Who named a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NamedBy {
    /// The publisher, in the signed metadata.
    Publisher,
    /// The settings, at this place.
    #[serde(untagged)]
    Settings(Origin),
}

impl Settings {
    /// The sources to ask, best first: those of the settings, then the mirrors in the metadata this install
    /// verified last. A new install knows only the first.
    #[must_use]
    pub fn all_sources(&self, install: &Install) -> Vec<SourceUrl> {
        let mut all = self.sources.clone();
        if self.signed_mirrors != Some(false) {
            all.extend(fit(&self.sources, &known_mirrors(install), self.signed_mirrors == Some(true)));
        }
        all
    }

    /// The same with who named each; `origin` is where the settings name theirs.
    #[must_use]
    pub fn used_sources(&self, install: &Install, origin: Origin) -> Vec<UsedSource> {
        let ours = self.sources.len();
        let named = self.all_sources(install).into_iter().enumerate().map(|(at, source)| UsedSource {
            source: source.to_string(),
            named_by: if at < ours { NamedBy::Settings(origin) } else { NamedBy::Publisher },
        });
        named.collect()
    }
}

/// The mirrors in the metadata verified last. Nothing is made or changed for this.
fn known_mirrors(install: &Install) -> Vec<String> {
    let folder = install.trusted_dir();
    if !fsx::exists(&folder).unwrap_or(false) {
        return Vec::new();
    }
    let known = Store::open(&folder).and_then(|store| TrustedRepository::load(&store));
    known.map_or_else(|_none| Vec::new(), |known| known.mirrors())
}

/// Those of the mirrors `offered` that may be asked beside `ours`.
///
/// A publisher's list must not undo what was chosen here: who named only a folder or a bundle is not sent to the
/// network unless `wished`, and who named https shows nobody on the way what is fetched, so plain http is left
/// out. What comes is verified all the same.
fn fit(ours: &[SourceUrl], offered: &[String], wished: bool) -> Vec<SourceUrl> {
    if !wished && ours.iter().all(SourceUrl::is_local) {
        return Vec::new();
    }
    let only_https = ours.iter().any(SourceUrl::is_https);
    let mut fitting: Vec<SourceUrl> = Vec::new();
    for mirror in offered.iter().filter_map(|text| text.parse::<SourceUrl>().ok()) {
        let SourceUrl::Http(url) = &mirror else { continue };
        let is_named = !url.username().is_empty() || url.password().is_some();
        let is_known = ours.contains(&mirror) || fitting.contains(&mirror);
        if !is_named && !is_known && (mirror.is_https() || !only_https) {
            fitting.push(mirror);
        }
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitting(ours: &[&str], offered: &[&str], wished: bool) -> Vec<String> {
        let ours: Vec<SourceUrl> = ours.iter().map(|text| text.parse().unwrap()).collect();
        let offered: Vec<String> = offered.iter().map(|text| (*text).to_owned()).collect();
        fit(&ours, &offered, wished).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_publishers_list_never_undoes_what_was_chosen_here() {
        let offered = ["https://a/x", "http://b/x"];
        assert_eq!(fitting(&["http://own"], &offered, false), ["https://a/x", "http://b/x"]);
        assert_eq!(fitting(&["https://own"], &offered, false), ["https://a/x"]);
        assert_eq!(fitting(&["http://lan", "https://own"], &offered, true), ["https://a/x"]);
        let folder = std::env::temp_dir();
        let folder = folder.to_str().unwrap();
        assert_eq!(fitting(&[folder], &offered, false), [""; 0]);
        assert_eq!(fitting(&[folder], &offered, true), ["https://a/x", "http://b/x"]);
        assert_eq!(fitting(&[folder, "https://own"], &offered, false), ["https://a/x"]);
    }

    #[test]
    fn only_addresses_of_web_servers_are_taken_each_once() {
        let folder = std::env::temp_dir();
        let offered = [
            folder.to_str().unwrap(),
            "file:///etc",
            "ftp://x/",
            "",
            "http://me:x@h/",
            "http://own/",
            "h:1",
            "http://h:1/",
        ];
        assert_eq!(fitting(&["http://own"], &offered, false), ["http://h:1"]);
    }
}
