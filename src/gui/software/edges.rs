//! Which pixels a triangle covers, in whole numbers: triangles that share an edge share no pixel and leave none out.

/// Parts of a pixel that corners are rounded to, as graphics cards do.
const PARTS: f32 = 256.0;

/// A corner in parts of a pixel.
type Corner = [i64; 2];

/// Covered pixels, row by row.
#[derive(Debug)]
pub(super) struct Covered {
    /// Each edge as `a * x + b * y + c`, at least 0 on the inner side.
    edges: [[i64; 3]; 3],
    rows: std::ops::Range<i64>,
    columns: std::ops::Range<i64>,
}

impl Covered {
    /// What the triangle covers of `columns` and `rows`; nothing if it has no area.
    pub(super) fn new(
        corners: [[f32; 2]; 3],
        columns: std::ops::Range<usize>,
        rows: std::ops::Range<usize>,
    ) -> Option<Self> {
        let [p, mut q, mut r] = corners.map(|corner| corner.map(parts));
        match twice_area(p, q, r).signum() {
            0 => return None,
            -1 => std::mem::swap(&mut q, &mut r),
            _ => {}
        }
        let edges = [edge(p, q), edge(q, r), edge(r, p)];
        let within = |axis: usize, limits: std::ops::Range<usize>| {
            let all = [p[axis], q[axis], r[axis]];
            let (low, high) = all.iter().fold((i64::MAX, i64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
            let (start, end) = (low.div_euclid(256), high.div_euclid(256) + 1);
            start.max(whole(limits.start))..end.min(whole(limits.end))
        };
        Some(Self { edges, rows: within(1, rows), columns: within(0, columns) })
    }

    /// Each row with its covered columns; rows without any are left out.
    pub(super) fn rows(&self) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> + '_ {
        self.rows.clone().filter_map(|y| {
            let (mut start, mut end) = (self.columns.start, self.columns.end);
            for [a, b, c] in self.edges {
                // The pixel's middle, in parts: a * (256 x + 128) + b * (256 y + 128) + c must not be below 0.
                let rest = a * 128 + b * (256 * y + 128) + c;
                match a.signum() {
                    1 => {
                        start = start
                            .max((-rest).div_euclid(256 * a) + i64::from((-rest).rem_euclid(256 * a) != 0))
                    }
                    -1 => end = end.min(rest.div_euclid(-256 * a) + 1),
                    _ if rest < 0 => end = start,
                    _ => {}
                }
            }
            (start < end).then(|| (place(y), place(start)..place(end)))
        })
    }
}

/// A length in parts of a pixel. Nothing is further away than any window is wide.
fn parts(length: f32) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "the limits fit")]
    let parts = (length.clamp(-65_536.0, 65_536.0) * PARTS).round() as i64;
    parts
}

fn whole(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

fn place(whole: i64) -> usize {
    usize::try_from(whole).unwrap_or(0)
}

fn twice_area(p: Corner, q: Corner, r: Corner) -> i64 {
    (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
}

/// The edge from `p` to `q`. A pixel whose middle lies on it belongs to it if it is a top or a left one.
fn edge(p: Corner, q: Corner) -> [i64; 3] {
    let (a, b) = (p[1] - q[1], q[0] - p[0]);
    let c = -(a * p[0] + b * p[1]);
    let owns = a > 0 || (a == 0 && b > 0);
    [a, b, c - i64::from(!owns)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(corners: [[f32; 2]; 3]) -> Vec<(usize, usize)> {
        let found = Covered::new(corners, 0..20, 0..20);
        found.iter().flat_map(Covered::rows).flat_map(|(y, xs)| xs.map(move |x| (x, y))).collect()
    }

    #[test]
    fn two_triangles_of_a_box_cover_each_pixel_once() {
        for [left, top, right, bottom] in
            [[2.0, 3.0, 9.0, 8.0], [2.5, 3.5, 9.5, 8.5], [2.3, 3.7, 9.1, 8.2], [0.49, 0.51, 1.5, 1.5]]
        {
            let (a, b, c, d) = ([left, top], [right, top], [left, bottom], [right, bottom]);
            for triangles in [[[a, b, c], [c, b, d]], [[b, a, c], [d, b, c]], [[a, b, d], [a, d, c]]] {
                let mut all: Vec<_> = triangles.into_iter().flat_map(covered).collect();
                let count = all.len();
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), count, "a pixel is covered twice");
                let inside = |low: f32, high: f32, at: usize| {
                    let middle = at as f32 + 0.5;
                    low <= middle && middle < high
                };
                let wanted = (0..20).flat_map(|y| (0..20).map(move |x| (x, y)));
                let wanted = wanted.filter(|(x, y)| inside(left, right, *x) && inside(top, bottom, *y));
                assert_eq!(count, wanted.count(), "{left} {top} {right} {bottom}");
            }
        }
    }

    #[test]
    fn a_fan_covers_each_pixel_once() {
        let middle = [10.1, 9.7];
        let around = |at: usize| {
            let angle = at as f32 * std::f32::consts::TAU / 7.0;
            [10.0 + 8.3 * angle.cos(), 10.0 + 8.3 * angle.sin()]
        };
        let mut all: Vec<_> =
            (0..7).flat_map(|at| covered([middle, around(at), around((at + 1) % 7)])).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!((150..250).contains(&count), "{count}");
    }

    #[test]
    fn nothing_is_covered_by_a_line_or_outside() {
        assert!(covered([[1.0, 1.0], [5.0, 5.0], [9.0, 9.0]]).is_empty());
        assert!(covered([[-9.0, -9.0], [-1.0, -9.0], [-1.0, -1.0]]).is_empty());
        assert!(covered([[f32::NAN, 0.0], [f32::INFINITY, 4.0], [1.0, 9.0]]).len() <= 400);
    }
}
