//! A recorded update played through the window from its first event to its last.

use egui_kittest::kittest::NodeT as _;
use updraft::report::{Reporter as _, parse_line};

use super::bench::Bench;

/// Every label and value that can be read.
fn shown(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![bench.harness.root()];
    while let Some(node) = open.pop() {
        found.extend(node.accesskit_node().label());
        found.extend(node.accesskit_node().value());
        open.extend(egui_kittest::kittest::NodeT::children(&node));
    }
    found
}

fn obey(bench: &mut Bench, line: &str) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "sees" => assert!(shown(bench).iter().any(|text| text == rest), "{rest}: {:?}", shown(bench)),
        "not" => assert!(shown(bench).iter().all(|text| text != rest), "{rest} is still there"),
        "wait" => bench.pass(rest.parse().unwrap()),
        "press" => bench.click(rest),
        "buttons" => {
            let wanted: Vec<&str> = rest.split(" | ").filter(|label| !label.is_empty()).collect();
            assert_eq!(bench.buttons(), wanted);
        }
        "said" => {
            let said: Vec<String> = bench.answers().iter().map(|answer| format!("{answer:?}")).collect();
            assert_eq!(said, [rest]);
        }
        "paused" => assert!(bench.control.is_paused()),
        "unpaused" => assert!(!bench.control.is_paused()),
        _ => {
            let event = parse_line(line).unwrap_or_else(|| panic!("this is no event: {line}"));
            bench.feed.report(&event);
            bench.paint();
        }
    }
}

/// A90, A93, A96, A97, A100, A83: one update through the window: offline, forced, drop, resume, pause, a full disk, a
/// second try, and a version that does not live.
#[test]
#[expect(clippy::print_stdout, reason = "says where a test that fails was")]
fn a_recorded_update_is_told_from_its_first_event_to_its_last() {
    let mut bench = Bench::new();
    for (number, line) in include_str!("whole_update.txt").lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        println!("line {}: {line}", number + 1);
        obey(&mut bench, line);
    }
}
