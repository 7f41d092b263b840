//! A folder that is published by itself: one release for each burst of changes, once the folder has settled.
//!
//! The system's notices, or looking again and again, only say when to compare. Whether anything changed is decided
//! by content, as in every publish.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode};

use crate::fsx::{self, Absent as _};
use crate::platform;
use crate::release::{Stamp, Version};
use crate::report::Failure;

use super::exclude::Pattern;
use super::notices::{self, Calm};
use super::repository::{Repository, resolve};
use super::walk::{Tree, walk};
use super::{Order, Progress, PublishError, Report, VersionRule, publish};

/// How often the folder is looked at when the system tells of changes: what it may have missed is found then.
const SELDOM: Duration = Duration::from_secs(60);
/// How often it is looked at when the system tells nothing and nobody said how often.
const POLL: Duration = Duration::from_secs(5);
/// How often content is compared although nothing seems to have changed.
const COMPARE: Duration = Duration::from_secs(60 * 60);
/// The first and the longest wait after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// A folder to be published whenever it changes.
#[derive(Debug, Clone)]
pub struct Watch {
    /// How to publish; version and time are chosen anew for each release.
    pub order: Order,
    /// Where versions come from.
    pub version: VersionRule,
    /// How long nothing may change before the folder is published.
    pub settle: Duration,
    /// Look at the folder so often instead of being told by the system, as for a share.
    pub poll: Option<Duration>,
}

/// What a watch tells.
#[derive(Debug)]
pub enum Notice {
    /// It is at work.
    Began {
        /// How often it looks, if the system does not tell of changes.
        polling: Option<Duration>,
        /// Why the system does not, unless it was asked not to.
        why: Option<String>,
    },
    /// The folder would be published, but another program is writing to this file.
    BeingWritten(PathBuf),
    /// A release was made.
    Published(Box<Report>),
    /// Something is wrong. It is told once, and tried again until it works.
    Failed(Failure),
    /// What was wrong is right again.
    Mended,
}

/// The end of a channel on which a watch hears what to do.
#[derive(Debug)]
pub struct Bell {
    ring: Sender<Ring>,
    heard: Receiver<Ring>,
}

/// Ends a watch, from any thread.
#[derive(Debug, Clone)]
pub struct Stopper(Sender<Ring>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ring {
    Changed,
    Stop,
}

impl Bell {
    /// A bell, and the rope that ends the watch.
    #[must_use]
    pub fn new() -> (Self, Stopper) {
        let (ring, heard) = mpsc::channel();
        (Self { ring: ring.clone(), heard }, Stopper(ring))
    }
}

impl Stopper {
    /// Ends the watch, after the release it may be at work on.
    pub fn stop(&self) {
        // Nobody listens if the watch has ended already.
        self.0.send(Ring::Stop).ok();
    }
}

/// Publishes the folder whenever it has changed and settled, until it is stopped. What goes wrong is told and tried
/// again.
///
/// # Errors
/// If there is no repository.
pub fn watch(
    watch: &Watch,
    bell: &Bell,
    progress: Progress<'_>,
    tell: &mut dyn FnMut(Notice),
) -> Result<(), PublishError> {
    let repository = Repository::open(&watch.order.repository)?;
    if !repository.is_complete()? {
        return Err(repository.none());
    }
    let exclude = watch.order.exclude.iter().map(|text| Pattern::new(text)).collect();
    let now = Instant::now();
    let calm = Calm::new(watch.settle, now);
    let eyes = Eyes { folder: watch.order.folder.clone(), exclude, armed: None, ring: bell.ring.clone() };
    Watching { watch, eyes, calm, said: None, fails: 0, compared: now, waits_for: None, progress, tell }
        .run(bell);
    Ok(())
}

/// How the folder is looked at.
struct Eyes {
    folder: PathBuf,
    exclude: Vec<Pattern>,
    armed: Option<Armed>,
    ring: Sender<Ring>,
}

/// Told by the system of changes below one folder, or not, and why.
struct Armed {
    /// The folder's own identity; another folder of the same name must be armed anew.
    id: u64,
    notified: Option<RecommendedWatcher>,
}

struct Watching<'a> {
    watch: &'a Watch,
    eyes: Eyes,
    calm: Calm<Tree>,
    /// The failure that was told last, until it is mended.
    said: Option<String>,
    fails: u32,
    compared: Instant,
    waits_for: Option<PathBuf>,
    progress: Progress<'a>,
    tell: &'a mut dyn FnMut(Notice),
}

impl Watching<'_> {
    fn run(&mut self, bell: &Bell) {
        loop {
            self.look();
            if self.compared.elapsed() > COMPARE {
                self.calm.wanted = true;
            }
            if self.calm.is_due(Instant::now()) && !self.is_being_written() {
                self.publish();
            }
            let idle = match (&self.watch.poll, &self.eyes.armed) {
                (Some(often), _) => *often,
                (None, Some(Armed { notified: Some(_), .. })) => SELDOM,
                (None, _) => POLL,
            };
            let mut pause = self.calm.pause(Instant::now(), idle);
            loop {
                match bell.heard.recv_timeout(pause) {
                    Ok(Ring::Stop) => return,
                    Ok(Ring::Changed) => self.calm.stirred(Instant::now()),
                    // All that was told by now is one change.
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
                pause = Duration::ZERO;
            }
        }
    }

    fn look(&mut self) {
        match self.eyes.look(self.watch.poll) {
            Ok((tree, began)) => {
                if let Some(began) = began {
                    (self.tell)(began);
                }
                self.calm.saw(tree, Instant::now());
            }
            // Something went while the folder was read: it is changing.
            Err(PublishError::Fs(error)) if error.is_absent() && self.eyes.is_there() => {
                self.calm.stirred(Instant::now());
            }
            Err(error) => {
                self.calm.lost(Instant::now());
                self.fail(&error);
            }
        }
    }

    /// Whether another program still writes to a file, however slowly.
    fn is_being_written(&mut self) -> bool {
        let Some(tree) = &self.calm.seen else { return false };
        let files: Vec<PathBuf> = tree.files.iter().map(|file| file.native.clone()).collect();
        let folder = resolve(&self.eyes.folder).unwrap_or_else(|_gone| self.eyes.folder.clone());
        let written = platform::process::being_written(&folder, &files);
        let written = written.filter(|path| !is_left_out(&self.eyes.exclude, &folder, path));
        let now = Instant::now();
        if let Some(path) = &written {
            self.calm.not_before = now + (self.calm.settle / 4).clamp(Duration::from_millis(100), POLL);
            if self.waits_for.as_ref() != Some(path) {
                (self.tell)(Notice::BeingWritten(path.clone()));
            }
        }
        self.waits_for = written;
        self.waits_for.is_some()
    }

    fn publish(&mut self) {
        let now = Instant::now();
        match self.attempt() {
            Ok(report) => {
                (self.calm.wanted, self.fails, self.compared) = (false, 0, now);
                if self.said.take().is_some() {
                    (self.tell)(Notice::Mended);
                }
                if report.published {
                    (self.tell)(Notice::Published(Box::new(report)));
                }
            }
            Err(PublishError::Changing(_) | PublishError::TreeChanging(_)) => {
                self.calm.stirred(Instant::now());
            }
            Err(error) => {
                self.calm.not_before = Instant::now() + wait_after(self.fails);
                self.fails += 1;
                self.fail(&error);
            }
        }
    }

    fn attempt(&self) -> Result<Report, PublishError> {
        let (order, now) = (&self.watch.order, Stamp::now());
        let version = next_version(order, &self.watch.version, now)?;
        publish(&Order { version, now, ..order.clone() }, self.progress)
    }

    fn fail(&mut self, error: &PublishError) {
        let failure = Failure::of(error);
        let text = failure.to_string();
        if self.said.as_ref() != Some(&text) {
            self.said = Some(text);
            (self.tell)(Notice::Failed(failure));
        }
    }
}

/// The version that `rule` gives the next release of `order`, whose own version does not count.
///
/// # Errors
/// If the repository can't be read, or the rule leads to no version.
pub fn next_version(order: &Order, rule: &VersionRule, now: Stamp) -> Result<Version, PublishError> {
    let repository = Repository::open(&order.repository)?;
    let state = repository.state()?.ok_or_else(|| repository.none())?;
    let ours = |release: &&crate::trust::ReleaseTarget| {
        release.channel == order.channel && release.platform == order.platform
    };
    let newest_first = state.releases().iter().rev().filter(ours);
    let used: Vec<Version> = newest_first.map(|release| release.summary.version.clone()).collect();
    rule.next(&order.folder, &used, now)
}

/// Longer after each failure, so that a full disk is not hammered.
fn wait_after(fails: u32) -> Duration {
    let (first, longest) = RETRY;
    first.saturating_mul(1 << fails.min(10)).min(longest)
}

impl Eyes {
    /// Reads the tree; first makes sure that the system tells of changes, and says so if that is new.
    fn look(&mut self, poll: Option<Duration>) -> Result<(Tree, Option<Notice>), PublishError> {
        let Some(metadata) = fsx::stat_follow(&self.folder).if_present()? else {
            self.armed = None;
            return Err(PublishError::NotAFolder(self.folder.clone()));
        };
        if !metadata.is_dir() {
            return Err(PublishError::NotAFolder(self.folder.clone()));
        }
        let id = platform::file::change_mark(&metadata).id;
        let mut began = None;
        if self.armed.as_ref().is_none_or(|armed| armed.id != id) {
            let (notified, why) = match poll {
                Some(_) => (None, None),
                None => match self.arm() {
                    Ok(notified) => (Some(notified), None),
                    Err(error) => (None, Some(error.to_string())),
                },
            };
            let polling = notified.is_none().then(|| poll.unwrap_or(POLL));
            began = Some(Notice::Began { polling, why });
            self.armed = Some(Armed { id, notified });
        }
        let folder = fsx::canonical(&self.folder)?;
        Ok((walk(&folder, &self.exclude)?, began))
    }

    fn arm(&self) -> notify::Result<RecommendedWatcher> {
        let folder =
            fsx::canonical(&self.folder).map_err(|error| notify::Error::generic(&error.to_string()))?;
        let (ring, exclude, root) = (self.ring.clone(), self.exclude.clone(), folder.clone());
        let matters = move |path: &Path| !is_left_out(&exclude, &root, path);
        let ring = move || {
            // Nobody listens once the watch has ended.
            ring.send(Ring::Changed).ok();
        };
        notices::listen(&folder, RecursiveMode::Recursive, matters, ring)
    }

    fn is_there(&self) -> bool {
        fsx::stat_follow(&self.folder).is_ok_and(|metadata| metadata.is_dir())
    }
}

/// Whether a path below `root`, or a folder above it, matches a pattern of files that are not published.
fn is_left_out(exclude: &[Pattern], root: &Path, path: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(root) else { return false };
    let text = inside.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
    let ends = text.match_indices('/').map(|(at, _)| at).chain([text.len()]);
    ends.into_iter().any(|end| exclude.iter().any(|pattern| pattern.matches(&text[..end])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_tried_again_later_and_later() {
        let waits: Vec<u64> = (0..6).map(|fails| wait_after(fails).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
        assert_eq!(wait_after(u32::MAX), RETRY.1);
    }

    #[test]
    fn what_is_not_published_is_no_change() {
        let patterns = [Pattern::new("*.log"), Pattern::new("/cache")];
        let left_out = |path: &str| is_left_out(&patterns, Path::new("/b"), &Path::new("/b").join(path));
        assert!(left_out("a/x.log") && left_out("cache/deep/x") && left_out("x.log/inner"));
        assert!(!left_out("a/cache/x") && !left_out("app"));
    }
}
