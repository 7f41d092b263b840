//! Where characters come from that the window's Latin font lacks: the system's fonts, then a font of our own
//! with all characters of our own texts, for machines without Chinese fonts. See `assets/fonts/README.md`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eframe::egui::{Context, FallbackRequest, FontData, FontDefinitions, FontProvider};
use eframe::epaint::text::{FontFamily, FontInsert, FontPriority, InsertFontFamily};
use egui_system_font_provider::SystemFontProvider;
use epaint_default_fonts::UBUNTU_LIGHT;

const OWN_TEXTS: &[u8] = include_bytes!("../../assets/fonts/NotoSansSC-subset.otf");

/// Sets the window's Latin font, the only one of egui's own that is shipped, and adds the font of our own texts
/// after all others.
pub(crate) fn install(ctx: &Context) {
    let mut fonts = FontDefinitions::empty();
    fonts.font_data.insert("latin".to_owned(), Arc::new(FontData::from_static(UBUNTU_LIGHT)));
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        fonts.families.insert(family, vec!["latin".to_owned()]);
    }
    ctx.set_fonts(fonts);
    ctx.add_font_provider(Arc::new(|_request: &FallbackRequest<'_>| {
        let families = [FontFamily::Proportional, FontFamily::Monospace]
            .map(|family| InsertFontFamily { family, priority: FontPriority::Lowest });
        Some(FontInsert::new("own-texts", FontData::from_static(OWN_TEXTS), families.into()))
    }));
}

/// Adds the fonts of the system, those for `language` first.
pub(super) fn install_system(ctx: &Context, language: &str) {
    let fonts = SystemFontProvider::new().with_locale(Some(language));
    ctx.add_font_provider(Arc::new(SystemFonts { fonts, broken: AtomicBool::new(false) }));
}

/// The system's fonts, asked no more once they fail: the crate panics on a machine that has no font at all.
struct SystemFonts {
    fonts: SystemFontProvider,
    broken: AtomicBool,
}

impl FontProvider for SystemFonts {
    fn font_for(&self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        if self.broken.load(Ordering::Relaxed) {
            return None;
        }
        let found = catch_unwind(AssertUnwindSafe(|| self.fonts.font_for(request)));
        found.unwrap_or_else(|_panic| {
            tracing::warn!("the system's fonts can't be read");
            self.broken.store(true, Ordering::Relaxed);
            None
        })
    }
}
