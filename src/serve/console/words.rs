//! The console's languages: English and Simplified Chinese, side by side where they are used.

use crate::release::Stamp;

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lang {
    En,
    Zh,
}

impl Lang {
    /// The language a browser asks for (RFC 9110, section 12.5.4): the one of ours that it likes best.
    pub(super) fn of(accepted: Option<&str>) -> Self {
        let mut best = (Self::En, 0.0);
        for part in accepted.unwrap_or_default().split(',') {
            let (tag, weight) = part.split_once(';').unwrap_or((part, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
            let lang = match tag.trim().split('-').next().unwrap_or_default() {
                zh if zh.eq_ignore_ascii_case("zh") => Self::Zh,
                en if en.eq_ignore_ascii_case("en") => Self::En,
                _ => continue,
            };
            if weight > best.1 {
                best = (lang, weight);
            }
        }
        best.0
    }

    /// The tag of the language, for the page.
    pub(super) fn tag(self) -> &'static str {
        self.say("en", "zh-CN")
    }

    /// The text in this language.
    pub(super) fn say(self, en: &'static str, zh: &'static str) -> &'static str {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }

    /// The text in this language, each `{}` replaced by the next of `parts`.
    pub(super) fn fill(self, en: &'static str, zh: &'static str, parts: &[&str]) -> String {
        let mut parts = parts.iter();
        let mut pieces = self.say(en, zh).split("{}");
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            text.push_str(parts.next().unwrap_or(&""));
            text.push_str(piece);
        }
        text
    }
}

/// A moment as people read it.
pub(super) fn moment(stamp: Stamp) -> String {
    let text = stamp.to_string();
    format!("{} {} UTC", &text[..10], &text[11..16])
}

/// Basis points as a percentage.
pub(super) fn percent(points: u32) -> String {
    match points % 100 {
        0 => format!("{} %", points / 100),
        part if part % 10 == 0 => format!("{}.{} %", points / 100, part / 10),
        part => format!("{}.{part:02} %", points / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_liked_best_is_taken() {
        for (accepted, lang) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Lang::Zh),
            ("en-GB,en;q=0.9,zh;q=0.5", Lang::En),
            ("fr,zh-TW;q=0.3", Lang::Zh),
            ("de", Lang::En),
            ("", Lang::En),
            ("zh;q=x", Lang::Zh),
        ] {
            assert_eq!(Lang::of(Some(accepted)), lang, "{accepted}");
        }
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [percent(10_000), percent(50), percent(225), percent(5)],
            ["100 %", "0.5 %", "2.25 %", "0.05 %"]
        );
        assert_eq!(Lang::Zh.fill("{} of {}", "共 {} 中的 {}", &["1", "2"]), "共 1 中的 2");
    }
}
