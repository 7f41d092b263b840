//! Pictures of the window, painted by the updater's own canvas: every state in every language, and whether every
//! text has room. They are kept in `$UPDRAFT_ARTEFACTS` where that is set.

use std::collections::BTreeSet;

use eframe::egui::{Color32, IconData, Pos2, Rect, Shape, Theme, Vec2, epaint};
use updraft::gui::{Before, Keep, Kept, Preferences, Texts};
use updraft::report::{ErrorCode, Remedy, Step};

use super::bench::{Bench, Look, STATES, failure, release, script};

/// The smallest window there is.
const SMALLEST: [f32; 2] = [360.0, 260.0];

/// What is painted, `0x00RRGGBB` each, row by row.
struct Picture {
    pixels: Vec<u32>,
    width: usize,
    height: usize,
    scale: f32,
}

/// A text where it is painted.
struct Painted {
    words: String,
    ink: Rect,
    clip: Rect,
    elided: bool,
}

impl Picture {
    fn of(bench: &Bench) -> Self {
        let output = bench.harness.output();
        let scale = output.pixels_per_point;
        let size = bench.harness.ctx.content_rect().size() * scale;
        let (width, height) = (size.x.round() as usize, size.y.round() as usize);
        let mut pixels = vec![0; width * height];
        let primitives = bench.harness.ctx.tessellate(output.shapes.clone(), scale);
        let ground = bench.harness.ctx.global_style().visuals.panel_fill;
        bench.canvas.borrow().paint(&mut pixels, width, ground, &primitives, scale);
        Self { pixels, width, height, scale }
    }

    /// The colours within `rect`.
    fn colors(&self, rect: Rect) -> BTreeSet<u32> {
        let place = |at: f32, most: usize| ((at * self.scale).max(0.0) as usize).min(most);
        let columns = place(rect.left(), self.width)..place(rect.right(), self.width);
        let rows = place(rect.top(), self.height)..place(rect.bottom(), self.height);
        rows.flat_map(|y| &self.pixels[y * self.width + columns.start..y * self.width + columns.end])
            .copied()
            .collect()
    }

    fn keep(&self, name: &str) {
        use eframe::icon_data::IconDataExt as _;
        let Some(folder) = std::env::var_os("UPDRAFT_ARTEFACTS") else { return };
        let rgba = self.pixels.iter().flat_map(|pixel| {
            let [_, red, green, blue] = pixel.to_be_bytes();
            [red, green, blue, 255]
        });
        let (width, height) = (self.width as u32, self.height as u32);
        let image = IconData { rgba: rgba.collect(), width, height };
        let folder = std::path::Path::new(&folder).join("states");
        save(&folder, &format!("{name}.png"), &image.to_png_bytes().unwrap());
    }
}

#[expect(clippy::disallowed_methods, reason = "a test writes files by itself")]
fn save(folder: &std::path::Path, name: &str, bytes: &[u8]) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
}

/// Every text of the page that is in sight.
fn texts(bench: &Bench) -> Vec<Painted> {
    fn collect(shape: &Shape, clip: Rect, all: &mut Vec<Painted>) {
        match shape {
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| collect(shape, clip, all)),
            Shape::Text(text) => {
                let words = text.galley.text().to_owned();
                let ink = text.galley.mesh_bounds.translate(text.pos.to_vec2());
                all.push(Painted { words, ink, clip, elided: text.galley.elided });
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    for epaint::ClippedShape { clip_rect, shape, .. } in &bench.harness.output().shapes {
        collect(shape, *clip_rect, &mut all);
    }
    all.retain(|text| !text.words.trim().is_empty());
    all
}

/// What is wrong with the place of a text on the page; nothing as a rule.
fn faults(bench: &Bench) -> Vec<String> {
    let window = bench.harness.ctx.content_rect();
    let all = texts(bench);
    assert!(!all.is_empty(), "a page without a word");
    let mut found = Vec::new();
    for text in &all {
        let Painted { words, ink, clip, elided } = text;
        let room = clip.intersect(window);
        if *elided {
            found.push(format!("the end is left out: {words}"));
        }
        if ink.left() < room.left() - 1.0 || ink.right() > room.right() + 1.0 {
            found.push(format!("cut at the side: {words} at {ink:?} in {room:?}"));
        }
        let scrolls = clip.height() < window.height() - 1.0;
        if !scrolls && !window.contains_rect(*ink) {
            found.push(format!("outside the window: {words} at {ink:?}"));
        }
    }
    let scrolling = all.iter().map(|text| text.clip.intersect(window).height());
    let most = scrolling.filter(|height| *height < window.height() - 1.0).reduce(f32::max);
    if let Some(most) = most.filter(|most| *most < 60.0) {
        found.push(format!("no room to scroll in: {most} high"));
    }
    for (at, one) in all.iter().enumerate() {
        for other in &all[at + 1..] {
            let common = one.ink.intersect(one.clip).intersect(other.ink.intersect(other.clip));
            if common.width() > 1.0 && common.height() > 1.0 {
                found.push(format!("{} lies on {}", one.words, other.words));
            }
        }
    }
    found
}

fn smallest(lang: &'static str, theme: Theme, scale: f32, state: &str) -> Bench {
    let mut bench = Bench::with(&Look { lang, theme, size: SMALLEST, scale });
    bench.play(state);
    // A window a person made small stays so.
    bench.harness.set_size(SMALLEST.into());
    bench.pass(600);
    assert_eq!(bench.harness.ctx.content_rect().size(), Vec2::from(SMALLEST));
    bench
}

/// The looks that are tried: one of each theme and scale; all four where the pictures are kept.
fn looks() -> Vec<(Theme, f32)> {
    let mut looks = vec![(Theme::Light, 1.0), (Theme::Dark, 2.0)];
    if std::env::var_os("UPDRAFT_ARTEFACTS").is_some() {
        looks.extend([(Theme::Light, 2.0), (Theme::Dark, 1.0)]);
    }
    looks
}

/// A99, A102: every state in every language, light and dark, at 1x and 2x, in the smallest window: no glyph is missing
/// (the harness panics on one), no text is cut or lies on another, every text is painted, and every button is inside
/// the window. Only embedded fonts are used here, as on a machine without Chinese fonts.
#[test]
fn every_state_fits_in_every_language() {
    let mut wrong = Vec::new();
    for lang in Texts::languages() {
        for (theme, scale) in looks() {
            for state in STATES {
                let bench = smallest(lang, theme, scale, state);
                let window = bench.harness.ctx.content_rect();
                let name = format!("{state}-{lang}-{theme:?}-{scale}x").to_lowercase();
                wrong.extend(faults(&bench).into_iter().map(|fault| format!("{name}: {fault}")));
                use egui_kittest::kittest::Queryable as _;
                for label in bench.buttons() {
                    let rect = bench.harness.get_by_label(&label).rect();
                    assert!(window.contains_rect(rect), "{name}: {label} at {rect:?}");
                }
                let picture = Picture::of(&bench);
                picture.keep(&name);
                for text in texts(&bench) {
                    let seen = text.ink.intersect(text.clip).intersect(window);
                    if seen.is_positive() && seen.height() > 4.0 && picture.colors(seen).len() < 2 {
                        wrong.push(format!("{name}: nothing is painted for {}", text.words));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A99, A100: every cause of a failure, with what to do, in every language in the smallest window.
#[test]
fn every_cause_of_a_failure_fits_in_every_language() {
    let mut wrong = Vec::new();
    for lang in Texts::languages() {
        let mut bench = smallest(lang, Theme::Light, 1.0, "progress");
        for code in ErrorCode::ALL {
            for may_start in [true, false] {
                bench.step(failure(*code, may_start));
                bench.harness.set_size(SMALLEST.into());
                bench.pass(600);
                let name = format!("{lang}: {code:?}");
                wrong.extend(faults(&bench).into_iter().map(|fault| format!("{name}: {fault}")));
                for event in script("progress") {
                    updraft::report::Reporter::report(&mut bench.feed, &event);
                }
            }
        }
        if let Step::Failed { failure, installed, log, may_start, .. } = failure(ErrorCode::Permission, true)
        {
            let remedy = Some(Remedy::OtherUser { owner: Some("SYSTEM".into()), for_all: true });
            bench.step(Step::Failed { failure, installed, log, may_start, remedy });
            bench.pass(600);
            wrong.extend(faults(&bench).into_iter().map(|fault| format!("{lang}: for all users: {fault}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A82, A99: the question whether to go back, and the pages that lead to it, fit in every language.
#[test]
fn the_way_back_fits_in_every_language() {
    use egui_kittest::kittest::{NodeT as _, Queryable as _};
    let mut wrong = Vec::new();
    for lang in Texts::languages() {
        let pages = [Step::UpToDate { installed: release(3, "2.1") }, failure(ErrorCode::Unreachable, true)];
        for step in pages {
            let look = Look { lang, size: SMALLEST, ..Look::default() };
            let before = Before::new(|| Some(release(1, "2.0")));
            let mut bench = Bench::told(&look, |setup| setup.before = Some(before));
            bench.step(step);
            bench.harness.set_size(SMALLEST.into());
            bench.pass(600);
            wrong.extend(faults(&bench).into_iter().map(|fault| format!("{lang}: {fault}")));
            let links = bench.harness.query_all_by_role(eframe::egui::accesskit::Role::Link);
            let is_back = |label: Option<String>| label.is_some_and(|label| label.contains("2.0"));
            let back = links.into_iter().find(|node| is_back(node.accesskit_node().label()));
            // It may have to be scrolled to.
            back.expect("a way back").click_accesskit();
            bench.paint();
            bench.pass(600);
            wrong.extend(faults(&bench).into_iter().map(|fault| format!("{lang}, asked: {fault}")));
            assert_eq!(bench.buttons().len(), 2);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A99, A102: the settings, and what they say once something was chosen, fit in every language, light and dark.
#[test]
fn the_settings_fit_in_every_language() {
    use egui_kittest::kittest::Queryable as _;
    let mut wrong = Vec::new();
    for (lang, (theme, scale)) in
        Texts::languages().flat_map(|lang| looks().into_iter().map(move |look| (lang, look)))
    {
        for (kept, limit) in [(Kept::Saved, None), (Kept::ThisRun, Some(1_000_000))] {
            let look = Look { lang, theme, size: SMALLEST, scale };
            let now = Preferences { language: Some(lang.to_owned()), limit, ..Preferences::default() };
            let keep = Keep::new(move |_, _| kept);
            let mut bench = Bench::told(&look, |setup| setup.preferences = Some((now, keep)));
            bench.play("progress");
            bench.harness.set_size(SMALLEST.into());
            bench.pass(600);
            let texts = Texts::new(Some(lang));
            bench.click(&texts.get("settings-title"));
            bench.pass(600);
            let name = format!("settings-{lang}-{theme:?}-{scale}x").to_lowercase();
            wrong.extend(faults(&bench).into_iter().map(|fault| format!("{name}: {fault}")));
            Picture::of(&bench).keep(&name);
            let label = texts.get("settings-limit");
            let list = bench.harness.get_by_role_and_label(eframe::egui::accesskit::Role::ComboBox, &label);
            list.click_accesskit();
            bench.paint();
            wrong.extend(texts_cut(&bench).into_iter().map(|fault| format!("{name}, its list: {fault}")));
            let choice = if limit.is_none() { "1".to_owned() } else { texts.get("settings-limit-none") };
            let lines = bench.harness.query_all_by_label_contains(&choice);
            lines.last().expect("a line of the list").click();
            bench.paint();
            bench.pass(600);
            wrong.extend(faults(&bench).into_iter().map(|fault| format!("{name}, chosen: {fault}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is cut at a side, where a list lies over the page.
fn texts_cut(bench: &Bench) -> Vec<String> {
    let window = bench.harness.ctx.content_rect();
    let cut =
        |text: &Painted| text.ink.left() < window.left() - 1.0 || text.ink.right() > window.right() + 1.0;
    texts(bench).into_iter().filter(cut).map(|text| format!("cut at the side: {}", text.words)).collect()
}

/// A99: every character of every text is in the embedded fonts.
#[test]
fn every_character_of_every_text_can_be_drawn() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/i18n");
    let mut missing = BTreeSet::new();
    for entry in walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap) {
        if !entry.file_type().is_file() {
            continue;
        }
        let file = entry.file_name().to_string_lossy().into_owned();
        let all: BTreeSet<char> = std::io::read_to_string(open(entry.path()))
            .unwrap()
            .chars()
            .filter(|c| !c.is_control())
            .collect();
        let mut bench = Bench::new();
        bench.paint();
        let has = |c: char| {
            let font = eframe::egui::FontId::proportional(14.0);
            bench.harness.ctx.fonts_mut(|fonts| fonts.has_glyph(&font, c))
        };
        missing.extend(
            all.into_iter().filter(|c| !has(*c)).map(|c| format!("{c} (U+{:04X}) of {file}", u32::from(c))),
        );
    }
    assert!(
        missing.is_empty(),
        "the window's fonts lack {}. Run assets/fonts/make.sh, which makes them anew from the texts.",
        missing.into_iter().collect::<Vec<_>>().join(", ")
    );
}

#[expect(clippy::disallowed_methods, reason = "a test reads the source tree")]
fn open(path: &std::path::Path) -> std::fs::File {
    std::fs::File::open(path).unwrap()
}

/// The canvas paints what egui asks for: a filled box, half of it cut off, on the ground.
#[test]
fn the_canvas_paints_shapes_where_they_are() {
    use eframe::egui::{ClippedPrimitive, Mesh};
    let bench = Bench::new();
    let mut mesh = Mesh::default();
    mesh.add_colored_rect(
        Rect::from_min_max(Pos2::new(1.0, 1.0), Pos2::new(5.0, 3.0)),
        Color32::from_rgb(1, 2, 3),
    );
    let clip_rect = Rect::from_min_max(Pos2::ZERO, Pos2::new(3.0, 4.0));
    let primitives = [ClippedPrimitive { clip_rect, primitive: epaint::Primitive::Mesh(mesh) }];
    for scale in [1_usize, 2] {
        let width = 6 * scale;
        let mut pixels = vec![0; width * 4 * scale];
        bench.canvas.borrow().paint(&mut pixels, width, Color32::WHITE, &primitives, scale as f32);
        for (at, pixel) in pixels.iter().enumerate() {
            let (x, y) = (at % width / scale, at / width / scale);
            let wanted = if (1..3).contains(&x) && (1..3).contains(&y) { 0x01_02_03 } else { 0xff_ff_ff };
            assert_eq!(*pixel, wanted, "{x} {y} at {scale}");
        }
    }
}
