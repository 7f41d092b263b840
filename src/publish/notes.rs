//! Release notes: Markdown files, their language read from their name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::fsx;
use crate::release::{Manifest, NoteVersions, Notes, ReleaseNumber, Version};

use super::PublishError;

/// Most bytes of one notes file.
const MAX_NOTES: u64 = 64 * 1024;
/// Releases whose notes a manifest carries, the newest first.
const KEPT_RELEASES: usize = 50;
/// Bytes of notes a manifest carries; older ones are left out first.
const KEPT_BYTES: usize = 512 * 1024;
/// The language of a file whose name has none.
const DEFAULT: &str = "en";

/// Reads notes files: `notes.md` is English, `notes.zh-CN.md` Chinese as written in China.
pub(super) fn read(files: &[PathBuf]) -> Result<BTreeMap<String, String>, PublishError> {
    let mut notes = BTreeMap::new();
    for file in files {
        let bytes = fsx::read(file, MAX_NOTES)?;
        let text = String::from_utf8(bytes).map_err(|_why| PublishError::NotesText(file.clone()))?;
        let language = language_of(file);
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        if notes.insert(language.clone(), text).is_some() {
            return Err(PublishError::NotesTwice { file: file.clone(), language });
        }
    }
    Ok(notes)
}

/// The notes of a new release: its own and those of the releases before, as far as they are kept.
pub(super) fn carry(earlier: Option<&Notes>, number: ReleaseNumber, own: BTreeMap<String, String>) -> Notes {
    let mut all = earlier.cloned().unwrap_or_default();
    if !own.is_empty() {
        all.insert(number, own);
    }
    let mut kept = Notes::new();
    let mut bytes = 0;
    for (number, notes) in all.into_iter().rev().take(KEPT_RELEASES) {
        bytes += notes.values().map(String::len).sum::<usize>();
        if bytes > KEPT_BYTES && !kept.is_empty() {
            break;
        }
        kept.insert(number, notes);
    }
    kept
}

/// The versions of a new release's notes: its own, and what the release before knew.
pub(super) fn versions(
    notes: &Notes,
    (number, version): (ReleaseNumber, &Version),
    before: Option<&Manifest>,
) -> NoteVersions {
    let mut known = before.map(|before| before.versions.clone()).unwrap_or_default();
    known.extend(before.map(|before| (before.number, before.version.clone())));
    known.insert(number, version.clone());
    known.retain(|number, _| notes.contains_key(number));
    known
}

fn language_of(file: &Path) -> String {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let tag = stem.rsplit_once('.').map(|(_, tag)| tag).filter(|tag| is_language(tag));
    tag.unwrap_or(DEFAULT).to_owned()
}

/// Whether a text has the form of a language tag: two or three letters, then parts of 2 to 8 letters or digits.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_comes_from_the_name() {
        for (name, language) in [
            ("notes.md", "en"),
            ("notes.en.md", "en"),
            ("notes.zh-CN.md", "zh-CN"),
            ("a/b.de.md", "de"),
            ("notes.draft.md", "en"),
            ("notes.2.1.md", "en"),
            ("NOTES", "en"),
        ] {
            assert_eq!(language_of(Path::new(name)), language, "{name}");
        }
    }

    #[test]
    fn old_notes_are_kept_up_to_a_limit() {
        let own = |text: &str| BTreeMap::from([("en".to_owned(), text.to_owned())]);
        let mut notes = Notes::new();
        for number in 1..=60 {
            notes = carry(Some(&notes), ReleaseNumber(number), own("x"));
        }
        assert_eq!(notes.len(), KEPT_RELEASES);
        assert!(notes.contains_key(&ReleaseNumber(60)));
        let big = "y".repeat(KEPT_BYTES);
        assert_eq!(carry(Some(&notes), ReleaseNumber(61), own(&big)).len(), 1);
        assert_eq!(carry(Some(&notes), ReleaseNumber(62), BTreeMap::new()).len(), KEPT_RELEASES);
    }
}
