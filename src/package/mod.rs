//! What a vendor hands out for a first install: the program with the right updater, its settings and the root keys
//! beside it, in the layout that updates keep; as a folder, an archive, a deb, or the script of a Windows installer.
//!
//! The same input gives the same bytes. Content is verified against the signed release while it is packed.

mod ar;
mod deb;
mod desktop;
mod error;
mod face;
mod folder;
mod icon;
mod item;
mod layout;
mod machine;
mod md5;
mod nsis;
mod tarball;
mod zipped;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::fsx;
use crate::release::{App, Channel, Platform, RelPath, Stamp, Version};

pub use error::PackageError;
pub use face::Face;
pub use layout::Layout;

/// In which form a package is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A folder as it lies after the install.
    Folder,
    /// A tar archive, compressed with gzip.
    TarGz,
    /// A zip archive, for portable use.
    Zip,
    /// A package of Debian and its kin, which installs below `/opt`.
    Deb,
    /// A folder with the script of an installer for Windows, for `makensis`.
    Nsis,
}

/// What is to be packed.
#[derive(Debug, Clone)]
pub struct Order {
    /// The folder with the files of the program.
    pub folder: PathBuf,
    /// The repository, or the `root.json` of one.
    pub repository: PathBuf,
    /// Where packages go.
    pub out: PathBuf,
    /// In which forms.
    pub formats: Vec<Format>,
    /// Where copies look for releases; empty if the settings say so.
    pub sources: Vec<String>,
    /// Settings to begin with, an `updater.json`.
    pub settings: Option<PathBuf>,
    /// The updater for that platform; nothing for one in the folder, or else the one beside this program.
    pub updater: Option<PathBuf>,
    /// The name of the updater's folder.
    pub updater_dir: RelPath,
    /// The program, if the repository does not say.
    pub app: Option<App>,
    /// The channel.
    pub channel: Channel,
    /// What it runs on; nothing for this machine's kind, or any.
    pub platform: Option<Platform>,
    /// The version; nothing for the newest release.
    pub version: Option<Version>,
    /// The program to start, if no release says.
    pub start: Option<RelPath>,
    /// The time in archives, if no release says.
    pub time: Option<Stamp>,
    /// How it shows itself.
    pub face: Face,
}

/// A package that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Its form.
    pub format: Format,
    /// The file or folder.
    pub path: PathBuf,
    /// Its bytes; of a folder those of its files.
    pub bytes: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The program.
    pub app: App,
    /// The version.
    pub version: Version,
    /// What it runs on.
    pub platform: Platform,
    /// The release that copies know they are; nothing if they learn it with their first update.
    pub release: Option<u64>,
    /// Files in a package, the updater's among them.
    pub files: u64,
    /// Files of the folder that are not of the release and were left out.
    pub left_out: Vec<RelPath>,
    /// The packages.
    pub made: Vec<Made>,
}

/// Makes the packages that `order` asks for.
///
/// # Errors
/// If the folder is not the release, a part is missing or of another machine, a name can't be used, or something
/// can't be written. What stands in `out` already is never replaced by half a package.
pub fn package(order: &Order) -> Result<Report, PackageError> {
    let layout = Layout::make(order)?;
    fsx::make_dirs(&order.out)?;
    let mut made = Vec::new();
    for format in &order.formats {
        let path = match format {
            Format::Folder => folder::write(&layout, &order.out)?,
            Format::TarGz => whole(&layout, &order.out, "tar.gz", tarball::write)?,
            Format::Zip => whole(&layout, &order.out, "zip", zipped::write)?,
            Format::Deb => deb::write(&layout, &order.out)?,
            Format::Nsis => nsis::write(&layout, &order.out)?,
        };
        let bytes = folder::size(&path)?;
        made.push(Made { format: *format, path, bytes });
    }
    Ok(Report {
        app: layout.app.clone(),
        version: layout.version.clone(),
        platform: layout.platform.clone(),
        release: layout.release.map(|number| number.0),
        files: layout.items.iter().filter(|item| item.is_file()).count() as u64,
        left_out: layout.left_out,
        made,
    })
}

type Write = fn(&Layout, std::fs::File, &Path) -> Result<(), PackageError>;

/// An archive under its own name, written aside first.
fn whole(layout: &Layout, out: &Path, extension: &str, write: Write) -> Result<PathBuf, PackageError> {
    let name = layout.file_name(extension);
    finished(out, &name, |file, path| write(layout, file, path))
}

/// Writes a file aside and gives it its name when it is whole.
fn finished(
    out: &Path,
    name: &str,
    write: impl FnOnce(std::fs::File, &Path) -> Result<(), PackageError>,
) -> Result<PathBuf, PackageError> {
    let path = out.join(name);
    let part = fsx::sibling(&path, ".part");
    let written = fsx::create(&part).map_err(PackageError::from).and_then(|file| write(file, &part));
    if let Err(error) = written {
        // What is left of it is no package and has no package's name.
        fsx::remove_file(&part).ok();
        return Err(error);
    }
    fsx::rename(&part, &path)?;
    Ok(path)
}
