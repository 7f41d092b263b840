//! The example a vendor would copy: compiled as it stands, run as it stands, and shown in the README.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::support::world::{World, demo_host, exe, expect, no_window, wait_for, write};

/// A113: the example in Rust asks, hands over, is started again as the new version and confirms.
#[test]
fn the_example_updates_itself() {
    let world = World::new();
    let build = |version: &str| {
        fs::create_dir_all(world.build()).unwrap();
        fs::copy(demo_host().with_file_name(exe("vendor_app")), world.build().join(exe("vendor_app")))
            .unwrap();
        write(world.build().join("version"), format!("{version}\n"));
        let start = exe("vendor_app");
        world.publish(version, &["--start", &start, "--confirm-health", "--health-seconds", "60"]);
    };
    build("1.0");
    world.lay_updater();
    world.update();
    let work = world.path("work");
    let run = || {
        let mut program = Command::new(world.app().join(exe("vendor_app")));
        no_window(&mut program);
        program.arg(&work);
        expect(program.stdout(Stdio::null()), 0)
    };
    run();
    assert_eq!(fs::read_to_string(&work).unwrap(), "1.0\n", "nothing new: it does its work");
    assert!(world.record()["unconfirmed"].is_null(), "it said that it is well, though nobody watched");
    build("2.0");
    run();
    wait_for("the new version", || fs::read_to_string(&work).unwrap() == "1.0\n2.0\n");
    wait_for("its word", || world.record()["unconfirmed"].is_null());
    assert_eq!(world.record()["receipt"]["number"], 2);
}

/// The README and the example say the same, in both languages.
#[test]
fn the_readme_shows_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let example = read("examples/vendor_app.rs");
    for readme in ["README.md", "README.zh-CN.md"] {
        let text = read(readme);
        let lines = text.split("```rust,ignore\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let mut shown = 0;
        for line in lines.lines().map(|line| line.split("//").next().unwrap().trim()) {
            assert!(
                example.contains(line),
                "{readme} shows {line:?}, examples/vendor_app.rs does not have it"
            );
            shown += 1;
        }
        assert!(shown >= 4, "{readme}");
    }
}
