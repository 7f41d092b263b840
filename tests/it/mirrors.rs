//! Where an install finds its releases: mirrors its publisher signed, and folders with all their quirks.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use super::support::fault_server::FaultServer;
use super::support::world::{Running, World, expect, free_port, tree, updraft, wait_for, write};
use super::vendor::noise;

fn mirror(world: &World, what: &str, url: &str) -> Command {
    let mut command = updraft();
    command.args(["mirror", what]).arg(world.repo()).arg(url).arg("--keys").arg(world.keys());
    command
}

/// What `updater config` says of the sources in use.
fn used(world: &World, more: &[&str]) -> Vec<(String, String)> {
    let said = expect(world.updater().args(["config", "--json"]).args(more), 0);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let one = |source: &serde_json::Value| (text(&source["source"]), text(&source["named_by"]));
    said["used_sources"].as_array().unwrap().iter().map(one).collect()
}

fn world_with(files: &[(&str, Vec<u8>)]) -> World {
    let world = World::new();
    for (path, content) in files {
        write(world.build().join(path), content);
    }
    world.publish("1.0", &[]);
    world
}

/// A52 in part: a mirror that the publisher signed takes over when the source in the settings is gone; a setting
/// turns that off.
#[test]
fn a_signed_mirror_takes_over_when_the_own_source_is_gone() {
    let mut world = world_with(&[("a", b"1".to_vec())]);
    let server = world.serve(None);
    let other = FaultServer::serve_folder(&world.path("www"));
    let address = format!("{}/App", other.url());
    let said = expect(&mut mirror(&world, "add", &format!("{address}/")), 0);
    assert!(said.contains(&address), "{said}");
    assert_eq!(expect(updraft().args(["mirror", "list"]).arg(world.repo()), 0).trim(), address);
    expect(updraft().arg("verify").arg(world.repo()), 0);
    world.lay_updater();
    let ours = (format!("http://{}", world.source), "file".to_owned());
    assert_eq!(used(&world, &[]), vec![ours.clone()], "a new install knows only its settings");
    world.update();
    assert_eq!(other.requests().len(), 0, "who is well is not left");
    let theirs = (address.clone(), "publisher".to_owned());
    assert_eq!(used(&world, &[]), [ours.clone(), theirs]);
    let shown = expect(world.updater().arg("config"), 0);
    assert!(shown.contains(&address) && shown.contains("publisher"), "{shown}");

    write(world.build().join("a"), "2");
    world.publish("2.0", &[]);
    drop(server);
    let mut without = world.updater();
    without.env("UPDRAFT_SIGNED_MIRRORS", "false").args(["check", "--timeout", "1"]);
    expect(&mut without, 30);
    assert_eq!(other.requests().len(), 0);
    let said = expect(world.updater().args(["update", "--no-start", "--json"]), 0);
    let line = format!("{{\"event\":\"source-used\",\"source\":\"{address}\"}}");
    assert!(said.contains(&line), "{said}");
    assert_eq!(tree(&world.app()), tree(&world.build()));

    // Taken out of the list, it is forgotten with the next check.
    expect(&mut mirror(&world, "remove", &address), 0);
    expect(world.updater().arg("check"), 0);
    assert_eq!(used(&world, &[]), [ours]);
}

/// A publish, a renewal and a change of the list keep it; a place named by a folder or a bundle is never left for
/// the network unless the settings say so, and one named by https never for plain http.
#[test]
fn mirrors_never_lead_where_nobody_wanted_to_go() {
    let world = world_with(&[("a", b"1".to_vec())]);
    for url in ["http://plain.invalid/App", "https://safe.invalid/App"] {
        expect(&mut mirror(&world, "add", url), 0);
    }
    let said = expect(&mut mirror(&world, "add", "https://safe.invalid:443/App/"), 0);
    assert!(said.contains("nothing was signed"), "{said}");
    for bad in ["/srv/repo", "https://me:x@h/App", "ftp://h/App"] {
        expect(&mut mirror(&world, "add", bad), 64);
    }
    expect(&mut mirror(&world, "remove", "https://other.invalid"), 64);
    write(world.build().join("a"), "2");
    world.publish("2.0", &[]);
    expect(updraft().arg("renew").arg(world.repo()).arg("--keys").arg(world.keys()), 0);
    world.lay_updater();
    world.update();
    let names = |more: &[&str]| used(&world, more).into_iter().map(|(source, _)| source).collect::<Vec<_>>();
    let folder = world.source.as_str();
    assert_eq!(names(&[]), [folder]);
    let lan = "http://lan.invalid";
    assert_eq!(names(&["--source", lan]), [lan, "http://plain.invalid/App", "https://safe.invalid/App"]);
    let safe = "https://own.invalid";
    assert_eq!(names(&["--source", safe]), [safe, "https://safe.invalid/App"]);
    assert_eq!(names(&["--source", folder, "--source", safe]), [folder, safe, "https://safe.invalid/App"]);
    let config = world.app().join("updater/updater.json");
    let text = fs::read_to_string(&config).unwrap().replacen('{', "{\"signed_mirrors\": true,", 1);
    write(&config, text);
    assert_eq!(names(&[]), [folder, "http://plain.invalid/App", "https://safe.invalid/App"]);
}

/// A84 in part: a repository in a folder with any name, and one that nobody may write to, by path and by URL.
#[test]
fn a_folder_with_any_name_is_a_source() {
    let world = world_with(&[("a", b"1".to_vec()), ("空/b", noise(1, 100_000))]);
    let share = world.path("共享 100%20#?\u{1f600}").join("read only");
    copy(&world.repo(), &share);
    let bits = |mode| {
        for entry in walkdir::WalkDir::new(&share).contents_first(true) {
            let entry = entry.unwrap();
            let mode = if entry.file_type().is_dir() { mode | 0o111 } else { mode };
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    bits(0o444);
    let before = super::vendor::files(&share);
    let url = url::Url::from_file_path(&share).unwrap().to_string();
    for (at, source) in [share.to_str().unwrap(), &url].into_iter().enumerate() {
        fs::remove_dir_all(world.app()).ok();
        world.lay_updater();
        expect(world.updater().args(["update", "--no-start", "--source", source]), 0);
        assert_eq!(tree(&world.app()), tree(&world.build()), "{at}");
    }
    assert_eq!(super::vendor::files(&share), before);
    bits(0o755);
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in super::vendor::files(from) {
        write(to.join(name), bytes);
    }
}

/// A place that is no repository, is not mounted, or has a name of another system: one sentence, and no hang.
#[test]
fn a_folder_that_is_no_repository_is_named_as_such() {
    let world = world_with(&[("a", b"1".to_vec())]);
    world.lay_updater();
    write(world.path("other/file"), "x");
    let pipe = world.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let text = |name: &str| world.path(name).to_str().unwrap().to_owned();
    for (source, code, sentence) in [
        (text("other"), 30, "there is no repository in this folder"),
        (text("pipe"), 30, "there is no repository in this folder"),
        (text("gone"), 30, "No such file or directory"),
        ("\\\\server\\share\\App".to_owned(), 64, "the folder it is mounted at"),
        ("file://server/share/App".to_owned(), 64, "the folder it is mounted at"),
        ("C:\\repo".to_owned(), 64, "there are no drives"),
        ("./nowhere".to_owned(), 64, "is named by its whole path"),
    ] {
        let said = expect(world.updater().args(["check", "--timeout", "1", "--source", &source]), code);
        assert!(said.contains(sentence), "{source}: {said}");
    }
}

/// What a folder hands out lies in it: a link that leads out is as good as missing, and a pipe in a file's place
/// holds nobody up. A link within the folder, and a link to the folder itself, are followed.
#[test]
fn links_that_lead_out_of_a_folder_are_not_followed() {
    let world = world_with(&[("a", noise(1, 1000))]);
    let object =
        super::vendor::files(&world.repo()).into_keys().find(|name| name.starts_with("objects/")).unwrap();
    let object = world.repo().join(object);
    let door = world.path("door");
    symlink(world.repo(), &door).unwrap();
    let inside = object.with_extension("real");
    fs::rename(&object, &inside).unwrap();
    symlink(&inside, &object).unwrap();
    world.lay_updater();
    expect(world.updater().args(["update", "--no-start", "--source"]).arg(&door), 0);
    let outside = world.path("outside");
    fs::rename(&inside, &outside).unwrap();
    fs::remove_file(&object).unwrap();
    symlink(&outside, &object).unwrap();
    write(world.app().join("a"), "damaged");
    let said = expect(world.updater().args(["repair", "--no-start"]), 30);
    assert!(said.contains("network.missing"), "{said}");
    fs::remove_file(&object).unwrap();
    assert!(Command::new("mkfifo").arg(&object).status().unwrap().success());
    let said = expect(world.updater().args(["repair", "--no-start"]), 30);
    assert!(said.contains("network.missing"), "{said}");
    assert_eq!(fs::read(world.app().join("a")).unwrap(), b"damaged");
}

/// A43, A44 for shares and sticks: a folder or a bundle that goes away in the middle of a transfer is waited for,
/// also when the empty folder it was mounted at is left; what was fetched is not fetched again.
#[test]
fn a_share_that_goes_and_comes_back_is_waited_for() {
    let files: Vec<(String, Vec<u8>)> = (0..12).map(|at| (format!("f{at}"), noise(at, 200_000))).collect();
    let files: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    // Objects of their own: a single pack that is open stays readable after its folder has gone.
    let world = World::new();
    for (path, content) in &files {
        write(world.build().join(path), content);
    }
    world.publish("1.0", &["--whole"]);
    let bundle = world.path("a.updraft");
    expect(updraft().args(["bundle", "export"]).arg(world.repo()).arg("--out").arg(&bundle), 0);
    for (source, leaves_mount_point) in [(world.repo(), false), (world.repo(), true), (bundle, false)] {
        fs::remove_dir_all(world.app()).ok();
        world.lay_updater();
        let away = world.path("away");
        let out = world.path("said");
        let mut command = world.updater();
        command.args(["update", "--no-start", "--json", "--limit", "1500000", "--source"]).arg(&source);
        command.stdin(Stdio::null()).stdout(fs::File::create(&out).unwrap()).stderr(Stdio::null());
        let mut updater = Running(command.spawn().unwrap());
        let said = || fs::read_to_string(&out).unwrap();
        let partial = world.app().join("updater/state/partial");
        let whole = || {
            let names = fs::read_dir(&partial).into_iter().flatten().flatten();
            names.filter_map(|name| name.metadata().ok()).map(|found| found.len()).sum::<u64>() > 400_000
        };
        wait_for("some bytes", whole);
        fs::rename(&source, &away).unwrap();
        if leaves_mount_point {
            fs::create_dir(&source).unwrap();
        }
        wait_for("the loss to be told", || said().contains("\"event\":\"interrupted\""));
        if leaves_mount_point {
            fs::remove_dir(&source).unwrap();
        }
        fs::rename(&away, &source).unwrap();
        wait_for("the end", || updater.0.try_wait().unwrap().is_some());
        assert!(updater.0.wait().unwrap().success(), "{}", said());
        assert!(said().contains("\"event\":\"continued\""), "{}", said());
        assert_eq!(tree(&world.app()), tree(&world.build()));
        let log = fs::read_to_string(world.app().join("updater/state/log/updater.log")).unwrap();
        let received: u64 = log
            .lines()
            .filter(|line| line.contains("objects/"))
            .filter_map(|line| line.split("received=").nth(1)?.split(' ').next()?.parse::<u64>().ok())
            .sum();
        let all = 12 * 200_000;
        assert!((all..=all + 12 * 64 * 1024).contains(&received), "{received} bytes were read");
    }
}

/// The address of nobody in the settings and a dead mirror: a check still ends in its time.
#[test]
fn dead_mirrors_do_not_hold_up_a_check() {
    let mut world = world_with(&[("a", b"1".to_vec())]);
    let dead = format!("http://127.0.0.1:{}/App", free_port());
    expect(&mut mirror(&world, "add", &dead), 0);
    let server = world.serve(None);
    world.lay_updater();
    world.update();
    drop(server);
    let began = std::time::Instant::now();
    expect(world.updater().args(["check", "--timeout", "1"]), 30);
    assert!(began.elapsed().as_secs() < 30);
}
