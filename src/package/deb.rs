//! A deb: the program below `/opt`, and what a desktop reads where a desktop looks for it (deb(5), deb-control(5)).

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::fsx::{self, Context as _};

use super::ar;
use super::desktop;
use super::icon::Icon;
use super::item::{Item, Kind};
use super::md5::Md5;
use super::tarball::Tarball;
use super::{Layout, PackageError, finished};

const FORMAT: &str = "a deb";

/// Writes the package.
pub(super) fn write(layout: &Layout, out: &Path) -> Result<PathBuf, PackageError> {
    let control = Control::of(layout)?;
    let name = format!("{}_{}_{}.deb", layout.shown.package, control.version, control.architecture);
    finished(out, &name, |file, path| {
        let aside = fsx::sibling(path, ".data");
        let written = assemble(layout, &control, file, path, &aside);
        fsx::remove_file(&aside).ok();
        written
    })
}

fn assemble(
    layout: &Layout,
    control: &Control<'_>,
    mut file: File,
    path: &Path,
    aside: &Path,
) -> Result<(), PackageError> {
    let (mut data, sums, bytes) = data(layout, control, aside)?;
    let meta = meta(layout, control, &sums, bytes, path)?;
    let size = data.metadata().at("read", aside)?.len();
    data.rewind().at("read", aside)?;
    let time = u64::try_from(layout.time.unix()).unwrap_or(0);
    let mut members = || -> io::Result<()> {
        file.write_all(ar::MARK)?;
        ar::member(&mut file, "debian-binary", time, 4, &mut &b"2.0\n"[..])?;
        ar::member(&mut file, "control.tar.gz", time, meta.len() as u64, &mut &meta[..])?;
        ar::member(&mut file, "data.tar.gz", time, size, &mut data)
    };
    members().map_err(PackageError::writing(path))?;
    Ok(fsx::flush(&file, path)?)
}

/// What the control file says that has to be found out first.
struct Control<'a> {
    version: &'a str,
    architecture: &'static str,
    maintainer: &'a str,
    /// Where the program lies, without the first slash.
    home: String,
}

impl<'a> Control<'a> {
    fn of(layout: &'a Layout) -> Result<Self, PackageError> {
        let other = || PackageError::Platform { format: FORMAT, platform: layout.platform.to_string() };
        if !layout.is_for("linux") {
            return Err(other());
        }
        let architecture = match layout.processor() {
            Some("x86_64") => "amd64",
            Some("aarch64") => "arm64",
            Some("x86") => "i386",
            Some("arm") => "armhf",
            Some("riscv64") => "riscv64",
            _ => return Err(other()),
        };
        let version = layout.version.as_str();
        if !is_version(version) {
            let rule = "it begins with a digit and has only A-Z a-z 0-9 . + - ~";
            return Err(PackageError::Value { what: "the version of a deb", text: version.to_owned(), rule });
        }
        let maintainer = layout.shown.maintainer.as_deref().filter(|text| is_maintainer(text));
        let maintainer = maintainer.ok_or(PackageError::Missing {
            what: "who to write to about the deb",
            option: "--vendor \"NAME <MAIL>\"",
        })?;
        let home = format!("opt/{}", layout.shown.package);
        Ok(Self { version, architecture, maintainer, home })
    }
}

fn is_version(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(allowed)
        && !text.ends_with('-')
}

fn is_maintainer(text: &str) -> bool {
    let parts = text.strip_suffix('>').and_then(|text| text.split_once(" <"));
    parts.is_some_and(|(name, mail)| !name.is_empty() && mail.contains('@') && !mail.contains(['<', ' ']))
}

/// Writes the files to `aside`; gives the file, their sums and how many bytes they have.
fn data(layout: &Layout, control: &Control<'_>, aside: &Path) -> Result<(File, String, u64), PackageError> {
    let mut tarball = Tarball::begin(fsx::create(aside)?, aside, layout.time);
    let mut sums = String::new();
    for item in &layout.items {
        let name = format!("{}/{}", control.home, item.path);
        tarball.item(&name, item)?;
        if let Some(sum) = sum(item)? {
            // Writing to a String can't fail.
            writeln!(sums, "{sum}  {name}").ok();
        }
    }
    let mut bytes = layout.bytes();
    let mut add = |name: String, content: &[u8]| -> Result<(), PackageError> {
        tarball.file(&name, content, 0o644)?;
        let mut md5 = Md5::new();
        md5.update(content);
        writeln!(sums, "{}  {name}", md5.finish()).ok();
        bytes += content.len() as u64;
        Ok(())
    };
    let stem = desktop::stem(layout);
    let updater = format!("/{}/{}", control.home, layout.updater_file);
    add(
        format!("usr/share/polkit-1/actions/{stem}.update.policy"),
        desktop::policy(layout, &updater).as_bytes(),
    )?;
    if let (Some(start), true) = (&layout.start, layout.shown.menu) {
        let program = format!("/{}/{start}", control.home);
        let entry = desktop::entry(layout, &program);
        add(format!("usr/share/applications/{stem}.desktop"), entry.as_bytes())?;
        if let Some(metainfo) = desktop::metainfo(layout) {
            add(format!("usr/share/metainfo/{stem}.metainfo.xml"), metainfo.as_bytes())?;
        }
    }
    let package = &layout.shown.package;
    match &layout.icon {
        Some(Icon::Png(png, side)) => {
            add(format!("usr/share/icons/hicolor/{side}x{side}/apps/{package}.png"), png)?;
        }
        Some(Icon::Svg(svg)) => add(format!("usr/share/icons/hicolor/scalable/apps/{package}.svg"), svg)?,
        Some(Icon::Ico(_)) | None => {}
    }
    if let Some(start) = &layout.start {
        tarball.link(&format!("usr/bin/{package}"), &format!("../../{}/{start}", control.home))?;
    }
    tarball.finish()?;
    // Opened anew: what is written can't be read through the same handle.
    Ok((fsx::open(aside)?, sums, bytes))
}

fn sum(item: &Item) -> Result<Option<String>, PackageError> {
    let Kind::File { from, .. } = &item.kind else { return Ok(None) };
    let mut bytes = from.open(&item.path)?;
    let (mut md5, mut buffer) = (Md5::new(), vec![0; 256 * 1024]);
    loop {
        let count = bytes.read(&mut buffer).map_err(PackageError::writing(Path::new(item.path.as_str())))?;
        if count == 0 {
            return Ok(Some(md5.finish()));
        }
        md5.update(&buffer[..count]);
    }
}

/// The control archive.
fn meta(
    layout: &Layout,
    control: &Control<'_>,
    sums: &str,
    bytes: u64,
    path: &Path,
) -> Result<Vec<u8>, PackageError> {
    let shown = &layout.shown;
    let Control { version, architecture, maintainer, home } = control;
    let depends = shown.depends.as_deref().unwrap_or("libc6");
    let homepage = shown.homepage.as_ref().map(|page| format!("Homepage: {page}\n")).unwrap_or_default();
    let text = format!(
        "Package: {}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {maintainer}\n\
         Installed-Size: {}\nDepends: {depends}\nSection: misc\nPriority: optional\n{homepage}\
         Description: {}\n {} keeps itself up to date, by the updater in /{home}/{}.\n",
        shown.package,
        bytes.div_ceil(1024),
        shown.summary,
        shown.name,
        layout.updater
    );
    // Without it, files of releases that came after the package would stay: dpkg does not know them.
    let before_removal = format!(
        "#!/bin/sh\nset -e\nupdater='/{home}/{}'\nif [ \"$1\" = remove ] && [ -x \"$updater\" ]; then\n    \
         \"$updater\" uninstall --yes > /dev/null || echo 'Files of later releases stay in /{home}.' >&2\nfi\n",
        layout.updater_file.as_str().replace('\'', "'\\''")
    );
    let mut tarball = Tarball::begin(Vec::new(), path, layout.time);
    tarball.file("control", text.as_bytes(), 0o644)?;
    tarball.file("md5sums", sums.as_bytes(), 0o644)?;
    // A line of that list ends at the first space.
    let is_line = |item: &&Item| item.keep && !item.path.as_str().contains(char::is_whitespace);
    let kept = layout.items.iter().filter(is_line);
    let kept: String = kept.map(|item| format!("/{home}/{}\n", item.path)).collect();
    if !kept.is_empty() {
        tarball.file("conffiles", kept.as_bytes(), 0o644)?;
    }
    tarball.file("prerm", before_removal.as_bytes(), 0o755)?;
    tarball.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_addresses_are_those_that_dpkg_takes() {
        assert!(is_version("1.0") && is_version("2.1~beta1+x-3"));
        assert!(!is_version("v1") && !is_version("1.0 beta") && !is_version("1:2") && !is_version("1-"));
        assert!(is_maintainer("ACME Ltd <support@acme.example>"));
        assert!(!is_maintainer("ACME Ltd") && !is_maintainer("<a@b>") && !is_maintainer("A <a b@c>"));
    }
}
