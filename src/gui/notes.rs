//! Release notes: a small part of Markdown, drawn with the window's own texts and colours.
//!
//! Headings, paragraphs, lists, emphasis, code and https links are drawn. HTML and pictures are left out: a note
//! must not load anything or run anything.

use eframe::egui::text::LayoutJob;
use eframe::egui::{Color32, FontFamily, FontId, Hyperlink, Label, RichText, TextFormat, Ui, vec2};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::texts::nearest;
use super::theme::{BODY, Palette, SMALL};
use crate::release::Version;
use crate::report::Offer;

/// The notes of every release in the language nearest to `language`, newest first, with its version.
pub(super) fn chosen<'a>(offer: &'a Offer, language: &str) -> Vec<(Option<&'a Version>, &'a str)> {
    let notes = offer.notes.iter().rev();
    notes
        .filter_map(|(number, by_language)| {
            let tag = nearest(language, by_language.keys())?;
            let text = by_language.get(tag).map(|text| text.trim()).filter(|text| !text.is_empty())?;
            Some((offer.versions.get(number), text))
        })
        .collect()
}

/// Draws `notes` with a line between them. Where there are several, each says its version, unless its first line does.
pub(super) fn show(ui: &mut Ui, notes: &[(Option<&Version>, &str)]) {
    for (at, (version, note)) in notes.iter().enumerate() {
        if at > 0 {
            ui.separator();
        }
        if let Some(name) = version.filter(|_| notes.len() > 1).and_then(|version| heading(version, note)) {
            ui.add(Label::new(RichText::new(name).weak().small()).wrap());
        }
        for block in blocks(note) {
            draw(ui, &block);
        }
    }
}

/// The name of a version over its note; none if the note begins with it.
fn heading<'a>(version: &'a Version, note: &str) -> Option<&'a str> {
    let first = note.lines().next().unwrap_or_default();
    (!first.contains(version.as_str())).then(|| version.as_str())
}

/// A part of a paragraph in one look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Run {
    text: String,
    strong: bool,
    italic: bool,
    code: bool,
    link: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Paragraph,
    Heading(u8),
    /// A list entry: how deep, and what stands before it.
    Entry(usize, String),
    Code,
    Rule,
}

/// A paragraph, heading, list entry, piece of code or line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Block {
    kind: Kind,
    runs: Vec<Run>,
}

/// Reads Markdown into blocks.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH) {
        reader.take(event);
    }
    reader.end_block();
    reader.blocks
}

#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    open: Block,
    look: Run,
    /// The next number of each open list; nothing for bullets.
    lists: Vec<Option<u64>>,
    /// Inside a picture: its text is left out with it.
    hidden: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(text) => {
                self.look.code = true;
                self.text(&text);
                self.look.code = false;
            }
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => self.text("\n"),
            Event::Rule => {
                self.end_block();
                self.blocks.push(Block { kind: Kind::Rule, runs: Vec::new() });
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => self.begin(Kind::Heading(rank(level))),
            Tag::Paragraph if !self.in_fresh_entry() => self.begin(Kind::Paragraph),
            Tag::CodeBlock(_) => self.begin(Kind::Code),
            Tag::List(first) => {
                self.end_block();
                self.lists.push(first);
            }
            Tag::Item => {
                let depth = self.lists.len();
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}.", *number - 1)
                    }
                    _ => "\u{2022}".to_owned(),
                };
                self.begin(Kind::Entry(depth, mark));
            }
            Tag::Strong => self.look.strong = true,
            Tag::Emphasis => self.look.italic = true,
            Tag::Link { dest_url, .. } if dest_url.starts_with("https://") => {
                self.look.link = Some(dest_url.into_string());
            }
            Tag::Image { .. } | Tag::HtmlBlock => self.hidden += 1,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::CodeBlock | TagEnd::Item => self.end_block(),
            TagEnd::List(_) => {
                self.end_block();
                self.lists.pop();
            }
            TagEnd::Strong => self.look.strong = false,
            TagEnd::Emphasis => self.look.italic = false,
            TagEnd::Link => self.look.link = None,
            TagEnd::Image | TagEnd::HtmlBlock => self.hidden = self.hidden.saturating_sub(1),
            _ => {}
        }
    }

    fn in_fresh_entry(&self) -> bool {
        matches!(self.open.kind, Kind::Entry(..)) && self.open.runs.is_empty()
    }

    fn begin(&mut self, kind: Kind) {
        self.end_block();
        self.open.kind = kind;
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.open);
        if !block.runs.is_empty() {
            self.blocks.push(block);
        }
    }

    fn text(&mut self, text: &str) {
        if self.hidden > 0 || text.is_empty() {
            return;
        }
        let run = Run { text: text.to_owned(), ..self.look.clone() };
        self.open.runs.push(run);
    }
}

fn rank(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        _ => 3,
    }
}

fn draw(ui: &mut Ui, block: &Block) {
    match &block.kind {
        Kind::Rule => {
            ui.separator();
        }
        Kind::Heading(rank) => {
            let size = [17.0, 15.5, BODY + 0.5][usize::from(*rank).clamp(1, 3) - 1];
            ui.add_space(2.0);
            line(ui, &block.runs, size, true);
        }
        Kind::Code => {
            let text: String = block.runs.iter().map(|run| run.text.as_str()).collect();
            ui.add(Label::new(RichText::new(text.trim_end()).code()).wrap());
        }
        Kind::Paragraph => line(ui, &block.runs, BODY, false),
        Kind::Entry(depth, mark) => {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                ui.add_space(14.0 * depth.saturating_sub(1).min(4) as f32);
                ui.label(RichText::new(mark).color(Palette::now(ui).soft));
                ui.vertical(|ui| line(ui, &block.runs, BODY, false));
            });
        }
    }
}

/// Draws runs as wrapped text. Text between links is one label, so that it wraps as one paragraph.
fn line(ui: &mut Ui, runs: &[Run], size: f32, heading: bool) {
    let palette = Palette::now(ui);
    if runs.iter().all(|run| run.link.is_none()) {
        ui.add(Label::new(job(runs, size, heading, &palette)).wrap());
        return;
    }
    let height = std::mem::replace(&mut ui.spacing_mut().interact_size.y, 0.0);
    // A row as high as a button would set the link higher than the words around it.
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(0.0, 2.0);
        for part in runs.chunk_by(|a, b| a.link == b.link) {
            match &part[0].link {
                Some(url) => {
                    let text: String = part.iter().map(|run| run.text.as_str()).collect();
                    let link = Hyperlink::from_label_and_url(RichText::new(text).size(size), url);
                    ui.add(link).on_hover_text(url);
                }
                None => {
                    ui.add(Label::new(job(part, size, heading, &palette)).wrap());
                }
            }
        }
    });
    ui.spacing_mut().interact_size.y = height;
}

fn job(runs: &[Run], size: f32, heading: bool, palette: &Palette) -> LayoutJob {
    let mut job = LayoutJob::default();
    for run in runs {
        let family = if run.code { FontFamily::Monospace } else { FontFamily::Proportional };
        let size = if run.code { SMALL } else { size };
        // The one font has no bold face: what is not strong steps back instead.
        let color = if run.strong || heading { palette.text } else { palette.soft };
        let mut format = TextFormat::simple(FontId::new(size, family), color);
        format.italics = run.italic;
        format.background = if run.code { palette.button_hover } else { Color32::TRANSPARENT };
        job.append(&run.text, 0.0, format);
    }
    job
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{ReleaseNumber, Urgency};
    use crate::report::ReleaseRef;

    fn plain(blocks: &[Block]) -> Vec<(Kind, String)> {
        let text = |block: &Block| block.runs.iter().map(|run| run.text.as_str()).collect();
        blocks.iter().map(|block| (block.kind.clone(), text(block))).collect()
    }

    #[test]
    fn markdown_becomes_blocks() {
        let found =
            blocks("# 2.1\n\nSome *new*\nthings.\n\n- one\n- two `x`\n  1. deep\n\n---\n```\ncode\n```\n");
        let entry = |depth, mark: &str| Kind::Entry(depth, mark.to_owned());
        let expected = [
            (Kind::Heading(1), "2.1"),
            (Kind::Paragraph, "Some new things."),
            (entry(1, "\u{2022}"), "one"),
            (entry(1, "\u{2022}"), "two x"),
            (entry(2, "1."), "deep"),
            (Kind::Rule, ""),
            (Kind::Code, "code\n"),
        ];
        assert_eq!(plain(&found), expected.map(|(kind, text)| (kind, text.to_owned())));
    }

    #[test]
    fn only_https_links_are_links_and_nothing_is_loaded() {
        let found = blocks(
            "[a](https://a.example/) [b](http://b.example/) [c](file:///etc/passwd) [d](javascript:x)\n\n\
             ![picture](https://c.example/x.png)\n\n<script>alert(1)</script>\n\n<b>bold</b> text",
        );
        let links: Vec<&String> =
            found.iter().flat_map(|block| &block.runs).filter_map(|run| run.link.as_ref()).collect();
        assert_eq!(links, ["https://a.example/"]);
        let text: String = plain(&found).into_iter().map(|(_, text)| text).collect();
        assert_eq!(text, "a b c dbold text");
    }

    /// A103: all versions between, newest first, each in the person's language or English.
    #[test]
    fn notes_of_all_versions_come_newest_first() {
        let by = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned())).collect()
        };
        let release = |number| ReleaseRef { number: ReleaseNumber(number), version: None };
        let version: Version = "1.2".parse().unwrap();
        let offer = Offer {
            installed: release(1),
            release: release(4),
            urgency: Urgency::Optional,
            download_bytes: 0,
            notes: [
                (ReleaseNumber(2), by(&[("en", "two")])),
                (ReleaseNumber(3), by(&[("en", "three"), ("zh-CN", "\u{4e09}")])),
                (ReleaseNumber(4), by(&[("en", " \n")])),
            ]
            .into(),
            versions: [(ReleaseNumber(2), version.clone())].into(),
        };
        assert_eq!(chosen(&offer, "zh-CN"), [(None, "\u{4e09}"), (Some(&version), "two")]);
        assert_eq!(chosen(&offer, "en"), [(None, "three"), (Some(&version), "two")]);
        assert_eq!(heading(&version, "Two\n## 1.2"), Some("1.2"));
        assert_eq!(heading(&version, "## New in 1.2\nTwo"), None);
    }
}
