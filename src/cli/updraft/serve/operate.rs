//! `updraft serve` with all a vendor may want: TLS, several projects, a watched folder, the console.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::fsx;
use crate::publish::{Place, Watch, keys_folder};
use crate::release::Stamp;
use crate::report::{ErrorCode, Failure};
use crate::serve::{
    Admin, Desk, Event, Limits, LogTo, Plan, Projects, Reread, ServeError, TlsFiles, operate,
};

use super::super::watch::{How, tell};
use super::{Outcome, ServeArgs, cannot_start, fail, greet, hear_warnings, say};

/// What only vendors ask a server for.
#[derive(Debug, Args)]
pub(super) struct More {
    /// Take everything from a configuration (docs/serving.md); nothing else may be given.
    #[arg(long, value_name = "FILE", exclusive = true)]
    config: Option<PathBuf>,
    /// Serve this repository under that name; may be given several times.
    #[arg(long = "project", value_name = "NAME=DIR", value_parser = named, conflicts_with = "root")]
    projects: Vec<(String, PathBuf)>,
    /// The server's certificate and its chain, as PEM: answer over TLS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Write the access log into this file instead of standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "quiet")]
    access_log: Option<PathBuf>,
    /// Cut addresses in the access log to the network they are in.
    #[arg(long)]
    anonymous: bool,
    /// A proxy in front says in X-Forwarded-For where clients are.
    #[arg(long)]
    behind_proxy: bool,
    /// Connections at once; further ones wait.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: u32,
    /// Show the console at this address, for browsers of this machine; with TLS also for others.
    #[arg(long, value_name = "IP:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:4531")]
    admin: Option<SocketAddr>,
    /// The file with the token that opens the console; made if there is none [default: beside the repository].
    #[arg(long, value_name = "FILE", requires = "admin")]
    admin_token: Option<PathBuf>,
    /// A name by which browsers call the console, beside this machine's addresses.
    #[arg(long = "admin-host", value_name = "NAME", requires = "admin")]
    admin_hosts: Vec<String>,
    /// The keys to sign with: keeps the timestamp fresh, and lets the console publish and steer. Of a key folder with
    /// online.key alone only the timestamp is kept fresh.
    #[arg(long, value_name = "DIR", conflicts_with = "projects")]
    keys: Option<PathBuf>,
    /// Publish this folder by itself whenever it has changed and settled.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["projects", "build"])]
    watch: Option<PathBuf>,
    /// The folder that the console publishes when asked to.
    #[arg(long, value_name = "FOLDER", conflicts_with = "projects", requires = "admin")]
    build: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

fn named(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => {
            Ok((name.to_owned(), folder.into()))
        }
        _ => Err("write NAME=DIR".to_owned()),
    }
}

/// Serves by what the command line or its configuration says.
pub(in crate::cli::updraft) fn serve(args: ServeArgs) -> Outcome {
    hear_warnings();
    let config = args.more.config.clone();
    let what = what(&args);
    let (plan, reread): (Plan, Reread) = match config {
        Some(file) => {
            let read = move || Plan::read(&file);
            (read().map_err(fail)?, Box::new(read))
        }
        None => {
            let plan = plan(args)?;
            let same = plan.clone();
            (plan, Box::new(move || Ok(same.clone())))
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| cannot_start(&error))?;
    let ended = runtime.block_on(operate(plan, reread, Arc::new(move |event| hear(&what, &event))));
    // What was asked twice to end is not waited for.
    runtime.shutdown_background();
    ended.map_err(|error: ServeError| fail(error))?;
    say("Stopped.");
    Ok(0)
}

/// What is served, in a few words.
fn what(args: &ServeArgs) -> String {
    match (&args.root, &args.more.config) {
        (Some(root), _) => root.display().to_string(),
        (None, Some(config)) => format!("what {} says", config.display()),
        (None, None) => format!("{} projects", args.more.projects.len()),
    }
}

fn plan(args: ServeArgs) -> Result<Plan, Failure> {
    let ServeArgs { root, listen, quiet, more } = args;
    let log = match (quiet, more.access_log) {
        (true, _) => LogTo::Nowhere,
        (false, Some(file)) => LogTo::File(file),
        (false, None) => LogTo::Output,
    };
    let token = match (&more.admin_token, &root) {
        (Some(token), _) => Some(token.clone()),
        (None, Some(root)) => {
            let root = fsx::canonical(root).map_err(|error| Failure::of(&error))?;
            Some(fsx::sibling(&root, ".console-token"))
        }
        (None, None) => None,
    };
    let admin = match (more.admin, token) {
        (None, _) => None,
        (Some(listen), Some(token)) => Some(Admin { listen, token, hosts: more.admin_hosts }),
        (Some(_), None) => {
            return Err(Failure {
                code: ErrorCode::Usage,
                message: "nothing says where the console's token lies".to_owned(),
                hint: Some("Name a file with --admin-token; it is made if there is none.".to_owned()),
            });
        }
    };
    let projects = match root {
        Some(root) => {
            let (folder, watched) = (more.watch.clone().or(more.build), more.watch.is_some());
            let desk = desk(&root, more.keys, folder, watched, more.how)?;
            Projects::Root(root, Box::new(desk))
        }
        None => {
            let all = more.projects.into_iter();
            Projects::Named(all.map(|(name, folder)| (name, folder, Desk::default())).collect())
        }
    };
    let connections = usize::try_from(more.connections).unwrap_or(usize::MAX);
    Ok(Plan {
        listen,
        tls: more.tls_cert.zip(more.tls_key).map(|(certificate, key)| TlsFiles { certificate, key }),
        admin,
        limits: Limits { connections, ..Limits::default() },
        log,
        anonymous: more.anonymous,
        behind_proxy: more.behind_proxy,
        projects,
    })
}

/// What the server may do for the one repository at `root`.
fn desk(
    root: &std::path::Path,
    keys: Option<PathBuf>,
    folder: Option<PathBuf>,
    watched: bool,
    how: How,
) -> Result<Desk, Failure> {
    let is_one = root.join("metadata").join("timestamp.json").exists();
    if !is_one && (keys.is_some() || folder.is_some()) {
        return Err(Failure {
            code: ErrorCode::Usage,
            message: format!("{} is not one repository", root.display()),
            hint: Some(
                "--keys, --watch and --build are for one; for several use --config (docs/serving.md)."
                    .to_owned(),
            ),
        });
    }
    let Some(folder) = folder else { return Ok(Desk { keys, build: None, watched: false }) };
    let keys = match keys {
        Some(keys) => keys,
        None => keys_folder(&Place::from(root), None).map_err(fail)?,
    };
    let watch: Watch = how.watch(folder, root.to_path_buf(), Some(keys.clone()))?;
    Ok(Desk { keys: Some(keys), build: Some(watch), watched })
}

/// Prints what a server tells.
fn hear(what: &str, event: &Event) {
    let now = Stamp::now();
    let of = |project: &Option<String>| match project {
        Some(name) => format!("{now} {name}: "),
        None => format!("{now} "),
    };
    match event {
        Event::Serving { urls, local, console } => {
            greet(what, urls, *local);
            if let Some((url, token)) = console {
                say(&format!("Console: {url} opens with the token in {}", token.display()));
            }
            say("Press Ctrl-C to stop.");
        }
        Event::Watch(project, notice) => tell(notice, project.as_deref(), false),
        Event::Signed(project, until) => {
            say(&format!("{}the timestamp was signed anew, until {until}.", of(project)));
        }
        Event::NotSigned(project, failure) => {
            say(&format!("{}the timestamp can't be signed anew: {failure}", of(project)));
        }
        Event::Reloaded => say(&format!("{now} Settings were read again.")),
        Event::NotReloaded(failure) => {
            say(&format!("{now} What is new can't be taken up, the old counts on: {failure}"));
        }
        Event::NeedsRestart(name) => {
            say(&format!("{now} {name} changed; that is taken up by a restart alone."));
        }
        Event::Certificate => say(&format!("{now} The certificate was read again.")),
    }
}
