//! One request: ask, judge, take in bytes until they end, fail, or are enough.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::source::{Answer, Body, Bytes, Mirrors, RangeFrom, SourceError};

use super::TransferError;
use super::judge::{Ask, Fall, judge};
use super::object::Object;
use super::session::Session;
use super::writer::{FEW, Fed, QUEUE, Writer};

/// Bytes a second below which a mirror is left for another one.
const SLOW: u64 = 8 * 1024;

/// A slow mirror that is asked again now and then has so long to show that it is faster now.
const PROBE: Duration = Duration::from_secs(2);

impl Session<'_> {
    /// Asks `mirror` for what is missing in `run`. `Ok` means: bytes came and were taken in, look what is
    /// still missing.
    pub(super) async fn request(
        &self,
        object: &Arc<Object>,
        run: &Range<usize>,
        mirror: usize,
    ) -> Result<(), Fall> {
        let mut guard = None;
        let Some(mut bytes) = want(object, run, mirror)? else { return Ok(()) };
        let partial = |bytes: &Range<u64>| bytes.start > 0 || bytes.end < object.size;
        if partial(&bytes) && !self.mirrors.has_ranges(mirror) {
            // Such a mirror sends everything each time: one reader for all runs.
            guard = Some(object.sweep.lock().await);
            if want(object, run, mirror)?.is_none() {
                return Ok(());
            }
            bytes = 0..object.size;
        }
        let source = self.mirrors.source(mirror).describe();
        let etag = object.parts(|parts| Ok(parts.etag(&source))).map_err(Fall::Final)?;
        let ranged = partial(&bytes);
        let ask =
            Ask { tied: ranged && etag.is_some() && object.is_tied(), bytes, size: object.size, ranged };
        let began = Instant::now();
        let mut received = 0;
        let result = {
            let _open = Open::to(self.mirrors, mirror);
            self.converse(object, &ask, etag, mirror, &mut received).await
        };
        if result.is_err() {
            object.parts(|parts| parts.save()).map_err(Fall::Final)?;
        }
        drop(guard);
        self.flush_behind(object, received);
        let ms = began.elapsed().as_millis();
        let (from, end) = (ask.bytes.start, ask.bytes.end);
        match &result {
            Ok(()) => tracing::info!(%source, path = %object.path, from, end, received, ms, "ok"),
            Err(fall) => {
                tracing::info!(%source, path = %object.path, from, end, received, ms, verdict = ?fall, "failed");
            }
        }
        result
    }

    async fn converse(
        &self,
        object: &Arc<Object>,
        ask: &Ask,
        etag: Option<String>,
        mirror: usize,
        received: &mut u64,
    ) -> Result<(), Fall> {
        let range = ask.ranged.then(|| RangeFrom {
            offset: ask.bytes.start,
            end: Some(ask.bytes.end),
            etag: etag.filter(|_| ask.tied),
        });
        let asked = self.mirrors.source(mirror).get(&object.path, range);
        let silent = || Fall::from(SourceError::silent(self.options.idle));
        let answer: Answer =
            tokio::time::timeout(self.options.idle, asked).await.map_err(|_late| silent())??;
        let bytes = judge(&answer, ask)?;
        if ask.ranged {
            self.mirrors.honours_range(mirror);
        }
        let source = self.mirrors.source(mirror).describe();
        object
            .parts(|parts| {
                parts.connected(&source, answer.etag.clone());
                Ok(())
            })
            .map_err(Fall::Final)?;
        let mut taker = self.taker(object, mirror, &bytes).map_err(Fall::Final)?;
        let read = self.read(object, answer.body, bytes, mirror, &mut taker, received).await;
        // What was handed over is taken in whatever became of the connection.
        let fed = taker.end().await.map_err(Fall::Final)?;
        self.recount(object);
        for liar in object.parts(|parts| Ok(parts.take_liars())).map_err(Fall::Final)? {
            self.exposed(object, liar);
        }
        match fed {
            Fed::Good => read.inspect(|()| object.satisfied(mirror)),
            Fed::Bad { unclear: true } if object.may_restart() => Err(Fall::Restart),
            Fed::Bad { .. } => Err(Fall::Corrupt("it sends other bytes than were signed".to_owned())),
        }
    }

    async fn read(
        &self,
        object: &Object,
        mut body: Body,
        bytes: Range<u64>,
        mirror: usize,
        taker: &mut Taker,
        received: &mut u64,
    ) -> Result<(), Fall> {
        let mut at = bytes.start;
        let (began, was_slow) = (Instant::now(), self.mirrors.is_slow(mirror));
        let (mut window, mut in_window) = (Instant::now(), 0);
        while at < bytes.end {
            let mut chunk = match tokio::time::timeout(self.options.idle, body.next()).await {
                Err(_) => return Err(Fall::from(SourceError::silent(self.options.idle))),
                Ok(None) => return Err(Fall::transient(format!("the connection ended after {at} bytes"))),
                Ok(Some(chunk)) => chunk?,
            };
            // Whatever comes beyond the end is not looked at.
            chunk.truncate(usize::try_from(bytes.end - at).unwrap_or(usize::MAX));
            let size = chunk.len();
            *received += size as u64;
            self.arrived(object, mirror, size);
            if !taker.take(chunk).await.map_err(Fall::Final)? {
                return Ok(());
            }
            self.recount(object);
            at += size as u64;
            let slow = self.mirrors.flowed(mirror, size as u64);
            if slow && (!was_slow || began.elapsed() >= PROBE) && self.prefers_another(object, mirror) {
                return Err(Fall::Slow("another source is much faster".to_owned()));
            }
            if self.mirrors.wants_probe(|other| other != mirror && object.allows(other)) {
                return Err(Fall::Elsewhere);
            }
            in_window += size as u64;
            if window.elapsed() >= self.options.idle {
                if in_window < self.slow() && self.has_another(object, mirror) {
                    return Err(Fall::transient("it is too slow"));
                }
                (window, in_window) = (Instant::now(), 0);
            }
            self.limit.spend(size).await;
        }
        Ok(())
    }

    /// What takes in the bytes `bytes` of an object: this task if they are few, else a thread.
    fn taker(&self, object: &Arc<Object>, mirror: usize, bytes: &Range<u64>) -> Result<Taker, TransferError> {
        let writer = Writer::new(Arc::clone(object), mirror, bytes.start)?;
        if bytes.end - bytes.start <= FEW {
            return Ok(Taker::Here(writer, Fed::Good));
        }
        let (queue, chunks) = mpsc::channel(QUEUE);
        let work = self.start(move |_stop| writer.run(chunks));
        Ok(Taker::Beside(queue, work))
    }

    /// Fewer bytes than this within the idle limit are called slow; a bandwidth limit of our own lowers it.
    fn slow(&self) -> u64 {
        let share = self.options.limit_bytes_per_second.unwrap_or(u64::MAX) / 16;
        SLOW.min(share).saturating_mul(self.options.idle.as_secs())
    }
}

/// A request to a mirror, from its beginning to its end.
struct Open<'a>(&'a Mirrors, usize);

impl<'a> Open<'a> {
    fn to(mirrors: &'a Mirrors, mirror: usize) -> Self {
        mirrors.begins(mirror);
        Self(mirrors, mirror)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.ends(self.1);
    }
}

/// Takes in the bytes of one answer.
enum Taker {
    /// On this task.
    Here(Writer, Fed),
    /// On a thread, which has ended when its queue is closed.
    Beside(mpsc::Sender<Bytes>, JoinHandle<Result<Fed, TransferError>>),
}

impl Taker {
    /// Takes the next bytes in, or hands them over; false if no more are wanted.
    async fn take(&mut self, chunk: Bytes) -> Result<bool, TransferError> {
        match self {
            Self::Here(writer, fed) => {
                *fed = writer.feed(&chunk)?;
                Ok(*fed == Fed::Good)
            }
            Self::Beside(queue, _) => Ok(queue.send(chunk).await.is_ok()),
        }
    }

    /// Returns when all is taken in; says what it led to.
    async fn end(self) -> Result<Fed, TransferError> {
        match self {
            Self::Here(_, fed) => Ok(fed),
            Self::Beside(queue, work) => {
                drop(queue);
                work.await.map_err(|error| TransferError::Defect(error.to_string()))?
            }
        }
    }
}

fn want(object: &Object, run: &Range<usize>, mirror: usize) -> Result<Option<Range<u64>>, Fall> {
    object.parts(|parts| Ok(parts.want(run, mirror))).map_err(|error: TransferError| Fall::Final(error))
}
