//! A window without a system around it, a clock that is turned by hand, and the events that lead to each state.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use eframe::egui::{self, Event as Input, Key, Modifiers, Theme};
use egui_kittest::kittest::{NodeT, Queryable};
use egui_kittest::{Harness, TestRenderer};
use updraft::gui::{Canvas, Clock, Feed, Window, WindowSetup};
use updraft::release::{ReleaseNumber, Urgency};
use updraft::report::{
    Answer, Control, ErrorCode, Event, Failure, Holder, Installed, Offer, Progress, ProgressPhase,
    ReleaseRef, Reporter, Step, Totals, Using,
};

/// A window without a system around it, and a clock that stands until it is turned.
pub(super) struct Bench {
    pub(super) harness: Harness<'static, Option<Window>>,
    pub(super) feed: Feed,
    pub(super) control: Control,
    pub(super) passed: Arc<AtomicU64>,
    pub(super) canvas: Rc<RefCell<Canvas>>,
}

/// Gives the textures of the harness to the canvas of the updater, which paints the pictures.
struct Textures(Rc<RefCell<Canvas>>);

impl TestRenderer for Textures {
    fn handle_delta(&mut self, delta: &mut egui::TexturesDelta) {
        let mut canvas = self.0.borrow_mut();
        canvas.take_in(delta);
        canvas.forget(delta);
    }
}

pub(super) struct Look {
    pub(super) lang: &'static str,
    pub(super) theme: Theme,
    pub(super) size: [f32; 2],
    pub(super) scale: f32,
}

impl Default for Look {
    fn default() -> Self {
        Self { lang: "en", theme: Theme::Light, size: [400.0, 330.0], scale: 1.0 }
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(&Look::default())
    }

    pub(super) fn with(look: &Look) -> Self {
        Self::told(look, |_| {})
    }

    /// A window whose setup `tell` has changed.
    pub(super) fn told(look: &Look, tell: impl FnOnce(&mut WindowSetup)) -> Self {
        let passed = Arc::new(AtomicU64::new(0));
        let (start, turned) = (Instant::now(), Arc::clone(&passed));
        let clock = Clock::of(move || start + Duration::from_millis(turned.load(Ordering::Relaxed)));
        let control = Control::new();
        let mut setup = WindowSetup {
            language: Some(look.lang.to_owned()),
            ..WindowSetup::new("MyApp", control.clone())
        };
        let canvas = Rc::new(RefCell::new(Canvas::default()));
        tell(&mut setup);
        let harness = Harness::builder()
            .renderer(Textures(Rc::clone(&canvas)))
            .with_size(look.size)
            .with_pixels_per_point(look.scale)
            .with_theme(look.theme)
            .with_max_steps(20)
            .build_ui_state(
                |ui, window: &mut Option<Window>| {
                    if let Some(window) = window {
                        window.logic(ui.ctx());
                        window.ui(ui);
                    }
                },
                None,
            );
        let (window, feed) = Window::new(setup, &harness.ctx, clock);
        harness.ctx.set_theme(look.theme);
        let mut bench = Self { harness, feed, control, passed, canvas };
        *bench.harness.state_mut() = Some(window);
        bench
    }

    /// The window at `state`, taken in and ready to be pressed.
    pub(super) fn at(state: &str) -> Self {
        let mut bench = Self::new();
        bench.play(state);
        bench.pass(600);
        bench
    }

    pub(super) fn play(&mut self, state: &str) {
        for event in script(state) {
            self.feed.report(&event);
        }
        self.paint();
    }

    pub(super) fn step(&mut self, step: Step) {
        self.feed.report(&Event::Step(step));
        self.paint();
    }

    /// Feeds `step` without painting.
    pub(super) fn feed_step(&mut self, step: Step) {
        self.feed.report(&Event::Step(step));
    }

    pub(super) fn paint(&mut self) {
        self.harness.run_steps(3);
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.passed.fetch_add(ms, Ordering::Relaxed);
        self.paint();
    }

    pub(super) fn click(&mut self, label: &str) {
        self.harness.get_by_role_and_label(egui::accesskit::Role::Button, label).click();
        self.paint();
    }

    pub(super) fn key(&mut self, key: Key) {
        for pressed in [true, false] {
            self.harness.event(Input::Key {
                key,
                physical_key: None,
                pressed,
                repeat: false,
                modifiers: Modifiers::NONE,
            });
        }
        self.paint();
    }

    /// Presses the window's close button. Returns whether the window stays.
    pub(super) fn close(&mut self) -> bool {
        let root = egui::ViewportId::ROOT;
        let viewport = self.harness.input_mut().viewports.entry(root).or_default();
        viewport.events.push(egui::ViewportEvent::Close);
        self.harness.step();
        let commands = &self.harness.output().viewport_output[&root].commands;
        let stays = commands.contains(&egui::ViewportCommand::CancelClose);
        let viewport = self.harness.input_mut().viewports.entry(root).or_default();
        viewport.events.clear();
        self.paint();
        stays
    }

    /// All buttons of the page that can be pressed, in reading order.
    pub(super) fn buttons(&self) -> Vec<String> {
        let mut found: Vec<(f32, f32, String)> = self
            .harness
            .query_all_by_role(egui::accesskit::Role::Button)
            .filter(|node| !node.accesskit_node().is_disabled())
            .map(|node| {
                let place = node.rect();
                (place.top(), place.left(), node.accesskit_node().label().unwrap_or_default())
            })
            .collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        found.into_iter().map(|(_, _, label)| label).collect()
    }

    pub(super) fn reads(&self, text: &str) -> bool {
        self.harness.query_all_by_label(text).next().is_some()
    }

    /// The answers given since the last call.
    pub(super) fn answers(&self) -> Vec<Answer> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut found = Vec::new();
            loop {
                tokio::select! {
                    biased;
                    answer = self.control.next_answer() => found.push(answer),
                    () = std::future::ready(()) => return found,
                }
            }
        })
    }
}

pub(super) fn release(number: u64, version: &str) -> ReleaseRef {
    ReleaseRef { number: ReleaseNumber(number), version: Some(version.parse().unwrap()) }
}

pub(super) fn offer(urgency: Urgency) -> Step {
    let by = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned())).collect()
    };
    Step::Offered(Offer {
        installed: release(1, "2.0"),
        release: release(3, "2.1"),
        urgency,
        download_bytes: 48_300_000,
        notes: [
            (ReleaseNumber(2), by(&[("en", "Older news")])),
            (ReleaseNumber(3), by(&[("en", "## Fresh news"), ("zh-CN", "\u{66f4}\u{65b0}")])),
        ]
        .into(),
        versions: [(2, "2.0.1"), (3, "2.1")]
            .map(|(n, text)| (ReleaseNumber(n), text.parse().unwrap()))
            .into(),
    })
}

pub(super) fn failure(code: ErrorCode, may_start: bool) -> Step {
    Step::Failed {
        failure: Failure { code, message: "the reason in full".into(), hint: Some("the way out".into()) },
        installed: release(1, "2.0"),
        log: Some("/var/log/update.log".into()),
        may_start,
        remedy: None,
    }
}

/// The program itself, a helper of another user, and somebody who need not end.
pub(super) fn holders() -> Vec<Holder> {
    let holder = |pid, name: &str, user: Option<&str>, must_end| Holder {
        pid,
        name: name.to_owned(),
        user: user.map(str::to_owned),
        own: user.is_none(),
        using: if must_end { Using::Program } else { Using::Folder },
        file: None,
        must_end,
    };
    vec![
        holder(7, "myapp", None, true),
        holder(8, "helper", Some("anna"), true),
        holder(9, "bash", None, false),
    ]
}

pub(super) const TOTALS: Totals =
    Totals { add: 2, update: 10, remove: 2, keep: 90, fetch_files: 12, fetch_bytes: 48_300_000 };

pub(super) fn download() -> Event {
    Event::Progress(Progress {
        phase: ProgressPhase::Download,
        done: 20_100_000,
        total: 48_300_000,
        file: "bin/module05.dll".parse().ok(),
        file_index: 5,
        file_count: 12,
        speed: 13_200_000,
        seconds_left: Some(3),
        ..Progress::default()
    })
}

pub(super) fn interrupted() -> Step {
    Step::Interrupted { attempt: 2, retry_in: 3, reason: "reset".to_owned() }
}

pub(super) const STATES: &[&str] = &[
    "checking",
    "optional",
    "forced",
    "progress",
    "paused",
    "reconnecting",
    "continued",
    "waiting",
    "installing",
    "done",
    "current",
    "back",
    "failed",
    "ended",
];

/// The events that lead to `state`.
pub(super) fn script(state: &str) -> Vec<Event> {
    let mut steps = vec![Step::Checking { source: "https://u.example".to_owned() }];
    let urgency = if state == "forced" { Urgency::Forced } else { Urgency::Optional };
    match state {
        "checking" => {}
        "current" => steps.push(Step::UpToDate { installed: release(3, "2.1") }),
        "optional" | "forced" => steps.push(offer(urgency)),
        _ => steps.extend([offer(urgency), Step::Accepted, Step::Planned(TOTALS), Step::Downloading]),
    }
    let mut events: Vec<Event> = steps.into_iter().map(Event::Step).collect();
    if events.len() > 3 {
        events.push(download());
    }
    let more = match state {
        "paused" => vec![Step::Paused],
        "reconnecting" => vec![interrupted()],
        "continued" => vec![interrupted(), Step::Continued],
        "waiting" => vec![Step::WaitingForHost { pid: 7, holders: holders() }],
        "installing" => vec![Step::Installing],
        "done" => vec![Step::Installed(Installed {
            from: release(1, "2.0"),
            to: release(3, "2.1"),
            totals: TOTALS,
        })],
        "back" => vec![Step::RolledBack {
            from: release(3, "2.1"),
            to: release(1, "2.0"),
            reason: "it ended".to_owned(),
        }],
        "failed" => vec![failure(ErrorCode::Corrupt, true)],
        "ended" => vec![Step::Declined { skip: false }],
        _ => Vec::new(),
    };
    events.extend(more.into_iter().map(Event::Step));
    events
}
