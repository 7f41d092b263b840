//! The update in the window: the engine on its own thread, the window on this one.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::api::queue;
use crate::engine::{self, Asking, Launch, Setup, Task};
use crate::gui::{
    self, Before, Desktop, Drawing, Feed, Keep, Kept, Preferences, WindowError, WindowSetup, Word,
};
use crate::install::Install;
use crate::platform;
use crate::report::{Control, ErrorCode, Failure, Fanout, ReleaseRef, Reporter as _, parse_line};
use crate::settings::{Renderer, Wish, remember};
use crate::source::Proxy;

use super::args::Args;
use super::front;
use super::session::Session;
use super::work::{NoWindow, add_records, code_of, drive};

/// Shows the window and does the update, or what another updater does. Fails only if no window came and nothing
/// was begun.
pub(super) fn update(args: &Args, session: &Session, task: Task) -> Result<u8, NoWindow> {
    let asking = if args.common.accept { Asking::AgreedPerson } else { Asking::Person };
    let no_window = |failure: Failure| NoWindow(failure.to_string());
    let setup = session.setup(args, task, asking).map_err(no_window)?;
    let by_double_click = setup.handover.process.is_none();
    if by_double_click && front::bring(&session.install) {
        return Ok(0);
    }
    let control = Control::new();
    let follows = is_other_at_work(&session.install);
    let ended = Arc::new(Mutex::new(None));
    let (says, listens) = (Arc::clone(&ended), control.clone());
    let takes_focus = !args.common.background;
    let look = WindowSetup { follows, takes_focus, ..look(session, &setup, &control) };
    let install = session.install.clone();
    let start: Box<dyn FnOnce(Feed) + Send> = if follows {
        Box::new(move |feed| {
            follow(&setup, &listens, feed.clone());
            store(&says, 0);
            feed.close();
        })
    } else {
        Box::new(move |feed| {
            // No thread before the window is there: a library that it needs reads long files with a lock for each
            // character as soon as there is a second one.
            let mut fanout = Fanout::new();
            if let Err(failure) = add_records(&mut fanout, &install) {
                tracing::error!("nothing is recorded: {}", failure.message);
            }
            let _listening = front::listen(&install, feed.caller());
            store(&says, work(&setup, &listens, fanout, feed.clone()));
            feed.close();
        })
    };
    match gui::run(look, start) {
        Err(error @ WindowError::NotOpened(_)) => return Err(NoWindow(error.to_string())),
        // The update went on to its end without the window.
        Err(error) => tracing::warn!("{error}"),
        Ok(()) => {}
    }
    let code = *ended.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(code.unwrap_or_else(|| ErrorCode::Internal.exit()))
}

/// Says in the system's own way that the update failed, where there is one that needs no window of ours. Who
/// started the updater by a double-click sees no terminal.
pub(super) fn tell(session: &Session, failure: &Failure) {
    let hint = failure.hint.as_deref().unwrap_or_default();
    crate::platform::window::message(
        &session.settings.title,
        format!("{}\n\n{hint}", failure.message).trim(),
    );
}

fn store(ended: &Mutex<Option<u8>>, code: u8) {
    *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
}

fn look(session: &Session, setup: &Setup, control: &Control) -> WindowSetup {
    let icon = session.settings.icon.as_ref().and_then(|path| crate::fsx::read(path, 4 * 1024 * 1024).ok());
    let can_start = setup.launch != Launch::Never;
    let drawing = match session.settings.renderer {
        Renderer::Auto | Renderer::Headless => Drawing::Auto,
        Renderer::Gl => Drawing::Gl,
        Renderer::Software => Drawing::Software,
    };
    WindowSetup {
        icon,
        drawing,
        accent: session.settings.accent.map(|color| color.0),
        texts: session.settings.texts.clone(),
        log: setup.log.clone(),
        preferences: Some((preferences(session), keep(session, setup, control))),
        before: Some(before(&session.install)),
        desktop: Some(desktop(session)),
        language: session.settings.language.clone(),
        can_start,
        starts_after: can_start.then_some(Duration::from_secs(3)),
        ..WindowSetup::new(&session.settings.title, control.clone())
    }
}

/// The desktop around the window. The program's menu entry is the one that a package of it brings.
fn desktop(session: &Session) -> Desktop {
    let title = &session.settings.title;
    let entry = session.settings.app.package_name().unwrap_or_else(|| title.clone());
    let desktop = RefCell::new(platform::desktop::Desktop::new(&entry, title));
    Desktop::new(move |word| {
        let mut desktop = desktop.borrow_mut();
        match word {
            Word::Bar(bar) => desktop.bar(bar),
            Word::Told { title, text, front } => {
                desktop.tell(&title, &text, Box::new(move || _ = front.call()))
            }
            Word::TakenBack => desktop.take_back(),
        }
    })
}

/// The release before, as long as it can be gone back to.
fn before(install: &Install) -> Before {
    let install = install.clone();
    Before::new(move || {
        let record = install.read_record().ok()?.record;
        let is_there = install.can_roll_back(&record);
        let before = record.previous.filter(|_| is_there)?;
        Some(ReleaseRef { number: before.number, version: before.version })
    })
}

fn preferences(session: &Session) -> Preferences {
    Preferences {
        language: session.settings.language.clone(),
        proxy: session.merged.proxy.value.clone(),
        limit: session.settings.limit,
    }
}

/// Makes hold at once what a person sets in the window, and writes it into the settings file.
fn keep(session: &Session, setup: &Setup, control: &Control) -> Keep {
    let (settings, config) = (session.settings.clone(), session.config.clone());
    let (network, control) = (setup.mirrors.network(), control.clone());
    Keep::new(move |before, wanted| {
        if wanted.proxy != before.proxy {
            let proxy = wanted.proxy.as_deref().map_or(Ok(Proxy::default()), str::parse);
            let Ok(proxy) = proxy else { return Kept::Refused };
            let changed = network.as_ref().map_or(Ok(()), |network| network.change(&settings.network(proxy)));
            if let Err(error) = changed {
                tracing::warn!("{error}");
                return Kept::Refused;
            }
        }
        if wanted.limit != before.limit {
            control.limit(wanted.limit);
        }
        let wish = Wish {
            language: (wanted.language != before.language).then(|| wanted.language.clone()),
            proxy: (wanted.proxy != before.proxy).then(|| wanted.proxy.clone()),
            limit: (wanted.limit != before.limit).then_some(wanted.limit),
        };
        match remember(&config, &wish) {
            Ok(()) => Kept::Saved,
            Err(error) => {
                tracing::warn!("{error}");
                Kept::ThisRun
            }
        }
    })
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

/// Whether another updater changes this install; one that only asks is soon done.
fn is_other_at_work(install: &Install) -> bool {
    install.lock_holder().is_some_and(|owner| !owner.is_brief())
}

/// Shows what another updater does until it ends or the person has seen enough. A program that handed over is
/// started again when the other has done its work.
fn follow(setup: &Setup, control: &Control, mut feed: Feed) {
    let Ok(runtime) = queue() else { return };
    let mut seen = 0;
    while is_other_at_work(&setup.install) && !control.is_cancelled() {
        let bytes = crate::fsx::read(&setup.install.events_file(), 16 * 1024 * 1024).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let count = whole.lines().count();
        // The file was begun anew.
        seen = if count < seen { 0 } else { seen };
        for event in whole.lines().skip(seen).filter_map(parse_line) {
            feed.report(&event);
        }
        seen = count;
        let answered = runtime.block_on(async {
            tokio::time::timeout(Duration::from_millis(200), control.next_answer()).await.is_ok()
        });
        if answered {
            break;
        }
    }
    if setup.handover.process.is_some() {
        feed.close();
        while is_other_at_work(&setup.install) {
            std::thread::sleep(Duration::from_millis(200));
        }
        if let Err(error) = runtime.block_on(engine::start_program(setup, &Control::new())) {
            tracing::error!("{error}");
        }
    }
}
