//! A watched folder, through the real program: what is published by itself, when, and what never is.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test looks at files by itself")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::vendor::{Vendor, noise, ran, updraft};

/// A watch that ends with the test.
struct Watching {
    child: Child,
    lines: Receiver<Value>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Watching {
    fn begin(vendor: &Vendor, more: &[&str]) -> Self {
        let mut command = updraft();
        command.arg("watch").arg(vendor.build()).arg("--to").arg(vendor.repo());
        command.arg("--keys").arg(vendor.keys()).args(["--json", "--fast", "--settle", "1"]).args(more);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (send, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            out.lines()
                .map_while(Result::ok)
                .all(|line| send.send(serde_json::from_str(&line).unwrap()).is_ok())
        });
        Self { child, lines }
    }

    /// The next event of that kind; others before it are passed over, but not a release.
    fn next(&self, event: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(120)).unwrap();
            if line["event"] == event {
                return line;
            }
            assert_ne!(line["event"], "published", "{line}");
        }
    }

    /// Nothing is published for some seconds.
    fn is_quiet(&self, seconds: u64) {
        match self.lines.recv_timeout(Duration::from_secs(seconds)) {
            Err(RecvTimeoutError::Timeout) => {}
            other => panic!("{other:?}"),
        }
    }

    fn end(mut self, signal: &str) {
        let kill = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap();
        assert!(kill.success());
        assert!(self.child.wait().unwrap().success());
    }
}

fn counts(report: &Value) -> (usize, usize, usize) {
    let count = |name: &str| report[name].as_array().unwrap().len();
    (count("changed"), count("added"), count("removed"))
}

/// A02, A03, A04, A11: what changes is published by itself, one release for one burst, by content.
#[test]
fn a_changed_folder_is_published_by_itself_and_an_unchanged_one_is_not() {
    let vendor = Vendor::new();
    vendor.put("app", "one");
    vendor.put("data/a", "aaaa");
    vendor.put("data/b", "bbbb");
    let watch = Watching::begin(&vendor, &[]);
    let first = watch.next("published");
    assert_eq!((first["number"].as_u64(), first["version"].as_str()), (Some(1), Some("1.0.0")));
    vendor.put("app", "two");
    vendor.put("new", "n");
    vendor.remove("data/b");
    let second = watch.next("published");
    assert_eq!((counts(&second), second["version"].as_str()), ((1, 1, 1), Some("1.0.1")));
    // Touched: the same content with another time.
    let later = SystemTime::now() + Duration::from_secs(100);
    for name in ["app", "new", "data/a"] {
        let file = fs::File::options().write(true).open(vendor.build().join(name)).unwrap();
        file.set_modified(later).unwrap();
    }
    watch.is_quiet(4);
    // Other content, the same size and time.
    let path = vendor.build().join("data/a");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "cccc").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    let third = watch.next("published");
    assert_eq!((counts(&third), third["number"].as_u64()), ((1, 0, 0), Some(3)));
    watch.end("-INT");
    assert_eq!(vendor.run_verify().code, 0);
}

/// A11: a copy that takes its time, with pauses longer than the folder needs to settle, is published whole and once.
#[cfg(target_os = "linux")]
#[test]
fn no_half_copied_file_is_ever_published() {
    let vendor = Vendor::new();
    vendor.put("app", "one");
    let watch = Watching::begin(&vendor, &[]);
    watch.next("published");
    let bytes = noise(7, 400_000);
    let mut slow = fs::File::create(vendor.build().join("large")).unwrap();
    for part in bytes.chunks(100_000) {
        slow.write_all(part).unwrap();
        std::thread::sleep(Duration::from_millis(1600));
    }
    drop(slow);
    // A burst of files, each sooner after the last than the folder needs to settle.
    for at in 0..8 {
        vendor.put(&format!("burst/{at}"), noise(at, 5_000));
        std::thread::sleep(Duration::from_millis(250));
    }
    let waited = watch.next("being-written");
    assert!(waited["file"].as_str().unwrap().ends_with("/large"), "{waited}");
    let report = watch.next("published");
    assert_eq!((counts(&report), report["number"].as_u64()), ((0, 9, 0), Some(2)));
    watch.is_quiet(3);
    let manifest = vendor.manifest(2);
    let large = manifest.regular().find(|file| file.path.as_str() == "large").unwrap();
    assert_eq!(large.sha256, updraft::release::Digest::of(&bytes));
    watch.end("-TERM");
}

/// Looking again and again finds what the system does not tell of.
#[test]
fn a_folder_can_be_polled_and_its_version_be_read_from_a_file() {
    let vendor = Vendor::new();
    vendor.put("VERSION", "3.1\n");
    vendor.put("app", "one");
    vendor.put("x.log", "left out");
    let watch =
        Watching::begin(&vendor, &["--poll", "0.5", "--version", "file:VERSION", "--exclude", "*.log"]);
    assert_eq!(watch.next("watching")["poll_seconds"].as_f64(), Some(0.5));
    assert_eq!(watch.next("published")["version"], "3.1");
    vendor.put("x.log", "more of it");
    watch.is_quiet(3);
    // A version that was used is said once, and published once it is another.
    vendor.put("app", "two");
    let refused = watch.next("failed");
    assert!(refused["message"].as_str().unwrap().contains("3.1 was already published"), "{refused}");
    vendor.put("VERSION", "3.2\n");
    let report = watch.next("published");
    assert_eq!((report["version"].as_str(), counts(&report)), (Some("3.2"), (2, 0, 0)));
    watch.end("-INT");
}

/// Whatever goes wrong is said once; the watch goes on, and publishes when it is right again.
#[test]
fn a_watch_outlives_what_goes_wrong() {
    let vendor = Vendor::new();
    vendor.put("app", "one");
    let away = |from: &Path, to: &Path| fs::rename(from, to).unwrap();
    let (keys, build) = (vendor.keys(), vendor.build());
    away(&keys, &vendor.path("keys.away"));
    let watch = Watching::begin(&vendor, &[]);
    let failed = watch.next("failed");
    assert!(failed["message"].as_str().unwrap().contains("keys"), "{failed}");
    // Tried again meanwhile, and not said again.
    watch.is_quiet(6);
    away(&vendor.path("keys.away"), &keys);
    watch.next("mended");
    assert_eq!(watch.next("published")["number"], 1);
    away(&build, &vendor.path("build.away"));
    let gone = watch.next("failed");
    assert!(gone["message"].as_str().unwrap().contains("is not a folder"), "{gone}");
    fs::write(vendor.path("build.away/app"), "two").unwrap();
    away(&vendor.path("build.away"), &build);
    watch.next("mended");
    assert_eq!(watch.next("published")["number"], 2);
    // The new folder of that name is watched as the old one was.
    vendor.put("app", "three");
    assert_eq!(watch.next("published")["number"], 3);
    watch.end("-INT");
}

#[test]
fn what_can_not_be_watched_is_said_at_once() {
    let vendor = Vendor::bare();
    let run = |more: &[&str]| {
        let mut command = updraft();
        command.arg("watch").arg(vendor.build()).arg("--to").arg(vendor.repo()).args(more);
        ran(command.output().unwrap())
    };
    let none = run(&[]);
    assert_eq!(none.code, 50, "{}{}", none.out, none.err);
    assert!(none.err.contains("is not a repository") && none.err.contains("updraft init"), "{}", none.err);
    for more in [["--settle", "0"], ["--poll", "x"], ["--version", "minor"], ["--version", "file:../x"]] {
        assert_eq!(run(&more).code, 64, "{more:?}");
    }
}
