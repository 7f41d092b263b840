//! Who uses the files of an install: named, asked, waited for, put off; never killed.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use updraft::engine::{self, Asking, Outcome, Setup};
use updraft::install::Install;
use updraft::report::{Answer, Control, Event, Step, parse_line};
use updraft::settings::{Fragment, Settings};

use super::support::rights::{as_nobody, open_way};
use super::support::world::{Running, World, expect, text, tree, wait_for, write};

/// An install of release 1 with a program `helper` that sleeps, and release 2 published.
fn world() -> World {
    let world = World::new();
    write(world.build().join("version.txt"), "1.0");
    fs::copy("/bin/sleep", world.build().join("helper")).unwrap();
    write(world.build().join("readme.txt"), "read me");
    world.publish("1.0", &["--start", "helper"]);
    world.lay_updater();
    world.update();
    write(world.build().join("version.txt"), "2.0");
    write(world.build().join("readme.txt"), "read me again");
    world.publish("2.0", &["--start", "helper"]);
    world
}

fn quiet(command: &mut Command) -> Running {
    Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

fn helper(world: &World) -> Running {
    let running = quiet(Command::new(world.app().join("helper")).arg("3600"));
    wait_for("the helper", || runs_from(running.0.id(), &world.app()));
    running
}

fn runs_from(pid: u32, folder: &Path) -> bool {
    let folder = folder.canonicalize().unwrap();
    fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.starts_with(folder))
}

fn steps(said: &str) -> Vec<Step> {
    let read = |line| match parse_line(line) {
        Some(Event::Step(step)) => Some(step),
        _ => None,
    };
    said.lines().filter_map(read).collect()
}

fn events(world: &World) -> String {
    fs::read_to_string(world.app().join("updater/state/events.jsonl")).unwrap_or_default()
}

/// A76, A77: another program of the install runs: it is named with its process in text and JSON, nothing is
/// changed while it runs, who only reads a file or works in the folder is named but not waited for, and the update
/// goes on by itself when it is gone.
#[test]
fn a_running_helper_is_named_and_waited_for() {
    let world = world();
    let running = helper(&world);
    let reader = quiet(
        Command::new("sh").args(["-c", "exec 3< readme.txt; exec sleep 3600"]).current_dir(world.app()),
    );
    wait_for("the reader", || fs::read_link(format!("/proc/{}/fd/3", reader.0.id())).is_ok());
    let before = tree(&world.app());
    let said = expect(world.updater().args(["update"]).env("UPDRAFT_WAIT_FOR_PROGRAM", "1"), 60);
    let named = format!("helper (process {})", running.0.id());
    assert!(said.contains(&format!("Waiting for these to close: {named}.")), "{said}");
    assert!(said.contains(&format!("still in use by {named}; nothing was changed [busy.program]")), "{said}");
    assert_eq!(tree(&world.app()), before);
    fs::remove_file(world.app().join("updater/state/events.jsonl")).unwrap();
    let child =
        world.updater().args(["update", "--json", "--no-start"]).stdout(Stdio::piped()).spawn().unwrap();
    wait_for("the wait", || events(&world).contains("waiting-for-host"));
    drop(running);
    let output = child.wait_with_output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"2.0");
    let waited = steps(&said).into_iter().find_map(|step| match step {
        Step::WaitingForHost { holders, .. } => Some(holders),
        _ => None,
    });
    let holders = serde_json::to_value(waited.unwrap()).unwrap();
    assert_eq!(
        (&holders[0]["name"], &holders[0]["use"], &holders[0]["file"], &holders[0]["must_end"]),
        (&"helper".into(), &"program".into(), &"helper".into(), &true.into())
    );
    let other = holders.as_array().unwrap().iter().find(|other| other["pid"] == reader.0.id()).unwrap();
    assert_eq!(
        (&other["use"], &other["file"], &other["must_end"], &other["own"]),
        (&"file".into(), &"readme.txt".into(), &false.into(), &true.into())
    );
}

/// A77: a program of the user's own in the folder, which no release lists, need not end; nor does a program whose
/// mapped file is only data.
#[test]
fn a_program_no_release_lists_may_run_on() {
    let world = world();
    fs::copy("/bin/sleep", world.app().join("mine")).unwrap();
    let mine = quiet(Command::new(world.app().join("mine")).arg("3600"));
    wait_for("it", || runs_from(mine.0.id(), &world.app()));
    world.update();
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"2.0");
    assert!(world.app().join("mine").exists());
}

/// A77: only with consent is anyone asked to close; one that is the person's own goes, and the update goes on.
#[test]
fn with_consent_the_persons_own_programs_are_asked_to_close() {
    let world = world();
    let mut running = helper(&world);
    expect(world.updater().args(["update"]).env("UPDRAFT_WAIT_FOR_PROGRAM", "1"), 60);
    assert!(running.0.try_wait().unwrap().is_none(), "without consent nobody is asked");
    let said = expect(world.updater().args(["update", "--no-start", "--close-program"]), 0);
    assert!(said.contains(&format!("Asked helper (process {}) to close.", running.0.id())), "{said}");
    let status = running.0.wait().unwrap();
    use std::os::unix::process::ExitStatusExt as _;
    assert_eq!(status.signal(), Some(15), "asked, not killed");
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"2.0");
}

/// A77: a program that another user runs is named with that user, waited for, and never asked, be the updater root.
#[test]
fn another_users_program_is_named_and_never_asked() {
    let world = world();
    open_way(&world.app().join("helper"));
    let Some(mut command) = as_nobody(&world.app().join("helper")) else { return };
    let mut running = quiet(command.arg("3600"));
    wait_for("the helper", || runs_from(running.0.id(), &world.app()));
    let said =
        expect(world.updater().args(["update", "--close-program"]).env("UPDRAFT_WAIT_FOR_PROGRAM", "1"), 60);
    let named = format!("helper (process {}, run by nobody)", running.0.id());
    assert!(said.contains(&format!("still in use by {named}")), "{said}");
    assert!(said.contains("belongs to another user and is not asked to close"), "{said}");
    assert!(running.0.try_wait().unwrap().is_none(), "it still runs");
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"1.0");
}

/// A77: of another user's process the system shows little: a program that was started by its full path is named all
/// the same, by its process and user.
#[test]
fn a_user_without_rights_sees_who_runs_the_program() {
    let world = world();
    open_way(&world.app().join("updater/updater"));
    let Some(mut status) = as_nobody(&world.app().join("updater/updater")) else { return };
    let running = helper(&world);
    let said = expect(status.args(["status", "--json"]), 0);
    let status: Value = serde_json::from_str(said.trim()).unwrap();
    let user = &status["in_use"][0];
    assert_eq!(
        (&user["pid"], &user["name"], &user["user"], &user["own"], &user["must_end"]),
        (&running.0.id().into(), &"helper".into(), &"root".into(), &false.into(), &true.into()),
        "{status}"
    );
}

/// A person who puts an update off is not asked again at the next start, but once: the update is done.
#[test]
fn who_put_an_update_off_is_not_asked_again() {
    let world = world();
    let running = helper(&world);
    let setup = person(&world);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = |control: &Control, events: &(dyn Fn(Event) + Sync)| {
        let limit = Duration::from_secs(60);
        runtime.block_on(async {
            tokio::time::timeout(limit, engine::run(&setup, control, events))
                .await
                .expect("no question is left")
        })
    };
    let control = Control::new();
    let outcome = run(&control, &|event| match event {
        Event::Step(Step::Offered(_)) => control.answer(Answer::Update),
        Event::Step(Step::WaitingForHost { .. }) => control.answer(Answer::Defer),
        _ => {}
    });
    assert!(matches!(&outcome, Outcome::Deferred(release) if release.number.0 == 2), "{outcome:?}");
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"1.0");
    drop(running);
    let outcome = run(&Control::new(), &|_event| {});
    assert!(matches!(outcome, Outcome::Installed(_)), "{outcome:?}");
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"2.0");
}

/// An update before a person.
fn person(world: &World) -> Setup {
    let folder = world.app().join("updater");
    let (settings, _) = Settings::load(&folder.join("updater.json"), Fragment::default()).unwrap();
    let install = Install::at(world.app().canonicalize().unwrap(), "updater".parse().unwrap());
    let told = settings.setup(install, folder.join("updater")).unwrap();
    Setup { asking: Asking::Person, ..told }
}

/// An update of an install in use can be put off: nothing is changed, what was fetched stays, and the next start
/// needs nothing of it again.
#[test]
fn an_update_put_off_is_done_at_the_next_start() {
    let world = world();
    let running = helper(&world);
    let before = tree(&world.app());
    let output = world
        .updater()
        .args(["update", "--json"])
        .env("UPDRAFT_WAIT_FOR_PROGRAM", "1")
        .env("UPDRAFT_IN_USE", "defer")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(60), "{}", text(&output));
    let last = steps(&text(&output)).pop();
    assert!(matches!(&last, Some(Step::Deferred { release }) if release.number.0 == 2), "{last:?}");
    assert_eq!(tree(&world.app()), before);
    let put_off = world.app().join("updater/state/deferred.json");
    let kept: Value = serde_json::from_slice(&fs::read(&put_off).unwrap()).unwrap();
    assert_eq!(kept["number"], 2);
    drop(running);
    // Without the objects of the repository it still works: all of them are here.
    fs::remove_dir_all(world.repo().join("objects")).unwrap();
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));
    assert!(!put_off.exists());
}

/// A82: a person goes back from the window: also when a version was agreed to before, which is then asked about again.
/// Whoever reads that it is done keeps no other updater waiting.
#[test]
fn a_person_goes_back_where_there_is_nothing_new() {
    let world = world();
    world.update();
    let setup = person(&world);
    let put_off = world.app().join("updater/state/deferred.json");
    fs::write(&put_off, "{}").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let control = Control::new();
    let is_free = std::sync::atomic::AtomicBool::new(false);
    let outcome = runtime.block_on(engine::run(&setup, &control, &|event| match event {
        Event::Step(Step::UpToDate { .. }) => {
            control.answer(Answer::Hold);
            control.answer(Answer::GoBack);
        }
        Event::Step(Step::RolledBack { .. }) => {
            is_free.store(setup.install.lock("look").is_ok(), std::sync::atomic::Ordering::SeqCst);
            control.answer(Answer::Quit);
        }
        _ => {}
    }));
    assert!(matches!(&outcome, Outcome::RolledBack { to, .. } if to.number.0 == 1), "{outcome:?}");
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"1.0");
    assert!(is_free.into_inner() && !put_off.exists());
    assert_eq!(world.record()["skip"], "2.0");
}
