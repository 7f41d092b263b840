//! The few things pages are made of, each with its name and value for a screen reader.

use eframe::egui::text::LayoutJob;
use eframe::egui::{
    self, CornerRadius, Frame, Label, Margin, ProgressBar, Rect, Response, RichText, ScrollArea, Sense,
    Stroke, TextStyle, Ui, accesskit, pos2, vec2,
};

use super::{Choice, Command};
use crate::gui::format;
use crate::gui::texts::Texts;
use crate::gui::theme::Palette;

/// How a band looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// A trouble that passes.
    Amber,
    /// A trouble that passed.
    Green,
}

/// A line of text.
pub(super) fn plain(ui: &mut Ui, text: &str) {
    ui.add(Label::new(text).wrap());
}

/// A line of text of second rank.
pub(super) fn quiet(ui: &mut Ui, text: &str) {
    if !text.is_empty() {
        ui.add(Label::new(RichText::new(text).weak()).wrap());
    }
}

/// A small line of text of second rank.
pub(super) fn small(ui: &mut Ui, text: &str) {
    ui.add(Label::new(RichText::new(text).weak().small()).wrap());
}

/// A line that matters more than those around it.
pub(super) fn strong(ui: &mut Ui, text: &str) {
    ui.add(Label::new(RichText::new(text).size(15.0)).wrap());
}

/// A small line that people may want to select and copy.
pub(super) fn fact(ui: &mut Ui, text: &str) {
    ui.add(Label::new(RichText::new(text).weak().small()).wrap().selectable(true));
}

/// A path people may want to select and copy, broken wherever the line ends.
pub(super) fn path(ui: &mut Ui, text: &str) {
    let font = TextStyle::Small.resolve(ui.style());
    let color = ui.visuals().weak_text_color();
    let mut job = LayoutJob::simple(text.to_owned(), font, color, ui.available_width());
    job.wrap.break_anywhere = true;
    ui.add(Label::new(job).wrap().selectable(true));
}

/// A word to press.
pub(super) fn link(ui: &mut Ui, text: &str) -> bool {
    ui.link(text).clicked()
}

/// The bar with its percent; empty while nothing is known.
pub(super) fn bar(ui: &mut Ui, texts: &Texts, percent: Option<u64>) {
    let palette = Palette::now(ui);
    let height = std::mem::replace(&mut ui.spacing_mut().interact_size.y, 18.0);
    ui.horizontal(|ui| {
        let room = if percent.is_some() { 48.0 } else { 0.0 };
        let value = percent.unwrap_or(0);
        let whole = u8::try_from(value).unwrap_or(100);
        let part = f32::from(whole) / 100.0;
        let width = (ui.available_width() - room).max(40.0);
        ui.scope(|ui| {
            // The crate paints a full cap for nothing at all.
            let fill = if value == 0 { palette.track } else { palette.accent };
            let bar = ProgressBar::new(part).desired_width(width).desired_height(8.0).fill(fill);
            let response = ui.add(bar.corner_radius(CornerRadius::same(4)));
            ui.ctx().accesskit_node_builder(response.id, |node| {
                node.set_label(texts.get("progress-bar"));
                node.set_min_numeric_value(0.0);
                node.set_max_numeric_value(100.0);
                match percent {
                    Some(percent) => {
                        node.set_numeric_value(f64::from(whole));
                        node.set_value(format::percent_text(texts, percent));
                    }
                    None => node.clear_numeric_value(),
                }
            });
        });
        if let Some(percent) = percent {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(format::percent_text(texts, percent));
            });
        }
    });
    ui.spacing_mut().interact_size.y = height;
}

/// A line with a path in it, the path's middle left out as far as the window is too narrow.
pub(super) fn path_line(ui: &mut Ui, path: String, line: impl Fn(&str) -> String) {
    let font = TextStyle::Body.resolve(ui.style());
    let fits = |ui: &Ui, text: String| {
        let galley = ui.painter().layout_no_wrap(text, font.clone(), egui::Color32::PLACEHOLDER);
        galley.size().x <= ui.available_width()
    };
    let full = line(&path);
    let mut shown = full.clone();
    if !fits(ui, full.clone()) {
        let (mut least, mut most) = (4, path.chars().count());
        while least + 1 < most {
            let middle = usize::midpoint(least, most);
            let fit = fits(ui, line(&format::shorten(&path, middle)));
            if fit { least = middle } else { most = middle }
        }
        shown = line(&format::shorten(&path, least));
    }
    let whole = shown == full;
    let response = ui.add(Label::new(shown).truncate());
    if !whole {
        // A screen reader gets the whole path.
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_value(full));
        response.on_hover_ui(|ui| self::path(ui, &path));
    }
}

/// A coloured strip with a sentence, a remark at its right and, on hovering, the reason.
pub(super) fn band(ui: &mut Ui, mood: Mood, text: &str, remark: &str, reason: &str) {
    let palette = Palette::now(ui);
    let (ground, ink) = match mood {
        Mood::Amber => palette.amber,
        Mood::Green => palette.green,
    };
    ui.add_space(4.0);
    let frame =
        Frame::new().fill(ground).corner_radius(CornerRadius::same(6)).inner_margin(Margin::symmetric(12, 8));
    let response = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.add(Label::new(RichText::new(text).color(ink)).wrap());
        if !remark.is_empty() {
            ui.add(Label::new(RichText::new(remark).color(ink).small()).wrap());
        }
    });
    if !reason.is_empty() {
        response.response.on_hover_text(reason);
    }
}

/// A framed box that scrolls and takes the room that is left.
pub(super) fn sheet(ui: &mut Ui, label: &str, content: impl FnOnce(&mut Ui)) {
    let palette = Palette::now(ui);
    ui.add_space(2.0);
    let frame = Frame::new()
        .fill(palette.sheet)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(CornerRadius::same(6))
        .inner_margin(Margin { left: 12, right: 4, top: 8, bottom: 8 });
    let response = frame.show(ui, |ui| {
        let height = ui.available_height().max(70.0);
        ScrollArea::vertical().auto_shrink([false, false]).max_height(height).show(ui, |ui| {
            ui.set_width(ui.available_width() - 8.0);
            content(ui);
        });
    });
    ui.ctx().accesskit_node_builder(response.response.id, |node| {
        node.set_role(accesskit::Role::Group);
        node.set_label(label);
    });
}

const BUTTON_HEIGHT: f32 = 32.0;
const BUTTON_WIDTH: f32 = 76.0;
const GAP: f32 = 8.0;

/// The buttons in rows that fit `width`: as a rule one; each with its width.
pub(in crate::gui) fn rows<'a>(ui: &Ui, choices: &'a [Choice], width: f32) -> Vec<Vec<(f32, &'a Choice)>> {
    let font = TextStyle::Button.resolve(ui.style());
    let mut rows: Vec<Vec<(f32, &Choice)>> = Vec::new();
    let mut used = f32::INFINITY;
    for choice in choices {
        let galley =
            ui.painter().layout_no_wrap(choice.label.clone(), font.clone(), egui::Color32::PLACEHOLDER);
        let padding = 2.0 * ui.spacing().button_padding.x;
        let wide = (galley.size().x + padding).ceil().clamp(BUTTON_WIDTH.min(width), width);
        if used + GAP + wide > width {
            rows.push(Vec::new());
            used = -GAP;
        }
        used += GAP + wide;
        if let Some(row) = rows.last_mut() {
            row.push((wide, choice));
        }
    }
    rows
}

/// The height of `rows` rows of buttons.
pub(in crate::gui) fn rows_height(rows: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
    let rows = rows as f32;
    (rows * (BUTTON_HEIGHT + GAP) - GAP).max(0.0)
}

/// Buttons at the right, in reading order, the main one filled.
pub(in crate::gui) fn buttons(ui: &mut Ui, rows: &[Vec<(f32, &Choice)>]) -> Option<Command> {
    let mut pressed = None;
    ui.spacing_mut().item_spacing = vec2(GAP, GAP);
    for row in rows {
        let total: f32 = row.iter().map(|(width, _)| width + GAP).sum::<f32>() - GAP;
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.add_space((ui.available_width() - total).max(0.0));
            for (at, (width, choice)) in row.iter().enumerate() {
                if at > 0 {
                    ui.add_space(GAP);
                }
                // Named by what it does: another button in the same place is another button.
                let id = (choice.command_name(), choice.label.as_str());
                if ui.push_id(id, |ui| button(ui, *width, choice)).inner {
                    pressed = Some(choice.command);
                }
            }
        });
    }
    pressed
}

fn button(ui: &mut Ui, width: f32, choice: &Choice) -> bool {
    let palette = Palette::now(ui);
    if choice.main {
        let widgets = &mut ui.visuals_mut().widgets;
        for (state, fill) in [
            (&mut widgets.inactive, palette.accent),
            (&mut widgets.hovered, palette.accent_hover),
            (&mut widgets.active, palette.accent_hover),
        ] {
            state.weak_bg_fill = fill;
            state.bg_stroke = Stroke::NONE;
            state.fg_stroke = Stroke::new(1.0, palette.on_accent);
        }
    }
    let button = egui::Button::new(choice.label.as_str()).min_size(vec2(width, BUTTON_HEIGHT)).truncate();
    let (rect, _) = ui.allocate_exact_size(vec2(width, BUTTON_HEIGHT), Sense::hover());
    let response = ui.put(rect, button);
    ring(ui, &response);
    response.clicked()
}

/// The ring around what has the focus.
pub(super) fn ring(ui: &Ui, response: &Response) {
    if response.has_focus() {
        let ring = response.rect.expand(2.0);
        let stroke = Stroke::new(2.0, Palette::now(ui).accent);
        ui.painter().rect_stroke(ring, CornerRadius::same(8), stroke, egui::StrokeKind::Outside);
    }
}

/// The side of the button that opens the settings.
pub(in crate::gui) const GEAR: f32 = 28.0;

/// Opens the settings: three sliders, as no font has a sign for them.
pub(in crate::gui) fn gear(ui: &mut Ui, rect: Rect, label: &str) -> bool {
    let palette = Palette::now(ui);
    let button = egui::Button::new("").min_size(rect.size()).frame_when_inactive(false);
    let response = ui.put(rect, button);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(label));
    for (row, knob) in [(-5.0, 0.7), (0.0, 0.3), (5.0, 0.6)] {
        let y = rect.center().y + row;
        let across = rect.shrink(7.0).x_range();
        ui.painter().hline(across, y, Stroke::new(1.5, palette.quiet));
        let center = pos2(egui::lerp(across.min..=across.max, knob), y);
        ui.painter().circle(center, 2.2, palette.ground, Stroke::new(1.5, palette.quiet));
    }
    ring(ui, &response);
    response.on_hover_text(label).clicked()
}

impl Choice {
    fn command_name(&self) -> String {
        format!("{:?}", self.command)
    }
}
