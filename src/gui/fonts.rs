//! Where characters come from: the window's own Latin, Greek and Cyrillic letters, then the system's fonts, then
//! fonts of our own with all characters of our own texts, for machines without Chinese or Japanese fonts. See
//! `docs/window.md`.

use std::sync::Arc;

use eframe::egui::{Context, FallbackRequest, FontData, FontDefinitions};
use eframe::epaint::text::{FontFamily, FontInsert, FontPriority, InsertFontFamily};

use super::system_fonts::SystemFonts;

/// The build packs the fonts.
macro_rules! packed {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".zst"))
    };
}

const LATIN: &[u8] = packed!("latin.ttf");

/// By language: one character is written in several forms.
const OWN_TEXTS: &[(&str, &[u8])] =
    &[("zh-CN", packed!("zh-CN.otf")), ("zh-TW", packed!("zh-TW.otf")), ("ja", packed!("ja.otf"))];

const FAMILIES: [FontFamily; 2] = [FontFamily::Proportional, FontFamily::Monospace];

/// Sets the window's own letters, and adds the fonts of our own texts after all others, that of `language` first.
pub(crate) fn install(ctx: &Context, language: &str) {
    let mut fonts = FontDefinitions::empty();
    fonts.font_data.insert("latin".to_owned(), Arc::new(unpacked(LATIN)));
    for family in FAMILIES {
        fonts.families.insert(family, vec!["latin".to_owned()]);
    }
    ctx.set_fonts(fonts);
    let (first, others): (Vec<_>, Vec<_>) = OWN_TEXTS.iter().partition(|(tag, _)| *tag == language);
    for (tag, bytes) in first.into_iter().chain(others) {
        ctx.add_font_provider(Arc::new(move |_request: &FallbackRequest<'_>| {
            let families = FAMILIES.map(|family| InsertFontFamily { family, priority: FontPriority::Lowest });
            Some(FontInsert::new(tag, unpacked(bytes), families.into()))
        }));
    }
}

fn unpacked(font: &[u8]) -> FontData {
    FontData::from_owned(zstd::stream::decode_all(font).unwrap_or_default())
}

/// Adds the fonts of the system, those for `language` first.
pub(super) fn install_system(ctx: &Context, language: &str) {
    ctx.add_font_provider(Arc::new(SystemFonts::new(language)));
}
