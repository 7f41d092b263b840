//! The commands that change the program, with a window or without.

use std::time::Duration;

use crate::engine::{self, Asking, Outcome, Setup, Task};
use crate::report::{Control, ErrorCode, Event, Failure, Fanout, JsonLines, Text};

use super::args::Args;
use super::commands::runtime;
use super::session::{Session, fail};

pub(super) fn update(args: &Args, task: Task) -> Result<u8, Failure> {
    let session = Session::open(&args.common)?;
    session.start_log();
    if !session.settings.enabled && task == Task::Update {
        return disabled(args, &session);
    }
    let terminal = args.common.headless || args.common.json || args.command.is_some();
    if !terminal && crate::platform::process::is_display_present() {
        match window::update(args, &session, task) {
            Ok(code) => return Ok(code),
            Err(NoWindow(reason)) => tracing::warn!("no window can be shown, going on without: {reason}"),
        }
    }
    in_terminal(args, &session, task)
}

/// Why an update goes on without a window.
struct NoWindow(String);

/// With updates turned off the program is simply started.
fn disabled(args: &Args, session: &Session) -> Result<u8, Failure> {
    let setup = session.setup(args, Task::Update, Asking::Nobody)?;
    println!("Updates are turned off in the settings.");
    engine::start_program(&setup).map_err(|error| fail(&error))?;
    Ok(0)
}

fn in_terminal(args: &Args, session: &Session, task: Task) -> Result<u8, Failure> {
    let setup = session.setup(args, task, Asking::Nobody)?;
    let control = Control::new();
    let mut fanout = Fanout::new();
    let lane = if args.common.json {
        fanout.add(JsonLines::new(std::io::stdout()))
    } else {
        fanout.add(Text::with_bar(std::io::stdout()))
    };
    lane.map_err(no_thread)?;
    add_records(&mut fanout, session)?;
    let outcome = drive(&setup, &control, &fanout)?;
    fanout.finish(Duration::from_secs(2));
    Ok(match outcome {
        Outcome::Failed(failure) if args.common.json => failure.code.exit(),
        Outcome::Failed(failure) => return Err(failure),
        other => code_of(&other),
    })
}

/// Runs the update here; Ctrl-C cancels it.
fn drive(setup: &Setup, control: &Control, fanout: &Fanout) -> Result<Outcome, Failure> {
    let runtime = runtime()?;
    Ok(runtime.block_on(async {
        let cancel = async {
            // Without a handler Ctrl-C ends the process, which harms nothing either.
            if tokio::signal::ctrl_c().await.is_ok() {
                control.cancel();
            }
            std::future::pending::<()>().await;
        };
        let events = |event| fanout.report(event);
        tokio::select! {
            outcome = engine::run(setup, control, &events) => outcome,
            () = cancel => Outcome::Cancelled,
        }
    }))
}

/// The log, and the record of events a second updater shows.
fn add_records(fanout: &mut Fanout, session: &Session) -> Result<(), Failure> {
    fanout.add(log_event).map_err(no_thread)?;
    if let Ok(file) = crate::fsx::create(&session.install.events_file()) {
        fanout.add(JsonLines::new(file)).map_err(no_thread)?;
    }
    Ok(())
}

fn log_event(event: &Event) {
    if let Event::Step(step) = event {
        tracing::info!("{}", serde_json::to_string(step).unwrap_or_default());
    }
}

fn no_thread(source: std::io::Error) -> Failure {
    Failure {
        code: ErrorCode::Internal,
        message: format!("the system gives no thread: {source}"),
        hint: None,
    }
}

fn code_of(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::UpToDate(_) | Outcome::Installed(_) | Outcome::Declined => 0,
        Outcome::Cancelled => ErrorCode::Cancelled.exit(),
        Outcome::RolledBack { .. } => ErrorCode::RolledBack.exit(),
        Outcome::Failed(failure) => super::exit_code(failure.code),
    }
}

pub(super) fn rollback(args: &Args) -> Result<u8, Failure> {
    let session = Session::open(&args.common)?;
    session.start_log();
    let setup = session.setup(args, Task::Update, Asking::Nobody)?;
    let control = Control::new();
    let mut fanout = Fanout::new();
    let lane = if args.common.json {
        fanout.add(JsonLines::new(std::io::stdout()))
    } else {
        fanout.add(Text::plain(std::io::stdout()))
    };
    lane.map_err(no_thread)?;
    add_records(&mut fanout, &session)?;
    let result = runtime()?.block_on(engine::rollback(&setup, &control, &|event| fanout.report(event)));
    fanout.finish(Duration::from_secs(2));
    // A rollback that was asked for is a success.
    result.map(|_outcome| 0).map_err(|error| fail(&error))
}

#[cfg(not(feature = "gui"))]
mod window {
    //! Without the window feature there is never one.

    use super::{Args, NoWindow, Session, Task};

    pub(super) fn update(_args: &Args, _session: &Session, _task: Task) -> Result<u8, NoWindow> {
        Err(NoWindow("this updater was built without one".to_owned()))
    }
}

#[cfg(feature = "gui")]
mod window {
    //! The update in the window: the engine on its own thread, the window on this one.

    use super::*;
    use crate::gui::{self, Feed, WindowSetup};
    use crate::report::Reporter as _;
    use std::sync::{Arc, Mutex};

    pub(super) fn update(args: &Args, session: &Session, task: Task) -> Result<u8, NoWindow> {
        let asking = if args.common.accept { Asking::Nobody } else { Asking::Person };
        let no_window = |failure: Failure| NoWindow(failure.to_string());
        let setup = session.setup(args, task, asking).map_err(no_window)?;
        let control = Control::new();
        let ended = Arc::new(Mutex::new(None));
        let watched = session.install.lock_holder();
        let start: Box<dyn FnOnce(Feed) + Send> = match watched {
            Some(_other) => {
                let events = session.install.events_file();
                let (control, ended) = (control.clone(), Arc::clone(&ended));
                let install = session.install.clone();
                Box::new(move |feed| {
                    follow(&events, &install, &control, feed);
                    store(&ended, 0);
                })
            }
            None => {
                let mut fanout = Fanout::new();
                add_records(&mut fanout, session).map_err(no_window)?;
                let (control, ended) = (control.clone(), Arc::clone(&ended));
                Box::new(move |feed| {
                    let code = work(&setup, &control, fanout, feed.clone());
                    store(&ended, code);
                    feed.close();
                })
            }
        };
        gui::run(window(session, &control), start).map_err(|error| NoWindow(error.to_string()))?;
        let code = ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner).unwrap_or(0);
        Ok(code)
    }

    fn store(ended: &Mutex<Option<u8>>, code: u8) {
        *ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(code);
    }

    fn window(session: &Session, control: &Control) -> WindowSetup {
        let icon =
            session.settings.icon.as_ref().and_then(|path| crate::fsx::read(path, 4 * 1024 * 1024).ok());
        WindowSetup {
            icon,
            language: session.settings.language.clone(),
            ..WindowSetup::new(&session.settings.title, control.clone())
        }
    }

    fn work(setup: &Setup, control: &Control, mut fanout: Fanout, feed: Feed) -> u8 {
        if fanout.add(feed).is_err() {
            return ErrorCode::Internal.exit();
        }
        let outcome = drive(setup, control, &fanout);
        fanout.finish(Duration::from_secs(2));
        match outcome {
            Ok(outcome) => code_of(&outcome),
            Err(failure) => failure.code.exit(),
        }
    }

    /// Shows what another updater does until it ends.
    fn follow(
        events: &std::path::Path,
        install: &crate::install::Install,
        control: &Control,
        mut feed: Feed,
    ) {
        let mut seen = 0;
        while install.lock_holder().is_some() && !control.is_cancelled() {
            let bytes = crate::fsx::read(events, 16 * 1024 * 1024).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
            for event in whole.lines().skip(seen).filter_map(crate::report::parse_line) {
                feed.report(&event);
            }
            seen = whole.lines().count();
            std::thread::sleep(Duration::from_millis(200));
        }
        feed.close();
    }
}
