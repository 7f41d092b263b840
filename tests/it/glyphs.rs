//! The painter of letters in `glyphs/`: what lies inside is painted, as much of each pixel as is covered.

use proptest::prelude::*;
use vello_cpu::kurbo::{Affine, BezPath, Circle, Point, Rect, Shape as _};
use vello_cpu::{Pixmap, RenderContext, Resources, color};

const SIZE: u16 = 16;

/// The alpha of each pixel of a path painted in white.
fn painted(path: &BezPath, transform: Affine) -> Vec<u8> {
    let mut context = RenderContext::new(SIZE, SIZE);
    context.set_transform(transform);
    context.set_paint(color::OpaqueColor::<color::Srgb>::WHITE);
    context.fill_path(path);
    let mut picture = Pixmap::new(SIZE, SIZE);
    context.render(&mut picture, &mut Resources::new());
    let pixels = picture.data_as_u8_slice().chunks_exact(4);
    pixels
        .map(|pixel| if pixel.iter().all(|part| *part == pixel[3]) { pixel[3] } else { panic!("not white") })
        .collect()
}

/// The same by asking of many points in each pixel whether they lie inside.
fn sampled(path: &BezPath) -> Vec<u8> {
    const SAMPLES: u16 = 8;
    let place = |pixel: u16, sample: u16| f64::from(pixel) + (f64::from(sample) + 0.5) / f64::from(SAMPLES);
    let pixels = (0..SIZE).flat_map(|y| (0..SIZE).map(move |x| (x, y)));
    let inside = |x, y| {
        let samples = (0..SAMPLES).flat_map(|v| (0..SAMPLES).map(move |u| (u, v)));
        samples.filter(|(u, v)| path.winding(Point::new(place(x, *u), place(y, *v))) != 0).count()
    };
    pixels.map(|(x, y)| (inside(x, y) * 255 / usize::from(SAMPLES * SAMPLES)) as u8).collect()
}

fn at(pixels: &[u8], x: usize, y: usize) -> u8 {
    pixels[y * usize::from(SIZE) + x]
}

#[test]
fn a_pixel_is_painted_by_as_much_of_it_as_is_covered() {
    let pixels = painted(&Rect::new(1.25, 2.5, 4.75, 5.0).to_path(0.1), Affine::IDENTITY);
    for (x, y, wanted) in
        [(0, 2, 0), (1, 2, 96), (2, 2, 128), (4, 2, 96), (5, 2, 0), (1, 3, 191), (3, 4, 255), (3, 5, 0)]
    {
        assert_eq!(at(&pixels, x, y), wanted, "{x} {y}");
    }
}

#[test]
fn a_contour_the_other_way_round_is_a_hole_and_one_left_open_is_closed() {
    let mut path = Rect::new(2.0, 2.0, 14.0, 14.0).to_path(0.1);
    for (x, y) in [(5.0, 5.0), (5.0, 11.0), (11.0, 11.0), (11.0, 5.0)] {
        if x + y == 10.0 { path.move_to((x, y)) } else { path.line_to((x, y)) }
    }
    let pixels = painted(&path, Affine::IDENTITY);
    assert_eq!((at(&pixels, 3, 8), at(&pixels, 8, 8), at(&pixels, 12, 8)), (255, 0, 255));
}

#[test]
fn what_lies_outside_of_the_picture_or_nowhere_does_no_harm() {
    let whole = vec![255; usize::from(SIZE) * usize::from(SIZE)];
    assert_eq!(painted(&Rect::new(-1e9, -1e9, 1e9, 1e9).to_path(0.1), Affine::IDENTITY), whole);
    let far = Rect::new(1.0, 1.0, 5.0, 5.0).to_path(0.1);
    assert_eq!(painted(&far, Affine::translate((100.0, -50.0))), vec![0; whole.len()]);
    let mut nowhere = BezPath::new();
    nowhere.move_to((f64::NAN, 1.0));
    nowhere.line_to((f64::INFINITY, 5.0));
    nowhere.line_to((3.0, f64::NEG_INFINITY));
    painted(&nowhere, Affine::IDENTITY);
    RenderContext::new(0, 0).fill_path(&far);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn painting_agrees_with_asking_many_points(
        corners in prop::array::uniform3((-3.0..19.0, -3.0..19.0)),
        (centre, radius) in ((2.0..14.0, 2.0..14.0), 0.3..9.0),
    ) {
        let mut triangle = BezPath::new();
        triangle.move_to(corners[0]);
        triangle.line_to(corners[1]);
        triangle.line_to(corners[2]);
        triangle.close_path();
        for path in [triangle, Circle::new(centre, radius).to_path(1e-3)] {
            for (ours, wanted) in painted(&path, Affine::IDENTITY).iter().zip(sampled(&path)) {
                prop_assert!(ours.abs_diff(wanted) <= 34, "{ours} {wanted}");
            }
        }
    }
}
