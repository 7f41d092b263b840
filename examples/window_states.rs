//! Shows any state of the updater's window, fed by scripted events: for looking at it and for screenshots.
//!
//! `cargo run --example window_states -- --state forced --lang zh-CN --theme dark --renderer software`;
//! `--state list` names all.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people at a terminal")]

use std::process::ExitCode;
use std::time::Duration;

use updraft::gui::{self, Drawing, Feed, WindowSetup, WindowTheme};
use updraft::release::{ReleaseNumber, Urgency};
use updraft::report::{
    Answer, Control, ErrorCode, Event, Failure, Holder, Installed, Offer, Progress, ProgressPhase,
    ReleaseRef, Reporter, Step, Totals, Using,
};

const STATES: &[&str] = &[
    "checking",
    "optional",
    "forced",
    "planning",
    "progress",
    "paused",
    "cancelling",
    "reconnecting",
    "continued",
    "waiting",
    "installing",
    "done",
    "current",
    "back",
    "failed",
    "no-space",
    "ended",
    "story",
    "busy",
];

fn main() -> ExitCode {
    let (mut state, mut lang, mut theme) = ("optional".to_owned(), None, WindowTheme::System);
    let mut drawing = Drawing::Auto;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().unwrap_or_default();
        match word.as_str() {
            "--state" => state = value,
            "--lang" => lang = Some(value),
            "--theme" if value == "dark" => theme = WindowTheme::Dark,
            "--theme" => theme = WindowTheme::Light,
            "--renderer" if value == "software" => drawing = Drawing::Software,
            "--renderer" if value == "gl" => drawing = Drawing::Gl,
            "--renderer" => drawing = Drawing::Auto,
            _ => {
                eprintln!("unknown option {word}");
                return ExitCode::from(64);
            }
        }
    }
    if !STATES.contains(&state.as_str()) {
        STATES.iter().for_each(|name| println!("{name}"));
        return ExitCode::from(u8::from(state != "list") * 64);
    }
    let control = Control::new();
    let setup = WindowSetup { language: lang, theme, drawing, ..WindowSetup::new("MyApp", control.clone()) };
    match gui::run(setup, move |feed| play(feed, &control, &state)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Shows one state until the person answers or cancels.
fn play(mut feed: Feed, control: &Control, state: &str) {
    if state == "story" {
        story(&mut feed, control);
    } else if state == "busy" {
        busy(&mut feed, control);
    } else {
        events(control, state).iter().for_each(|event| feed.report(event));
        if state == "cancelling" {
            std::thread::sleep(Duration::from_secs(5));
        }
        println!("{state}: {:?}", answer(control));
    }
    feed.close();
}

/// A download that never ends, told of ten times a second.
fn busy(feed: &mut Feed, control: &Control) {
    events(control, "progress").iter().for_each(|event| feed.report(event));
    for at in (0..48_300_000).step_by(132_000).cycle() {
        if control.is_cancelled() {
            return;
        }
        feed.report(&Event::Progress(download(at)));
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The next answer; nothing if the person cancels.
fn answer(control: &Control) -> Option<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    runtime.block_on(async {
        tokio::select! {
            answer = control.next_answer() => Some(answer),
            () = control.cancelled() => None,
        }
    })
}

/// A whole update with a drop in it, at a pace for watching.
fn story(feed: &mut Feed, control: &Control) {
    let pause = |ms| std::thread::sleep(Duration::from_millis(ms));
    for (state, ms) in [("checking", 1500), ("optional", 0)] {
        events(control, state).iter().for_each(|event| feed.report(event));
        pause(ms);
    }
    if answer(control) != Some(Answer::Update) {
        return;
    }
    feed.report(&Event::Step(Step::Accepted));
    pause(700);
    feed.report(&Event::Step(Step::Downloading));
    for at in 0..=100_u64 {
        if control.is_cancelled() {
            return;
        }
        if at == 45 {
            feed.report(&Event::Step(Step::Interrupted {
                attempt: 1,
                retry_in: 4,
                reason: "cut".to_owned(),
            }));
            pause(4000);
            feed.report(&Event::Step(Step::Continued));
        }
        feed.report(&Event::Progress(download(at * 483_000)));
        pause(80);
    }
    for (state, ms) in [("waiting", 2000), ("installing", 1500), ("done", 3000)] {
        events(control, state).last().into_iter().for_each(|event| feed.report(event));
        pause(ms);
    }
}

fn release(number: u64, version: &str) -> ReleaseRef {
    ReleaseRef { number: ReleaseNumber(number), version: version.parse().ok() }
}

fn offer(urgency: Urgency) -> Event {
    let english = "## New in 2.1\n\n- Starts **twice as fast** on large projects\n- The list of files can be \
                   sorted by size or by date\n- `export` writes PDF\n\nMore in the [full list of changes]\
                   (https://example.com/changes), with pictures.";
    let chinese = "## 2.1 的新内容\n\n- 大型项目的启动速度**提高一倍**\n- 文件列表可按大小或日期排序\n- `export` 可输出 \
                   PDF\n\n详见[完整更新记录](https://example.com/changes)。";
    let older = "1. A crash on closing is mended\n2. Smaller downloads";
    let by = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned())).collect()
    };
    let notes = [
        (ReleaseNumber(3), by(&[("en", english), ("zh-CN", chinese)])),
        (ReleaseNumber(2), by(&[("en", older), ("zh-CN", "1. 修复关闭时的崩溃\n2. 下载更小")])),
    ];
    Event::Step(Step::Offered(Offer {
        installed: release(1, "2.0"),
        release: release(3, "2.1"),
        urgency,
        download_bytes: 48_300_000,
        notes: notes.into(),
        versions: [release(2, "2.0.1"), release(3, "2.1")]
            .into_iter()
            .filter_map(|release| Some((release.number, release.version?)))
            .collect(),
    }))
}

fn download(done: u64) -> Progress {
    Progress {
        phase: ProgressPhase::Download,
        done,
        total: 48_300_000,
        file: "share/myapp/plugins/render/very-long-name/module05.dll".parse().ok(),
        file_index: 5,
        file_count: 12,
        file_done: 1_000_000,
        file_total: 4_000_000,
        speed: 13_200_000,
        seconds_left: Some(3),
    }
}

fn holders() -> Vec<Holder> {
    let holder = |pid, name: &str, user: Option<&str>| Holder {
        pid,
        name: name.to_owned(),
        user: user.map(str::to_owned),
        own: user.is_none(),
        using: Using::Program,
        file: None,
        must_end: true,
    };
    vec![holder(4711, "myapp", None), holder(4750, "myapp-helper", Some("anna"))]
}

fn failure(code: ErrorCode, message: &str, hint: &str) -> Event {
    Event::Step(Step::Failed {
        failure: Failure { code, message: message.to_owned(), hint: Some(hint.to_owned()) },
        installed: release(1, "2.0"),
        log: Some("/home/ada/.local/share/MyApp/updater/log/2026-11-20.log".into()),
        may_start: true,
        remedy: None,
    })
}

/// The events that lead to `state`.
fn events(control: &Control, state: &str) -> Vec<Event> {
    let checking = Event::Step(Step::Checking { source: "https://updates.example.com/myapp".to_owned() });
    let totals =
        Totals { add: 2, update: 10, remove: 2, keep: 1040, fetch_files: 12, fetch_bytes: 48_300_000 };
    let mut all = vec![checking];
    if state == "checking" || state == "current" {
        let current = Event::Step(Step::UpToDate { installed: release(3, "2.1") });
        all.extend((state == "current").then_some(current));
        return all;
    }
    all.push(offer(if state == "forced" { Urgency::Forced } else { Urgency::Optional }));
    if matches!(state, "optional" | "forced") {
        return all;
    }
    all.push(Event::Step(Step::Accepted));
    if state == "planning" {
        return all;
    }
    all.extend([Step::Planned(totals), Step::Downloading].map(Event::Step));
    all.push(Event::Progress(download(20_100_000)));
    if state == "cancelling" {
        control.cancel();
    }
    let interrupted =
        Step::Interrupted { attempt: 2, retry_in: 8, reason: "the server closed it".to_owned() };
    all.extend(match state {
        "paused" => vec![Event::Step(Step::Paused)],
        "reconnecting" => vec![Event::Step(interrupted)],
        "continued" => vec![Event::Step(interrupted), Event::Step(Step::Continued)],
        "waiting" => vec![Event::Step(Step::WaitingForHost { pid: 4711, holders: holders() })],
        "installing" => vec![
            Event::Step(Step::Staged),
            Event::Step(Step::Installing),
            Event::Progress(Progress { phase: ProgressPhase::Install, done: 9, total: 14, ..Progress::default() }),
        ],
        "done" => vec![Event::Step(Step::Installed(Installed {
            from: release(1, "2.0"),
            to: release(3, "2.1"),
            totals,
        }))],
        "back" => vec![Event::Step(Step::RolledBack {
            from: release(3, "2.1"),
            to: release(1, "2.0"),
            reason: "it ended too early".to_owned(),
        })],
        "failed" => vec![failure(
            ErrorCode::Corrupt,
            "the object 3f/3f9a51\u{2026} of \u{ab}bin/module05.dll\u{bb} does not have the digest that was signed",
            "The server's copy is damaged. Try again later.",
        )],
        "no-space" => vec![failure(
            ErrorCode::NoSpace,
            "148 MB are needed on /home, 61 MB are free",
            "Free 87 MB on /home, then try again.",
        )],
        "ended" => vec![Event::Step(Step::Declined { skip: false })],
        _ => Vec::new(),
    });
    all
}
