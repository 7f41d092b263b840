//! A repository in one file: made, carried, read by the updater, and merged into another repository.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use updraft::publish::{self, Import};
use updraft::release::Stamp;
use updraft::trust::sign::{self, KeyPair, KeyRole, Keys, Lifetimes, RootChange};

use super::support::world::{World, expect, free_port, tree, updraft, write};
use super::vendor::{Vendor, noise};

/// Writes a bundle of the repository with the real program; says what it said.
fn export(repo: &Path, out: &Path, more: &[&str]) -> String {
    expect(updraft().args(["bundle", "export"]).arg(repo).arg("--out").arg(out).args(more), 0)
}

fn import(bundle: &Path, repo: &Path) -> Command {
    let mut command = updraft();
    command.args(["bundle", "import"]).arg(bundle).arg(repo);
    command
}

fn verify(repo: &Path) -> String {
    expect(updraft().arg("verify").arg(repo), 0)
}

/// A vendor with a release, and a user's copy whose settings lead nowhere.
fn far_away() -> World {
    let mut world = World::new();
    world.source = format!("http://127.0.0.1:{}/App", free_port());
    write(world.build().join("bin/app"), "1");
    write(world.build().join("空 文件/data"), noise(1, 3_000_000));
    world.publish("1.0", &[]);
    world.lay_updater();
    world
}

fn next(world: &World, version: &str) {
    write(world.build().join("bin/app"), version);
    write(world.build().join(format!("more/{version}")), noise(version.len() as u64, 50_000));
    world.publish(version, &[]);
}

/// Installs and updates without any network: from a file with any name, named as an argument, as a URL, or in the
/// settings; then a repair, a check and a plan from it.
#[test]
fn an_install_lives_from_bundles_alone() {
    let world = far_away();
    let stick = world.path("U 盘 100%20#");
    fs::create_dir(&stick).unwrap();
    let bundle = stick.join("MyApp.updraft");
    let said = export(&world.repo(), &bundle, &[]);
    assert!(said.contains("Good until"), "{said}");
    fs::rename(world.repo(), world.path("away")).unwrap();
    // By its bare name, in the folder it lies in.
    let mut updater = world.updater();
    updater.current_dir(&stick).args(["update", "--no-start", "--json", "--source", "MyApp.updraft"]);
    let said = expect(&mut updater, 0);
    assert!(said.contains("\"event\":\"source-used\"") && said.contains("MyApp.updraft"), "{said}");
    assert_eq!(tree(&world.app()), tree(&world.build()));

    fs::rename(world.path("away"), world.repo()).unwrap();
    next(&world, "2.0");
    export(&world.repo(), &bundle, &[]);
    fs::rename(world.repo(), world.path("away")).unwrap();
    let url = url::Url::from_file_path(&bundle).unwrap().to_string();
    expect(world.updater().args(["check", "--source", &url]), 10);
    let said = expect(world.updater().args(["plan", "--source", &url]), 0);
    assert!(said.contains("1 add, 1 update, 0 remove, 1 keep"), "{said}");
    let said = expect(world.updater().args(["update", "--no-start", "--source", &url]), 0);
    assert!(said.contains("Bytes come from"), "{said}");
    assert_eq!(tree(&world.app()), tree(&world.build()));

    let config = world.app().join("updater/updater.json");
    write(&config, serde_json::json!({"app": "App", "sources": [bundle.to_str()]}).to_string());
    write(world.app().join("空 文件/data"), "damaged");
    expect(world.updater().args(["repair", "--no-start"]), 0);
    assert_eq!(tree(&world.app()), tree(&world.build()));
    expect(world.updater().arg("check"), 0);
    let log = fs::read_to_string(world.app().join("updater/state/log/updater.log")).unwrap();
    assert!(log.contains("MyApp.updraft"), "the log names the source of every request");
}

/// What is wrong with a file that should be a bundle is one sentence, the exit code is that of its kind, and
/// nothing of the program changes.
#[test]
fn a_bad_bundle_is_refused_in_one_sentence() {
    let world = far_away();
    let good = world.path("good.updraft");
    export(&world.repo(), &good, &[]);
    expect(world.updater().args(["update", "--no-start", "--source"]).arg(&good), 0);
    let old = fs::read(&good).unwrap();
    next(&world, "2.0");
    export(&world.repo(), &good, &[]);
    let good = fs::read(&good).unwrap();
    let stands = tree(&world.app());
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        bad
    };
    let (end, bomb) = (good.len(), with(16, &(1_u64 << 40).to_le_bytes()));
    let content = noise(3, 50_000);
    let new = good.windows(content.len()).position(|bytes| bytes == content).unwrap();
    let table: [(&str, Vec<u8>, i32, &str); 9] = [
        ("cut off", good[..end - 1].to_vec(), 30, "it is cut off"),
        ("longer", [good.as_slice(), b"x"].concat(), 30, "where its head says"),
        ("another kind of file", b"PK\x03\x04".repeat(100), 30, "it is not a bundle"),
        ("empty", Vec::new(), 30, "it is not a bundle"),
        ("a later format", with(8, &[9]), 30, "it has bundle format 9"),
        ("an endless index", bomb, 30, "more than any bundle needs"),
        ("an altered index", with(100, &[!good[100]]), 30, "its index is damaged"),
        ("altered content", with(new + 40_000, b"????????"), 40, "is damaged on every mirror"),
        ("one older than what was seen", old, 40, "this machine has seen"),
    ];
    let bad = world.path("bad.updraft");
    for (what, bytes, code, sentence) in table {
        write(&bad, bytes);
        let mut updater = world.updater();
        updater.args(["update", "--no-start", "--timeout", "1", "--source"]).arg(&bad);
        let said = expect(&mut updater, code);
        assert!(said.contains(sentence), "{what}: {said}");
        assert_eq!(tree(&world.app()), stands, "{what}");
    }
    let other = Vendor::new();
    other.put("a", "x");
    other.publish("1");
    export(&other.repo(), &bad, &[]);
    let said = expect(world.updater().args(["check", "--source"]).arg(&bad), 40);
    assert!(said.contains("trust.signature"), "another vendor: {said}");
    write(&bad, &good);
    expect(world.updater().args(["check", "--source"]).arg(&bad), 10);
}

/// A bundle outlives its signatures no longer than the repository does: it says until when, and is then refused.
#[test]
fn a_bundle_says_until_when_it_is_good() {
    let vendor = Vendor::new();
    vendor.put("a", "x");
    vendor.publish("1");
    let out = vendor.path("a.updraft");
    let keys = vendor.keys();
    let renew = |days: &str| {
        expect(updraft().arg("renew").arg(vendor.repo()).args(["--days", days, "--keys"]).arg(&keys), 0);
        let said = export(&vendor.repo(), &out, &["--json"]);
        let expires: Stamp = serde_json::from_str::<serde_json::Value>(&said).unwrap()["expires"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        expires.unix() - Stamp::now().unix()
    };
    let day = 24 * 60 * 60;
    assert!((9 * day..=10 * day).contains(&renew("10")));
    assert!((1999 * day..=2000 * day).contains(&renew("2000")), "what the timestamp leads to holds as long");
    let order = |now| Import { bundle: out.clone(), repository: vendor.path("mirror"), root: None, now };
    let late = Stamp::now().after(Duration::from_secs(2001 * 24 * 60 * 60));
    let error = publish::import(&order(late), &|_, _| {}).unwrap_err();
    assert!(error.to_string().contains("was valid until"), "{error}");
    assert!(!vendor.path("mirror").exists(), "nothing is made for a bundle that is refused");
    let looked = publish::look(&out, late, false, &|_, _| {}).unwrap();
    assert!(looked.expired);
}

/// A bundle carried into a second network makes a mirror there, which the real server hands out.
#[test]
fn a_mirror_is_made_and_kept_up_by_bundles() {
    let mut world = far_away();
    let (bundle, www) = (world.path("a.updraft"), world.path("intranet"));
    let mirror = www.join("App");
    export(&world.repo(), &bundle, &["--all"]);
    let said = expect(&mut import(&bundle, &mirror), 0);
    let root: serde_json::Value =
        serde_json::from_slice(&fs::read(world.repo().join("metadata/root.json")).unwrap()).unwrap();
    for key in root["signed"]["roles"]["root"]["keyids"].as_array().unwrap() {
        assert!(said.contains(key.as_str().unwrap()), "it says whom it trusts: {said}");
    }
    verify(&mirror);
    // Again: nothing is new, and nothing breaks.
    let said = expect(&mut import(&bundle, &mirror), 0);
    assert!(said.contains("0 new objects"), "{said}");

    next(&world, "2.0");
    let first = fs::read(&bundle).unwrap();
    export(&world.repo(), &bundle, &["--all"]);
    expect(&mut import(&bundle, &mirror), 0);
    verify(&mirror);
    let port = free_port();
    let mut command = updraft();
    command.arg("serve").arg(&www).args(["--listen", &format!("127.0.0.1:{port}"), "--quiet"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let _server = super::support::world::Running(child);
    super::support::world::wait_for("the server", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    world.source = format!("127.0.0.1:{port}/App");
    world.lay_updater();
    world.update();
    assert_eq!(tree(&world.app()), tree(&world.build()));

    // Back to the first state: refused, and the mirror stays.
    write(&bundle, first);
    let said = expect(&mut import(&bundle, &mirror), 40);
    assert!(said.contains("trust.rollback"), "{said}");
    let said = verify(&mirror);
    assert!(said.contains("2 releases"), "{said}");
}

/// A repository takes nothing of another vendor's, whatever state it is in, and a folder of other things stays
/// what it is.
#[test]
fn a_repository_is_never_replaced_by_another_vendors() {
    let (ours, theirs) = (Vendor::new(), Vendor::new());
    for vendor in [&ours, &theirs] {
        vendor.put("a", "x");
        vendor.publish("1");
        export(&vendor.repo(), &vendor.path("a.updraft"), &["--all"]);
    }
    let foreign = theirs.path("a.updraft");
    let said = expect(&mut import(&foreign, &ours.repo()), 40);
    assert!(said.contains("of another vendor"), "{said}");
    // Also not when it lost everything but a root.
    fs::remove_file(ours.repo().join("metadata/timestamp.json")).unwrap();
    expect(&mut import(&foreign, &ours.repo()), 40);
    fs::remove_file(ours.repo().join("metadata/root.json")).unwrap();
    expect(&mut import(&foreign, &ours.repo()), 40);
    // Its own bundle mends it.
    expect(&mut import(&ours.path("a.updraft"), &ours.repo()), 0);
    verify(&ours.repo());
    // With a root known before, a new folder takes only what that leads to.
    let root = ours.repo().join("metadata/root.json");
    expect(import(&foreign, &ours.path("new")).arg("--root").arg(&root), 40);
    assert!(!ours.path("new").exists());
    expect(import(&ours.path("a.updraft"), &ours.path("new")).arg("--root").arg(&root), 0);
    write(ours.path("other/file"), "mine");
    let said = expect(&mut import(&ours.path("a.updraft"), &ours.path("other")), 64);
    assert!(said.contains("is not empty and not a repository"), "{said}");
}

/// A root that is not led to by a trusted one never enters, though everything below it is signed by the right keys.
#[test]
fn a_root_of_the_same_version_is_not_exchanged() {
    let vendor = Vendor::new();
    vendor.put("a", "x");
    vendor.publish("1");
    let good = fs::read(vendor.repo().join("metadata/1.root.json")).unwrap();
    // Another root key, and the public halves of the real release and online keys.
    let real = Keys::load(&vendor.keys()).unwrap();
    let thief = Keys { root: vec![KeyPair::generate(KeyRole::Root).unwrap()], ..real };
    let (_, bad) = sign::first(&thief, Stamp::now(), Lifetimes::default()).unwrap().swap_remove(0);
    let copy = vendor.path("copy");
    copy_tree(&vendor.repo(), &copy);
    write(copy.join("metadata/1.root.json"), &bad);
    write(copy.join("metadata/root.json"), &bad);
    let bundle = vendor.path("bad.updraft");
    export(&copy, &bundle, &["--all"]);
    expect(&mut import(&bundle, &vendor.repo()), 0);
    for name in ["1.root.json", "root.json"] {
        assert_eq!(fs::read(vendor.repo().join("metadata").join(name)).unwrap(), good, "{name}");
    }
    let root = vendor.repo().join("metadata/root.json");
    expect(import(&bundle, &vendor.path("new")).arg("--root").arg(root), 40);
}

fn copy_tree(from: &Path, to: &Path) {
    for (name, bytes) in super::vendor::files(from) {
        write(to.join(name), bytes);
    }
}

/// What goes into a bundle: the newest release, one platform of several, only what is new since a release. An
/// import that would leave installs without their newest release changes nothing.
#[test]
fn a_bundle_holds_what_was_asked_for() {
    let world = far_away();
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let path = |name: &str| world.path(name);
    export(&world.repo(), &path("1"), &[]);
    expect(world.updater().args(["update", "--no-start", "--source"]).arg(path("1")), 0);
    next(&world, "2.0");
    world.publish("beta", &["--channel", "beta"]);
    next(&world, "3.0");
    export(&world.repo(), &path("all"), &["--all"]);
    export(&world.repo(), &path("newest"), &[]);
    export(&world.repo(), &path("stable"), &["--channel", "stable"]);
    export(&world.repo(), &path("small"), &["--channel", "stable", "--from-release", "1"]);
    let releases = |name: &str| {
        let said = expect(updraft().args(["bundle", "verify", "--json"]).arg(path(name)), 0);
        let found: serde_json::Value = serde_json::from_str(&said).unwrap();
        let one = |release: &serde_json::Value| {
            format!("{}/{}", release["channel"].as_str().unwrap(), release["number"])
        };
        found["releases"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(releases("all"), ["beta/1", "stable/1", "stable/2", "stable/3"]);
    assert_eq!(releases("newest"), ["beta/1", "stable/3"]);
    assert_eq!(releases("stable"), ["stable/3"]);
    assert!(size(&path("small")) < 200_000 && size(&path("stable")) > 3_000_000);
    let said = expect(updraft().args(["bundle", "list"]).arg(path("small")), 0);
    assert!(said.contains("that its installs must have already"), "{said}");
    // The same again is the same file.
    export(&world.repo(), &path("again"), &["--all"]);
    assert_eq!(fs::read(path("again")).unwrap(), fs::read(path("all")).unwrap());
    // An install of that release needs no more than the small one.
    expect(world.updater().args(["update", "--no-start", "--source"]).arg(path("small")), 0);
    assert_eq!(tree(&world.app()), tree(&world.build()));

    let said = expect(&mut import(&path("small"), &path("new")), 50);
    assert!(said.contains("lack"), "{said}");
    expect(&mut import(&path("all"), &path("mirror")), 0);
    world.publish("beta 2", &["--channel", "beta"]);
    export(&world.repo(), &path("stable"), &["--channel", "stable"]);
    let said = expect(&mut import(&path("stable"), &path("mirror")), 50);
    assert!(said.contains("leaves out the release beta/any/2.json"), "{said}");
    verify(&path("mirror"));
    let said = expect(
        updraft().args(["bundle", "export"]).arg(world.repo()).args(["--channel", "x", "--out", "/x"]),
        64,
    );
    assert!(said.contains("no release of that channel"), "{said}");
}

/// An object the repository has lost or that is damaged is named, and the bundle that was there before stays.
#[test]
fn a_damaged_repository_gives_no_bundle() {
    let vendor = Vendor::new();
    vendor.put("a", noise(1, 5000));
    vendor.publish("1");
    let out = vendor.path("a.updraft");
    export(&vendor.repo(), &out, &[]);
    let before = fs::read(&out).unwrap();
    let object =
        super::vendor::files(&vendor.repo()).into_keys().find(|name| name.starts_with("objects/")).unwrap();
    for damage in [None, Some(noise(2, 5000)), Some(noise(1, 4999)), Some(noise(1, 5001))] {
        fs::remove_file(vendor.repo().join(&object)).ok();
        if let Some(bytes) = damage {
            write(vendor.repo().join(&object), bytes);
        }
        let mut command = updraft();
        command.args(["bundle", "export"]).arg(vendor.repo()).arg("--out").arg(&out);
        let said = expect(&mut command, 50);
        assert!(said.contains(&object), "{said}");
        assert_eq!(fs::read(&out).unwrap(), before);
        assert!(!vendor.path("a.updraft.tmp").exists());
    }
}

/// Whatever byte of a bundle is changed: `verify` sees it, and a repository that it is imported into stays valid.
#[test]
fn a_changed_byte_anywhere_is_seen() {
    let vendor = Vendor::new();
    vendor.put("a", noise(1, 3000));
    vendor.publish("1");
    let (out, mirror) = (vendor.path("a.updraft"), vendor.path("mirror"));
    export(&vendor.repo(), &out, &["--all"]);
    expect(&mut import(&out, &mirror), 0);
    vendor.put("b", noise(2, 3000));
    vendor.publish("2");
    export(&vendor.repo(), &out, &["--all"]);
    let good = fs::read(&out).unwrap();
    let now = Stamp::now();
    let order = Import { bundle: out.clone(), repository: mirror.clone(), root: None, now };
    let places = noise(3, 4 * 80);
    let (mut imported, mut last) = (0, 0);
    for place in places.chunks(4) {
        let at = u32::from_le_bytes(place.try_into().unwrap()) as usize % good.len();
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        write(&out, &bad);
        let looked = publish::look(&out, now, true, &|_, _| {});
        assert!(looked.is_err() || !looked.unwrap().flaws.is_empty(), "byte {at}");
        imported += u32::from(publish::import(&order, &|_, _| {}).is_ok());
        let found = publish::verify(&mirror, now, 1, &|_, _| {}).unwrap();
        assert_eq!(found.flaws, [], "byte {at}");
        assert!(found.releases >= last, "byte {at}");
        last = found.releases;
    }
    // A change in what the mirror has already is not even read.
    assert!(imported < 80);
    write(&out, &good);
    publish::import(&order, &|_, _| {}).unwrap();
    assert_eq!(publish::verify(&mirror, now, 1, &|_, _| {}).unwrap().releases, 2);
}

/// Killed at any moment, an import leaves a repository that is valid, and the next import completes it.
#[test]
fn an_import_killed_at_any_moment_leaves_a_valid_repository() {
    let vendor = Vendor::new();
    let change =
        |round: u64| (0..40).for_each(|at| vendor.put(&format!("d{at}/f"), noise(round * 100 + at, 60_000)));
    let (bundle, mirror) = (vendor.path("a.updraft"), vendor.path("mirror"));
    change(0);
    vendor.publish("0");
    export(&vendor.repo(), &bundle, &["--all"]);
    let began = Instant::now();
    expect(&mut import(&bundle, &mirror), 0);
    let mut whole = began.elapsed();
    let mut cut = 0;
    for round in 1..=9_u32 {
        change(round.into());
        vendor.publish(&round.to_string());
        export(&vendor.repo(), &bundle, &["--all"]);
        let mut child = import(&bundle, &mirror).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Spread over the time an import takes: any moment may be hit, whatever the machine does.
        std::thread::sleep(whole.mul_f64(f64::from(round) / 9.0));
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            // The machine has become faster since the first import.
            whole /= 2;
        } else {
            cut += 1;
        }
        verify(&mirror);
        if round % 3 == 0 {
            expect(&mut import(&bundle, &mirror), 0);
            assert!(verify(&mirror).contains(&format!("{} releases", round + 1)));
        }
    }
    assert!(cut > 0, "no import was cut");
}

/// A new root, release key and online key on the way: whatever part of the files an import has written, in their
/// order, the same import again completes it; without a change of keys every part is valid as it is.
#[test]
fn every_beginning_of_an_import_can_be_completed() {
    let vendor = Vendor::new();
    vendor.put("a", noise(1, 3000));
    vendor.publish("1");
    let (bundle, before) = (vendor.path("a.updraft"), vendor.path("before"));
    export(&vendor.repo(), &bundle, &["--all"]);
    expect(&mut import(&bundle, &before), 0);
    vendor.put("a", noise(2, 3000));
    vendor.publish("2");
    every_beginning(&vendor, &before, true);
    let state = sign::RepoState::open(&|path| Ok(fs::read(vendor.repo().join(path)).ok())).unwrap().unwrap();
    let old = Keys::load(&vendor.keys()).unwrap();
    let new = Keys { root: old.root, ..Keys::generate().unwrap() };
    let change = RootChange {
        root: new.root.iter().map(KeyPair::public).collect(),
        threshold: 1,
        release: new.release.public(),
        online: new.online.public(),
    };
    for (path, bytes) in sign::rotate(&state, &new, &[], &change, Stamp::now(), Lifetimes::default()).unwrap()
    {
        write(vendor.repo().join(path), bytes);
    }
    verify(&vendor.repo());
    every_beginning(&vendor, &before, false);
    every_beginning(&vendor, &vendor.path("nothing"), false);
}

/// An import that can't write one of its files has written all that come before it and none that come after it,
/// the repository is valid, and done again it is complete.
#[test]
fn an_import_writes_in_the_order_of_a_publish() {
    let vendor = Vendor::new();
    vendor.put("a", noise(1, 3000));
    vendor.publish("1");
    let (bundle, before) = (vendor.path("a.updraft"), vendor.path("before"));
    export(&vendor.repo(), &bundle, &["--all"]);
    expect(&mut import(&bundle, &before), 0);
    vendor.put("a", noise(2, 3000));
    let order = publish::Order { whole: true, ..vendor.order("2") };
    publish::publish(&order, &|_, _, _| {}).unwrap();
    export(&vendor.repo(), &bundle, &["--all"]);
    let old = super::vendor::files(&before);
    let whole = vendor.path("whole");
    copy_tree(&before, &whole);
    expect(&mut import(&bundle, &whole), 0);
    let mut new: Vec<String> = super::vendor::files(&whole)
        .into_iter()
        .filter(|(name, bytes)| old.get(name) != Some(bytes))
        .map(|(name, _)| name)
        .collect();
    // Patches of the manifest are no part of the promise: they save bytes and no reader needs them.
    new.retain(|name| !name.ends_with(".patch"));
    new.sort_by_key(|name| order_of(name));
    assert_eq!(new.len(), 5, "{new:?}");
    for (at, name) in new.iter().enumerate() {
        let mirror = vendor.path(&format!("mirror {at}"));
        copy_tree(&before, &mirror);
        // A file where the folder of an object should be, or a folder where a file is written first.
        let file = mirror.join(name);
        let in_the_way =
            if at == 0 { file.parent().unwrap().to_path_buf() } else { mirror.join(format!("{name}.tmp")) };
        if at == 0 {
            write(&in_the_way, "in the way")
        } else {
            fs::create_dir_all(&in_the_way).unwrap()
        };
        expect(&mut import(&bundle, &mirror), 50);
        let stands = super::vendor::files(&mirror);
        for (other, name) in new.iter().enumerate() {
            let is_new = stands.contains_key(name) && stands.get(name) != old.get(name);
            assert_eq!(is_new, other < at, "{name} when {} can't be written", new[at]);
        }
        if at == 0 {
            fs::remove_file(&in_the_way).unwrap()
        } else {
            fs::remove_dir(&in_the_way).unwrap()
        };
        assert!(verify(&mirror).contains("1 releases"));
        expect(&mut import(&bundle, &mirror), 0);
        assert!(verify(&mirror).contains("2 releases"));
    }
}

/// The place of a file in the order of writing.
fn order_of(name: &str) -> usize {
    let order = [
        "work/",
        "objects/",
        "project.json",
        "targets/",
        ".targets.json",
        ".snapshot.json",
        "/1.root.json",
        "/2.root.json",
        "/root.json",
        "timestamp.json",
    ];
    order.iter().position(|mark| name.contains(mark)).unwrap()
}

/// Imports into `before` with all the beginnings of the files that the whole import would write.
fn every_beginning(vendor: &Vendor, before: &Path, always_valid: bool) {
    let bundle = vendor.path("next.updraft");
    export(&vendor.repo(), &bundle, &["--all"]);
    let now = Stamp::now();
    let run = |repository: PathBuf| {
        publish::import(&Import { bundle: bundle.clone(), repository, root: None, now }, &|_, _| {}).unwrap()
    };
    let whole = tempfile::tempdir().unwrap();
    copy_if_there(before, whole.path());
    run(whole.path().to_path_buf());
    let old = if before.exists() { super::vendor::files(before) } else { Default::default() };
    let mut new: Vec<(String, Vec<u8>)> = super::vendor::files(whole.path())
        .into_iter()
        .filter(|(name, bytes)| old.get(name) != Some(bytes))
        .collect();
    new.sort_by_key(|(name, _)| order_of(name));
    assert!(new.last().unwrap().0.ends_with("timestamp.json"));
    for written in 0..=new.len() {
        let folder = tempfile::tempdir().unwrap();
        copy_if_there(before, folder.path());
        new[..written].iter().for_each(|(name, bytes)| write(folder.path().join(name), bytes));
        if always_valid {
            assert_eq!(publish::verify(folder.path(), now, 1, &|_, _| {}).unwrap().flaws, [], "{written}");
        }
        run(folder.path().to_path_buf());
        let found = publish::verify(folder.path(), now, 1, &|_, _| {}).unwrap();
        assert_eq!((found.flaws, found.releases), (Vec::new(), 2), "{written} of {}", new.len());
    }
}

fn copy_if_there(from: &Path, to: &Path) {
    if from.exists() {
        copy_tree(from, to);
    }
}
