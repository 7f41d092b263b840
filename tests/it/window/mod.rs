//! The window, state by state: which buttons there are, what they say to the update, and what is to be read.
//! Driven through the accessibility tree, as a screen reader would.
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as expected")]

mod bench;
mod face;
mod pictures;
mod replay;

use std::time::Duration;

use eframe::egui::{self, Key};
use egui_kittest::kittest::{NodeT, Queryable};
use updraft::gui::Before;
use updraft::release::Urgency;
use updraft::report::{Answer, ErrorCode, Event, Holder, Progress, ProgressPhase, Remedy, Reporter, Step};

use bench::{Bench, failure, holders, interrupted, offer, release};

/// A90: "checking" first; then counts, current file, file and total bytes, speed, time left.
#[test]
fn progress_tells_file_counts_bytes_speed_and_time() {
    let mut bench = Bench::at("checking");
    assert!(bench.reads("Checking for updates"));
    assert_eq!(bench.buttons(), ["Cancel"]);
    bench.play("progress");
    assert!(bench.reads("Updating to 2.1"));
    assert!(bench.reads("Downloading bin/module05.dll (5 of 12)"));
    assert!(bench.reads("20.1 MB of 48.3 MB, 13.2 MB/s, 3 s left"));
    let bar = bench.harness.get_by_label("Progress of the update");
    assert_eq!(bar.accesskit_node().numeric_value(), Some(41.0));
    assert_eq!(bar.value().as_deref(), Some("41%"));
    assert_eq!(bench.buttons(), ["Cancel", "Pause"]);
}

#[test]
fn pause_resume_and_cancel_reach_the_update() {
    let mut bench = Bench::at("progress");
    bench.click("Pause");
    assert!(bench.control.is_paused());
    bench.step(Step::Paused);
    bench.pass(600);
    assert!(bench.reads("Paused"));
    bench.click("Resume");
    assert!(!bench.control.is_paused());
    bench.step(Step::Unpaused);
    bench.pass(600);
    bench.click("Cancel");
    assert!(bench.control.is_cancelled());
    assert!(bench.reads("Cancelling. Nothing will be changed."));
    assert!(bench.buttons().is_empty(), "nothing is left to press");
    bench.control.rearm();
    bench.paint();
    assert_eq!(bench.buttons(), ["Cancel", "Pause"]);
}

/// A93: a drop shows "connection lost, retrying in n s" and "try now"; then "continued"; then clears.
#[test]
fn a_drop_counts_down_and_its_end_is_told_and_clears() {
    let mut bench = Bench::at("reconnecting");
    assert_eq!(bench.buttons(), ["Cancel", "Retry now"]);
    assert!(bench.reads("Connection lost. Retrying in 3 s") && bench.reads("Attempt 2"));
    bench.pass(500);
    assert!(bench.reads("Connection lost. Retrying in 2 s"));
    assert!(bench.reads("20.1 MB of 48.3 MB"), "no speed is told while nothing moves");
    bench.pass(2000);
    assert!(bench.reads("Connection lost. Retrying now"));
    bench.step(Step::Interrupted { attempt: 3, retry_in: 60, reason: "reset".to_owned() });
    assert!(bench.reads("Connection lost. Retrying in 1 min 0 s") && bench.reads("Attempt 3"));
    bench.step(Step::Continued);
    assert!(bench.reads("Connected again, continuing"));
    assert!(!bench.reads("Attempt 3"));
    bench.pass(3100);
    assert!(!bench.reads("Connected again, continuing"));
    assert_eq!(bench.buttons(), ["Cancel", "Pause"]);
}

#[test]
fn retry_now_ends_the_wait_before_the_next_try() {
    let bench = std::cell::RefCell::new(Bench::at("reconnecting"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let control = bench.borrow().control.clone();
    runtime.block_on(async {
        let wait = control.wait_to_retry(Duration::from_secs(600));
        let press = async { bench.borrow_mut().key(Key::Enter) };
        tokio::time::timeout(Duration::from_secs(60), futures_util::future::join(wait, press)).await.unwrap();
    });
}

/// A94: optional: Update / Later / Skip this version; closing and Esc mean Later.
#[test]
fn an_optional_release_can_be_taken_postponed_or_skipped() {
    let bench = Bench::at("optional");
    assert_eq!(bench.buttons(), ["Skip this version", "Later", "Update now"]);
    assert!(bench.reads("Version 2.1 is available"));
    assert!(bench.reads("You have 2.0. Download size: 48.3 MB."));
    for (label, answer) in
        [("Skip this version", Answer::Skip), ("Later", Answer::Later), ("Update now", Answer::Update)]
    {
        let mut bench = Bench::at("optional");
        bench.click(label);
        assert_eq!(bench.answers(), [answer]);
        assert!(bench.buttons().is_empty(), "one answer is enough");
    }
    let mut bench = Bench::at("optional");
    assert!(bench.close(), "the window stays until the update ends it");
    assert_eq!(bench.answers(), [Answer::Later]);
    for (key, answer) in [(Key::Escape, Answer::Later), (Key::Enter, Answer::Update)] {
        let mut bench = Bench::at("optional");
        bench.key(key);
        assert_eq!(bench.answers(), [answer]);
    }
}

/// A96: forced: Update / Quit only; closing and Esc mean Quit.
#[test]
fn a_forced_release_is_taken_or_the_program_is_left() {
    let bench = Bench::at("forced");
    assert_eq!(bench.buttons(), ["Quit", "Update now"]);
    assert!(bench.reads("This update is required to keep using MyApp."));
    for (label, answer) in [("Quit", Answer::Quit), ("Update now", Answer::Update)] {
        let mut bench = Bench::at("forced");
        bench.click(label);
        assert_eq!(bench.answers(), [answer]);
    }
    let mut bench = Bench::at("forced");
    assert!(bench.close());
    assert_eq!(bench.answers(), [Answer::Quit]);
    let mut bench = Bench::at("forced");
    bench.key(Key::Escape);
    assert_eq!(bench.answers(), [Answer::Quit]);
}

/// A97: forced and unreachable: Retry / Quit, and no start.
#[test]
fn a_failure_that_bars_the_start_offers_only_retry_and_quit() {
    let mut bench = Bench::at("forced");
    bench.step(failure(ErrorCode::Unreachable, false));
    assert_eq!(bench.buttons(), ["Quit", "Try again"]);
    assert!(bench.reads("Nothing was changed."));
}

/// A97: where the policy allows it, the start is offered, and named as what it is.
#[test]
fn a_start_that_only_the_policy_allows_is_named_so() {
    let mut bench = Bench::at("forced");
    let Step::Failed { failure, installed, log, .. } = failure(ErrorCode::Unreachable, true) else { return };
    let remedy = Some(Remedy::StartAnyway);
    bench.step(Step::Failed { failure, installed, log, may_start: true, remedy });
    bench.pass(600);
    assert_eq!(bench.buttons(), ["Close", "Start anyway", "Try again"]);
    bench.click("Start anyway");
    assert_eq!(bench.answers(), [Answer::Start]);
}

/// A54, A84: the page that says why it can't be done here, with both numbers, or whose folder it is.
#[test]
fn what_keeps_an_update_from_this_place_is_told_with_its_remedy() {
    let cases = [
        (
            ErrorCode::NoSpace,
            Remedy::FreeSpace { needed: 148_000_000, free: 61_000_000 },
            "148 MB are needed, 61.0 MB are free.",
        ),
        (
            ErrorCode::Permission,
            Remedy::OtherUser { owner: Some("root".into()), for_all: false },
            "The folder belongs to root.",
        ),
        (ErrorCode::InTheWay, Remedy::MoveAway { path: "data".into() }, "In the way: data"),
        (ErrorCode::ReadOnly, Remedy::MoveProgram, "The disk can only be read."),
    ];
    for (code, remedy, text) in cases {
        let mut bench = Bench::at("progress");
        let Step::Failed { failure, installed, log, .. } = failure(code, true) else { return };
        bench.step(Step::Failed { failure, installed, log, may_start: true, remedy: Some(remedy) });
        bench.pass(600);
        assert!(bench.reads("MyApp can\u{2019}t be updated here") && bench.reads(text), "{code}: {text}");
        assert_eq!(bench.buttons(), ["Close", "Start MyApp", "Try again"]);
    }
}

/// A84: where the system can be asked for rights, a button has the update done for all users.
#[test]
fn an_install_of_the_system_is_updated_by_a_button() {
    let mut bench = Bench::at("progress");
    let Step::Failed { failure, installed, log, .. } = failure(ErrorCode::Permission, true) else { return };
    let remedy = Some(Remedy::OtherUser { owner: Some("SYSTEM".into()), for_all: true });
    bench.step(Step::Failed { failure, installed, log, may_start: true, remedy });
    bench.pass(600);
    assert!(bench.reads("The folder belongs to SYSTEM."));
    assert!(bench.reads("It is installed for all users of this computer. An administrator can update it."));
    assert_eq!(bench.buttons(), ["Close", "Start MyApp", "Update as administrator"]);
    bench.click("Update as administrator");
    assert_eq!(bench.answers(), [Answer::ForAll]);
    bench.step(Step::Installing);
    assert!(bench.buttons().is_empty(), "the step can't be stopped");
    let (done, total) = (61_000_000, 148_000_000);
    let progress = Progress { phase: ProgressPhase::Download, done, total, ..Progress::default() };
    bench.feed.report(&Event::Progress(progress));
    bench.pass(600);
    assert!(bench.reads("61.0 MB of 148 MB"), "it fetches by itself");
}

/// A98, A90: nothing new says so, and shows that the program starts.
#[test]
fn nothing_new_says_so_and_starts_the_program() {
    let mut bench = Bench::at("current");
    assert!(bench.reads("MyApp is up to date"));
    assert!(bench.reads("You have the newest version, 2.1."));
    assert!(bench.reads("MyApp starts by itself in 3 s."));
    assert_eq!(bench.buttons(), ["Close", "Start MyApp"]);
    bench.click("Start MyApp");
    assert_eq!(bench.answers(), [Answer::Start]);
}

#[test]
fn done_counts_and_counts_down() {
    let mut bench = Bench::at("done");
    assert!(bench.reads("MyApp 2.1 is installed"));
    assert!(bench.reads("12 files updated, 2 removed. Your settings were kept."));
    bench.pass(1000);
    assert!(bench.reads("MyApp starts by itself in 2 s."));
    assert!(bench.close());
    assert_eq!(bench.answers(), [Answer::Quit]);
}

#[test]
fn waiting_asks_the_program_to_close_more_than_once() {
    let mut bench = Bench::at("waiting");
    assert!(bench.reads("Waiting for MyApp to close"));
    assert_eq!(bench.buttons(), ["Cancel", "At next start", "Close MyApp"]);
    bench.click("Close MyApp");
    bench.click("Close MyApp");
    assert_eq!(bench.answers(), [Answer::CloseHost, Answer::CloseHost]);
    bench.key(Key::Escape);
    assert!(bench.control.is_cancelled());
}

/// A77: those who use the program's files are named, another user's with the user; the list follows; who can't
/// be asked is not; it can be put off.
#[test]
fn waiting_names_those_who_use_the_files() {
    let mut bench = Bench::at("waiting");
    assert!(bench.reads("myapp (process 7)") && bench.reads("helper (process 8, run by anna)"));
    assert!(!bench.reads("bash (process 9)"), "who need not end is not waited for");
    let others: Vec<Holder> = holders().into_iter().skip(1).collect();
    bench.step(Step::WaitingForHost { pid: 8, holders: others });
    assert!(!bench.reads("myapp (process 7)") && bench.reads("helper (process 8, run by anna)"));
    assert_eq!(bench.buttons(), ["Cancel", "At next start"], "another user's program is not asked to close");
    bench.click("At next start");
    assert_eq!(bench.answers(), [Answer::Defer]);
    bench.step(Step::Deferred { release: release(3, "2.1") });
    assert!(bench.buttons().is_empty());
}

#[test]
fn installing_has_no_way_back_and_the_window_stays() {
    let mut bench = Bench::at("installing");
    assert!(bench.buttons().is_empty());
    assert!(bench.close() && bench.close());
    bench.pass(10_000);
    assert!(bench.close());
    bench.key(Key::Escape);
    bench.key(Key::Enter);
    assert!(bench.reads("The window closes by itself when the files are in place."));
    assert!(!bench.control.is_cancelled());
    assert!(bench.answers().is_empty());
}

/// A100: a failure: cause, what to do, log path, copy button; Retry / Start current version / Quit.
#[test]
fn a_failure_tells_cause_remedy_and_log_and_can_be_copied() {
    let mut bench = Bench::at("failed");
    assert_eq!(bench.buttons(), ["Close", "Start MyApp", "Try again"]);
    for text in [
        "The update could not be installed",
        "Nothing was changed: MyApp 2.0 still works.",
        "A downloaded file is not what the publisher signed.",
        "the way out",
        "the reason in full",
        "Log: /var/log/update.log",
    ] {
        assert!(bench.reads(text), "{text}");
    }
    bench.harness.get_by_label("Copy log").click_accesskit();
    bench.harness.step();
    let copied = bench.harness.output().platform_output.commands.iter().find_map(|command| match command {
        egui::OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    });
    let copied = copied.unwrap_or_default();
    bench.harness.get_by_label("Details").click();
    bench.paint();
    assert!(bench.reads("Error code: trust.content"));
    assert!(bench.reads("Copied"));
    assert!(copied.contains("trust.content") && copied.contains("/var/log/update.log"), "{copied}");
    assert!(copied.contains("Checking https://u.example"), "the remarks are part of the log");
    for (label, answer) in
        [("Close", Answer::Quit), ("Start MyApp", Answer::Start), ("Try again", Answer::Update)]
    {
        let mut bench = Bench::at("failed");
        bench.click(label);
        assert_eq!(bench.answers(), [answer]);
    }
    let mut bench = Bench::at("failed");
    assert!(bench.close());
    assert_eq!(bench.answers(), [Answer::Quit]);
}

#[test]
fn a_second_try_starts_with_fresh_buttons() {
    let mut bench = Bench::at("failed");
    bench.click("Try again");
    bench.play("progress");
    bench.pass(600);
    assert_eq!(bench.buttons(), ["Cancel", "Pause"]);
}

#[test]
fn rolled_back_tells_what_runs_now() {
    let mut bench = Bench::at("back");
    assert!(bench.reads("2.1 did not start, 2.0 is back"));
    assert_eq!(bench.buttons(), ["Close", "Start MyApp"]);
    bench.key(Key::Enter);
    assert_eq!(bench.answers(), [Answer::Start]);
}

#[test]
fn a_press_within_half_a_second_of_a_new_page_is_ignored() {
    let mut bench = Bench::new();
    bench.play("optional");
    bench.pass(400);
    bench.click("Update now");
    bench.key(Key::Enter);
    assert!(bench.answers().is_empty());
    bench.pass(200);
    bench.click("Update now");
    assert_eq!(bench.answers(), [Answer::Update]);
    bench.play("progress");
    bench.click("Pause");
    assert!(!bench.control.is_paused(), "the second half of a double click paused the update");
    bench.pass(600);
    bench.click("Pause");
    assert!(bench.control.is_paused());
}

/// A102: Tab goes through the buttons in reading order and Space presses the one in focus.
#[test]
fn the_keyboard_alone_is_enough() {
    let mut bench = Bench::at("failed");
    for expected in ["Details", "Copy log", "Close", "Start MyApp"] {
        bench.key(Key::Tab);
        assert!(bench.harness.get_by_label(expected).is_focused(), "{expected} is next");
    }
    bench.key(Key::Space);
    assert_eq!(bench.answers(), [Answer::Start]);
}

#[test]
fn a_feed_works_before_the_first_frame_and_its_end_is_the_windows() {
    let mut bench = Bench::new();
    let mut early = bench.feed.clone();
    early.report(&Event::Step(offer(Urgency::Optional)));
    bench.paint();
    assert!(bench.reads("Version 2.1 is available"));
    drop(early);
    bench.paint();
    let is_over = |bench: &Bench| bench.harness.state().as_ref().unwrap().is_over();
    assert!(!is_over(&bench));
    bench.feed.close();
    bench.paint();
    assert!(is_over(&bench));
}

#[test]
fn a_window_that_is_lost_leaves_the_safe_answer() {
    for (state, answers) in
        [("optional", vec![Answer::Later]), ("forced", vec![Answer::Quit]), ("progress", vec![])]
    {
        let mut bench = Bench::at(state);
        drop(bench.harness.state_mut().take());
        assert_eq!(bench.answers(), answers);
        assert!(bench.control.is_cancelled());
    }
}

#[test]
fn what_a_screen_reader_says_changes_in_one_place() {
    let mut bench = Bench::at("progress");
    let status = |bench: &Bench| {
        let node = bench.harness.get_by_role(egui::accesskit::Role::Status);
        (node.accesskit_node().id(), node.value().unwrap_or_default())
    };
    let before = status(&bench);
    bench.step(interrupted());
    let after = status(&bench);
    assert_eq!(before.0, after.0);
    assert_eq!(after.1, "Updating to 2.1. Connection lost. It is tried again by itself.");
    bench.pass(1000);
    assert_eq!(status(&bench), after, "a countdown is not read out every second");
}

/// A window that knows a release to go back to, at the page after `step`.
fn with_a_way_back(lang: &'static str, step: Step) -> Bench {
    let look = bench::Look { lang, ..bench::Look::default() };
    let mut bench = Bench::told(&look, |setup| setup.before = Some(Before::new(|| Some(release(1, "2.0")))));
    bench.step(step);
    bench.pass(600);
    bench
}

/// A82: the release before is one press and one question away, where nothing is new and where an update failed. The
/// program does not start while the person thinks about it.
#[test]
fn a_person_can_go_back_after_a_question() {
    let current = || Step::UpToDate { installed: release(3, "2.1") };
    let link = |bench: &mut Bench| {
        bench.harness.get_by_role_and_label(egui::accesskit::Role::Link, "Go back to 2.0").click();
        bench.paint();
        bench.pass(600);
    };
    for (step, answers) in [
        (current(), &[Answer::Hold, Answer::GoBack][..]),
        (failure(ErrorCode::Unreachable, true), &[Answer::GoBack]),
    ] {
        let mut bench = with_a_way_back("en", step);
        link(&mut bench);
        assert!(bench.reads("Go back to 2.0?"));
        assert_eq!(bench.buttons(), ["Back", "Go back to 2.0"]);
        bench.click("Go back to 2.0");
        assert_eq!(bench.answers(), answers);
    }
    let mut bench = with_a_way_back("en", current());
    assert!(bench.reads("MyApp starts by itself in 3 s."));
    link(&mut bench);
    bench.key(Key::Escape);
    bench.pass(600);
    assert_eq!(bench.buttons(), ["Close", "Start MyApp"]);
    assert!(!bench.reads("MyApp starts by itself in 3 s.") && !bench.reads("MyApp starts by itself in 2 s."));
    link(&mut bench);
    assert_eq!(bench.answers(), [Answer::Hold], "the update is told once");
    bench.step(Step::RolledBack { from: release(3, "2.1"), to: release(1, "2.0"), reason: String::new() });
    assert!(bench.reads("MyApp 2.0 is back"));
}

/// A82, A97: no way back is offered where there is none, nor around a required update.
#[test]
fn no_way_back_is_offered_where_there_is_none() {
    let is_offered = |bench: &Bench| {
        bench
            .harness
            .query_all_by_role(egui::accesskit::Role::Link)
            .any(|node| node.accesskit_node().label().is_some_and(|label| label.starts_with("Go back")))
    };
    assert!(is_offered(&with_a_way_back("en", failure(ErrorCode::Unreachable, true))));
    assert!(!is_offered(&with_a_way_back("en", failure(ErrorCode::Unreachable, false))));
    assert!(!is_offered(&with_a_way_back("en", Step::Installing)));
    assert!(!is_offered(&Bench::at("current")));
}
