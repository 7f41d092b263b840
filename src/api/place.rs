//! Where the updater of a program lies, knowing only where the program does.

use std::path::{Path, PathBuf};

use crate::fsx;
use crate::settings::FILE_NAME;

/// The updater's folder beside the program file `exe`: `<program>.updater` in its folder, for several programs that
/// are one file each may share a folder; else `updater` there or in a folder above.
pub(super) fn beside(exe: &Path) -> Option<PathBuf> {
    let own = exe.file_stem().map(|stem| {
        let mut name = stem.to_os_string();
        name.push(".updater");
        exe.with_file_name(name)
    });
    let above = exe.ancestors().skip(1).map(|folder| folder.join("updater"));
    own.into_iter().chain(above).find(|folder| fsx::exists(&folder.join(FILE_NAME)).unwrap_or(false))
}

/// The AppImage that `exe` runs out of. Its runtime unpacks or mounts it at `APPDIR` and names the file in `APPIMAGE`;
/// both are inherited by every program started from there, so only one that lies in `APPDIR` is meant.
pub(super) fn single_file(exe: &Path, variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let unpacked = fsx::canonical(&variable("APPDIR")?).ok()?;
    let file = variable("APPIMAGE")?;
    if exe.starts_with(unpacked) && file.is_absolute() { fsx::canonical(&file).ok() } else { None }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test looks at files by itself")]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_inside_the_image_belongs_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (image, mount) = (root.join("My App.AppImage"), root.join(".mount_My"));
        std::fs::create_dir_all(mount.join("usr/bin")).unwrap();
        std::fs::write(&image, "").unwrap();
        let variable = |name: &str| match name {
            "APPDIR" => Some(mount.clone()),
            "APPIMAGE" => Some(image.clone()),
            _ => None,
        };
        assert_eq!(single_file(&mount.join("usr/bin/my"), &variable), Some(image.clone()));
        assert_eq!(
            single_file(&root.join("other/bin/x"), &variable),
            None,
            "a program started from the image"
        );
        assert_eq!(single_file(&mount.join("usr/bin/my"), &|_| None), None);
    }

    #[test]
    fn a_single_file_has_its_own_updater_in_a_shared_folder() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for folder in ["apps/One.updater", "apps/updater"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
            std::fs::write(root.join(folder).join(FILE_NAME), "{}").unwrap();
        }
        assert_eq!(beside(&root.join("apps/One.AppImage")), Some(root.join("apps/One.updater")));
        assert_eq!(beside(&root.join("apps/Two.AppImage")), Some(root.join("apps/updater")));
        assert_eq!(beside(&root.join("apps/bin/two")), Some(root.join("apps/updater")));
    }
}
