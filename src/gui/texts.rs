//! The words of the window: one Fluent file a language under `assets/i18n`, English where one lacks a text.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

/// Every language by its tag. A language is added by its file and a line here; a test finds forgotten files.
const LANGUAGES: &[(&str, &str)] = &[
    ("en", include_str!("../../assets/i18n/en.ftl")),
    ("zh-CN", include_str!("../../assets/i18n/zh-CN.ftl")),
];

/// The words of one language.
pub struct Texts {
    language: &'static str,
    /// The chosen language, then English.
    bundles: Vec<FluentBundle<FluentResource>>,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Texts").field(&self.language).finish()
    }
}

impl Texts {
    /// The words of the language nearest to `wanted` (BCP 47), or to the system's if nothing is wanted.
    #[must_use]
    pub fn new(wanted: Option<&str>) -> Self {
        let system = if wanted.is_none() { sys_locale::get_locale() } else { None };
        let language = choose(wanted.or(system.as_deref()).unwrap_or("en"));
        let mut bundles = Vec::new();
        for tag in [language, "en"] {
            bundles.extend(bundle(tag));
        }
        Self { language, bundles }
    }

    /// The tag of the language in use.
    #[must_use]
    pub fn language(&self) -> &'static str {
        self.language
    }

    /// The tags of all languages.
    pub fn languages() -> impl Iterator<Item = &'static str> {
        LANGUAGES.iter().map(|(tag, _)| *tag)
    }

    /// The text `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> String {
        self.find(key, None).unwrap_or_else(|| key.to_owned())
    }

    /// The text `key` with its blanks filled.
    #[must_use]
    pub fn with(&self, key: &str, blanks: &[(&str, &str)]) -> String {
        let args: FluentArgs<'_> =
            blanks.iter().map(|(name, value)| (*name, FluentValue::from(*value))).collect();
        self.find(key, Some(&args)).unwrap_or_else(|| key.to_owned())
    }

    /// The text `key` with numbers that choose its grammatical form.
    #[must_use]
    pub fn count(&self, key: &str, number: u64, shown: &str) -> String {
        let mut args = FluentArgs::new();
        args.set("count", FluentValue::from(number));
        args.set("shown", FluentValue::from(shown));
        self.find(key, Some(&args)).unwrap_or_else(|| key.to_owned())
    }

    /// The text `key`, if any language has it.
    #[must_use]
    pub fn find(&self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        self.bundles.iter().find_map(|bundle| {
            let pattern = bundle.get_message(key)?.value()?;
            let mut errors = Vec::new();
            let text = bundle.format_pattern(pattern, args, &mut errors).into_owned();
            if let Some(error) = errors.first() {
                tracing::warn!(key, %error, "a text has a blank nobody fills");
            }
            Some(text)
        })
    }
}

fn bundle(tag: &str) -> Option<FluentBundle<FluentResource>> {
    let (_, source) = LANGUAGES.iter().find(|(known, _)| *known == tag)?;
    // A file with a mistake still gives the messages around it.
    let resource = match FluentResource::try_new((*source).to_owned()) {
        Ok(resource) => resource,
        Err((resource, errors)) => {
            tracing::warn!(tag, ?errors, "a language file has mistakes");
            resource
        }
    };
    let mut bundle = FluentBundle::new_concurrent(vec![tag.parse().ok()?]);
    // The marks that isolate left-to-right parts would be shown as boxes.
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(resource);
    Some(bundle)
}

/// The language nearest to `wanted`: itself, another region of it in the same script, or English.
fn choose(wanted: &str) -> &'static str {
    let wanted = wanted.replace('_', "-").to_ascii_lowercase();
    let exact = LANGUAGES.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(&wanted));
    let primary = wanted.split('-').next().unwrap_or_default();
    let traditional = ["hant", "-tw", "-hk", "-mo"].iter().any(|mark| wanted.contains(mark));
    let related = |(tag, _): &&(&str, &str)| {
        tag.split('-').next() == Some(primary) && (primary != "zh" || traditional == tag.contains("TW"))
    };
    let same_language = |(tag, _): &&(&str, &str)| tag.split('-').next() == Some(primary);
    exact
        .or_else(|| LANGUAGES.iter().find(related))
        .or_else(|| LANGUAGES.iter().find(same_language))
        .map_or("en", |(tag, _)| tag)
}

/// Which of the languages in `offered` is nearest to `wanted`; English, then the first, if none is.
pub(super) fn nearest<'a>(
    wanted: &str,
    offered: impl Iterator<Item = &'a String> + Clone,
) -> Option<&'a String> {
    let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let find = |test: &dyn Fn(&str) -> bool| offered.clone().find(|tag| test(tag));
    find(&|tag| tag.eq_ignore_ascii_case(wanted))
        .or_else(|| find(&|tag| primary(tag) == primary(wanted)))
        .or_else(|| find(&|tag| primary(tag) == "en"))
        .or_else(|| offered.clone().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn keys(source: &str) -> BTreeSet<String> {
        source
            .lines()
            .filter_map(|line| line.split_once(" ="))
            .map(|(key, _)| key)
            .filter(|key| key.starts_with(|c: char| c.is_ascii_lowercase()))
            .map(str::to_owned)
            .collect()
    }

    fn blanks(source: &str, key: &str) -> BTreeSet<String> {
        let start = format!("{key} =");
        let mut lines = source.lines().skip_while(|line| !line.starts_with(&start));
        let first = lines.next().unwrap_or_default();
        let rest = lines.take_while(|line| line.starts_with([' ', '}']) || line.starts_with('\t'));
        std::iter::once(first)
            .chain(rest)
            .flat_map(|line| line.split('$').skip(1))
            .map(|after| after.chars().take_while(char::is_ascii_lowercase).collect())
            .collect()
    }

    /// A99: every language has every text, with the same blanks, and no mistake in its file.
    #[test]
    fn every_language_has_every_text() {
        let english = LANGUAGES[0].1;
        for (tag, source) in LANGUAGES {
            assert!(FluentResource::try_new((*source).to_owned()).is_ok(), "{tag} has a mistake");
            assert_eq!(keys(source), keys(english), "{tag} has other texts than English");
            for key in keys(english) {
                // The count may be left out where a language has no plural.
                let without_count = |source| {
                    let mut found = blanks(source, &key);
                    found.remove("count");
                    found
                };
                assert_eq!(without_count(source), without_count(english), "{tag}: {key}");
            }
        }
    }

    #[test]
    fn a_forgotten_language_file_is_found() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/i18n");
        let files = walkdir::WalkDir::new(folder).min_depth(1).into_iter().map(|entry| {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            name.trim_end_matches(".ftl").to_owned()
        });
        let files: BTreeSet<String> = files.collect();
        assert_eq!(files, Texts::languages().map(str::to_owned).collect());
    }

    #[test]
    fn the_nearest_language_is_chosen() {
        for (wanted, tag) in [
            ("zh-CN", "zh-CN"),
            ("zh_CN", "zh-CN"),
            ("zh-Hans-SG", "zh-CN"),
            ("zh", "zh-CN"),
            ("zh-TW", "zh-CN"),
            ("en-GB", "en"),
            ("tlh", "en"),
            ("", "en"),
        ] {
            assert_eq!(choose(wanted), tag, "{wanted}");
        }
        let offered = ["de".to_owned(), "en".to_owned(), "zh-CN".to_owned()];
        for (wanted, tag) in [("zh-TW", "zh-CN"), ("de-AT", "de"), ("fr", "en")] {
            assert_eq!(nearest(wanted, offered.iter()).unwrap(), tag, "{wanted}");
        }
    }
}
