//! One request: ask, judge, take in bytes until they end, fail, or are enough.

use std::ops::Range;
use std::time::Instant;

use futures_util::StreamExt as _;

use crate::source::{Answer, Body, RangeFrom, SourceError};

use super::TransferError;
use super::judge::{Ask, Fall, judge};
use super::object::Object;
use super::parts::Fed;
use super::session::Session;

/// Bytes a second below which a mirror is left for another one.
const SLOW: u64 = 8 * 1024;

impl Session<'_> {
    /// Asks `mirror` for what is missing in `run`. `Ok` means: bytes came and were taken in, look what is
    /// still missing.
    pub(super) async fn request(
        &self,
        object: &Object,
        run: &Range<usize>,
        mirror: usize,
    ) -> Result<(), Fall> {
        let (mut run, mut guard) = (run.clone(), None);
        let Some(mut bytes) = want(object, &run)? else { return Ok(()) };
        let partial = |bytes: &Range<u64>| bytes.start > 0 || bytes.end < object.size;
        if partial(&bytes) && !self.mirrors.has_ranges(mirror) {
            // Such a mirror sends everything each time: one reader for all runs.
            guard = Some(object.sweep.lock().await);
            if want(object, &run)?.is_none() {
                return Ok(());
            }
            run = object.parts(|parts| Ok(0..parts.shape().digests.len())).map_err(Fall::Final)?;
            bytes = 0..object.size;
        }
        let source = self.mirrors.source(mirror).describe();
        let etag = object.parts(|parts| Ok(parts.etag(&source))).map_err(Fall::Final)?;
        let ranged = partial(&bytes);
        let ask =
            Ask { tied: ranged && etag.is_some() && object.is_tied(), bytes, size: object.size, ranged };
        let began = Instant::now();
        let mut received = 0;
        let result = self.converse(object, &ask, etag, mirror, &mut received).await;
        object
            .parts(|parts| {
                parts.disconnected(&run);
                if result.is_err() { parts.save() } else { Ok(()) }
            })
            .map_err(Fall::Final)?;
        drop(guard);
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
        object: &Object,
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
        let source = self.mirrors.source(mirror).describe();
        object
            .parts(|parts| {
                parts.connected(&source, answer.etag.clone());
                Ok(())
            })
            .map_err(Fall::Final)?;
        let mut body: Body = answer.body;
        let mut at = bytes.start;
        let (mut window, mut in_window) = (Instant::now(), 0);
        while at < bytes.end {
            let chunk = match tokio::time::timeout(self.options.idle, body.next()).await {
                Err(_) => return Err(silent()),
                Ok(None) => return Err(Fall::transient(format!("the connection ended after {at} bytes"))),
                Ok(Some(chunk)) => chunk?,
            };
            // Whatever comes beyond the end is not looked at.
            let room = usize::try_from(bytes.end - at).unwrap_or(usize::MAX);
            let chunk = &chunk[..chunk.len().min(room)];
            *received += chunk.len() as u64;
            self.arrived(object, mirror, chunk.len());
            self.take(object, at, chunk)?;
            at += chunk.len() as u64;
            in_window += chunk.len() as u64;
            if window.elapsed() >= self.options.idle {
                if in_window < self.slow() && self.has_another(object, mirror) {
                    return Err(Fall::transient("it is too slow"));
                }
                (window, in_window) = (Instant::now(), 0);
            }
            self.limit.spend(chunk.len()).await;
        }
        Ok(())
    }

    /// Fewer bytes than this within the idle limit are called slow; a bandwidth limit of our own lowers it.
    fn slow(&self) -> u64 {
        let share = self.options.limit_bytes_per_second.unwrap_or(u64::MAX) / 16;
        SLOW.min(share).saturating_mul(self.options.idle.as_secs())
    }

    /// Writes and checks bytes.
    fn take(&self, object: &Object, at: u64, chunk: &[u8]) -> Result<(), Fall> {
        let (fed, present) =
            object.parts(|parts| Ok((parts.feed(at, chunk)?, parts.present()))).map_err(Fall::Final)?;
        self.count(object, present);
        match fed {
            Fed::Good => Ok(()),
            Fed::Bad { mixed: true } if object.may_restart() => Err(Fall::Restart),
            Fed::Bad { .. } => Err(Fall::Corrupt("it sends other bytes than were signed".to_owned())),
        }
    }
}

fn want(object: &Object, run: &Range<usize>) -> Result<Option<Range<u64>>, Fall> {
    object.parts(|parts| Ok(parts.want(run))).map_err(|error: TransferError| Fall::Final(error))
}
