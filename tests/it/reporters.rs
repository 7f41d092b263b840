//! Reporters over a real update, run in this process through the library.
#![expect(clippy::unwrap_used, reason = "what a test sets up holds")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use updraft::engine::{self, Asking, InUsePolicy, Launch, Outcome, Setup, Task};
use updraft::host::Handover;
use updraft::install::Install;
use updraft::release::{Channel, Platform};
use updraft::report::{Control, Event, Fanout, ProgressSink, Reporter, SeedAdapter};
use updraft::source::{Mirrors, NetOptions};

use super::support::world::{World, exe, tree, write};
use super::vendor::noise;

fn setup(world: &World) -> Setup {
    Setup {
        install: Install::at(updraft::fsx::canonical(&world.app()).unwrap(), "updater".parse().unwrap()),
        app: "App".parse().unwrap(),
        mirrors: Mirrors::new(&[world.source.parse().unwrap()], &NetOptions::default()).unwrap(),
        channel: Channel::stable(),
        platforms: vec![Platform::any()],
        start: None,
        handover: Handover::default(),
        task: Task::Update,
        asking: Asking::Nobody,
        launch: Launch::Never,
        by_hand: true,
        check_timeout: Duration::from_secs(10),
        wait_for_program: Duration::from_secs(10),
        in_use: InUsePolicy::Fail,
        close_program: false,
        limit: Some(2_000_000),
        start_anyway: false,
        stub: world.app().join("updater").join(exe("updater")),
        log: None,
    }
}

fn world() -> World {
    let world = World::new();
    write(world.build().join("a"), "1");
    world.publish("1.0", &[]);
    world.lay_updater();
    world.update();
    for file in 0..20_u64 {
        let content = noise(file + 1, 150_000);
        write(world.build().join(format!("data/{file}.bin")), content);
    }
    world.publish("2.0", &[]);
    world
}

fn update(world: &World, fanout: Fanout) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let setup = setup(world);
    let control = Control::new();
    let outcome = runtime.block_on(engine::run(&setup, &control, &|event| fanout.report(event)));
    fanout.finish(Duration::from_secs(5));
    outcome
}

/// What was set, the maximum, and what was said.
type Notes = (Vec<u64>, u64, Vec<String>);

#[derive(Default, Clone)]
struct Tape(Arc<Mutex<Notes>>);

impl ProgressSink for Tape {
    fn initialize(&mut self, min: u64, max: u64, val: u64) {
        assert_eq!((min, val), (0, 0));
        self.0.lock().unwrap().1 = max;
    }
    fn set(&mut self, val: u64) {
        self.0.lock().unwrap().0.push(val);
    }
    fn show_message(&mut self, msg: &str) {
        self.0.lock().unwrap().2.push(msg.to_owned());
    }
}

/// A91: `initialize(min, max, val)`, `set(val)`, `show_message` over a real update: values rise and end at max.
#[test]
fn the_bar_and_line_of_a_program_show_a_real_update() {
    let world = world();
    let tape = Tape::default();
    let mut fanout = Fanout::new();
    fanout.add(SeedAdapter::new(tape.clone())).unwrap();
    assert!(matches!(update(&world, fanout), Outcome::Installed(_)));
    let (values, max, messages) = tape.0.lock().unwrap().clone();
    assert!(
        max > 1_000_000 && values.len() > 2 && values.is_sorted() && values.last() == Some(&max),
        "{values:?} of {max}"
    );
    assert!(messages.iter().any(|message| message.contains("2.0 is installed")), "{messages:?}");
}

/// A92: a reporter that panics and one that sleeps change nothing.
#[test]
fn a_broken_reporter_harms_nothing() {
    struct Panics;
    impl Reporter for Panics {
        fn report(&mut self, _event: &Event) {
            panic!("a reporter of the program is broken");
        }
    }
    struct Sleeps;
    impl Reporter for Sleeps {
        fn report(&mut self, _event: &Event) {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
    let world = world();
    let mut fanout = Fanout::new();
    fanout.add(Panics).unwrap();
    fanout.add(Sleeps).unwrap();
    assert!(matches!(update(&world, fanout), Outcome::Installed(_)));
    assert_eq!(tree(&world.app()), tree(&world.build()));
}
