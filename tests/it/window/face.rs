//! The vendor's face, the settings, the details in the person's language, and the second start.

use std::sync::{Arc, Mutex};

use eframe::egui::{self, Key, UserAttentionType, ViewportCommand, accesskit};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use updraft::gui::{Desktop, Keep, Kept, Preferences, Word};
use updraft::release::Urgency;
use updraft::report::{ErrorCode, Step};

use super::bench::{Bench, Look, failure, interrupted, offer};

type Wishes = Arc<Mutex<Vec<Preferences>>>;

/// A window with settings that answers every wish with `kept`.
fn settable(kept: Kept) -> (Bench, Wishes) {
    let wishes = Wishes::default();
    let heard = Arc::clone(&wishes);
    let keep = Keep::new(move |before, wanted| {
        assert_ne!(before, wanted, "a wish that is none");
        heard.lock().unwrap().push(wanted.clone());
        kept
    });
    let now = Preferences { language: Some("en".to_owned()), ..Preferences::default() };
    let mut bench = Bench::told(&Look { size: [400.0, 420.0], ..Look::default() }, |setup| {
        setup.preferences = Some((now, keep));
    });
    bench.play("progress");
    bench.pass(600);
    (bench, wishes)
}

fn open_settings(bench: &mut Bench) {
    bench.click("Settings");
    bench.pass(600);
    assert!(bench.reads("They hold for the updates of MyApp."));
}

fn take(bench: &mut Bench, list: &str, choice: &str) {
    bench.harness.get_by_role_and_label(accesskit::Role::ComboBox, list).click();
    bench.paint();
    bench.harness.get_by_label(choice).click();
    bench.paint();
}

#[test]
fn language_and_limit_hold_as_soon_as_they_are_chosen() {
    let (mut bench, wishes) = settable(Kept::Saved);
    open_settings(&mut bench);
    assert!(bench.reads(concat!("Updater: Updraft ", env!("CARGO_PKG_VERSION"), ", MIT or Apache-2.0")));
    take(&mut bench, "Speed limit", "1.0 MB/s");
    assert_eq!(wishes.lock().unwrap().last().unwrap().limit, Some(1_000_000));
    assert!(bench.reads("Saved."));
    take(&mut bench, "Language", "Deutsch");
    assert_eq!(wishes.lock().unwrap().last().unwrap().language.as_deref(), Some("de"));
    assert!(bench.reads("Einstellungen") && bench.reads("Gespeichert."));
    bench.click("Zurück");
    bench.pass(600);
    assert!(bench.reads("Aktualisierung auf 2.1"));
    assert!(bench.reads("20,1 MB von 48,3 MB, 13,2 MB/s, noch 3 s"));
    assert_eq!(bench.buttons(), ["Einstellungen", "Abbrechen", "Pause"]);
}

#[test]
fn a_proxy_is_told_when_it_is_written_to_its_end() {
    let (mut bench, wishes) = settable(Kept::ThisRun);
    open_settings(&mut bench);
    take(&mut bench, "Proxy", "Address");
    assert!(wishes.lock().unwrap().is_empty(), "an address that is not there is no wish");
    bench.harness.get_by_role_and_label(accesskit::Role::TextInput, "Address").focus();
    bench.paint();
    bench.harness.event(egui::Event::Text("http://p:3128".to_owned()));
    bench.paint();
    assert!(wishes.lock().unwrap().is_empty());
    bench.key(Key::Tab);
    assert_eq!(wishes.lock().unwrap().last().unwrap().proxy.as_deref(), Some("http://p:3128"));
    assert!(bench.reads("The settings file can’t be written. This holds until the window closes."));
    take(&mut bench, "Proxy", "No proxy");
    assert_eq!(wishes.lock().unwrap().last().unwrap().proxy.as_deref(), Some("direct"));
    bench.key(Key::Escape);
    bench.pass(600);
    assert!(bench.reads("Updating to 2.1"));
    assert!(!bench.control.is_cancelled(), "Escape closed the settings and nothing else");
}

#[test]
fn a_wish_that_cannot_be_is_said_to_be_none() {
    let (mut bench, wishes) = settable(Kept::Refused);
    open_settings(&mut bench);
    take(&mut bench, "Proxy", "No proxy");
    assert_eq!(wishes.lock().unwrap().len(), 1);
    assert!(bench.reads("This is not the address of a proxy."));
}

#[test]
fn settings_go_when_something_more_urgent_comes() {
    let (mut bench, _) = settable(Kept::Saved);
    open_settings(&mut bench);
    bench.step(interrupted());
    assert!(bench.reads("Language"), "a drop mends itself");
    bench.step(failure(ErrorCode::NoSpace, true));
    assert!(bench.reads("MyApp can’t be updated here"));
    bench.pass(600);
    bench.play("installing");
    assert!(bench.buttons().is_empty(), "no settings while files are switched");
}

/// A102: every control of the settings has a name and can be reached by Tab.
#[test]
fn the_settings_can_be_used_without_a_pointer() {
    let (mut bench, _) = settable(Kept::Saved);
    for expected in ["Cancel", "Pause", "Settings"] {
        bench.key(Key::Tab);
        assert!(bench.harness.get_by_label(expected).is_focused(), "{expected} is next");
    }
    bench.key(Key::Enter);
    bench.pass(600);
    for list in ["Language", "Proxy", "Speed limit"] {
        bench.key(Key::Tab);
        let found = bench.harness.get_by_role_and_label(accesskit::Role::ComboBox, list);
        assert!(found.is_focused(), "{list} is next");
    }
    bench.key(Key::Tab);
    assert!(bench.harness.get_by_label("Back").is_focused());
}

#[test]
fn the_vendors_words_and_icon_are_shown_and_nothing_of_ours() {
    let png = include_bytes!("../../../docs/pictures/icon.png").to_vec();
    let bench = {
        let mut bench = Bench::told(&Look::default(), |setup| {
            let words = [("en".to_owned(), "{ $app } { $version } is here".to_owned())];
            setup.texts.insert("offer-title".to_owned(), words.into());
            setup.accent = Some([0xcc, 0x22, 0x55]);
            setup.icon = Some(png);
        });
        bench.play("optional");
        bench.pass(600);
        bench
    };
    assert!(bench.reads("MyApp 2.1 is here"));
    assert_eq!(bench.buttons(), ["Skip this version", "Later", "Update now"]);
    let all = format!("{:?}", bench.harness.root().accesskit_node().label());
    assert!(!all.to_lowercase().contains("updraft"));
}

#[test]
fn details_are_in_the_persons_language_and_the_copy_is_for_the_vendor() {
    let mut bench = Bench::with(&Look { lang: "de", size: [400.0, 700.0], ..Look::default() });
    bench.play("progress");
    let reason = "the server answers 503 Service Unavailable".to_owned();
    bench.step(Step::Interrupted { attempt: 2, retry_in: 3, reason });
    bench.step(failure(ErrorCode::Unreachable, true));
    bench.pass(600);
    bench.harness.get_by_label("Details").click_accesskit();
    bench.paint();
    let line =
        "Verbindung getrennt: der Server antwortet 503 Service Unavailable. Versuch 2, der nächste in 3 s.";
    assert!(bench.reads(line));
    bench.harness.get_by_label("Protokoll kopieren").click_accesskit();
    bench.harness.step();
    let copied = bench.harness.output().platform_output.commands.iter().find_map(|command| match command {
        egui::OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    });
    assert!(copied.unwrap_or_default().contains("Connection lost (the server answers 503"));
}

/// A114: a window that shows another updater's work can be closed and says whose work it is.
#[test]
fn a_window_that_follows_offers_nothing_it_cannot_do() {
    let mut bench = Bench::told(&Look::default(), |setup| setup.follows = true);
    bench.play("checking");
    assert!(bench.reads("Another updater is at work. This window shows what it does."));
    for state in ["optional", "progress", "reconnecting", "installing"] {
        bench.play(state);
        assert_eq!(bench.buttons(), ["Close"], "{state}");
    }
}

fn commands(bench: &Bench) -> Vec<ViewportCommand> {
    bench.harness.output().viewport_output[&egui::ViewportId::ROOT].commands.clone()
}

fn unfocused(setup: impl FnOnce(&mut updraft::gui::WindowSetup)) -> Bench {
    let mut bench = Bench::told(&Look::default(), setup);
    let root = egui::ViewportId::ROOT;
    bench.harness.input_mut().viewports.entry(root).or_default().focused = Some(false);
    bench
}

/// A114: a second start brings the window to the front; the caller learns when there is none any more.
#[test]
fn a_second_start_brings_the_window_to_the_front() {
    let mut bench = unfocused(|_| {});
    bench.play("progress");
    let caller = bench.feed.caller();
    assert!(caller.call());
    bench.harness.step();
    let said = commands(&bench);
    for wanted in [ViewportCommand::Visible(true), ViewportCommand::Minimized(false), ViewportCommand::Focus]
    {
        assert!(said.contains(&wanted), "{said:?}");
    }
    drop(bench);
    assert!(!caller.call());
}

/// A window nobody asked for marks itself and leaves the focus where it is.
#[test]
fn a_window_behind_others_calls_for_attention_and_takes_no_focus_unasked() {
    let attention = ViewportCommand::RequestUserAttention(UserAttentionType::Informational);
    for takes_focus in [true, false] {
        for step in [offer(Urgency::Optional), failure(ErrorCode::NoSpace, true)] {
            let fails = matches!(step, Step::Failed { .. });
            let mut bench = unfocused(|setup| setup.takes_focus = takes_focus);
            bench.feed_step(step);
            bench.harness.step();
            let said = commands(&bench);
            assert!(said.contains(&attention), "{said:?}");
            assert_eq!(said.contains(&ViewportCommand::Focus), takes_focus && fails);
        }
    }
    let mut bench = Bench::new();
    let root = egui::ViewportId::ROOT;
    bench.harness.input_mut().viewports.entry(root).or_default().focused = Some(true);
    bench.feed_step(offer(Urgency::Optional));
    bench.harness.step();
    assert!(!commands(&bench).contains(&attention), "it is seen already");
}

/// A window behind others is told of by a notification, which is taken back when it was seen; the task bar follows.
#[test]
fn a_window_behind_others_is_told_of_until_it_is_seen() {
    let words = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&words);
    let tell = move |word| {
        let line = match word {
            Word::Bar(bar) => format!("{bar:?}"),
            Word::Told { title, text, front } => {
                assert!(front.call(), "a press brings the window to the front");
                format!("{title} | {text}")
            }
            Word::TakenBack => "taken back".to_owned(),
        };
        heard.lock().unwrap().push(line);
    };
    let mut bench = unfocused(|setup| setup.desktop = Some(Desktop::new(tell)));
    bench.feed_step(offer(Urgency::Optional));
    bench.harness.step();
    let told = std::mem::take(&mut *words.lock().unwrap());
    assert!(told[0].starts_with("Version 2.1 is available | You have 2.0."), "{told:?}");
    let root = egui::ViewportId::ROOT;
    bench.harness.input_mut().viewports.entry(root).or_default().focused = Some(true);
    bench.harness.step();
    bench.play("progress");
    bench.play("failed");
    let told = words.lock().unwrap().clone();
    assert_eq!(told[0], "taken back");
    assert!(told[1].starts_with("Share("), "{told:?}");
    assert_eq!(told.last().unwrap(), "Stopped", "{told:?}");
}
