//! The vendor's keys through the program: passphrases, CI, tokens, changes, and the drill as the page says it.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests look at the disk with their own eyes"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::support::world::{World, expect, updraft, write};

/// `updraft` without anything of this machine's own settings.
fn program(home: &Path) -> Command {
    let mut command = updraft();
    for name in
        ["UPDRAFT_KEYS", "UPDRAFT_PASSPHRASE", "UPDRAFT_SIGNER", "UPDRAFT_KEY_RELEASE", "UPDRAFT_KEY_ONLINE"]
    {
        command.env_remove(name);
    }
    command.env("HOME", home).env("XDG_CONFIG_HOME", home.join("config")).current_dir(home);
    command
}

fn has_openssl() -> bool {
    let there = Command::new("openssl").arg("version").output().is_ok();
    assert!(there || std::env::var_os("UPDRAFT_TEST_ALL").is_none(), "openssl is not installed");
    if !there {
        eprintln!("openssl is not installed, so nothing was tested with it");
    }
    there
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if path.is_dir() { copy_tree(&path, &to) } else { fs::copy(path, to).map(drop).unwrap() }
    }
}

/// A62, A67: the recovery drill of `docs/keys.md`, word by word. An install from before follows every change of keys, and
/// what a thief signs with an old key is refused.
#[test]
fn the_recovery_drill_is_as_the_page_says() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md")).unwrap();
    let drill = page.split_once("## The drill").unwrap().1;
    let blocks: Vec<&str> =
        drill.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 4);
    let world = World::new();
    let home = world.path("www");
    fs::rename(world.repo(), world.path("unused")).unwrap();
    write(home.join("build/version.txt"), "1.0");
    let mut installed = false;
    for (at, block) in blocks.iter().enumerate() {
        copy_if_there(&home.join("keys"), &world.path(&format!("keys-before-{at}")));
        copy_if_there(&home.join("repo"), &world.path(&format!("repo-before-{at}")));
        for line in block.lines() {
            let words: Vec<&str> = line.strip_prefix("$ ").unwrap().split(' ').collect();
            let mut command = if words[0] == "updraft" { program(&home) } else { Command::new(words[0]) };
            expect(command.args(&words[1..]).current_dir(&home), 0);
        }
        if !installed {
            installed = true;
            fs::rename(home.join("repo"), world.repo()).unwrap();
            world.lay_updater();
            fs::rename(world.repo(), home.join("repo")).unwrap();
            let settings = world.app().join("updater/updater.json");
            let text = fs::read_to_string(&settings).unwrap();
            let changed = text.replace(world.source.as_str(), home.join("repo").to_str().unwrap());
            fs::write(settings, changed.replace("\"App\"", "\"MyApp\"")).unwrap();
        } else {
            publish(&home, "repo", "keys", &format!("1.{at}"));
        }
        world.update();
        let wanted = if at == 0 { "1.0".to_owned() } else { format!("1.{at}") };
        assert_eq!(fs::read_to_string(world.app().join("version.txt")).unwrap(), wanted);
    }
    // The thief has the keys from before the online key was changed, and the web host.
    for (at, code) in [(2, "trust.")] {
        let (keys, repo) = (format!("../keys-before-{at}"), format!("../repo-before-{at}"));
        for round in 0..9 {
            publish(&home, &repo, &keys, &format!("6.{round}"));
        }
        let source = world.path(&format!("repo-before-{at}"));
        let refused = expect(world.updater().args(["check", "--source"]).arg(source), 40);
        assert!(refused.contains(code), "{refused}");
    }
    assert_eq!(fs::read_to_string(world.app().join("version.txt")).unwrap(), "1.3");
}

fn copy_if_there(from: &Path, to: &Path) {
    if from.exists() {
        copy_tree(from, to);
    }
}

fn publish(home: &Path, repo: &str, keys: &str, version: &str) {
    write(home.join("build/version.txt"), version);
    let words = ["publish", "build", "--to", repo, "--keys", keys, "--fast", "--version", version];
    expect(program(home).args(words), 0);
}

/// A66: keys lie in the user's own settings, under a passphrase that is asked for, given by file or by the
/// environment; openssl reads them; the repository and what is printed hold none of it.
#[test]
fn keys_lie_apart_under_a_passphrase_that_openssl_knows() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    write(home.join("pass"), "correct horse\n");
    write(home.join("build/a"), "a");
    let said =
        expect(program(home).args(["init", "repo", "--app", "My App", "--passphrase-file", "pass"]), 0);
    let keys = home.join("config/updraft/keys/My App");
    assert!(said.contains("under the passphrase") && said.contains(keys.to_str().unwrap()), "{said}");
    for name in ["root-1.key", "root-2.key", "release.key", "online.key"] {
        let mode = fs::metadata(keys.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        assert!(fs::read_to_string(keys.join(name)).unwrap().contains("BEGIN ENCRYPTED PRIVATE KEY"));
    }
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o700);
    let publish = ["publish", "build", "--to", "repo", "--version", "1"];
    let locked = expect(program(home).args(publish), 40);
    assert!(locked.contains("release.key is under a passphrase [key]"), "{locked}");
    let wrong = expect(program(home).args(publish).env("UPDRAFT_PASSPHRASE", "wrong"), 40);
    assert!(wrong.contains("that is not the passphrase of the key"), "{wrong}");
    expect(program(home).args(publish).env("UPDRAFT_PASSPHRASE", "correct horse"), 0);
    expect(program(home).args(["renew", "repo", "--passphrase-file", "pass"]), 0);
    let listed = expect(program(home).args(["key", "list", "repo"]), 0);
    assert_eq!(listed.matches("under a passphrase").count(), 4, "{listed}");
    if has_openssl() {
        let mut openssl = Command::new("openssl");
        openssl.args(["pkcs8", "-in"]).arg(keys.join("release.key")).args(["-passin", "pass:correct horse"]);
        let plain = expect(&mut openssl, 0);
        assert!(plain.contains("-----BEGIN PRIVATE KEY-----"), "{plain}");
        for (name, bytes) in crate::vendor::files(&home.join("repo")) {
            let secret = plain.lines().nth(1).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(secret), "{name}");
        }
        // What openssl wrote is a key as well.
        fs::write(home.join("release.pem"), &plain).unwrap();
        let mut command = program(home);
        command.args(["renew", "repo", "--passphrase-file", "pass"]);
        expect(command.env("UPDRAFT_KEY_RELEASE", plain), 0);
    }
}

/// A66: a folder with a private key of any repository is not published, whatever the file is called.
#[test]
fn a_folder_with_a_private_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    write(home.join("build/a"), "a");
    expect(program(home).args(["init", "repo", "--app", "App", "--keys", "keys", "--no-passphrase"]), 0);
    for (kind, more) in [("open", vec!["--no-passphrase"]), ("locked", vec!["--passphrase-file", "build/a"])]
    {
        expect(
            program(home)
                .args(["init", kind, "--app", "Other", "--keys", &format!("keys-{kind}")])
                .args(more),
            0,
        );
        fs::copy(home.join(format!("keys-{kind}/online.key")), home.join("build/innocent.dat")).unwrap();
        let words = ["publish", "build", "--to", "repo", "--keys", "keys", "--version", "1"];
        let refused = expect(program(home).args(words), 64);
        assert!(refused.contains("innocent.dat\u{bb} is one of the private keys"), "{refused}");
    }
    let inside = ["init", "x", "--app", "App", "--keys", "x/keys", "--no-passphrase"];
    assert!(expect(program(home).args(inside), 64).contains("must not lie in"));
}

/// CI has no folder of keys: the environment gives them, as they are or in base64.
#[test]
fn keys_come_from_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    write(home.join("build/a"), "a");
    expect(program(home).args(["init", "repo", "--app", "App", "--keys", "keys", "--no-passphrase"]), 0);
    let text = |name: &str| fs::read_to_string(home.join("keys").join(name)).unwrap();
    let (release, online) = (text("release.key"), text("online.key"));
    fs::rename(home.join("keys"), home.join("away")).unwrap();
    let publish = |version: &str, release: &str| {
        write(home.join("build/a"), version);
        let mut command = program(home);
        command.args(["publish", "build", "--to", "repo", "--version", version]);
        command.env("UPDRAFT_KEY_RELEASE", release).env("UPDRAFT_KEY_ONLINE", &online);
        command
    };
    expect(&mut publish("1", &release), 0);
    use base64::Engine as _;
    expect(&mut publish("2", &base64::engine::general_purpose::STANDARD.encode(&release)), 0);
    let bad = expect(&mut publish("3", "not a key"), 40);
    assert!(bad.contains("UPDRAFT_KEY_RELEASE can't be used: it is not a key file [key]"), "{bad}");
    assert!(!bad.contains("not a key\u{bb}"));
    let swapped = expect(&mut publish("3", &online), 40);
    assert!(
        swapped.contains("is a online key, not a release key") || swapped.contains("online key"),
        "{swapped}"
    );
}

/// A key that only a token has signs by a command: it is asked without a shell, and its answer is verified.
#[test]
fn a_command_signs_for_a_key_that_is_elsewhere() {
    if !has_openssl() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    write(home.join("build/a"), "a");
    expect(program(home).args(["init", "repo", "--app", "App", "--keys", "keys", "--no-passphrase"]), 0);
    expect(
        Command::new("openssl")
            .args(["genpkey", "-algorithm", "ed25519", "-out"])
            .arg(home.join("token.pem")),
        0,
    );
    let mut public = Command::new("openssl");
    expect(
        public
            .args(["pkey", "-pubout", "-in"])
            .arg(home.join("token.pem"))
            .arg("-out")
            .arg(home.join("token.pub")),
        0,
    );
    let script = "#!/bin/sh\nset -e\ncat > \"$1/message\"\nopenssl pkeyutl -sign -rawin -in \"$1/message\" -inkey \"$1/token.pem\" | base64\n";
    write(home.join("my token"), script);
    fs::set_permissions(home.join("my token"), fs::Permissions::from_mode(0o755)).unwrap();
    let signer = format!("\"{}\" {}", home.join("my token").display(), home.display());
    let mut rotate = program(home);
    rotate.args([
        "key",
        "rotate",
        "repo",
        "release",
        "--keys",
        "keys",
        "--public",
        "token.pub",
        "--signer",
        &signer,
    ]);
    let said = expect(&mut rotate, 0);
    assert!(said.contains("The new key is") && said.contains("retired-"), "{said}");
    assert!(!fs::read_to_string(home.join("keys/release.key")).unwrap().contains("PRIVATE"));
    let publish = ["publish", "build", "--to", "repo", "--keys", "keys", "--version", "1"];
    expect(program(home).args(publish), 0);
    expect(program(home).args(["verify", "repo"]), 0);
    // Without the file the command alone is enough: the repository knows the public half.
    fs::remove_file(home.join("keys/release.key")).unwrap();
    expect(program(home).args(["renew", "repo", "--keys", "keys", "--signer", &signer]), 0);
    for (bad, why) in
        [("cat", "not a signature"), ("false", "it ended with"), ("/no/such/program", "No such file")]
    {
        let refused = expect(program(home).args(["renew", "repo", "--keys", "keys", "--signer", bad]), 40);
        assert!(refused.contains("did not sign") && refused.contains(why), "{refused}");
    }
    expect(program(home).args(["verify", "repo"]), 0);
}

/// A62: root keys are added, asked for together, and revoked; too few at hand change nothing.
#[test]
fn root_keys_are_added_and_revoked_with_a_threshold() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    expect(program(home).args(["init", "repo", "--app", "App", "--keys", "keys", "--no-passphrase"]), 0);
    let key = |words: &[&str], code| {
        let mut command = program(home);
        command.arg("key").args(words).args(["--keys", "keys"]);
        expect(&mut command, code)
    };
    let said = key(&["add", "repo", "--threshold", "2", "--no-passphrase"], 0);
    assert!(said.contains("root-3.key"), "{said}");
    let listed = key(&["list", "repo"], 0);
    assert!(listed.contains("needs 2 of the root keys") && listed.matches("root  ").count() == 3, "{listed}");
    let before = crate::vendor::files(&home.join("repo"));
    fs::create_dir(home.join("away")).unwrap();
    for name in ["root-2.key", "root-3.key"] {
        fs::rename(home.join("keys").join(name), home.join("away").join(name)).unwrap();
    }
    let alone = key(&["rotate", "repo", "release", "--no-passphrase"], 40);
    assert!(alone.contains("needs 2 signatures") && alone.contains("1 are at hand"), "{alone}");
    assert_eq!(crate::vendor::files(&home.join("repo")), before);
    assert!(!home.join("keys/release.key.new").exists());
    let unclear = key(&["rotate", "repo", "root", "--no-passphrase"], 64);
    assert!(unclear.contains("not clear which root key"), "{unclear}");
    fs::rename(home.join("away/root-2.key"), home.join("keys/root-2.key")).unwrap();
    // The third is lost: it is the only one that is not at hand.
    let replaced = key(&["rotate", "repo", "root", "--no-passphrase"], 0);
    assert!(replaced.contains("root-3.key") && replaced.contains("counts no more"), "{replaced}");
    let listed: serde_json::Value = serde_json::from_str(&key(&["list", "repo", "--json"], 0)).unwrap();
    let first = listed["keys"][0]["id"].as_str().unwrap().to_owned();
    let few = key(&["revoke", "repo", &first, "--threshold", "3"], 64);
    assert!(few.contains("3 of 2 root keys can't sign"), "{few}");
    key(&["revoke", "repo", &first], 0);
    expect(program(home).args(["verify", "repo"]), 0);
}
