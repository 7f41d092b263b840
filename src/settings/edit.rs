//! Writes what a person chose into the settings file: only that, all else stays as it stands there.

use std::path::Path;

use serde_json::{Map, Value};

use crate::fsx;

use super::{MAX_BYTES, SettingsError};

/// What a person chose; what is nothing was not touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// The language of texts; inside, nothing for the system's.
    pub language: Option<Option<String>>,
    /// The proxy; inside, nothing for the system's.
    pub proxy: Option<Option<String>>,
    /// Most bytes fetched a second; inside, nothing for no limit.
    pub limit: Option<Option<u64>>,
}

impl Wish {
    /// The names in the file and what is to stand there; nothing means that the name goes.
    fn values(&self) -> Vec<(&'static str, Option<Value>)> {
        let text = |said: &Option<Option<String>>| said.clone().map(|value| value.map(Value::from));
        let said = [
            ("language", text(&self.language)),
            ("proxy", text(&self.proxy)),
            ("limit", self.limit.map(|value| value.map(Value::from))),
        ];
        said.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

/// Writes `wish` into the settings file at `path`: order, spaces and names this version does not know stay.
///
/// # Errors
/// If the file can't be read or is damaged, or may not be written; it is then as it was.
pub fn remember(path: &Path, wish: &Wish) -> Result<(), SettingsError> {
    let bytes = fsx::read(path, MAX_BYTES)?;
    let damaged = |source| SettingsError::Json { path: path.to_path_buf(), source };
    let mut wanted: Map<String, Value> = serde_json::from_slice(&bytes).map_err(damaged)?;
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    for (key, value) in wish.values() {
        text = with_member(&text, key, value.as_ref());
        match value {
            Some(value) => wanted.insert(key.to_owned(), value),
            None => wanted.remove(key),
        };
    }
    // A file so odd that it could not be edited in place is written anew.
    if serde_json::from_str::<Map<String, Value>>(&text).ok().as_ref() != Some(&wanted) {
        text = serde_json::to_string_pretty(&wanted).map_err(damaged)? + "\n";
    }
    if text.as_bytes() != bytes {
        fsx::write_durable(path, text.as_bytes())?;
    }
    Ok(())
}

/// Where a member of the outermost object stands.
struct Member {
    key: String,
    start: usize,
    value: usize,
    end: usize,
}

/// `text` with the member `key` of its outermost object set to `value`, or without it.
fn with_member(text: &str, key: &str, value: Option<&Value>) -> String {
    let found = members(text);
    let at = found.iter().position(|member| member.key == key);
    match (at.map(|at| &found[at]), value) {
        (Some(member), Some(value)) => format!("{}{value}{}", &text[..member.value], &text[member.end..]),
        (None, None) => text.to_owned(),
        (Some(member), None) => {
            // With the comma and the space between it and its neighbour.
            let at = at.unwrap_or_default();
            match (found.get(at + 1), at.checked_sub(1).map(|before| &found[before])) {
                (Some(next), _) => format!("{}{}", &text[..member.start], &text[next.start..]),
                (None, Some(before)) => format!("{}{}", &text[..before.end], &text[member.end..]),
                (None, None) => format!("{}{}", &text[..member.start], text[member.end..].trim_start()),
            }
        }
        (None, Some(value)) => match found.last() {
            Some(last) => {
                let gap = &text[..last.start];
                let gap = &gap[gap.trim_end().len()..];
                format!("{},{gap}{key:?}: {value}{}", &text[..last.end], &text[last.end..])
            }
            None => text.replacen('{', &format!("{{{key:?}: {value}"), 1),
        },
    }
}

/// The members of the outermost object of a text that is known to be JSON.
fn members(text: &str) -> Vec<Member> {
    let mut found = Vec::new();
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    let (mut start, mut colon, mut last) = (None, None, 0);
    for (at, byte) in text.bytes().enumerate() {
        let outermost = depth == 1 && !quoted;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => {
                if outermost && start.is_none() {
                    start = Some(at);
                }
                quoted = !quoted;
            }
            _ if quoted => {}
            b':' if outermost => colon = colon.or(Some(at)),
            b',' | b'}' if outermost => {
                if let (Some(start), Some(colon)) = (start.take(), colon.take()) {
                    let key = serde_json::from_str(text[start..colon].trim_end()).unwrap_or_default();
                    let gap = text[colon + 1..].len() - text[colon + 1..].trim_start().len();
                    found.push(Member { key, start, value: colon + 1 + gap, end: last });
                }
                depth -= u32::from(byte == b'}');
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            last = at + 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, wish: &Wish) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("updater.json");
        fsx::write_durable(&path, text.as_bytes()).unwrap();
        remember(&path, wish).unwrap();
        let written = String::from_utf8(fsx::read(&path, MAX_BYTES).unwrap()).unwrap();
        let again = Wish { ..wish.clone() };
        remember(&path, &again).unwrap();
        assert_eq!(fsx::read(&path, MAX_BYTES).unwrap(), written.as_bytes(), "a second time changes nothing");
        written
    }

    fn limit(limit: Option<u64>) -> Wish {
        Wish { limit: Some(limit), ..Wish::default() }
    }

    #[test]
    fn only_the_wish_changes_and_all_else_stays_as_it_was_written() {
        let odd = "{\n    \"app\" : \"My \\\"App\\\", {x}\",\n    \"future\": {\"limit\": [1, {\"a\": 2}]},\n    \"limit\":5\n}\n";
        for (before, wish, after) in [
            (odd, limit(Some(7)), odd.replace(":5", ":7")),
            (odd, limit(None), odd.replace(",\n    \"limit\":5", "")),
            ("{\"limit\": 5, \"app\": 1}", limit(None), "{\"app\": 1}".to_owned()),
            ("{\n  \"app\": 1\n}\n", limit(Some(9)), "{\n  \"app\": 1,\n  \"limit\": 9\n}\n".to_owned()),
            ("{\"limit\": 5}", limit(None), "{}".to_owned()),
            ("{ }", limit(Some(1)), "{\"limit\": 1 }".to_owned()),
        ] {
            assert_eq!(edited(before, &wish), after, "{before}");
        }
        let all = Wish {
            language: Some(Some("de".to_owned())),
            proxy: Some(Some("http://p:1".to_owned())),
            limit: Some(None),
        };
        let text = edited("{\n  \"app\": \"A\",\n  \"limit\": 5\n}\n", &all);
        assert_eq!(text, "{\n  \"app\": \"A\",\n  \"language\": \"de\",\n  \"proxy\": \"http://p:1\"\n}\n");
    }

    #[test]
    fn a_file_with_a_name_twice_is_written_anew_and_a_damaged_one_is_left() {
        let twice = edited("{\"limit\": 1, \"limit\": 2, \"a\": 3}", &limit(Some(4)));
        let read: Map<String, Value> = serde_json::from_str(&twice).unwrap();
        assert_eq!((read["limit"].clone(), read["a"].clone()), (Value::from(4), Value::from(3)));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("updater.json");
        fsx::write_durable(&path, b"{\"app\"").unwrap();
        assert!(remember(&path, &limit(None)).is_err());
        assert_eq!(fsx::read(&path, 100).unwrap(), b"{\"app\"");
    }
}
