//! The commands that change the program, with a window or without.

use std::time::Duration;

use crate::api::run_to_end;
use crate::engine::{self, Asking, Outcome, Setup, Task};
use crate::install::Install;
use crate::report::{Control, ErrorCode, Event, Failure, Fanout, JsonLines, Text};

use super::args::Args;
use super::events::EventLog;
use super::session::{Session, fail};
#[cfg(feature = "gui")]
use super::window;

pub(super) fn update(args: &Args, task: Task) -> Result<u8, Failure> {
    let session = Session::open(&args.common)?;
    session.start_log();
    if !session.settings.enabled && task == Task::Update {
        return disabled(args, &session);
    }
    if session.is_headless(args) {
        return in_terminal(args, &session, task);
    }
    let reason = if crate::platform::process::is_display_present() {
        match window::update(args, &session, task) {
            Ok(code) => return Ok(code),
            Err(NoWindow(reason)) => reason,
        }
    } else {
        "there is no display".to_owned()
    };
    tracing::warn!("no window can be shown, going on without: {reason}");
    eprintln!("No window can be shown ({reason}); the update goes on without one.");
    let done = in_terminal(args, &session, task);
    if let Err(failure) = &done {
        window::tell(&session, failure);
    }
    done
}

/// Why an update goes on without a window: none came, and nothing was begun.
pub(super) struct NoWindow(pub(super) String);

/// With updates turned off the program is simply started.
fn disabled(args: &Args, session: &Session) -> Result<u8, Failure> {
    let setup = session.setup(args, Task::Update, Asking::Nobody)?;
    if args.common.json {
        println!("{{\"status\":\"disabled\"}}");
    } else {
        println!("Updates are turned off in the settings.");
    }
    start_program(&setup)?;
    Ok(0)
}

fn start_program(setup: &Setup) -> Result<(), Failure> {
    run_to_end(engine::start_program(setup, &Control::new()))?.map_err(|error| fail(&error))
}

pub(super) fn in_terminal(args: &Args, session: &Session, task: Task) -> Result<u8, Failure> {
    let setup = session.setup(args, task, Asking::Nobody)?;
    let control = Control::new();
    let mut fanout = Fanout::new();
    let lane = if args.common.json {
        fanout.add(JsonLines::new(std::io::stdout()))
    } else {
        fanout.add(Text::with_bar(std::io::stdout()))
    };
    lane.map_err(no_thread)?;
    add_records(&mut fanout, &session.install)?;
    let outcome = drive(&setup, &control, &fanout)?;
    fanout.finish(Duration::from_secs(2));
    if let Outcome::Failed(failure) = &outcome
        && failure.code == ErrorCode::Locked
        && setup.handover.process.is_some()
    {
        // The program that handed over to us comes back when the other updater has done its work.
        wait_for_other(session, &Control::new());
        start_program(&setup)?;
    }
    Ok(match outcome {
        Outcome::Failed(failure) if args.common.json => failure.code.exit(),
        Outcome::Failed(failure) => return Err(failure),
        other => code_of(&other),
    })
}

/// Returns when no updater is at work any more, or someone cancelled.
fn wait_for_other(session: &Session, control: &Control) {
    while session.install.lock_holder().is_some() && !control.is_cancelled() {
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Runs the update here; Ctrl-C cancels it.
pub(super) fn drive(setup: &Setup, control: &Control, fanout: &Fanout) -> Result<Outcome, Failure> {
    listen(control.clone());
    let events = |event| fanout.report(event);
    run_to_end(engine::run(setup, control, &events))
}

/// Hears Ctrl-C on a thread of its own: where files are read nothing else of the update has its turn.
fn listen(control: Control) {
    let hear = move || {
        let heard = async {
            // Without a handler Ctrl-C ends the process, which harms nothing either.
            while tokio::signal::ctrl_c().await.is_ok() {
                control.cancel();
            }
        };
        if let Err(error) = run_to_end(heard) {
            tracing::warn!("Ctrl-C can't be heard: {error}");
        }
    };
    if let Err(error) = std::thread::Builder::new().name("ctrl-c".to_owned()).spawn(hear) {
        tracing::warn!("Ctrl-C can't be heard: {error}");
    }
}

/// The log, and the record of events a second updater shows.
pub(super) fn add_records(fanout: &mut Fanout, install: &Install) -> Result<(), Failure> {
    fanout.add(log_event).map_err(no_thread)?;
    fanout.add(EventLog::at(install.events_file())).map_err(no_thread)
}

fn log_event(event: &Event) {
    if let Event::Step(step) = event {
        tracing::info!("{}", serde_json::to_string(step).unwrap_or_default());
    }
}

pub(super) fn no_thread(source: std::io::Error) -> Failure {
    Failure {
        code: ErrorCode::Internal,
        message: format!("the system gives no thread: {source}"),
        hint: None,
    }
}

pub(super) fn code_of(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::UpToDate(_) | Outcome::Installed(_) | Outcome::Declined => 0,
        Outcome::Cancelled => ErrorCode::Cancelled.exit(),
        Outcome::Deferred(_) => ErrorCode::HostRuns.exit(),
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
    add_records(&mut fanout, &session.install)?;
    let result = run_to_end(engine::rollback(&setup, &control, &|event| fanout.report(event)));
    fanout.finish(Duration::from_secs(2));
    // A rollback that was asked for is a success.
    result?.map(|_outcome| 0).map_err(|error| fail(&error))
}

#[cfg(not(feature = "gui"))]
mod window {
    //! Without the window feature there is never one.

    use super::{Args, NoWindow, Session, Task};

    pub(super) fn update(_args: &Args, _session: &Session, _task: Task) -> Result<u8, NoWindow> {
        Err(NoWindow("this updater was built without one".to_owned()))
    }

    pub(super) fn tell(_session: &Session, _failure: &super::Failure) {}
}
