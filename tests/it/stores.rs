//! A repository in a store that speaks like S3: published to, read back, steered, pruned, updated from.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::support::s3::S3;
use super::support::world::{World, expect, updraft, write};
use super::vendor::noise;

const REPO: &str = "s3://bucket/apps/App";

/// A vendor with keys whose repository is in a store.
fn in_store() -> Option<(World, S3)> {
    let s3 = S3::start()?;
    let mut world = World::new();
    world.source = s3.url("apps/App");
    expect(run(&world, &s3, &["init", REPO, "--app", "App"]), 0);
    Some((world, s3))
}

/// `updraft WORDS... --keys KEYS`, let into the store.
fn command(world: &World, s3: &S3, words: &[&str]) -> Command {
    let mut command = updraft();
    s3.let_in(command.args(words).arg("--keys").arg(world.keys()));
    command
}

fn run(world: &World, s3: &S3, words: &[&str]) -> &'static mut Command {
    // Lives as long as the test.
    Box::leak(Box::new(command(world, s3, words)))
}

fn publish(world: &World, s3: &S3, version: &str, more: &[&str]) -> Command {
    let mut command = command(world, s3, &["publish"]);
    command
        .arg(world.build())
        .args(["--to", REPO, "--version", version, "--fast", "--platform", "any"])
        .args(more);
    command
}

fn verify(s3: &S3, code: i32) -> String {
    expect(s3.let_in(updraft().args(["verify", REPO])), code)
}

/// A13: published to a store by the same command, and a client updates from it over http. Only what is new is sent.
/// A14: what is damaged there is found and named.
#[test]
fn a_client_updates_from_a_store() {
    let Some((world, s3)) = in_store() else { return };
    write(world.build().join("version.txt"), "1.0");
    write(world.build().join("big.bin"), noise(1, 20_000_000));
    write(world.build().join("deep/\u{63d2}\u{4ef6}.txt"), "text");
    let said = expect(&mut publish(&world, &s3, "1.0", &[]), 0);
    assert!(said.contains("Published App 1.0"), "{said}");
    world.lay_updater();
    world.update();
    assert_eq!(fs::read(world.app().join("big.bin")).unwrap(), noise(1, 20_000_000), "sent in parts");
    write(world.build().join("version.txt"), "2.0");
    let dry = expect(&mut publish(&world, &s3, "2.0", &["--dry-run"]), 0);
    assert!(dry.contains("changed 1, added 0, removed 0") && dry.contains("Would publish"), "{dry}");
    let said = expect(&mut publish(&world, &s3, "2.0", &["--json"]), 0);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(report["new_bytes"].as_u64().unwrap() < 10_000, "{said}");
    world.update();
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"2.0");
    let nothing = expect(&mut publish(&world, &s3, "3.0", &[]), 0);
    assert!(nothing.contains("Nothing changed"), "{nothing}");

    let fine = verify(&s3, 0);
    assert!(fine.contains("All is as it was signed."), "{fine}");
    write(world.build().join("version.txt"), "4.0");
    expect(&mut publish(&world, &s3, "4.0", &["--whole"]), 0);
    let digest = updraft::release::Digest::of(b"4.0").hex();
    let object = format!("objects/{}/{digest}", &digest[..2]);
    s3.put(&format!("apps/App/{object}"), b"4.1");
    let found = verify(&s3, 40);
    assert!(found.contains(&object) && found.contains("not those that were signed"), "{found}");
    s3.put(&format!("apps/App/{object}"), b"4.0");
    verify(&s3, 0);
}

/// Everything that signs does so in a store as it does in a folder.
#[test]
fn a_store_is_renewed_steered_mirrored_and_pruned() {
    let Some((world, s3)) = in_store() else { return };
    for version in ["1.0", "2.0", "3.0"] {
        write(world.build().join("version.txt"), version);
        expect(&mut publish(&world, &s3, version, &[]), 0);
    }
    world.lay_updater();
    expect(run(&world, &s3, &["rollout", "halt", REPO, "3.0"]), 0);
    world.update();
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"2.0");
    expect(run(&world, &s3, &["rollout", "resume", REPO, "3.0"]), 0);
    expect(run(&world, &s3, &["renew", REPO]), 0);
    expect(run(&world, &s3, &["mirror", "add", REPO, "https://mirror.example/App"]), 0);
    let listed = expect(s3.let_in(updraft().args(["mirror", "list", REPO])), 0);
    assert_eq!(listed.trim(), "https://mirror.example/App");
    let gone = expect(run(&world, &s3, &["prune", REPO, "--keep", "1", "--grace-hours", "0"]), 0);
    assert!(gone.contains("Removed 2 releases"), "{gone}");
    let fine = verify(&s3, 0);
    assert!(fine.contains("1 releases, 2 objects") && fine.contains("0 objects unused"), "{fine}");
    world.update();
    assert_eq!(fs::read(world.app().join("version.txt")).unwrap(), b"3.0");
    // While somebody prunes, nobody publishes.
    s3.put("apps/App/.work/pruning", b"x");
    write(world.build().join("version.txt"), "4.0");
    let busy = expect(&mut publish(&world, &s3, "4.0", &[]), 60);
    assert!(busy.contains("updraft prune is at work in s3://bucket/apps/App [busy.publisher]"), "{busy}");
}

/// A06: a publisher that is killed at any moment leaves the store valid, and the next publish succeeds.
#[test]
fn a_publisher_killed_at_any_moment_leaves_a_valid_store() {
    let Some((world, s3)) = in_store() else { return };
    let change = |round: u64| {
        (0..4)
            .for_each(|at| write(world.build().join(format!("d{at}/file")), noise(round * 100 + at, 30_000)));
    };
    change(0);
    let began = Instant::now();
    expect(&mut publish(&world, &s3, "0", &[]), 0);
    let whole = began.elapsed();
    let mut cut = 0;
    for round in 1..=8u32 {
        change(round.into());
        let mut command = publish(&world, &s3, &round.to_string(), &[]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(f64::from(round) / 7.0));
        child.kill().unwrap();
        cut += u32::from(!child.wait().unwrap().success());
        verify(&s3, 0);
    }
    assert!(cut > 0, "no publish was cut");
    change(99);
    expect(&mut publish(&world, &s3, "last", &[]), 0);
    verify(&s3, 0);
}

/// A06: of two publishers at once in a store each ends with a release or with a clear refusal; nothing is torn.
#[test]
fn two_publishers_at_once_do_not_tear_a_release_in_a_store() {
    let Some((world, s3)) = in_store() else { return };
    let mut released = 0;
    for round in 0..6u64 {
        write(world.build().join("file"), noise(round, 50_000));
        let both = [0, 1].map(|who| {
            let mut command = publish(&world, &s3, &format!("{round}.{who}"), &[]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        });
        let ended = both.map(|child| child.wait_with_output().unwrap());
        for output in &ended {
            let (code, said) = (output.status.code().unwrap(), super::support::world::text(output));
            assert!(code == 0 || code == 60 && said.contains("busy.publisher"), "{code}: {said}");
            released += u32::from(said.contains("Published"));
        }
        assert!(ended.iter().any(|output| output.status.success()));
        verify(&s3, 0);
    }
    let shown = expect(s3.let_in(updraft().args(["rollout", "show", REPO])), 0);
    assert_eq!(shown.lines().count(), released as usize, "{shown}");
}

/// What a store needs and what it answers is told in one sentence with a stable code.
#[test]
fn what_keeps_a_store_from_being_used_is_told() {
    let Some((_world, s3)) = in_store() else { return };
    let mut gone = updraft();
    s3.let_in(&mut gone).args(["verify", "s3://bucket/nothing-here"]);
    let none = expect(&mut gone, 50);
    assert!(none.contains("s3://bucket/nothing-here is not a repository [repository]"), "{none}");
    let mut no_bucket = updraft();
    s3.let_in(&mut no_bucket).args(["verify", "s3://no-such-bucket/App"]);
    let none = expect(&mut no_bucket, 50);
    assert!(none.contains("s3://no-such-bucket/App does not exist"), "{none}");
    let bad = expect(updraft().args(["verify", "s3://"]), 64);
    assert!(bad.contains("is not the address of a store"), "{bad}");
    let began = Instant::now();
    let mut dead = updraft();
    s3.let_in(&mut dead).args(["verify", "s3://bucket/App", "--endpoint", "http://127.0.0.1:9"]);
    let dead = expect(dead.env("UPDRAFT_STORE_PATIENCE", "2"), 30);
    assert!(dead.contains("can't be reached") && dead.contains("[network.unreachable]"), "{dead}");
    assert!(began.elapsed() < Duration::from_secs(60));
}
