//! The words of the window: one Fluent file a language under `assets/i18n`, English where one lacks a text, and the
//! vendor's own words before both.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

/// Every language by its tag, English first. The build packs the files; unpacked they are kept for the whole run.
static LANGUAGES: LazyLock<Vec<(&'static str, &'static str)>> = LazyLock::new(|| {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/languages.zst"));
    let bytes = zstd::stream::decode_all(packed.as_slice()).unwrap_or_default();
    let all: &'static str = String::from_utf8(bytes).unwrap_or_default().leak();
    let mut parts = all.split('\0').skip(1);
    std::iter::from_fn(|| Some((parts.next()?, parts.next()?))).collect()
});

/// The vendor's own words: by key, then by language.
pub type OwnTexts = BTreeMap<String, BTreeMap<String, String>>;

/// The words of one language.
pub struct Texts {
    language: &'static str,
    /// What is asked for a text, in this order.
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
        Self::with_own(wanted, &OwnTexts::new())
    }

    /// The same, with the vendor's own words before ours.
    #[must_use]
    pub fn with_own(wanted: Option<&str>, own: &OwnTexts) -> Self {
        let language = match wanted.filter(|wanted| !wanted.is_empty()) {
            Some(wanted) => choose(wanted).unwrap_or("en"),
            // People may name several languages to their system, best first.
            None => sys_locale::get_locales().find_map(|tag| choose(&tag)).unwrap_or("en"),
        };
        let file = |wanted| LANGUAGES.iter().find(|(tag, _)| *tag == wanted).map(|(_, source)| *source);
        Self::of(
            language,
            &[language, "en"].map(|tag| (tag, written(own, tag), file(tag).unwrap_or_default())),
        )
    }

    /// The words of `language` in sources that are asked in their order; in each the vendor's words, then ours.
    fn of(language: &'static str, sources: &[(&str, Vec<String>, &str)]) -> Self {
        let mut bundles = Vec::new();
        for (tag, own, source) in sources {
            bundles.extend(own_bundle(tag, own));
            bundles.extend(bundle(tag, source));
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

    /// Every language by its tag and the name it has in itself.
    #[must_use]
    pub fn named() -> Vec<(&'static str, String)> {
        let name = |source: &str| {
            let line = source.lines().find_map(|line| line.strip_prefix("language-name ="));
            line.unwrap_or_default().trim().to_owned()
        };
        LANGUAGES.iter().map(|(tag, source)| (*tag, name(source))).collect()
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

    /// The text `key`, if any language has it. One with a blank that nobody fills is passed over: the next in line
    /// says it whole.
    #[must_use]
    pub fn find(&self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        let mut broken = None;
        for bundle in &self.bundles {
            let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else { continue };
            let mut errors = Vec::new();
            let text = bundle.format_pattern(pattern, args, &mut errors).into_owned();
            let Some(error) = errors.first() else { return Some(text) };
            tracing::warn!(key, %error, "a text has a blank nobody fills");
            broken.get_or_insert(text);
        }
        broken
    }
}

/// The vendor's words for `tag`, each as a Fluent message.
fn written(own: &OwnTexts, tag: &str) -> Vec<String> {
    own.iter()
        .filter_map(|(key, by_language)| {
            let text = by_language.iter().find(|(language, _)| choose(language) == Some(tag))?.1;
            // A second line of a Fluent text is set in.
            Some(format!("{key} = {}\n", text.trim().replace('\n', "\n    ")))
        })
        .collect()
}

/// The vendor's words; one that is no Fluent message is left out, and ours stands.
fn own_bundle(tag: &str, messages: &[String]) -> Option<FluentBundle<FluentResource>> {
    let mut bundle = empty(tag).filter(|_| !messages.is_empty())?;
    for message in messages {
        match FluentResource::try_new(message.clone()) {
            Ok(resource) => bundle.add_resource_overriding(resource),
            Err(_mistaken) => tracing::warn!(tag, message, "a text of the settings is no Fluent text"),
        }
    }
    Some(bundle)
}

fn bundle(tag: &str, source: &str) -> Option<FluentBundle<FluentResource>> {
    // A file with a mistake still gives the messages around it.
    let resource = match FluentResource::try_new(source.to_owned()) {
        Ok(resource) => resource,
        Err((resource, errors)) => {
            tracing::warn!(tag, ?errors, "a language file has mistakes");
            resource
        }
    };
    let mut bundle = empty(tag)?;
    bundle.add_resource_overriding(resource);
    Some(bundle)
}

fn empty(tag: &str) -> Option<FluentBundle<FluentResource>> {
    let mut bundle = FluentBundle::new_concurrent(vec![tag.parse().ok()?]);
    // The marks that isolate left-to-right parts would be shown as boxes.
    bundle.set_use_isolating(false);
    Some(bundle)
}

/// The language nearest to `wanted`: itself, or another region of it in the same script.
fn choose(wanted: &str) -> Option<&'static str> {
    // A Unix locale may end in «.UTF-8» or «@euro».
    let wanted = wanted.split(['.', '@']).next().unwrap_or_default().replace('_', "-").to_ascii_lowercase();
    let exact = LANGUAGES.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(&wanted));
    let mut parts = wanted.split('-');
    let primary = parts.next().unwrap_or_default();
    let has = |marks: &[&str]| parts.clone().any(|part| marks.contains(&part));
    let traditional = has(&["hant"]) || (has(&["tw", "hk", "mo"]) && !has(&["hans"]));
    let related = |(tag, _): &&(&str, &str)| {
        tag.split('-').next() == Some(primary) && (primary != "zh" || traditional == tag.ends_with("TW"))
    };
    exact.or_else(|| LANGUAGES.iter().find(related)).map(|(tag, _)| *tag)
}

/// Which of the languages in `offered` is nearest to `wanted`; English, then the first, if none is.
pub(super) fn nearest<'a>(
    wanted: &str,
    offered: impl Iterator<Item = &'a String> + Clone,
) -> Option<&'a String> {
    let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let find = |test: &dyn Fn(&str) -> bool| offered.clone().find(|tag| test(tag));
    let known = choose(wanted);
    find(&|tag| tag.eq_ignore_ascii_case(wanted))
        .or_else(|| find(&|tag| known.is_some() && choose(tag) == known))
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
        for (tag, source) in LANGUAGES.iter() {
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

    /// A99: a file under `assets/i18n` is a language; nothing else has to be said.
    #[test]
    fn every_file_is_a_language() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/i18n");
        let files = walkdir::WalkDir::new(folder).min_depth(1).into_iter().map(|entry| {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            name.trim_end_matches(".ftl").to_owned()
        });
        let files: BTreeSet<String> = files.collect();
        assert_eq!(files, Texts::languages().map(str::to_owned).collect());
        assert_eq!(Texts::languages().next(), Some("en"));
        for tag in ["en", "zh-CN", "zh-TW", "ja", "de", "fr", "es", "ru"] {
            assert!(files.contains(tag), "{tag}");
        }
        for (tag, name) in Texts::named() {
            assert!(!name.is_empty(), "{tag} does not say its own name");
        }
    }

    /// A99: what a language does not say is said in English.
    #[test]
    fn a_text_that_is_missing_is_english() {
        let partial =
            Texts::of("de", &[("de", vec![], "button-later = Später\n"), ("en", vec![], LANGUAGES[0].1)]);
        assert_eq!(partial.get("button-later"), "Später");
        assert_eq!(partial.get("button-update"), "Update now");
        assert_eq!(partial.get("no-such-text"), "no-such-text");
    }

    #[test]
    fn plurals_follow_each_language() {
        let updated =
            |tag, number: u64| Texts::new(Some(tag)).count("done-updated", number, &number.to_string());
        assert_eq!(updated("en", 1), "1 file updated");
        assert_eq!(updated("de", 2), "2 Dateien aktualisiert");
        assert_eq!(updated("fr", 0), "0 fichier mis à jour");
        let forms = [
            (1, "Обновлён 1 файл"),
            (3, "Обновлено 3 файла"),
            (5, "Обновлено 5 файлов"),
            (21, "Обновлён 21 файл"),
        ];
        for (number, text) in forms {
            assert_eq!(updated("ru", number), text);
        }
    }

    #[test]
    fn the_vendors_words_come_first_and_broken_ones_do_no_harm() {
        let own: OwnTexts = serde_json::from_str(
            r#"{"offer-title": {"en": "{ $app } { $version } is here", "zh-Hant": "新版"},
                "button-later": {"en": "Not { $now }"}, "button-quit": {"en": "Bye {"}}"#,
        )
        .unwrap();
        let title = |tag| {
            let texts = Texts::with_own(Some(tag), &own);
            texts.with("offer-title", &[("app", "MyApp"), ("version", "2.1")])
        };
        assert_eq!(title("en-GB"), "MyApp 2.1 is here");
        assert_eq!(title("zh-TW"), "新版");
        assert_eq!(title("de"), "Version 2.1 ist verfügbar");
        let english = Texts::with_own(Some("en"), &own);
        assert_eq!(
            (english.get("button-later"), english.get("button-quit")),
            ("Later".into(), "Quit".into())
        );
    }

    #[test]
    fn the_nearest_language_is_chosen() {
        for (wanted, tag) in [
            ("zh-CN", Some("zh-CN")),
            ("zh_CN.UTF-8", Some("zh-CN")),
            ("zh-Hans-HK", Some("zh-CN")),
            ("zh-SG", Some("zh-CN")),
            ("zh", Some("zh-CN")),
            ("zh-TW", Some("zh-TW")),
            ("zh_HK", Some("zh-TW")),
            ("zh-Hant", Some("zh-TW")),
            ("zh-Hant-MO", Some("zh-TW")),
            ("en-GB", Some("en")),
            ("de_AT@euro", Some("de")),
            ("fr-CA", Some("fr")),
            ("es-419", Some("es")),
            ("ja-JP", Some("ja")),
            ("ru", Some("ru")),
            ("tlh", None),
            ("C", None),
            ("", None),
        ] {
            assert_eq!(choose(wanted), tag, "{wanted}");
        }
        assert_eq!(Texts::new(Some("tlh")).language(), "en");
        let offered = ["de".to_owned(), "en".to_owned(), "zh-CN".to_owned(), "zh-Hant".to_owned()];
        for (wanted, tag) in [("zh-TW", "zh-Hant"), ("zh-CN", "zh-CN"), ("de-AT", "de"), ("fr", "en")] {
            assert_eq!(nearest(wanted, offered.iter()).unwrap(), tag, "{wanted}");
        }
    }
}
