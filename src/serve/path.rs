//! From the path of a request to a file, or to none.

use std::path::{Path, PathBuf};

use crate::release::RelPath;

/// The folders of a repository that are there to be given away.
const PUBLIC: [&str; 3] = ["metadata", "targets", "objects"];

/// Why a path leads to no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is not a path: wrong escapes, `..`, a drive, a control character and the like.
    Malformed,
    /// There is nothing there for anybody.
    Absent,
}

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The file below the root.
    pub(super) path: RelPath,
    /// The public folder it lies in, below the root.
    pub(super) within: RelPath,
    /// Whether the content of the file is fixed by its name.
    pub(super) is_immutable: bool,
    /// The digest in the name of an object.
    pub(super) object: Option<String>,
}

/// Takes apart the path of a request, as it stands in the request. `is_project` says whether the root is a
/// project itself; otherwise the first part names one.
pub(super) fn parse(raw: &str, is_project: bool) -> Result<Asked, Refused> {
    let text = decode(raw.strip_prefix('/').ok_or(Refused::Malformed)?)?;
    if text.is_empty() {
        return Err(Refused::Absent);
    }
    take_apart(&text, is_project)
}

/// The same for a path inside a project whose escapes are undone already.
pub(super) fn inside(text: &str) -> Result<Asked, Refused> {
    take_apart(text, true)
}

fn take_apart(text: &str, is_project: bool) -> Result<Asked, Refused> {
    let path: RelPath = text.parse().map_err(|_why| Refused::Malformed)?;
    let folder = path.parts().nth(usize::from(!is_project)).ok_or(Refused::Absent)?;
    if !PUBLIC.contains(&folder) || path.name().ends_with(".tmp") {
        return Err(Refused::Absent);
    }
    let object = (folder == "objects").then(|| path.name().to_owned());
    let is_immutable = folder != "metadata";
    let depth = usize::from(!is_project) + 1;
    let within = path.parts().take(depth).collect::<Vec<_>>().join("/");
    let within = within.parse().map_err(|_why| Refused::Malformed)?;
    Ok(Asked { path, within, is_immutable, object })
}

/// Undoes percent escapes. An escaped separator is refused: no client of ours needs one.
fn decode(raw: &str) -> Result<String, Refused> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |digit: Option<u8>| digit.and_then(|digit| char::from(digit).to_digit(16));
        let (high, low) = (digit(rest.next()), digit(rest.next()));
        let value = high.zip(low).map(|(high, low)| high * 16 + low).ok_or(Refused::Malformed)?;
        match u8::try_from(value) {
            Ok(b'/' | b'\\' | 0) | Err(_) => return Err(Refused::Malformed),
            Ok(value) => bytes.push(value),
        }
    }
    String::from_utf8(bytes).map_err(|_why| Refused::Malformed)
}

/// The real file at `asked`, if there is one. `root` has no links in it; a link may lead about inside the public
/// folder of its project, never out of it.
pub(super) fn locate(root: &Path, asked: &Asked) -> Option<PathBuf> {
    let real = crate::fsx::canonical(&asked.path.under(root)).ok()?;
    real.starts_with(asked.within.under(root)).then_some(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_into_a_repository_are_taken() {
        let good = parse("/metadata/1.root.json", true).unwrap();
        assert_eq!((good.path.as_str(), good.is_immutable), ("metadata/1.root.json", false));
        assert!(parse("/My%20App/objects/aa/bb", false).unwrap().is_immutable);
        for raw in [
            "/../x",
            "/%2e%2e/x",
            "/metadata/%2e%2E/x",
            "//etc/passwd",
            "/metadata//x",
            "/C:/x",
            "/c%3a/x",
            "/metadata/a%00b",
            "/metadata/%2fetc",
            "/metadata\\x",
            "/metadata/%5c..",
            "/%zz",
            "/%f",
            "x",
            "/metadata/./x",
            "/metadata/",
            "/metadata/%ff",
            "/NUL/metadata/x",
            "/metadata/a%0a",
        ] {
            assert_eq!(parse(raw, true), Err(Refused::Malformed), "{raw}");
        }
        for raw in ["/", "/project.json", "/.work/lock", "/keys/root-1.key", "/metadata/x.tmp"] {
            assert_eq!(parse(raw, true), Err(Refused::Absent), "{raw}");
        }
        for raw in ["/App.keys/root-1.key", "/App/project.json", "/App", "/metadata/root.json"] {
            assert_eq!(parse(raw, false), Err(Refused::Absent), "{raw}");
        }
    }
}
