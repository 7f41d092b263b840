//! Holds the shape of the house: import order of the rooms, platform code in one place, files a person can read.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads the source tree")]

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms in import order: each may import only itself and those before it.
const ROOMS: &[&str] = &[
    "release",
    "report",
    "platform",
    "fsx",
    "trust",
    "source",
    "delta",
    "plan",
    "transfer",
    "install",
    "host",
    "engine",
    "gui",
    "publish",
    "serve",
    "fleet",
    "component",
    "settings",
    "package",
    "api",
    "cli",
];

/// Rooms that import nothing, or less than the order would allow.
const IMPORTS_NOTHING: &[&str] = &["release", "platform"];

fn sources(below: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(below)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn room_of(path: &Path) -> Option<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut parts = path.strip_prefix(src).unwrap().components();
    let first = parts.next()?.as_os_str().to_str()?.to_owned();
    if first == "bin" || first == "lib.rs" { None } else { Some(first) }
}

/// Code lines with their numbers, comments left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn rooms_import_only_rooms_above_them() {
    let mut wrong = Vec::new();
    for path in sources("src") {
        let Some(room) = room_of(&path) else { continue };
        let place =
            ROOMS.iter().position(|known| *known == room).unwrap_or_else(|| panic!("{room} has no place"));
        for (number, line) in code(&fs::read_to_string(&path).unwrap()) {
            for after in line.split("crate::").skip(1) {
                let other: String =
                    after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let Some(other_place) = ROOMS.iter().position(|known| *known == other) else { continue };
                let barred = other != room && IMPORTS_NOTHING.contains(&room.as_str());
                if other_place > place || barred {
                    wrong.push(format!("{}:{number}: {room} imports {other}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The one place beside `platform` with unsafe code is `ffi`, the border to C: names and pointers, and nothing else.
#[test]
fn platform_differences_and_unsafe_code_live_in_platform_alone() {
    let marks = ["cfg(unix", "cfg(windows", "cfg(target_os", "cfg(target_family", "unsafe ", "unsafe{"];
    let mut wrong = Vec::new();
    for path in sources("src") {
        if room_of(&path).as_deref() == Some("platform") {
            continue;
        }
        for (number, line) in code(&fs::read_to_string(&path).unwrap()) {
            if marks.iter().any(|mark| line.contains(mark)) {
                wrong.push(format!("{}:{number}: {}", path.display(), line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_and_can_be_read_in_one_sitting() {
    let mut wrong = Vec::new();
    for path in ["src", "ffi", "tests", "examples", "benches"].iter().flat_map(|below| sources(below)) {
        let text = fs::read_to_string(&path).unwrap();
        if !text.starts_with("//!") {
            wrong.push(format!("{} does not open with //!", path.display()));
        }
        let lines = text.lines().count();
        if lines > 600 {
            wrong.push(format!("{} has {lines} lines, more than 600", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn programs_are_thin() {
    for path in sources("src/bin") {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines < 100, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_process_is_started_through_a_shell() {
    for path in sources("src") {
        let text = fs::read_to_string(&path).unwrap();
        for shell in ["\"sh\"", "\"bash\"", "\"cmd\"", "\"cmd.exe\"", "powershell", ".bat\""] {
            assert!(!code(&text).any(|(_, line)| line.contains(shell)), "{} names {shell}", path.display());
        }
    }
}

/// Size and build time of the updater do not depend on what runs components: nothing of that is compiled unless the
/// feature is asked for.
#[test]
fn what_runs_components_is_in_no_build_that_does_not_ask_for_it() {
    let crates = |features: &[&str]| {
        let cargo = std::process::Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--edges", "normal,build", "--prefix", "none"])
            .args(features)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
        let tree = String::from_utf8(cargo.stdout).unwrap();
        let of = |line: &&str| {
            ["wasmtime", "cranelift", "wit-", "wasm-encoder"].iter().any(|name| line.starts_with(name))
        };
        tree.lines().filter(of).count()
    };
    assert_eq!(crates(&[]), 0);
    assert_eq!(crates(&["--no-default-features"]), 0);
    assert!(crates(&["--features", "components"]) > 0, "they have other names now");
}
