//! The console through its listener: who gets in, which forms count, and what buttons do.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test looks at files by itself")]

use std::fs;
use std::net::SocketAddr;

use crate::operate::Server;
use crate::serve::{Answer, ask, ask_with};
use crate::support::world::{World, expect, free_port, wait_for, write};

/// A world with a repository, a server and its console.
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) server: Server,
    pub(crate) admin: SocketAddr,
    pub(crate) token: String,
}

impl Desk {
    /// Two releases on `stable`, the build one step on, and a console that may publish it.
    pub(crate) fn new() -> Self {
        let mut world = World::new();
        write(world.build().join("app.txt"), "one");
        write(world.build().join("data/说明.txt"), "中文");
        write(world.build().join("data/old.bin"), vec![7; 40_000]);
        world.publish("1.0", &["--exclude", "*.log"]);
        write(world.build().join("app.txt"), "two, a little longer");
        write(world.build().join("data/new.bin"), vec![9; 120_000]);
        fs::remove_file(world.build().join("data/old.bin")).unwrap();
        let notes = [world.path("notes.en.md"), world.path("notes.zh-CN.md")];
        write(&notes[0], "## What is new\n\n- The start is faster.\n- `data/new.bin` was added.\n");
        write(&notes[1], "## 新功能\n\n- 启动更快。\n");
        let notes = notes.map(|path| path.to_str().unwrap().to_owned());
        world.publish("1.1", &["--rollout", "25%", "--rollout-hours", "48", "--notes", &notes[0], &notes[1]]);
        let (repo, build, keys, token) =
            (world.repo(), world.build(), world.keys(), world.path("console-token"));
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        let server = Server::begin(&[
            &text(&repo),
            "--listen",
            "127.0.0.1:{port}",
            "--quiet",
            "--behind-proxy",
            "--admin",
            &address,
            "--admin-token",
            &text(&token),
            "--build",
            &text(&build),
            "--keys",
            &text(&keys),
            "--fast",
            "--platform",
            "any",
        ]);
        world.source = server.addr.to_string();
        let token = fs::read_to_string(token).unwrap().trim().to_owned();
        Self { world, server, admin: address.parse().unwrap(), token }
    }

    fn enter(&self) -> Visitor<'_> {
        let origin = format!("http://{}", self.admin);
        let body = format!("token={}", self.token);
        let answer = ask_with(self.admin, "POST", "/login", &form(&origin), &body);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let mut visitor = Visitor { desk: self, origin, cookie, mark: String::new() };
        let page = visitor.get("/");
        let mark = page.split("name=\"mark\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        mark.clone_into(&mut visitor.mark);
        visitor
    }
}

fn form(origin: &str) -> [(&str, &str); 2] {
    [("Origin", origin), ("Content-Type", "application/x-www-form-urlencoded")]
}

/// Somebody who has logged in.
struct Visitor<'a> {
    desk: &'a Desk,
    origin: String,
    cookie: String,
    mark: String,
}

impl Visitor<'_> {
    fn ask(&self, path: &str) -> Answer {
        ask(self.desk.admin, "GET", path, &[("Cookie", &self.cookie)])
    }

    fn get(&self, path: &str) -> String {
        let answer = self.ask(path);
        assert_eq!(answer.status, 200, "{path}");
        String::from_utf8(answer.body).unwrap()
    }

    fn post(&self, path: &str, fields: &str) -> Answer {
        let [origin, kind] = form(&self.origin);
        let body = format!("mark={}&{fields}", self.mark);
        ask_with(self.desk.admin, "POST", path, &[origin, kind, ("Cookie", &self.cookie)], &body)
    }

    /// Sends a form, follows to the page it leads to, and gives the sentence there.
    fn does(&self, path: &str, fields: &str) -> String {
        let answer = self.post(path, fields);
        assert_eq!(answer.status, 303, "{path}: {}", String::from_utf8_lossy(&answer.body));
        let mut place = answer.header("location").unwrap().to_owned();
        loop {
            let answer = self.ask(&place);
            if answer.status == 303 {
                answer.header("location").unwrap().split('#').next().unwrap().clone_into(&mut place);
                continue;
            }
            let page = String::from_utf8(answer.body).unwrap();
            if let Some(sentence) = page.split("role=\"status\">").nth(1) {
                return sentence.split("</div>").next().unwrap().to_owned();
            }
            if !place.ends_with("/job") {
                return page;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

/// A09: nobody gets in without the token, no page of another site can press a button, and the console's listener
/// hands out no file.
#[test]
fn only_the_token_opens_the_console_and_only_its_own_forms_count() {
    let desk = Desk::new();
    let admin = desk.admin;
    let origin = format!("http://{admin}");
    let before = crate::vendor::files(&desk.world.repo());
    for path in ["/", "/p/-", "/p/-/publish", "/p/-/clients", "/p/-/r/stable/any/1", "/p/-/job"] {
        let answer = ask(admin, "GET", path, &[("Cookie", "updraft-console=guess")]);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/login")), "{path}");
        assert!(answer.body.is_empty());
    }
    let halt = "/p/-/r/stable/any/2/halt";
    assert_eq!(ask_with(admin, "POST", halt, &form(&origin), "x=1").status, 403);
    let login = ask(admin, "GET", "/login", &[]);
    let policy = login.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(login.header("x-frame-options"), Some("DENY"));
    assert_eq!(login.header("cache-control"), Some("no-store"));
    let wrong = ask_with(admin, "POST", "/login", &form(&origin), "token=guess");
    assert!(wrong.status == 403 && wrong.header("set-cookie").is_none());
    let visitor = desk.enter();
    // Under another name, from another page, or without the mark of the session, nothing happens.
    let [own, kind] = form(&origin);
    let cookie = ("Cookie", visitor.cookie.as_str());
    let body = format!("mark={}", visitor.mark);
    let try_it = |headers: &[(&str, &str)], body: &str| ask_with(admin, "POST", halt, headers, body).status;
    assert_eq!(try_it(&[own, kind, cookie, ("Host", "evil.example")], &body), 421);
    assert_eq!(try_it(&[("Origin", "http://evil.example"), kind, cookie], &body), 403);
    assert_eq!(try_it(&[("Origin", "null"), kind, cookie], &body), 403);
    assert_eq!(try_it(&[kind, cookie], &body), 403);
    assert_eq!(try_it(&[("Sec-Fetch-Site", "cross-site"), kind, cookie], &body), 403);
    assert_eq!(try_it(&[own, kind, cookie], "mark=guess"), 403);
    assert_eq!(try_it(&[own, kind, cookie], "y=1"), 403);
    for path in [
        "/metadata/timestamp.json",
        "/../keys/release.key",
        "/static/../console-token",
        "/p/x",
        "/p/-/r/a/b/9",
    ] {
        let answer = ask(admin, "GET", path, &[cookie]);
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
    }
    assert_eq!(crate::vendor::files(&desk.world.repo()), before);
    // After logging out the cookie opens nothing.
    assert_eq!(visitor.post("/logout", "").status, 303);
    assert_eq!(visitor.ask("/").status, 303);
    desk.server.end();
}

/// A66: no page shows a key or the token, nor does the server's own output.
#[test]
fn pages_show_releases_as_they_are_and_never_a_key() {
    let desk = Desk::new();
    let visitor = desk.enter();
    let project = visitor.get("/p/-");
    assert!(
        project.contains(">1.1</a>") && project.contains("stable") && project.contains("25"),
        "{project}"
    );
    let release = visitor.get("/p/-/r/stable/any/2");
    for part in [
        "data/new.bin",
        "120.0 kB",
        "badge added",
        "data/old.bin",
        "badge removed",
        "badge changed",
        "The start is faster",
        "启动更快",
        "1.0",
    ] {
        assert!(release.contains(part), "{part} is not in\n{release}");
    }
    let changes = visitor.get("/p/-/r/stable/any/2?show=changes&q=data");
    assert!(changes.contains("data/new.bin") && !changes.contains("说明") && !changes.contains(">app.txt<"));
    // An install that asks is seen with the release it has.
    desk.world.lay_updater();
    desk.world.update();
    expect(desk.world.updater().arg("check"), 0);
    let clients = visitor.get("/p/-/clients");
    assert!(
        clients.contains("<strong>1.0</strong>") || clients.contains("<strong>1.1</strong>"),
        "{clients}"
    );
    assert!(clients.contains("digest of the address"));
    let chinese =
        ask(desk.admin, "GET", "/p/-/clients", &[("Cookie", &visitor.cookie), ("Accept-Language", "zh-CN")]);
    assert!(String::from_utf8(chinese.body).unwrap().contains("客户端"));
    let mut secrets = vec![desk.token.clone()];
    for name in ["root-1", "root-2", "release", "online"] {
        let key = fs::read_to_string(desk.world.keys().join(format!("{name}.key"))).unwrap();
        secrets.push(crate::operate::secret_of(&key));
    }
    let pages = [
        "/",
        "/p/-",
        "/p/-/publish",
        "/p/-/clients",
        "/p/-/r/stable/any/1",
        "/p/-/r/stable/any/2/withdraw",
        "/metrics",
    ];
    let all: String = pages.iter().map(|path| visitor.get(path)).chain([desk.server.all()]).collect();
    for secret in secrets {
        assert!(!all.contains(&secret));
    }
    desk.server.end();
}

/// A02, A10: scan, publish, set rollout, halt, resume, withdraw and promote from the console reach an install, with
/// urgency, minimum, notes and rollout as they were given.
#[test]
fn what_the_console_does_reaches_an_install() {
    let desk = Desk::new();
    let (visitor, world) = (desk.enter(), &desk.world);
    write(world.build().join("app.txt"), "three");
    write(world.build().join("added"), "x");
    let found = visitor.does("/p/-/scan", "");
    assert!(
        found.contains("1 changed") && found.contains("1 added") && found.contains("0 removed"),
        "{found}"
    );
    assert!(found.contains("value=\"1.2\""), "the next version is put forward");
    let fields = "version=2.0&urgency=forced&minimum=1.1&percent=100&hours=0\
        &notes-en=Now+%3Cbold%3E&notes-zh=%E4%B8%AD%E6%96%87&language=de&notes-other=Neu";
    let done = visitor.does("/p/-/publish", fields);
    assert_eq!(done, "Published 2.0 as r3: 1 changed, 1 added, 0 removed.");
    let page = visitor.get("/p/-/r/stable/any/3");
    assert!(page.contains("Now &lt;bold&gt;") && page.contains("中文") && page.contains("Neu"), "{page}");
    let again = visitor.does("/p/-/publish", "version=2.1&percent=100");
    assert_eq!(again, "Nothing changed: the folder is 2.0 already. No release was made.");
    world.lay_updater();
    let check = |code: i32| expect(world.updater().args(["check", "--json"]), code);
    let said = check(11);
    assert!(said.contains("\"2.0\"") && said.contains("Now <bold>") && said.contains("forced"), "{said}");
    let at = |action: &str| format!("/p/-/r/stable/any/3/{action}");
    assert!(visitor.does(&at("halt"), "").starts_with("2.0 is halted"));
    assert!(!check(10).contains("\"2.0\""));
    assert!(visitor.does(&at("resume"), "").starts_with("2.0 goes on"));
    assert!(check(11).contains("\"2.0\""));
    let set = visitor.does(&at("rollout"), "percent=12.5&hours=24");
    assert_eq!(set, "2.0 goes to 12.5 % of the installs now and grows evenly to everybody within 24 hours.");
    assert!(visitor.does(&at("rollout"), "percent=120&hours=24").starts_with("Not done"));
    assert_eq!(visitor.does(&at("promote"), "to=beta"), "2.0 is now on beta as r1.");
    assert!(visitor.does(&at("promote"), "to=Not+A+Channel").starts_with("Not done"));
    assert!(visitor.get("/p/-/r/beta/any/1").contains("Now &lt;bold&gt;"));
    assert!(visitor.get(&at("withdraw")).contains("Withdraw 2.0?"));
    assert!(visitor.does(&at("withdraw"), "").starts_with("2.0 is withdrawn"));
    assert!(!check(10).contains("\"2.0\""));
    assert!(visitor.does(&at("restore"), "").contains("offered again"));
    assert_eq!(
        expect(crate::vendor::updraft().arg("verify").arg(world.repo()), 0).lines().last(),
        Some("All is as it was signed.")
    );
    desk.server.end();
}

/// A06: console and command line never write at once: the second is told, and nothing is torn.
#[test]
fn the_console_waits_for_nobody_and_tears_nothing() {
    let desk = Desk::new();
    let visitor = desk.enter();
    let lock = fs::File::options().write(true).open(desk.world.repo().join(".work/lock")).unwrap();
    lock.lock().unwrap();
    let before = crate::vendor::files(&desk.world.repo().join("metadata"));
    let busy = visitor.does("/p/-/r/stable/any/2/halt", "");
    assert!(busy.contains("another publisher is at work") && busy.contains("busy.publisher"), "{busy}");
    write(desk.world.build().join("app.txt"), "three");
    let busy = visitor.does("/p/-/publish", "version=3&percent=100");
    assert!(busy.contains("another publisher is at work"), "{busy}");
    assert_eq!(crate::vendor::files(&desk.world.repo().join("metadata")), before);
    drop(lock);
    assert!(visitor.does("/p/-/publish", "version=3&percent=100").starts_with("Published 3"));
    wait_for("the release", || visitor.get("/p/-").contains(">3</a>"));
    desk.server.end();
}
