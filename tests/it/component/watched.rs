//! The watched folder and the watched config.

use std::sync::Arc;
use std::time::Duration;

use updraft::component::{Events, Watch};

use super::{World, copy_over, simple, version};

/// With the system's word, or without it.
fn watch(world: &World, told: bool) -> Watch {
    let said = Arc::clone(&world.said);
    let events: Events = Arc::new(move |happening| said.lock().unwrap().push(happening.clone()));
    let (service, config) = (Arc::clone(&world.service), Some(world.config()));
    let begun =
        if told { Watch::start(service, config, events) } else { Watch::polling(service, config, events) };
    begun.unwrap()
}

/// A145: reader, processor, dispatcher: the file is replaced by v2 and back while messages flow; numbering goes
/// on, in the same process.
#[test]
fn a_file_that_is_copied_over_takes_effect_without_a_gap_and_so_does_the_way_back() {
    for told in [true, false] {
        let world = World::start(&simple(20_000, ""), &[("counter.wasm", &version(1))]);
        let watch = watch(&world, told);
        let pid = world.service.status().pid;
        world.flows();
        for number in [2, 1] {
            copy_over(&world.artifact("counter.wasm"), &version(number));
            world.until("the copied version", |world| world.seen().last_kind == number);
        }
        assert_eq!(world.service.status().pid, pid);
        // Another folder of the same name, as a person makes it who moves the old one aside.
        let (folder, aside) = (world.dir.path().join("artifacts"), world.dir.path().join("aside"));
        std::fs::rename(&folder, aside).unwrap();
        std::fs::create_dir(&folder).unwrap();
        copy_over(&world.artifact("counter.wasm"), &version(3));
        world.until("the version in the new folder", |world| world.seen().last_kind == 3);
        drop(watch);
        world.ends_whole();
    }
}

/// A146: a file that another program still writes to is left alone, however long that takes.
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_is_still_being_written_is_no_swap() {
    use std::io::Write as _;

    let world = World::start(&simple(5000, ""), &[("counter.wasm", &version(1))]);
    let watch = watch(&world, true);
    world.flows();
    let new = version(2);
    let (half, rest) = new.split_at(new.len() / 2);
    let path = world.artifact("counter.wasm");
    // A program of its own, as a copy over the network would be.
    let mut writer = std::process::Command::new("sh")
        .args(["-c", "cat > \"$1\"", "sh"])
        .arg(&path)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = writer.stdin.take().unwrap();
    pipe.write_all(half).unwrap();
    pipe.flush().unwrap();
    // Many times as long as a file has to settle.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(world.said("swap.refused"), [""; 0]);
    assert_eq!(world.component("counter").swaps, 0);
    pipe.write_all(rest).unwrap();
    drop(pipe);
    writer.wait().unwrap();
    world.until("the whole file", |world| world.seen().last_kind == 2);
    assert_eq!(world.said("swap.refused"), [""; 0]);
    drop(watch);
    world.ends_whole();
}

/// A146: the same content written again is no swap; half a file is none either, and the whole one is.
#[test]
fn identical_content_and_half_a_file_are_no_swap() {
    let world = World::start(&simple(20_000, ""), &[("counter.wasm", &version(1))]);
    let watch = watch(&world, true);
    world.flows();
    copy_over(&world.artifact("counter.wasm"), &version(1));
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(world.component("counter").swaps, 0);

    let new = version(2);
    copy_over(&world.artifact("counter.wasm"), &new[..new.len() / 2]);
    world.until("that half a file is refused", |world| !world.said("swap.refused").is_empty());
    world.flows();
    assert_eq!(world.seen().last_kind, 1);
    copy_over(&world.artifact("counter.wasm"), &new);
    world.until("the whole file", |world| world.seen().last_kind == 2);
    assert_eq!(world.component("counter").swaps, 1);
    drop(watch);
    world.ends_whole();
}

/// A149: a config that changes is applied while the service runs; a wrong one is refused whole, with its line.
#[test]
fn a_changed_config_is_applied_live_and_a_wrong_one_is_refused_whole() {
    let text = simple(5000, "");
    let world = World::start(&text, &[("counter.wasm", &version(1))]);
    let watch = watch(&world, true);
    world.flows();
    // Written and rewired: a second sink beside the first.
    let more = text.replace("[\"ledger\"]", "[\"ledger\", \"ledger2\"]")
        + "\n[[component]]\nname = \"ledger2\"\nartifact = \"discard\"\ncarrier = \"builtin\"\n";
    copy_over(&world.config(), more.as_bytes());
    world.until("the second sink", |world| {
        world.service.status().components.iter().any(|c| c.name == "ledger2" && c.messages_in > 0)
    });
    let wrong = more.replace("[\"ledger\", \"ledger2\"]", "[\"ledger\", \"counter\"]");
    let line = wrong.lines().position(|line| line.contains("name = \"counter\"")).unwrap() + 1;
    copy_over(&world.config(), wrong.as_bytes());
    world.until("the refusal", |world| !world.said("config.refused").is_empty());
    let said = world.said("config.refused").remove(0);
    assert!(said.contains(&format!("pipeline.toml:{line}:")), "{said}");
    assert!(said.contains("itself"), "{said}");
    world.flows();
    assert_eq!(world.component("counter").downstreams, ["ledger", "ledger2"]);
    // And away again.
    copy_over(&world.config(), text.as_bytes());
    world.until("the second sink gone", |world| world.service.status().components.len() == 3);
    drop(watch);
    world.ends_whole();
}
