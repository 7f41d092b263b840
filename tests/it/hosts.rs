//! The programs in `examples/hosts`, each in its language, against a real server: they ask, hand over, are started again
//! as they were, say what they were updated from and that they are well.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::support::world::{World, demo_host, expect, free_port, wait_for, write};

fn hosts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hosts")
}

/// A program of this name, if it can be run here. With everything asked for it must.
fn is_here(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = found.is_ok();
    assert!(
        found || std::env::var_os("UPDRAFT_TEST_ALL").is_none(),
        "everything was asked for, but not {program}"
    );
    if !found {
        eprintln!("not tested here: there is no {program}");
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
}

/// One program on its way from release 1 to 3. `lay` puts it into the vendor's folder.
fn lives(start: &str, lay: &dyn Fn(&Path)) {
    let mut world = World::new();
    let port = free_port();
    let publish = |world: &World, version: &str, more: &[&str]| {
        write(world.build().join("version"), format!("{version}\n"));
        let health = ["--start", start, "--confirm-health", "--health-seconds", "60"];
        world.publish(version, &[&health, more].concat());
    };
    lay(&world.build());
    let server = world.serve(Some(port));
    publish(&world, "1.0", &[]);
    world.lay_updater();
    world.update();
    let folder = world.path("where it works");
    fs::create_dir_all(&folder).unwrap();
    let (work, folder, app) = (world.path("work"), folder.canonicalize().unwrap(), world.app().join(start));
    let said = |version: &str, from: &str| {
        format!("{version}\ttwo words \"\u{4e2d}\"\t{}\tkept\t{from}", folder.display())
    };
    let lines = || -> Vec<String> {
        fs::read_to_string(&work).unwrap_or_default().lines().map(str::to_owned).collect()
    };
    let run = |name: &str, value: &str| {
        let mut program = Command::new(&app);
        program
            .arg(&work)
            .arg("two words \"\u{4e2d}\"")
            .current_dir(&folder)
            .env("MARK", "kept")
            .env(name, value);
        program.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("UPDRAFT_UPDATED_FROM");
        expect(program.stdout(Stdio::null()).stderr(Stdio::null()), 0);
    };
    run("NOTHING", "");
    assert_eq!(lines(), [said("1.0", "")], "nothing new: it does its work");
    wait_for("its word", || world.record()["unconfirmed"].is_null());
    publish(&world, "2.0", &[]);
    run("UPDRAFT_ENABLED", "false");
    assert_eq!(lines().len(), 2, "updates turned off: it does its work");
    drop(server);
    let begun = Instant::now();
    run("UPDRAFT_CHECK_TIMEOUT", "2");
    assert!(begun.elapsed() < Duration::from_secs(50), "the check has a limit");
    assert_eq!(lines()[1..], [said("1.0", ""), said("1.0", "")], "no server: it does its work");
    let server = world.serve(Some(port));
    run("NOTHING", "");
    wait_for("release 2", || lines().len() == 4);
    assert_eq!(lines()[3], said("2.0", "1.0"), "arguments, folder, environment, and what it was before");
    let is = |number: u64| {
        world.record()["unconfirmed"].is_null() && world.record()["receipt"]["number"] == number
    };
    wait_for("its word", || is(2));
    publish(&world, "3.0", &["--forced"]);
    run("NOTHING", "");
    wait_for("release 3", || lines().len() == 5);
    assert_eq!(lines()[4], said("3.0", "2.0"));
    wait_for("its word", || is(3));
    drop(server);
}

/// A113, A110, A20, A21, A23: the program in Rust.
#[test]
fn a_program_in_rust() {
    lives("myapp", &|build| copy(&demo_host().with_file_name("host_rust"), &build.join("myapp")));
}

/// A113, A110, A20, A21, A23: the program in C, over the C interface, compiled here without a warning.
#[test]
fn a_program_in_c() {
    if !is_here("cc") {
        return;
    }
    let library = demo_host().with_file_name(format!(
        "{}updraft_c{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    ));
    lives("myapp", &|build| {
        copy(&library, &build.join(library.file_name().unwrap()));
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
        let mut compile = Command::new("cc");
        compile.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wl,-rpath,$ORIGIN"]);
        compile.arg("-I").arg(include).arg(hosts().join("c/myapp.c")).arg("-L").arg(build);
        expect(compile.args(["-lupdraft_c", "-o"]).arg(build.join("myapp")), 0);
    });
}

/// A113, A110, A20, A21, A23, A24: the program in C#, compiled here.
#[test]
fn a_program_in_c_sharp() {
    if !is_here("mcs") || !is_here("mono") {
        return;
    }
    lives("myapp", &|build| {
        copy(&hosts().join("csharp/myapp"), &build.join("myapp"));
        let out = format!("-out:{}", build.join("MyApp.exe").display());
        expect(Command::new("mcs").args(["-warnaserror", &out]).arg(hosts().join("csharp/MyApp.cs")), 0);
    });
}

/// A113, A110, A20, A21, A23, A24: the program in Python.
#[test]
fn a_program_in_python() {
    if is_here("python3") {
        lives("myapp.py", &|build| copy(&hosts().join("python/myapp.py"), &build.join("myapp.py")));
    }
}

/// A113, A110, A20, A21, A23, A24: the program for Node.
#[test]
fn a_program_for_node() {
    if is_here("node") {
        lives("myapp.js", &|build| copy(&hosts().join("node/myapp.js"), &build.join("myapp.js")));
    }
}

/// A113, A110, A20, A21, A23: the program in plain shell.
#[test]
fn a_program_in_shell() {
    lives("myapp", &|build| copy(&hosts().join("shell/myapp"), &build.join("myapp")));
}
