//! Paints the letters of the window: the part of `vello_cpu` that egui uses, one path in one colour, in a few
//! kilobytes where the original brings a painter of everything three times over (plain, SSE 4.2 and AVX 2).
//!
//! Coverage is exact: each edge adds the area to its right to the cells it passes, signed by its direction, and the
//! sum along a row is how much of each pixel lies inside.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub use color;
pub use kurbo;

use color::{OpaqueColor, Srgb};
use kurbo::{Affine, PathEl, Point};

/// How far a straight piece may lie from its curve, in pixels.
const TOLERANCE: f64 = 0.05;
/// An edge that goes less far to the side within a row is taken to go this far, in pixels.
const UPRIGHT: f64 = 1e-6;
/// Bytes of a pixel: red, green, blue, alpha, premultiplied.
const BYTES: usize = 4;

/// What the original keeps from picture to picture; nothing here.
#[derive(Debug, Default)]
pub struct Resources;

impl Resources {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

/// A picture.
#[derive(Debug, Clone)]
pub struct Pixmap {
    data: Vec<u8>,
}

impl Pixmap {
    /// An empty picture; sizes in pixels.
    #[must_use]
    pub fn new(width: u16, height: u16) -> Self {
        Self { data: vec![0; usize::from(width) * usize::from(height) * BYTES] }
    }

    /// Its pixels row by row, four bytes each: red, green, blue, alpha, premultiplied.
    #[must_use]
    pub fn data_as_u8_slice(&self) -> &[u8] {
        &self.data
    }
}

/// Paints paths into a picture of its own.
#[derive(Debug)]
pub struct RenderContext {
    width: usize,
    height: usize,
    transform: Affine,
    paint: OpaqueColor<Srgb>,
    data: Vec<u8>,
}

impl RenderContext {
    /// A context for a picture of this size in pixels; it paints in black.
    #[must_use]
    pub fn new(width: u16, height: u16) -> Self {
        let data = Pixmap::new(width, height).data;
        let (width, height) = (width.into(), height.into());
        Self { width, height, transform: Affine::IDENTITY, paint: OpaqueColor::BLACK, data }
    }

    /// Where further paths come to lie.
    pub fn set_transform(&mut self, transform: Affine) {
        self.transform = transform;
    }

    /// The colour of further paths.
    pub fn set_paint(&mut self, paint: OpaqueColor<Srgb>) {
        self.paint = paint;
    }

    /// Paints what lies inside of a path over what is there. What lies outside of the picture is left out.
    pub fn fill_path(&mut self, path: &kurbo::BezPath) {
        let mut area = Area::new(self.width, self.height);
        let (mut first, mut last) = (Point::ZERO, Point::ZERO);
        let moved = path.elements().iter().map(|element| self.transform * *element);
        kurbo::flatten(moved, TOLERANCE, |element| match element {
            PathEl::MoveTo(to) => {
                // A contour that was not closed is closed for it.
                area.edge(last, first);
                (first, last) = (to, to);
            }
            PathEl::LineTo(to) => {
                area.edge(last, to);
                last = to;
            }
            PathEl::ClosePath => {
                area.edge(last, first);
                last = first;
            }
            // Curves were made lines.
            PathEl::QuadTo(..) | PathEl::CurveTo(..) => {}
        });
        area.edge(last, first);
        self.blend(&area);
    }

    /// Gives the picture.
    pub fn render(&self, target: &mut Pixmap, _resources: &mut Resources) {
        target.data.clone_from(&self.data);
    }

    fn blend(&mut self, area: &Area) {
        if self.data.is_empty() {
            return;
        }
        let paint = self.paint.to_rgba8().to_u8_array();
        let rows = self.data.chunks_exact_mut(self.width * BYTES).zip(area.cells.chunks_exact(area.stride));
        for (pixels, cells) in rows {
            let mut sum = 0.0;
            for (pixel, cell) in pixels.chunks_exact_mut(BYTES).zip(cells) {
                sum += cell;
                let cover = sum.abs().min(1.0);
                for (old, new) in pixel.iter_mut().zip(paint) {
                    let mixed = f32::from(*old) * (1.0 - cover) + f32::from(new) * cover;
                    *old = (mixed + 0.5) as u8;
                }
            }
        }
    }
}

/// For each pixel, by how much more of it lies inside than of the one before it in its row.
struct Area {
    width: f64,
    height: f64,
    /// Cells of a row: one for each pixel, and room for an edge at the right side.
    stride: usize,
    cells: Vec<f32>,
}

impl Area {
    fn new(width: usize, height: usize) -> Self {
        let stride = width + 2;
        Self { width: width as f64, height: height as f64, stride, cells: vec![0.0; stride * height] }
    }

    /// Adds an edge of the outline, row by row.
    fn edge(&mut self, from: Point, to: Point) {
        if !(from.is_finite() && to.is_finite()) || from.y == to.y {
            return;
        }
        let (sign, upper, lower) = if from.y < to.y { (1.0, from, to) } else { (-1.0, to, from) };
        let slope = (lower.x - upper.x) / (lower.y - upper.y);
        let at = |y: f64| upper.x + (y - upper.y) * slope;
        let end = lower.y.min(self.height);
        let mut y = upper.y.max(0.0);
        while y < end {
            let next = (y.floor() + 1.0).min(end);
            self.piece(y as usize, sign * (next - y), (at(y), at(next)));
            y = next;
        }
    }

    /// Adds the piece of an edge that lies in one row: `share` of the row's height, from one x to another.
    fn piece(&mut self, row: usize, share: f64, (from, to): (f64, f64)) {
        let cells = &mut self.cells[row * self.stride..][..self.stride];
        let (left, right) = (from.min(to), from.max(to));
        if right <= 0.0 {
            // All pixels of the row lie right of it.
            cells[0] += share as f32;
            return;
        }
        let (first, last) = (left.max(0.0), right.min(self.width));
        // An upright edge is in one cell, with all its share.
        let per_pixel = if right - left > UPRIGHT { share / (right - left) } else { share / UPRIGHT };
        let last = last.max((first + UPRIGHT).min(self.width));
        cells[0] += (per_pixel * (first - left)) as f32;
        let mut column = first.floor();
        while column < last {
            let (begin, end) = (first.max(column), last.min(column + 1.0));
            let share = per_pixel * (end - begin);
            // What is left of the edge in this cell is not inside, but is in the next one.
            let before = (begin + end) / 2.0 - column;
            cells[column as usize] += (share * (1.0 - before)) as f32;
            cells[column as usize + 1] += (share * before) as f32;
            column += 1.0;
        }
    }
}
