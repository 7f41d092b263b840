//! `updater uninstall`: what an uninstaller calls, because only the updater knows what the last update laid down.

use serde_json::json;

use crate::engine;
use crate::report::{ErrorCode, Failure, Holder, name_all};

use super::args::Args;
use super::session::{Session, fail};

/// Removes the files of the installed release and the updater's memory. Writes no log: it would be one more file.
pub(super) fn uninstall(args: &Args, is_sure: bool) -> Result<u8, Failure> {
    let session = Session::open(&args.common)?;
    let install = &session.install;
    if !is_sure {
        return Err(Failure {
            code: ErrorCode::Usage,
            message: format!("this removes {} from {}", session.settings.app, install.root().display()),
            hint: Some("Add --yes if that is what you want. Files that are yours stay.".to_owned()),
        });
    }
    if install.is_swap_open() {
        engine::recover(install).map_err(|error| fail(&error))?;
    }
    let guard = install.lock("uninstall").map_err(|error| fail(&error))?;
    let record = guard.record().map_err(|error| fail(&error))?.record;
    let start = record.receipt.start.as_ref().map(|start| start.path.under(install.root()));
    let gone = install.host_gone(&record, start.as_deref(), None).map_err(|users| {
        let users: Vec<Holder> = users.into_iter().map(|user| user.shown).collect();
        Failure {
            code: ErrorCode::HostRuns,
            message: format!("still in use by {}", name_all(&users)),
            hint: Some("Close it and try again. Nothing was removed.".to_owned()),
        }
    })?;
    let done = install.uninstall(guard, gone, &record).map_err(|error| fail(&error))?;
    if args.common.json {
        println!("{}", json!({"status": "uninstalled", "removed": done.removed, "left": done.left}));
        return Ok(0);
    }
    println!("{} files of {} were removed.", done.removed, session.settings.app);
    for path in &done.left {
        println!("left    {path}  (changed by you)");
    }
    Ok(0)
}
