//! How many requests run at once: more while that brings more, fewer when it does not or a mirror is busy. Pure.

/// A stream more must bring this much to stay.
const NOTICEABLE: f64 = 1.1;
/// Windows to wait before the same is tried again, after it brought nothing.
const PATIENCE: u32 = 8;
/// Windows to wait after a mirror said that it is busy.
const LONG_PATIENCE: u32 = 20;

/// What happened in one window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Bytes that came.
    pub(super) bytes: u64,
    /// Requests that fell.
    pub(super) errors: u32,
    /// Whether a mirror said that it has too much to do (429 or 503).
    pub(super) busy: bool,
    /// Whether all streams were in use the whole time; otherwise more would not have brought more.
    pub(super) full: bool,
}

/// Decides on the number of streams, window by window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Streams {
    now: usize,
    most: usize,
    /// Bytes a window with one stream fewer, while it is tried whether one more brings more.
    trial: Option<f64>,
    /// Windows to let pass before the next one is judged.
    settle: u32,
    /// Windows in which none is added.
    rest: u32,
    errors: u32,
}

impl Streams {
    /// Begins with at most four streams.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { now: most.min(4), most, trial: None, settle: 1, rest: 0, errors: 0 }
    }

    /// Streams now.
    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// Takes in a window; says how many streams there are from now on.
    pub(super) fn next(&mut self, window: Window) -> usize {
        let rising = window.errors > self.errors;
        self.errors = window.errors;
        if window.busy || rising {
            let fewer = if window.busy { self.now / 2 } else { self.now - 1 };
            self.change(fewer.max(1));
            self.trial = None;
            self.rest = if window.busy { LONG_PATIENCE } else { PATIENCE };
            return self.now;
        }
        if self.settle > 0 {
            self.settle -= 1;
            return self.now;
        }
        self.rest = self.rest.saturating_sub(1);
        if !window.full {
            self.trial = None;
            return self.now;
        }
        let bytes = window.bytes as f64;
        match self.trial.take() {
            Some(before) if bytes < before * NOTICEABLE => {
                self.change(self.now - 1);
                self.rest = PATIENCE;
            }
            _ if self.now < self.most && self.rest == 0 => {
                self.trial = Some(bytes);
                self.change(self.now + 1);
            }
            _ => {}
        }
        self.now
    }

    fn change(&mut self, to: usize) {
        self.now = to;
        self.settle = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(bytes: u64) -> Window {
        Window { bytes, errors: 0, busy: false, full: true }
    }

    /// How many streams there are after each of `windows`.
    fn run(most: usize, windows: &[Window]) -> Vec<usize> {
        let mut streams = Streams::new(most);
        windows.iter().map(|window| streams.next(*window)).collect()
    }

    #[test]
    fn streams_are_added_while_they_bring_more() {
        // The first window after each change is passed over: a new connection has to come up to speed.
        let gains = [400, 400, 400, 500, 500, 600, 600, 600].map(window);
        assert_eq!(run(6, &gains), [4, 5, 5, 6, 6, 6, 6, 6]);
        assert_eq!(run(2, &gains)[7], 2);
        assert_eq!(run(0, &gains)[7], 1);
    }

    #[test]
    fn a_stream_that_brings_nothing_goes_and_is_tried_again_later() {
        let flat = [window(400); 14];
        assert_eq!(run(6, &flat), [4, 5, 5, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5]);
    }

    #[test]
    fn a_busy_mirror_and_rising_errors_make_fewer() {
        let busy = Window { busy: true, ..window(400) };
        let error = |errors| Window { errors, ..window(400) };
        assert_eq!(run(6, &[busy, busy, busy]), [2, 1, 1]);
        assert_eq!(run(6, &[error(1), error(1), error(2), error(5)]), [3, 3, 2, 1]);
        let mut after = vec![busy];
        after.extend([window(400); 20]);
        assert_eq!(run(6, &after)[20], 2);
    }

    #[test]
    fn where_streams_are_idle_nothing_is_learnt() {
        let idle = Window { full: false, ..window(400) };
        assert_eq!(run(6, &[idle; 5]), [4; 5]);
    }
}
