//! The fonts of the system, asked for a character that no other font has. They are listed when the first such
//! character comes: a window in Latin letters never waits for that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use eframe::egui::{FallbackRequest, FontData, FontProvider};
use eframe::epaint::text::{FontFamily, FontInsert, FontPriority, InsertFontFamily};
use fontique::{
    Collection, CollectionOptions, FallbackKey, GenericFamily, Language, Query, QueryFamily, QueryFont,
    QueryStatus, Script, SourceCache, SourceCacheOptions,
};
use unicode_script::UnicodeScript as _;

/// The languages of fonts with Chinese characters. `zh-SG` stands for simplified ones: the library takes `zh-CN` for
/// the script itself, whose font may be a Japanese one.
const HAN: [&str; 4] = ["zh-SG", "zh-TW", "ja", "ko"];

/// The system's fonts, best those for one language.
pub(super) struct SystemFonts {
    language: String,
    listed: Mutex<Listed>,
}

/// What is known of the system's fonts.
enum Listed {
    NotYet,
    Yes(Box<(Collection, SourceCache)>),
    /// The library panics on a machine that has no font at all.
    Broken,
}

impl SystemFonts {
    /// The fonts, those for `language` first.
    pub(super) fn new(language: &str) -> Self {
        Self { language: language.to_owned(), listed: Mutex::new(Listed::NotYet) }
    }
}

impl FontProvider for SystemFonts {
    fn font_for(&self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        let wanted = request.cluster.chars().next()?;
        let Ok(mut listed) = self.listed.lock() else { return None };
        let found = catch_unwind(AssertUnwindSafe(|| {
            if matches!(*listed, Listed::NotYet) {
                let fonts = Collection::new(CollectionOptions { shared: false, system_fonts: true });
                *listed = Listed::Yes(Box::new((fonts, SourceCache::new(SourceCacheOptions::default()))));
            }
            match &mut *listed {
                Listed::Yes(fonts) => find(fonts, &self.language, request.family, wanted),
                Listed::NotYet | Listed::Broken => None,
            }
        }));
        found.unwrap_or_else(|_panic| {
            tracing::warn!("the system's fonts can't be read");
            *listed = Listed::Broken;
            None
        })
    }
}

/// The best font that has `wanted`.
fn find(
    (fonts, sources): &mut (Collection, SourceCache),
    language: &str,
    family: &FontFamily,
    wanted: char,
) -> Option<FontInsert> {
    let generic =
        if *family == FontFamily::Monospace { GenericFamily::Monospace } else { GenericFamily::SansSerif };
    let script = wanted.script().short_name();
    let font = match Script::parse(script).ok().filter(|_| !matches!(script, "Zyyy" | "Zinh" | "Zzzz")) {
        Some(known) => languages(script, language).find_map(|language| {
            let mut query = fonts.query(sources);
            query.set_families([QueryFamily::Generic(generic)]);
            query.set_fallbacks(FallbackKey::new(known, language.as_ref()));
            first(&mut query, wanted)
        }),
        // Punctuation and symbols belong to no script.
        None => {
            let all = [generic, GenericFamily::SystemUi, GenericFamily::Math, GenericFamily::Serif];
            let mut query = fonts.query(sources);
            query.set_families(all.map(QueryFamily::Generic));
            first(&mut query, wanted)
        }
    }?;
    let name = format!("system:{:?}:{}:{}", font.family.0, font.family.1, font.index);
    let families = vec![InsertFontFamily { family: family.clone(), priority: FontPriority::Lowest }];
    Some(FontInsert { name, data: FontData::from_blob(font.blob.into_raw_parts().0, font.index), families })
}

/// The languages to ask for, best first: for Chinese characters there are fonts for each, with other characters.
fn languages<'a>(script: &str, language: &'a str) -> impl Iterator<Item = Option<Language>> + 'a {
    let language = if language == "zh-CN" { HAN[0] } else { language };
    let others: &[&str] = if script == "Hani" { &HAN } else { &[] };
    std::iter::once(language).chain(others.iter().copied()).map(|tag| Language::parse(tag).ok())
}

/// The first font of the query with an outline for `wanted`.
fn first(query: &mut Query<'_>, wanted: char) -> Option<QueryFont> {
    let mut found = None;
    query.matches_with(|font| {
        let has = font.charmap().and_then(|map| map.map(wanted)).is_some_and(|glyph| glyph != 0);
        if has {
            found = Some(font.clone());
            return QueryStatus::Stop;
        }
        QueryStatus::Continue
    });
    found
}
