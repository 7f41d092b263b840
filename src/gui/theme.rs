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
    /// The colours of `theme`, with the vendor's own for what stands out.
    fn of(theme: Theme, accent: Option<Color32>) -> Self {
        let (own, ink) = match theme {
            Theme::Light => (LIGHT, Color32::BLACK),
            Theme::Dark => (DARK, Color32::WHITE),
        };
        let Some(wanted) = accent else { return own };
        // As near to the wanted colour as can be seen on what it stands on: 3:1 for a mark, 4.5:1 for text.
        let accent = until(wanted, ink, |color| {
            contrast(color, own.track) >= 3.0 && contrast(color, own.ground) >= 3.0
        });
        let link = until(wanted, ink, |color| {
            contrast(color, own.ground) >= 4.5 && contrast(color, own.sheet) >= 4.5
        });
        let white = contrast(Color32::WHITE, accent) >= contrast(Color32::BLACK, accent);
        let (on_accent, away) =
            if white { (Color32::WHITE, Color32::BLACK) } else { (Color32::BLACK, Color32::WHITE) };
        Self { accent, accent_hover: mix(accent, away, 0.15), on_accent, link, ..own }
    }

    /// The colours in use.
    pub(super) fn now(ui: &egui::Ui) -> Self {
        let (light, dark) = ui.ctx().data(|data| data.get_temp(palettes())).unwrap_or((LIGHT, DARK));
        if ui.visuals().dark_mode { dark } else { light }
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

/// Where the colours of both themes are kept.
fn palettes() -> egui::Id {
    egui::Id::unique("palettes")
}

/// `color` with a part of `other` in it.
fn mix(color: Color32, other: Color32, part: f64) -> Color32 {
    let one = |a: u8, b: u8| {
        let value = f64::from(a) * (1.0 - part) + f64::from(b) * part;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two bytes")]
        let byte = value.round() as u8;
        byte
    };
    Color32::from_rgb(one(color.r(), other.r()), one(color.g(), other.g()), one(color.b(), other.b()))
}

/// The first colour on the way from `color` to `ink` that is good; `ink` if none before it is.
fn until(color: Color32, ink: Color32, good: impl Fn(Color32) -> bool) -> Color32 {
    let steps = (0..=50).map(|step| mix(color, ink, f64::from(step) / 50.0));
    steps.into_iter().find(|color| good(*color)).unwrap_or(ink)
}

/// How bright a colour is to the eye (WCAG 2).
fn luminance(color: Color32) -> f64 {
    let linear = |byte: u8| {
        let part = f64::from(byte) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
}

/// How well one colour is seen on the other, from 1 to 21 (WCAG 2).
fn contrast(a: Color32, b: Color32) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
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
pub(super) fn install(ctx: &egui::Context, accent: Option<[u8; 3]>) {
    let accent = accent.map(|[red, green, blue]| Color32::from_rgb(red, green, blue));
    let both = [Theme::Light, Theme::Dark].map(|theme| Palette::of(theme, accent));
    ctx.data_mut(|data| data.insert_temp(palettes(), (both[0], both[1])));
    for (theme, palette) in [Theme::Light, Theme::Dark].into_iter().zip(both) {
        let visuals = palette.visuals(theme);
        ctx.style_mut_of(theme, |style| {
            style.visuals = visuals;
            style.spacing.item_spacing = vec2(8.0, 6.0);
            style.spacing.button_padding = vec2(12.0, 5.0);
            style.spacing.interact_size.y = 30.0;
            style.spacing.tooltip_width = 300.0;
            style.interaction.selectable_labels = false;
            // Nothing moves, for everyone: who asked the system for less motion needs no setting here.
            style.animation_time = 0.0;
            style.scroll_animation = egui::style::ScrollAnimation::none();
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

    #[test]
    fn a_colour_that_can_be_seen_is_taken_as_it_is() {
        let wanted = Color32::from_rgb(0x22, 0x77, 0xcc);
        assert_eq!(Palette::of(Theme::Light, Some(wanted)).accent, wanted);
        let pale = Color32::from_rgb(0xff, 0xee, 0x66);
        let light = Palette::of(Theme::Light, Some(pale));
        assert_ne!(light.accent, pale);
        assert_eq!(Palette::of(Theme::Dark, Some(pale)).accent, pale);
        assert_eq!(Palette::of(Theme::Dark, Some(pale)).on_accent, Color32::BLACK);
    }

    /// A102: every text of the window has 4.5:1 on its ground in both themes, whatever colour the vendor has.
    #[test]
    fn every_text_is_legible_on_its_ground() {
        let steps = [0, 0x33, 0x66, 0x99, 0xcc, 0xff];
        let colors = steps.iter().flat_map(|r| steps.iter().flat_map(|g| steps.map(|b| (*r, *g, b))));
        let own = colors.map(|(r, g, b)| Some(Color32::from_rgb(r, g, b))).chain([None]);
        let both = own.flat_map(|own| [Theme::Light, Theme::Dark].map(|theme| Palette::of(theme, own)));
        for p in both {
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
