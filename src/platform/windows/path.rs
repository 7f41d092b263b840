//! The two spellings of a path: the plain one that people know, and the long one (`\\?\`) that has no limit of 260.
//!
//! The standard library turns a long absolute path into the long spelling by itself; what calls the system past it
//! uses [`wide`]. People only ever see the plain one.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::windows::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf, Prefix};

/// From this length on a folder's path has no room for a name of eight and three any more (MAX_PATH less 12).
const LONG: usize = 248;

/// Names that are devices in every folder of a plain path.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// A path for a call of the system: it ends in zero, and is in the long spelling where the plain one would be too
/// long.
pub(super) fn wide(path: &Path) -> Vec<u16> {
    let long = if path.as_os_str().encode_wide().count() < LONG { None } else { long(path) };
    let path = long.as_deref().unwrap_or(path);
    path.as_os_str().encode_wide().chain(std::iter::once(0)).collect()
}

/// A text for a call of the system: it ends in zero.
pub(super) fn wide_text(text: &std::ffi::OsStr) -> Vec<u16> {
    text.encode_wide().chain(std::iter::once(0)).collect()
}

/// A program's path as it can be started from: in the long spelling where the plain one would be too long.
pub(super) fn startable(program: &Path) -> Cow<'_, Path> {
    let is_long = program.as_os_str().encode_wide().count() >= LONG;
    is_long.then(|| long(program)).flatten().map_or(Cow::Borrowed(program), Cow::Owned)
}

/// A folder as a program can be started in it: a longer one than this the system takes in no spelling.
pub(super) fn usable_folder(folder: &Path) -> Option<PathBuf> {
    let folder = plain(folder.to_path_buf());
    (folder.as_os_str().encode_wide().count() < 258).then_some(folder)
}

/// The long spelling; nothing if the path has it already or can't have it.
fn long(path: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(path).ok()?;
    let Some(Component::Prefix(prefix)) = whole.components().next() else { return None };
    let (start, rest) = match prefix.kind() {
        Prefix::Disk(_) => (OsString::from(r"\\?\"), whole.as_os_str().to_os_string()),
        Prefix::UNC(server, share) => {
            let mut start = OsString::from(r"\\?\UNC\");
            start.push(server);
            start.push(r"\");
            start.push(share);
            start.push(r"\");
            // The root would begin the path anew.
            let parts = whole.components().skip(1).filter(|part| *part != Component::RootDir);
            (start, parts.collect::<PathBuf>().into_os_string())
        }
        _ => return None,
    };
    let mut long = start;
    long.push(rest);
    Some(PathBuf::from(long))
}

/// The plain spelling of a path, where it names the same file; otherwise the path as it is.
#[must_use]
pub fn plain(path: PathBuf) -> PathBuf {
    let mut parts = path.components();
    let Some(Component::Prefix(prefix)) = parts.next() else { return path };
    let mut start = OsString::new();
    match prefix.kind() {
        Prefix::VerbatimDisk(letter) => start.push(format!("{}:", char::from(letter))),
        Prefix::VerbatimUNC(server, share) => {
            start.push(r"\\");
            start.push(server);
            start.push(r"\");
            start.push(share);
        }
        _ => return path,
    }
    let mut plain = start;
    for part in parts {
        match part {
            Component::RootDir => plain.push(r"\"),
            Component::Normal(name) if is_ordinary(&name.to_string_lossy()) => {
                if !plain.as_encoded_bytes().ends_with(b"\\") {
                    plain.push(r"\");
                }
                plain.push(name);
            }
            _ => return path,
        }
    }
    PathBuf::from(plain)
}

/// Whether a name means itself in a plain path: no device, no end that is cut off.
fn is_ordinary(name: &str) -> bool {
    let stem = name.split(['.', ':']).next().unwrap_or_default().trim_end().to_uppercase();
    let is_port = |start: &str| {
        let number = stem.strip_prefix(start).unwrap_or_default();
        number.chars().count() == 1
            && number.chars().all(|c| c.is_ascii_digit() || "\u{b9}\u{b2}\u{b3}".contains(c))
    };
    let is_device = DEVICES.contains(&stem.as_str()) || is_port("COM") || is_port("LPT");
    !is_device && !name.ends_with(['.', ' ']) && !name.contains(['/', ':', '*', '?', '"', '<', '>', '|'])
}

/// Where `path` lies in `folder`, whatever the case of its letters; nothing if it does not.
pub(super) fn inside(path: &Path, folder: &Path) -> Option<PathBuf> {
    let mut parts = path.components();
    for part in folder.components() {
        let is_same = parts.next()?.as_os_str().to_string_lossy().to_lowercase()
            == part.as_os_str().to_string_lossy().to_lowercase();
        if !is_same {
            return None;
        }
    }
    Some(parts.as_path().to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A84: people see a path as they know it, unless only the long spelling names the file.
    #[test]
    fn a_path_is_shown_plainly_where_that_names_the_same_file() {
        for (path, shown) in [
            (r"\\?\C:\Program Files\My 程序 😀\app.exe", r"C:\Program Files\My 程序 😀\app.exe"),
            (r"\\?\C:\", r"C:\"),
            (r"\\?\UNC\server\share\App", r"\\server\share\App"),
            (r"\\server\share\App", r"\\server\share\App"),
            (r"C:\plain", r"C:\plain"),
            (r"\\?\C:\App\con.txt", r"\\?\C:\App\con.txt"),
            (r"\\?\C:\App\LPT\u{b9}", r"\\?\C:\App\LPT\u{b9}"),
            (r"\\?\C:\App\ends.", r"\\?\C:\App\ends."),
            (r"\\?\C:\App \x", r"\\?\C:\App \x"),
            (r"\\?\C:\App\console", r"C:\App\console"),
            (r"\\?\Volume{1}\x", r"\\?\Volume{1}\x"),
            ("relative", "relative"),
        ] {
            let path = path.replace(r"\u{b9}", "\u{b9}");
            assert_eq!(
                plain(PathBuf::from(&path)),
                PathBuf::from(shown.replace(r"\u{b9}", "\u{b9}")),
                "{path}"
            );
        }
    }

    #[test]
    fn a_long_path_is_given_to_the_system_in_its_long_spelling() {
        let name = "n".repeat(200);
        for (path, start) in [
            (format!(r"C:\{name}\{name}"), r"\\?\C:\nnn"),
            (format!(r"\\server\share\{name}\{name}"), r"\\?\UNC\server\share\nnn"),
            (format!(r"C:\{name}/x/../{name}"), r"\\?\C:\nnn"),
            (format!(r"\\?\C:\{name}\{name}"), r"\\?\C:\nnn"),
            (r"C:\short".to_owned(), r"C:\short"),
        ] {
            let wide = wide(Path::new(&path));
            let text = String::from_utf16(&wide).unwrap();
            assert!(text.starts_with(start) && text.ends_with('\0') && !text.contains('/'), "{path}: {text}");
        }
    }

    #[test]
    fn a_file_is_found_in_its_folder_whatever_the_case() {
        let folder = Path::new(r"C:\Program Files\App");
        let found = |path: &str| inside(Path::new(path), folder);
        assert_eq!(found(r"c:\PROGRAM files\app\Bin\a.exe"), Some(PathBuf::from(r"Bin\a.exe")));
        assert_eq!(found(r"C:\Program Files\App2\a.exe"), None);
        assert_eq!(found(r"C:\Program Files"), None);
    }
}
