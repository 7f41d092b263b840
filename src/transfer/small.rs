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
    let mut small = Small::new(mirrors, path, limit, patience, report);
    let end = small.end;
    let ended = tokio::select! {
        biased;
        () = control.cancelled() => return Err(TransferError::Cancelled),
        done = small.run(control) => Some(done),
        () = sleep_until(end) => None,
    };
    match ended {
        Some(done) => done,
        None => Err(small.unreachable()),
    }
}

async fn sleep_until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end.into()).await,
        None => std::future::pending().await,
    }
}

struct Small<'a> {
    mirrors: &'a Mirrors,
    path: &'a str,
    limit: u64,
    end: Option<Instant>,
    options: Options,
    report: &'a dyn Fn(Event),
    seen: Vec<Seen>,
    last: (String, String),
    lost: bool,
}

#[derive(Default, Clone, Copy)]
struct Seen {
    missing: bool,
    failed: bool,
    insecure: bool,
    odd: u32,
}

impl Seen {
    fn is_out(self) -> bool {
        self.missing || self.insecure || self.odd >= STRIKES
    }
}

impl<'a> Small<'a> {
    fn new(
        mirrors: &'a Mirrors,
        path: &'a str,
        limit: u64,
        patience: Patience,
        report: &'a dyn Fn(Event),
    ) -> Self {
        let end = match patience {
            Patience::Until(end) => Some(end),
            Patience::Endless => None,
        };
        let seen = vec![Seen::default(); mirrors.count()];
        let last = (mirrors.describe(), "nothing came in time".to_owned());
        let options = Options::default();
        Self { mirrors, path, limit, end, options, report, seen, last, lost: false }
    }

    async fn run(&mut self, control: &Control) -> Result<Option<Vec<u8>>, TransferError> {
        loop {
            // A mirror that is down must not keep us from going on with what the others say is not there.
            let missing = self.seen.iter().any(|seen| seen.missing);
            if missing && self.seen.iter().all(|seen| seen.missing || seen.failed) {
                self.is_back();
                return Ok(None);
            }
            match self.mirrors.choose(|mirror| self.seen.get(mirror).is_none_or(|seen| !seen.is_out())) {
                Choice::Nobody => return Err(self.verdict()),
                Choice::Wait { until, failures } => self.wait(until, failures, control).await?,
                Choice::Ask { mirror, falls } => match self.ask(mirror).await {
                    Ok(bytes) => return Ok(Some(bytes)),
                    Err(fall) => self.fell(mirror, falls, fall),
                },
            }
        }
    }

    async fn wait(&mut self, until: Instant, attempt: u32, control: &Control) -> Result<(), TransferError> {
        if self.end.is_some_and(|end| until >= end) {
            return Err(self.unreachable());
        }
        let wait = until.saturating_duration_since(Instant::now());
        let retry_in = wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX);
        (self.report)(Event::Step(Step::Interrupted { attempt, retry_in, reason: self.last.1.clone() }));
        self.lost = true;
        control.wait_to_retry(wait).await;
        if Instant::now() < until {
            self.mirrors.wake();
        }
        Ok(())
    }

    async fn ask(&mut self, mirror: usize) -> Result<Vec<u8>, Fall> {
        let began = Instant::now();
        let result = self.read(mirror).await;
        let (source, ms) = (self.mirrors.source(mirror).describe(), began.elapsed().as_millis());
        match &result {
            Ok(bytes) => tracing::info!(%source, path = %self.path, received = bytes.len(), ms, "ok"),
            Err(fall) => tracing::info!(%source, path = %self.path, ms, verdict = ?fall, "failed"),
        }
        result
    }

    async fn read(&mut self, mirror: usize) -> Result<Vec<u8>, Fall> {
        let idle: Duration = self.options.idle;
        let silent = || Fall::from(SourceError::silent(idle));
        let asked = self.mirrors.source(mirror).get(self.path, None);
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
        let too_long = || Fall::BadAnswer(format!("it sends more than {} bytes", self.limit));
        if answer.length.is_some_and(|length| length > self.limit) {
            return Err(too_long());
        }
        let (mut body, mut bytes) = (answer.body, Vec::new());
        while let Some(chunk) = tokio::time::timeout(idle, body.next()).await.map_err(|_late| silent())? {
            let chunk = chunk?;
            if bytes.len() as u64 + chunk.len() as u64 > self.limit {
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
            Fall::Transient { reason, retry_after } => {
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
            Fall::NoRange | Fall::Changed | Fall::Restart | Fall::Final(_) => return,
        };
        self.last = (self.mirrors.source(mirror).describe(), why);
        let rest = |failures| self.options.rest(failures).max(asked_to_wait);
        let news = self.mirrors.fell(mirror, falls, rest);
        let next = self.mirrors.choose(|mirror| self.seen.get(mirror).is_none_or(|seen| !seen.is_out()));
        if news && matches!(next, Choice::Ask { mirror: next, .. } if next != mirror) {
            let (source, reason) = self.last.clone();
            (self.report)(Event::Step(Step::MirrorLeft { source, reason }));
        }
    }

    fn verdict(&self) -> TransferError {
        let (source_name, why) = self.last.clone();
        if self.seen.iter().any(|seen| seen.insecure) {
            TransferError::Insecure { source_name, why }
        } else {
            TransferError::BadAnswer { source_name, path: self.path.to_owned(), why }
        }
    }

    fn unreachable(&self) -> TransferError {
        let (source_name, why) = self.last.clone();
        TransferError::Unreachable { source_name, why }
    }
}
