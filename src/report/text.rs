//! Events as lines of text and a progress bar, for a terminal or a log.

use std::io::Write;

use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Event, Progress, ProgressPhase, Reporter, Step};

/// Shows an update on a terminal: one line a step on `out`, and a bar on standard error when that is a
/// terminal.
pub struct Text<W> {
    out: W,
    bar: ProgressBar,
}

impl<W: Write + Send> Text<W> {
    /// Writes lines to `out`; draws no bar.
    pub fn plain(out: W) -> Self {
        Self { out, bar: ProgressBar::hidden() }
    }

    /// Writes lines to `out` and draws a bar on standard error if that is a terminal.
    pub fn with_bar(out: W) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        Self { out, bar }
    }

    fn draw(&self, progress: &Progress) {
        let form = match progress.phase {
            ProgressPhase::Install => "{bar:30} {pos}/{len} {wide_msg}",
            ProgressPhase::Scan | ProgressPhase::Download | ProgressPhase::Stage => {
                "{bar:30} {percent:>3}% {bytes}/{total_bytes} {wide_msg}"
            }
        };
        if let Ok(style) = ProgressStyle::with_template(form) {
            self.bar.set_style(style);
        }
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
        let file = progress.file.as_ref().map(ToString::to_string).unwrap_or_default();
        let speed =
            if progress.speed > 0 { format!("{}/s ", DecimalBytes(progress.speed)) } else { String::new() };
        let left = progress.seconds_left.map(|left| format!("{left} s left ")).unwrap_or_default();
        self.bar
            .set_message(format!("{speed}{left}{file} ({}/{})", progress.file_index, progress.file_count));
    }
}

impl<W: Write + Send> Reporter for Text<W> {
    fn report(&mut self, event: &Event) {
        match event {
            Event::Progress(progress) => self.draw(progress),
            Event::Step(step) => {
                // Who runs us shows the failure itself, once, where errors belong.
                let is_failure = matches!(step, Step::Failed { .. });
                if let Some(line) = sentence(step).filter(|_| !is_failure) {
                    let out = &mut self.out;
                    // A closed terminal must not end an update.
                    self.bar.suspend(|| writeln!(out, "{line}").and_then(|()| out.flush()).ok());
                }
                if matches!(step, Step::Installed(_) | Step::Failed { .. } | Step::Cancelled) {
                    self.bar.finish_and_clear();
                }
            }
        }
    }
}

/// A step as one English sentence; nothing for steps that say nothing to a person.
pub(super) fn sentence(step: &Step) -> Option<String> {
    Some(match step {
        Step::Recovered { forward: true } => "An interrupted update was found and completed.".to_owned(),
        Step::Recovered { forward: false } => "An interrupted update was found and undone.".to_owned(),
        Step::Checking { source } => format!("Checking {source} for updates."),
        Step::SourceUsed { source } => format!("Bytes come from {source}."),
        Step::UpToDate { installed } => match &installed.version {
            Some(version) => format!("Up to date: {version} is the newest version."),
            None => "The repository has no release for this install.".to_owned(),
        },
        Step::Offered(offer) => {
            let version = offer.release.version.as_ref().map(ToString::to_string).unwrap_or_default();
            let bytes = DecimalBytes(offer.download_bytes);
            format!("Version {version} is available, {bytes} to download at most.")
        }
        Step::Planned(t) => format!(
            "{} to add, {} to update, {} to remove, {} to keep; {} to fetch in {} files.",
            t.add,
            t.update,
            t.remove,
            t.keep,
            DecimalBytes(t.fetch_bytes),
            t.fetch_files
        ),
        Step::Downloading => "Downloading.".to_owned(),
        Step::Interrupted { attempt, retry_in, reason } => {
            format!("Connection lost ({reason}). Attempt {attempt}, next try in {retry_in} s.")
        }
        Step::MirrorLeft { source, reason } => format!("Left {source}: {reason}."),
        Step::Continued => "Connected again, continuing.".to_owned(),
        Step::Paused => "Paused.".to_owned(),
        Step::Unpaused => "Going on.".to_owned(),
        Step::Staged => "Everything is downloaded and verified.".to_owned(),
        Step::WaitingForHost { pid, holders } if holders.is_empty() => {
            format!("Waiting for the program to close (process {pid}).")
        }
        Step::WaitingForHost { holders, .. } => {
            format!("Waiting for these to close: {}.", super::name_all(holders))
        }
        Step::Deferred { release } => {
            let version = release.version.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("Put off: {version} is installed at the next start of the updater.")
        }
        Step::Installing => "Installing.".to_owned(),
        Step::Installed(done) => {
            let version = done.to.version.as_ref().map(ToString::to_string).unwrap_or_default();
            let t = done.totals;
            format!("{version} is installed: {} added, {} updated, {} removed.", t.add, t.update, t.remove)
        }
        Step::Started { program, pid } => format!("Started {} (process {pid}).", program.display()),
        Step::Confirmed => "The new version runs.".to_owned(),
        Step::RolledBack { from, to, reason } => {
            let name = |r: &super::ReleaseRef| {
                r.version.as_ref().map_or_else(|| r.number.to_string(), ToString::to_string)
            };
            if reason.is_empty() {
                return Some(format!(
                    "{} is back; {} will not be offered again by itself.",
                    name(to),
                    name(from)
                ));
            }
            format!("{} did not live ({reason}); {} is back.", name(from), name(to))
        }
        Step::Declined { skip: true } => "Skipped this version.".to_owned(),
        Step::Declined { skip: false } => "Postponed.".to_owned(),
        Step::Cancelled => "Cancelled, nothing was changed.".to_owned(),
        Step::Failed { failure, .. } => format!("Failed: {failure}"),
        Step::Message { text } => text.clone(),
        Step::Accepted => return None,
    })
}
