//! The smallest way to show an update: `initialize(min, max, val)`, `set(val)`, `show_message(msg)`.

use super::{Event, Reporter, Step};

/// Something with a bar and a line of text; ten lines in any program.
pub trait ProgressSink: Send {
    /// The bar runs from `min` to `max` and stands at `val`.
    fn initialize(&mut self, min: u64, max: u64, val: u64);
    /// The bar stands at `val`; never less than before, and `max` in the end.
    fn set(&mut self, val: u64);
    /// The line reads `msg`.
    fn show_message(&mut self, msg: &str);
}

/// Shows an update on a [`ProgressSink`]: the bar counts the bytes of the download and ends at its maximum
/// when the new version stands.
#[derive(Debug)]
pub struct SeedAdapter<S> {
    sink: S,
    bar: Option<(u64, u64)>,
}

impl<S: ProgressSink> SeedAdapter<S> {
    /// Shows the update on `sink`.
    pub fn new(sink: S) -> Self {
        Self { sink, bar: None }
    }

    fn advance(&mut self, to: u64) {
        if let Some((at, max)) = &mut self.bar
            && to.min(*max) > *at
        {
            *at = to.min(*max);
            self.sink.set(*at);
        }
    }
}

impl<S: ProgressSink> Reporter for SeedAdapter<S> {
    fn report(&mut self, event: &Event) {
        match event {
            Event::Step(Step::Planned(totals)) => {
                // An update without content still has a bar that can reach its end.
                let max = totals.fetch_bytes.max(1);
                self.bar = Some((0, max));
                self.sink.initialize(0, max, 0);
            }
            Event::Step(Step::Installed(_)) => self.advance(u64::MAX),
            Event::Progress(progress) if progress.phase == super::ProgressPhase::Download => {
                self.advance(progress.done);
            }
            Event::Progress(_) | Event::Step(_) => {}
        }
        if let Event::Step(step) = event
            && let Some(line) = super::text::sentence(step)
        {
            self.sink.show_message(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Progress, Totals};
    use super::*;

    #[derive(Default)]
    struct Tape(Vec<String>);

    impl ProgressSink for &mut Tape {
        fn initialize(&mut self, min: u64, max: u64, val: u64) {
            self.0.push(format!("{min} {max} {val}"));
        }
        fn set(&mut self, val: u64) {
            self.0.push(val.to_string());
        }
        fn show_message(&mut self, _msg: &str) {}
    }

    #[test]
    fn values_never_fall_and_stay_below_the_maximum() {
        let mut tape = Tape::default();
        let mut adapter = SeedAdapter::new(&mut tape);
        adapter.report(&Event::Step(Step::Planned(Totals { fetch_bytes: 10, ..Totals::default() })));
        for done in [3, 2, 9, 40] {
            adapter.report(&Event::Progress(Progress { done, total: 10, ..Progress::default() }));
        }
        assert_eq!(tape.0, ["0 10 0", "3", "9", "10"]);
    }
}
