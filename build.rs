//! Packs the files under `assets/i18n` into one, so that a language is added by adding its file.
#![expect(clippy::disallowed_methods, reason = "a build script reads the source tree")]

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=assets/i18n");
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("assets/i18n");
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
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("languages.zst"), packed)?;
    Ok(())
}
