//! Debian's proxies, each with a user and a password.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test looks at files by itself")]

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::world::{Running, free_port, wait_for};

/// A program that is a proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Tinyproxy,
    Squid,
}

/// A running proxy; it lets in the user `me` with a password.
pub(crate) struct Proxy {
    _running: Running,
    kind: Kind,
    pub(crate) address: String,
    log: PathBuf,
}

impl Proxy {
    /// Starts one with its files in `place`; nothing where it is not installed. Tinyproxy must be there when
    /// `UPDRAFT_TEST_ALL` is set.
    pub(crate) fn start(kind: Kind, place: &Path) -> Option<Self> {
        let program = match kind {
            Kind::Tinyproxy => "/usr/bin/tinyproxy",
            Kind::Squid => "/usr/sbin/squid",
        };
        if !Path::new(program).exists() {
            let text = format!("A53 NOT PROVEN with {kind:?}: it is not installed\n");
            std::io::stderr().write_all(text.as_bytes()).unwrap();
            let all = std::env::var_os("UPDRAFT_TEST_ALL").is_some();
            assert!(!all || matches!(kind, Kind::Squid), "{text}");
            return None;
        }
        std::fs::create_dir_all(place).unwrap();
        let (port, log, config) = (free_port(), place.join("log"), place.join("conf"));
        std::fs::write(&log, "").unwrap();
        let mut command = Command::new(program);
        match kind {
            Kind::Tinyproxy => {
                std::fs::write(&config, tinyproxy(port, &log)).unwrap();
                command.args(["-d", "-c"]).arg(&config);
            }
            Kind::Squid => {
                // `openssl passwd -1 -salt updraft p@ss:word`
                std::fs::write(place.join("users"), "me:$1$updraft$jjwd456n1P.4S55Syqwwo1\n").unwrap();
                std::fs::write(&config, squid(port, place)).unwrap();
                open_to_all(place);
                command.args(["-N", "-f"]).arg(&config);
            }
        }
        let running = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let address = format!("127.0.0.1:{port}");
        wait_for(program, || TcpStream::connect(&address).is_ok());
        Some(Self { _running: running, kind, address, log })
    }

    /// Its address with user and password.
    pub(crate) fn url(&self) -> String {
        let password = match self.kind {
            // It knows letters and digits only.
            Kind::Tinyproxy => "passw0rd",
            Kind::Squid => "p%40ss%3Aword",
        };
        format!("http://me:{password}@{}", self.address)
    }

    /// Whether it was asked for anything with `text` in its line.
    pub(crate) fn saw(&self, text: &str) -> bool {
        std::fs::read_to_string(&self.log).unwrap().lines().any(|line| line.contains(text))
    }
}

fn tinyproxy(port: u16, log: &Path) -> String {
    format!(
        "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nMaxClients 50\nLogFile \"{}\"\n\
         LogLevel Connect\nBasicAuth me passw0rd\n",
        log.display()
    )
}

fn squid(port: u16, place: &Path) -> String {
    let place = place.display();
    format!(
        "http_port 127.0.0.1:{port}\nauth_param basic program /usr/lib/squid/basic_ncsa_auth {place}/users\n\
         acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\ncache deny all\n\
         access_log stdio:{place}/log\nbuffered_logs off\ncache_log {place}/cache.log\npid_filename none\n\
         coredump_dir {place}\nshutdown_lifetime 1 second\nnetdb_filename none\n"
    )
}

/// Squid gives up root for a user of its own.
fn open_to_all(place: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for path in place.ancestors().take(2) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    for entry in std::fs::read_dir(place).unwrap() {
        std::fs::set_permissions(entry.unwrap().path(), std::fs::Permissions::from_mode(0o666)).unwrap();
    }
}
