//! The file list of an older updater, OAUS: `UpdateConfiguration.xml`, for taking over programs that used it.
//!
//! It is an object tree: `<object><property name="FileList"><list><object>…`, a property's value in the attribute
//! `value`, in a child `<value>`, or as text. Versions of single files mean nothing here: content does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node};

use crate::fsx::{self, FsError};
use crate::release::{InvalidPath, RelPath};
use crate::report::{ErrorCode, Fault};

use super::{PublishError, look};

/// Most bytes of such a file.
const MAX_LEGACY: u64 = 64 * 1024 * 1024;
/// What the path of a file is called.
const PATH: [&str; 5] = ["FileRelativePath", "RelativePath", "FilePath", "FileName", "Path"];
/// What its size is called.
const SIZE: [&str; 3] = ["FileSize", "Size", "Length"];

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legacy {
    /// The version of the whole, which counts up.
    pub version: u64,
    /// Each file and its size, where one is said.
    pub files: BTreeMap<RelPath, Option<u64>>,
}

/// What is taken over, and what does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The version of the whole.
    pub version: u64,
    /// How many files are listed; all of them are there.
    pub files: usize,
    /// Patterns that mean everything in the folder that is not listed, for `publish`.
    pub exclude: Vec<String>,
    /// Files that have another size than the list says: they were changed since it was written.
    pub changed: Vec<RelPath>,
}

/// Compares the list in the file `list` with the files in `folder`; writes nothing.
///
/// # Errors
/// If the list can't be understood, the folder can't be read, or a listed file is not there.
pub fn take_over(list: &Path, folder: &Path) -> Result<Taken, LegacyError> {
    let bytes = fsx::read(list, MAX_LEGACY)?;
    let refused = |why| LegacyError::File { file: list.to_path_buf(), why: Box::new(why) };
    let text = String::from_utf8(bytes).map_err(|_why| refused(LegacyError::NoText))?;
    let legacy = Legacy::parse(text.trim_start_matches('\u{feff}')).map_err(refused)?;
    let tree = look::tree(folder)?;
    let there: BTreeMap<String, u64> =
        tree.files.iter().map(|file| (file.path.fold(), file.mark.size)).collect();
    let listed: BTreeMap<String, ()> = legacy.files.keys().map(|path| (path.fold(), ())).collect();
    let missing: Vec<RelPath> =
        legacy.files.keys().filter(|path| !there.contains_key(&path.fold())).cloned().collect();
    if let Some(first) = missing.first() {
        return Err(LegacyError::Missing {
            folder: folder.to_path_buf(),
            first: first.clone(),
            count: missing.len(),
        });
    }
    let changed = legacy.files.iter().filter(|(path, size)| {
        size.is_some_and(|size| there.get(&path.fold()).is_some_and(|found| *found != size))
    });
    let others = tree.files.iter().map(|file| &file.path).chain(tree.links.iter().map(|link| &link.path));
    Ok(Taken {
        version: legacy.version,
        files: legacy.files.len(),
        exclude: others
            .chain(&tree.folders)
            .filter(|path| !listed.contains_key(&path.fold()))
            .map(|path| format!("/{path}"))
            .collect(),
        changed: changed.map(|(path, _)| path.clone()).collect(),
    })
}

/// Why it can't be taken over.
#[derive(Debug, thiserror::Error)]
pub enum LegacyError {
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The folder can't be read.
    #[error(transparent)]
    Folder(#[from] PublishError),
    /// The list can't be understood.
    #[error("{} can't be taken over: {why}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        why: Box<LegacyError>,
    },
    /// A listed file is not there.
    #[error("{count} listed files are not in {}, such as \u{ab}{first}\u{bb}", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The first of them.
        first: RelPath,
        /// How many.
        count: usize,
    },
    /// It is no text.
    #[error("it is not UTF-8 text")]
    NoText,
    /// It is no XML.
    #[error("it is no XML: {0}")]
    Xml(#[from] roxmltree::Error),
    /// It is XML of another kind.
    #[error("it has no list of files (FileList)")]
    NoList,
    /// A file has no path.
    #[error("a file in line {line} has no FileRelativePath")]
    NoPath {
        /// The line.
        line: u32,
    },
    /// A number is none.
    #[error("{name} in line {line} is no whole number: \u{ab}{text}\u{bb}")]
    Number {
        /// The property.
        name: &'static str,
        /// What stands there.
        text: String,
        /// The line.
        line: u32,
    },
    /// A path can't be that of a file of a release.
    #[error("the path in line {line} can't be used: {source}")]
    Path {
        /// The line.
        line: u32,
        /// Why not.
        #[source]
        source: InvalidPath,
    },
    /// A file is listed twice.
    #[error("\u{ab}{0}\u{bb} is listed twice")]
    Twice(RelPath),
}

impl Fault for LegacyError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::Folder(error) => error.code(),
            _ => ErrorCode::Config,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Fs(error) => return error.hint(),
            Self::Folder(error) => return error.hint(),
            Self::Missing { .. } => {
                "Name the folder with the newest files (FileFolder on the old server).".to_owned()
            }
            _ => "Name the UpdateConfiguration.xml of the old server, or publish the folder without it."
                .to_owned(),
        })
    }
}

impl Legacy {
    /// Reads the file.
    ///
    /// # Errors
    /// The first thing that can't be understood; then nothing of it is used.
    pub fn parse(text: &str) -> Result<Self, LegacyError> {
        let document = Document::parse(text)?;
        let root = document.root_element();
        let list = root.descendants().find(|node| {
            node.has_tag_name("FileList")
                || (node.has_tag_name("property") && node.attribute("name") == Some("FileList"))
        });
        let list = list.ok_or(LegacyError::NoList)?;
        let mut files = BTreeMap::new();
        for unit in list.descendants().filter(|node| is_unit(*node)) {
            let line = line(&document, unit);
            let path = property(unit, &PATH).ok_or(LegacyError::NoPath { line })?;
            let path = path.replace('\\', "/");
            let path: RelPath = path
                .trim_start_matches("./")
                .trim_start_matches('/')
                .parse()
                .map_err(|source| LegacyError::Path { line, source })?;
            let size = property(unit, &SIZE).map(|text| number("FileSize", &text, line)).transpose()?;
            if files.keys().any(|known: &RelPath| known.fold() == path.fold()) {
                return Err(LegacyError::Twice(path));
            }
            files.insert(path, size);
        }
        let version = property(root, &["ClientVersion"]);
        let version =
            version.map(|text| number("ClientVersion", &text, line(&document, root))).transpose()?;
        Ok(Self { version: version.unwrap_or(1), files })
    }
}

fn line(document: &Document<'_>, node: Node<'_, '_>) -> u32 {
    document.text_pos_at(node.range().start).row
}

fn is_unit(node: Node<'_, '_>) -> bool {
    node.has_tag_name("object") || node.has_tag_name("FileUnit")
}

/// The value of the first of `names` that `node` has, as an attribute, a property or a child.
fn property(node: Node<'_, '_>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let child = node.children().find(|child| {
            child.has_tag_name(*name)
                || (child.has_tag_name("property") && child.attribute("name") == Some(name))
        });
        let inner = |child: Node<'_, '_>| {
            let value = child.attribute("value").map(str::to_owned);
            let nested = child.children().find(|inner| inner.has_tag_name("value"));
            value.or_else(|| nested.or(Some(child))?.text().map(str::to_owned))
        };
        let said = node.attribute(*name).map(str::to_owned).or_else(|| inner(child?));
        said.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    })
}

fn number(name: &'static str, text: &str, line: u32) -> Result<u64, LegacyError> {
    let plain = text
        .split_once('.')
        .map_or(text, |(whole, part)| if part.trim_matches('0').is_empty() { whole } else { text });
    plain.parse().map_err(|_why| LegacyError::Number { name, text: text.chars().take(40).collect(), line })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<object type="OAUS.Core.UpdateConfiguration,OAUS.Core">
  <property name="ConfigurationPath" value="D:\Server\UpdateConfiguration.xml" />
  <property name="FileList">
    <list element-type="OAUS.Core.FileUnit,OAUS.Core">
      <object type="OAUS.Core.FileUnit,OAUS.Core">
        <property name="FileRelativePath" value="Demo.exe" />
        <property name="Version" value="2" />
        <property name="FileSize" value="7" />
        <property name="LastUpdateTime" value="2014/3/5 10:00:00" />
      </object>
      <object type="OAUS.Core.FileUnit,OAUS.Core">
        <property name="FileRelativePath"><value>资源\皮肤 1.dll</value></property>
        <property name="Version" value="1.0" />
      </object>
    </list>
  </property>
  <property name="ClientVersion" value="5" />
</object>"#;

    #[test]
    fn the_list_is_read_whole() {
        let legacy = Legacy::parse(SAMPLE).unwrap();
        let files: Vec<_> = legacy.files.iter().map(|(path, size)| (path.as_str(), *size)).collect();
        assert_eq!((legacy.version, files), (5, vec![("Demo.exe", Some(7)), ("资源/皮肤 1.dll", None)]));
        let plain = "<UpdateConfiguration><ClientVersion>3</ClientVersion><FileList><FileUnit>\
            <FileRelativePath>a/b.txt</FileRelativePath></FileUnit></FileList></UpdateConfiguration>";
        let legacy = Legacy::parse(plain).unwrap();
        assert_eq!((legacy.version, legacy.files.len()), (3, 1));
    }

    #[test]
    fn what_can_not_be_understood_is_refused_with_its_line() {
        let with = |old: &str, new: &str| Legacy::parse(&SAMPLE.replace(old, new)).unwrap_err().to_string();
        assert!(Legacy::parse("{}").unwrap_err().to_string().starts_with("it is no XML"));
        assert!(matches!(Legacy::parse("<a/>"), Err(LegacyError::NoList)));
        assert_eq!(with("value=\"Demo.exe\"", "value=\"\""), "a file in line 6 has no FileRelativePath");
        assert!(with("Demo.exe", "..\\evil.exe").starts_with("the path in line 6 can't be used: "));
        assert!(with("Demo.exe", "资源\\皮肤 1.DLL").contains("listed twice"));
        assert!(with("value=\"7\"", "value=\"seven\"").contains("FileSize in line 6"));
        assert!(with("value=\"5\"", "value=\"-5\"").contains("ClientVersion in line 2"));
    }
}
