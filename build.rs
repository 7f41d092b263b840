//! Packs the files under `assets/i18n` into one, so that a language is added by adding its file, and the fonts under
//! `assets/fonts`; gives the programs what Windows reads of them without starting them.
#![expect(clippy::disallowed_methods, reason = "a build script reads the source tree")]

#[path = "packaging/windows/resources.rs"]
mod resources;

use std::env::var;
use std::error::Error;
use std::path::Path;

use resources::{Program, object};

fn main() -> Result<(), Box<dyn Error>> {
    pack_languages()?;
    pack_fonts()?;
    if var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "windows") {
        describe_programs()?;
    }
    Ok(())
}

/// Manifest, icon and version of both programs, as objects for the linker.
fn describe_programs() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&var("CARGO_MANIFEST_DIR")?).join("packaging/windows");
    println!("cargo::rerun-if-changed=packaging/windows/program.manifest");
    println!("cargo::rerun-if-changed=packaging/windows/updraft.ico");
    let (manifest, icon) = (
        std::fs::read_to_string(folder.join("program.manifest"))?,
        std::fs::read(folder.join("updraft.ico"))?,
    );
    let number =
        |name: &str| var(format!("CARGO_PKG_VERSION_{name}"))?.parse::<u16>().map_err(Box::<dyn Error>::from);
    let version = [number("MAJOR")?, number("MINOR")?, number("PATCH")?, 0];
    for (name, description) in [("updater", "Updater"), ("updraft", "Updraft, updates for programs")] {
        let version_text = &var("CARGO_PKG_VERSION")?;
        let program = Program { name, description, version, version_text, manifest: &manifest, icon: &icon };
        let Some(bytes) = object(&program, &var("CARGO_CFG_TARGET_ARCH")?) else { continue };
        let path = Path::new(&var("OUT_DIR")?).join(format!("{name}.o"));
        std::fs::write(&path, bytes)?;
        println!("cargo::rustc-link-arg-bin={name}={}", path.display());
    }
    // Libraries that a program is linked to come from the system's folder too. GNU's linker has no such flag.
    if var("CARGO_CFG_TARGET_ENV")? == "msvc" {
        println!("cargo::rustc-link-arg-bins=/DEPENDENTLOADFLAG:0x800");
    }
    Ok(())
}

fn pack_languages() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=assets/i18n");
    let folder = Path::new(&var("CARGO_MANIFEST_DIR")?).join("assets/i18n");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ftl") {
            files.push(path);
        }
    }
    // English first: it is what every other language falls back to.
    files.sort_by_key(|path| (path.file_stem().is_none_or(|stem| stem != "en"), path.clone()));
    let mut all = String::new();
    for path in files {
        let tag = path.file_stem().unwrap_or_default().display().to_string();
        all.push_str(&format!("\0{tag}\0{}", std::fs::read_to_string(&path)?));
    }
    let packed = zstd::stream::encode_all(all.as_bytes(), 19)?;
    std::fs::write(Path::new(&var("OUT_DIR")?).join("languages.zst"), packed)?;
    Ok(())
}

/// A quarter of their size is saved so.
fn pack_fonts() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&var("CARGO_MANIFEST_DIR")?).join("assets/fonts");
    for name in ["latin.ttf", "zh-CN.otf", "zh-TW.otf", "ja.otf"] {
        println!("cargo::rerun-if-changed=assets/fonts/{name}");
        let packed = zstd::stream::encode_all(std::fs::read(folder.join(name))?.as_slice(), 19)?;
        std::fs::write(Path::new(&var("OUT_DIR")?).join(format!("{name}.zst")), packed)?;
    }
    Ok(())
}
