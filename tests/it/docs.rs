//! The documentation says what the program does.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::path::Path;

use updraft::report::ErrorCode;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn every_error_code_is_documented_with_its_exit_code() {
    let page = read("docs/errors.md");
    for code in ErrorCode::ALL {
        let line = format!("| `{code}` | {} | ", code.exit());
        assert!(page.contains(&line), "docs/errors.md lacks {line}");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, ErrorCode::ALL.len(), "docs/errors.md lists codes that do not exist");
}

#[test]
fn both_readmes_have_the_same_parts() {
    let parts = |name: &str| {
        let text = read(name);
        (
            text.lines().filter(|line| line.starts_with('#')).count(),
            text.matches("```").count(),
            text.matches("\n| ").count(),
        )
    };
    assert_eq!(parts("README.md"), parts("README.zh-CN.md"));
}

#[test]
fn every_dependency_has_its_line() {
    let page = read("docs/dependencies.md");
    let manifest = read("Cargo.toml");
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies]");
        } else if inside && let Some((name, _)) = line.split_once(" = ") {
            assert!(page.contains(name), "docs/dependencies.md does not say what {name} is for");
        }
    }
}

#[test]
fn every_page_has_its_place_in_the_book() {
    let summary = read("docs/SUMMARY.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") && name != "SUMMARY.md" {
            assert!(summary.contains(&format!("]({name})")), "docs/SUMMARY.md does not list {name}");
        }
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("README.zh-CN.md"), root.join("CONTRIBUTING.md")];
    pages.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with('#') {
                continue;
            }
            let target = page.parent().unwrap().join(link.split('#').next().unwrap());
            assert!(target.exists(), "{} links to {link}", page.display());
        }
    }
}
