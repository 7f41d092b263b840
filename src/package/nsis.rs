//! The script of an installer for Windows and the files it takes, for the vendor's `makensis` (NSIS 3).
//!
//! It installs for one user and asks for no rights. Files lie under plain numbers beside the script, because their
//! own names may hold what means something to makensis.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::fsx;
use crate::release::RelPath;

use super::folder::lay;
use super::item::{Item, Kind};
use super::{Layout, PackageError};

const FORMAT: &str = "an installer for Windows";
/// What a path may have so that with the usual place of programs it stays below 260.
const LONGEST: usize = 180;

/// Writes the folder; it has its name only when it is whole.
pub(super) fn write(layout: &Layout, out: &Path) -> Result<PathBuf, PackageError> {
    if !layout.is_for("windows") {
        return Err(PackageError::Platform { format: FORMAT, platform: layout.platform.to_string() });
    }
    let path = out.join(format!("{}-setup", layout.shown.package));
    if fsx::exists(&path)? {
        return Err(PackageError::Exists(path));
    }
    let part = fsx::sibling(&path, ".part");
    fsx::remove_tree(&part)?;
    if let Err(error) = fill(layout, &part) {
        fsx::remove_tree(&part).ok();
        return Err(error);
    }
    fsx::rename(&part, &path)?;
    Ok(path)
}

/// The name of the installer that makensis makes.
pub(super) fn installer(layout: &Layout) -> String {
    layout.file_name("exe").replace(".exe", "-setup.exe")
}

fn fill(layout: &Layout, folder: &Path) -> Result<(), PackageError> {
    let mut script = String::from(include_str!("../../packaging/windows/installer.nsi"));
    let (mut install, mut remove) = (String::new(), String::new());
    fsx::make_dirs(&folder.join("files"))?;
    for (number, item) in (1..).zip(&layout.items) {
        one(item, number, folder, &mut install)?;
        if item.is_file() && !item.path.is_within(&layout.updater) {
            writeln!(remove, "  Delete \"$INSTDIR\\{}\"", native(&item.path)).ok();
        }
    }
    for above in folders(layout).iter().rev() {
        writeln!(remove, "  RMDir \"$INSTDIR\\{}\"", native(above)).ok();
    }
    let icon = layout.icon.as_ref().and_then(super::icon::Icon::to_ico);
    if let Some(icon) = &icon {
        fsx::write_durable(&folder.join("setup.ico"), icon)?;
    }
    for (mark, text) in blanks(layout, icon.is_some()) {
        script = script.replace(&format!("@{mark}@"), &text);
    }
    script = script.replace("@INSTALL@", install.trim_end()).replace("@REMOVE@", remove.trim_end());
    // makensis takes a script for UTF-8 by its first mark.
    let bytes = [b"\xef\xbb\xbf", script.as_bytes()].concat();
    Ok(fsx::write_durable(&folder.join("setup.nsi"), &bytes)?)
}

fn one(item: &Item, number: usize, folder: &Path, install: &mut String) -> Result<(), PackageError> {
    let refused = |why| PackageError::Form { format: FORMAT, path: item.path.clone(), why };
    if item.path.as_str().encode_utf16().count() > LONGEST {
        return Err(refused("its path has more than 180 characters"));
    }
    let path = native(&item.path);
    match &item.kind {
        Kind::Link(_) => return Err(refused("it is a link, which an installer can't make")),
        Kind::Folder => writeln!(install, "  CreateDirectory \"$INSTDIR\\{path}\"").ok(),
        Kind::File { .. } => {
            let file = format!("{number:06}");
            lay(item, &folder.join("files").join(&file))?;
            let above = item.path.parent().map(|above| format!("\\{}", native(&above))).unwrap_or_default();
            writeln!(install, "  SetOutPath \"$INSTDIR{above}\"").ok();
            let lay = format!("  File \"/oname={}\" \"files/{file}\"", text(item.path.name()));
            if item.keep {
                // The user's, where there is one from before.
                writeln!(install, "  ${{IfNot}} ${{FileExists}} \"$INSTDIR\\{path}\"\n  {lay}\n  ${{EndIf}}")
                    .ok()
            } else {
                writeln!(install, "{lay}").ok()
            }
        }
    };
    Ok(())
}

/// Every folder of the release, those above first.
fn folders(layout: &Layout) -> std::collections::BTreeSet<RelPath> {
    let inner = layout.items.iter().flat_map(|item| {
        let own = matches!(item.kind, Kind::Folder).then(|| item.path.clone());
        item.path.ancestors().chain(own)
    });
    inner.filter(|folder| !folder.is_within(&layout.updater) && !layout.updater.is_within(folder)).collect()
}

fn blanks(layout: &Layout, has_icon: bool) -> Vec<(&'static str, String)> {
    let shown = &layout.shown;
    let start = layout.start.as_ref().map(native);
    let link = |folder: &str| {
        let made = start.as_ref().filter(|_| shown.menu).map(|start| {
            format!("  CreateShortCut \"{folder}\\{}.lnk\" \"$INSTDIR\\{start}\"", text(&layout.plain_name()))
        });
        made.unwrap_or_default()
    };
    let line = |made: Option<String>| made.unwrap_or_default();
    let key = "${UNINSTALL_KEY}";
    let value =
        |name: &str, said: &str| format!("  WriteRegStr HKCU \"{key}\" \"{name}\" \"{}\"", text(said));
    vec![
        ("NAME", text(&shown.name)),
        ("NAME_MENU", text(&shown.name).replace('&', "&&")),
        ("ID", text(shown.id.as_deref().unwrap_or(&shown.package))),
        ("FOLDER", text(&layout.plain_name())),
        ("UPDATER", native(&layout.updater)),
        ("UPDATER_FILE", native(&layout.updater_file)),
        ("OUT", installer(layout)),
        (
            "ICON",
            line(
                has_icon
                    .then(|| "!define MUI_ICON \"setup.ico\"\n!define MUI_UNICON \"setup.ico\"".to_owned()),
            ),
        ),
        ("DISPLAY_ICON", start.clone().unwrap_or_else(|| native(&layout.updater_file))),
        ("PUBLISHER", line(shown.vendor.as_ref().map(|vendor| value("Publisher", vendor)))),
        ("HOMEPAGE", line(shown.homepage.as_ref().map(|page| value("URLInfoAbout", page)))),
        ("KILOBYTES", layout.bytes().div_ceil(1024).to_string()),
        ("MENU_LINK", link("$SMPROGRAMS")),
        ("DESKTOP_LINK", link("$DESKTOP")),
        ("RUN", line(start.map(|start| format!("!define MUI_FINISHPAGE_RUN \"$INSTDIR\\{start}\"")))),
    ]
}

/// A path with the separators of Windows.
fn native(path: &RelPath) -> String {
    text(&path.as_str().replace('/', "\\"))
}

/// Text in double quotes of a script. A path has no quotes, and a name that has some gets others.
fn text(said: &str) -> String {
    said.replace('$', "$$").replace('"', "$\\\"")
}
