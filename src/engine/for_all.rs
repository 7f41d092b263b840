//! An install of the system, updated for a user of it: by a step of its own updater with the rights of an administrator.
//!
//! The step is told nothing but its name. It reads settings and keys where only the system can write, fetches by itself,
//! and starts no program: the program is started here, with the rights of the user.

use std::path::PathBuf;
use std::time::Duration;

use crate::fsx;
use crate::platform::process::run_with_rights;
use crate::report::{ErrorCode, Event, Failure, Installed as Done, Obstacle, Remedy, Step, parse_line};

use super::EngineError;
use super::run::{Context, Outcome};

/// What the step says is looked at again after this time.
const PULSE: Duration = Duration::from_millis(200);
/// More than a run of the step ever writes.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Has the step done, and starts the program. Nothing if it found nothing to install.
pub(super) async fn update(cx: &Context<'_>) -> Result<Option<Outcome>, EngineError> {
    // Here the person can ask the program to close, or think better of it; the step can't be stopped.
    super::wait::host_gone(cx).await?;
    cx.step(Step::Installing);
    let install = &cx.setup.install;
    let updater = install.updater_program();
    let mut step = tokio::task::spawn_blocking(move || run_with_rights(&updater, "update-for-all"));
    let mut heard = Heard::before(install.events_file());
    let ended = loop {
        tokio::select! {
            ended = &mut step => break ended,
            () = tokio::time::sleep(PULSE) => heard.listen(cx),
        }
    };
    heard.listen(cx);
    let ended = ended.map_err(std::io::Error::other).and_then(|ended| ended);
    match (ended, heard.installed) {
        (Ok(Some(0)), Some(done)) => installed(cx, done).await.map(Some),
        (Ok(Some(0)), None) => Ok(None),
        (Ok(None), _) => {
            Err(failed("the rights of an administrator were not given".to_owned(), ErrorCode::Permission))
        }
        (Ok(Some(code)), _) => Err(heard.failed.map_or_else(
            || {
                failed(
                    format!("the step with an administrator's rights ended with code {code}"),
                    ErrorCode::Permission,
                )
            },
            |told| EngineError::ForAll(Box::new(told)),
        )),
        (Err(why), _) => {
            Err(failed(format!("the system can't be asked for rights: {why}"), ErrorCode::Permission))
        }
    }
}

async fn installed(cx: &Context<'_>, done: Done) -> Result<Outcome, EngineError> {
    let record = cx.setup.install.read_record()?.record;
    cx.control.rearm();
    cx.control.clear_answers().await;
    cx.step(Step::Installed(done.clone()));
    let start = cx.wait_before_start().await;
    super::restart::start_current(cx, &record, start).await?;
    Ok(Outcome::Installed(done))
}

fn failed(message: String, code: ErrorCode) -> EngineError {
    let hint = Some("Nothing was changed. Try again, or ask the administrator of this computer.".to_owned());
    let remedy = Some(Remedy::OtherUser { owner: None, for_all: true });
    EngineError::ForAll(Box::new(Obstacle { failure: Failure { code, message, hint }, remedy }))
}

/// What the step has said so far, in the record that every updater at work writes.
struct Heard {
    file: PathBuf,
    /// What was read last time: the step begins the file anew.
    text: String,
    installed: Option<Done>,
    failed: Option<Obstacle>,
}

impl Heard {
    /// To be asked for before the step begins.
    fn before(file: PathBuf) -> Self {
        let text = read(&file);
        Self { file, text, installed: None, failed: None }
    }

    /// Passes on how far it is. What it offers or asks is answered by nobody, and how it ended is told by us.
    fn listen(&mut self, cx: &Context<'_>) {
        let now = read(&self.file);
        let new = now.strip_prefix(self.text.as_str()).unwrap_or(&now);
        for event in new.lines().filter_map(parse_line) {
            match event {
                Event::Progress(progress) => cx.progress(progress),
                Event::Step(Step::Planned(totals)) => {
                    cx.step(Step::Planned(totals));
                    cx.step(Step::Installing);
                }
                Event::Step(Step::Message { text }) => cx.step(Step::Message { text }),
                Event::Step(Step::Installed(done)) => self.installed = Some(done),
                Event::Step(Step::Failed { failure, remedy, .. }) => {
                    self.failed = Some(Obstacle { failure, remedy });
                }
                Event::Step(_) => {}
            }
        }
        self.text = now;
    }
}

/// Whole lines only.
fn read(file: &std::path::Path) -> String {
    let bytes = fsx::read(file, MOST_BYTES).unwrap_or_default();
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    text
}
