//! The state of an update as a screen needs it: all events folded into one value.
//!
//! Losing progress events harms nothing; steps must come in order.

use std::path::PathBuf;

use super::{Event, Failure, Holder, Installed, Offer, Progress, ReleaseRef, Remedy, Step, Totals};

/// What the update is at.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Phase {
    /// The repository is being asked.
    #[default]
    Checking,
    /// A release is offered and waits for an answer.
    Offered,
    /// The install is read and the plan made.
    Planning,
    /// Content is fetched.
    Downloading,
    /// The person holds the transfer.
    Paused,
    /// The connection is gone.
    Reconnecting {
        /// Tries since the last byte.
        attempt: u32,
        /// Seconds to the next try, as announced.
        retry_in: u64,
        /// What happened.
        reason: String,
    },
    /// The program must end.
    WaitingForHost {
        /// The first process that must end.
        pid: u32,
        /// All that use files of the program.
        holders: Vec<Holder>,
    },
    /// Files are switched.
    Installing,
    /// The new version stands.
    Done(Installed),
    /// Nothing new.
    UpToDate(ReleaseRef),
    /// The update went back.
    RolledBack {
        /// The release that did not live.
        from: ReleaseRef,
        /// The release that stands.
        to: ReleaseRef,
        /// Why.
        reason: String,
    },
    /// It could not be done.
    Failed {
        /// Why.
        failure: Failure,
        /// The version that works.
        installed: ReleaseRef,
        /// Where the log is.
        log: Option<PathBuf>,
        /// Whether the program may be started as it is.
        may_start: bool,
        /// What would help, if that is known.
        remedy: Option<Remedy>,
    },
    /// Nothing more will come: declined or cancelled.
    Ended,
}

/// A snapshot of an update.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Board {
    /// What it is at.
    pub phase: Phase,
    /// The source asked, or the last one that began to give bytes.
    pub source: Option<String>,
    /// The release offered.
    pub offer: Option<Offer>,
    /// What the plan comes to.
    pub totals: Option<Totals>,
    /// The newest progress.
    pub progress: Progress,
    /// Set when the connection came back; taken away by the next whole second of progress or the next step.
    pub continued: bool,
    /// What was done when the connection broke, and is done again when it is back.
    before_drop: Option<Phase>,
    /// The last remarks, newest last, at most 200.
    pub messages: Vec<String>,
    /// Whether the program was started.
    pub started: bool,
}

impl Board {
    /// Takes in one event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Progress(progress) => self.progress = progress.clone(),
            Event::Step(step) => self.step(step),
        }
    }

    fn step(&mut self, step: &Step) {
        self.remember(step);
        // Where bytes come from when they are back says nothing against their being back.
        self.continued &= matches!(step, Step::SourceUsed { .. });
        self.continued |= matches!(step, Step::Continued);
        let next = match step {
            Step::Checking { source } => {
                self.source = Some(source.clone());
                Phase::Checking
            }
            Step::Offered(offer) => {
                self.offer = Some(offer.clone());
                Phase::Offered
            }
            Step::Planned(totals) => {
                self.totals = Some(*totals);
                Phase::Planning
            }
            Step::Accepted => Phase::Planning,
            Step::Downloading | Step::Unpaused => Phase::Downloading,
            Step::Continued => self.before_drop.take().unwrap_or(Phase::Downloading),
            Step::Paused => Phase::Paused,
            Step::Interrupted { attempt, retry_in, reason } => {
                if !matches!(self.phase, Phase::Reconnecting { .. }) {
                    self.before_drop = Some(self.phase.clone());
                }
                Phase::Reconnecting { attempt: *attempt, retry_in: *retry_in, reason: reason.clone() }
            }
            Step::WaitingForHost { pid, holders } => {
                Phase::WaitingForHost { pid: *pid, holders: holders.clone() }
            }
            Step::Installing => Phase::Installing,
            Step::Installed(installed) => Phase::Done(installed.clone()),
            Step::UpToDate { installed } => Phase::UpToDate(installed.clone()),
            Step::RolledBack { from, to, reason } => {
                Phase::RolledBack { from: from.clone(), to: to.clone(), reason: reason.clone() }
            }
            Step::Failed { failure, installed, log, may_start, remedy } => Phase::Failed {
                failure: failure.clone(),
                installed: installed.clone(),
                log: log.clone(),
                may_start: *may_start,
                remedy: remedy.clone(),
            },
            Step::Declined { .. } | Step::Deferred { .. } | Step::Cancelled => Phase::Ended,
            Step::Started { .. } => {
                self.started = true;
                return;
            }
            Step::SourceUsed { source } => {
                self.source = Some(source.clone());
                return;
            }
            Step::Recovered { .. }
            | Step::MirrorLeft { .. }
            | Step::Staged
            | Step::Confirmed
            | Step::Message { .. } => {
                return;
            }
        };
        self.phase = next;
    }

    fn remember(&mut self, step: &Step) {
        if let Some(line) = super::text::sentence(step) {
            self.messages.push(line);
            if self.messages.len() > 200 {
                self.messages.remove(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_shows_and_clears() {
        let mut board = Board::default();
        board.apply(&Event::Step(Step::Downloading));
        let reason = "connection reset".to_owned();
        board.apply(&Event::Step(Step::Interrupted { attempt: 2, retry_in: 4, reason: reason.clone() }));
        assert_eq!(board.phase, Phase::Reconnecting { attempt: 2, retry_in: 4, reason });
        board.apply(&Event::Step(Step::Continued));
        assert_eq!((board.phase.clone(), board.continued), (Phase::Downloading, true));
        board.apply(&Event::Step(Step::SourceUsed { source: "http://other".to_owned() }));
        assert!(board.continued, "where bytes come from says nothing against their coming");
        board.apply(&Event::Step(Step::Staged));
        assert!(!board.continued);
    }

    #[test]
    fn the_details_say_where_bytes_came_from() {
        let mut board = Board::default();
        for source in ["http://one", "/media/stick/a.updraft"] {
            board.apply(&Event::Step(Step::SourceUsed { source: source.to_owned() }));
        }
        assert_eq!(board.source.as_deref(), Some("/media/stick/a.updraft"));
        assert_eq!(
            board.messages,
            ["Bytes come from http://one.", "Bytes come from /media/stick/a.updraft."]
        );
    }
}
