//! `updater update-for-all`: the one step that runs with the rights of the system, asked for by a person, or by the
//! updater of a user whom the system asks whether it may.
//!
//! Whoever may ask for it must not be able to say what is installed, from where, or where: everything is read from the
//! install itself, which nobody but the system may change.

use std::path::Path;
use std::process::Command as Process;

use crate::engine::Task;
use crate::fsx;
use crate::platform::process;
use crate::report::{ErrorCode, Failure};

use super::args::{Args, Common, HandoverArgs};
use super::session::{Session, fail};
use super::work;

/// Variables that are kept: they say nothing but how text is shown.
const KEPT: [&str; 4] = ["LANG", "LC_ALL", "LC_MESSAGES", "TERM"];
/// Where programs are looked for.
const PATH: (&str, &str) = ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");

pub(super) fn update(args: &Args) -> Result<u8, Failure> {
    let json = args.common.json;
    let alone = Common { json, ..Common::default() };
    if args.common != alone || args.handover != HandoverArgs::default() {
        return Err(Failure {
            code: ErrorCode::Usage,
            message: "update-for-all takes nothing from its caller".to_owned(),
            hint: Some("Leave every option away but --json; settings stand in updater.json.".to_owned()),
        });
    }
    let exe = std::env::current_exe().ok().and_then(|exe| fsx::canonical(&exe).ok()).unwrap_or_default();
    if !is_environment_clean() && !process::forget_environment(&KEPT) {
        return again(&exe, json);
    }
    let common = Common { json, headless: true, no_start: true, ..Common::default() };
    let mut session = Session::open(&common)?;
    session.install = session.install.for_all();
    session.install.check_alone(&exe, &session.config).map_err(|error| fail(&error))?;
    session.start_log();
    if !session.settings.enabled {
        println!("Updates are turned off in the settings.");
        return Ok(0);
    }
    work::in_terminal(&Args { common, ..args.clone() }, &session, Task::Update)
}

fn is_environment_clean() -> bool {
    let is_known = |name: &str, value: &str| KEPT.contains(&name) || (name, value) == PATH;
    std::env::vars_os().all(|(name, value)| match (name.to_str(), value.to_str()) {
        (Some(name), Some(value)) => is_known(name, value),
        _ => false,
    })
}

/// The same in a process that has none of the caller's variables: settings, proxies and certificates are named there.
fn again(exe: &Path, json: bool) -> Result<u8, Failure> {
    let mut anew = Process::new(exe);
    anew.arg("update-for-all").args(json.then_some("--json")).env_clear().env(PATH.0, PATH.1);
    anew.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    let ended = anew.status().map_err(|source| fail(&fsx::FsError::new("start", exe, source)))?;
    Ok(ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or_else(|| ErrorCode::Internal.exit()))
}
