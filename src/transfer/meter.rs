//! How far a transfer is: bytes that never go back, speed and time left over a sliding window.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::release::RelPath;
use crate::report::{Progress, ProgressPhase};

/// The window the speed is measured in.
const WINDOW: Duration = Duration::from_secs(5);
/// Bytes that come within this time are one sample.
const SAMPLE: Duration = Duration::from_millis(100);
/// At most one progress event in this time.
const PACE: Duration = Duration::from_millis(100);

/// Counts a transfer.
pub(super) struct Meter {
    total: u64,
    present: u64,
    shown: u64,
    samples: VecDeque<(Instant, u64)>,
    began: Instant,
    last_event: Option<Instant>,
    file: Option<RelPath>,
    file_index: u64,
    file_count: u64,
    file_done: u64,
    file_total: u64,
}

impl Meter {
    pub(super) fn new(total: u64, file_count: u64) -> Self {
        Self {
            total,
            present: 0,
            shown: 0,
            samples: VecDeque::new(),
            began: Instant::now(),
            last_event: None,
            file: None,
            file_index: 0,
            file_count,
            file_done: 0,
            file_total: 0,
        }
    }

    /// Bytes that are on disk and count: found there, or just come.
    pub(super) fn add(&mut self, bytes: u64) {
        self.present = self.present.saturating_add(bytes);
    }

    /// Bytes that turned out to be worthless.
    pub(super) fn drop_bytes(&mut self, bytes: u64) {
        self.present = self.present.saturating_sub(bytes);
    }

    /// Bytes that came over the wire, for the speed.
    pub(super) fn flow(&mut self, bytes: u64, now: Instant) {
        match self.samples.back_mut() {
            Some((at, sum)) if now.saturating_duration_since(*at) < SAMPLE => *sum += bytes,
            _ => self.samples.push_back((now, bytes)),
        }
    }

    /// The file at work.
    pub(super) fn at_file(&mut self, file: &RelPath, index: u64, done: u64, total: u64) {
        let same = self.file_index == index;
        self.file_done = if same { self.file_done.max(done) } else { done };
        if !same {
            self.file = Some(file.clone());
            (self.file_index, self.file_total) = (index, total);
        }
    }

    /// The progress to tell now, unless one was told a moment ago.
    pub(super) fn due(&mut self, now: Instant) -> Option<Progress> {
        if self.last_event.is_some_and(|last| now.saturating_duration_since(last) < PACE) {
            return None;
        }
        Some(self.progress(now))
    }

    /// The progress now.
    pub(super) fn progress(&mut self, now: Instant) -> Progress {
        self.last_event = Some(now);
        self.shown = self.shown.max(self.present.min(self.total));
        let speed = self.speed(now);
        Progress {
            phase: ProgressPhase::Download,
            done: self.shown,
            total: self.total,
            file: self.file.clone(),
            file_index: self.file_index,
            file_count: self.file_count,
            file_done: self.file_done,
            file_total: self.file_total,
            speed,
            seconds_left: (speed > 0).then(|| (self.total - self.shown).div_ceil(speed)),
        }
    }

    fn speed(&mut self, now: Instant) -> u64 {
        while self.samples.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW) {
            self.samples.pop_front();
        }
        let bytes: u64 = self.samples.iter().map(|(_, bytes)| bytes).sum();
        let span = now.saturating_duration_since(self.began).clamp(SAMPLE, WINDOW);
        (bytes as f64 / span.as_secs_f64()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_never_go_back_and_speed_forgets() {
        let mut meter = Meter::new(1000, 1);
        let begin = Instant::now();
        meter.add(600);
        meter.flow(500, begin + Duration::from_secs(1));
        let first = meter.progress(begin + Duration::from_secs(10));
        assert_eq!((first.done, first.speed), (600, 0));
        meter.drop_bytes(300);
        meter.flow(500, begin + Duration::from_secs(11));
        let second = meter.progress(begin + Duration::from_secs(12));
        assert_eq!((second.done, second.speed, second.seconds_left), (600, 100, Some(4)));
        assert_eq!(meter.due(begin + Duration::from_secs(12)), None);
    }
}
