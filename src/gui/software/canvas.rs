//! Paints egui's triangles into memory: textured, clipped, blended as a graphics card would.

use std::collections::HashMap;

use eframe::egui::{Color32, ImageData, TextureId, TexturesDelta};
use eframe::epaint::{ClippedPrimitive, ImageDelta, Mesh, Primitive, Vertex};

use super::edges::Covered;

/// Textures, and how triangles are painted with them.
#[derive(Default)]
pub struct Canvas {
    textures: HashMap<TextureId, Texture>,
}

#[derive(Default)]
struct Texture {
    width: usize,
    height: usize,
    texels: Vec<Color32>,
}

/// Pixels from left to right and top to bottom, `0x00RRGGBB` each.
struct Target<'a> {
    pixels: &'a mut [u32],
    width: usize,
    height: usize,
}

/// What a vertex has beside its place: colour and place in the texture. Between vertices it runs evenly.
type Wear = [f32; 6];

/// How a triangle's wear runs: its value at the origin, and its change with each column and row.
struct Run {
    origin: Wear,
    x: Wear,
    y: Wear,
}

/// How the pixels of a triangle get their colour.
enum Paint<'a> {
    /// All the same.
    Plain(Color32),
    /// Between the colours of the corners.
    Shaded(Run),
    /// The texture in one colour, each texel on one pixel: letters. The texel of the first pixel.
    Letters(&'a Texture, Color32, [isize; 2]),
    /// The texture, stretched.
    Textured(&'a Texture, Run),
}

impl std::fmt::Debug for Canvas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canvas").field("textures", &self.textures.len()).finish()
    }
}

impl Canvas {
    /// Takes in new and changed textures. What is to be freed is freed by [`paint`](Self::paint) when it is done.
    pub fn take_in(&mut self, delta: &mut TexturesDelta) {
        for (id, deltas) in delta.set.drain() {
            for delta in deltas {
                self.textures.entry(id).or_default().change(&delta);
            }
        }
    }

    /// Forgets the textures that egui does not need any more.
    pub fn forget(&mut self, delta: &mut TexturesDelta) {
        for id in delta.free.drain() {
            self.textures.remove(&id);
        }
    }

    /// Paints `primitives` over a ground of one colour. `pixels` has rows of `width` pixels, `0x00RRGGBB` each.
    pub fn paint(
        &self,
        pixels: &mut [u32],
        width: usize,
        ground: Color32,
        primitives: &[ClippedPrimitive],
        scale: f32,
    ) {
        pixels.fill(packed(ground));
        let height = pixels.len().checked_div(width).unwrap_or(0);
        let mut target = Target { pixels, width, height };
        for ClippedPrimitive { clip_rect, primitive } in primitives {
            // Callbacks are made for a graphics card; the window uses none.
            let Primitive::Mesh(mesh) = primitive else { continue };
            let Some(texture) = self.textures.get(&mesh.texture_id) else { continue };
            let columns = limits(clip_rect.min.x * scale, clip_rect.max.x * scale, target.width);
            let rows = limits(clip_rect.min.y * scale, clip_rect.max.y * scale, target.height);
            if !columns.is_empty() && !rows.is_empty() {
                paint_mesh(&mut target, mesh, texture, (columns, rows), scale);
            }
        }
    }
}

/// The whole pixels of a clip, as graphics cards are told them.
fn limits(low: f32, high: f32, most: usize) -> std::ops::Range<usize> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is outside is cut off")]
    let whole = |length: f32| (length.round().max(0.0) as usize).min(most);
    whole(low)..whole(high)
}

fn paint_mesh(
    target: &mut Target<'_>,
    mesh: &Mesh,
    texture: &Texture,
    (columns, rows): (std::ops::Range<usize>, std::ops::Range<usize>),
    scale: f32,
) {
    for corners in mesh.indices.chunks_exact(3) {
        let corner = |at: usize| corners.get(at).and_then(|index| mesh.vertices.get(*index as usize));
        let (Some(a), Some(b), Some(c)) = (corner(0), corner(1), corner(2)) else { continue };
        let vertices = [*a, *b, *c];
        if vertices.iter().all(|vertex| vertex.color == Color32::TRANSPARENT) {
            continue;
        }
        let places = vertices.map(|vertex| [vertex.pos.x * scale, vertex.pos.y * scale]);
        let Some(covered) = Covered::new(places, columns.clone(), rows.clone()) else { continue };
        let Some(paint) = Paint::choose(texture, &vertices, places) else { continue };
        for (y, columns) in covered.rows() {
            let (start, row) = (columns.start, y * target.width);
            let Some(pixels) = target.pixels.get_mut(row + start..row + columns.end) else { continue };
            paint.row(pixels, start, y);
        }
    }
}

impl<'a> Paint<'a> {
    fn choose(texture: &'a Texture, vertices: &[Vertex; 3], places: [[f32; 2]; 3]) -> Option<Self> {
        let [a, b, c] = vertices;
        let one_color = a.color == b.color && b.color == c.color;
        let one_texel = a.uv == b.uv && b.uv == c.uv;
        if one_color && one_texel {
            return Some(Self::Plain(multiplied(a.color, texture.at(a.uv.x, a.uv.y))));
        }
        #[expect(clippy::cast_precision_loss, reason = "no texture is that large")]
        let (wide, high) = (texture.width as f32, texture.height as f32);
        let wear = vertices.map(|vertex| {
            let [red, green, blue, alpha] = vertex.color.to_array().map(f32::from);
            [red, green, blue, alpha, vertex.uv.x * wide, vertex.uv.y * high]
        });
        let mut run = Run::between(places, wear)?;
        if one_texel {
            // The texel of plain shapes is white; any other colours the corners.
            let texel = texture.at(a.uv.x, a.uv.y).to_array().map(|part| f32::from(part) / 255.0);
            for part in [&mut run.origin, &mut run.x, &mut run.y] {
                part.iter_mut().zip(texel).for_each(|(value, texel)| *value *= texel);
            }
            return Some(Self::Shaded(run));
        }
        Some(match run.offset().filter(|_| one_color) {
            Some(offset) => Self::Letters(texture, a.color, offset),
            None => Self::Textured(texture, run),
        })
    }

    fn row(&self, pixels: &mut [u32], start: usize, y: usize) {
        match self {
            Self::Plain(color) if color.is_opaque() => pixels.fill(packed(*color)),
            Self::Plain(color) => pixels.iter_mut().for_each(|pixel| *pixel = blended(*pixel, *color)),
            Self::Shaded(run) => {
                run.along(start, y, pixels, |pixel, wear| *pixel = blended(*pixel, color(wear)));
            }
            Self::Letters(texture, color, [dx, dy]) => {
                let row = texture.row(y.saturating_add_signed(*dy));
                let from = start.saturating_add_signed(*dx).min(row.len());
                for (pixel, texel) in pixels.iter_mut().zip(&row[from..]) {
                    if *texel != Color32::TRANSPARENT {
                        *pixel = blended(*pixel, multiplied(*color, *texel));
                    }
                }
            }
            Self::Textured(texture, run) => run.along(start, y, pixels, |pixel, wear| {
                let texel = texture.between(wear[4], wear[5]);
                *pixel = blended(*pixel, multiplied(color(wear), texel));
            }),
        }
    }
}

impl Run {
    /// The run between three corners; nothing if they stand in a line.
    fn between(places: [[f32; 2]; 3], wear: [Wear; 3]) -> Option<Self> {
        let [[x0, y0], [x1, y1], [x2, y2]] = places;
        let (x1, y1, x2, y2) = (x1 - x0, y1 - y0, x2 - x0, y2 - y0);
        let area = x1 * y2 - x2 * y1;
        if area == 0.0 || !area.is_finite() {
            return None;
        }
        let [w0, w1, w2] = wear;
        let change = |at: usize, first: f32, second: f32| {
            ((w1[at] - w0[at]) * first + (w2[at] - w0[at]) * second) / area
        };
        let x: Wear = std::array::from_fn(|at| change(at, y2, -y1));
        let y: Wear = std::array::from_fn(|at| change(at, -x2, x1));
        let origin: Wear = std::array::from_fn(|at| w0[at] - x[at] * x0 - y[at] * y0);
        Some(Self { origin, x, y })
    }

    /// Calls `each` for every pixel of a row with the wear at its middle.
    fn along(&self, start: usize, y: usize, pixels: &mut [u32], each: impl Fn(&mut u32, &Wear)) {
        #[expect(clippy::cast_precision_loss, reason = "no window is that large")]
        let (x, y) = (start as f32 + 0.5, y as f32 + 0.5);
        let mut wear: Wear = std::array::from_fn(|at| self.origin[at] + self.x[at] * x + self.y[at] * y);
        for pixel in pixels {
            each(pixel, &wear);
            wear.iter_mut().zip(self.x).for_each(|(value, change)| *value += change);
        }
    }

    /// How far texels are from their pixels, if each pixel has exactly one.
    fn offset(&self) -> Option<[isize; 2]> {
        let near = |value: f32, wanted: f32| (value - wanted).abs() < 0.002;
        let straight =
            near(self.x[4], 1.0) && near(self.y[5], 1.0) && near(self.x[5], 0.0) && near(self.y[4], 0.0);
        let offset = [self.origin[4], self.origin[5]];
        let whole = offset.iter().all(|value| near(*value, value.round()));
        #[expect(clippy::cast_possible_truncation, reason = "a place in a texture")]
        let offset = offset.map(|value| value.round() as isize);
        (straight && whole).then_some(offset)
    }
}

impl Texture {
    fn change(&mut self, delta: &ImageDelta) {
        let ImageData::Color(image) = &delta.image;
        let Some([left, top]) = delta.pos else {
            let [width, height] = image.size;
            *self = Self { width, height, texels: image.pixels.clone() };
            return;
        };
        for (at, row) in image.pixels.chunks_exact(image.size[0].max(1)).enumerate() {
            let start = (top + at) * self.width + left;
            if let Some(own) = self.texels.get_mut(start..start + row.len()) {
                own.copy_from_slice(row);
            }
        }
    }

    fn row(&self, y: usize) -> &[Color32] {
        self.texels.get(y * self.width..(y + 1) * self.width).unwrap_or_default()
    }

    /// The texel at a place from 0 to 1.
    fn at(&self, u: f32, v: f32) -> Color32 {
        #[expect(clippy::cast_precision_loss, reason = "no texture is that large")]
        self.between(u * self.width as f32, v * self.height as f32)
    }

    /// What lies between the four texels around a place.
    fn between(&self, u: f32, v: f32) -> Color32 {
        let (u, v) = (u - 0.5, v - 0.5);
        let (left, top) = (u.floor(), v.floor());
        let (right_part, lower_part) = (u - left, v - top);
        let upper = mixed(self.texel(left, top), self.texel(left + 1.0, top), right_part);
        let lower = mixed(self.texel(left, top + 1.0), self.texel(left + 1.0, top + 1.0), right_part);
        let [red, green, blue, alpha] =
            std::array::from_fn(|at| byte(upper[at] + (lower[at] - upper[at]) * lower_part));
        Color32::from_rgba_premultiplied(red, green, blue, alpha)
    }

    /// The texel in a column and row; the nearest at the texture's edge if there is none.
    fn texel(&self, column: f32, row: f32) -> [f32; 4] {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "what is outside is cut off"
        )]
        let within = |value: f32, count: usize| (value.max(0.0) as usize).min(count.saturating_sub(1));
        let at = within(row, self.height) * self.width + within(column, self.width);
        self.texels.get(at).copied().unwrap_or(Color32::TRANSPARENT).to_array().map(f32::from)
    }
}

fn mixed(a: [f32; 4], b: [f32; 4], part: f32) -> [f32; 4] {
    std::array::from_fn(|at| a[at] + (b[at] - a[at]) * part)
}

fn byte(value: f32) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    let byte = (value + 0.5) as u8;
    byte
}

fn color(wear: &Wear) -> Color32 {
    let [red, green, blue, alpha] = std::array::from_fn(|at| byte(wear[at]));
    Color32::from_rgba_premultiplied(red, green, blue, alpha)
}

/// `a * b / 255`, rounded.
fn part(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    #[expect(clippy::cast_possible_truncation, reason = "at most 255")]
    let part = ((product + (product >> 8)) >> 8) as u8;
    part
}

fn multiplied(a: Color32, b: Color32) -> Color32 {
    let (a, b) = (a.to_array(), b.to_array());
    let [red, green, blue, alpha] = std::array::from_fn(|at| part(a[at], b[at]));
    Color32::from_rgba_premultiplied(red, green, blue, alpha)
}

fn packed(color: Color32) -> u32 {
    u32::from_be_bytes([0, color.r(), color.g(), color.b()])
}

/// `over`, whose colour already has its share of `alpha`, on a pixel that hides all below it.
fn blended(below: u32, over: Color32) -> u32 {
    let left = 255 - over.a();
    let [_, red, green, blue] = below.to_be_bytes();
    let mix = |below: u8, over: u8| part(below, left).saturating_add(over);
    u32::from_be_bytes([0, mix(red, over.r()), mix(green, over.g()), mix(blue, over.b())])
}
