//! A real browser: Debian's chromium, driven through its WebDriver.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "pictures are written by the test")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::serve::{Answer, parse};
use crate::support::world::{free_port, wait_for};

/// A browser window that is closed with the test.
pub(crate) struct Browser {
    driver: Child,
    addr: SocketAddr,
    session: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            drive(self.addr, "DELETE", &self.session, "");
        }
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

impl Browser {
    /// Nothing where there is no browser; that is an error if `UPDRAFT_TEST_ALL` is set.
    pub(crate) fn open(profile: &Path) -> Option<Self> {
        let program = ["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver"];
        let Some(program) = program.into_iter().find(|path| Path::new(path).exists()) else {
            let text =
                "pages in a browser NOT PROVEN: no chromedriver (Debian: apt install chromium-driver)\n";
            std::io::stderr().write_all(text.as_bytes()).unwrap();
            assert!(std::env::var_os("UPDRAFT_TEST_ALL").is_none(), "{text}");
            return None;
        };
        let port = free_port();
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = Command::new(program);
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = command.spawn().unwrap();
        wait_for("the driver", || TcpStream::connect(addr).is_ok());
        let mut browser = Self { driver, addr, session: String::new() };
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--lang=en-US",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": args}}}});
        let made = browser.send("POST", "/session", &wanted);
        browser.session = format!("/session/{}", made["sessionId"].as_str().unwrap());
        Some(browser)
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let text = if method == "GET" { String::new() } else { body.to_string() };
        let path = format!("{}{path}", self.session);
        let answer = drive(self.addr, method, &path, &text);
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer.status, 200, "{path} {text}: {said}");
        said["value"].clone()
    }

    /// Goes to an address.
    pub(crate) fn go(&self, url: &str) {
        self.send("POST", "/url", &json!({"url": url}));
    }

    pub(crate) fn url(&self) -> String {
        self.send("GET", "/url", &Value::Null).as_str().unwrap().to_owned()
    }

    pub(crate) fn find(&self, css: &str) -> String {
        let mut found = None;
        wait_for(css, || {
            let elements = self.send("POST", "/elements", &json!({"using": "css selector", "value": css}));
            found = elements.as_array().unwrap().first().cloned();
            found.is_some()
        });
        let element = found.unwrap();
        element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    pub(crate) fn click(&self, css: &str) {
        let element = self.find(css);
        self.send("POST", &format!("/element/{element}/click"), &json!({}));
    }

    pub(crate) fn fill(&self, css: &str, text: &str) {
        let element = self.find(css);
        self.send("POST", &format!("/element/{element}/clear"), &json!({}));
        self.send("POST", &format!("/element/{element}/value"), &json!({"text": text}));
    }

    pub(crate) fn text(&self, css: &str) -> String {
        let element = self.find(css);
        self.send("GET", &format!("/element/{element}/text"), &Value::Null).as_str().unwrap().to_owned()
    }

    pub(crate) fn run(&self, script: &str) -> Value {
        self.send("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Presses and releases a key.
    pub(crate) fn press(&self, key: &str) {
        let keys = [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})];
        self.send("POST", "/actions", &json!({"actions": [{"type": "key", "id": "keys", "actions": keys}]}));
    }

    fn tell(&self, command: &str, parameters: &Value) {
        self.send("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": parameters}));
    }

    /// Sets width, colours and language of the window.
    pub(crate) fn wear(&self, width: u32, scheme: &str, language: &str) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.tell("Emulation.setDeviceMetricsOverride", &metrics);
        self.tell("Emulation.setScrollbarsHidden", &json!({"hidden": true}));
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tell("Emulation.setEmulatedMedia", &features);
        let agent = self.run("return navigator.userAgent");
        self.tell("Emulation.setUserAgentOverride", &json!({"userAgent": agent, "acceptLanguage": language}));
    }

    /// Keeps a picture of the whole page, and sees that nothing sticks out at the side.
    pub(crate) fn picture(&self, name: &str) {
        let over = self.run("return document.documentElement.scrollWidth - window.innerWidth");
        assert!(over.as_i64().unwrap() <= 0, "{name}: the page is {over} px too wide");
        let shot = json!({"cmd": "Page.captureScreenshot", "params": {"captureBeyondViewport": true, "format": "png"}});
        let said = self.send("POST", "/goog/cdp/execute", &shot);
        let bytes = base64::engine::general_purpose::STANDARD.decode(said["data"].as_str().unwrap()).unwrap();
        fs::write(artefacts().join(format!("{name}.png")), bytes).unwrap();
    }
}

/// One command to the driver, which keeps its connections open.
fn drive(addr: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    let (mut bytes, mut block) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let read = stream.read(&mut block).unwrap();
        bytes.extend_from_slice(&block[..read]);
        let is_whole = bytes.windows(4).any(|four| four == b"\r\n\r\n") && {
            let answer = parse(&bytes);
            answer.header("content-length").is_some_and(|length| answer.body.len() >= length.parse().unwrap())
        };
        if read == 0 || is_whole {
            return parse(&bytes);
        }
    }
}

fn artefacts() -> PathBuf {
    let kept = std::env::var_os("UPDRAFT_ARTEFACTS").map(PathBuf::from);
    let folder = kept.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("console"));
    fs::create_dir_all(&folder).unwrap();
    folder
}
