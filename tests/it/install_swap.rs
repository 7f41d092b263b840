//! What a swap leaves behind when nothing goes wrong, and what it refuses before anything is touched.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use updraft::fsx;
use updraft::install::{HostGone, Install, Job, LockError, PreflightError};
use updraft::plan::{Action, Way};
use updraft::release::{Digest, RelPath, ReleaseNumber};
use updraft::report::ErrorCode;

use crate::install_tree::{self as it, Node, Tree, file, program, tree};

/// An install folder, a place for releases, and something to be the stub.
struct Bench {
    dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::of(tempfile::tempdir().unwrap())
    }

    fn of(dir: TempDir) -> Self {
        let bench = Self { dir };
        fs::write(bench.stub(), "stub").unwrap();
        fsx::set_mode(&bench.stub(), 0o755).unwrap();
        fs::create_dir_all(bench.root()).unwrap();
        bench
    }

    /// Where there is such a place: many updates, and the disk is not under test.
    fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::of(tempfile::tempdir_in(memory).unwrap()) } else { Self::new() }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("My 程序 😀")
    }

    fn stub(&self) -> PathBuf {
        self.dir.path().join("stub")
    }

    fn install(&self) -> Install {
        it::install(&self.root())
    }

    /// Updates to `tree`; its files come from a folder of their own.
    fn update(&self, tree: &Tree, number: u64) -> Result<ReleaseNumber, updraft::report::Failure> {
        let from = tempfile::tempdir_in(self.dir.path()).unwrap();
        it::write(from.path(), tree);
        it::update(&self.root(), from.path(), number, &self.stub()).map(|done| done.to.number)
    }

    fn installed(&self) -> u64 {
        self.install().read_record().unwrap().record.receipt.number.0
    }
}

fn first() -> Tree {
    tree(&[
        ("bin/app", program("app 1")),
        ("bin/tool", program("tool")),
        ("lib/a.txt", file("a1")),
        ("lib/gone.txt", file("gone")),
        ("old/deep/x.txt", file("x")),
        ("same.txt", file("same")),
    ])
}

fn second() -> Tree {
    tree(&[
        ("bin/app", program("app 2")),
        ("bin/tool", program("tool")),
        ("lib/a.txt", file("a2")),
        ("lib/b.txt", file("a2")),
        ("new/deep/y.txt", file("y")),
        ("empty.txt", file("")),
        ("plugins", Node::Folder),
        ("same.txt", file("same")),
    ])
}

/// A34: changed, removed and added files in one run. A75: removed files, their records and emptied folders
/// are gone. A74: the record names the new release.
#[test]
fn one_swap_changes_adds_and_removes() {
    let bench = Bench::new();
    bench.update(&first(), 1).unwrap();
    assert_eq!(it::read(&bench.root()), first());
    bench.update(&second(), 2).unwrap();
    assert_eq!(it::read(&bench.root()), second());
    let record = bench.install().read_record().unwrap().record;
    assert_eq!(record.receipt.number, ReleaseNumber(2));
    assert!(!record.receipt.files.contains_key(&"lib/gone.txt".parse::<RelPath>().unwrap()));
    assert!(!bench.install().is_swap_open());
}

/// A33: files no release ever listed are untouched, and a folder that holds one stays.
#[test]
fn files_of_the_user_stay() {
    let bench = Bench::new();
    bench.update(&first(), 1).unwrap();
    let own = tree(&[("old/deep/mine.txt", file("mine")), ("lib/notes", file("n")), ("x", file("top"))]);
    it::write(&bench.root(), &own);
    bench.update(&second(), 2).unwrap();
    let mut wanted = second();
    wanted.extend(own);
    assert_eq!(it::read(&bench.root()), wanted);
}

#[test]
fn a_file_the_user_changed_is_kept_beside_under_a_name_of_its_own() {
    let bench = Bench::new();
    bench.update(&first(), 1).unwrap();
    fs::write(bench.root().join("lib/a.txt"), "my own").unwrap();
    fs::write(bench.root().join("lib/gone.txt"), "mine too").unwrap();
    fs::write(bench.root().join("lib/b.txt"), "was here before").unwrap();
    bench.update(&second(), 2).unwrap();
    let mut found = it::read(&bench.root());
    let mut beside: Vec<(String, Node)> = Vec::new();
    found.retain(|path, node| {
        let is_beside = path.contains(".user-");
        if is_beside {
            beside.push((path.split(".user-").next().unwrap().to_owned(), node.clone()));
        }
        !is_beside
    });
    assert_eq!(found, second());
    let wanted = [
        ("lib/a.txt", file("my own")),
        ("lib/b.txt", file("was here before")),
        ("lib/gone.txt", file("mine too")),
    ];
    assert_eq!(beside, wanted.map(|(path, node)| (path.to_owned(), node)).to_vec());
}

/// A35: a release that only removes.
#[test]
fn a_release_may_only_remove() {
    let bench = Bench::new();
    bench.update(&first(), 1).unwrap();
    let less = tree(&[("bin/app", program("app 1"))]);
    bench.update(&less, 2).unwrap();
    assert_eq!(it::read(&bench.root()), less);
    assert_eq!(bench.installed(), 2);
}

/// A36: a new number with no difference is stored without a transaction, and what can be rolled back to stays.
#[test]
fn an_empty_difference_stores_the_number() {
    let bench = Bench::new();
    bench.update(&first(), 1).unwrap();
    bench.update(&second(), 2).unwrap();
    bench.update(&second(), 3).unwrap();
    assert_eq!(bench.installed(), 3);
    assert_eq!(it::read(&bench.root()), second());
    let record = bench.install().read_record().unwrap().record;
    assert_eq!(record.previous.unwrap().number, ReleaseNumber(1));
}

#[test]
fn a_file_and_a_folder_may_change_places() {
    let bench = Bench::new();
    let one = tree(&[("a", file("file a")), ("b/c/d", file("d")), ("b/e", file("e"))]);
    let two = tree(&[("a/x/y", file("y")), ("a/z", file("z")), ("b", file("file b"))]);
    bench.update(&one, 1).unwrap();
    bench.update(&two, 2).unwrap();
    assert_eq!(it::read(&bench.root()), two);
    bench.update(&one, 3).unwrap();
    assert_eq!(it::read(&bench.root()), one);
    it::write(&bench.root(), &tree(&[("b/mine", file("mine"))]));
    let refused = bench.update(&two, 4).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InTheWay, "{refused}");
    let mut wanted = one;
    wanted.insert("b/mine".to_owned(), file("mine"));
    assert_eq!(it::read(&bench.root()), wanted);
}

/// A80: exec bits and links are kept, also where only the mode changes.
#[cfg(unix)]
#[test]
fn modes_and_links_are_kept() {
    let bench = Bench::new();
    let one =
        tree(&[("run", file("script")), ("v1/lib", file("1")), ("current", Node::Link("v1/lib".to_owned()))]);
    let two = tree(&[
        ("run", program("script")),
        ("v1/lib", file("1")),
        ("v2/lib", file("2")),
        ("current", Node::Link("v2/lib".to_owned())),
        ("sub/up", Node::Link("../run".to_owned())),
    ]);
    bench.update(&one, 1).unwrap();
    assert_eq!(it::read(&bench.root()), one);
    bench.update(&two, 2).unwrap();
    assert_eq!(it::read(&bench.root()), two);
}

/// A folder that the user replaced by a link leads out of the install: nothing is written through it.
#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link_of_the_user() {
    let bench = Bench::new();
    bench.update(&first(), 1).unwrap();
    let outside = bench.dir.path().join("outside");
    fs::rename(bench.root().join("lib"), &outside).unwrap();
    fsx::symlink(outside.to_str().unwrap(), &bench.root().join("lib")).unwrap();
    let before = it::read(&bench.root());
    let refused = bench.update(&second(), 2).unwrap_err();
    assert!(refused.message.contains("lib"), "{refused}");
    assert_eq!(it::read(&bench.root()), before);
    assert_eq!(fs::read(outside.join("a.txt")).unwrap(), b"a1");
}

/// A78: a program that runs from the install is replaced all the same.
#[cfg(target_os = "linux")]
#[test]
fn a_running_program_is_replaced() {
    let bench = Bench::new();
    let sleep = ["/bin/sleep", "/usr/bin/sleep"].into_iter().find_map(|path| fs::read(path).ok()).unwrap();
    let one = tree(&[("bin/app", Node::File(sleep, 0o755)), ("run", file("1"))]);
    bench.update(&one, 1).unwrap();
    let mut child = std::process::Command::new(bench.root().join("bin/app")).arg("60").spawn().unwrap();
    let two = tree(&[("bin/app", program("app 2")), ("run", file("2"))]);
    let done = bench.update(&two, 2);
    child.kill().unwrap();
    child.wait().unwrap();
    done.unwrap();
    assert_eq!(it::read(&bench.root()), two);
}

/// A81: the second updater says who is at work and does nothing.
#[test]
fn a_second_updater_is_told_who_is_at_work() {
    let bench = Bench::new();
    let guard = bench.install().lock("update").unwrap();
    let error = bench.install().lock("update").unwrap_err();
    let LockError::Held { owner: Some(owner), .. } = &error else { panic!("{error}") };
    assert_eq!(owner.process.pid, std::process::id());
    assert!(error.to_string().contains("update"), "{error}");
    drop(guard);
    bench.install().lock("update").unwrap();
}

/// A82: the release before comes back without a network, and the user's files stay. A83: the one that was
/// left is in quarantine.
#[test]
fn rollback_brings_back_the_release_before() {
    let bench = Bench::new();
    bench.update(&first(), 1).unwrap();
    fs::write(bench.root().join("lib/a.txt"), "my own").unwrap();
    let before = it::read(&bench.root());
    bench.update(&second(), 2).unwrap();
    it::write(&bench.root(), &tree(&[("plugins/mine", file("mine"))]));
    let install = bench.install();
    let guard = install.lock("rollback").unwrap();
    let done = install.rollback(&guard, HostGone::nobody(), &bench.stub(), true, &|_, _, _| {}).unwrap();
    assert_eq!(done.to.number, ReleaseNumber(1));
    let mut wanted = before;
    wanted.insert("plugins/mine".to_owned(), file("mine"));
    assert_eq!(it::read(&bench.root()), wanted);
    assert_eq!(done.record.quarantine, [(ReleaseNumber(2), it::release(&second(), 2).1)]);
    assert!(!install.can_roll_back(&done.record));
    install.rollback(&guard, HostGone::nobody(), &bench.stub(), true, &|_, _, _| {}).unwrap_err();
}

/// A54: too little room is said before the download, with both numbers.
#[test]
fn too_little_room_is_said_first() {
    let bench = Bench::new();
    let guard = bench.install().lock("test").unwrap();
    let (manifest, digest) = it::release(&second(), 2);
    let mut plan = it::plan_for(&guard, &manifest, digest).unwrap();
    for item in &mut plan.items {
        if let Way::Whole(content) = &mut item.way {
            content.size = u64::MAX / 2;
        }
    }
    let error = bench.install().preflight(&plan).unwrap_err();
    let PreflightError::Space { needed, free, .. } = error else { panic!("{error}") };
    assert!(needed > free && free > 0);
}

/// A54: what an earlier try has fetched needs no room again; the holes of a part whose last piece came first still do.
#[test]
fn what_has_come_already_needs_no_room_again() {
    let bench = Bench::new();
    let install = bench.install();
    let guard = install.lock("test").unwrap();
    let (manifest, digest) = it::release(&second(), 2);
    let mut plan = it::plan_for(&guard, &manifest, digest).unwrap();
    for item in &mut plan.items {
        if let Way::Whole(content) = &mut item.way {
            content.size = 1 << 50;
        }
    }
    let needed = || match install.preflight(&plan).unwrap_err() {
        PreflightError::Space { needed, .. } => needed,
        error => panic!("{error}"),
    };
    let all = needed();
    fs::create_dir_all(install.partial_dir()).unwrap();
    fs::write(install.partial_dir().join("half.part"), vec![7; 3_000_000]).unwrap();
    let rest = needed();
    assert!((3_000_000..3_100_000).contains(&(all - rest)), "{all} {rest}");
    let holes = fs::File::create(install.partial_dir().join("holes.part")).unwrap();
    holes.set_len(1 << 30).unwrap();
    assert!(rest - needed() < 1 << 20, "a hole takes no room, and will");
}

#[test]
fn a_release_never_touches_the_updaters_own_state() {
    let bench = Bench::new();
    let evil = tree(&[("Updater/STATE/installed.json", file("{}"))]);
    let refused = bench.update(&evil, 1).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Malformed, "{refused}");
    assert_eq!(bench.installed(), 0);
}

/// A70: wrong or missing content never gets past the stage, nor does a file that changed since.
#[test]
fn what_is_not_whole_is_not_switched_in() {
    let bench = Bench::new();
    bench.update(&first(), 1).unwrap();
    let install = bench.install();
    let guard = install.lock("test").unwrap();
    let (manifest, digest) = it::release(&second(), 2);
    let plan = it::plan_for(&guard, &manifest, digest).unwrap();
    let record = guard.record().unwrap().record;
    let stub = bench.stub();
    let job = Job { plan: &plan, manifest: &manifest, record: &record, stub: &stub };
    let wrong = bench.dir.path().join("wrong");
    fs::write(&wrong, "wrong").unwrap();
    install.stage(&guard, &job, &|_| None, &|_, _, _| {}).unwrap_err();
    install.stage(&guard, &job, &|_| Some(wrong.clone()), &|_, _, _| {}).unwrap_err();
    let from = bench.dir.path().join("from");
    it::write(&from, &second());
    let fetched = |digest: &Digest| {
        let file = manifest.regular().find(|file| file.sha256 == *digest)?;
        Some(file.path.under(&from))
    };
    let stage = install.stage(&guard, &job, &fetched, &|_, _, _| {}).unwrap();
    fs::write(bench.root().join("lib/a.txt"), "changed meanwhile").unwrap();
    let error = install.swap(&guard, stage, HostGone::nobody(), &|_, _, _| {}).unwrap_err();
    assert!(error.is_old_whole() && error.to_string().contains("lib/a.txt"), "{error}");
    let mut wanted = first();
    wanted.insert("lib/a.txt".to_owned(), file("changed meanwhile"));
    assert_eq!(it::read(&bench.root()), wanted);
}

/// A37: what lies in the install under another name is not fetched.
#[test]
fn a_renamed_file_is_taken_from_the_install() {
    let bench = Bench::new();
    bench.update(&tree(&[("a", file("content"))]), 1).unwrap();
    let guard = bench.install().lock("test").unwrap();
    let (manifest, digest) = it::release(&tree(&[("b", file("content"))]), 2);
    let plan = it::plan_for(&guard, &manifest, digest).unwrap();
    let add = plan.items.iter().find(|item| item.action == Action::Add).unwrap();
    assert_eq!(add.way, Way::Local("a".parse().unwrap()));
    drop(guard);
    bench.update(&tree(&[("b", file("content"))]), 2).unwrap();
    assert_eq!(it::read(&bench.root()), tree(&[("b", file("content"))]));
}

#[test]
fn a_damaged_record_is_set_aside_and_told_of() {
    let bench = Bench::new();
    bench.update(&first(), 1).unwrap();
    let state = bench.install().state_dir();
    fs::write(state.join("installed.json"), "{\"format\": 1, \"rec").unwrap();
    let guard = bench.install().lock("test").unwrap();
    let loaded = guard.record().unwrap();
    assert!(loaded.damage.is_some() && loaded.record.receipt.number == ReleaseNumber(0));
    assert!(state.join("installed.json.damaged").exists());
    fs::write(state.join("installed.json"), "{\"format\": 2, \"new\": true}").unwrap();
    let error = guard.record().unwrap_err();
    assert!(error.to_string().contains("format 2"), "{error}");
}

/// Random pairs of trees: the result is the target, what is not listed is untouched.
mod any_pair {
    use proptest::prelude::*;

    use super::*;

    /// `UPDRAFT_TREES=10000` tries as many.
    fn cases() -> u32 {
        std::env::var("UPDRAFT_TREES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300)
    }

    fn some_tree() -> impl Strategy<Value = Tree> {
        let name = prop::sample::select(vec!["a", "b", "c/a", "c/b", "c/d/a", "bin/app", "bin/b", "e/f/g"]);
        let node = prop_oneof![
            8 => (0_u8..4, any::<bool>()).prop_map(|(byte, exec)| {
                Node::File(vec![byte; byte.into()], if exec { it::EXEC } else { 0o644 })
            }),
            1 => Just(Node::Link("a".to_owned())),
        ];
        prop::collection::btree_map(name.prop_map(str::to_owned), node, 0..8).prop_map(|mut tree| {
            // A link at `a` to itself and links climbing nowhere are the manifest's matter, not ours.
            if tree.get("a") == Some(&Node::Link("a".to_owned())) {
                tree.insert("a".to_owned(), file("a"));
            }
            if cfg!(not(unix)) {
                tree.retain(|_, node| !matches!(node, Node::Link(_)));
            }
            tree
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn becomes_the_target(one in some_tree(), two in some_tree(), own in 0_u8..3) {
            let bench = Bench::in_memory();
            bench.update(&one, 1).unwrap();
            let own = match own {
                0 => Tree::new(),
                1 => tree(&[("c/own", file("own"))]),
                _ => tree(&[("e/f/own", file("own")), ("top", file("own"))]),
            };
            it::write(&bench.root(), &own);
            let mut before = it::read(&bench.root());
            bench.update(&two, 2).unwrap();
            let mut wanted = two;
            wanted.extend(own);
            let found = it::read(&bench.root());
            prop_assert_eq!(&found, &wanted);
            let install = bench.install();
            let guard = install.lock("test").unwrap();
            if install.can_roll_back(&guard.record().unwrap().record) {
                install
                    .rollback(&guard, HostGone::nobody(), &bench.stub(), false, &|_, _, _| {})
                    .unwrap();
                // A folder is made again only for what belongs in it.
                let mut after = it::read(&bench.root());
                before.retain(|_, node| *node != Node::Folder);
                after.retain(|_, node| *node != Node::Folder);
                prop_assert_eq!(after, before);
            }
        }
    }
}
