//! Colours and measures of the window, light and dark. Every text is at least 4.5:1 on what it stands on.

use eframe::egui::{
    self, Color32, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Theme, Visuals, vec2,
};

/// The colours of one theme.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    /// The window.
    pub(super) ground: Color32,
    /// Text.
    pub(super) text: Color32,
    /// Text between words that matter more.
    pub(super) soft: Color32,
    /// Text of second rank.
    pub(super) quiet: Color32,
    /// Links.
    pub(super) link: Color32,
    /// The main button and the bar.
    pub(super) accent: Color32,
    /// The main button under the pointer.
    pub(super) accent_hover: Color32,
    /// Text on the main button.
    pub(super) on_accent: Color32,
    /// The other buttons.
    pub(super) button: Color32,
    /// The other buttons under the pointer.
    pub(super) button_hover: Color32,
    /// Thin lines around buttons and boxes.
    pub(super) line: Color32,
    /// Boxes of notes and details.
    pub(super) sheet: Color32,
    /// The part of a bar that is still to come.
    pub(super) track: Color32,
    /// A trouble that passes, and the text on it.
    pub(super) amber: (Color32, Color32),
    /// A trouble that passed, and the text on it.
    pub(super) green: (Color32, Color32),
    /// The title of a failure.
    pub(super) error: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    let [_, r, g, b] = hex.to_be_bytes();
    Color32::from_rgb(r, g, b)
}

const LIGHT: Palette = Palette {
    ground: rgb(0x00f7_f8fa),
    text: rgb(0x001b_2028),
    soft: rgb(0x003d_4652),
    quiet: rgb(0x0055_5f6d),
    link: rgb(0x000b_5cc4),
    accent: rgb(0x0014_60c0),
    accent_hover: rgb(0x000f_4f9f),
    on_accent: rgb(0x00ff_ffff),
    button: rgb(0x00ff_ffff),
    button_hover: rgb(0x00e9_edf3),
    line: rgb(0x00c3_cad4),
    sheet: rgb(0x00ff_ffff),
    track: rgb(0x00db_e1e9),
    amber: (rgb(0x00ff_f0cc), rgb(0x0066_4300)),
    green: (rgb(0x00dc_f3e2), rgb(0x000f_4d25)),
    error: rgb(0x00a8_1d1d),
};

const DARK: Palette = Palette {
    ground: rgb(0x001d_2025),
    text: rgb(0x00ea_ecef),
    soft: rgb(0x00c4_cad2),
    quiet: rgb(0x00aa_b3be),
    link: rgb(0x008a_bcff),
    accent: rgb(0x0082_b4fa),
    accent_hover: rgb(0x00a2_c8fc),
    on_accent: rgb(0x000c_1a30),
    button: rgb(0x002c_3138),
    button_hover: rgb(0x003a_414a),
    line: rgb(0x004a_525d),
    sheet: rgb(0x0016_181c),
    track: rgb(0x003a_414a),
    amber: (rgb(0x0046_3511), rgb(0x00ff_dfa0)),
    green: (rgb(0x0017_3d26), rgb(0x00b5_ecc6)),
    error: rgb(0x00ff_a49a),
};

impl Palette {
    /// The colours of `theme`.
    pub(super) fn of(theme: Theme) -> Self {
        match theme {
            Theme::Light => LIGHT,
            Theme::Dark => DARK,
        }
    }

    /// The colours in use.
    pub(super) fn now(ui: &egui::Ui) -> Self {
        Self::of(if ui.visuals().dark_mode { Theme::Dark } else { Theme::Light })
    }

    fn visuals(self, theme: Theme) -> Visuals {
        let mut visuals = theme.default_visuals();
        visuals.panel_fill = self.ground;
        visuals.window_fill = self.ground;
        visuals.extreme_bg_color = self.track;
        visuals.code_bg_color = self.button_hover;
        visuals.weak_text_color = Some(self.quiet);
        visuals.hyperlink_color = self.link;
        visuals.error_fg_color = self.error;
        visuals.warn_fg_color = self.amber.1;
        visuals.selection.bg_fill = self.accent;
        visuals.selection.stroke = Stroke::new(1.0, self.on_accent);
        let widgets = &mut visuals.widgets;
        widgets.noninteractive.fg_stroke = Stroke::new(1.0, self.text);
        widgets.noninteractive.bg_stroke = Stroke::new(1.0, self.line);
        let states = [&mut widgets.inactive, &mut widgets.hovered, &mut widgets.active, &mut widgets.open];
        for (state, fill) in
            states.into_iter().zip([self.button, self.button_hover, self.button_hover, self.button_hover])
        {
            state.weak_bg_fill = fill;
            state.bg_fill = fill;
            state.bg_stroke = Stroke::new(1.0, self.line);
            state.fg_stroke = Stroke::new(1.0, self.text);
            state.corner_radius = CornerRadius::same(6);
            state.expansion = 0.0;
        }
        visuals
    }
}

/// The style of the title.
pub(super) const TITLE: f32 = 20.0;
/// The style of everything else.
pub(super) const BODY: f32 = 14.0;
/// The style of file names, speed and the log's path.
pub(super) const SMALL: f32 = 12.5;
/// The space around the content.
pub(super) const MARGIN: i8 = 20;

/// Gives `ctx` the colours and measures of the window.
pub(super) fn install(ctx: &egui::Context) {
    for theme in [Theme::Light, Theme::Dark] {
        let visuals = Palette::of(theme).visuals(theme);
        ctx.style_mut_of(theme, |style| {
            style.visuals = visuals;
            style.spacing.item_spacing = vec2(8.0, 6.0);
            style.spacing.button_padding = vec2(12.0, 5.0);
            style.spacing.interact_size.y = 30.0;
            style.spacing.tooltip_width = 300.0;
            style.interaction.selectable_labels = false;
            style.text_styles = [
                (TextStyle::Heading, FontId::new(TITLE, FontFamily::Proportional)),
                (TextStyle::Body, FontId::new(BODY, FontFamily::Proportional)),
                (TextStyle::Button, FontId::new(BODY, FontFamily::Proportional)),
                (TextStyle::Small, FontId::new(SMALL, FontFamily::Proportional)),
                (TextStyle::Monospace, FontId::new(SMALL, FontFamily::Monospace)),
            ]
            .into();
        });
    }
    ctx.options_mut(|options| options.fallback_theme = Theme::Light);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: Color32) -> f64 {
        let linear = |byte: u8| {
            let part = f64::from(byte) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// A102: every text of the window has 4.5:1 on its ground in both themes.
    #[test]
    fn every_text_is_legible_on_its_ground() {
        for palette in [LIGHT, DARK] {
            let p = palette;
            for (text, ground) in [
                (p.text, p.ground),
                (p.quiet, p.ground),
                (p.link, p.ground),
                (p.error, p.ground),
                (p.text, p.sheet),
                (p.soft, p.sheet),
                (p.soft, p.button_hover),
                (p.quiet, p.sheet),
                (p.link, p.sheet),
                (p.text, p.button),
                (p.text, p.button_hover),
                (p.on_accent, p.accent),
                (p.on_accent, p.accent_hover),
                (p.amber.1, p.amber.0),
                (p.green.1, p.green.0),
            ] {
                let ratio = contrast(text, ground);
                assert!(ratio >= 4.5, "{text:?} on {ground:?}: {ratio:.2}");
            }
            // What is no text needs 3:1: the bar on its track, the focus ring on the window.
            for (mark, ground) in [(p.accent, p.track), (p.accent, p.ground)] {
                let ratio = contrast(mark, ground);
                assert!(ratio >= 3.0, "{mark:?} on {ground:?}: {ratio:.2}");
            }
        }
    }
}
