//! Small things by path: metadata and manifests. They are held in memory and verified by `trust`.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;

use crate::report::{Control, Event, Step};
use crate::source::{Choice, Mirrors, SourceError};

use super::judge::{self, Fall};
use super::{Options, Patience, TransferError};

/// Tries a mirror has to give an answer that can be used.
const STRIKES: u32 = 3;

/// Fetches what is at `path`, at most `limit` bytes. `None` means that it is not there: every mirror that
/// answers says so, and at least one does.
///
/// # Errors
/// If someone cancels, no mirror gives a usable answer, or the time is over.
pub async fn fetch_small(
    mirrors: &Mirrors,
    path: &str,
    limit: u64,
    patience: Patience,
    control: &Control,
    report: &dyn Fn(Event),
) -> Result<Option<Vec<u8>>, TransferError> {
    Reader::new(mirrors, patience, control, report).any(path, limit).await
}

/// What one mirror says when it is asked for a file of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The file.
    Found(Vec<u8>),
    /// It has no such file.
    Missing,
    /// The mirror that was asked before can't be reached: this is another one now, and the chain begins again.
    Moved,
}

/// Asks mirrors for small things that belong together and are verified by who asks. What one mirror says is
/// never mixed with what another says, and a mirror that was refused is not asked again.
pub struct Reader<'a> {
    mirrors: &'a Mirrors,
    end: Option<Instant>,
    options: Options,
    control: &'a Control,
    report: &'a dyn Fn(Event),
    seen: Vec<Seen>,
    /// The mirror whose word counts.
    current: Option<usize>,
    last: (String, String),
    lost: bool,
}

async fn sleep_until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end.into()).await,
        None => std::future::pending().await,
    }
}

#[derive(Default, Clone, Copy)]
struct Seen {
    missing: bool,
    failed: bool,
    insecure: bool,
    refused: bool,
    asked: bool,
    odd: u32,
}

impl Seen {
    fn is_out(self) -> bool {
        self.missing || self.insecure || self.refused || self.odd >= STRIKES
    }
}

impl<'a> Reader<'a> {
    /// A reader that has asked nobody.
    #[must_use]
    pub fn new(
        mirrors: &'a Mirrors,
        patience: Patience,
        control: &'a Control,
        report: &'a dyn Fn(Event),
    ) -> Self {
        let end = match patience {
            Patience::Until(end) => Some(end),
            Patience::Endless => None,
        };
        let seen = vec![Seen::default(); mirrors.count()];
        let last = (mirrors.describe(), "nothing came in time".to_owned());
        let options = Options::default();
        Self { mirrors, end, options, control, report, seen, current: None, last, lost: false }
    }

    /// Asks one mirror, the same each time as long as it can be reached: at most `limit` bytes of what is at
    /// `path`.
    ///
    /// # Errors
    /// If someone cancels, no mirror is left, or the time is over.
    pub async fn get(&mut self, path: &str, limit: u64) -> Result<Said, TransferError> {
        let (control, end) = (self.control, self.end);
        tokio::select! {
            biased;
            () = control.cancelled() => return Err(TransferError::Cancelled),
            done = self.ask_one(path, limit) => return done,
            () = sleep_until(end) => {}
        }
        Err(self.unreachable())
    }

    /// Asks one mirror after the other until one has what is at `path`. `None` as for [`fetch_small`].
    ///
    /// # Errors
    /// If someone cancels, no mirror gives a usable answer, or the time is over.
    pub async fn any(&mut self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, TransferError> {
        let (control, end) = (self.control, self.end);
        tokio::select! {
            biased;
            () = control.cancelled() => return Err(TransferError::Cancelled),
            done = self.ask_all(path, limit) => return done,
            () = sleep_until(end) => {}
        }
        Err(self.unreachable())
    }

    /// What the mirror said last was refused by who verifies it: it is out for this reader, and asked last from
    /// now on.
    pub fn refuse(&mut self, why: &str) {
        let Some(mirror) = self.current.take() else { return };
        if let Some(seen) = self.seen.get_mut(mirror) {
            (seen.refused, seen.failed) = (true, true);
        }
        self.last = (self.mirrors.source(mirror).describe(), why.to_owned());
        self.mirrors.lied(mirror);
        let (source, reason) = self.last.clone();
        tracing::warn!(%source, %reason, "refused");
        if self.has_another() {
            (self.report)(Event::Step(Step::MirrorLeft { source, reason }));
        }
    }

    /// Whether a mirror is left that was not refused.
    #[must_use]
    pub fn has_another(&self) -> bool {
        self.seen.iter().any(|seen| !seen.is_out())
    }

    /// The mirror that spoke last, as people call it.
    #[must_use]
    pub fn source(&self) -> String {
        self.current.map_or_else(|| self.last.0.clone(), |mirror| self.mirrors.source(mirror).describe())
    }

    async fn ask_one(&mut self, path: &str, limit: u64) -> Result<Said, TransferError> {
        loop {
            let before = self.current;
            let sticky = self.choose(|mirror| Some(mirror) == before);
            let choice = if matches!(sticky, Choice::Ask { .. }) { sticky } else { self.choose(|_| true) };
            match choice {
                Choice::Nobody => return Err(self.verdict(path)),
                Choice::Wait { until, failures } => self.wait(until, failures).await?,
                Choice::Ask { mirror, falls } => {
                    self.current = Some(mirror);
                    if before.is_some_and(|before| before != mirror) {
                        return Ok(Said::Moved);
                    }
                    match self.ask(mirror, path, limit).await {
                        Ok(bytes) => return Ok(Said::Found(bytes)),
                        Err(Fall::Missing(why)) => {
                            self.last = (self.mirrors.source(mirror).describe(), why);
                            self.is_back();
                            return Ok(Said::Missing);
                        }
                        Err(fall) => self.fell(mirror, falls, fall),
                    }
                }
            }
        }
    }

    async fn ask_all(&mut self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, TransferError> {
        loop {
            // A mirror that is down must not keep us from going on with what the others say is not there.
            let missing = self.seen.iter().any(|seen| seen.missing);
            if missing && self.seen.iter().all(|seen| seen.missing || seen.failed) {
                self.is_back();
                return Ok(None);
            }
            match self.choose(|_| true) {
                Choice::Nobody => return Err(self.verdict(path)),
                Choice::Wait { until, failures } => self.wait(until, failures).await?,
                Choice::Ask { mirror, falls } => {
                    self.current = Some(mirror);
                    match self.ask(mirror, path, limit).await {
                        Ok(bytes) => return Ok(Some(bytes)),
                        Err(fall) => self.fell(mirror, falls, fall),
                    }
                }
            }
        }
    }

    fn choose(&self, allowed: impl Fn(usize) -> bool) -> Choice {
        let open = |mirror: usize| self.seen.get(mirror).is_none_or(|seen| !seen.is_out());
        self.mirrors.choose(|mirror| open(mirror) && allowed(mirror))
    }

    async fn wait(&mut self, until: Instant, attempt: u32) -> Result<(), TransferError> {
        if self.end.is_some_and(|end| until >= end) {
            return Err(self.unreachable());
        }
        let wait = until.saturating_duration_since(Instant::now());
        let retry_in = wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX);
        (self.report)(Event::Step(Step::Interrupted { attempt, retry_in, reason: self.last.1.clone() }));
        self.lost = true;
        self.control.wait_to_retry(wait).await;
        if Instant::now() < until {
            self.mirrors.wake();
        }
        Ok(())
    }

    /// How long one mirror may be silent: where a time was set, mirrors nobody has asked yet get their share.
    fn patience(&self, mirror: usize) -> Duration {
        let Some(end) = self.end else { return self.options.idle };
        let fresh = |(at, seen): (usize, &Seen)| at != mirror && !seen.asked && !seen.is_out();
        let others = self.seen.iter().enumerate().filter(|seen| fresh((seen.0, seen.1))).count();
        let left = end.saturating_duration_since(Instant::now());
        (left / u32::try_from(others + 1).unwrap_or(u32::MAX)).min(self.options.idle)
    }

    async fn ask(&mut self, mirror: usize, path: &str, limit: u64) -> Result<Vec<u8>, Fall> {
        let began = Instant::now();
        let idle = self.patience(mirror);
        if let Some(seen) = self.seen.get_mut(mirror) {
            seen.asked = true;
        }
        let result = self.read(mirror, path, limit, idle).await;
        let (source, ms) = (self.mirrors.source(mirror).describe(), began.elapsed().as_millis());
        match &result {
            Ok(bytes) => tracing::info!(%source, %path, received = bytes.len(), ms, "ok"),
            Err(fall) => tracing::info!(%source, %path, ms, verdict = ?fall, "failed"),
        }
        result
    }

    async fn read(&mut self, mirror: usize, path: &str, limit: u64, idle: Duration) -> Result<Vec<u8>, Fall> {
        let silent = || Fall::from(SourceError::silent(idle));
        let asked = self.mirrors.source(mirror).get(path, None);
        let answer = tokio::time::timeout(idle, asked).await.map_err(|_late| silent())??;
        if let Some(fall) = judge::refused(&answer) {
            return Err(fall);
        }
        if answer.html {
            return Err(judge::page());
        }
        if answer.encoded || answer.status != 200 {
            return Err(Fall::BadAnswer("it sends something else than what was asked for".to_owned()));
        }
        let too_long = || Fall::BadAnswer(format!("it sends more than {limit} bytes"));
        if answer.length.is_some_and(|length| length > limit) {
            return Err(too_long());
        }
        let (mut body, mut bytes) = (answer.body, Vec::new());
        while let Some(chunk) = tokio::time::timeout(idle, body.next()).await.map_err(|_late| silent())? {
            let chunk = chunk?;
            if bytes.len() as u64 + chunk.len() as u64 > limit {
                return Err(too_long());
            }
            bytes.extend_from_slice(&chunk);
        }
        self.mirrors.gave(mirror);
        self.is_back();
        Ok(bytes)
    }

    /// Says that an interruption which was reported is over.
    fn is_back(&mut self) {
        if std::mem::take(&mut self.lost) {
            (self.report)(Event::Step(Step::Continued));
        }
    }

    fn fell(&mut self, mirror: usize, falls: u64, fall: Fall) {
        let Some(seen) = self.seen.get_mut(mirror) else { return };
        let mut asked_to_wait = Duration::ZERO;
        let why = match fall {
            Fall::Missing(why) => {
                seen.missing = true;
                self.last = (self.mirrors.source(mirror).describe(), why);
                return;
            }
            Fall::Transient { reason, retry_after, .. } => {
                seen.failed = true;
                asked_to_wait = retry_after.unwrap_or_default();
                reason
            }
            Fall::Insecure(why) => {
                (seen.failed, seen.insecure) = (true, true);
                why
            }
            Fall::BadAnswer(why) | Fall::Corrupt(why) => {
                (seen.failed, seen.odd) = (true, seen.odd + 1);
                why
            }
            Fall::Slow(_)
            | Fall::Elsewhere
            | Fall::NoRange
            | Fall::Changed
            | Fall::Restart
            | Fall::Final(_) => return,
        };
        self.last = (self.mirrors.source(mirror).describe(), why);
        let rest = |failures| self.options.rest(failures).max(asked_to_wait);
        let news = self.mirrors.fell(mirror, falls, rest);
        let next = self.choose(|_| true);
        if news && matches!(next, Choice::Ask { mirror: next, .. } if next != mirror) {
            let (source, reason) = self.last.clone();
            (self.report)(Event::Step(Step::MirrorLeft { source, reason }));
        }
    }

    fn verdict(&self, path: &str) -> TransferError {
        let (source_name, why) = self.last.clone();
        if self.seen.iter().any(|seen| seen.insecure) {
            TransferError::Insecure { source_name, why }
        } else {
            TransferError::BadAnswer { source_name, path: path.to_owned(), why }
        }
    }

    fn unreachable(&self) -> TransferError {
        let (source_name, why) = self.last.clone();
        TransferError::Unreachable { source_name, why }
    }
}
