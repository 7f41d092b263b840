//! What a repair and a move cost: the bytes that are missing, counted at the server.
#![expect(clippy::disallowed_methods, reason = "tests look at the disk with their own eyes")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::support::fault_server::FaultServer;
use super::support::world::{World, expect, tree, write};
use super::vendor::noise;

/// Requests for content and bytes sent for them, since the last call.
struct Counter {
    server: FaultServer,
    seen: usize,
}

impl Counter {
    fn content(&mut self) -> (usize, u64) {
        let served = self.server.requests();
        let fresh = served[self.seen..].iter().filter(|request| request.path.contains("/objects/"));
        let sent: Vec<u64> = fresh.map(|request| request.sent).collect();
        self.seen = served.len();
        (sent.len(), sent.iter().sum())
    }
}

/// An install over http of files that can't be compressed.
fn installed(files: &[(&str, usize)]) -> (World, Counter) {
    let mut world = World::new();
    for (seed, (path, length)) in files.iter().enumerate() {
        write(world.build().join(path), noise(seed as u64 + 1, *length));
    }
    let server = FaultServer::serve_folder(&world.path("www"));
    world.source = format!("{}/App", server.url().trim_end_matches('/'));
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    let mut counter = Counter { server, seen: 0 };
    counter.content();
    (world, counter)
}

fn repair(world: &World) -> String {
    expect(world.updater().args(["repair", "--no-start"]), 0)
}

/// A32: damaged, cut and deleted files cost exactly their own bytes, wrong modes and links none.
#[test]
fn a_repair_fetches_what_is_missing_and_nothing_else() {
    let (world, mut counter) =
        installed(&[("bin/app", 30_000), ("lib/a.bin", 20_000), ("lib/b.bin", 10_000), ("c.bin", 50_000)]);
    fs::set_permissions(world.build().join("bin/app"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("bin/app", world.build().join("current")).unwrap();
    fs::create_dir_all(world.build().join("empty")).unwrap();
    world.publish("1.1", &[]);
    world.update();
    counter.content();
    let whole = tree(&world.app());
    let app = world.app();
    let damage = |path: &str| {
        let mut bytes = fs::read(app.join(path)).unwrap();
        bytes[7] ^= 1;
        write(app.join(path), bytes);
    };
    // Beside the bytes themselves the index of the pack, and a few bytes of each block.
    let beside = 600;
    let table: [(&str, &dyn Fn(), usize, u64); 7] = [
        ("a flipped bit", &|| damage("lib/a.bin"), 1, 20_000),
        ("a deleted file", &|| fs::remove_file(app.join("lib/b.bin")).unwrap(), 1, 10_000),
        ("a deleted folder", &|| fs::remove_dir_all(app.join("lib")).unwrap(), 2, 30_000),
        ("a cut file", &|| fs::write(app.join("c.bin"), b"").unwrap(), 1, 50_000),
        (
            "a wrong mode",
            &|| fs::set_permissions(app.join("bin/app"), fs::Permissions::from_mode(0o600)).unwrap(),
            0,
            0,
        ),
        ("a link that is gone", &|| fs::remove_file(app.join("current")).unwrap(), 0, 0),
        ("an empty folder that is gone", &|| fs::remove_dir(app.join("empty")).unwrap(), 0, 0),
    ];
    for (what, break_it, requests, bytes) in table {
        break_it();
        let said = repair(&world);
        let (asked, sent) = counter.content();
        assert!(asked <= requests * 2, "{what}: {asked} requests: {said}");
        let most = if bytes == 0 { 0 } else { bytes + beside };
        assert!((bytes..=most).contains(&sent), "{what}: {sent} bytes: {said}");
        assert_eq!(tree(&world.app()), whole, "{what}");
        let mode = fs::metadata(app.join("bin/app")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "{what}");
    }
    let said = repair(&world);
    assert!(said.contains("Nothing is damaged"), "{said}");
    assert_eq!(counter.content(), (0, 0));
}

/// A32: without a server a repair says that nothing is damaged, or what is and that it needs the server.
#[test]
fn a_repair_without_a_server_says_what_it_can() {
    let (world, counter) = installed(&[("a", 100), ("b", 100)]);
    drop(counter);
    let offline = |code: i32| {
        let mut command = world.updater();
        expect(command.args(["repair", "--no-start"]).env("UPDRAFT_CHECK_TIMEOUT", "1"), code)
    };
    assert!(offline(0).contains("Nothing is damaged"));
    write(world.app().join("a"), "broken");
    fs::remove_file(world.app().join("b")).unwrap();
    let said = offline(30);
    assert!(said.contains("2 files are damaged or missing: a, b") && said.contains("network"), "{said}");
    assert_eq!(fs::read(world.app().join("a")).unwrap(), b"broken");
}

/// A repair is no version to go back from: `rollback` would bring the damage back.
#[test]
fn a_repair_can_not_be_gone_back_from() {
    let (world, _counter) = installed(&[("a", 100)]);
    write(world.build().join("a"), "2");
    world.publish("2.0", &[]);
    world.update();
    write(world.app().join("a"), "broken");
    repair(&world);
    let said = expect(world.updater().args(["rollback", "--no-start"]), 50);
    assert!(said.contains("no earlier release"), "{said}");
    assert_eq!(fs::read(world.app().join("a")).unwrap(), b"2");
}

/// A37: a file moved or renamed between releases costs no content bytes: into another folder, two that change
/// names, a chain, another case, a copy, and a folder that moves.
#[test]
fn moved_files_cost_no_content() {
    let (world, mut counter) = installed(&[
        ("a", 1000),
        ("b", 1100),
        ("c/one", 1200),
        ("c/two", 1300),
        ("c/three", 1400),
        ("Readme.txt", 1500),
        ("plugins/x/deep.bin", 1600),
    ]);
    let build = world.build();
    let mv = |from: &str, to: &str| {
        fs::create_dir_all(build.join(to).parent().unwrap()).unwrap();
        fs::rename(build.join(from), build.join(to)).unwrap();
    };
    let steps: [&[(&str, &str)]; 6] = [
        &[("a", "moved/away/a")],
        &[("moved/away/a", "t"), ("b", "moved/away/a"), ("t", "b")],
        &[("c/three", "c/four"), ("c/two", "c/three"), ("c/one", "c/two")],
        &[("Readme.txt", "README.txt")],
        &[("plugins", "extensions")],
        &[("c/two", "c/four.d/two"), ("c/four", "c/two")],
    ];
    for (number, moves) in steps.into_iter().enumerate() {
        for (from, to) in moves {
            mv(from, to);
        }
        world.publish(&format!("2.{number}"), &[]);
        world.update();
        assert_eq!(tree(&world.app()), tree(&build), "{moves:?}");
        assert_eq!(counter.content(), (0, 0), "{moves:?}");
    }
    fs::copy(build.join("b"), build.join("copy of b")).unwrap();
    world.publish("3.0", &[]);
    world.update();
    assert_eq!(counter.content(), (0, 0));
}
