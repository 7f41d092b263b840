//! `serve.toml`: a server's plan as a file. Paths in it are relative to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::fsx;
use crate::publish::{Effort, Order, Place, Watch, keys_folder};
use crate::release::{Channel, Platform, Version};

use super::error::ServeError;
use super::listen::Limits;
use super::log::LogTo;
use super::plan::{Admin, Desk, Plan, Projects};
use super::tls::TlsFiles;

/// Most bytes of a configuration.
const MAX_FILE: u64 = 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "public")]
    listen: SocketAddr,
    #[serde(default)]
    behind_proxy: bool,
    tls: Option<Tls>,
    admin: Option<Console>,
    #[serde(default)]
    limits: Bounds,
    #[serde(default)]
    access_log: Log,
    projects: BTreeMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Console {
    #[serde(default = "console")]
    listen: SocketAddr,
    token: Option<PathBuf>,
    #[serde(default)]
    hosts: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Bounds {
    connections: Option<usize>,
    header_seconds: Option<u64>,
    idle_seconds: Option<u64>,
    stop_seconds: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Log {
    file: Option<PathBuf>,
    off: bool,
    anonymous: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    repository: PathBuf,
    keys: Option<PathBuf>,
    build: Option<Build>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    folder: PathBuf,
    #[serde(default)]
    watch: bool,
    channel: Option<Channel>,
    platform: Option<Platform>,
    version: Option<String>,
    settle_seconds: Option<f64>,
    poll_seconds: Option<f64>,
    #[serde(default)]
    exclude: Vec<String>,
    start: Option<String>,
    #[serde(default)]
    fast: bool,
}

fn public() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 4530))
}

fn console() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 4531))
}

impl Plan {
    /// Reads a configuration.
    ///
    /// # Errors
    /// If it can't be read, or says something that is not known or not allowed.
    pub fn read(file: &Path) -> Result<Self, ServeError> {
        let bytes = fsx::read(file, MAX_FILE)?;
        let bad = |why: String| ServeError::Config { file: file.to_path_buf(), why };
        let text = String::from_utf8(bytes).map_err(|_why| bad("it is not UTF-8 text".to_owned()))?;
        let parsed: File = toml::from_str(&text).map_err(|error| bad(error.to_string().trim().to_owned()))?;
        let base = file.parent().unwrap_or(Path::new("")).to_path_buf();
        plan(parsed, &base, file).map_err(bad)
    }
}

fn plan(parsed: File, base: &Path, file: &Path) -> Result<Plan, String> {
    let usual = Limits::default();
    let Bounds { connections, header_seconds, idle_seconds, stop_seconds } = parsed.limits;
    let seconds = |given: Option<u64>, usual: Duration| given.map_or(usual, Duration::from_secs);
    let limits = Limits {
        connections: connections.unwrap_or(usual.connections),
        header: seconds(header_seconds, usual.header),
        idle: seconds(idle_seconds, usual.idle),
        patience: seconds(stop_seconds, usual.patience),
    };
    if limits.connections == 0 || limits.header.is_zero() || limits.idle.is_zero() {
        return Err("a limit of 0 would let nobody in".to_owned());
    }
    let log = match (parsed.access_log.off, parsed.access_log.file) {
        (true, Some(_)) => return Err("access_log has both a file and off".to_owned()),
        (true, None) => LogTo::Nowhere,
        (false, Some(path)) => LogTo::File(base.join(path)),
        (false, None) => LogTo::Output,
    };
    let usual_token = fsx::sibling(file, ".token");
    let admin = parsed.admin.map(|Console { listen, token, hosts }| {
        let token = token.map_or(usual_token, |token| base.join(token));
        Admin { listen, token, hosts }
    });
    let projects = parsed.projects.into_iter().map(|(name, entry)| {
        let desk = desk(&entry, base).map_err(|why| format!("projects.{name}: {why}"))?;
        Ok((name, base.join(entry.repository), desk))
    });
    Ok(Plan {
        listen: parsed.listen,
        tls: parsed.tls.map(|Tls { certificate, key }| TlsFiles {
            certificate: base.join(certificate),
            key: base.join(key),
        }),
        admin,
        limits,
        log,
        anonymous: parsed.access_log.anonymous,
        behind_proxy: parsed.behind_proxy,
        projects: Projects::Named(projects.collect::<Result<_, String>>()?),
    })
}

fn desk(entry: &Entry, base: &Path) -> Result<Desk, String> {
    let repository = base.join(&entry.repository);
    let keys = entry.keys.as_ref().map(|keys| base.join(keys));
    let Some(build) = &entry.build else { return Ok(Desk { keys, build: None, watched: false }) };
    let keys = match keys {
        Some(keys) => keys,
        None => keys_folder(&Place::from(&repository), None).map_err(|error| error.to_string())?,
    };
    let seconds = |name: &str, value: f64| {
        let is_good = (0.1..=86_400.0).contains(&value);
        if is_good {
            Ok(Duration::from_secs_f64(value))
        } else {
            Err(format!("{name} is not from 0.1 to 86400"))
        }
    };
    let any: Version = "0".parse().map_err(|why| format!("{why}"))?;
    let order = Order {
        channel: build.channel.clone().unwrap_or_else(Channel::stable),
        platform: build.platform.clone().unwrap_or_else(Platform::current),
        exclude: build.exclude.clone(),
        start: build.start.clone(),
        keys: Some(keys.clone()),
        effort: if build.fast { Effort::Fast } else { Effort::Small },
        ..Order::new(base.join(&build.folder), repository, any)
    };
    let watch = Watch {
        order,
        version: build.version.as_deref().unwrap_or("patch").parse()?,
        settle: seconds("settle_seconds", build.settle_seconds.unwrap_or(5.0))?,
        poll: build.poll_seconds.map(|often| seconds("poll_seconds", often)).transpose()?,
    };
    Ok(Desk { keys: Some(keys), build: Some(watch), watched: build.watch })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Plan, String> {
        let parsed: File = toml::from_str(text).map_err(|error| error.to_string())?;
        plan(parsed, Path::new("/etc/updraft"), Path::new("/etc/updraft/serve.toml"))
    }

    #[test]
    fn what_is_not_said_is_as_usual_and_paths_are_beside_the_file() {
        let plan = read("[projects.A]\nrepository = \"repo\"\n[admin]\n").unwrap();
        assert_eq!((plan.listen, plan.limits), (public(), Limits::default()));
        let admin = plan.admin.unwrap();
        assert_eq!(admin.token, Path::new("/etc/updraft/serve.toml.token"));
        let Projects::Named(named) = plan.projects else { panic!("named") };
        assert_eq!((named[0].0.as_str(), named[0].1.as_path()), ("A", Path::new("/etc/updraft/repo")));
        assert!(named[0].2.keys.is_none(), "nothing is signed unless that is said");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("lisen = 1", "lisen"),
            ("listen = \"x\"\n[projects.A]\nrepository = \"r\"", "listen"),
            ("[limits]\nconnections = 0\n[projects.A]\nrepository = \"r\"", "limit of 0"),
            (
                "[projects.A]\nrepository = \"r\"\n[projects.A.build]\nfolder = \"b\"\nversion = \"x\"",
                "projects.A",
            ),
            (
                "[projects.A]\nrepository = \"r\"\n[projects.A.build]\nfolder = \"b\"\nsettle_seconds = -1.0",
                "settle",
            ),
            ("[access_log]\noff = true\nfile = \"x\"\n[projects.A]\nrepository = \"r\"", "access_log"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
