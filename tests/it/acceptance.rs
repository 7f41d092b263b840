//! Which test proves which behaviour: the page says what the tests say of themselves.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/acceptance.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

/// `A26` and its like in a line of text.
fn ids(line: &str) -> impl Iterator<Item = String> + '_ {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric());
    let is_id = |word: &&str| {
        let number = word.strip_prefix('A').unwrap_or_default();
        (2..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    words.filter(is_id).map(str::to_owned)
}

/// How a test is called: its place in the test program, or its file in `src`.
fn place(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap();
    match path.strip_prefix("tests/it") {
        Ok(inner) => {
            let name = inner.with_extension("").to_string_lossy().replace('/', "::");
            name.strip_suffix("::mod").map(str::to_owned).unwrap_or(name)
        }
        Err(_) => path.to_string_lossy().into_owned(),
    }
}

/// Every id with the tests that name it in their doc comment, or the scenes of a script.
fn proofs() -> BTreeMap<String, BTreeSet<String>> {
    let mut proofs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut sources, mut scripts) = (Vec::new(), Vec::new());
    files(&root().join("tests/it"), "rs", &mut sources);
    files(&root().join("src"), "rs", &mut sources);
    files(&root().join("tests"), "sh", &mut scripts);
    for path in sources {
        let (mut named, mut is_test) = (Vec::new(), false);
        for line in fs::read_to_string(&path).unwrap().lines().map(str::trim) {
            if let Some(doc) = line.strip_prefix("///") {
                named.extend(ids(doc));
            } else if line.starts_with("#[") {
                is_test |= line.contains("test]");
            } else if let Some(rest) = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn ")) {
                let name = rest.split(['(', '<']).next().unwrap();
                let proof = format!("`{}::{name}`", place(&path));
                let named = std::mem::take(&mut named);
                if std::mem::take(&mut is_test) {
                    for id in named {
                        proofs.entry(id).or_default().insert(proof.clone());
                    }
                }
            } else if !line.is_empty() && !line.starts_with("//") {
                named.clear();
            }
        }
    }
    for path in scripts {
        let proof = format!("`{}`", path.strip_prefix(root()).unwrap().display());
        for line in fs::read_to_string(&path).unwrap().lines().filter(|line| line.starts_with('#')) {
            for id in ids(line) {
                proofs.entry(id).or_default().insert(proof.clone());
            }
        }
    }
    proofs
}

/// The page lists what the tests prove, and no test names a behaviour that is not on it. `UPDRAFT_WRITE=1` writes it.
#[test]
fn the_page_of_behaviours_names_the_tests_that_prove_them() {
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let mut proofs = proofs();
    let mut rows = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let id = cells[0].trim_start_matches("| ");
        if cells.len() >= 2 && ids(id).any(|found| found == id) {
            let tests = proofs.remove(id).unwrap_or_default().into_iter().collect::<Vec<_>>().join(", ");
            rows.push(format!("| {id} | {} | {tests} |", cells[1]));
        } else {
            rows.push(line.to_owned());
        }
    }
    assert!(proofs.is_empty(), "tests name behaviours that {PAGE} does not have: {proofs:?}");
    let right = rows.join("\n") + "\n";
    if std::env::var_os("UPDRAFT_WRITE").is_some() {
        fs::write(&path, &right).unwrap();
    } else {
        assert!(
            page == right,
            "{PAGE} is out of date: UPDRAFT_WRITE=1 cargo test --features checkpoints acceptance"
        );
    }
}
