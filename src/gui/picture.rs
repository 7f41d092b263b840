//! The program's icon beside the title.

use std::fmt;

use eframe::egui::{
    Color32, ColorImage, Context, Rect, Sense, TextureHandle, TextureOptions, Ui, pos2, vec2,
};

/// An icon that can be painted.
pub(super) struct Icon(TextureHandle);

impl fmt::Debug for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Icon")
    }
}

/// The icon's side in points.
pub(super) const SIDE: f32 = 32.0;
/// The pixels kept of one side: twice the points, for fine screens.
const PIXELS: usize = 64;

/// The icon made ready to be painted; nothing if it is no PNG.
pub(super) fn load(ctx: &Context, png: &[u8]) -> Option<Icon> {
    let icon = eframe::icon_data::from_png_bytes(png).ok()?;
    let size = [usize::try_from(icon.width).ok()?, usize::try_from(icon.height).ok()?];
    let whole = ColorImage::from_rgba_unmultiplied(size, &icon.rgba);
    let small = if size.iter().all(|side| *side <= PIXELS) { whole } else { shrunk(&whole) };
    Some(Icon(ctx.load_texture("icon", small, TextureOptions::LINEAR)))
}

/// The mean of all pixels that fall into one.
fn shrunk(image: &ColorImage) -> ColorImage {
    let [width, height] = image.size;
    let span = |at: usize, side: usize| {
        let from = at * side / PIXELS;
        from..((at + 1) * side / PIXELS).max(from + 1)
    };
    let pixel = |column: usize, row: usize| {
        let (mut sum, mut count) = ([0_usize; 4], 0);
        for y in span(row, height) {
            for x in span(column, width) {
                let color = image.pixels[y * width + x].to_array();
                sum.iter_mut().zip(color).for_each(|(sum, part)| *sum += usize::from(part));
                count += 1;
            }
        }
        let [r, g, b, a] = sum.map(|sum| u8::try_from(sum / count).unwrap_or(u8::MAX));
        Color32::from_rgba_premultiplied(r, g, b, a)
    };
    let pixels = (0..PIXELS * PIXELS).map(|at| pixel(at % PIXELS, at / PIXELS)).collect();
    ColorImage::new([PIXELS, PIXELS], pixels)
}

/// Paints it. It says nothing that the title does not say.
pub(super) fn show(ui: &mut Ui, icon: &Icon) {
    let (rect, _) = ui.allocate_exact_size(vec2(SIDE, SIDE), Sense::hover());
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    ui.painter().image(icon.0.id(), rect, whole, Color32::WHITE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_icon_becomes_the_mean_of_its_pixels() {
        let (black, white) = (Color32::BLACK, Color32::WHITE);
        let pixels = (0..256 * 256).map(|at| if at % 2 == 0 { black } else { white }).collect();
        let small = shrunk(&ColorImage::new([256, 256], pixels));
        assert_eq!(small.size, [PIXELS, PIXELS]);
        assert!(small.pixels.iter().all(|pixel| *pixel == Color32::from_gray(127)));
    }
}
