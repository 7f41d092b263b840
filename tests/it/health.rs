//! The life of a new version after the swap: it shows that it is well, or the version before comes back.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::support::world::{Running, World, demo_host, expect, text, tree, wait_for, write};

/// The real demonstration program: release 1 is installed and well, release 2 behaves as `behave.txt` says.
struct Patient {
    world: World,
}

impl Patient {
    fn new(behaviour: &str, health: &[&str]) -> Self {
        let patient = Self { world: World::new() };
        patient.publish("1.0", "", &["--health-seconds", "2"]);
        patient.world.lay_updater();
        patient.world.update();
        expect(patient.updater().arg("confirm"), 0);
        patient.publish("2.0", behaviour, health);
        patient
    }

    fn publish(&self, version: &str, behaviour: &str, more: &[&str]) {
        let build = self.world.build();
        fs::create_dir_all(&build).unwrap();
        fs::copy(demo_host(), build.join("demo_host")).unwrap();
        write(build.join("version.txt"), version);
        write(build.join("behave.txt"), behaviour);
        self.world.publish(version, &[&["--start", "demo_host"], more].concat());
    }

    fn trace(&self) -> String {
        self.world.path("starts.jsonl").to_str().unwrap().to_owned()
    }

    /// The versions that were started, in order.
    fn starts(&self) -> Vec<String> {
        let lines = fs::read_to_string(self.trace()).unwrap_or_default();
        let versions = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        versions.map(|line| line["version"].as_str().unwrap().to_owned()).collect()
    }

    fn pid_of_last_start(&self) -> String {
        let lines = fs::read_to_string(self.trace()).unwrap();
        let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        last["pid"].to_string()
    }

    fn updater(&self) -> Command {
        let mut command = self.world.updater();
        command.env("UPDRAFT_DEMO_TRACE", self.trace());
        command
    }

    /// The updater as a double-click starts it, on a machine without a screen.
    fn start_updater(&self) -> Command {
        let mut command = self.updater();
        command.arg("--").args(ARGS);
        command
    }

    /// The updater as a program starts it that hands over.
    fn update(&self, code: i32) -> String {
        expect(
            self.updater().args(["--headless", "--wait-pid", "1", "--wait-started", "1", "--"]).args(ARGS),
            code,
        )
    }

    /// The program, started by a person and not by the updater.
    fn program(&self) -> Command {
        let mut command = Command::new(self.world.app().join("demo_host"));
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("UPDRAFT_CONFIRM");
        command.env_remove("UPDRAFT_ASKED").env("UPDRAFT_DEMO_TRACE", self.trace());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn version(&self) -> String {
        fs::read_to_string(self.world.app().join("version.txt")).unwrap()
    }

    fn unconfirmed_starts(&self) -> Value {
        self.world.record()["unconfirmed"]["starts"].clone()
    }

    fn is_confirmed(&self) -> bool {
        self.world.record()["unconfirmed"].is_null()
    }
}

const ARGS: [&str; 3] = ["--no-check", "--linger", "1"];

/// A83: a version that ends at once is started three times, then taken back, and the person is told why. It is
/// not offered again, by hand neither, but a check says why; a newer release is.
#[test]
fn a_version_that_ends_at_once_is_taken_back_and_kept_away() {
    let patient = Patient::new("crash", &["--health-seconds", "2"]);
    let before = tree(&patient.world.app());
    let said = patient.update(70);
    assert!(said.contains("start 2 of 3") && said.contains("it ended too early"), "{said}");
    assert_eq!(tree(&patient.world.app()), before);
    wait_for("the old version", || patient.starts().len() == 4);
    assert_eq!(patient.starts(), ["2.0", "2.0", "2.0", "1.0"]);

    for by_hand in [&[][..], &["--by-hand"]] {
        let said = expect(patient.updater().arg("check").args(by_hand), 0);
        assert!(said.contains("2.0 (r2) is newer, but it does not work on this machine"), "{said}");
    }
    let said: Value =
        serde_json::from_str(expect(patient.updater().args(["check", "--json"]), 0).trim()).unwrap();
    assert_eq!((&said["status"], &said["quarantined"]["version"]), (&json!("up-to-date"), &json!("2.0")));
    let said = patient.update(0);
    assert!(said.contains("does not work on this machine"), "{said}");
    assert_eq!(patient.version(), "1.0");

    patient.publish("2.1", "", &["--health-seconds", "2"]);
    expect(patient.updater().arg("check"), 10);
    patient.update(0);
    assert_eq!(patient.version(), "2.1");
    assert!(patient.is_confirmed());
}

/// A83: the ways of being well or not. Health is to stay alive for some seconds, or to say so within them.
#[test]
fn sick_versions_are_taken_back_and_sound_ones_stay() {
    // How it behaves, whether it has to say that it is well, in how many seconds, and what stands in the end.
    let table: [(&str, bool, &str, &str); 7] = [
        ("", false, "1", "2.0"),
        ("", true, "60", "2.0"),
        ("crash-after 1", false, "60", "1.0"),
        ("hang", true, "2", "1.0"),
        ("exit", false, "60", "2.0"),
        ("exit", true, "2", "1.0"),
        ("confirm-then-crash", true, "60", "2.0"),
    ];
    std::thread::scope(|scope| {
        for (behaviour, says, seconds, stands) in table {
            scope.spawn(move || lives_or_not(behaviour, says, seconds, stands));
        }
    });
}

fn lives_or_not(behaviour: &str, says: bool, seconds: &str, stands: &str) {
    let says = format!("--confirm-health={says}");
    let patient = Patient::new(behaviour, &["--health-seconds", seconds, &says]);
    let said = patient.update(if stands == "1.0" { 70 } else { 0 });
    let place = format!("{behaviour:?} with {seconds} {says}: {said}");
    assert_eq!(patient.version(), stands, "{place}");
    assert!(patient.is_confirmed(), "{place}");
    let bad = patient.world.record()["quarantine"].as_array().unwrap().len();
    assert_eq!(bad, usize::from(stands == "1.0"), "{place}");
    if stands == "1.0" {
        wait_for("the old version", || patient.starts().last().is_some_and(|version| version == "1.0"));
    }
    // What came later is none of the updater's business.
    expect(patient.updater().args(["update", "--no-start"]), 0);
    assert_eq!(patient.version(), stands, "{place}");
}

/// A83: a version whose program can't even be started is taken back.
#[test]
fn a_version_that_can_not_be_started_is_taken_back() {
    let patient = Patient::new("", &[]);
    let program = patient.world.build().join("demo_host");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o644)).unwrap();
    patient.world.publish("3.0", &["--start", "demo_host"]);
    let said = patient.update(70);
    assert!(said.contains("can't start"), "{said}");
    assert_eq!(patient.version(), "1.0");
}

/// A83: the updater is killed while it watches, again and again. Each start was written down before it happened;
/// after the last the version before comes back, with the repository gone.
#[test]
fn starts_are_counted_across_killed_updaters() {
    let patient = Patient::new("hang", &["--health-seconds", "3600", "--confirm-health"]);
    for count in 1..=3 {
        let mut updater = Running(patient.start_updater().stdout(Stdio::null()).spawn().unwrap());
        wait_for("the start", || patient.starts().len() == count);
        assert_eq!(patient.unconfirmed_starts(), count);
        updater.0.kill().unwrap();
        updater.0.wait().unwrap();
        expect(Command::new("kill").args(["-9", &patient.pid_of_last_start()]), 0);
        assert_eq!(patient.version(), "2.0");
    }
    fs::rename(patient.world.repo(), patient.world.path("away")).unwrap();
    let said = expect(&mut patient.start_updater(), 70);
    assert!(said.contains("started 3 times and never showed"), "{said}");
    assert_eq!(patient.version(), "1.0");
    wait_for("the old version", || patient.starts().last().is_some_and(|version| version == "1.0"));
    assert_eq!(patient.starts().len(), 4, "the sick version is not started a fourth time");
}

/// A83: an unproven version is watched although the server is gone.
#[test]
fn an_unproven_version_is_watched_without_a_server() {
    let patient = Patient::new("crash", &["--health-seconds", "2"]);
    patient.world.update();
    fs::rename(patient.world.repo(), patient.world.path("away")).unwrap();
    let output = patient.start_updater().env("UPDRAFT_CHECK_TIMEOUT", "1").output().unwrap();
    assert!(text(&output).contains("2.0 did not live"), "{}", text(&output));
    assert_eq!(patient.version(), "1.0");
}

/// A83: a version that must say that it is well, started by hand and not by the updater: its own first call to
/// the library counts, and after too many starts leads back to the version before.
#[test]
fn starts_by_hand_are_counted_by_the_library() {
    let patient = Patient::new("ask-then-crash", &["--health-seconds", "2", "--confirm-health"]);
    patient.world.update();
    for count in 1..=3 {
        assert_eq!(patient.program().status().unwrap().code(), Some(3));
        assert_eq!(patient.unconfirmed_starts(), count);
    }
    assert_eq!(patient.program().arg("--headless").status().unwrap().code(), Some(0), "it hands over");
    wait_for("the old version", || patient.starts().last().is_some_and(|version| version == "1.0"));
    assert_eq!(patient.version(), "1.0");
}

/// A version started by hand that says that it is well, or lives long enough where that is the rule, counts as
/// well from then on.
#[test]
fn a_sound_version_started_by_hand_is_confirmed() {
    for (health, args) in [
        (&["--confirm-health"][..], &["--no-check", "--linger", "0"][..]),
        (&["--health-seconds", "1"], &["--linger", "30"]),
    ] {
        let patient = Patient::new("", health);
        patient.world.update();
        assert!(!patient.is_confirmed());
        let _running = Running(patient.program().args(args).spawn().unwrap());
        wait_for("the word", || patient.is_confirmed());
        assert_eq!(patient.version(), "2.0");
    }
}

/// `updater confirm`, for programs that do not take the library in: text, JSON and exit codes.
#[test]
fn any_program_can_confirm() {
    let patient = Patient::new("", &["--confirm-health"]);
    patient.world.update();
    let said = expect(patient.updater().arg("status"), 0);
    assert!(said.contains("has not shown yet that it is well"), "{said}");
    assert!(expect(patient.updater().arg("confirm"), 0).contains("Confirmed: 2.0 is well."));
    assert!(patient.is_confirmed());
    let json = |command: &mut Command| -> Value { serde_json::from_str(expect(command, 0).trim()).unwrap() };
    let said = json(patient.updater().args(["confirm", "--json"]));
    assert_eq!((&said["status"], &said["installed"]["number"]), (&json!("nothing-to-confirm"), &json!(2)));
    assert_eq!(json(patient.updater().args(["status", "--json"]))["unconfirmed_starts"], Value::Null);
    let mut stray = Command::new(env!("CARGO_BIN_EXE_updater"));
    assert!(expect(stray.arg("confirm"), 64).contains("[config]"));
}

/// The word by which the version before was confirmed does not count for the next one.
#[test]
fn an_old_word_does_not_count() {
    let patient = Patient::new("", &["--confirm-health", "--health-seconds", "2"]);
    patient.update(0);
    assert!(patient.is_confirmed());
    patient.publish("3.0", "exit", &[]);
    patient.world.update();
    assert!(!patient.is_confirmed());
    assert!(!patient.world.app().join("updater/state/confirmed").exists());
    patient.update(70);
    assert_eq!(patient.version(), "2.0");
}

/// A83: a version that is not well and can't be taken back, because what was kept of the old one is damaged, bars the
/// way to the next release no more than the first one did.
#[test]
fn a_rollback_that_can_not_be_done_does_not_bar_the_next_release() {
    let patient = Patient::new("crash", &["--health-seconds", "2"]);
    patient.world.update();
    let record = patient.world.app().join("updater/state/installed.json");
    let mut changed = patient.world.record();
    changed["unconfirmed"]["starts"] = json!(3);
    write(&record, changed.to_string());
    for entry in fs::read_dir(patient.world.app().join("updater/state/prev/old")).unwrap() {
        write(entry.unwrap().path(), "damaged");
    }
    patient.publish("3.0", "", &[]);
    let said = patient.world.update();
    assert!(said.contains("can't be brought back"), "{said}");
    assert_eq!(patient.version(), "3.0");
}

/// A76, A83: a launcher that has ended is not all of a version: what it started is waited for before files are
/// switched back.
#[test]
fn what_a_launcher_started_is_waited_for_before_the_version_is_taken_back() {
    let patient = Patient::new("", &[]);
    let world = &patient.world;
    write(world.build().join("helper"), fs::read("/bin/sleep").unwrap());
    let pid = world.path("helper.pid");
    let script = format!(
        "#!/bin/sh\n\"$(dirname \"$0\")/helper\" 300 >/dev/null 2>&1 &\necho $! > '{}'\n",
        pid.display()
    );
    write(world.build().join("launch"), script);
    for name in ["helper", "launch"] {
        fs::set_permissions(world.build().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    world.publish("3.0", &["--start", "launch", "--health-seconds", "1", "--confirm-health"]);
    let words = ["--headless", "--wait-pid", "1", "--wait-started", "1"];
    let output = patient.updater().args(words).env("UPDRAFT_WAIT_FOR_PROGRAM", "1").output().unwrap();
    let pid = fs::read_to_string(pid).unwrap();
    expect(Command::new("kill").arg(pid.trim()), 0);
    assert_eq!(output.status.code(), Some(60), "{}", text(&output));
    assert!(text(&output).contains(&format!("helper (process {}", pid.trim())), "{}", text(&output));
    assert!(world.app().join("launch").exists(), "nothing was switched under it");
}
