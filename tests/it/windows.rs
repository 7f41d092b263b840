//! What only Windows does: files that run or are held can't be replaced but may be renamed, paths longer than the
//! classic limit, command lines that are one text, libraries looked for beside the program.
//!
//! `tests/windows/run.sh` runs this under Wine. `UPDRAFT_TEST_DLL` names a library built from
//! `tests/windows/library.c`.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]
#![expect(unsafe_code, reason = "a library is loaded to see where from")]

use std::fs::{self, OpenOptions};
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use updraft::platform::{self, process};
use updraft::report::{ErrorCode, Failure};
use windows_sys::Win32::Foundation::FreeLibrary;
use windows_sys::Win32::System::LibraryLoader::LoadLibraryW;

use super::host;
use super::install_tree::{self as it, EXEC, Node, Tree, file, tree};
use super::support::world::{Running, World, demo_host, exe, expect, no_window, text, wait_for, write};

/// The library of the test, which says that it is loaded by writing a file.
fn library() -> Vec<u8> {
    let path = std::env::var_os("UPDRAFT_TEST_DLL").expect("UPDRAFT_TEST_DLL names the built library");
    fs::read(path).unwrap()
}

/// A process that has the library at `path` loaded until it is dropped.
fn load(path: &Path, said: &Path) -> Running {
    let mut what = path.as_os_str().to_os_string();
    what.push(",Hold");
    let child = Command::new("rundll32").arg(what).arg(said).spawn().unwrap();
    let running = Running(child);
    wait_for("the library", || said.exists());
    running
}

fn run_on(program: &Path) -> Running {
    let mut command = Command::new(program);
    no_window(&mut command);
    let command = command.args(["--no-check", "--headless", "--linger", "3600"]).stdin(Stdio::null());
    Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// An install of one release, through the library.
struct Bench(TempDir);

impl Bench {
    fn new(first: &Tree) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        write(bench.stub(), "stub");
        fs::create_dir_all(bench.root()).unwrap();
        bench.update(first, 1).unwrap();
        bench
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("My 程序 😀")
    }

    fn stub(&self) -> PathBuf {
        self.0.path().join("stub")
    }

    fn update(&self, tree: &Tree, number: u64) -> Result<(), Failure> {
        let from = tempfile::tempdir_in(self.0.path()).unwrap();
        it::write(from.path(), tree);
        it::update(&self.root(), from.path(), number, &self.stub()).map(drop)
    }

    /// Files that had to be moved aside and are still there.
    fn aside(&self) -> usize {
        fs::read_dir(self.root().join("updater/state/aside")).map(Iterator::count).unwrap_or(0)
    }
}

/// A78: a program that runs and a library that is loaded are renamed away, the new ones take their names, and what was
/// renamed away goes when it can.
#[test]
fn a_running_program_and_a_loaded_library_make_room() {
    let program = fs::read(demo_host()).unwrap();
    let release = |more: &[u8]| -> Tree {
        tree(&[
            ("tools/tool.exe", Node::File([&program, more].concat(), EXEC)),
            ("lib/plugin.dll", Node::File([&library(), more].concat(), EXEC)),
            ("data.txt", file(&format!("{more:?}"))),
        ])
    };
    let bench = Bench::new(&release(b"1"));
    let mut running = run_on(&bench.root().join("tools/tool.exe"));
    let mut loaded = load(&bench.root().join("lib/plugin.dll"), &bench.0.path().join("loaded"));
    bench.update(&release(b"2"), 2).unwrap();
    assert!(it::read(&bench.root()) == release(b"2"), "the new ones have their names");
    for process in [&mut running, &mut loaded] {
        assert!(process.0.try_wait().unwrap().is_none(), "nobody was ended");
    }
    assert_eq!(bench.aside(), 2);
    drop((running, loaded));
    bench.update(&release(b"3"), 3).unwrap();
    assert!(it::read(&bench.root()) == release(b"3"));
    assert_eq!(bench.aside(), 0, "what nobody uses any more goes with the next update");
}

/// Opens a file as a program does that lets others do no more with it than `share` says.
fn hold(path: &Path, share: u32) -> fs::File {
    OpenOptions::new().read(true).share_mode(share).open(path).unwrap()
}

fn small(content: &str) -> Tree {
    tree(&[("a.txt", file(content)), ("data/held.bin", file(content)), ("z.txt", file(content))])
}

/// A78: a file that somebody holds for a moment is waited for, one that may be renamed is moved aside.
#[test]
fn a_file_held_for_a_while_is_waited_for() {
    let bench = Bench::new(&small("1"));
    let held = bench.root().join("data/held.bin");
    for (number, millis) in (2..).zip([50_u64, 400, 1500]) {
        let open = hold(&held, 0);
        let release = small(&number.to_string());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(millis));
                drop(open);
            });
            bench.update(&release, number).unwrap();
        });
        assert_eq!(it::read(&bench.root()), release, "held for {millis} ms");
    }
    // Whoever opens it so lets it be renamed and deleted, but not replaced.
    let open = hold(&held, 7);
    bench.update(&small("shared"), 9).unwrap();
    assert_eq!(it::read(&bench.root()), small("shared"));
    drop(open);
}

/// A73, A78: a file that stays held fails the update by its name, all is as before, and a later try does it. Who lets
/// it be read has the update fail in the middle of the switch, and undone.
#[test]
fn a_file_that_stays_held_fails_the_update_and_undoes_it() {
    let bench = Bench::new(&small("0"));
    for (number, share, how) in [(2, 0, "can't see what is installed"), (4, 1, "was undone")] {
        let (before, after) = (it::read(&bench.root()), small(&number.to_string()));
        let open = hold(&bench.root().join("data/held.bin"), share);
        let failure = bench.update(&after, number).unwrap_err();
        assert_eq!(failure.code, ErrorCode::InUse, "{failure}");
        assert!(failure.message.contains("held.bin") && failure.message.contains(how), "{failure}");
        drop(open);
        assert_eq!(it::read(&bench.root()), before);
        bench.update(&after, number + 1).unwrap();
        assert_eq!(it::read(&bench.root()), after);
    }
}

/// The same through the real programs: the failure has its code, and the old version goes on.
#[test]
fn the_updater_names_a_held_file() {
    let world = World::new();
    write(world.build().join("data/held.bin"), "1");
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    write(world.build().join("data/held.bin"), "2");
    world.publish("2.0", &[]);
    let open = hold(&world.app().join("data/held.bin"), 0);
    let mut update = world.updater();
    update.args(["update", "--no-start"]).env("UPDRAFT_WAIT_FOR_PROGRAM", "1");
    let said = expect(&mut update, 60);
    assert!(said.contains("held.bin") || said.contains("still in use by"), "{said}");
    drop(open);
    assert_eq!(fs::read(world.app().join("data/held.bin")).unwrap(), b"1");
    world.update();
    assert_eq!(fs::read(world.app().join("data/held.bin")).unwrap(), b"2");
}

/// A77: whoever runs a program of the install, or has a library of it loaded, is told by name with the file.
#[test]
fn who_uses_files_of_the_install_is_told() {
    let world = World::new();
    let lay = |more: &[u8]| {
        write(world.build().join("tool.exe"), [&fs::read(demo_host()).unwrap(), more].concat());
        write(world.build().join("lib/plugin.dll"), [&library(), more].concat());
    };
    lay(b"1");
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    lay(b"2");
    world.publish("2.0", &[]);
    let refused = |name: &str, path: &str, using: &str| {
        let mut update = world.updater();
        update.args(["update", "--no-start", "--json"]).env("UPDRAFT_WAIT_FOR_PROGRAM", "1");
        let said = expect(&mut update, 60);
        let waits = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let waits: Vec<Value> = waits.filter(|event| event["event"] == "waiting-for-host").collect();
        let holder = &waits.first().unwrap_or_else(|| panic!("nobody was waited for: {said}"))["holders"][0];
        assert_eq!(
            (&holder["name"], &holder["file"], &holder["use"], &holder["must_end"]),
            (&name.into(), &path.into(), &using.into(), &true.into()),
            "{holder}"
        );
    };
    let running = run_on(&world.app().join("tool.exe"));
    refused("tool", "tool.exe", "program");
    drop(running);
    let loaded = load(&world.app().join("lib/plugin.dll"), &world.path("loaded"));
    refused("rundll32", "lib/plugin.dll", "library");
    drop(loaded);
    world.update();
    assert_eq!(world.record()["receipt"]["number"], 2);
}

/// A84, A110: in a folder with spaces, Chinese and emoji, with files whose paths have more than 260 characters: checked,
/// handed over, updated and started again, with arguments that a command line makes hard. The program itself lies less
/// deep, for Wine starts none that lies deeper.
#[test]
fn a_program_with_files_deep_below_comes_back_as_it_was() {
    let mut deep = PathBuf::from("数据 😀");
    while deep.as_os_str().encode_wide().count() < 280 {
        deep.push("一个 很长的 folder name 😀 that goes on and on");
    }
    let deep = deep.join("file.txt");
    let world = host::world(&[], |world| write(world.build().join(&deep), "2"));
    let folder = world.path("My 程序 😀");
    fs::create_dir_all(&folder).unwrap();
    let app = folder.join("App");
    fs::rename(world.app(), &app).unwrap();
    let work = world.path("work 文件夹");
    fs::create_dir_all(&work).unwrap();
    let args = [
        "--headless",
        "--linger",
        "4",
        "",
        "two words",
        "a \"quoted\" one",
        r"C:\end\",
        r#"x\"y"#,
        "中文 😀",
    ];
    let mut program = process::command(&app.join(exe("demo_host")));
    no_window(&mut program);
    program.env("UPDRAFT_DEMO_TRACE", host::trace_file(&world)).args(args).current_dir(&work);
    let output = program.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    wait_for("version 2", || host::starts(&world).len() == 2);
    let starts = host::starts(&world);
    assert_eq!(starts[1]["version"], "2.0");
    assert_eq!(starts[1]["args"], serde_json::json!(args));
    assert_eq!(starts[1]["folder"], updraft::fsx::canonical(&work).unwrap().to_str().unwrap());
    let record = || fs::read_to_string(app.join("updater/state/installed.json")).unwrap();
    assert_eq!(fs::read(app.join(&deep)).unwrap(), b"2");
    assert!(app.join(&deep).as_os_str().encode_wide().count() > 320);
    wait_for("its word", || record().contains("\"number\": 2") || record().contains("\"number\":2"));
    let said =
        text(&process::command(&app.join("updater").join(exe("updater"))).arg("status").output().unwrap());
    assert!(!said.contains(r"\\?\"), "people see plain paths: {said}");
}

/// A71, A79: the updater was killed in the swap: starting the program ends it and runs the program, a real one.
#[test]
fn a_program_started_in_an_open_swap_ends_it_and_runs() {
    for place in ["interlock.flush", "switch.file", "commit", "entry.file"] {
        let world = host::world(&[], |_| {});
        let killed =
            host::updater(&world).args(["update", "--no-start"]).env("UPDRAFT_CHECKPOINT", place).output();
        assert!(!killed.unwrap().status.success(), "killed at {place}");
        assert!(world.app().join("updater/state/txn/journal").exists(), "{place}");
        let mut program = host::program(&world);
        let status = program.args(["--no-check", "--headless", "--linger", "0"]).status().unwrap();
        assert_eq!(status.code(), Some(0), "{place}");
        let versions: Vec<Value> =
            host::starts(&world).iter().map(|start| start["version"].clone()).collect();
        assert_eq!(versions, ["2.0"], "{place}");
        assert_eq!(world.record()["receipt"]["number"], 2, "{place}");
        assert!(!world.app().join("updater/state/txn/journal").exists(), "{place}");
    }
}

/// A79: a release with a new updater that is no program, or another one, is refused before anything is switched.
#[test]
fn a_new_updater_that_does_not_work_is_not_switched_in() {
    let world = World::new();
    let lay = |bytes: &[u8]| write(world.build().join("updater/updater.exe"), bytes);
    let program = fs::read(env!("CARGO_BIN_EXE_updater")).unwrap();
    lay(&program);
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    let other = fs::read(env!("CARGO_BIN_EXE_updraft")).unwrap();
    let table: [(&str, &[u8], &str); 3] = [
        ("2.0", b"not a program\n", "can't be started"),
        ("2.1", &program[..4096], "can't be started"),
        ("2.2", &other, "it ended with exit code: 64"),
    ];
    for (version, bytes, why) in table {
        lay(bytes);
        world.publish(version, &[]);
        let mut update = world.updater();
        update.args(["update", "--no-start"]).env("UPDRAFT_TRIAL_SECONDS", "5");
        let said = expect(&mut update, 50);
        assert!(said.contains("[release.updater]") && said.contains(why), "{version}: {said}");
        assert!(fs::read(world.app().join("updater/updater.exe")).unwrap() == program, "{version}");
    }
    assert_eq!(world.record()["receipt"]["number"], 1);
}

/// A84: the step with an administrator's rights is asked for as Windows wants it, is told nothing but its name, and does
/// nothing where others could have chosen what it does. Under Wine every file is the person's.
#[test]
fn the_step_for_all_users_stands_only_on_what_is_the_systems() {
    let world = World::new();
    write(world.build().join("app.txt"), "1");
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    write(world.build().join("app.txt"), "2");
    world.publish("2.0", &[]);
    for more in [["--source", "C:"], ["--config", "C:\\x.json"], ["--install", "C:"], ["--wait-pid", "1"]] {
        let said = expect(world.updater().arg("update-for-all").args(more), 64);
        assert!(said.contains("takes nothing from its caller"), "{said}");
    }
    let hostile = ("UPDRAFT_LIMIT", "many");
    expect(world.updater().arg("update").env(hostile.0, hostile.1), 64);
    let said = expect(world.updater().arg("update-for-all").env(hostile.0, hostile.1), 50);
    assert!(said.contains("[disk.permission]") && said.contains("others than the system"), "{said}");
    let updater = world.app().join("updater/updater.exe");
    let asked = |word: &str| process::run_with_rights(&updater, word).unwrap();
    assert_eq!(asked("update-for-all"), Some(50));
    assert_eq!(asked("status"), Some(0), "its own exit code comes back");
    assert!(process::run_with_rights(&world.path("absent.exe"), "status").is_err());
    assert_eq!(fs::read(world.app().join("app.txt")).unwrap(), b"1");
}

/// Libraries come from the system's folder alone, not from beside the program.
#[test]
fn a_library_planted_beside_the_program_is_not_loaded() {
    let name = format!("updraft-planted-{}.dll", std::process::id());
    let beside = std::env::current_exe().unwrap().with_file_name(&name);
    fs::write(&beside, library()).unwrap();
    let wide: Vec<u16> = name.encode_utf16().chain([0]).collect();
    let loads = || {
        // SAFETY: the name ends in zero; the library does nothing when it is loaded, and is let go again.
        unsafe {
            let module = LoadLibraryW(wide.as_ptr());
            !module.is_null() && FreeLibrary(module) != 0
        }
    };
    let before = loads();
    process::harden();
    let after = loads();
    fs::remove_file(&beside).ok();
    assert!(before, "without the rule it is found");
    assert!(!after);
}

/// Whose a file is: what we make is ours, and known.
#[test]
fn a_file_of_ours_has_an_owner() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    write(&path, "x");
    assert!(platform::file::owner(&path).is_some_and(|name| !name.is_empty()));
    assert!(platform::file::is_of_known(&path, &demo_host()));
}

/// The programs say what Windows asks of them without starting them.
#[test]
fn the_programs_have_a_manifest_and_a_version() {
    for program in [env!("CARGO_BIN_EXE_updater"), env!("CARGO_BIN_EXE_updraft")] {
        let bytes = fs::read(program).unwrap();
        let has = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
        for text in ["asInvoker", "longPathAware", "UTF-8</activeCodePage>", "PerMonitorV2"] {
            assert!(has(text.as_bytes()), "{program}: {text}");
        }
        let version: Vec<u8> = "VS_VERSION_INFO".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(has(&version), "{program}");
    }
}
