//! What a vendor hands out: packages whose copies know which release they are, and how a copy goes again.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::support::world::{Running, World, expect, tree, updraft, wait_for, write};

/// A world with release 1.0 published for this machine, and a program to start in it.
fn world() -> World {
    let world = World::new();
    program(&world.build().join("bin/my app"), "1");
    write(world.build().join("数据/文件 [1].txt"), "content");
    write(world.build().join("conf/user.ini"), "default");
    fs::create_dir_all(world.build().join("plugins")).unwrap();
    symlink("my app", world.build().join("bin/current")).unwrap();
    publish(&world, "1.0");
    world
}

fn program(path: &Path, text: &str) {
    write(path, format!("#!/bin/sh\n[ \"$1\" != stay ] || sleep 600\necho {text}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn publish(world: &World, version: &str) -> String {
    let mut command = updraft();
    command.arg("publish").arg(world.build()).arg("--to").arg(world.repo()).arg("--keys").arg(world.keys());
    command.args(["--version", version, "--fast", "--start", "bin/my app", "--keep-if-modified", "conf"]);
    expect(&mut command, 0)
}

/// The updater without what only a debugger needs: that would be most of every package.
fn small_updater() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let own = Path::new(env!("CARGO_BIN_EXE_updater"));
        let small = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("updater-{}", std::process::id()));
        let stripped = Command::new("strip").arg("-o").arg(&small).arg(own).status();
        if stripped.is_ok_and(|status| status.success()) { small } else { own.to_path_buf() }
    })
}

fn package(world: &World, out: &str, more: &[&str]) -> Command {
    let mut command = world.package(out, more);
    command.arg("--updater").arg(small_updater());
    command
}

/// The updater of a copy.
fn updater(copy: &Path) -> Command {
    let mut command = Command::new(copy.join("updater/updater"));
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command
}

/// Every file of a folder, its bits and its content.
fn listing(folder: &Path) -> BTreeMap<String, (u32, Option<Vec<u8>>)> {
    let mode = |name: &str| fs::symlink_metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
    tree(folder).into_iter().map(|(name, content)| (name.clone(), (mode(&name), content))).collect()
}

/// Release 2.0 changes one small file; a copy out of `copy` knows what it is, fetches that file alone, and ends equal.
fn updates_from_what_it_has(world: &World, copy: &Path) {
    let said = expect(updater(copy).args(["check", "--json"]), 0);
    assert!(said.contains("\"up-to-date\"") && said.contains("\"1.0\""), "{said}");
    expect(updater(copy).arg("verify"), 0);
    write(world.build().join("数据/文件 [1].txt"), "other content");
    publish(world, "2.0");
    expect(updater(copy).arg("check"), 10);
    let plan: serde_json::Value =
        serde_json::from_str(&expect(updater(copy).args(["plan", "--json"]), 0)).unwrap();
    assert_eq!((&plan["totals"]["update"], &plan["totals"]["add"]), (&1.into(), &0.into()), "{plan}");
    expect(updater(copy).args(["update", "--no-start"]), 0);
    assert_eq!(tree(copy), tree(&world.build()));
}

/// A25, A31: a packed copy knows which release it is: nothing new, then only what changed.
#[test]
fn a_packed_folder_is_a_copy_that_updates() {
    let world = world();
    let said = expect(&mut package(&world, "dist", &["--format", "folder"]), 0);
    assert!(said.contains("App 1.0 (r1, "), "{said}");
    let copy = world.path("dist/App");
    assert_eq!(listing(&copy), listing(&world.build()), "with all permission bits");
    updates_from_what_it_has(&world, &copy);
}

/// A25: a tar archive, unpacked by tar, is such a copy; the same input gives the same bytes.
#[test]
fn a_tar_archive_is_a_copy_that_updates_and_is_the_same_each_time() {
    let world = world();
    for out in ["one", "two"] {
        expect(&mut package(&world, out, &["--format", "tar.gz,zip"]), 0);
    }
    let file = |out: &str, extension: &str| {
        let platform = updraft::release::Platform::current();
        world.path(out).join(format!("app-1.0-{platform}.{extension}"))
    };
    for extension in ["tar.gz", "zip"] {
        let same = fs::read(file("one", extension)).unwrap() == fs::read(file("two", extension)).unwrap();
        assert!(same, "{extension}");
    }
    let home = world.path("unpacked");
    fs::create_dir_all(&home).unwrap();
    expect(Command::new("tar").arg("xzf").arg(file("one", "tar.gz")).arg("-C").arg(&home), 0);
    assert_eq!(listing(&home.join("App")), listing(&world.build()));
    let script =
        "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), sorted(z.namelist()))";
    let mut look = Command::new("python3");
    let said = expect(look.args(["-c", script]).arg(file("one", "zip")).env("PYTHONIOENCODING", "utf-8"), 0);
    assert!(said.starts_with("None ") && said.contains("'App/数据/文件 [1].txt'"), "{said}");
    assert!(said.contains("'App/updater/state/installed.json'"), "{said}");
    updates_from_what_it_has(&world, &home.join("App"));
}

/// A deb: dpkg reads it, every sum is right, the desktop's files are where a desktop looks, and the copy below /opt is
/// one that updates.
#[test]
fn a_deb_is_what_dpkg_and_a_desktop_expect() {
    let world = world();
    write(world.path("icon.svg"), "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    let icon = world.path("icon.svg");
    let face = [
        "--format",
        "deb",
        "--vendor",
        "ACME Ltd <support@acme.example>",
        "--summary",
        "Does & shows things",
        "--homepage",
        "https://acme.example",
        "--license",
        "MIT",
        "--icon",
        icon.to_str().unwrap(),
    ];
    for out in ["one", "two"] {
        expect(&mut package(&world, out, &face), 0);
    }
    let deb = |out: &str| fs::read_dir(world.path(out)).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read(deb("one")).unwrap(), fs::read(deb("two")).unwrap(), "the same bytes");
    let fields = expect(Command::new("dpkg-deb").arg("-f").arg(deb("one")), 0);
    for line in [
        "Package: app",
        "Version: 1.0",
        "Maintainer: ACME Ltd <support@acme.example>",
        "Homepage: https://acme.example",
    ] {
        assert!(fields.contains(line), "{line} in {fields}");
    }
    let root = world.path("root");
    expect(Command::new("dpkg-deb").arg("-x").arg(deb("one")).arg(&root), 0);
    expect(Command::new("dpkg-deb").arg("-e").arg(deb("one")).arg(root.join("DEBIAN")), 0);
    expect(Command::new("md5sum").args(["-c", "--quiet", "DEBIAN/md5sums"]).current_dir(&root), 0);
    assert_eq!(fs::read_to_string(root.join("DEBIAN/conffiles")).unwrap(), "/opt/app/conf/user.ini\n");
    let copy = root.join("opt/app");
    assert_eq!(listing(&copy), listing(&world.build()));
    assert_eq!(fs::read_link(root.join("usr/bin/app")).unwrap(), PathBuf::from("../../opt/app/bin/my app"));
    let entry = fs::read_to_string(root.join("usr/share/applications/example.acme.app.desktop")).unwrap();
    assert!(entry.contains("Exec=\"/opt/app/bin/my app\"\n"), "{entry}");
    let policy = root.join("usr/share/polkit-1/actions/example.acme.app.update.policy");
    let policy = fs::read_to_string(policy).unwrap();
    for text in ["exec.path\">/opt/app/updater/updater<", "exec.argv1\">update-for-all<"] {
        assert!(policy.contains(text), "{policy}");
    }
    let metainfo = root.join("usr/share/metainfo/example.acme.app.metainfo.xml");
    assert!(fs::read_to_string(&metainfo).unwrap().contains("Does &amp; shows things"));
    if Command::new("appstreamcli").arg("--version").output().is_ok() {
        expect(Command::new("appstreamcli").args(["validate", "--no-net"]).arg(&metainfo), 0);
    }
    updates_from_what_it_has(&world, &copy);
}

/// A25: with only the root keys at hand a package has no record; its first update still fetches nothing that is right.
#[test]
fn a_package_without_the_repository_keeps_what_is_right() {
    let world = world();
    let root = world.repo().join("metadata/root.json");
    let mut command = updraft();
    command.arg("package").arg(world.build()).arg("--repo").arg(&root).arg("--out").arg(world.path("dist"));
    command.args(["--source", &world.source, "--format", "folder"]);
    let said = expect(command.args(["--app", "App"]), 64);
    assert!(said.contains("the version is not known") && said.contains("--version"), "{said}");
    expect(command.args(["--version", "1.0"]), 0);
    let copy = world.path("dist/App");
    let plan: serde_json::Value =
        serde_json::from_str(&expect(updater(&copy).args(["plan", "--json"]), 0)).unwrap();
    assert_eq!((&plan["totals"]["fetch_bytes"], &plan["totals"]["add"]), (&0.into(), &0.into()), "{plan}");
    expect(updater(&copy).args(["update", "--no-start"]), 0);
    expect(updater(&copy).arg("check"), 0);
}

/// What would make a package that can't work is refused in one sentence, and nothing is left in the folder.
#[test]
fn a_package_that_could_not_work_is_refused() {
    let world = world();
    let refused = |more: &[&str], code: i32, text: &str| {
        let said = expect(&mut world.package("dist", more), code);
        assert!(said.contains(text), "{text} in {said}");
        assert!(!world.path("dist").exists() || fs::read_dir(world.path("dist")).unwrap().next().is_none());
    };
    let script = world.build().join("bin/my app");
    refused(
        &["--format", "folder", "--updater", script.to_str().unwrap()],
        64,
        "a program for no machine that is known",
    );
    refused(&["--format", "folder", "--updater", "/nowhere"], 64, "there is no updater /nowhere");
    refused(&["--format", "nsis"], 64, "an installer for Windows is not for");
    refused(&["--format", "deb"], 64, "who to write to about the deb is not known");
    refused(&["--format", "deb", "--vendor", "A\nB <a@b>"], 64, "can't be a vendor");
    refused(&["--format", "zip", "--version", "9.9"], 64, "no release on stable for");
    refused(&["--format", "zip", "--id", "myapp"], 64, "can't be a name in catalogues");
    let mut no_source = updraft();
    no_source
        .arg("package")
        .arg(world.build())
        .arg("--repo")
        .arg(world.repo())
        .arg("--out")
        .arg(world.path("dist"));
    let said = expect(no_source.args(["--format", "zip"]), 64);
    assert!(said.contains("--source"), "{said}");
    write(world.build().join("conf/user.ini"), "not as published");
    write(world.build().join("notes.txt"), "not of the release");
    refused(&["--format", "folder"], 50, "is not the release 1.0 (r1): conf/user.ini differs");
    write(world.build().join("conf/user.ini"), "default");
    let said = expect(&mut package(&world, "dist", &["--format", "folder"]), 0);
    assert!(said.contains("Left out 1 files") && said.contains("notes.txt"), "{said}");
    assert!(!world.path("dist/App/notes.txt").exists());
    let said = expect(&mut package(&world, "dist", &["--format", "folder"]), 64);
    assert!(said.contains("is there already"), "{said}");
}

/// The script of the Windows installer: makensis takes it, with names that mean something to makensis.
#[test]
fn the_installers_script_is_one_that_makensis_takes() {
    let world = World::new();
    for path in ["my $app.exe", "数据/[1] & 'x'.txt"] {
        write(world.build().join(path), path);
    }
    fs::create_dir_all(world.build().join("empty")).unwrap();
    let mut command = updraft();
    command.arg("publish").arg(world.build()).arg("--to").arg(world.repo()).arg("--keys").arg(world.keys());
    expect(command.args(["--version", "1.0", "--fast", "--platform", "windows-x86_64"]), 0);
    let mut head = vec![0_u8; 512];
    head[..2].copy_from_slice(b"MZ");
    head[0x3c] = 0x80;
    head[0x80..0x86].copy_from_slice(b"PE\0\0\x64\x86");
    write(world.path("updater.exe"), &head);
    let updater = world.path("updater.exe");
    let more = [
        "--format",
        "nsis",
        "--platform",
        "windows-x86_64",
        "--updater",
        updater.to_str().unwrap(),
        "--name",
        "My \"App\" & more",
        "--vendor",
        "ACME $1",
    ];
    let said = expect(&mut world.package("dist", &more), 0);
    assert!(said.contains("makensis "), "{said}");
    let folder = world.path("dist/app-setup");
    let script = fs::read_to_string(folder.join("setup.nsi")).unwrap();
    assert!(script.starts_with('\u{feff}') && !script.contains("@NAME"), "{script}");
    for text in
        ["File \"/oname=my $$app.exe\"", "CreateDirectory \"$INSTDIR\\empty\"", "My $\\\"App$\\\" & more"]
    {
        assert!(script.contains(text), "{text} in {script}");
    }
    let settings = fs::read_dir(folder.join("files")).unwrap().map(|file| file.unwrap().path());
    assert!(settings.into_iter().any(|file| fs::read(file).unwrap().starts_with(b"{\n  \"app\"")));
    let Ok(made) = Command::new("makensis").args(["-V2", "-WX"]).arg(folder.join("setup.nsi")).output()
    else {
        assert!(
            std::env::var_os("UPDRAFT_TEST_ALL").is_none(),
            "everything was asked for, but makensis is not here"
        );
        return;
    };
    let said = String::from_utf8_lossy(&made.stdout).into_owned() + &String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
    assert!(folder.join("app-1.0-windows-x86_64-setup.exe").exists());
}

/// A75: a copy goes again with all that updates laid down, and what is the user's stays.
#[test]
fn an_uninstall_takes_what_was_laid_down_and_nothing_else() {
    let world = world();
    expect(&mut package(&world, "dist", &["--format", "folder"]), 0);
    let copy = world.path("dist/App");
    fs::remove_file(world.build().join("数据/文件 [1].txt")).unwrap();
    write(world.build().join("later/new.txt"), "of 2.0");
    publish(&world, "2.0");
    expect(updater(&copy).args(["update", "--no-start"]), 0);
    write(copy.join("later/mine.txt"), "mine");
    write(copy.join("conf/user.ini"), "changed by the user");
    let before = tree(&copy);
    let said = expect(updater(&copy).arg("uninstall"), 64);
    assert!(said.contains("--yes"), "{said}");
    assert_eq!(tree(&copy), before);
    let running = Running(Command::new(copy.join("bin/my app")).arg("stay").spawn().unwrap());
    drop(running);
    let said = expect(updater(&copy).args(["uninstall", "--yes"]), 0);
    assert!(said.contains("left    conf/user.ini"), "{said}");
    let left: Vec<String> = tree(&copy).into_keys().collect();
    assert_eq!(left, ["conf", "conf/user.ini", "later", "later/mine.txt"]);
    let own: Vec<String> = tree(&copy.join("updater")).into_keys().collect();
    assert_eq!(own, ["root.json", "updater.json"].map(str::to_owned), "beside the updater itself");
    expect(updater(&copy).args(["uninstall", "--yes"]), 0);
}

/// A76: a copy whose program runs is not taken away; who runs it is said.
#[test]
fn a_program_that_runs_is_not_taken_away() {
    let world = World::new();
    let host = super::support::world::demo_host();
    fs::create_dir_all(world.build()).unwrap();
    fs::copy(&host, world.build().join("host")).unwrap();
    write(world.build().join("version.txt"), "1.0");
    world.publish("1.0", &["--start", "host"]);
    world.lay_updater();
    world.update();
    let mut program = Command::new(world.app().join("host"));
    program.args(["--no-check", "--linger", "600"]).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    let running = Running(program.stdout(std::process::Stdio::null()).spawn().unwrap());
    wait_for("the program", || {
        let exe = format!("/proc/{}/exe", running.0.id());
        fs::read_link(exe).is_ok_and(|exe| exe.ends_with("App/host"))
    });
    let before = tree(&world.app());
    let said = expect(world.updater().args(["uninstall", "--yes"]), 60);
    assert!(said.contains(&running.0.id().to_string()) && said.contains("busy.program"), "{said}");
    assert_eq!(tree(&world.app()), before);
}

/// A25: a program that OAUS kept up to date is taken over as release 1; a copy with its files fetches none of them.
#[test]
fn a_program_of_an_older_updater_is_taken_over() {
    let world = World::new();
    let old = world.path("FileFolder");
    write(old.join("Demo.exe"), "program");
    write(old.join("资源/皮肤 1.dll"), "skin");
    write(old.join("debug.log"), "not listed");
    let list = world.path("UpdateConfiguration.xml");
    let unit = |path: &str, size: usize| {
        format!(
            "<object type=\"OAUS.Core.FileUnit,OAUS.Core\"><property name=\"FileRelativePath\" value=\"{path}\" />\
             <property name=\"Version\" value=\"2\" /><property name=\"FileSize\" value=\"{size}\" /></object>"
        )
    };
    let xml = |units: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><object type=\"OAUS.Core.UpdateConfiguration,OAUS.Core\">\
             <property name=\"FileList\"><list>{units}</list></property>\
             <property name=\"ClientVersion\" value=\"5\" /></object>"
        )
    };
    let repo = world.path("www/Taken");
    let init = |code: i32| {
        let mut command = updraft();
        command.arg("init").arg(&repo).args(["--app", "App"]).arg("--keys").arg(world.path("taken-keys"));
        expect(command.arg("--import").arg(&list).arg("--folder").arg(&old), code)
    };
    write(&list, "{\"version\": 1}");
    let said = init(64);
    assert!(said.contains("UpdateConfiguration.xml can't be taken over: it is no XML"), "{said}");
    write(&list, xml(&unit("Gone.exe", 1)));
    let said = init(64);
    assert!(said.contains("1 listed files are not in") && said.contains("Gone.exe"), "{said}");
    assert!(!repo.exists() && !world.path("taken-keys").exists(), "nothing was made");
    write(&list, xml(&(unit("Demo.exe", 7) + &unit("资源\\皮肤 1.dll", 99))));
    let said = init(0);
    assert!(said.contains("version 5 is r1, 2 files"), "{said}");
    assert!(said.contains("1 paths in the folder are not listed") && said.contains("another size"), "{said}");
    let copy = world.path("copy");
    for path in ["Demo.exe", "资源/皮肤 1.dll"] {
        write(copy.join(path), fs::read(old.join(path)).unwrap());
    }
    world.lay_updater_in(&copy);
    fs::copy(repo.join("metadata/root.json"), copy.join("updater/root.json")).unwrap();
    let settings = serde_json::json!({"app": "App", "sources": [repo]});
    write(copy.join("updater/updater.json"), settings.to_string());
    let plan: serde_json::Value =
        serde_json::from_str(&expect(updater(&copy).args(["plan", "--json"]), 0)).unwrap();
    assert_eq!((&plan["totals"]["fetch_bytes"], &plan["totals"]["keep"]), (&0.into(), &2.into()), "{plan}");
    expect(updater(&copy).args(["update", "--no-start"]), 0);
    expect(updater(&copy).arg("check"), 0);
}

/// A bundle of macOS: what is published is its content, and the updater lies in it, so that the whole of it is one folder
/// that a person moves to where programs lie.
#[test]
fn a_bundle_of_macos_has_its_layout() {
    let world = World::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/macos/Info.plist");
    let read = "import plistlib, sys; p = plistlib.load(open(sys.argv[1], 'rb')); print(p['CFBundleExecutable'], p['CFBundlePackageType'])";
    let said = expect(Command::new("python3").args(["-c", read]).arg(&example), 0);
    assert_eq!(said.trim(), "myapp APPL", "the example is one that the system reads");
    write(world.build().join("Info.plist"), fs::read(&example).unwrap());
    program(&world.build().join("MacOS/myapp"), "1");
    let mut publish = updraft();
    publish.arg("publish").arg(world.build()).arg("--to").arg(world.repo()).arg("--keys").arg(world.keys());
    publish.args(["--version", "1.0", "--fast", "--start", "MacOS/myapp", "--platform", "macos-aarch64"]);
    expect(&mut publish, 0);
    // A program for this platform, as far as its first bytes tell.
    let mut head = vec![0_u8; 512];
    head[..8].copy_from_slice(&[0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1]);
    write(world.path("updater"), &head);
    let updater = world.path("updater");
    let more = ["--format", "folder", "--platform", "macos-aarch64", "--updater", updater.to_str().unwrap()];
    expect(&mut world.package("dist", &more), 0);
    let inner = world.path("dist/App.app/Contents");
    for path in
        ["Info.plist", "MacOS/myapp", "updater/updater", "updater/root.json", "updater/state/installed.json"]
    {
        assert!(inner.join(path).is_file(), "{path}");
    }
    assert_eq!(fs::metadata(inner.join("MacOS/myapp")).unwrap().permissions().mode() & 0o111, 0o111);
}
