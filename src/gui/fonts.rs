//! The last font the window asks: all characters of its own texts, for machines without Chinese fonts.
//!
//! The system's fonts come first, see `assets/fonts/README.md`.

use std::sync::Arc;

use eframe::egui::{Context, FallbackRequest, FontData};
use eframe::epaint::text::{FontFamily, FontInsert, FontPriority, InsertFontFamily};

const OWN_TEXTS: &[u8] = include_bytes!("../../assets/fonts/NotoSansSC-subset.otf");

/// Adds the font after all others.
pub(super) fn install(ctx: &Context) {
    ctx.add_font_provider(Arc::new(|_request: &FallbackRequest<'_>| {
        let families = [FontFamily::Proportional, FontFamily::Monospace]
            .map(|family| InsertFontFamily { family, priority: FontPriority::Lowest });
        Some(FontInsert::new("own-texts", FontData::from_static(OWN_TEXTS), families.into()))
    }));
}
