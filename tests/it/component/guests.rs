//! Components in other languages, begun by `updraft component new` and built with the tools of their language.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::program::{text, updraft};
use super::{World, simple};

/// Whether a tool is here; where all tools must be, its absence is an error.
fn is_there(what: &str, mut command: Command) -> bool {
    let there = command.output().is_ok_and(|output| output.status.success());
    assert!(there || std::env::var_os("UPDRAFT_TEST_ALL").is_none(), "{what} is not here");
    there
}

fn run(folder: &Path, program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}{}", text(&output.stdout), text(&output.stderr));
}

/// Begins a component, builds it as its README says, and gives the checked content; `version` is its major version.
fn built(dir: &Path, lang: &str, version: &str, build: impl Fn(&Path)) -> Vec<u8> {
    let folder = dir.join(format!("{lang}{version}"));
    assert!(updraft(&["component", "new", folder.to_str().unwrap(), "--lang", lang]).status.success());
    let source = folder.join(match lang {
        "rust" => "src/lib.rs",
        "js" => "counter.js",
        _ => "counter.py",
    });
    let code = std::fs::read_to_string(&source).unwrap();
    let (old, new) = match lang {
        "rust" => ("VERSION: u32 = 1", format!("VERSION: u32 = {version}")),
        _ => ("VERSION = 1", format!("VERSION = {version}")),
    };
    assert!(code.contains(old), "{lang}");
    std::fs::write(&source, code.replace(old, &new)).unwrap();
    build(&folder);
    let file = folder.join("counter.wasm");
    let checked = updraft(&["component", "check", file.to_str().unwrap()]);
    let said = text(&checked.stdout);
    assert!(checked.status.success(), "{said}{}", text(&checked.stderr));
    assert!(said.contains(&format!("fits: counter {version}.0.0, a processor")), "{said}");
    std::fs::read(file).unwrap()
}

fn rust(folder: &Path) {
    // A build of its own, whatever this one is told.
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["build", "--locked", "--release", "--target", "wasm32-unknown-unknown"])
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("RUSTFLAGS")
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let made = folder.join("target/wasm32-unknown-unknown/release/counter.wasm");
    std::fs::copy(made, folder.join("counter.wasm")).unwrap();
}

/// A145, A151: the checked-in component in Rust is begun, built, checked, and follows the one in text form in a pipeline
/// and back, with its state.
#[test]
fn a_component_in_rust_is_begun_built_checked_and_replaced_in_a_pipeline() {
    let mut libdir = Command::new("rustc");
    libdir.args(["--print", "target-libdir", "--target", "wasm32-unknown-unknown"]);
    let folder = libdir.output().map(|output| text(&output.stdout).trim().to_owned()).unwrap_or_default();
    let mut list = Command::new("ls");
    list.arg(folder);
    if !is_there("the target wasm32-unknown-unknown", list) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let guest = built(dir.path(), "rust", "7", rust);
    let world = World::start(&simple(2000, ""), &[("counter.wasm", &super::version(1))]);
    world.flows();
    for (number, content) in [(7, guest), (2, super::version(2))] {
        world.service.replace("counter.wasm", content).unwrap();
        world.until("the new version's messages", |world| world.seen().last_kind == number);
    }
    world.ends_whole();
}

/// A145, A151: components in Rust, JavaScript and Python follow each other in one pipeline, each with the state of the
/// one before. Building them takes minutes and the registries of npm and Python: only with `UPDRAFT_FULL`.
#[test]
fn components_in_three_languages_follow_each_other_with_their_state() {
    if std::env::var_os("UPDRAFT_FULL").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let js = |folder: &Path| {
        run(folder, "npm", &["install"]);
        run(folder, "npm", &["run", "build"]);
    };
    let python = |folder: &Path| {
        run(folder, "python3", &["-m", "venv", "venv"]);
        run(folder, "venv/bin/pip", &["install", "--quiet", "componentize-py==0.25.*"]);
        let args = "-d wit -w processor-component componentize --stub-wasi counter -o counter.wasm";
        run(folder, "venv/bin/componentize-py", &args.split(' ').collect::<Vec<_>>());
    };
    let guests = [
        (2, built(dir.path(), "rust", "2", rust)),
        (3, built(dir.path(), "js", "3", js)),
        (4, built(dir.path(), "python", "4", python)),
    ];
    // An engine or an interpreter inside takes its room and its time.
    let rules = "limits = { memory = \"512MiB\", call_deadline = \"10s\" }";
    let world = World::start(&simple(500, rules), &[("counter.wasm", &super::version(1))]);
    world.flows();
    for _ in 0..2 {
        for (number, content) in &guests {
            let swapped = world.service.replace("counter.wasm", content.clone()).unwrap();
            let (name, prepare, pause) = (&swapped.version, swapped.prepare, swapped.pause);
            writeln!(std::io::stderr(), "{name}: prepared in {prepare:?}, stood still for {pause:?}")
                .unwrap();
            world.until("the new version's messages", |world| world.seen().last_kind == *number);
        }
    }
    world.ends_whole();
}
